"""Jobs that were completed, through the status machine of their company.

Whether a job may be completed is asked of the status that it had when it was: a word that comes late takes its place in
the trail, as one from a crew's file does, and changes the status only where nothing newer is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

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
SELECT g.place
  FROM unnest(%(place)s::int[], %(storm_id)s::uuid[], %(subject)s::uuid[]) AS g (place, storm_id, job_id)
 CROSS JOIN LATERAL (SELECT true FROM jobs j WHERE j.tenant_id = %(tenant_id)s::uuid AND j.job_id = g.job_id
                        AND j.storm_id = g.storm_id LIMIT 1 FOR UPDATE) j
"""

# The status in force at a moment: by the last word until then; before the first word, what that one changed; without a
# trail, what the job says of itself and since when.
_BEFORE = """
SELECT g.place,
       coalesce((SELECT e.to_status FROM job_events e
                  WHERE e.tenant_id = %(tenant_id)s::uuid AND e.job_id = g.job_id AND e.undone_at IS NULL
                    AND e.happened_at <= g.at
                  ORDER BY e.happened_at DESC, array_position(%(reaches)s::text[], e.reach) DESC, e.to_status DESC
                  LIMIT 1),
                (SELECT e.from_status FROM job_events e
                  WHERE e.tenant_id = %(tenant_id)s::uuid AND e.job_id = g.job_id AND e.undone_at IS NULL
                  ORDER BY e.happened_at, e.to_status LIMIT 1),
                CASE WHEN j.status_since <= g.at THEN j.status ELSE %(first)s END),
       coalesce((SELECT true FROM job_events e WHERE e.tenant_id = %(tenant_id)s::uuid AND e.job_id = g.job_id
                    AND e.undone_at IS NULL AND e.happened_at > g.at LIMIT 1),
                j.status <> %(first)s AND j.status_since > g.at)
  FROM unnest(%(place)s::int[], %(subject)s::uuid[], %(at)s::timestamptz[]) AS g (place, job_id, at)
 CROSS JOIN LATERAL (SELECT j.status, j.status_since FROM jobs j
                      WHERE j.tenant_id = %(tenant_id)s::uuid AND j.job_id = g.job_id LIMIT 1) j
"""

_LEDGER = """
WITH ledger AS (
    INSERT INTO stream_events (tenant_id, storm_id, event_id, event_type, job_id, event_at, is_superseded)
    SELECT %(tenant_id)s::uuid, g.storm_id, g.event_id, 'job_completed', g.job_id, g.at, g.is_superseded
      FROM unnest(%(storm_id)s::uuid[], %(event_id)s::text[], %(subject)s::uuid[], %(at)s::timestamptz[],
                  %(superseded)s::boolean[]) AS g (storm_id, event_id, job_id, at, is_superseded)
    ON CONFLICT DO NOTHING RETURNING is_superseded)
SELECT count(*), count(*) FILTER (WHERE is_superseded) FROM ledger
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
    jobs = {place for (place,) in ask(connection, _LOCK, columns(tenant_id, events))}
    for event in events:
        if event.place not in jobs:
            found.refused[event.place] = ("unknown job", f"This storm has no job {event.subject}.")
    there = [event for event in events if event.place in jobs]
    if there:
        flow = workflow(connection)
        standing = _standing(connection, flow, tenant_id, there)
        legal = [event for event in there if _is_legal(flow, event, standing, found)]
        if legal:
            _complete(connection, flow, tenant_id, legal, standing, found)
    return found.checked(events)


Standing = dict[int, tuple[str, bool]]
"""Place -> the status of its job when it happened, and whether something newer is known."""


def _standing(connection: Connection, flow: Workflow, tenant_id: str, events: Sequence[Event]) -> Standing:
    values = columns(tenant_id, events) | {"first": flow.first, "reaches": texts(REACHES)}
    return {place: (before, is_late) for place, before, is_late in ask(connection, _BEFORE, values)}


def _is_legal(flow: Workflow, event: Event, standing: Standing, found: Outcome) -> bool:
    try:
        flow.check(standing[event.place][0], DONE)
    except BadInput as error:  # IllegalTransition is one
        found.refused[event.place] = ("illegal transition", str(error))
        return False
    return True


def _complete(connection: Connection, flow: Workflow, tenant_id: str, events: Sequence[Event], standing: Standing,
              found: Outcome) -> None:  # fmt: skip
    newest: dict[str, datetime] = {}
    for event in events:
        newest[event.subject] = max(event.at, newest.get(event.subject, event.at))
    late = ["t" if standing[event.place][1] or newest[event.subject] > event.at else "f" for event in events]
    values = columns(tenant_id, events)
    ((found.applied, found.superseded),) = ask(connection, _LEDGER, values | {"superseded": array(late)})
    jobs = sorted(newest)
    field.keep_before(connection, flow, jobs)
    ask(connection, _TRAIL, values | {
        "before": texts([standing[event.place][0] for event in events]), "done": DONE, "who": SAID_BY, "source": SOURCE,
        "reach": flow.statuses[DONE].reach,
    })  # fmt: skip
    field.settle(connection, flow, jobs, SAID_BY)
