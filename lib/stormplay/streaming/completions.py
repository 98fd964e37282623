"""Jobs that were completed, through the status machine of their company.

Whether a job may be completed is asked of the status that it had when it was: a word that comes late takes its place in
the trail, as one from a crew's file does, and changes the status only where nothing newer is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.engine import Connection

from stormplay.errors import BadInput
from stormplay.jobs import field
from stormplay.jobs.reading import workflow
from stormplay.jobs.workflow import REACHES, Workflow
from stormplay.streaming.effects import AppliedMeanwhile, Outcome
from stormplay.streaming.events import Event
from stormplay.streaming.staging import array, ask, columns, texts

DONE = "completed"
SAID_BY = "Event stream"
SOURCE = "stream"

# Locked in the order in which a crew's file locks them.
_LOCK = """
SELECT g.place
  FROM unnest(%(place)s::int[], %(storm_id)s::uuid[], %(subject)s::uuid[]) AS g (place, storm_id, job_id)
 CROSS JOIN LATERAL (SELECT j.storm_id FROM jobs j WHERE j.tenant_id = %(tenant_id)s::uuid AND j.job_id = g.job_id
                      LIMIT 1 FOR UPDATE) j
 WHERE j.storm_id = g.storm_id
"""

# After the locks, for a trail that somebody else was writing. The status in force at a moment: by the last word until
# then; before the first word, what that one changed; without a trail, what the job says of itself and since when.
_BEFORE = """
SELECT g.place,
       (SELECT true FROM stream_events e WHERE e.tenant_id = %(tenant_id)s::uuid AND e.storm_id = g.storm_id
           AND e.event_id = g.event_id LIMIT 1) IS NOT NULL,
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
                j.status <> %(first)s AND j.status_since > g.at),
       j.status
  FROM unnest(%(place)s::int[], %(storm_id)s::uuid[], %(event_id)s::text[], %(subject)s::uuid[], %(at)s::timestamptz[])
       AS g (place, storm_id, event_id, job_id, at)
 CROSS JOIN LATERAL (SELECT j.status, j.status_since FROM jobs j
                      WHERE j.tenant_id = %(tenant_id)s::uuid AND j.job_id = g.job_id LIMIT 1) j
"""

# What `field.settle` makes of a job is known beforehand where the new word is the only one and the last: `is_plain`.
_COMPLETE = """
WITH given AS MATERIALIZED (
    SELECT * FROM unnest(%(storm_id)s::uuid[], %(event_id)s::text[], %(subject)s::uuid[], %(at)s::timestamptz[],
                         %(superseded)s::boolean[], %(before)s::text[], %(plain)s::boolean[])
               AS g (storm_id, event_id, job_id, at, is_superseded, before, is_plain)
), ledger AS (
    INSERT INTO stream_events (tenant_id, storm_id, event_id, event_type, job_id, event_at, is_superseded)
    SELECT %(tenant_id)s::uuid, storm_id, event_id, 'job_completed', job_id, at, is_superseded FROM given
    ON CONFLICT DO NOTHING RETURNING is_superseded
), trail AS (
    INSERT INTO job_events (tenant_id, job_id, from_status, to_status, reach, said_by, source, happened_at)
    SELECT %(tenant_id)s::uuid, job_id, before, %(done)s, %(reach)s, %(who)s, %(source)s, at FROM given
    ON CONFLICT DO NOTHING
), completed AS (
    UPDATE jobs j SET status = %(done)s, status_since = g.at, completed_at = g.at, row_version = j.row_version + 1,
           furthest = (%(reaches)s::text[])[greatest(array_position(%(reaches)s::text[], %(reach)s),
                                                     array_position(%(reaches)s::text[], j.furthest))],
           updated_at = now()
      FROM (SELECT job_id, at FROM given WHERE is_plain OFFSET 0) g
     WHERE j.tenant_id = %(tenant_id)s::uuid AND j.job_id = g.job_id
)
SELECT count(*), count(*) FILTER (WHERE is_superseded) FROM ledger
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
        if any(one.is_known for one in standing.values()):
            raise AppliedMeanwhile
        legal = [event for event in there if _is_legal(flow, event, standing, found)]
        if legal:
            _complete(connection, flow, tenant_id, legal, standing, found)
    return found.checked(events)


class Standing(NamedTuple):
    """A job when it happened: whether the ledger knows the event, the status then, whether something newer is known,
    and the status now."""

    is_known: bool
    before: str
    is_late: bool
    status: str


def _standing(connection: Connection, flow: Workflow, tenant_id: str, events: Sequence[Event]) -> dict[int, Standing]:
    values = columns(tenant_id, events) | {"first": flow.first, "reaches": texts(REACHES)}
    return {row[0]: Standing(*row[1:]) for row in ask(connection, _BEFORE, values)}


def _is_legal(flow: Workflow, event: Event, standing: Mapping[int, Standing], found: Outcome) -> bool:
    try:
        flow.check(standing[event.place].before, DONE)
    except BadInput as error:  # IllegalTransition is one
        found.refused[event.place] = ("illegal transition", str(error))
        return False
    return True


def _complete(connection: Connection, flow: Workflow, tenant_id: str, events: Sequence[Event],
              standing: Mapping[int, Standing], found: Outcome) -> None:  # fmt: skip
    words = Counter(event.subject for event in events)
    newest = {event.subject: event.at for event in sorted(events, key=lambda event: event.at)}
    late = {event.place for event in events if standing[event.place].is_late or newest[event.subject] > event.at}
    plain = {event.place for event in events if event.place not in late and words[event.subject] == 1
             and standing[event.place].status == flow.first != DONE and not flow.statuses[DONE].suppresses}  # fmt: skip
    again = {event.place for event in events if event.place not in late and words[event.subject] == 1
             and standing[event.place].status == standing[event.place].before == DONE}  # fmt: skip
    others = sorted({event.subject for event in events if event.place not in plain | again})
    if others:
        field.keep_before(connection, flow, others)
    values = columns(tenant_id, events) | {
        "superseded": array(["t" if event.place in late else "f" for event in events]),
        "plain": array(["t" if event.place in plain else "f" for event in events]),
        "before": texts([standing[event.place].before for event in events]),
        "done": DONE, "who": SAID_BY, "source": SOURCE, "reach": flow.statuses[DONE].reach, "reaches": texts(REACHES),
    }  # fmt: skip
    ((found.applied, found.superseded),) = ask(connection, _COMPLETE, values)
    field.settle(connection, flow, others, SAID_BY)
