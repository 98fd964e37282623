"""Checks of the work and what came of it: routes, jobs, contacts, outcomes, clocks."""

from __future__ import annotations

from collections.abc import Mapping

from stormplay.quality.checks import Check

JUST_NOW = "interval '5 minutes'"  # clocks of telephones differ by that much
A_NO_BINDS_AFTER = "interval '1 hour'"  # the visit in which the owner said no is not one after it

CHECKS: Mapping[str, Check] = {
    "treated_without_job": Check(
        "Treated home without a job or route",
        "It was chosen for a visit and nobody is sent.",
        "Generate the routes.",
        """treated AS (
    SELECT d.tenant_id, d.property_id FROM policy_decisions_log d
     WHERE d.tenant_id = :tenant_id AND d.storm_id = :storm_id AND d.decision = 'treat'
), refused AS (            -- who said no since is rightly left alone
    SELECT DISTINCT property_id FROM suppressions
     WHERE tenant_id = :tenant_id AND channel IN ('all', 'door') AND (lifted_at IS NULL OR lifted_at > now())
), sent AS (
    SELECT property_id FROM jobs WHERE tenant_id = :tenant_id AND storm_id = :storm_id
    UNION SELECT rp.property_id FROM routes r
      JOIN route_properties rp ON rp.tenant_id = r.tenant_id AND rp.route_id = r.route_id
     WHERE r.tenant_id = :tenant_id AND r.storm_id = :storm_id
), asked AS (
    SELECT t.property_id AS record_id, s.property_id IS NULL AS is_issue
      FROM treated t LEFT JOIN refused ON refused.property_id = t.property_id
      LEFT JOIN sent s ON s.property_id = t.property_id WHERE refused.property_id IS NULL
)""",
    ),
    "job_without_route": Check(
        "Job without a route",
        "No crew has it on its list.",
        "Generate the routes again, or give the job to a crew by hand.",
        """asked AS (
    SELECT job_id AS record_id, route_id IS NULL AS is_issue FROM jobs
     WHERE tenant_id = :tenant_id AND storm_id = :storm_id
)""",
    ),
    "wrong_property_count": Check(
        "Route whose number of stops is not what it says",
        "Progress and a crew's day are reckoned from a wrong number.",
        "Generate the routes again; a started route is mended by hand.",
        """stops AS (
    SELECT r.route_id, count(*) AS stops FROM routes r
      JOIN route_properties rp ON rp.tenant_id = r.tenant_id AND rp.route_id = r.route_id
     WHERE r.tenant_id = :tenant_id AND r.storm_id = :storm_id GROUP BY r.route_id
), asked AS (
    SELECT r.route_id AS record_id, r.property_count <> coalesce(s.stops, 0) AS is_issue
      FROM routes r LEFT JOIN stops s ON s.route_id = r.route_id
     WHERE r.tenant_id = :tenant_id AND r.storm_id = :storm_id
)""",
    ),
    "undecided_outcome": Check(
        "Outcome of a home that was never decided on",
        "It belongs to no arm and is in no comparison.",
        "Run the treatment policy before outcomes come in; look whether it is of another storm.",
        """asked AS (
    SELECT o.property_id AS record_id, d.property_id IS NULL AS is_issue
      FROM policy_outcomes o
      LEFT JOIN policy_decisions_log d ON d.tenant_id = o.tenant_id AND d.storm_id = o.storm_id
                                      AND d.property_id = o.property_id
     WHERE o.tenant_id = :tenant_id AND o.storm_id = :storm_id
)""",
    ),
    "converted_without_value": Check(
        "Signed home without a value",
        "What the storm was worth reads too low.",
        "Enter what the job was signed for.",
        """asked AS (
    SELECT property_id AS record_id, coalesce(value_cents, 0) = 0 AS is_issue
      FROM policy_outcomes WHERE tenant_id = :tenant_id AND storm_id = :storm_id AND actual_converted
)""",
    ),
    "outcome_before_storm": Check(
        "Outcome from before the storm",
        "It is of another storm, or its clock is wrong.",
        "Correct the time, or move it to its own storm.",
        """began AS (              -- when its day began on the company's clock
    SELECT s.event_date::timestamp AT TIME ZONE t.time_zone AS at
      FROM storms s JOIN tenants t ON t.tenant_id = s.tenant_id
     WHERE s.tenant_id = :tenant_id AND s.storm_id = :storm_id
), asked AS (
    SELECT property_id AS record_id, observed_at < (SELECT at FROM began) AS is_issue
      FROM policy_outcomes WHERE tenant_id = :tenant_id AND storm_id = :storm_id
)""",
    ),
    "completed_before_created": Check(
        "Job completed before it was made",
        "A clock is wrong, and time to completion is nonsense.",
        "Correct the time of completion.",
        """asked AS (
    SELECT job_id AS record_id, completed_at < created_at AS is_issue
      FROM jobs WHERE tenant_id = :tenant_id AND storm_id = :storm_id AND completed_at IS NOT NULL
)""",
    ),
    "from_the_future": Check(
        "Something that happened in the future",
        "A clock is wrong; what is newest is no longer what is newest.",
        "Correct the time, and set the clock that wrote it.",
        f"""happened AS (
    SELECT job_id AS record_id, completed_at AS at FROM jobs
     WHERE tenant_id = :tenant_id AND storm_id = :storm_id AND completed_at IS NOT NULL
    UNION ALL SELECT property_id, observed_at FROM policy_outcomes
     WHERE tenant_id = :tenant_id AND storm_id = :storm_id
    UNION ALL SELECT decision_id, decided_at FROM policy_decisions_log
     WHERE tenant_id = :tenant_id AND storm_id = :storm_id
    UNION ALL SELECT touch_id, "timestamp" FROM customer_journeys
     WHERE tenant_id = :tenant_id AND storm_id = :storm_id
), asked AS (
    SELECT record_id, at > now() + {JUST_NOW} AS is_issue FROM happened
)""",
    ),
    "suppressed_contacted": Check(
        "Contact after the owner had said no",
        "It is against their word, and may be against the law.",
        "Stop the sequence or route that it came from, and apologise.",
        f"""contact AS (            -- by us for certain: a call in a journey may be the owner's own
    SELECT touch_id AS record_id, property_id, channel, "timestamp" AS at FROM customer_journeys
     WHERE tenant_id = :tenant_id AND storm_id = :storm_id AND channel IN ('door', 'text', 'email', 'mail')
    UNION ALL SELECT idempotency_key, property_id, channel, handed_at FROM nurture_outbox
     WHERE tenant_id = :tenant_id AND storm_id = :storm_id AND handed_at IS NOT NULL
       AND (channel = 'call' OR acknowledged_at IS NULL)  -- the others are in the journey when they are acknowledged
    UNION ALL SELECT e.event_id, j.property_id, 'door', e.happened_at FROM job_events e
      JOIN jobs j ON j.tenant_id = e.tenant_id AND j.job_id = e.job_id
     WHERE e.tenant_id = :tenant_id AND j.storm_id = :storm_id AND e.reach <> 'none' AND e.undone_at IS NULL
), said_no AS (
    SELECT property_id, channel, suppressed_at + {A_NO_BINDS_AFTER} AS since, coalesce(lifted_at, 'infinity') AS until
      FROM suppressions WHERE tenant_id = :tenant_id
), broken AS (
    SELECT DISTINCT c.record_id FROM contact c
      JOIN said_no n ON n.property_id = c.property_id AND n.channel IN ('all', c.channel)
     WHERE c.at >= n.since AND c.at < n.until
), asked AS (
    SELECT c.record_id, b.record_id IS NOT NULL AS is_issue FROM contact c LEFT JOIN broken b USING (record_id)
)""",
    ),
}
