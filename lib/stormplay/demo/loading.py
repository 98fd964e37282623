"""Put the demo into a database through the product's own door, one transaction a tenant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from time import perf_counter

import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from stormplay import accounts, broker, database, quality, registry, tenancy
from stormplay.demo.build import TenantDemo, build
from stormplay.demo.cast import COMPANIES, PASSWORD, PEOPLE, SEED, STORMS, Company
from stormplay.demo.decisions import MODEL_VERSION
from stormplay.errors import BadInput, Conflict, NotAllowed

Progress = Callable[[str, float], None]

PARTS = 4  # a large table goes in so many pieces, so that the bar moves


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
            rows = _load_tenants(missing, seed, progress or (lambda _what, _share: None))
        _tell_the_planner()
    already = tuple(company.slug for company in companies if company.slug not in rows)
    return Loaded(rows, already, perf_counter() - start)


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


def _load_tenants(companies: Sequence[Company], seed: int, report: Progress) -> dict[str, dict[str, int]]:
    report("Building homes and storms", 0.0)
    tenants = build(seed, companies).tenants.values()
    total = sum(tenant.size for tenant in tenants)
    done, rows = 0, {}
    for tenant in tenants:
        rows[tenant.company.slug] = _load_tenant(tenant, _scaled(report, done / total, tenant.size / total))
        done += tenant.size
    report("Demo ready", 1.0)
    return rows


def _scaled(report: Progress, begin: float, width: float) -> Progress:
    return lambda what, share: report(what, begin + width * share)


def _load_tenant(tenant: TenantDemo, report: Progress) -> dict[str, int]:
    """Insert a tenant's rows in one transaction: table to number of rows."""
    try:
        with tenancy.session(tenant.company.slug) as connection:
            tenancy.because(connection, "Demo loaded")
            return _insert_all(connection, tenant, report)
    except Exception as error:
        # Two loads at once meet at the unique slug of the first storm.
        if not _is_duplicate(error):
            raise
        raise Conflict(
            f"The demo of {tenant.company.slug} could not be loaded: somebody else seems to be loading it.",
            remedy="Nothing of it was kept here; wait a moment and try again.",
        ) from None


def _is_duplicate(error: Exception) -> bool:
    """Whether the database refused a second row of one key; bulk inserts raise the driver's own error."""
    return getattr(getattr(error, "orig", error), "pgcode", None) == "23505"


def _insert_all(connection: Connection, tenant: TenantDemo, report: Progress) -> dict[str, int]:
    counts = dict.fromkeys(tenant.tables, 0)
    ids: dict[str, str] = {}
    for table, rows in tenant.tables.items():
        named = _with_storm_id(rows, ids)
        step = max(2_000, -(-len(named) // PARTS))
        for start in range(0, len(named), step):
            report(f"{tenant.company.org_name}: {table.replace('_', ' ')}", sum(counts.values()) / tenant.size)
            counts[table] += tenancy.insert(connection, table, named.iloc[start : start + step])
        if table == "storms":
            ids = {slug: tenancy.storm_id(connection, slug) for slug in rows["slug"]}
    report(f"{tenant.company.org_name}: who is who", 1.0)
    from stormplay import identity  # noqa: PLC0415 - two seconds, which a server whose demo is loaded need not wait
    from stormplay.demo import doubts  # noqa: PLC0415

    identity.absorb_some(connection)
    doubts.propose(connection, tenant.tables["properties"])
    _say_where_numbers_are_from(connection)
    for slug in tenant.planted["storm"]:  # the decided ones
        report(f"{tenant.company.org_name}: data quality", 1.0)
        quality.run_in(connection, ids[slug])
    return counts


def _say_where_numbers_are_from(connection: Connection) -> None:
    """The uplift of the demo comes from no model, and its card says so."""
    registry.register(
        connection,
        "demo-planted",
        None,
        purpose="The demo's own numbers: the planted effect with noise, as a model might have estimated it",
        code_version=registry.code_version("stormplay.demo"),
        model_version=MODEL_VERSION,
        note="planted with the demo data, no artifact",
        alias=None,
    )


def _with_storm_id(rows: pd.DataFrame, ids: Mapping[str, str]) -> pd.DataFrame:
    """The database makes a storm's id; the demo knows its slug."""
    if "storm" not in rows.columns:
        return rows
    return rows.drop(columns="storm").assign(storm_id=rows["storm"].map(ids))
