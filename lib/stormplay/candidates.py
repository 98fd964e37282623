"""Which properties of a storm may be routed, and where all the others are: one row each, one outcome each.

Every property with a decision for the storm is eligible and has exactly one outcome, so the ledger adds up:
eligible = routed + ready + held back + skipped + suppressed + without coordinates + without uplift + own job.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from sqlalchemy.engine import Connection

from stormplay import tenancy

# Named steps, so that a person can print the query and run any part of it.
CANDIDATES = """
WITH decided AS (          -- eligible: whoever has a decision for this storm
    SELECT tenant_id, property_id, decision, reason FROM policy_decisions_log
     WHERE tenant_id = :tenant_id AND storm_id = :storm_id
), refused AS (            -- said no at the door, now
    SELECT DISTINCT property_id FROM suppressions
     WHERE tenant_id = :tenant_id AND channel IN ('all', 'door') AND lifted_at IS NULL
), begun AS (              -- routes that somebody has started: their stops stay
    SELECT r.route_id FROM routes r
     WHERE r.tenant_id = :tenant_id AND r.storm_id = :storm_id AND (r.status <> 'planned' OR EXISTS (
        SELECT FROM jobs j WHERE j.tenant_id = r.tenant_id AND j.route_id = r.route_id
           AND (j.status <> 'scheduled' OR j.completed_at IS NOT NULL)))
), job AS (
    SELECT j.property_id, j.route_id, b.route_id IS NOT NULL AS is_begun
      FROM jobs j LEFT JOIN begun b ON b.route_id = j.route_id
     WHERE j.tenant_id = :tenant_id AND j.storm_id = :storm_id
)
SELECT d.property_id, p.zip_code, p.latitude, p.longitude, lu.expected_uplift, d.decision, d.reason,
       job.route_id, coalesce(job.is_begun, false) AS is_locked,
       CASE WHEN job.route_id IS NOT NULL THEN 'routed'
            WHEN d.decision = 'hold_out' THEN 'held back'
            WHEN d.decision = 'skip' AND d.reason LIKE 'suppressed%' THEN 'suppressed'
            WHEN d.decision = 'skip' THEN 'skipped'
            WHEN refused.property_id IS NOT NULL THEN 'suppressed'
            WHEN p.latitude IS NULL OR p.longitude IS NULL THEN 'without coordinates'
            WHEN lu.expected_uplift IS NULL THEN 'without uplift'
            WHEN job.property_id IS NOT NULL THEN 'own job'
            ELSE 'ready' END AS outcome,
       (d.decision = 'treat' AND refused.property_id IS NULL AND p.latitude IS NOT NULL AND p.longitude IS NOT NULL
        AND lu.expected_uplift IS NOT NULL AND NOT coalesce(job.is_begun, false)
        AND (job.property_id IS NULL OR job.route_id IS NOT NULL)) AS is_routable
  FROM decided d
  JOIN properties p ON p.tenant_id = d.tenant_id AND p.property_id = d.property_id
  LEFT JOIN lead_uplift lu ON lu.tenant_id = d.tenant_id AND lu.property_id = d.property_id
  LEFT JOIN refused ON refused.property_id = d.property_id
  LEFT JOIN job ON job.property_id = d.property_id
 ORDER BY d.property_id
"""

# Outcome -> the sentence beside it, in the order of the ledger.
OUTCOMES: Mapping[str, str] = {
    "routed": "On a route",
    "ready": "Treated, not on a route yet",
    "held back": "Control group: not visited, so that we know what visits are worth",
    "skipped": "Skipped by the policy",
    "suppressed": "Said no to visits",
    "without coordinates": "Treated, but the address has no coordinates",
    "without uplift": "Treated, but not scored",
    "own job": "Treated, has a job without a route",
}


def candidates(connection: Connection, storm_id: str) -> pd.DataFrame:
    """Every eligible property of a storm.

    Returns:
        One row each: property_id, zip_code, latitude, longitude (degrees), expected_uplift, decision, reason,
        route_id, is_locked (on a started route), outcome, is_routable (would be on a plan made now).
    """
    return tenancy.bulk_frame(connection, CANDIDATES, {"storm_id": storm_id})


def ledger(found: pd.DataFrame) -> pd.DataFrame:
    """Where the eligible properties are: outcome, reason, properties; the rows add up to all of them.

    Skipped properties have a row per reason of the policy; a row without properties is left out, except the
    four that people look for (routed, held back, suppressed, without coordinates).
    """
    always = ("routed", "held back", "suppressed", "without coordinates")
    rows: list[tuple[str, str, int]] = []
    for outcome, sentence in OUTCOMES.items():
        part = found[found["outcome"] == outcome]
        if outcome == "skipped":
            counts = part["reason"].value_counts()
            rows += [(outcome, f"{sentence}: {reason}", int(n)) for reason, n in counts.items()]
        elif len(part) or outcome in always:
            rows.append((outcome, sentence, len(part)))
    return pd.DataFrame(rows, columns=["outcome", "reason", "properties"])
