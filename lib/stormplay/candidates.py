"""Which properties of a storm may be routed, and where all the others are: one row each, one outcome each.

Every property with a decision for the storm is eligible and has exactly one outcome, so the ledger adds up:
eligible = routed + ready + held back + skipped + suppressed + without coordinates + without uplift + own job.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from sqlalchemy.engine import Connection

from stormplay import tenancy

# Named steps, so that a person can print the query and run any part of it.
_HOMES = """
WITH decided AS (          -- eligible: whoever has a decision for this storm
    SELECT tenant_id, property_id, decision, reason FROM policy_decisions_log
     WHERE tenant_id = :tenant_id AND storm_id = :storm_id
), refused AS (            -- said no at the door, now
    SELECT DISTINCT property_id FROM suppressions
     WHERE tenant_id = :tenant_id AND channel IN ('all', 'door') AND lifted_at IS NULL
), begun AS (              -- routes that somebody has started or noted something of: their stops stay
    SELECT r.route_id FROM routes r
     WHERE r.tenant_id = :tenant_id AND r.storm_id = :storm_id AND (r.status <> 'planned' OR EXISTS (
        SELECT FROM jobs j WHERE j.tenant_id = r.tenant_id AND j.route_id = r.route_id
           AND (j.status <> 'scheduled' OR j.completed_at IS NOT NULL OR j.row_version > 1)))
), job AS (
    SELECT j.property_id, j.route_id, b.route_id IS NOT NULL AS is_begun
      FROM jobs j LEFT JOIN begun b ON b.route_id = j.route_id
     WHERE j.tenant_id = :tenant_id AND j.storm_id = :storm_id
), homes AS (
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
)"""

CANDIDATES = f"""{_HOMES}
SELECT property_id::text AS property_id, zip_code, latitude, longitude, expected_uplift, decision, reason,
       route_id::text AS route_id, is_locked, outcome, is_routable
  FROM homes ORDER BY homes.property_id
"""  # noqa: S608 - own words only

ONE = f"""{_HOMES}
SELECT c.*, p.address FROM homes c
  JOIN properties p ON p.tenant_id = :tenant_id AND p.property_id = c.property_id
 WHERE c.property_id = CAST(:property_id AS uuid)
"""  # noqa: S608 - own words only

COUNTS = f"""{_HOMES}
SELECT outcome, CASE WHEN outcome = 'skipped' THEN reason END AS reason, count(*) AS properties
  FROM homes GROUP BY 1, 2 ORDER BY properties DESC, reason
"""  # noqa: S608 - own words only

# What is ready among the addresses that begin so, and of each other outcome how many and one of them. A prefix as a
# range: LIKE is not leakproof and would lose its index under row security.
SEARCH = f"""{_HOMES}, written AS (
    SELECT ltrim(lower(regexp_replace(:address, '[^A-Za-z0-9]+', ' ', 'g'))) AS key
), found AS (
    SELECT c.property_id, p.address, c.zip_code, c.expected_uplift, c.outcome, p.address_key
      FROM homes c JOIN properties p ON p.tenant_id = :tenant_id AND p.property_id = c.property_id
     WHERE p.address_key COLLATE "C" >= (SELECT key FROM written)
       AND p.address_key COLLATE "C" < (SELECT key || chr(1114111) FROM written)
), counted AS (
    SELECT *, count(*) OVER (PARTITION BY outcome) AS alike,
           row_number() OVER (PARTITION BY outcome ORDER BY address_key, property_id) AS place
      FROM found
)
SELECT property_id, address, zip_code, expected_uplift, outcome, alike FROM counted
 WHERE place <= CASE outcome WHEN 'ready' THEN :most ELSE 1 END
 ORDER BY outcome = 'ready' DESC, place, outcome
"""  # noqa: S608 - own words only

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


def candidate(connection: Connection, storm_id: str, property_id: str) -> Mapping[str, Any] | None:
    """One property, as in `candidates`, with its address; None where it has no decision for the storm."""
    found = tenancy.frame(connection, ONE, {"storm_id": storm_id, "property_id": property_id})
    return None if found.empty else dict(found.iloc[0])


def search(connection: Connection, storm_id: str, address: str, most: int) -> pd.DataFrame:
    """Eligible properties by how their address begins, in any spelling of spaces and signs.

    Returns:
        One row each: property_id, address, zip_code, expected_uplift, outcome, alike (how many there are of that
        outcome). The `most` first that are ready, then one of each other outcome.
    """
    return tenancy.bulk_frame(connection, SEARCH, {"storm_id": storm_id, "address": address, "most": most})


def counted(connection: Connection, storm_id: str) -> pd.DataFrame:
    """How many of a storm's eligible properties are where, without any of them leaving the database; see `ledger`."""
    return _lines(tenancy.bulk_frame(connection, COUNTS, {"storm_id": storm_id}))


def ledger(found: pd.DataFrame) -> pd.DataFrame:
    """Where the eligible properties are: outcome, reason, properties; the rows add up to all of them.

    Skipped properties have a row per reason of the policy; a row without properties is left out, except the
    four that people look for (routed, held back, suppressed, without coordinates).
    """
    reason = found["reason"].where(found["outcome"] == "skipped")
    counts = (
        found.assign(reason=reason).groupby(["outcome", "reason"], dropna=False).size().reset_index(name="properties")
    )
    return _lines(counts.sort_values("properties", ascending=False, kind="stable"))


def _lines(counts: pd.DataFrame) -> pd.DataFrame:
    """The rows of a ledger from its counts: outcome, reason (of skipped ones alone), properties, most first."""
    always = ("routed", "held back", "suppressed", "without coordinates")
    rows: list[tuple[str, str, int]] = []
    for outcome, sentence in OUTCOMES.items():
        part = counts[counts["outcome"] == outcome]
        if outcome == "skipped":
            each = zip(part["reason"], part["properties"], strict=True)
            rows += [(outcome, f"{sentence}: {reason}", int(n)) for reason, n in each]
        elif len(part) or outcome in always:
            rows.append((outcome, sentence, int(part["properties"].sum())))
    return pd.DataFrame(rows, columns=["outcome", "reason", "properties"])
