"""Taking back the newest step of a job: for a slip of the thumb, not for a change of mind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.errors import BadInput
from stormplay.jobs import field
from stormplay.jobs.workflow import Workflow
from stormplay.jobs.writing import REFUSED

MINUTES = 15

_NEWEST = """
SELECT event_id, from_status, to_status, said_by, happened_at,
       happened_at > now() - make_interval(mins => :minutes) AS is_fresh
  FROM job_events WHERE job_id = :job AND undone_at IS NULL AND source <> 'before'
 ORDER BY happened_at DESC, event_id DESC LIMIT 1
"""
# Where the step taken back was the first of the trail, the status before it was never said: say it.
_FLOOR = """
INSERT INTO job_events (job_id, from_status, to_status, reach, said_by, source, happened_at)
SELECT :job, :status, :status, :reach, 'before the trail', 'before', j.created_at FROM jobs j
 WHERE j.job_id = :job AND NOT EXISTS (SELECT FROM job_events e WHERE e.job_id = :job AND e.undone_at IS NULL)
    ON CONFLICT DO NOTHING
"""


def undo(connection: Connection, flow: Workflow, before: Mapping[str, Any]) -> None:
    """Take back the newest step, inside its transaction.

    Args:
        connection: An open session in which the job's row is locked.
        flow: The tenant's status machine.
        before: The job as it is.

    Raises:
        BadInput: There is none of this person's from the last minutes.
    """
    job = before["job_id"]
    step = connection.execute(text(_NEWEST), {"job": job, "minutes": MINUTES}).one_or_none()
    who = connection.execute(text("SELECT sec.my_name()")).scalar_one()
    if step is None or step.to_status != before["status"]:
        raise BadInput("There is no step to take back.", remedy="Choose the status that follows instead.")
    if step.said_by != who or not step.is_fresh:
        whose = "you" if step.said_by == who else step.said_by
        raise BadInput(
            f"The newest step was made by {whose}, at {step.happened_at:%H:%M} UTC.",
            f"Expected one of your own from the last {MINUTES} minutes.",
            "Choose the status that follows instead.",
        )
    tenancy.because(connection, f"{who} took a step of a job back")
    connection.execute(text("UPDATE job_events SET undone_at = now() WHERE event_id = :id"), {"id": step.event_id})
    known = flow.statuses.get(step.from_status)
    floor = {"job": job, "status": step.from_status, "reach": known.reach if known else "none"}
    connection.execute(text(_FLOOR), floor)
    undone = flow.statuses.get(step.to_status)
    if undone is not None and undone.suppresses:
        _lift(connection, before, who)
    # How far it ever came is read from what is left of the trail.
    connection.execute(text("UPDATE jobs SET furthest = 'none' WHERE job_id = :job"), {"job": job})
    field.settle(connection, flow, [job], who)


def _lift(connection: Connection, before: Mapping[str, Any], who: str) -> None:
    """What the step itself has put on the suppression ledger, and nothing that anybody else has."""
    connection.execute(
        text("""UPDATE suppressions SET lifted_at = now() WHERE property_id = :property AND channel = 'all'
                   AND lifted_at IS NULL AND reason = :reason"""),
        {"property": before["property_id"], "reason": REFUSED.format(who=who)},
    )
