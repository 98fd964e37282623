"""What events do, kind by kind: one statement for all events of a company, effects of those alone that are new.

Each kind has one function. It gets events that the ledger does not know, no two of one id in one storm, in the order of
storms and subjects, in a transaction that has chosen their company, and returns what became of each. The newest word
wins by the time of the event; of two of one moment the one that says more (a higher index, a higher value), never the
one that came later: so neither the order of arrival nor the cut of the batches is in the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import Connection

from stormplay.storms.impact import hail_of
from stormplay.streaming.events import Event
from stormplay.streaming.staging import Values, array, ask, columns, texts


class AppliedMeanwhile(Exception):
    """The ledger knows one of the events: ask it which, take back what was done, and go on with the others."""


@dataclass
class Outcome:
    """What became of events of one kind.

    Attributes:
        applied: How many are new in the ledger; those that changed nothing, since something newer was known, too.
        superseded: How many of these changed nothing.
        refused: Place in the batch -> reason and sentence of each that was not taken.
    """

    applied: int = 0
    superseded: int = 0
    refused: dict[int, tuple[str, str]] = field(default_factory=dict)

    def checked(self, events: Sequence[Event]) -> Outcome:
        """This outcome, if each event is new in the ledger or refused.

        Raises:
            AppliedMeanwhile: The ledger has taken fewer.
        """
        if self.applied + len(self.refused) != len(events):
            raise AppliedMeanwhile
        return self

    def add(self, other: Outcome) -> None:
        """Take in what became of others."""
        self.applied += other.applied
        self.superseded += other.superseded
        self.refused |= other.refused


Effect = Callable[[Connection, str, Sequence[Event]], Outcome]

# Each home is looked up by itself, in the order of the ids: what is changed is locked in one order for all, and who
# waited for it compares with what the other has written. A LIMIT keeps the planner, which knows no sizes here, from
# reading whole tables instead. What `written` has not written, something newer stood in the way of.
_EACH = """
WITH seen AS MATERIALIZED (
    SELECT g.*, p.found IS NOT NULL AS is_home
      FROM unnest(%(storm_id)s::uuid[], %(event_id)s::text[], %(subject)s::uuid[], %(at)s::timestamptz[],
                  %(place)s::int[], %(best)s::boolean[]{types})
           AS g (storm_id, event_id, property_id, at, place, is_best{names})
      LEFT JOIN LATERAL (SELECT true AS found FROM properties p
           WHERE p.tenant_id = %(tenant_id)s::uuid AND p.property_id = g.property_id LIMIT 1) p ON true
), written AS ({written}
    RETURNING storm_id, property_id
), ledger AS (
    INSERT INTO stream_events (tenant_id, storm_id, event_id, event_type, property_id, {column}, event_at,
                               is_superseded)
    SELECT %(tenant_id)s::uuid, storm_id, event_id, {type}, property_id, {column}, at,
           NOT (is_best AND (storm_id, property_id) IN (SELECT storm_id, property_id FROM written))
      FROM seen WHERE is_home ON CONFLICT DO NOTHING RETURNING is_superseded
)"""

_ANSWER = """
SELECT (SELECT count(*) FROM ledger), (SELECT count(*) FROM ledger WHERE is_superseded),
       (SELECT array_agg(place) FROM seen WHERE NOT is_home)
"""

_IMPACTS = _EACH.format(
    types=", %(sii)s::float8[], %(hail)s::float8[]", names=", sii_score, hail_in", column="sii_score",
    type="'property_impacted'", written="""
    INSERT INTO property_impacts AS i (tenant_id, storm_id, property_id, hail_in, sii_score, event_at, updated_at)
    SELECT %(tenant_id)s::uuid, storm_id, property_id, hail_in, sii_score, at, now()
      FROM seen WHERE is_home AND is_best
    ON CONFLICT (tenant_id, storm_id, property_id) DO UPDATE
       SET hail_in = excluded.hail_in, sii_score = excluded.sii_score, event_at = excluded.event_at,
           updated_at = excluded.updated_at
     WHERE i.event_at IS NULL
        OR (excluded.event_at, excluded.sii_score, excluded.hail_in) > (i.event_at, i.sii_score, i.hail_in)""",
) + _ANSWER  # fmt: skip

_CONVERSIONS = _EACH.format(
    types=", %(value)s::bigint[], %(channel)s::text[]", names=", value_cents, channel", column="value_cents",
    type="'conversion'", written="""
    INSERT INTO policy_outcomes AS o (tenant_id, storm_id, property_id, actual_converted, value_cents, observed_at)
    SELECT %(tenant_id)s::uuid, storm_id, property_id, true, value_cents, at
      FROM seen WHERE is_home AND is_best
    ON CONFLICT (tenant_id, storm_id, property_id) DO UPDATE
       SET actual_converted = true, value_cents = excluded.value_cents, observed_at = excluded.observed_at
     WHERE o.actual_converted IS NULL
        OR (excluded.observed_at, excluded.value_cents) > (o.observed_at, coalesce(o.value_cents, -1))""",
) + """, touched AS (  -- a journey gets the touch that the message names, and none that it does not
    INSERT INTO customer_journeys (tenant_id, property_id, storm_id, channel, "timestamp")
    SELECT %(tenant_id)s::uuid, property_id, storm_id, channel, at FROM seen WHERE is_home AND channel IS NOT NULL
)""" + _ANSWER  # fmt: skip

# What the ledger knows already.
_KNOWN = """
SELECT g.place
  FROM unnest(%(place)s::int[], %(storm_id)s::uuid[], %(event_id)s::text[]) AS g (place, storm_id, event_id)
 WHERE (SELECT true FROM stream_events e
         WHERE e.tenant_id = %(tenant_id)s::uuid AND e.storm_id = g.storm_id AND e.event_id = g.event_id LIMIT 1)
"""


def known(connection: Connection, tenant_id: str, events: Sequence[Event]) -> set[int]:
    """The places of the events that have been applied before."""
    values = {
        "tenant_id": tenant_id,
        "place": array([event.place for event in events]),
        "storm_id": array([event.storm_id for event in events]),
        "event_id": texts([event.event_id for event in events]),
    }
    return {place for (place,) in ask(connection, _KNOWN, values)}


def impacts(connection: Connection, tenant_id: str, events: Sequence[Event]) -> Outcome:
    """Homes that were hit: the storm impact index of the newest event, with the hail that it says or stands for.

    The hail is that of the same event as the index, given or worked out from it, never that of an older one: the two
    are two views of one thing, and a policy that looks at the hail must not disagree with a model that looks at both.
    """
    derived = iter(hail_of([event.sii_score for event in events if event.hail_in is None]).tolist())
    full = [event if event.hail_in is not None else event._replace(hail_in=next(derived)) for event in events]
    values = _columns(tenant_id, full, lambda event: (event.at, event.sii_score, event.hail_in or 0.0)) | {
        "sii": array([event.sii_score for event in full]),
        "hail": array([event.hail_in for event in full]),
    }
    return _answered(ask(connection, _IMPACTS, values), events)


def conversions(connection: Connection, tenant_id: str, events: Sequence[Event]) -> Outcome:
    """Homes that signed: their outcome, and a touch where the message names the channel."""
    values = _columns(tenant_id, events, lambda event: (event.at, event.value_cents)) | {
        "value": array([event.value_cents for event in events]),
        "channel": texts([event.channel for event in events]),
    }
    return _answered(ask(connection, _CONVERSIONS, values), events)


def _columns(tenant_id: str, events: Sequence[Event], newness: Callable[[Event], tuple[object, ...]]) -> Values:
    """The columns of all events, with which of them is the newest word about its home."""
    newest: dict[tuple[str, str], Event] = {}
    for event in events:
        home = (event.storm_id, event.subject)
        if home not in newest or newness(event) > newness(newest[home]):
            newest[home] = event
    best = {event.place for event in newest.values()}
    return columns(tenant_id, events) | {"best": array(["t" if event.place in best else "f" for event in events])}


def _answered(rows: list[tuple[Any, ...]], events: Sequence[Event]) -> Outcome:
    ((applied, superseded, unknown),) = rows
    places = set(unknown or ())
    found = Outcome(applied, superseded, {
        event.place: ("unknown property", f"This company has no home {event.subject}.")
        for event in events if event.place in places
    })  # fmt: skip
    return found.checked(events)
