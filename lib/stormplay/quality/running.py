"""The checks of one storm, run and kept."""

from __future__ import annotations

from time import perf_counter
from uuid import UUID

import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.quality import addresses, decisions, work
from stormplay.quality.checks import Check

QUICK_S = 1.0
"""Checks that took no longer are asked again by whoever changes much of what they are about."""
SINCE = {"plan": "routes were planned", "decisions": "it was decided anew whom to visit"}
"""What may have happened since a run, in words, by what `since_sql` gives."""
CHECKS: dict[str, Check] = {**addresses.CHECKS, **decisions.CHECKS, **work.CHECKS}
"""Every check by name, in the order of a page."""

_NEWEST = """
SELECT run_id::text, seconds FROM quality_runs WHERE tenant_id = :tenant_id AND storm_id = :storm_id
 ORDER BY made_at DESC, run_id DESC LIMIT 1
"""
_RESULTS = """
SELECT check_name, checked, issues, examples FROM quality_results WHERE tenant_id = :tenant_id AND run_id = :run_id
"""
_RUNS = """
SELECT run_id, made_at, made_by, checks, issues, seconds FROM quality_runs
 WHERE tenant_id = :tenant_id AND storm_id = :storm_id ORDER BY made_at, run_id
"""


def run(tenant: str | UUID, storm: str | UUID) -> pd.DataFrame:
    """Ask every check of a storm's records, in one transaction, and keep what was counted.

    Args:
        tenant: The tenant's slug or id; a selection, never an authority.
        storm: The storm's slug or id.

    Returns:
        One row a check: check, title, checked (records that were asked), issues (of them), share (issues / checked; NaN
        where nothing was asked), examples (up to 5 ids), why, remedy.

    Raises:
        UnknownTenant, UnknownStorm: There is none of that name open to this person.
        NotAllowed: This person may only read.
    """
    with tenancy.session(tenant) as connection:
        return run_in(connection, tenancy.storm_id(connection, storm))


def run_in(connection: Connection, storm_id: str) -> pd.DataFrame:
    """`run` in an open session; what was counted is kept with all else that the transaction writes."""
    began = perf_counter()
    asked = [ask(connection, storm_id, name) for name in CHECKS]
    found = pd.DataFrame(asked, columns=["check_name", "checked", "issues", "examples"])
    row = {
        "storm_id": storm_id, "checks": int(found["checked"].sum()), "issues": int(found["issues"].sum()),
        "seconds": perf_counter() - began,
        "made_by": connection.execute(text("SELECT sec.my_name()")).scalar_one() or "nobody",
        "run_id": connection.execute(text("SELECT uuidv7()::text")).scalar_one(),
    }  # fmt: skip
    tenancy.insert(connection, "quality_runs", pd.DataFrame([row]))
    tenancy.insert(connection, "quality_results", found.assign(run_id=row["run_id"]))
    return _shown(found)


def run_again_in(connection: Connection, storm_id: str) -> bool:
    """`run_in` for whoever has just changed much of a storm, so that no page tells of what was before.

    Only where the checks are in use and were quick: they were asked before, in `QUICK_S` seconds at most. Elsewhere the
    pages say what has happened since.

    Returns:
        Whether they were asked.
    """
    values = {"tenant_id": connection.info["tenant_id"], "storm_id": storm_id}
    last = connection.execute(text(_NEWEST), values).one_or_none()
    if last is None or last.seconds > QUICK_S:
        return False
    run_in(connection, storm_id)
    return True


def since_sql(storm_id: str, made_at: str) -> str:
    """A column of SQL that says what has happened since a storm's checks were made: a key of `SINCE`, or NULL.

    Args:
        storm_id, made_at: Columns of the query around it, which knows `:tenant_id` and `:now`.
    """
    return f"""CASE
    WHEN EXISTS (SELECT FROM routing_runs p WHERE p.tenant_id = :tenant_id AND p.storm_id = {storm_id}
                    AND p.made_at <= :now AND p.made_at + p.seconds * interval '1 second' > {made_at}) THEN 'plan'
    WHEN EXISTS (SELECT FROM policy_runs p WHERE p.tenant_id = :tenant_id AND p.storm_id = {storm_id}
                    AND p.made_at <= :now AND p.made_at > {made_at}) THEN 'decisions' END"""


def since_newest_sql(storm_id: str) -> str:
    """`since_sql` of the newest run of a storm, which the query around it does not read; NULL where there is none.

    Args:
        storm_id: A column of the query around it, which knows `:tenant_id` and `:now`.
    """
    return f"""(
    SELECT {since_sql("q.storm_id", "q.made_at")} FROM quality_runs q
     WHERE q.tenant_id = :tenant_id AND q.storm_id = {storm_id} AND q.made_at <= :now
     ORDER BY q.made_at DESC, q.run_id DESC LIMIT 1)"""


def ask(connection: Connection, storm_id: str, name: str) -> tuple[str, int, int, list[str]]:
    """One check: its name, records asked, issues, ids of up to 5 of them."""
    found = tenancy.bulk_frame(connection, CHECKS[name].sql, {"storm_id": storm_id}).iloc[0]
    return name, int(found["checked"]), int(found["issues"]), list(found["examples"] or [])


def latest(tenant: str | UUID, storm: str | UUID) -> pd.DataFrame:
    """What the newest run counted, as `run` shows it; empty where the checks were never run."""
    with tenancy.session(tenant) as connection:
        newest = tenancy.frame(connection, _NEWEST, {"storm_id": tenancy.storm_id(connection, storm)})
        run_id = None if newest.empty else newest["run_id"].iloc[0]
        found = tenancy.frame(connection, _RESULTS, {"run_id": run_id})
    order = {name: place for place, name in enumerate(CHECKS)}
    known = found[found["check_name"].isin(CHECKS)]  # a check of an older version has no words any more
    return _shown(known.sort_values("check_name", key=lambda names: names.map(order)))


def history(tenant: str | UUID, storm: str | UUID) -> pd.DataFrame:
    """The runs of a storm, the first first: run_id, made_at, made_by, checks (records asked), issues, seconds, share
    (issues / checks; NaN where nothing was asked)."""
    with tenancy.session(tenant) as connection:
        found = tenancy.frame(connection, _RUNS, {"storm_id": tenancy.storm_id(connection, storm)})
    return found.assign(share=_share(found["issues"], found["checks"]))


def _shown(found: pd.DataFrame) -> pd.DataFrame:
    names = found["check_name"].tolist()
    return pd.DataFrame({
        "check": names,
        "title": [CHECKS[name].title for name in names],
        "checked": found["checked"].astype("int64").to_numpy(),
        "issues": found["issues"].astype("int64").to_numpy(),
        "share": _share(found["issues"], found["checked"]).to_numpy(),
        "examples": found["examples"].tolist(),
        "why": [CHECKS[name].why for name in names],
        "remedy": [CHECKS[name].remedy for name in names],
    })  # fmt: skip


def _share(issues: pd.Series, of: pd.Series) -> pd.Series:
    return issues.astype(float) / of.astype(float).where(of > 0)
