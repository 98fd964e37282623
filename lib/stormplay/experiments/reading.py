"""What the database knows of an experiment, as counts. Each query is a chain of named steps to print and run."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd
from sqlalchemy.engine import Connection

from stormplay import storms, tenancy
from stormplay.experiments.balance import Covariate, Moments, covariate_balance
from stormplay.experiments.read_out import LAG_DAYS, Record

INBOUND = ("web", "referral")
"""Channels of touches by which the owner came to us; all others can be ours (of a call the table does not say)."""

# As decided: a home belongs to the arm of its decision, whatever happened later.
_ARMS = """
WITH arms AS (
    SELECT d.property_id, d.decision = 'treat' AS is_treated, d.decided_at
      FROM policy_decisions_log d
     WHERE d.tenant_id = :tenant_id AND d.storm_id = :storm_id AND d.decision IN ('treat', 'hold_out')
)"""

COUNTS = f"""{_ARMS}, outcomes AS (
    SELECT o.property_id, o.actual_converted, o.observed_at
      FROM policy_outcomes o WHERE o.tenant_id = :tenant_id AND o.storm_id = :storm_id
), newest AS (
    SELECT max(observed_at) AS observed_at FROM outcomes
), knocked AS (
    SELECT j.property_id FROM jobs j
     WHERE j.tenant_id = :tenant_id AND j.storm_id = :storm_id AND j.furthest <> 'none'
), touched AS (
    SELECT DISTINCT c.property_id FROM customer_journeys c
     WHERE c.tenant_id = :tenant_id AND c.storm_id = :storm_id AND c.channel <> ALL (CAST(:inbound AS text[]))
), homes AS (
    SELECT a.is_treated, o.property_id IS NOT NULL AS is_recorded, o.actual_converted,
           coalesce(a.decided_at > (SELECT observed_at FROM newest) - make_interval(days => :lag_days), false)
               AS is_immature,
           k.property_id IS NOT NULL OR t.property_id IS NOT NULL AS is_reached,
           width_bucket(i.hail_in, CAST(:edges AS double precision[])) AS band
      FROM arms a
      LEFT JOIN outcomes o ON o.property_id = a.property_id
      LEFT JOIN knocked k ON k.property_id = a.property_id
      LEFT JOIN touched t ON t.property_id = a.property_id
      LEFT JOIN property_impacts i ON i.tenant_id = :tenant_id AND i.storm_id = :storm_id
                                  AND i.property_id = a.property_id
)
SELECT is_treated, band, count(*) AS homes, count(actual_converted) AS known,
       count(*) FILTER (WHERE actual_converted) AS converted,
       count(*) FILTER (WHERE is_recorded AND actual_converted IS NULL) AS pending,
       count(*) FILTER (WHERE is_reached) AS reached,
       count(actual_converted) FILTER (WHERE is_reached) AS reached_known,
       count(*) FILTER (WHERE is_reached AND actual_converted) AS reached_converted,
       count(*) FILTER (WHERE is_immature) AS immature
  FROM homes GROUP BY is_treated, band ORDER BY is_treated DESC, band NULLS LAST
"""  # noqa: S608 - own words only

# What was known of a home before the draw: it cannot have come of the treatment.
COVARIATES = f"""{_ARMS}, known AS (
    SELECT a.is_treated, i.hail_in, i.sii_score, p.roof_age_years, p.roof_area_sqft, p.home_value_cents / 100.0 AS value
      FROM arms a
      JOIN properties p ON p.tenant_id = :tenant_id AND p.property_id = a.property_id
      LEFT JOIN property_impacts i ON i.tenant_id = :tenant_id AND i.storm_id = :storm_id
                                  AND i.property_id = a.property_id
)
SELECT c.place, c.name, is_treated, count(c.x) AS n, avg(c.x) AS mean, var_samp(c.x) AS variance
  FROM known CROSS JOIN LATERAL (VALUES
       (1, 'modelled hail (in)', hail_in), (2, 'storm impact index (0-100)', sii_score),
       (3, 'roof age (years)', roof_age_years), (4, 'roof area (sq ft)', roof_area_sqft),
       (5, 'home value (USD)', CAST(value AS double precision))) AS c(place, name, x)
 GROUP BY c.place, c.name, is_treated ORDER BY c.place
"""  # noqa: S608 - own words only

STORM = """
SELECT s.slug, s.name, t.org_name, t.is_synthetic,
       (SELECT max(d.decided_at) FROM policy_decisions_log d
         WHERE d.tenant_id = :tenant_id AND d.storm_id = :storm_id) AS decided_at,
       (SELECT max(o.observed_at) FROM policy_outcomes o
         WHERE o.tenant_id = :tenant_id AND o.storm_id = :storm_id) AS observed_at,
       (SELECT 1 - d.holdout_share FROM policy_draws d
         WHERE d.tenant_id = :tenant_id AND d.storm_id = :storm_id) AS treat_share
  FROM storms s JOIN tenants t ON t.tenant_id = s.tenant_id
 WHERE s.tenant_id = :tenant_id AND s.storm_id = :storm_id
"""

# A storm without a decision is named too, with nothing in it.
EVERY_STORM = """
WITH arms AS (
    SELECT d.storm_id, d.property_id, d.decision = 'treat' AS is_treated, d.decided_at
      FROM policy_decisions_log d WHERE d.tenant_id = :tenant_id AND d.decision IN ('treat', 'hold_out')
), outcomes AS (
    SELECT o.storm_id, o.property_id, o.actual_converted, o.observed_at
      FROM policy_outcomes o WHERE o.tenant_id = :tenant_id
), newest AS (
    SELECT storm_id, max(observed_at) AS observed_at FROM outcomes GROUP BY storm_id
), homes AS (
    SELECT a.storm_id, a.is_treated, o.actual_converted,
           coalesce(a.decided_at > n.observed_at - make_interval(days => :lag_days), false) AS is_immature
      FROM arms a
      LEFT JOIN outcomes o ON o.storm_id = a.storm_id AND o.property_id = a.property_id
      LEFT JOIN newest n ON n.storm_id = a.storm_id
)
SELECT s.slug, count(*) FILTER (WHERE h.is_treated) AS homes,
       count(*) FILTER (WHERE NOT h.is_treated) AS control_homes,
       count(*) FILTER (WHERE h.is_treated AND h.actual_converted) AS converted,
       count(h.actual_converted) FILTER (WHERE h.is_treated) AS n,
       count(*) FILTER (WHERE NOT h.is_treated AND h.actual_converted) AS control_converted,
       count(h.actual_converted) FILTER (WHERE NOT h.is_treated) AS control_n,
       count(*) FILTER (WHERE h.is_immature) AS immature, 1 - w.holdout_share AS treat_share
  FROM storms s
  LEFT JOIN homes h ON h.storm_id = s.storm_id
  LEFT JOIN policy_draws w ON w.tenant_id = s.tenant_id AND w.storm_id = s.storm_id
 WHERE s.tenant_id = :tenant_id
 GROUP BY s.slug, s.event_date, w.holdout_share ORDER BY s.event_date DESC, s.slug
"""


def record(connection: Connection, storm_id: str) -> Record:
    """Read one storm."""
    values = {"storm_id": storm_id}
    about = tenancy.frame(connection, STORM, values).iloc[0]
    edges = {"edges": list(storms.BAND_EDGES_IN), "inbound": list(INBOUND), "lag_days": LAG_DAYS}
    counts = tenancy.bulk_frame(connection, COUNTS, values | edges)
    names = [storms.BANDS[int(band)] if pd.notna(band) else storms.UNKNOWN_BAND for band in counts["band"]]
    moments = tenancy.bulk_frame(connection, COVARIATES, values)
    return Record(about, counts.assign(place=counts["band"], band=names), _covariates(moments))


def every_storm(connection: Connection) -> pd.DataFrame:
    """One row a storm of the tenant, newest first: slug, homes, control_homes (as decided), converted, n,
    control_converted, control_n (known outcomes), immature (homes that may still sign), treat_share (as the policy drew
    it; missing: no draw is kept).
    """
    return tenancy.bulk_frame(connection, EVERY_STORM, {"lag_days": LAG_DAYS})


def _covariates(moments: pd.DataFrame) -> tuple[Covariate, ...]:
    made = []
    for name, rows in moments.groupby("name", sort=False):
        arm = {bool(row["is_treated"]): row for row in rows.to_dict("records")}
        made.append(covariate_balance(str(name), *(_moments(arm.get(treated)) for treated in (True, False))))
    return tuple(made)


def _moments(row: dict[Hashable, Any] | None) -> Moments:
    """Of an arm without such homes nothing; of one home no variance."""
    if row is None or not row["n"]:
        return Moments(0, 0.0, 0.0)
    return Moments(int(row["n"]), float(row["mean"]), float(row["variance"]) if row["n"] > 1 else 0.0)
