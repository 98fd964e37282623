"""Checks of beliefs and decisions: whether each rests on something, and on something fresh."""

from __future__ import annotations

from collections.abc import Mapping

from stormplay.quality.checks import ARMS, Check

LEAST_UPLIFT, MOST_UPLIFT = -0.5, 0.75  # a visit that adds more than three signatures in four is a mistake of a model
OLDEST_SCORE_DAYS = 30

CHECKS: Mapping[str, Check] = {
    "outside_swath": Check(
        "Decided home outside the modelled swath",
        "A roof that no hail is modelled for is visited, or counted as a control.",
        "Run the treatment policy again; look at the swath's reports if many are outside.",
        f"""{ARMS}, least AS (
    SELECT coalesce((policy_rules ->> 'swath_min_in')::double precision, 0.75) AS hail_in FROM tenants
     WHERE tenant_id = :tenant_id
), asked AS (              -- who has no impact at all is counted as an orphan
    SELECT a.property_id AS record_id, i.hail_in < (SELECT hail_in FROM least) AS is_issue
      FROM arm a
      JOIN property_impacts i ON i.tenant_id = a.tenant_id AND i.storm_id = a.storm_id
                             AND i.property_id = a.property_id
)""",
    ),
    "orphan_decision": Check(
        "Decision for a home that the storm did not touch",
        "It rests on nothing: no impact of this storm is known there.",
        "Model the swath again, then run the treatment policy.",
        f"""{ARMS}, asked AS (
    SELECT a.property_id AS record_id, i.property_id IS NULL AS is_issue
      FROM arm a LEFT JOIN property_impacts i ON i.tenant_id = a.tenant_id AND i.storm_id = a.storm_id
                                             AND i.property_id = a.property_id
)""",
    ),
    "implausible_uplift": Check(
        "Uplift missing or out of range for a decided home",
        "Nothing says what its visit is worth, or a number that no visit is.",
        "Score the storm again and look at the model's calibration.",
        f"""{ARMS}, asked AS (
    SELECT a.property_id AS record_id,
           coalesce(lu.expected_uplift NOT BETWEEN {LEAST_UPLIFT} AND {MOST_UPLIFT}, true) AS is_issue
      FROM arm a LEFT JOIN lead_uplift lu ON lu.tenant_id = a.tenant_id AND lu.property_id = a.property_id
)""",
    ),
    "stale_score": Check(
        "Stale score behind a decision",
        f"The swath was modelled anew since, or the score was older than {OLDEST_SCORE_DAYS} days when it decided.",
        "Score the storm again, then run the treatment policy.",
        f"""{ARMS}, asked AS (  -- scores that are about this storm
    SELECT a.property_id AS record_id,
           coalesce(lu.scored_at < i.updated_at, false)
           OR lu.scored_at < a.decided_at - interval '{OLDEST_SCORE_DAYS} days' AS is_issue
      FROM arm a
      JOIN lead_uplift lu ON lu.tenant_id = a.tenant_id AND lu.property_id = a.property_id
                         AND (lu.storm_id IS NULL OR lu.storm_id = a.storm_id)
      LEFT JOIN property_impacts i ON i.tenant_id = a.tenant_id AND i.storm_id = a.storm_id
                                  AND i.property_id = a.property_id
)""",
    ),
    "held_out_contacted": Check(
        "Home of the control group that was contacted",
        "It is no control any more, and the lift reads too low.",
        "Find out who did it; leave it in the control group, for the comparison is as drawn.",
        """held AS (
    SELECT * FROM policy_decisions_log WHERE tenant_id = :tenant_id AND storm_id = :storm_id AND decision = 'hold_out'
), ours AS (               -- by us for certain: a call, a website visit or a referral may be the owner's own
    SELECT property_id FROM customer_journeys
     WHERE tenant_id = :tenant_id AND storm_id = :storm_id AND channel IN ('door', 'text', 'email', 'mail')
    UNION SELECT property_id FROM storm_work WHERE tenant_id = :tenant_id AND storm_id = :storm_id
), asked AS (
    SELECT h.property_id AS record_id, o.property_id IS NOT NULL AS is_issue
      FROM held h LEFT JOIN ours o ON o.property_id = h.property_id
)""",
    ),
}
