"""This storm against another: aligned on the days since the hail, and per hundred doors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy.engine import Connection

from stormplay import tenancy

HORIZON_DAYS = 180
"""Later than this after the hail a door is none of its season; such doors are counted apart."""

FEW_DOORS = 20
"""Below so many doors a rate says nothing."""

# Per storm and day on the company's clock: the first knock at a home, the end of its job, its signature. A signature
# counts from the knock on. Of jobs from before there was a trail, the job itself says how far it came and when.
DAYS = """
WITH chosen AS (
    SELECT s.storm_id, s.event_date, t.time_zone FROM storms s JOIN tenants t ON t.tenant_id = s.tenant_id
     WHERE s.tenant_id = :tenant_id AND s.storm_id = ANY (CAST(:storm_ids AS uuid[]))
), knocks AS (
    SELECT e.job_id, min(e.happened_at) AS at FROM job_events e
     WHERE e.tenant_id = :tenant_id AND e.undone_at IS NULL AND e.reach <> 'none' GROUP BY e.job_id
), doors AS (
    SELECT j.storm_id, j.property_id, coalesce(k.at, j.completed_at, j.status_since) AS at,
           CASE WHEN j.completed_at IS NOT NULL OR j.status = 'completed'
                THEN coalesce(j.completed_at, j.status_since) END AS completed_at
      FROM jobs j LEFT JOIN knocks k ON k.job_id = j.job_id
     WHERE j.tenant_id = :tenant_id AND j.storm_id = ANY (CAST(:storm_ids AS uuid[]))
       AND (j.furthest <> 'none' OR k.at IS NOT NULL OR j.completed_at IS NOT NULL OR j.status = 'completed')
), signed AS (
    SELECT o.storm_id, o.property_id, o.observed_at FROM policy_outcomes o
     WHERE o.tenant_id = :tenant_id AND o.storm_id = ANY (CAST(:storm_ids AS uuid[])) AND o.actual_converted
), happened AS (
    SELECT storm_id, 'doors' AS what, at FROM doors
    UNION ALL SELECT storm_id, 'completed', greatest(completed_at, at) FROM doors WHERE completed_at IS NOT NULL
    UNION ALL SELECT d.storm_id, 'conversions', greatest(s.observed_at, d.at)
      FROM doors d JOIN signed s ON s.storm_id = d.storm_id AND s.property_id = d.property_id
)
SELECT h.storm_id::text, h.what, CAST(h.at AT TIME ZONE c.time_zone AS date) - c.event_date AS day, count(*) AS n
  FROM happened h JOIN chosen c ON c.storm_id = h.storm_id GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""

# The storm before this one; where there is none, the nearest after it.
OTHER = """
WITH this AS (SELECT event_date FROM storms WHERE tenant_id = :tenant_id AND storm_id = :storm_id)
SELECT s.storm_id::text FROM storms s, this
 WHERE s.tenant_id = :tenant_id AND s.storm_id <> :storm_id
 ORDER BY s.event_date > this.event_date, abs(s.event_date - this.event_date), s.slug LIMIT 1
"""
NAMES = """
SELECT storm_id::text, name, event_date FROM storms
 WHERE tenant_id = :tenant_id AND storm_id = ANY (CAST(:storm_ids AS uuid[]))
"""
_WHAT = ("doors", "completed", "conversions")


def last_storm(connection: Connection, storm_id: str) -> str | None:
    """The storm to compare with."""
    found = tenancy.frame(connection, OTHER, {"storm_id": storm_id})
    return None if found.empty else str(found["storm_id"].iloc[0])


def read(connection: Connection, storm_ids: list[str]) -> pd.DataFrame:
    """What happened on which day after the hail, by storm: storm_id, storm (its name), what, day, n.

    `.attrs['this']` is the name of the first storm. Storms of one name are told apart by their day.
    """
    found = tenancy.bulk_frame(connection, DAYS, {"storm_ids": storm_ids})
    storms = tenancy.frame(connection, NAMES, {"storm_ids": storm_ids}).set_index("storm_id")
    is_shared = storms["name"].duplicated(keep=False)
    names = storms["name"].where(~is_shared, storms["name"] + " (" + storms["event_date"].astype(str) + ")")
    read = found.assign(storm=found["storm_id"].map(names))
    read.attrs["this"] = str(names[storm_ids[0]])
    return read


def running(found: pd.DataFrame, storm_ids: list[str]) -> pd.DataFrame:
    """Running totals by storm and day, from the first door to the last event within the horizon.

    Args:
        found: As `read` returns it.
        storm_ids: The storms in their order; the first is this storm.

    Returns:
        storm_id, storm, day, doors, completed, conversions, completed_per_100_doors, conversions_per_100_doors (NaN
        below 20 doors). `.attrs['later']` has the doors after the horizon by storm; 'this' is kept.
    """
    in_time = found[found["day"].between(0, HORIZON_DAYS)]
    parts = [_days(in_time[in_time["storm_id"] == one]) for one in storm_ids if (in_time["storm_id"] == one).any()]
    columns = ["storm_id", "storm", "day", *_WHAT, "completed_per_100_doors", "conversions_per_100_doors"]
    shown = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    late = found[(found["what"] == "doors") & (found["day"] > HORIZON_DAYS)]
    shown.attrs = dict(found.attrs)
    shown.attrs["later"] = {str(name): int(n) for name, n in late.groupby("storm")["n"].sum().items()}
    return shown


def _days(own: pd.DataFrame) -> pd.DataFrame:
    first, last = int(own["day"].min()), int(own["day"].max())
    counts = own.pivot_table(index="day", columns="what", values="n", aggfunc="sum", fill_value=0)
    whole = counts.reindex(index=range(first, last + 1), columns=list(_WHAT), fill_value=0).cumsum()
    enough = whole["doors"].where(whole["doors"] >= FEW_DOORS, np.nan).astype(float)
    rates: dict[str, Any] = {f"{name}_per_100_doors": 100 * whole[name] / enough for name in _WHAT[1:]}
    return whole.assign(**rates, storm_id=own["storm_id"].iloc[0], storm=own["storm"].iloc[0]).reset_index()
