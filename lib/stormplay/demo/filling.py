"""Make the demo's rows and insert them. Apart from `loading`: a server whose demo is there does not import this."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
from sqlalchemy.engine import Connection

from stormplay import identity, quality, registry, tenancy
from stormplay.demo import doubts
from stormplay.demo.building import TenantDemo, build
from stormplay.demo.cast import Company
from stormplay.demo.decisions import MODEL_VERSION
from stormplay.errors import Conflict

Progress = Callable[[str, float], None]

PARTS = 4  # a large table goes in so many pieces, so that the bar moves


def fill(companies: Sequence[Company], seed: int, report: Progress) -> dict[str, dict[str, int]]:
    """Make the companies' rows and insert them, one transaction a tenant: slug to table to number of rows.

    Raises:
        Conflict: Somebody else is loading the demo at this moment.
    """
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
