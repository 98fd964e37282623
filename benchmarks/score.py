"""What it costs that the Storm Play Score is never stale, on a storm of 100,000 homes.

    python benchmarks/score.py --home /tmp/bench-score
    python benchmarks/score.py --homes 10000

An embedded Postgres of its own is filled with one company's storm, four fifths of its homes treated with a job and an
outcome each, beside ten companies with a tenth. Then, through a kernel's login:

    recount      all five parts of the score at once, and each part alone: the time of the deferred trigger
    one job      `JobTracker.update_job(status='completed')` whole, in turn with the score's triggers on and off
    a thousand   jobs completed by one statement and transaction, as a stream does it, on and off in turn
    a load       10,000 homes decided by one statement and transaction, on and off in turn

Every score is compared with what plain SQL counts as administrator. Exits with 1 where the whole recount takes 300 ms
or more in the median, or one job's update becomes dearer by 50 ms or more.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ending
from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from sqlalchemy.engine import Connection
from tenancy import use_home
from tenants import as_administrator

from stormplay import JobTracker, accounts, database, migrations, tenancy
from stormplay.errors import BadInput

SUBJECT, OTHERS, STORM = "subject", 10, "2021-04-28"
RECOUNT_MS, ADDED_MS = 300.0, 50.0
BATCH, LOAD = 1_000, 10_000
_TABLES = ("policy_decisions_log", "lead_uplift", "jobs", "policy_outcomes", "quality_runs")
_out = Console(width=130)

_FILL = (
    """CREATE TEMP TABLE home AS SELECT n, uuidv7() AS property_id, n % 5 = 0 AS is_held,
              n <= :homes AS is_decided FROM generate_series(1::bigint, :homes + :more) n""",
    "ANALYZE home",
    """INSERT INTO properties (tenant_id, property_id, address, zip_code, latitude, longitude, is_synthetic)
       SELECT :tenant, property_id, n || ' Made Up Street', '76137', 32.9, -97.3, true FROM home""",
    """INSERT INTO lead_uplift (tenant_id, property_id, storm_id, expected_uplift, next_best_action, model_version)
       SELECT :tenant, property_id, CAST(:storm AS uuid), n % 41 / 100.0, 'door', 'made up' FROM home""",
    """INSERT INTO policy_decisions_log (tenant_id, storm_id, property_id, decision, reason, model_version)
       SELECT :tenant, CAST(:storm AS uuid), property_id, CASE WHEN is_held THEN 'hold_out' ELSE 'treat' END, 'made up',
              'made up' FROM home WHERE is_decided""",
    """INSERT INTO jobs (tenant_id, storm_id, property_id, status, furthest, completed_at)
       SELECT :tenant, CAST(:storm AS uuid), property_id, CASE WHEN n % 3 = 0 THEN 'completed' ELSE 'inspected' END,
              'inspected', CASE WHEN n % 3 = 0 THEN now() END FROM home WHERE is_decided AND NOT is_held""",
    """INSERT INTO policy_outcomes (tenant_id, storm_id, property_id, actual_converted)
       SELECT :tenant, CAST(:storm AS uuid), property_id, n % CASE WHEN is_held THEN 25 ELSE 17 END = 0
         FROM home WHERE is_decided""",
    """INSERT INTO quality_runs (tenant_id, storm_id, checks, issues, seconds, made_by)
       VALUES (:tenant, CAST(:storm AS uuid), 10 * :homes, :homes / 50, 1, 'made up')""",
    "DROP TABLE home",
)
_COUNTED = """
SELECT count(*) FILTER (WHERE d.decision = 'treat') AS treat,
       count(*) FILTER (WHERE u.expected_uplift > 0.15) AS high_uplift,
       count(j.*) FILTER (WHERE j.status = 'completed' OR j.completed_at IS NOT NULL) AS completed,
       count(j.*) AS total,
       count(*) FILTER (WHERE d.decision = 'treat' AND o.actual_converted) AS treat_converted,
       count(*) FILTER (WHERE d.decision = 'hold_out' AND o.actual_converted IS NOT NULL) AS control_known
  FROM policy_decisions_log d
  LEFT JOIN lead_uplift u ON (u.tenant_id, u.property_id) = (d.tenant_id, d.property_id)
  LEFT JOIN jobs j ON (j.tenant_id, j.storm_id, j.property_id) = (d.tenant_id, d.storm_id, d.property_id)
  LEFT JOIN policy_outcomes o ON (o.tenant_id, o.storm_id, o.property_id) = (d.tenant_id, d.storm_id, d.property_id)
 WHERE d.storm_id = CAST(:storm AS uuid)
"""

# What moves each part of the score.
_TOUCH = {
    "decisions": """INSERT INTO policy_decisions_log (storm_id, property_id, decision, reason, model_version)
                    SELECT :storm, property_id, 'treat', 'made up', 'made up' FROM properties p
                     WHERE NOT EXISTS (SELECT FROM policy_decisions_log d WHERE d.storm_id = :storm
                                          AND d.property_id = p.property_id) LIMIT 1""",
    "uplift": """UPDATE lead_uplift SET expected_uplift = CASE WHEN expected_uplift > 0.15 THEN 0.1 ELSE 0.2 END
                  WHERE property_id = (SELECT property_id FROM policy_decisions_log WHERE storm_id = :storm
                                        ORDER BY decision_id LIMIT 1)""",
    "jobs": """UPDATE jobs SET status = CASE WHEN status = 'completed' THEN 'inspected' ELSE 'completed' END,
                      completed_at = NULL WHERE job_id = (SELECT job_id FROM jobs WHERE storm_id = :storm
                                                           ORDER BY job_id LIMIT 1)""",
    "outcomes": """UPDATE policy_outcomes SET actual_converted = NOT actual_converted WHERE storm_id = :storm
                      AND property_id = (SELECT property_id FROM policy_decisions_log WHERE storm_id = :storm
                                          ORDER BY decision_id LIMIT 1)""",
    "quality": """INSERT INTO quality_runs (storm_id, checks, issues, seconds, made_by)
                  SELECT :storm, checks, issues + 1, 1, 'made up' FROM quality_runs WHERE storm_id = :storm
                   ORDER BY made_at DESC LIMIT 1""",
}


def load(homes: int) -> str:
    """Fill the embedded database as administrator; nothing where that was done before. Returns the storm's id.

    Raises:
        BadInput: The database has another size.
    """
    migrations.migrate()
    query = "SELECT count(*) FROM properties p JOIN tenants t USING (tenant_id) WHERE t.slug = :slug"
    with database.transaction(database.admin_url()) as connection:
        have = int(connection.execute(text(query), {"slug": SUBJECT}).scalar_one())
    if have not in (0, homes + LOAD):
        raise BadInput(f"This folder has {have - LOAD:,} homes.", f"Expected {homes:,}.", "Name another --home.")
    if not have:
        sizes = {SUBJECT: homes, **{f"other-{number:02d}": max(1, homes // 10) for number in range(OTHERS)}}
        known = {slug: accounts.add_tenant(slug, slug.capitalize(), is_synthetic=True) for slug in sizes}
        with database.transaction(database.admin_url()) as connection:  # all or nothing
            for slug, size in sizes.items():
                _fill(connection, known[slug], size)
            connection.execute(text("SET LOCAL session_replication_role = origin"))
            connection.execute(
                text("SELECT recount_storm_score(tenant_id, storm_id, NULL, 'Loaded', 'load') FROM storms")
            )
        as_administrator("ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()", "VACUUM ANALYZE", "CHECKPOINT")
    with tenancy.session(SUBJECT) as connection:
        return tenancy.storm_id(connection, STORM)


def _fill(connection: Connection, tenant_id: str, homes: int) -> None:
    statement = """INSERT INTO storms (tenant_id, slug, name, event_date)
                   VALUES (:tenant, :storm, 'Made up', :storm) RETURNING storm_id"""
    storm = connection.execute(text(statement), {"tenant": tenant_id, "storm": STORM}).scalar_one()
    # Neither foreign keys, the audit nor the score are asked: the rows fit, and nobody did this.
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    for one in _FILL:
        connection.execute(text(one), {"tenant": tenant_id, "storm": storm, "homes": homes, "more": LOAD})
    connection.execute(text("SET LOCAL session_replication_role = origin"))


def check(storm: str) -> None:
    """See that the score's counts are the rows'.

    Raises:
        RuntimeError: They are not: the score has drifted.
    """
    with database.transaction(database.admin_url()) as connection:
        counted = dict(connection.execute(text(_COUNTED), {"storm": storm}).mappings().one())
        names = ", ".join(counted)
        kept = connection.execute(text(f"SELECT {names} FROM storm_scores WHERE storm_id = :storm"), {"storm": storm})
        said = dict(kept.mappings().one())
    if said != counted:
        raise RuntimeError(f"the score says {said}, the rows say {counted}")


# ---- what is timed


def recount_ms(storm: str, parts: tuple[str, ...]) -> float:
    """Milliseconds of the deferred trigger after these parts were touched in one transaction."""
    with tenancy.session(SUBJECT) as connection:
        for part in parts:
            connection.execute(text(_TOUCH[part]), {"storm": storm})
        began = time.perf_counter()
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        return (time.perf_counter() - began) * 1e3


@contextmanager
def score(is_on: bool) -> Iterator[None]:
    """The score's triggers, or none of them."""
    act = "ENABLE" if is_on else "DISABLE"
    query = """SELECT tgrelid::regclass::text, tgname FROM pg_trigger
                WHERE tgname LIKE 'score\\_%' AND tgrelid::regclass::text = ANY (:tables)"""
    with database.transaction(database.admin_url()) as connection:
        for table, trigger in connection.execute(text(query), {"tables": list(_TABLES)}).all():
            connection.execute(text(f"ALTER TABLE {table} {act} TRIGGER {trigger}"))
    yield


def one_job(tracker: JobTracker, jobs: Iterator[str]) -> None:
    """A crew completes a job."""
    tracker.update_job(next(jobs), status="completed")


def a_thousand(storm: str, ids: Iterator[list[str]]) -> None:
    """A stream completes a thousand jobs."""
    with tenancy.session(SUBJECT) as connection:
        connection.execute(
            text("""UPDATE jobs SET status = 'completed', completed_at = now()
                     WHERE storm_id = :storm AND job_id = ANY (CAST(:ids AS uuid[]))"""),
            {"storm": storm, "ids": next(ids)},
        )


def a_load(storm: str) -> None:
    """Homes are decided at once; taken back, so that there is something to decide the next time."""
    with database.engine(tenancy.address()).connect() as connection, connection.begin() as whole:
        tenancy._choose(connection, SUBJECT)
        connection.execute(
            text("""INSERT INTO policy_decisions_log (storm_id, property_id, decision, reason, model_version, tenant_id)
                    SELECT :storm, property_id, 'treat', 'made up', 'made up', tenant_id FROM properties p
                     WHERE NOT EXISTS (SELECT FROM policy_decisions_log d WHERE d.tenant_id = p.tenant_id
                                          AND d.storm_id = :storm AND d.property_id = p.property_id)"""),
            {"storm": storm},
        )
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        whole.rollback()


def in_turn(act: Callable[[], Any], runs: int) -> tuple[list[float], list[float]]:
    """Milliseconds of an act without the score and with it, in turn; the first of each does not count."""
    taken: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(runs + 1):
        for is_on in (False, True):
            with score(is_on):
                began = time.perf_counter()
                act()
                taken[is_on].append((time.perf_counter() - began) * 1e3)
    return taken[False][1:], taken[True][1:]


# ---- the command


def measure(storm: str, runs: int) -> bool:
    """Time everything and print it. Returns whether the bounds are kept."""
    table = Table("what", "median, ms", "worst, ms", "bound, ms", "", title="The score of a storm")
    whole = tuple(_TOUCH)
    is_kept = True
    for name, parts in {"recount: all of it": whole, **{f"recount: {part}": (part,) for part in whole}}.items():
        ms = [recount_ms(storm, parts) for _ in range(2 * runs + 1)][1:]
        bound = RECOUNT_MS if parts == whole else None
        is_kept &= _row(table, name, statistics.median(ms), max(ms), bound)
    check(storm)
    tracker = JobTracker(SUBJECT, STORM)
    with tenancy.session(SUBJECT) as connection:
        query = "SELECT job_id::text FROM jobs WHERE storm_id = :storm AND status = 'inspected' LIMIT :n"
        n = 2 * (runs + 1) * (BATCH + 1)
        ids = list(connection.execute(text(query), {"storm": storm, "n": n}).scalars())
    single, batch = iter(ids[: 2 * (runs + 1)]), min(BATCH, len(ids) // (2 * (runs + 1)) - 1)
    rest = ids[2 * (runs + 1) :]
    many = iter([rest[k * batch : (k + 1) * batch] for k in range(2 * (runs + 1))])
    for name, act, bound in (
        ("one job completed", lambda: one_job(tracker, single), ADDED_MS),
        (f"{batch:,} jobs completed", lambda: a_thousand(storm, many), None),
        (f"{LOAD:,} homes decided", lambda: a_load(storm), None),
    ):
        without, with_it = in_turn(act, runs)
        added = [on - off for off, on in zip(without, with_it, strict=True)]
        _row(table, f"{name}: whole, without the score", statistics.median(without), max(without), None)
        is_kept &= _row(table, f"{name}: added by the score", statistics.median(added), max(added), bound)
    with database.transaction(database.admin_url()) as connection:  # what was done while it looked away
        connection.execute(
            text("SELECT recount_storm_score(tenant_id, storm_id, NULL, 'Benchmark', 'end') FROM storms")
        )
    check(storm)
    _out.print(table)
    _out.print(f"a recount under {RECOUNT_MS:,.0f} ms and a job's update dearer by less than {ADDED_MS:,.0f} ms: "
               f"{ending.word(is_kept)}; the counts are the rows'")  # fmt: skip
    return is_kept


def _row(table: Table, name: str, median: float, worst: float, bound: float | None) -> bool:
    is_kept = bound is None or median < bound
    said = "" if bound is None else ending.word(is_kept)
    table.add_row(name, f"{median:,.1f}", f"{worst:,.1f}", "" if bound is None else f"{bound:,.0f}", said)
    return is_kept


def main(arguments: list[str] | None = None) -> int:
    """Load, measure and print; 0 when the bounds are kept, 1 when one is broken."""
    parser = ending.parser(__doc__)
    parser.add_argument("--home", type=Path, help="folder of the database, filled once and used again (default: new)")
    parser.add_argument("--homes", type=int, default=100_000, help="homes of the storm (default 100,000)")
    parser.add_argument("--runs", type=int, default=5, help="runs that count (default 5)")
    options = parser.parse_args(arguments)
    use_home(options.home)
    return ending.exit_code(lambda: measure(load(options.homes), max(1, options.runs)), options)


if __name__ == "__main__":
    sys.exit(main())
