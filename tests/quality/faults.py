"""Faults as SQL, each with the number of issues that it makes: planted by an administrator, since some the product
refuses."""

from __future__ import annotations

ONE = "property_id = (SELECT min(property_id::text)::uuid FROM properties)"
_ARM = "property_id = (SELECT min(property_id::text)::uuid FROM policy_decisions_log WHERE decision = '{}')"
TREAT, HELD = _ARM.format("treat"), _ARM.format("hold_out")
JOB = "job_id = (SELECT min(job_id::text)::uuid FROM jobs)"
UNTRIGGERED = "SET LOCAL session_replication_role = replica;"

_NO = """INSERT INTO suppressions (tenant_id, property_id, channel, reason, suppressed_at, lifted_at)
         SELECT tenant_id, property_id, '{}', 'no', now() + interval '{}', {} FROM policy_decisions_log WHERE {};"""


def said_no(channel: str, when: str, lifted: str = "NULL") -> str:
    """The first treated home says no."""
    return _NO.format(channel, when, lifted, TREAT)


_VISIT = f"""INSERT INTO job_events (tenant_id, job_id, from_status, to_status, reach, said_by, happened_at)
             SELECT tenant_id, job_id, 'scheduled', 'contacted', 'contacted', 'x', now() + interval '{{}}'
               FROM jobs WHERE {TREAT}"""
_HANDED = f"""INSERT INTO nurture_sequences (tenant_id, property_id, storm_id, sequence_type, scheduled_at)
              SELECT tenant_id, property_id, storm_id, 'x', now() FROM policy_decisions_log WHERE {TREAT};
              INSERT INTO nurture_outbox (tenant_id, idempotency_key, storm_id, property_id, channel, message, due_at,
                                          handed_at)
              SELECT tenant_id, sequence_id, storm_id, property_id, 'text', 'm', now(), now() FROM nurture_sequences
               WHERE {TREAT}"""
_WITHOUT_JOB = f"DELETE FROM route_properties WHERE {TREAT}; DELETE FROM jobs WHERE {TREAT};"

# 'check' or 'check: what of it' -> statements, issues.
FAULTS: dict[str, tuple[str, int]] = {
    "missing_coordinates": (f"UPDATE properties SET latitude = NULL WHERE {ONE}", 1),
    "impossible_coordinates": (f"UPDATE properties SET latitude = 0, longitude = 0 WHERE {ONE}", 1),
    "impossible_coordinates: swapped": (f"UPDATE properties SET latitude = -75, longitude = 39.9 WHERE {ONE}", 1),
    "impossible_coordinates: far away": (f"UPDATE properties SET latitude = 40.7, longitude = -74 WHERE {ONE}", 1),
    "duplicate_home": (
        """UPDATE properties SET address = '9 ELM LANE', city = 'Keller' WHERE address = '100 Test Street';
           UPDATE properties SET address = '9 Elm Ln.', city = 'keller' WHERE address = '101 Test Street';
           UPDATE properties SET address = '9  elm  ln' WHERE address = '102 Test Street';
           UPDATE properties SET address = '9 Elm Ln', city = 'Azle' WHERE address = '103 Test Street'""",
        2,
    ),
    "malformed_zip": (f"UPDATE properties SET zip_code = '7613' WHERE {ONE}", 1),
    "malformed_zip: none": ("UPDATE properties SET zip_code = NULL", 40),
    "malformed_zip: nine digits are fine": (f"UPDATE properties SET zip_code = '76137-1234' WHERE {ONE}", 0),
    "malformed_phone": (f"UPDATE properties SET phone = '817-555-014' WHERE {ONE}", 1),
    "malformed_phone: words": (f"UPDATE properties SET phone = 'ask at the desk' WHERE {ONE}", 1),
    "malformed_phone: a country code is fine": (f"UPDATE properties SET phone = '+1 817.555.0142' WHERE {ONE}", 0),
    "malformed_phone: none is fine": (f"UPDATE properties SET phone = NULL WHERE {ONE}", 0),
    "malformed_email": (f"UPDATE properties SET email = 'owner at example.com' WHERE {ONE}", 1),
    "malformed_email: two at once": ("UPDATE properties SET email = 'a@b@example.com' WHERE address ~ '^10'", 10),
    "malformed_email: no country": (f"UPDATE properties SET email = 'owner@example' WHERE {ONE}", 1),
    "malformed_email: ends in a full stop": (f"UPDATE properties SET email = 'owner@example.com.' WHERE {ONE}", 1),
    "impossible_roof_age": (f"UPDATE properties SET roof_age_years = 199 WHERE {ONE}", 1),
    "outside_swath": (f"UPDATE property_impacts SET hail_in = 0.5 WHERE {TREAT}", 1),
    "outside_swath: a company's own least hail": (
        """UPDATE tenants SET policy_rules = '{"swath_min_in": 2.0}' WHERE tenant_id = %(tenant)s""",
        40,
    ),
    "orphan_decision": (f"DELETE FROM property_impacts WHERE {HELD}", 1),
    "implausible_uplift": (f"UPDATE lead_uplift SET expected_uplift = 0.9 WHERE {TREAT}", 1),
    "implausible_uplift: none": (f"DELETE FROM lead_uplift WHERE {TREAT}", 1),
    "stale_score": (f"UPDATE property_impacts SET updated_at = now() + interval '1 second' WHERE {TREAT}", 1),
    "stale_score: old": (f"UPDATE lead_uplift SET scored_at = now() - interval '31 days' WHERE {TREAT}", 1),
    "stale_score: of another storm": (
        """INSERT INTO storms (tenant_id, slug, name, event_date) VALUES (%(tenant)s, 'o', 'o', now());
           UPDATE lead_uplift SET scored_at = '2001-01-01',
                  storm_id = (SELECT storm_id FROM storms WHERE slug = 'o')""",
        0,
    ),
    "held_out_contacted": (f"UPDATE customer_journeys SET channel = 'door' WHERE {HELD}", 1),
    "held_out_contacted: a job from before the lock": (
        f"""{UNTRIGGERED} INSERT INTO jobs (tenant_id, storm_id, property_id)
            SELECT tenant_id, storm_id, property_id FROM policy_decisions_log WHERE {HELD}""",
        1,
    ),
    "treated_without_job": (_WITHOUT_JOB, 1),
    "treated_without_job: who said no since": (_WITHOUT_JOB + said_no("door", "0 s"), 0),
    "job_without_route": (f"UPDATE jobs SET route_id = NULL WHERE {JOB}", 1),
    "wrong_property_count": ("UPDATE routes SET property_count = property_count + 1", 1),
    "wrong_property_count: no stop at all": ("DELETE FROM route_properties", 1),
    "undecided_outcome": (f"{UNTRIGGERED} DELETE FROM policy_decisions_log WHERE {TREAT}", 1),
    "converted_without_value": (f"UPDATE policy_outcomes SET value_cents = NULL WHERE {TREAT}", 1),
    "converted_without_value: nought": (f"UPDATE policy_outcomes SET value_cents = 0 WHERE {TREAT}", 1),
    "outcome_before_storm": (f"UPDATE policy_outcomes SET observed_at = '2021-04-28 04:59+00' WHERE {TREAT}", 1),
    "outcome_before_storm: on its day in Texas": (
        f"UPDATE policy_outcomes SET observed_at = '2021-04-28 05:00+00' WHERE {TREAT}",
        0,
    ),
    "completed_before_created": (f"UPDATE jobs SET completed_at = created_at - interval '1 day' WHERE {JOB}", 1),
    "from_the_future": (f"UPDATE policy_outcomes SET observed_at = now() + interval '1 day' WHERE {TREAT}", 1),
    "from_the_future: a job": (f"UPDATE jobs SET completed_at = now() + interval '1 day' WHERE {JOB}", 1),
    "from_the_future: a decision": (
        f"UPDATE policy_decisions_log SET decided_at = now() + interval '1 day' WHERE {TREAT}",
        1,
    ),
    "from_the_future: a touch": (
        f"""UPDATE customer_journeys SET "timestamp" = now() + interval '1 day' WHERE {TREAT}""",
        1,
    ),
    "suppressed_contacted": (said_no("door", "-1 day"), 1),
    "suppressed_contacted: lifted before": (said_no("all", "-9 days", "now() - interval '8 days'"), 0),
    "suppressed_contacted: another channel": (said_no("call", "-1 day"), 0),
    "suppressed_contacted: said at that very door": (said_no("all", "0 s") + _VISIT.format("2 minutes"), 0),
    "suppressed_contacted: by a crew": (said_no("all", "1 day") + _VISIT.format("2 days"), 1),
    "suppressed_contacted: by a sender who never said so": (said_no("text", "-1 day") + _HANDED, 1),
}
