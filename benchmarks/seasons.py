"""A tenant with a storm of jobs and a storm of nurture candidates, beside ten others, made up inside the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection
from tenants import as_administrator

from stormplay import accounts, database, migrations
from stormplay.errors import BadInput

SUBJECT, OTHERS = "subject", 10
JOBS_STORM, NURTURE_STORM = "2021-04-28", "2020-05-20"  # of the first day there are real hail reports for the map
STOPS_A_ROUTE, CREWS = 50, 40
THRESHOLD = 0.15
STEPS_A_HOME = 3  # of each home that is in a sequence, which every fourth candidate is


@dataclass(frozen=True)
class Sizes:
    """Rows of the tenant that is measured; each of the others has a tenth.

    Attributes:
        jobs: Jobs of its one storm.
        candidates: Homes that the list of its other storm shows.
    """

    jobs: int
    candidates: int


# A quarter of the treated is not on the list: signed, or with too little uplift. So there are more of them.
_TREATED = "round(:candidates / 0.75)::int"
_FILL = (
    # The homes of both storms. No two tenants' streets differ, so that a search finds others' rows if it looks there.
    f"""CREATE TEMP TABLE home AS
        SELECT n, uuidv7() AS property_id, n <= :jobs AS has_job
          FROM generate_series(1::bigint, :jobs + {_TREATED}) n""",
    "ANALYZE home",
    """INSERT INTO properties (tenant_id, property_id, address, city, zip_code, latitude, longitude, owner_name, phone,
                               email, roof_age_years, home_value_cents, is_synthetic)
       SELECT :tenant, property_id,
              (n * 7919 % 9000 + 100) || ' ' || (ARRAY['Oak', 'Cedar', 'Pecan', 'Elm', 'Hail', 'Mesquite', 'Juniper',
                  'Lantana', 'Bluebonnet', 'Creek'])[1 + n / 7 % 10] || ' ' || (ARRAY['Street', 'Lane', 'Drive',
                  'Court', 'Trail'])[1 + n / 70 % 5], 'Keller', 76001 + n / 2500 % 40,
              32.7 + (n * 48271 % 300007) / 1000000.0, -97.4 + (n * 69621 % 400009) / 1000000.0,
              'Made Up', CASE WHEN n % 5 > 0 THEN '+1817555' || lpad((n % 10000)::text, 4, '0') END,
              CASE WHEN n % 3 = 0 THEN 'owner' || n || '@example.invalid' END, n % 30, 25000000, true FROM home""",
    """INSERT INTO lead_uplift (tenant_id, property_id, storm_id, expected_uplift, next_best_action, model_version)
       SELECT :tenant, property_id, CASE WHEN has_job THEN CAST(:jobs_storm AS uuid) ELSE :nurture_storm END,
              CASE WHEN n % 8 = 0 THEN 0.05 ELSE 0.16 + (n * 48271 % 50021) / 100000.0 END,
              (ARRAY['door', 'call', 'mail', 'wait'])[1 + n % 4], 'made up' FROM home""",
    """INSERT INTO policy_decisions_log (tenant_id, storm_id, property_id, decision, reason, model_version)
       SELECT :tenant, CASE WHEN has_job THEN CAST(:jobs_storm AS uuid) ELSE :nurture_storm END, property_id, 'treat',
              'uplift', 'made up' FROM home""",
    """INSERT INTO policy_outcomes (tenant_id, storm_id, property_id, actual_converted)
       SELECT :tenant, :nurture_storm, property_id, n % 8 = 1 FROM home WHERE NOT has_job AND n % 8 BETWEEN 1 AND 2""",
    """INSERT INTO property_impacts (tenant_id, storm_id, property_id, hail_in, sii_score)
       SELECT :tenant, :jobs_storm, property_id, 1 + n % 3 / 2.0, n % 100 FROM home WHERE has_job""",
    """INSERT INTO suppressions (tenant_id, property_id, channel, reason, suppressed_at)
       SELECT :tenant, property_id, (ARRAY['call', 'text', 'all'])[1 + n % 3], 'asked', now() - interval '90 days'
         FROM home WHERE n % 20 = 3""",
    # Phase 4: routes, crews, statuses, and the trail of those that are under way.
    """CREATE TEMP TABLE tour AS SELECT k, uuidv7() AS route_id
         FROM generate_series(0, (:jobs - 1) / :stops) k""",
    """INSERT INTO routes (tenant_id, route_id, storm_id, route_name, property_count, status, crew_name)
       SELECT :tenant, route_id, :jobs_storm, 'Route ' || lpad((k + 1)::text, 4, '0'), :stops, 'started',
              CASE WHEN k % 10 > 0 THEN 'Crew ' || (k % :crews + 1) END FROM tour""",
    """CREATE TEMP TABLE work AS
       SELECT n, property_id, uuidv7() AS job_id, (n - 1) / :stops AS k,
              (ARRAY['scheduled', 'scheduled', 'scheduled', 'scheduled', 'en_route', 'no_answer', 'contacted',
                     'inspected', 'signed', 'completed'])[1 + n * 7 % 10] AS status,
              (ARRAY['none', 'none', 'none', 'none', 'none', 'knocked', 'contacted', 'inspected', 'signed',
                     'contacted'])[1 + n * 7 % 10] AS reach FROM home WHERE has_job""",
    """INSERT INTO jobs (tenant_id, job_id, storm_id, route_id, property_id, status, furthest, completed_at,
                         status_since)
       SELECT :tenant, job_id, :jobs_storm, CASE WHEN n % 25 > 0 THEN route_id END, property_id, status, reach,
              CASE WHEN status = 'completed' THEN now() - interval '40 days' END,
              now() - make_interval(days => (n % 20)::int) FROM work JOIN tour USING (k)""",
    """INSERT INTO job_events (tenant_id, job_id, from_status, to_status, reach, said_by, happened_at)
       SELECT :tenant, job_id, 'scheduled', status, reach, 'made up', now() - make_interval(days => (n % 20)::int)
         FROM work WHERE status <> 'scheduled'""",
    # Phase 5: some touches of late, and for every fourth home of the list three contacts over sixty days.
    """INSERT INTO customer_journeys (tenant_id, property_id, storm_id, channel, "timestamp")
       SELECT :tenant, property_id, :nurture_storm, 'mail', now() - make_interval(days => (n % 40)::int)
         FROM home WHERE NOT has_job AND n % 10 = 7""",
    """INSERT INTO nurture_runs (tenant_id, run_id, storm_id, sequence_type, begins_at, steps, rules, ledger, made_by)
       VALUES (:tenant, :run, :nurture_storm, 'follow_up', now(), '[]', '{}', '[]', 'made up')""",
    """INSERT INTO nurture_sequences (tenant_id, property_id, storm_id, sequence_type, scheduled_at, run_id, begins_at,
                                      step_number, channel, message, delay_s)
       SELECT :tenant, property_id, :nurture_storm, 'follow_up',
              now() + make_interval(days => (n / 4 % 50 + 4 * k)::int), :run, now(), k + 1,
              (ARRAY['mail', 'email', 'call'])[k + 1],
              (ARRAY['storm_letter', 'roof_check_email', 'check_in_call'])[k + 1], 345600 * least(k, 1)
         FROM home, generate_series(0, 2) k WHERE NOT has_job AND n % 4 = 3""",
    "DROP TABLE home, tour, work",
)  # fmt: skip


def load(sizes: Sizes) -> None:
    """Fill the embedded database as administrator; nothing where that was done before.

    Raises:
        BadInput: The database has other sizes.
    """
    migrations.migrate()
    with database.transaction(database.admin_url()) as connection:
        query = "SELECT count(*) FROM jobs j JOIN tenants t USING (tenant_id) WHERE t.slug = :slug"
        have = connection.execute(text(query), {"slug": SUBJECT}).scalar_one()
    if have == sizes.jobs:
        return
    if have:
        raise BadInput(f"This folder has {have:,} jobs.", f"Expected {sizes.jobs:,}.", "Name another --home.")
    tenth = Sizes(max(1, sizes.jobs // 10), max(1, sizes.candidates // 10))
    names = {SUBJECT: sizes, **{f"other-{number:02d}": tenth for number in range(OTHERS)}}
    known = {slug: accounts.add_tenant(slug, slug.capitalize(), is_synthetic=True, depot=(32.84, -97.29))
             for slug in names}  # fmt: skip
    with database.transaction(database.admin_url()) as connection:  # all or nothing
        for slug, size in names.items():
            _fill(connection, known[slug], size)
    # Else the server tidies up while something is measured.
    as_administrator("ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()", "VACUUM ANALYZE", "CHECKPOINT")


def _fill(connection: Connection, tenant_id: str, sizes: Sizes) -> None:
    values: dict[str, Any] = {"tenant": tenant_id, "stops": STOPS_A_ROUTE, "crews": CREWS, **vars(sizes)}
    for name, slug, status in (("jobs_storm", JOBS_STORM, "active"), ("nurture_storm", NURTURE_STORM, "active")):
        statement = """INSERT INTO storms (tenant_id, slug, name, status, event_date)
                       VALUES (:tenant, :slug, :name, :status, :slug) RETURNING storm_id"""
        given = {"tenant": tenant_id, "slug": slug, "name": f"Storm of {slug}", "status": status}
        values[name] = connection.execute(text(statement), given).scalar_one()
    # Neither foreign keys nor the audit are asked: the rows fit, and nobody did this.
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    values["run"] = connection.execute(text("SELECT uuidv7()")).scalar_one()
    for statement in _FILL:
        connection.execute(text(statement), values)
