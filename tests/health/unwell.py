"""A company with something wrong in each dimension, as the product itself would have left it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import text
from world import make_world

from stormplay import accounts
from stormplay import database as db
from stormplay.billing import closing, subscribing

PLAN = "health-test"
TERMS = {"reports": {"included": 10, "per": 1, "tiers": [{"up_to": None, "micros": 200_000}]},
         "routed_stops": {"included": 100, "per": 1, "tiers": [{"up_to": None, "micros": 41_337}]}}  # fmt: skip

SQL = """
INSERT INTO quality_runs (tenant_id, run_id, storm_id, checks, issues, seconds, made_by)
    VALUES (:t, :run, :s, 200, 20, 1, 'Ana');
INSERT INTO quality_results (tenant_id, run_id, check_name, checked, issues)
    VALUES (:t, :run, 'missing_coordinates', 100, 15), (:t, :run, 'impossible_coordinates', 100, 5);
INSERT INTO jobs (tenant_id, storm_id, property_id, status, status_since)
    SELECT :t, :s, property_id, 'scheduled', clock_timestamp() - interval '90 days'
      FROM policy_decisions_log WHERE tenant_id = :t AND storm_id = :s AND decision = 'treat'
     ORDER BY property_id LIMIT 4;
INSERT INTO stream_positions (tenant_id, storm_id, partition, next_offset, end_offset, told_at)
    VALUES (:t, :s, 0, 90, 100, clock_timestamp() - interval '2 hours');
INSERT INTO stream_dead_letters (tenant_id, storm_id, topic, partition, "offset", reason, said, payload, event_at)
    VALUES (:t, :s, 'x', 0, 1, 'invalid', 'It has no id.', 'x', clock_timestamp());
INSERT INTO report_runs (tenant_id, storm_id, notebook, destination, parameters, as_of, username, status, started_at,
                         ended_at, error)
    VALUES (:t, :s, 'score', '/srv', '{}', clock_timestamp(), 'ana', 'fresh', clock_timestamp() - interval '2 days',
            clock_timestamp() - interval '2 days', NULL);
INSERT INTO report_runs (tenant_id, storm_id, notebook, destination, parameters, as_of, username, status, started_at,
                         ended_at, error)
    VALUES (:t, :s, 'score', '/srv', '{}', clock_timestamp(), 'ana', 'failed', clock_timestamp(), clock_timestamp(),
            '<b>score</b> failed in cell 3');
INSERT INTO slo_counts (tenant_id, service, bucket_at, good, total)
    VALUES (:t, 'page_time', date_trunc('hour', clock_timestamp()) - interval '1 day', 900, 1000);
"""


def unwell():
    """A world with all of that."""
    world = make_world(treat=12, hold_out=2, skip=1, suppressed=0, without_place=0)
    spoil(world.tenant, world.storm_id)
    return world


def spoil(tenant, storm_id):
    with db.transaction(db.admin_url()) as connection:
        found = connection.execute(text("SELECT tenant_id::text FROM tenants WHERE slug = :slug"), {"slug": tenant})
        tenant_id = found.scalar_one()
        for statement in SQL.split(";\n"):
            if statement.strip():
                values = {"t": tenant_id, "s": storm_id, "run": RUN.setdefault(tenant, str(uuid4()))}
                named = {name: value for name, value in values.items() if re.search(rf":{name}\b", statement)}
                connection.execute(text(_typed(statement)), named)
    bill(tenant, tenant_id)


RUN: dict[str, str] = {}


def _typed(statement):
    for name in ("t", "s", "run"):
        statement = re.sub(rf":{name}\b", f"CAST(:{name} AS uuid)", statement)
    return statement


def bill(tenant, tenant_id):
    """A plan since two months ago, a closed month, and 9 of 10 reports used in this one."""
    if PLAN not in {plan.name for plan in subscribing.plans()}:
        subscribing.add_plan(PLAN, 9_900, TERMS)
    today = datetime.now(ZoneInfo("America/Chicago")).date()
    last = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    with db.transaction(db.admin_url()) as connection:  # the demo's companies have one from this month on
        connection.execute(text("DELETE FROM subscriptions WHERE tenant_id = CAST(:t AS uuid)"), {"t": tenant_id})
    subscribing.subscribe(tenant, PLAN, last)
    with db.transaction(db.admin_url()) as connection:
        for day, n in ((last + timedelta(days=10), 13), (today, 9)):
            for _ in range(n):
                connection.execute(
                    text("SELECT sec.record_usage(CAST(:t AS uuid), 'reports', :k, 1, :at, NULL)"),
                    {"t": tenant_id, "k": str(uuid4()), "at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC)},
                )
    closing.close_month(tenant, f"{last:%Y-%m}")


def member(tenant, username, role):
    accounts.add_person(username, username.title(), "hailstorm-1")
    accounts.add_member(username, tenant, role)


def open_alert(slug, service="page_time"):
    """An urgent alert of a company, as the watch leaves it. Returns its id."""
    query = """INSERT INTO slo_alerts (tenant_id, service, severity, rule, cause, next_action, burn, bad, total,
                                       opened_at)
               SELECT tenant_id, :service, 'urgent', 'a rule', '60 of 60 page views took longer than 5 s.',
                      'Open the page and see what it waits for.', 20, 60, 60, clock_timestamp()
                 FROM tenants WHERE slug = :slug RETURNING alert_id::text"""
    with db.transaction(db.admin_url()) as connection:
        return connection.execute(text(query), {"slug": slug, "service": service}).scalar_one()
