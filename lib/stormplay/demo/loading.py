"""Put the demo into a database through the product's own door, one transaction a tenant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from stormplay import accounts, broker, database, tenancy
from stormplay.demo.cast import COMPANIES, PASSWORD, PEOPLE, SEED, STORMS, Company
from stormplay.errors import BadInput, NotAllowed

_PLANS = {"lone-star": "crew"}  # the others have the smallest

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Loaded:
    """What a load did.

    Attributes:
        rows: Per tenant that was loaded, table to number of rows.
        already: Slugs of the tenants that had the demo before.
        seconds: How long it took.
    """

    rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    already: tuple[str, ...] = ()
    seconds: float = 0.0

    def __str__(self) -> str:
        if not self.rows:
            return "The demo is there already; nothing was loaded."
        homes = ", ".join(f"{slug} {tables['properties']:,} homes" for slug, tables in self.rows.items())
        kept = f" {', '.join(self.already)} had it already." if self.already else ""
        return f"Demo loaded in {self.seconds:.1f} s: {homes} (synthetic; the hail reports are real).{kept}"


def load(progress: Progress | None = None, *, seed: int = SEED, companies: Sequence[Company] = COMPANIES) -> Loaded:
    """Load the demo's tenants and people where they are missing. Safe to repeat: a tenant that has it is left alone.

    Args:
        progress: Called with what is being done and the share done, 0 to 1; not at all where nothing is to do.
        seed: Of the synthetic rows.
        companies: The tenants to make.

    Returns:
        What was loaded; as text, one sentence.

    Raises:
        BadInput: A tenant of a demo's name exists and is not synthetic; it is not touched.
        NotAllowed: The database's address is not its administrator's.
        Conflict: Somebody else is loading the demo at this moment.
        DatabaseUnavailable: Nothing answers.
    """
    start = perf_counter()
    _add_tenants(companies)
    with _as_local():
        missing = [company for company in companies if not _is_loaded(company)]
    rows: dict[str, dict[str, int]] = {}
    if missing:
        # Before the rows: a load that fails halfway must not leave tenants without people.
        _add_people()
        with _as_local():
            from stormplay.demo.filling import fill  # noqa: PLC0415 - three seconds, which most starts need not wait

            rows = fill(missing, seed, progress or (lambda _what, _share: None))
        _give_plans(missing)
        _tell_the_planner()
    already = tuple(company.slug for company in companies if company.slug not in rows)
    return Loaded(rows, already, perf_counter() - start)


def _give_plans(companies: Sequence[Company]) -> None:
    """A plan each from this month on, so that there is a bill to look at; whoever has one keeps it."""
    from stormplay.billing import subscribing  # noqa: PLC0415

    for company in companies:
        if not subscribing.has_plan(company.slug):
            plan = _PLANS.get(company.slug, "starter")
            subscribing.subscribe(company.slug, plan, datetime.now(UTC).date().replace(day=1))


def _tell_the_planner() -> None:
    """Gather statistics now: until autovacuum comes by, every plan would be made for empty tables."""
    with database.transaction(database.admin_url()) as connection:
        connection.execute(text("ANALYZE"))


def _add_tenants(companies: Sequence[Company]) -> None:
    try:
        for company in companies:
            accounts.add_tenant(company.slug, company.org_name, is_synthetic=True, depot=company.depot)
    except DBAPIError as error:
        if database.sqlstate(error) != "42501":
            raise
        raise NotAllowed(
            "The demo cannot be loaded with this database login.",
            "Tenants are made by the database's administrator.",
            "Run 'stormplay demo' in a terminal, or ask your administrator.",
        ) from None


def _add_people() -> None:
    """Make the demo's accounts; an account that is there already keeps its password and its tenants."""
    with database.transaction(database.admin_url()) as connection:
        there = set(connection.execute(text("SELECT username FROM sec.person")).scalars())
    for person in PEOPLE:
        if person.username not in there:
            accounts.add_person(person.username, person.shown, PASSWORD)
            for slug in person.tenants:
                accounts.add_member(person.username, slug, person.role)


def _as_local() -> AbstractContextManager[None]:
    """Ask as the local person. The embedded database does so by itself; elsewhere a login is minted for a while."""
    return nullcontext() if database.is_embedded() else tenancy.as_person(broker.LOCAL, "demo", ttl_s=600)


def _is_loaded(company: Company) -> bool:
    """Whether a tenant has the demo's storms.

    Raises:
        BadInput: The tenant is a real one.
    """
    with tenancy.session(company.slug) as connection:
        if not connection.execute(text("SELECT is_synthetic FROM tenants")).scalar_one():
            raise BadInput(
                f"The tenant '{company.slug}' exists and is a real one.",
                "The demo is loaded into synthetic tenants alone.",
                "Use another database for the demo.",
            )
        have = connection.execute(text("SELECT slug FROM storms")).scalars().all()
        return bool({storm.slug for storm in STORMS} & set(have))
