"""What events do, kind by kind: one statement for all events of a company, effects of those alone that are new.

Each kind has one function. It gets events of which no two have one id in one storm, in a transaction that has chosen
their company, and returns what became of each. The newest word wins by the time of the event; of two of one moment the
one that says more (a higher index, a higher value), never the one that came later: so neither the order of arrival nor
the cut of the batches is in the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import Connection

from stormplay.storms.impact import hail_of
from stormplay.streaming.events import Event
from stormplay.streaming.staging import array, ask, columns, texts


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

    def add(self, other: Outcome) -> None:
        """Take in what became of others."""
        self.applied += other.applied
        self.superseded += other.superseded
        self.refused |= other.refused


Effect = Callable[[Connection, str, Sequence[Event]], Outcome]

# New in the ledger: neither known from before nor of a home that there is not. The lock is on what will be changed, in
# one order for everybody; who waited for it reads what the other has written.
_GIVEN = """
given AS MATERIALIZED (
    SELECT g.* FROM unnest(%(place)s::int[], %(storm_id)s::uuid[], %(event_id)s::text[], %(subject)s::uuid[],
                           %(at)s::timestamptz[]{types}) AS g (place, storm_id, event_id, property_id, at{names})
), home AS MATERIALIZED (
    SELECT p.property_id FROM (SELECT DISTINCT property_id FROM given) g
      JOIN properties p ON p.tenant_id = %(tenant_id)s::uuid AND p.property_id = g.property_id
), fresh AS MATERIALIZED (
    SELECT g.* FROM given g JOIN home USING (property_id)
     WHERE NOT EXISTS (SELECT FROM stream_events e WHERE e.tenant_id = %(tenant_id)s::uuid
                          AND e.storm_id = g.storm_id AND e.event_id = g.event_id)
)"""

_ANSWER = """
SELECT (SELECT count(*) FROM ledger), (SELECT count(*) FROM ledger WHERE is_superseded),
       (SELECT array_agg(g.place) FROM given g
         WHERE NOT EXISTS (SELECT FROM home h WHERE h.property_id = g.property_id))
"""

_IMPACTS = f"""
WITH {_GIVEN.format(types=", %(sii)s::float8[], %(hail)s::float8[]", names=", sii_score, hail_in")},
held AS MATERIALIZED (
    SELECT i.storm_id, i.property_id, i.event_at, i.sii_score, i.hail_in
      FROM (SELECT DISTINCT storm_id, property_id FROM fresh) f
      JOIN property_impacts i ON i.tenant_id = %(tenant_id)s::uuid AND i.storm_id = f.storm_id
       AND i.property_id = f.property_id
     ORDER BY i.storm_id, i.property_id FOR UPDATE OF i
), ranked AS MATERIALIZED (
    SELECT f.*, row_number() OVER (PARTITION BY f.storm_id, f.property_id
                                   ORDER BY f.at DESC, f.sii_score DESC, f.hail_in DESC, f.place) AS rank,
           h.event_at IS NULL OR (f.at, f.sii_score, f.hail_in) > (h.event_at, h.sii_score, h.hail_in) AS is_newer
      FROM fresh f LEFT JOIN held h ON h.storm_id = f.storm_id AND h.property_id = f.property_id
), ledger AS (
    INSERT INTO stream_events (tenant_id, storm_id, event_id, event_type, property_id, sii_score, event_at,
                               is_superseded)
    SELECT %(tenant_id)s::uuid, storm_id, event_id, 'property_impacted', property_id, sii_score, at,
           NOT (rank = 1 AND is_newer)
      FROM ranked ON CONFLICT DO NOTHING RETURNING storm_id, event_id, is_superseded
), written AS (
    INSERT INTO property_impacts AS i (tenant_id, storm_id, property_id, hail_in, sii_score, event_at, updated_at)
    SELECT %(tenant_id)s::uuid, r.storm_id, r.property_id, r.hail_in, r.sii_score, r.at, now()
      FROM ranked r JOIN ledger l ON l.storm_id = r.storm_id AND l.event_id = r.event_id AND NOT l.is_superseded
     ORDER BY r.storm_id, r.property_id
    ON CONFLICT (tenant_id, storm_id, property_id) DO UPDATE
       SET hail_in = excluded.hail_in, sii_score = excluded.sii_score, event_at = excluded.event_at,
           updated_at = excluded.updated_at
     WHERE i.event_at IS NULL
        OR (excluded.event_at, excluded.sii_score, excluded.hail_in) > (i.event_at, i.sii_score, i.hail_in)
){_ANSWER}"""  # noqa: S608 - own words

_CONVERSIONS = f"""
WITH {_GIVEN.format(types=", %(value)s::bigint[], %(channel)s::text[]", names=", value_cents, channel")},
held AS MATERIALIZED (
    SELECT o.storm_id, o.property_id, o.actual_converted, o.observed_at, coalesce(o.value_cents, -1) AS value_cents
      FROM (SELECT DISTINCT storm_id, property_id FROM fresh) f
      JOIN policy_outcomes o ON o.tenant_id = %(tenant_id)s::uuid AND o.storm_id = f.storm_id
       AND o.property_id = f.property_id
     ORDER BY o.storm_id, o.property_id FOR UPDATE OF o
), ranked AS MATERIALIZED (
    SELECT f.*, row_number() OVER (PARTITION BY f.storm_id, f.property_id
                                   ORDER BY f.at DESC, f.value_cents DESC, f.place) AS rank,
           h.actual_converted IS NULL OR (f.at, f.value_cents) > (h.observed_at, h.value_cents) AS is_newer
      FROM fresh f LEFT JOIN held h ON h.storm_id = f.storm_id AND h.property_id = f.property_id
), ledger AS (
    INSERT INTO stream_events (tenant_id, storm_id, event_id, event_type, property_id, value_cents, event_at,
                               is_superseded)
    SELECT %(tenant_id)s::uuid, storm_id, event_id, 'conversion', property_id, value_cents, at,
           NOT (rank = 1 AND is_newer)
      FROM ranked ON CONFLICT DO NOTHING RETURNING storm_id, event_id, is_superseded
), written AS (
    INSERT INTO policy_outcomes AS o (tenant_id, storm_id, property_id, actual_converted, value_cents, observed_at)
    SELECT %(tenant_id)s::uuid, r.storm_id, r.property_id, true, r.value_cents, r.at
      FROM ranked r JOIN ledger l ON l.storm_id = r.storm_id AND l.event_id = r.event_id AND NOT l.is_superseded
     ORDER BY r.storm_id, r.property_id
    ON CONFLICT (tenant_id, storm_id, property_id) DO UPDATE
       SET actual_converted = true, value_cents = excluded.value_cents, observed_at = excluded.observed_at
     WHERE o.actual_converted IS NULL
        OR (excluded.observed_at, excluded.value_cents) > (o.observed_at, coalesce(o.value_cents, -1))
), touched AS (  -- a journey gets the touch that the message names, and none that it does not
    INSERT INTO customer_journeys (tenant_id, property_id, storm_id, channel, "timestamp")
    SELECT %(tenant_id)s::uuid, r.property_id, r.storm_id, r.channel, r.at
      FROM ranked r JOIN ledger l ON l.storm_id = r.storm_id AND l.event_id = r.event_id
     WHERE r.channel IS NOT NULL
){_ANSWER}"""  # noqa: S608 - own words


def impacts(connection: Connection, tenant_id: str, events: Sequence[Event]) -> Outcome:
    """Homes that were hit: the storm impact index of the newest event, with the hail that it says or stands for.

    The hail is that of the same event as the index, given or worked out from it, never that of an older one: the two
    are two views of one thing, and a policy that looks at the hail must not disagree with a model that looks at both.
    """
    derived = iter(hail_of([event.sii_score for event in events if event.hail_in is None]).tolist())
    values = columns(tenant_id, events) | {
        "sii": array([event.sii_score for event in events]),
        "hail": array([next(derived) if event.hail_in is None else event.hail_in for event in events]),
    }
    return _answered(ask(connection, _IMPACTS, values), events)


def conversions(connection: Connection, tenant_id: str, events: Sequence[Event]) -> Outcome:
    """Homes that signed: their outcome, and a touch where the message names the channel."""
    values = columns(tenant_id, events) | {
        "value": array([event.value_cents for event in events]),
        "channel": texts([event.channel for event in events]),
    }
    return _answered(ask(connection, _CONVERSIONS, values), events)


def _answered(rows: list[tuple[Any, ...]], events: Sequence[Event]) -> Outcome:
    ((applied, superseded, unknown),) = rows
    return Outcome(applied, superseded, dict(_unknown(events, set(unknown or ()))))


def _unknown(events: Sequence[Event], places: set[int]) -> Iterator[tuple[int, tuple[str, str]]]:
    for event in events:
        if event.place in places:
            yield event.place, ("unknown property", f"This company has no home {event.subject}.")
