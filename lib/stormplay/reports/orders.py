"""Which reports are wanted: each one notebook, company and storm with its parameters, checked before anything runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from stormplay import parameters, tenancy
from stormplay.errors import BadInput, UnknownTenant
from stormplay.parameters import Parameter, Scalar
from stormplay.reports import destinations
from stormplay.reports.destinations import Destination


@dataclass(frozen=True)
class Company:
    """A company by its names, and whether its homes are made up."""

    slug: str
    tenant_id: str
    name: str
    is_synthetic: bool


@dataclass(frozen=True)
class Storm:
    """A storm of a company by its names."""

    slug: str
    storm_id: str
    name: str


@dataclass(frozen=True)
class Order:
    """One report that is wanted.

    Attributes:
        notebook: Its path.
        tenant, tenant_id, storm, storm_id: For whom and about what: slugs and ids.
        values: All parameters that the notebook is given.
        out: Where it is published.
        person: Whose rights the run has.
        company, storm_name: For whom and about what, in words.
        is_synthetic: Whether the company's homes, owners and outcomes are made up.
    """

    notebook: Path
    tenant: str
    tenant_id: str
    storm: str
    storm_id: str
    values: Mapping[str, Scalar]
    out: Destination
    person: str
    company: str = ""
    storm_name: str = ""
    is_synthetic: bool = False

    @property
    def name(self) -> str:
        """What its files are named after."""
        return "-".join(_plain(part) for part in (self.notebook.stem, self.tenant, self.storm))


def orders(
    notebooks: Sequence[Path],
    given: Mapping[str, object],
    out: Path | str,
    person: str,
    *,
    tenants: Iterable[str] | None = None,
    storms: Iterable[str] | None = None,
    is_open: bool = False,
) -> list[Order]:
    """What is wanted, as one report each. Asks as the person, through the login of this process.

    Args:
        notebooks: Which.
        given: Parameters beside tenant and storm, for all of them.
        out: The folder for the reports, or its address.
        person: Whose rights the runs have.
        tenants: Slugs or ids; None: all companies that are open to the person.
        storms: Slugs, ids or 'newest', of which each company has to have each; None: all that it has.
        is_open: Of all, those alone that are not closed; there may be none.

    Raises:
        BadInput: An unknown name, a value of another type, an unknown company or storm, or nothing to make.
    """
    checked = {path: _values(path, given) for path in notebooks}
    if any(set(values) & {"tenant", "storm"} for values in checked.values()):
        raise BadInput("'tenant' and 'storm' are chosen by --tenant and --storm.")
    place = destinations.at(out)
    subjects = [(company, storm) for company in _companies(tenants) for storm in _storms(company.slug, storms, is_open)]
    found = [
        Order(
            path, one.slug, one.tenant_id, storm.slug, storm.storm_id,
            values | {"tenant": one.slug, "storm": storm.slug}, place, person,
            one.name, storm.name, one.is_synthetic,
        )
        for one, storm in subjects
        for path, values in checked.items()
    ]  # fmt: skip
    if not (found or is_open):
        raise BadInput("There is nothing to report on: no company that is open to this person has a storm.")
    return found


def again(
    notebook: Path,
    tenant: tuple[str, str],
    storm: tuple[str, str],
    before: Mapping[str, object],
    out: Path,
    person: str,
) -> Order:
    """The order for a report that was made before, with the parameters of then. Asks nobody.

    Args:
        notebook: Its path.
        tenant, storm: Slug and id; the caller knows that they belong together.
        before: The parameters of then.
        out: The folder that it is published in.
        person: Whose rights the run has.

    Raises:
        BadInput: There is no such notebook, or it takes other parameters now.
    """
    rest = {name: value for name, value in before.items() if name not in {"tenant", "storm", "interactive"}}
    values = _values(notebook, rest) | {"tenant": tenant[0], "storm": storm[0]}
    return Order(notebook, *tenant, *storm, values, destinations.at(out), person)


def subject_of(notebook: Path, known: Mapping[str, Parameter]) -> tuple[str, str]:
    """The parameters that say what a report is about.

    Raises:
        BadInput: The notebook does not have both.
    """
    if missing := {"tenant", "storm"} - set(known):
        raise BadInput(f"{notebook.name} has no parameter '{min(missing)}', and a report is about a company's storm.")
    return "tenant", "storm"


def _values(notebook: Path, given: Mapping[str, object]) -> dict[str, Scalar]:
    known = parameters.contract(notebook)
    subject_of(notebook, known)
    values = parameters.check(known, given)
    if "interactive" in known:
        values["interactive"] = False
    return values


def _companies(wanted: Iterable[str] | None) -> list[Company]:
    open_ones = [
        Company(str(row["slug"]), str(row["tenant_id"]), str(row["org_name"]), bool(row["is_synthetic"]))
        for row in tenancy.my_tenants().to_dict("records")
    ]
    if wanted is None:
        return sorted(open_ones, key=lambda one: one.slug)
    by_name = {name: one for one in open_ones for name in (one.slug, one.tenant_id)}
    found = []
    for one in dict.fromkeys(wanted):
        company = by_name.get(str(tenancy.as_uuid(one) or one))
        if company is None:
            with tenancy.session(one):  # says which there are
                raise UnknownTenant(f"There is no tenant '{one}' open to you.")
        found.append(company)
    return found


def _storms(tenant: str, wanted: Iterable[str] | None, is_open: bool) -> list[Storm]:
    """Oldest first, or as they are wanted."""
    with tenancy.session(tenant) as connection:
        query = (
            "SELECT slug, storm_id, name FROM storms WHERE NOT :is_open OR status <> 'closed' ORDER BY event_date, slug"
        )
        known = connection.execute(text(query), {"is_open": is_open and wanted is None})
        every = [Storm(str(slug), str(storm_id), str(name)) for slug, storm_id, name in known]
        if wanted is None:
            return every
        by_id = {storm.storm_id: storm for storm in every}
        return [by_id[tenancy.storm_id(connection, one)] for one in dict.fromkeys(wanted)]


def _plain(text: str) -> str:
    """Text that is a part of a file's name and nothing else, whatever was given."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._")
    if not name:
        raise BadInput(f"'{text}' cannot be part of a file's name.")
    return name[:80]
