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


@dataclass(frozen=True)
class Order:
    """One report that is wanted.

    Attributes:
        notebook: Its path.
        tenant, tenant_id, storm, storm_id: For whom and about what: slugs and ids.
        values: All parameters that the notebook is given.
        out: The folder that it is published in.
        person: Whose rights the run has.
    """

    notebook: Path
    tenant: str
    tenant_id: str
    storm: str
    storm_id: str
    values: Mapping[str, Scalar]
    out: Path
    person: str

    @property
    def name(self) -> str:
        """What its files are named after."""
        return "-".join(_plain(part) for part in (self.notebook.stem, self.tenant, self.storm))


def orders(
    notebooks: Sequence[Path],
    given: Mapping[str, object],
    out: Path,
    person: str,
    *,
    tenants: Iterable[str] | None = None,
    storms: Iterable[str] | None = None,
) -> list[Order]:
    """What is wanted, as one report each. Asks as the person, through the login of this process.

    Args:
        notebooks: Which.
        given: Parameters beside tenant and storm, for all of them.
        out: The folder for the reports.
        person: Whose rights the runs have.
        tenants: Slugs or ids; None: all companies that are open to the person.
        storms: Slugs or ids, of which each company has to have each; None: all that it has.

    Raises:
        BadInput: An unknown name, a value of another type, an unknown company or storm, or nothing to make.
    """
    checked = {path: _values(path, given) for path in notebooks}
    if any(set(values) & {"tenant", "storm"} for values in checked.values()):
        raise BadInput("'tenant' and 'storm' are chosen by --tenant and --storm.")
    subjects = [(company, storm) for company in _companies(tenants) for storm in _storms(company[0], storms)]
    found = [
        Order(path, tenant, tenant_id, storm, storm_id, values | {"tenant": tenant, "storm": storm}, out, person)
        for (tenant, tenant_id), (storm, storm_id) in subjects
        for path, values in checked.items()
    ]
    if not found:
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
    return Order(notebook, *tenant, *storm, values, out, person)


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


def _companies(wanted: Iterable[str] | None) -> list[tuple[str, str]]:
    """Slug and id of each."""
    open_ones = [(str(row["slug"]), str(row["tenant_id"])) for row in tenancy.my_tenants().to_dict("records")]
    if wanted is None:
        return sorted(open_ones)
    by_name = {name: company for company in open_ones for name in company}
    found = []
    for one in dict.fromkeys(wanted):
        company = by_name.get(str(tenancy.as_uuid(one) or one))
        if company is None:
            with tenancy.session(one):  # says which there are
                raise UnknownTenant(f"There is no tenant '{one}' open to you.")
        found.append(company)
    return found


def _storms(tenant: str, wanted: Iterable[str] | None) -> list[tuple[str, str]]:
    """Slug and id of each, oldest first."""
    with tenancy.session(tenant) as connection:
        query = "SELECT slug, storm_id FROM storms ORDER BY event_date, slug"
        every = [(str(slug), str(storm_id)) for slug, storm_id in connection.execute(text(query))]
        if wanted is None:
            return every
        by_id = {storm_id: slug for slug, storm_id in every}
        ids = [tenancy.storm_id(connection, one) for one in dict.fromkeys(wanted)]
        return [(by_id[one], one) for one in ids]


def _plain(text: str) -> str:
    """Text that is a part of a file's name and nothing else, whatever was given."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._")
    if not name:
        raise BadInput(f"'{text}' cannot be part of a file's name.")
    return name[:80]
