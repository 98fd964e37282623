"""What the database knows of a storm's homes when the policy decides: one row a home of the company."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sqlalchemy.engine import Connection

from stormplay import tenancy

# So many signed jobs of earlier storms make a typical price per square foot; fewer make none.
LEAST_JOBS = 30

# Named steps, so that a person can print the query and run any part of it.
HOMES = """
WITH swath AS (            -- modelled: nobody has looked at these roofs
    SELECT property_id, hail_in FROM property_impacts WHERE tenant_id = :tenant_id AND storm_id = :storm_id
), belief AS (             -- the uplift in force; one that is about another storm says nothing of this one
    SELECT property_id, expected_uplift, model_version FROM lead_uplift
     WHERE tenant_id = :tenant_id AND (storm_id IS NULL OR storm_id = :storm_id)
), refused AS (            -- said no at the door, now; the words are those of the candidates for routes
    SELECT DISTINCT property_id FROM suppressions
     WHERE tenant_id = :tenant_id AND channel IN ('all', 'door') AND (lifted_at IS NULL OR lifted_at > now())
), in_force AS (
    SELECT property_id, decision, reason, model_version FROM policy_decisions_log
     WHERE tenant_id = :tenant_id AND storm_id = :storm_id
), former AS (             -- the arm of who was skipped since
    SELECT property_id, min(from_decision) AS arm FROM policy_decision_changes
     WHERE tenant_id = :tenant_id AND storm_id = :storm_id AND from_decision <> 'skip' GROUP BY property_id
), elsewhere AS (          -- a control of another storm is left alone while that one is open
    SELECT DISTINCT d.property_id FROM policy_decisions_log d
      JOIN storms s ON s.tenant_id = d.tenant_id AND s.storm_id = d.storm_id
     WHERE d.tenant_id = :tenant_id AND d.storm_id <> :storm_id AND d.decision = 'hold_out' AND s.status <> 'closed'
), work AS (
    SELECT property_id, bool_or(has_begun) AS has_begun FROM storm_work
     WHERE tenant_id = :tenant_id AND storm_id = :storm_id GROUP BY property_id
), outcome AS (
    SELECT property_id FROM policy_outcomes WHERE tenant_id = :tenant_id AND storm_id = :storm_id
), price AS (              -- what a signed job of an earlier storm was worth, for each square foot of the roof
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY o.value_cents / p.roof_area_sqft) AS cents_per_sqft
      FROM policy_outcomes o
      JOIN storms s ON s.tenant_id = o.tenant_id AND s.storm_id = o.storm_id
      JOIN properties p ON p.tenant_id = o.tenant_id AND p.property_id = o.property_id
     WHERE o.tenant_id = :tenant_id AND o.actual_converted AND o.value_cents > 0 AND p.roof_area_sqft > 0
       AND s.event_date < (SELECT event_date FROM storms WHERE tenant_id = :tenant_id AND storm_id = :storm_id)
    HAVING count(*) >= :least_jobs
)
SELECT p.property_id::text, swath.hail_in, belief.expected_uplift, belief.model_version,
       refused.property_id IS NOT NULL AS is_suppressed, elsewhere.property_id IS NOT NULL AS is_held_elsewhere,
       p.latitude IS NOT NULL AND p.longitude IS NOT NULL AS has_place,
       (SELECT cents_per_sqft FROM price) * p.roof_area_sqft AS job_value_cents,
       in_force.decision AS decision_before, in_force.reason AS reason_before, former.arm AS former_arm,
       work.property_id IS NOT NULL AS has_work, coalesce(work.has_begun, false) AS has_begun,
       outcome.property_id IS NOT NULL AS has_outcome
  FROM properties p
  LEFT JOIN swath ON swath.property_id = p.property_id
  LEFT JOIN belief ON belief.property_id = p.property_id
  LEFT JOIN refused ON refused.property_id = p.property_id
  LEFT JOIN in_force ON in_force.property_id = p.property_id
  LEFT JOIN former ON former.property_id = p.property_id
  LEFT JOIN elsewhere ON elsewhere.property_id = p.property_id
  LEFT JOIN work ON work.property_id = p.property_id
  LEFT JOIN outcome ON outcome.property_id = p.property_id
 WHERE p.tenant_id = :tenant_id
 ORDER BY p.property_id
"""


@dataclass(frozen=True)
class Facts:
    """A storm's homes as the policy looks at them.

    Attributes:
        homes: One row a home: what `decide` asks for, and model_version, decision_before, reason_before (None: never
            decided).
        is_under_way: Whether crews or nurture have begun. Only treated homes can have that, so from then on a home that
            left an arm would leave one arm more easily than the other: none does, in either.
    """

    homes: pd.DataFrame
    is_under_way: bool


def read(connection: Connection, storm_id: str) -> Facts:
    """Read them, in an open session."""
    found = tenancy.bulk_frame(connection, HOMES, {"storm_id": storm_id, "least_jobs": LEAST_JOBS})
    before, former = found["decision_before"], found["former_arm"]
    in_arm = before.isin(["treat", "hold_out"])
    is_under_way = bool((found["has_begun"] & in_arm).any())
    arm = before.where(in_arm, former)
    homes = found.assign(
        arm=arm,
        is_fixed=in_arm & (is_under_way | found["has_outcome"]),
        is_worked_on=found["has_work"] & arm.isna(),
        model_version=found["model_version"].fillna("not scored"),
    )
    return Facts(homes.drop(columns=["former_arm", "has_work", "has_begun", "has_outcome"]), is_under_way)


def model_versions(homes: pd.DataFrame) -> str:
    """Whose uplift was looked at, of the homes in the swath: one version, or the most frequent ones."""
    scored = homes.loc[homes["expected_uplift"].notna() & homes["hail_in"].notna(), "model_version"]
    return ", ".join(np.asarray(scored.value_counts().index[:5], dtype=str)) or "not scored"
