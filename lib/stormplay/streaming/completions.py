"""Jobs that were completed, through the status machine of their company.

Whether a job may be completed is asked of the status that it had when it was: a word that comes late takes its place in
the trail, as one from a crew's file does, and changes the status only where nothing newer is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Connection

from stormplay.errors import BadInput
from stormplay.jobs import field
from stormplay.jobs.reading import workflow
from stormplay.jobs.workflow import REACHES, Workflow
from stormplay.streaming.effects import Outcome
from stormplay.streaming.events import Event
from stormplay.streaming.staging import array, ask, columns, texts

DONE = "completed"
SAID_BY = "Event stream"
SOURCE = "stream"

# Locked in the order in which a crew's file locks them.
_LOCK = """
SELECT j.storm_id::text, j.job_id::text
  FROM (SELECT DISTINCT g.* FROM unnest(%(storm_id)s::uuid[], %(subject)s::uuid[]) AS g (storm_id, job_id)) g
  JOIN jobs j ON j.tenant_id = %(tenant_id)s::uuid AND j.job_id = g.job_id AND j.storm_id = g.storm_id
 ORDER BY j.storm_id, j.job_id FOR UPDATE OF j
"""

# The status in force at a moment: by the last word until then; before the first word, what that one changed; without a
# trail, what the job says of itself and since when.
_BEFORE = """
SELECT g.place,
       EXISTS (SELECT FROM stream_events e WHERE e.tenant_id = %(tenant_id)s::uuid AND e.storm_id = g.storm_id
                  AND e.event_id = g.event_id),
       coalesce((SELECT e.to_status FROM job_events e
                  WHERE e.tenant_id = %(tenant_id)s::uuid AND e.job_id = g.job_id AND e.undone_at IS NULL
                    AND e.happened_at <= g.at
                  ORDER BY e.happened_at DESC, array_position(%(reaches)s::text[], e.reach) DESC, e.to_status DESC
                  LIMIT 1),
                (SELECT e.from_status FROM job_events e
                  WHERE e.tenant_id = %(tenant_id)s::uuid AND e.job_id = g.job_id AND e.undone_at IS NULL
                  ORDER BY e.happened_at, e.to_status LIMIT 1),
                CASE WHEN j.status_since <= g.at THEN j.status ELSE %(first)s END),
       EXISTS (SELECT FROM job_events e WHERE e.tenant_id = %(tenant_id)s::uuid AND e.job_id = g.job_id
                  AND e.undone_at IS NULL AND e.happened_at > g.at)
         OR j.status <> %(first)s AND j.status_since > g.at
  FROM unnest(%(place)s::int[], %(storm_id)s::uuid[], %(event_id)s::text[], %(subject)s::uuid[], %(at)s::timestamptz[])
       AS g (place, storm_id, event_id, job_id, at)
  JOIN jobs j ON j.tenant_id = %(tenant_id)s::uuid AND j.job_id = g.job_id
"""

_LEDGER = """
WITH ledger AS (
    INSERT INTO stream_events (tenant_id, storm_id, event_id, event_type, job_id, event_at, is_superseded)
    SELECT %(tenant_id)s::uuid, g.storm_id, g.event_id, 'job_completed', g.job_id, g.at, g.is_superseded
      FROM unnest(%(storm_id)s::uuid[], %(event_id)s::text[], %(subject)s::uuid[], %(at)s::timestamptz[],
                  %(superseded)s::boolean[]) AS g (storm_id, event_id, job_id, at, is_superseded)
    ON CONFLICT DO NOTHING RETURNING storm_id, event_id, is_superseded)
SELECT storm_id::text, event_id, is_superseded FROM ledger
"""

_TRAIL = """
INSERT INTO job_events (tenant_id, job_id, from_status, to_status, reach, said_by, source, happened_at)
SELECT %(tenant_id)s::uuid, g.job_id, g.before, %(done)s, %(reach)s, %(who)s, %(source)s, g.at
  FROM unnest(%(subject)s::uuid[], %(before)s::text[], %(at)s::timestamptz[]) AS g (job_id, before, at)
ON CONFLICT DO NOTHING
"""


def completions(connection: Connection, tenant_id: str, events: Sequence[Event]) -> Outcome:
    """Complete jobs. Refused: jobs that there are not in the storm, and those that may not be completed."""
    found = Outcome()
    values = columns(tenant_id, events)
    jobs = set(ask(connection, _LOCK, values))
    for event in events:
        if (event.storm_id, event.subject) not in jobs:
            found.refused[event.place] = ("unknown job", f"This storm has no job {event.subject}.")
    known = [event for event in events if event.place not in found.refused]
    if known:
        flow = workflow(connection)
        standing = _standing(connection, flow, tenant_id, known)
        legal = [event for event in known if _is_legal(flow, event, standing, found)]
        if legal:
            _complete(connection, flow, tenant_id, legal, standing, found)
    return found


Standing = dict[int, tuple[bool, str, bool]]
"""Place -> whether the ledger has it, the status of its job when it happened, whether something newer is known."""


def _standing(connection: Connection, flow: Workflow, tenant_id: str, events: Sequence[Event]) -> Standing:
    values = columns(tenant_id, events) | {"first": flow.first, "reaches": texts(REACHES)}
    return {place: (is_known, before, is_late)
            for place, is_known, before, is_late in ask(connection, _BEFORE, values)}  # fmt: skip


def _is_legal(flow: Workflow, event: Event, standing: Standing, found: Outcome) -> bool:
    is_known, before, _ = standing[event.place]
    if is_known:
        return False
    try:
        flow.check(before, DONE)
    except BadInput as error:  # IllegalTransition is one
        found.refused[event.place] = ("illegal transition", str(error))
        return False
    return True


def _complete(connection: Connection, flow: Workflow, tenant_id: str, events: Sequence[Event], standing: Standing,
              found: Outcome) -> None:  # fmt: skip
    newest: dict[str, Event] = {}
    for event in events:
        if event.subject not in newest or event.at > newest[event.subject].at:
            newest[event.subject] = event
    late = ["t" if standing[event.place][2] or newest[event.subject].at > event.at else "f" for event in events]
    made = ask(connection, _LEDGER, columns(tenant_id, events) | {"superseded": array(late)})
    taken: dict[tuple[Any, ...], bool] = {(storm_id, event_id): is_late for storm_id, event_id, is_late in made}
    new = [event for event in events if (event.storm_id, event.event_id) in taken]
    found.applied, found.superseded = len(taken), sum(taken.values())
    if not new:
        return
    jobs = sorted({event.subject for event in new})
    field.keep_before(connection, flow, jobs)
    ask(connection, _TRAIL, columns(tenant_id, new) | {
        "before": texts([standing[event.place][1] for event in new]), "done": DONE, "who": SAID_BY, "source": SOURCE,
        "reach": flow.statuses[DONE].reach,
    })  # fmt: skip
    field.settle(connection, flow, jobs, SAID_BY)
