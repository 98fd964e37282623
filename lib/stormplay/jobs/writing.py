"""One change of one job, inside its transaction: check, write, keep what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg2.extras import Json
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.errors import BadInput, Conflict
from stormplay.jobs import claim
from stormplay.jobs.workflow import REACHES, Status, Workflow, check_note

MOST_PHOTOS = 200
REFUSED = "asked at the door not to return (noted by {who})"  # on the suppression ledger


def change(connection: Connection, flow: Workflow, before: Mapping[str, Any], *, status: str | None,
           notes: str | None, photos: Sequence[str] | None, claim_intel: Mapping[str, Any] | None) -> None:  # fmt: skip
    """Write what was given of one job; all of it or nothing.

    Args:
        connection: An open session in which the job's row is locked.
        flow: The tenant's status machine.
        before: The job as it is.
        status, notes, photos, claim_intel: As in `JobTracker.update_job`.

    Raises:
        BadInput, IllegalTransition: Something of it cannot be; nothing was written.
    """
    wanted = None if status is None else flow.check(before["status"], status)
    values: dict[str, Any] = {}
    if photos is not None:
        values["photos"] = Json(_photos(before["photos"], photos))
    if claim_intel is not None:
        values["claim_intel"] = Json(_merged(before["claim_intel"], claim_intel))
    who = connection.execute(text("SELECT sec.my_name()")).scalar_one()
    if notes is not None and (said := check_note(notes)):
        values["notes"] = said
        rows = {"job": before["job_id"], "notes": said, "who": who}
        connection.execute(text("INSERT INTO job_notes (job_id, notes, author) VALUES (:job, :notes, :who)"), rows)
    if wanted is not None:
        # Said again it is kept too, newer than what a file may still bring; the status does not begin anew.
        at = _happened(connection, before, wanted, who)
        if wanted.name != before["status"]:
            values |= {"status": wanted.name, "furthest": max(before["furthest"], wanted.reach, key=REACHES.index),
                       "status_since": at, "completed_at": at if wanted.name == "completed" else None}  # fmt: skip
            if "completed" in (wanted.name, before["status"]):
                done = "completed a job" if wanted.name == "completed" else f"set a completed job to '{wanted.label}'"
                tenancy.because(connection, f"{before['crew_name'] or who} {done}")
        if wanted.suppresses:
            _suppress(connection, before, who)
    if values:
        _store(connection, before, values)


def _store(connection: Connection, before: Mapping[str, Any], values: dict[str, Any]) -> None:
    assignments = [f"{name} = :{name}" for name in values]
    statement = f"""UPDATE jobs SET {", ".join(assignments)}, row_version = row_version + 1, updated_at = now()
                     WHERE job_id = :job_id"""  # noqa: S608 - own words only
    connection.execute(text(statement), {**values, "job_id": before["job_id"]})


def _happened(connection: Connection, before: Mapping[str, Any], wanted: Status, who: str) -> datetime:
    """Keep a step in the trail. Returns its moment."""
    step = {
        "job": before["job_id"],
        "before": before["status"],
        "after": wanted.name,
        "reach": wanted.reach,
        "who": who,
    }
    made = connection.execute(
        text("""INSERT INTO job_events (job_id, from_status, to_status, reach, said_by)
                VALUES (:job, :before, :after, :reach, :who) RETURNING happened_at"""),
        step,
    )
    at: datetime = made.scalar_one()
    return at


def _suppress(connection: Connection, before: Mapping[str, Any], who: str) -> None:
    """Who sent the crew away is asked by nobody again, on whatever channel."""
    connection.execute(
        text("""INSERT INTO suppressions (property_id, channel, reason)
                SELECT :property, 'all', :reason WHERE NOT EXISTS (SELECT FROM suppressions s
                    WHERE s.property_id = :property AND s.channel = 'all' AND s.lifted_at IS NULL)"""),
        {"property": UUID(before["property_id"]), "reason": REFUSED.format(who=who)},
    )


def check_version(connection: Connection, before: Mapping[str, Any], expected: int | None) -> None:
    """Refuse to write over what somebody else wrote meanwhile, and say what that was.

    Raises:
        Conflict: The job is not as the caller saw it.
    """
    if expected is None or expected == before["row_version"]:
        return
    newest = tenancy.frame(
        connection,
        """SELECT who, what FROM (
               SELECT happened_at AS at, said_by AS who, 'set the status to ' || replace(to_status, '_', ' ') AS what
                 FROM job_events WHERE job_id = :id
               UNION ALL SELECT noted_at, author, 'noted: ' || left(notes, 80) FROM job_notes WHERE job_id = :id) x
            ORDER BY at DESC LIMIT 1""",
        {"id": before["job_id"]},
    )
    who = f"{newest['who'].iloc[0]} {newest['what'].iloc[0]}" if len(newest) else "Somebody changed it"
    raise Conflict(
        f"This job was changed while you worked on it. {who}.",
        "Nothing of yours was saved, and it is still in the form.",
        "Look at the job as it is now, then save again.",
    )


def _photos(before: Sequence[str], given: Sequence[str]) -> list[str]:
    """Links given take the place of the links before; pictures that were uploaded stay."""
    if isinstance(given, str) or len(given) > MOST_PHOTOS:
        raise BadInput("These are not photos.", f"Expected a list of at most {MOST_PHOTOS} https addresses.")
    for link in given:
        if not isinstance(link, str) or not link.startswith(("https://", "photo:")) or len(link) > 2_000:
            raise BadInput(f"'{str(link)[:60]}' is not a photo's address.", "Expected one that begins with https://.")
    uploaded = [link for link in before if link.startswith("photo:")]
    return [*dict.fromkeys([*uploaded, *given])]


def _merged(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Fields given take the place of those before; None takes one away; the whole is checked."""
    merged = {**before, **given}
    return claim.checked({name: value for name, value in merged.items() if value is not None})


def store_workflow(connection: Connection, wanted: Workflow | None) -> None:
    """Keep a company's status machine; None: the one that is shipped."""
    value = None if wanted is None else Json(wanted.to_json())
    connection.execute(text("UPDATE tenants SET job_workflow = :value"), {"value": value})
