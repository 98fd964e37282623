"""What is read of a score. Each query is a chain of named steps to print and run."""

from __future__ import annotations

from dataclasses import fields

import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import clock, quality, tenancy
from stormplay.score.formula import HIGH_UPLIFT
from stormplay.score.standing import Counts, Standing, standing

_NAMES = tuple(one.name for one in fields(Counts))

SCORE = f"""
SELECT {", ".join(_NAMES)}, cause, changed_by, changed_at, computed_at,
       {quality.since_newest_sql("storm_scores.storm_id")} AS since
  FROM storm_scores WHERE tenant_id = :tenant_id AND storm_id = :storm_id
"""  # noqa: S608 - own words only

# The counts from the rows alone. The database keeps the same in storm_scores, part by part; a test compares the two
# after random operations, and a storm whose rows were loaded past all triggers is counted by this.
COUNTS = """
WITH decided AS (
    SELECT d.property_id, d.decision FROM policy_decisions_log d
     WHERE d.tenant_id = :tenant_id AND d.storm_id = :storm_id
), believed AS (
    SELECT u.property_id, u.expected_uplift > :high_uplift AS is_high FROM lead_uplift u WHERE u.tenant_id = :tenant_id
), known AS (
    SELECT o.property_id, o.actual_converted FROM policy_outcomes o
     WHERE o.tenant_id = :tenant_id AND o.storm_id = :storm_id AND o.actual_converted IS NOT NULL
), homes AS (
    SELECT count(*) AS decided, count(*) FILTER (WHERE d.decision = 'treat') AS treat,
           count(*) FILTER (WHERE d.decision = 'hold_out') AS hold_out,
           count(*) FILTER (WHERE b.is_high) AS high_uplift,
           count(k.actual_converted) FILTER (WHERE d.decision = 'treat') AS treat_known,
           count(*) FILTER (WHERE d.decision = 'treat' AND k.actual_converted) AS treat_converted,
           count(k.actual_converted) FILTER (WHERE d.decision = 'hold_out') AS control_known,
           count(*) FILTER (WHERE d.decision = 'hold_out' AND k.actual_converted) AS control_converted
      FROM decided d LEFT JOIN believed b USING (property_id) LEFT JOIN known k USING (property_id)
), work AS (
    SELECT count(*) AS total, count(*) FILTER (WHERE j.completed_at IS NOT NULL OR j.status = 'completed') AS completed
      FROM jobs j WHERE j.tenant_id = :tenant_id AND j.storm_id = :storm_id
), quality AS (
    SELECT q.issues, q.checks FROM quality_runs q WHERE q.tenant_id = :tenant_id AND q.storm_id = :storm_id
     ORDER BY q.made_at DESC, q.run_id DESC LIMIT 1
)
SELECT homes.*, work.total, work.completed, coalesce(quality.issues, 0) AS issues, coalesce(quality.checks, 0) AS checks
  FROM homes CROSS JOIN work LEFT JOIN quality ON true
"""

HISTORY = """
WITH newest AS (
    SELECT h.changed_at, h.change_id, h.score,
           h.score - lag(h.score) OVER (ORDER BY h.changed_at, h.change_id) AS change,
           h.policy_coverage, h.route_completion, h.conversion_lift, h.data_quality, h.cause, h.source, h.changed_by
      FROM score_history h WHERE h.tenant_id = :tenant_id AND h.storm_id = :storm_id
     ORDER BY h.changed_at DESC, h.change_id DESC LIMIT :at_most
)
SELECT * FROM newest ORDER BY changed_at, change_id
"""


def current(connection: Connection, storm_id: str) -> Standing:
    """The score that the database keeps; counted now where it keeps none."""
    row = connection.execute(text(SCORE), _values(connection, storm_id)).mappings().one_or_none()
    if row is None:
        return standing(counted(connection, storm_id))
    counts = Counts(**{name: int(row[name]) for name in _NAMES})
    return standing(counts, as_of=row["computed_at"], changed_at=row["changed_at"], cause=str(row["cause"]),
                    changed_by=str(row["changed_by"]), since=quality.SINCE.get(row["since"], ""))  # fmt: skip


def counted(connection: Connection, storm_id: str) -> Counts:
    """What the score is made of, counted from the rows."""
    row = tenancy.bulk_frame(connection, COUNTS, {"storm_id": storm_id, "high_uplift": HIGH_UPLIFT}).iloc[0]
    return Counts(**{name: int(row[name]) for name in _NAMES})


def history(connection: Connection, storm_id: str, at_most: int) -> pd.DataFrame:
    """The changes of the score, oldest first; the newest so many of them."""
    found = tenancy.frame(connection, HISTORY, {"storm_id": storm_id, "at_most": at_most})
    return found.drop(columns="change_id")


def _values(connection: Connection, storm_id: str) -> dict[str, object]:
    return {"tenant_id": connection.info.get("tenant_id"), "storm_id": storm_id, "now": clock.now()}
