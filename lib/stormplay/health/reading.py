"""What is read of a company to judge its health: one query each, all storms of it at once, nothing of another's."""

from __future__ import annotations

import pandas as pd
from sqlalchemy.engine import Connection

from stormplay import clock, tenancy
from stormplay import quality as quality_checks
from stormplay.errors import REPORT_STOPPED
from stormplay.jobs import reading as job_reading
from stormplay.jobs.workflow import Workflow

# A report of health speaks of a moment, and knows nothing that came later, so that made again it says the same.
_STORMS = """
SELECT s.storm_id, s.slug, s.name, s.status, s.event_date, k.computed_at AS changed_at
  FROM storms s LEFT JOIN storm_scores k ON k.tenant_id = :tenant_id AND k.storm_id = s.storm_id
 WHERE s.tenant_id = :tenant_id ORDER BY s.event_date DESC, s.slug
"""
_QUALITY = f"""
WITH newest AS (
    SELECT DISTINCT ON (q.storm_id) q.storm_id, q.run_id, q.made_at, q.made_by, q.checks, q.issues
      FROM quality_runs q WHERE q.tenant_id = :tenant_id AND q.made_at <= :now
     ORDER BY q.storm_id, q.made_at DESC, q.run_id DESC),
worst AS (
    SELECT DISTINCT ON (r.run_id) r.run_id, r.check_name, r.issues AS check_issues, r.checked AS check_records
      FROM quality_results r
     WHERE r.tenant_id = :tenant_id AND r.run_id IN (SELECT run_id FROM newest) AND r.issues > 0
     ORDER BY r.run_id, r.issues DESC, r.check_name)
SELECT n.storm_id, n.made_at, n.made_by, n.checks, n.issues, w.check_name, w.check_issues, w.check_records,
       {quality_checks.since_sql("n.storm_id", "n.made_at")} AS since
  FROM newest n LEFT JOIN worst w USING (run_id)
"""  # noqa: S608 - own words
_JOBS = """
WITH patience AS (SELECT * FROM unnest(CAST(:names AS text[]), CAST(:days AS int[])) AS x(status, allowed))
SELECT j.storm_id, count(*) AS total, count(*) FILTER (WHERE j.status <> ALL (CAST(:ends AS text[]))) AS open,
       count(*) FILTER (WHERE j.status_since < CAST(:now AS timestamptz) - make_interval(days => x.allowed)) AS stuck,
       max(j.updated_at) AS updated_at
  FROM jobs j LEFT JOIN patience x ON x.status = j.status
 WHERE j.tenant_id = :tenant_id GROUP BY j.storm_id
"""
_POSITIONS = """
SELECT storm_id, sum(greatest(end_offset - next_offset, 0))::bigint AS behind, max(told_at) AS told_at,
       sum(next_offset)::bigint AS read
  FROM stream_positions WHERE tenant_id = :tenant_id GROUP BY storm_id
"""
_LETTERS = """
SELECT storm_id, count(*) AS open, min(received_at) AS oldest
  FROM stream_dead_letters WHERE tenant_id = :tenant_id AND status = 'open' AND received_at <= :now GROUP BY storm_id
"""
_LAST_EVENT = """
SELECT applied_at FROM stream_events WHERE tenant_id = :tenant_id AND applied_at <= :now
 ORDER BY transaction_id DESC LIMIT 1
"""
_REPORTS = """
WITH runs AS (SELECT storm_id, notebook, run_id, ended_at, error,
                     CASE WHEN status = 'fresh' THEN 'good'
                          WHEN error LIKE :stopped THEN 'stopped' ELSE 'bad' END AS kind
                FROM report_runs
               WHERE tenant_id = :tenant_id AND status <> 'running' AND ended_at <= :now),
     good AS (SELECT DISTINCT ON (storm_id, notebook) storm_id, notebook, run_id, ended_at
                FROM runs WHERE kind = 'good' ORDER BY storm_id, notebook, run_id DESC),
     bad AS (SELECT DISTINCT ON (r.storm_id, r.notebook) r.storm_id, r.notebook, r.ended_at, r.error
               FROM runs r LEFT JOIN good g USING (storm_id, notebook)
              WHERE r.kind = 'bad' AND (g.run_id IS NULL OR r.run_id > g.run_id)
              ORDER BY r.storm_id, r.notebook, r.run_id DESC)
SELECT storm_id, notebook, g.ended_at AS good_at, b.ended_at AS failed_at, b.error
  FROM good g FULL JOIN bad b USING (storm_id, notebook) ORDER BY storm_id, notebook
"""
_PEOPLE = """
SELECT p.*, (SELECT max(r.started_at) FROM report_runs r WHERE r.tenant_id = :tenant_id AND r.username = p.username)
            AS reported_at
  FROM sec.tenant_people() p
"""


def storms(connection: Connection) -> pd.DataFrame:
    """storm_id, slug, name, status, event_date, changed_at (when anything behind its score last changed)."""
    return tenancy.frame(connection, _STORMS)


def quality(connection: Connection) -> pd.DataFrame:
    """The newest run of the checks of each storm that has one.

    Columns: storm_id, made_at, made_by, checks, issues; check_name, check_issues, check_records of the check that found
    most, missing where none found anything; since: what has happened since, a key of `quality.SINCE`, or missing.
    """
    return tenancy.frame(connection, _QUALITY, {"now": clock.now()})


def jobs(connection: Connection) -> pd.DataFrame:
    """One row a storm that has jobs: storm_id, total, open, stuck (longer in a status than usual), updated_at."""
    flow: Workflow = job_reading.workflow(connection)
    patience = {status.name: status.stale_after_days for status in flow.statuses.values()
                if status.stale_after_days is not None and not status.ends}  # fmt: skip
    values = {"names": list(patience), "days": list(patience.values()), "ends": flow.names(ends=True),
              "now": clock.now()}  # fmt: skip
    return tenancy.frame(connection, _JOBS, values)


def stream(connection: Connection) -> tuple[pd.DataFrame, pd.DataFrame, pd.Timestamp | None]:
    """How far each storm's events are read, what could not be applied, and when the newest event was.

    Returns:
        storm_id, behind (events), told_at, read (events) · storm_id, open (letters), oldest · the moment, or None.
    """
    letters = tenancy.frame(connection, _LETTERS, {"now": clock.now()})
    last = tenancy.frame(connection, _LAST_EVENT, {"now": clock.now()})
    return tenancy.frame(connection, _POSITIONS), letters, None if last.empty else last["applied_at"].iloc[0]


def reports(connection: Connection) -> pd.DataFrame:
    """Each report that was ever run: storm_id, notebook, good_at (the last good run), failed_at and error of the newest
    run since then that was not good; one that somebody stopped is no failure."""
    return tenancy.frame(connection, _REPORTS, {"now": clock.now(), "stopped": f"{REPORT_STOPPED}%"})


def people(connection: Connection) -> pd.DataFrame:
    """The company's people, for its admins: username, display_name, role, is_open, member_since, noticed_since (from
    when on their activity was noticed), seen_at (pages), changed_at (changes, of 90 days), reported_at (reports).

    Raises:
        NotAllowed: Somebody else asks; raised at the end of the session.
    """
    return tenancy.frame(connection, _PEOPLE)
