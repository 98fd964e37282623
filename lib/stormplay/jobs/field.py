"""What came back from the field, applied to jobs: all of a file or nothing, each word once, in whatever order.

A job's status is that of its latest event; a word that comes late takes its place in the trail and changes the status
only where nothing newer is known. So two people's files and the page's own edits end in the same state, whichever
comes first and however often.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.jobs import slips
from stormplay.jobs.slips import Fault, Slip
from stormplay.jobs.workflow import REACHES, Workflow
from stormplay.jobs.writing import REFUSED


@dataclass(frozen=True)
class Applied:
    """What became of a file.

    Attributes:
        rows: Rows that said something.
        changed: Jobs that are different now.
        faults: What was wrong; where there is any, nothing was applied.
        outweighed: Words that are kept in the trail and changed no status, since something newer was known.
        again: Whether this very file had been applied before.
    """

    rows: int
    changed: int
    faults: tuple[Fault, ...]
    outweighed: tuple[Fault, ...]
    again: bool = False


def apply(connection: Connection, flow: Workflow, storm_id: str, data: bytes) -> Applied:
    """Apply a file that a crew filled in.

    Args:
        connection: An open session.
        flow: The tenant's status machine.
        storm_id: The storm whose jobs it may change.
        data: The file.

    Raises:
        BadInput: It is no such file at all.
    """
    zone = str(connection.execute(text("SELECT time_zone FROM tenants")).scalar_one())
    found, faults = slips.read(data, flow, now=datetime.now(UTC), time_zone=zone)
    before = _jobs(connection, storm_id, [slip.job_id for slip in found])
    faults += [Fault(slip.line, "This storm has no such job.") for slip in found if slip.job_id not in before]
    if faults:
        return Applied(len(found), 0, tuple(sorted(faults, key=lambda fault: fault.line)), ())
    digest = hashlib.sha256(data).hexdigest()
    again = _known(connection, storm_id, digest)
    who = connection.execute(text("SELECT sec.my_name()")).scalar_one()
    tenancy.because(connection, f"{who} read in a file from the field")
    _keep(connection, flow, found, who, digest)
    changed = settle(connection, flow, [slip.job_id for slip in found], who)
    if not again:
        tenancy.insert(connection, "field_imports", pd.DataFrame([
            {"storm_id": storm_id, "sha256": digest, "row_count": len(found), "changed": changed, "imported_by": who}
        ]))  # fmt: skip
    after = _jobs(connection, storm_id, [slip.job_id for slip in found])
    outweighed = [
        Fault(slip.line, f"Newer is '{flow.label(after[slip.job_id])}'; '{flow.label(slip.status)}' is in the trail.")
        for slip in found if slip.status and after[slip.job_id] != slip.status
    ]  # fmt: skip
    return Applied(len(found), changed, (), tuple(outweighed), again)


def _jobs(connection: Connection, storm_id: str, job_ids: Sequence[str]) -> dict[str, str]:
    """Job -> status, locked in one order, so that two files never wait for each other."""
    rows = connection.execute(
        text("""SELECT job_id::text, status FROM jobs
                 WHERE storm_id = :storm AND job_id = ANY (CAST(:ids AS uuid[])) ORDER BY job_id FOR UPDATE"""),
        {"storm": storm_id, "ids": list(job_ids)},
    )
    return {row.job_id: row.status for row in rows}


def _known(connection: Connection, storm_id: str, digest: str) -> bool:
    query = text("SELECT count(*) FROM field_imports WHERE storm_id = :storm AND sha256 = :digest")
    return bool(connection.execute(query, {"storm": storm_id, "digest": digest}).scalar_one())


def _keep(connection: Connection, flow: Workflow, found: Sequence[Slip], who: str, digest: str) -> None:
    events = [
        {"job": slip.job_id, "before": slip.before, "after": slip.status, "at": slip.at, "who": who,
         "reach": flow.statuses[slip.status].reach, "source": f"file {digest[:12]}"}
        for slip in found if slip.status
    ]  # fmt: skip
    notes = [{"job": slip.job_id, "notes": slip.note, "who": who, "at": slip.at} for slip in found if slip.note]
    if events:
        keep_before(connection, flow, [str(event["job"]) for event in events])
        connection.execute(
            text("""INSERT INTO job_events (job_id, from_status, to_status, reach, said_by, source, happened_at)
                    VALUES (:job, :before, :after, :reach, :who, :source, :at) ON CONFLICT DO NOTHING"""),
            events,
        )
    if notes:
        connection.execute(
            text("""INSERT INTO job_notes (job_id, notes, author, noted_at) VALUES (:job, :notes, :who, :at)
                    ON CONFLICT DO NOTHING"""),
            notes,
        )


def keep_before(connection: Connection, flow: Workflow, job_ids: Sequence[str]) -> None:
    """Begin the trail of jobs that have a status and no trail yet, so that a new word finds what it comes after."""
    connection.execute(text(_BEFORE), {"ids": list(job_ids), "first": flow.first})


# A status that was there before there was a trail is an event too.
_BEFORE = """
INSERT INTO job_events (job_id, from_status, to_status, reach, said_by, source, happened_at)
SELECT j.job_id, :first, j.status, j.furthest, 'before the trail', 'before', j.status_since FROM jobs j
 WHERE j.job_id = ANY (CAST(:ids AS uuid[])) AND j.status <> :first
   AND NOT EXISTS (SELECT FROM job_events e WHERE e.job_id = j.job_id)
"""
# The latest event wins; of two at the same moment the one that came further, then the name: never the arrival.
_SETTLE = """
WITH latest AS (
    SELECT DISTINCT ON (e.job_id) e.job_id, e.to_status, e.happened_at
      FROM job_events e WHERE e.undone_at IS NULL AND e.job_id = ANY (CAST(:ids AS uuid[]))
     ORDER BY e.job_id, e.happened_at DESC, array_position(CAST(:reaches AS text[]), e.reach) DESC, e.to_status DESC),
-- Since when: said again, a status does not begin anew.
since AS (
    SELECT l.job_id, min(e.happened_at) AS at
      FROM latest l JOIN job_events e ON e.job_id = l.job_id AND e.undone_at IS NULL AND e.to_status = l.to_status
     WHERE e.happened_at >= coalesce((SELECT max(o.happened_at) FROM job_events o
                                       WHERE o.job_id = l.job_id AND o.undone_at IS NULL
                                         AND o.to_status <> l.to_status),
                                     '-infinity')
     GROUP BY l.job_id),
reached AS (
    SELECT e.job_id, max(array_position(CAST(:reaches AS text[]), e.reach)) AS reach
      FROM job_events e WHERE e.undone_at IS NULL AND e.job_id = ANY (CAST(:ids AS uuid[])) GROUP BY e.job_id),
noted AS (
    SELECT DISTINCT ON (n.job_id) n.job_id, n.notes
      FROM job_notes n WHERE n.job_id = ANY (CAST(:ids AS uuid[])) ORDER BY n.job_id, n.noted_at DESC, n.notes DESC)
UPDATE jobs j
   SET status = s.status, status_since = s.since, completed_at = s.completed_at, furthest = s.furthest, notes = s.notes,
       row_version = j.row_version + 1, updated_at = now()
  FROM (SELECT b.job_id, coalesce(l.to_status, b.status) AS status, coalesce(n0.at, b.status_since) AS since,
               CASE WHEN l.job_id IS NULL THEN b.completed_at
                    WHEN l.to_status = 'completed' THEN n0.at END AS completed_at,
               (CAST(:reaches AS text[]))[greatest(coalesce(r.reach, 1),
                   array_position(CAST(:reaches AS text[]), b.furthest))] AS furthest,
               coalesce(n.notes, b.notes) AS notes
          FROM jobs b LEFT JOIN latest l ON l.job_id = b.job_id LEFT JOIN since n0 ON n0.job_id = b.job_id
          LEFT JOIN reached r ON r.job_id = b.job_id
          LEFT JOIN noted n ON n.job_id = b.job_id
         WHERE b.job_id = ANY (CAST(:ids AS uuid[]))) s
 WHERE j.job_id = s.job_id
   AND (j.status, j.status_since, j.completed_at, j.furthest, j.notes)
       IS DISTINCT FROM (s.status, s.since, s.completed_at, s.furthest, s.notes)
"""
_SUPPRESS = """
INSERT INTO suppressions (property_id, channel, reason)
SELECT DISTINCT j.property_id, 'all', :reason FROM jobs j JOIN job_events e ON e.job_id = j.job_id
 WHERE j.job_id = ANY (CAST(:ids AS uuid[])) AND e.undone_at IS NULL AND e.to_status = ANY (CAST(:statuses AS text[]))
   AND NOT EXISTS (SELECT FROM suppressions s
                    WHERE s.property_id = j.property_id AND s.channel = 'all' AND s.lifted_at IS NULL)
"""


def settle(connection: Connection, flow: Workflow, job_ids: Sequence[str], who: str) -> int:
    """Make jobs what their events say. Returns how many are different now."""
    if not job_ids:
        return 0
    values: dict[str, Any] = {"ids": list(job_ids), "reaches": list(REACHES)}
    changed = connection.execute(text(_SETTLE), values).rowcount
    refusing = [name for name, status in flow.statuses.items() if status.suppresses]
    connection.execute(text(_SUPPRESS), {"ids": list(job_ids), "statuses": refusing,
                                         "reason": REFUSED.format(who=who)})  # fmt: skip
    return int(changed)
