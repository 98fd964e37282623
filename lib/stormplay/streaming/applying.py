"""A batch of records as one transaction: events, dead letters, ledger, positions and offsets, all or none.

The caller commits. What is applied is applied once: the ledger knows an event by its storm and its id, and an offset
moves only from where this consumer believes it to be. Each company's events are staged and applied by themselves, in
the order of the companies' ids, so that no two consumers wait for each other crosswise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg2
from sqlalchemy.engine import Connection

from stormplay.errors import Fenced
from stormplay.streaming import effects, events, isolating
from stormplay.streaming.completions import completions
from stormplay.streaming.events import Event, Place, Record, Refusal
from stormplay.streaming.keeping import keep_letters, keep_positions, keep_strays
from stormplay.streaming.staging import Values, array, ask, texts

_EFFECTS: tuple[tuple[str, effects.Effect], ...] = (
    ("property_impacted", effects.impacts),
    ("job_completed", completions),
    ("conversion", effects.conversions),
)

# Not to wait for the disk loses nothing: after a crash a batch and its offsets are both there or both not, and what is
# not there is read from Kafka again.
_CHOOSE = """SELECT set_config('app.tenant_id', %(tenant_id)s, true),
                    set_config('synchronous_commit', 'off', true),
                    set_config('app.score_cause', 'Event stream: {what}', true),
                    set_config('app.score_later', %(later)s, true),
                    set_config('jit', 'off', true)"""
_MOVE = """SELECT sec.move_stream_offset(%(group)s, %(topic)s::text[], %(partition)s::int[], %(expected)s::bigint[],
                                         %(moved)s::bigint[])"""
_STORMS = "SELECT storm_id::text, status FROM storms WHERE storm_id = ANY (%(storms)s::uuid[])"


@dataclass
class Applied:
    """What became of a batch.

    Attributes:
        records: How many there were.
        applied: Type -> how many events are new in the ledger.
        superseded: How many of these changed nothing, since something newer was known.
        duplicates: How many were known already, from before or within the batch.
        dead: Reason -> how many became dead letters.
        strays: How many stood under a name that is no storm's.
        tenants, storms: Ids of those that something was applied to, or kept aside for.
    """

    records: int = 0
    applied: Counter[str] = field(default_factory=Counter)
    superseded: int = 0
    duplicates: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    strays: int = 0
    tenants: tuple[str, ...] = ()
    storms: tuple[str, ...] = ()


def apply(
    connection: Connection, group: str, records: Sequence[Record], end_offsets: Mapping[Place, int] | None = None, *,
    expected: Mapping[Place, int | None] | None = None, decoded: Sequence[Event | Refusal | None] | None = None,
    scores_later: bool = False,
) -> Applied:  # fmt: skip
    """Apply a batch and move the group's offsets behind it. The caller commits, or rolls everything back.

    Args:
        connection: An open transaction of the service's login (`broker.open_service`).
        group: The consumer group.
        records: Of any partitions; those of one in the order of their offsets.
        end_offsets: How far each partition goes, as the broker told last.
        expected: Where this consumer believes the group's offsets to be (None: there is none yet). Left out: where
            the database says, if no record of the batch lies before that.
        decoded: What `events.decode_all` has made of these records, where that was done while the database was at work.
        scores_later: Leave the scores to `scores.settle`; else they are counted at the commit.

    Raises:
        Fenced: Another consumer of the group has moved an offset meanwhile. Roll back, and seek anew.
        DBAPIError, psycopg2.Error: The database has a trouble that no record is the cause of. Roll back, and again.
    """
    if not records:
        return Applied()
    moved = {(record.topic, record.partition): record.offset + 1 for record in records}
    _move(connection, group, records, moved, expected)
    topics = {topic: events.storm_of(topic) for topic, _ in moved}
    storms = _tenants(connection, [storm for storm in topics.values() if storm])
    done = Applied(len(records))
    by_tenant: dict[str, list[Event | Refusal]] = {tenant_id: [] for tenant_id in sorted(set(storms.values()))}
    strays = []
    for record, one in zip(records, decoded or events.decode_all(records), strict=True):
        tenant_id = None if one is None else storms.get(one.storm_id)
        if one is None or tenant_id is None:
            strays.append(record)
        else:
            by_tenant[tenant_id].append(one)
    for tenant_id, found in by_tenant.items():
        mine = {place: end for place, end in moved.items() if storms.get(topics[place[0]] or "") == tenant_id}
        _apply_tenant(connection, tenant_id, found, records, done, scores_later)
        keep_positions(connection, tenant_id, topics, mine, end_offsets or {})
    done.strays = keep_strays(connection, strays, topics)
    done.tenants, done.storms = tuple(by_tenant), tuple(sorted(storms))
    return done


def _apply_tenant(connection: Connection, tenant_id: str, found: Sequence[Event | Refusal], records: Sequence[Record],
                  done: Applied, scores_later: bool) -> None:  # fmt: skip
    """Apply what is one company's; the rest of its records becomes dead letters."""
    refused = _apply_events(connection, tenant_id, found, done, scores_later)
    keep_letters(connection, tenant_id, refused, records)
    done.dead.update(refusal.reason for refusal in refused)


def apply_letters(connection: Connection, tenant_id: str, records: Sequence[Record], done: Applied) -> list[Refusal]:
    """Apply records of one company that were dead letters; no offset moves. Returns those that are refused again."""
    now = datetime.now(UTC)
    found = [events.decode(place, events.storm_of(record.topic) or "", record, now)
             for place, record in enumerate(records)]  # fmt: skip
    return _apply_events(connection, tenant_id, found, done)


def _apply_events(connection: Connection, tenant_id: str, found: Sequence[Event | Refusal], done: Applied,
                  scores_later: bool = False) -> list[Refusal]:  # fmt: skip
    """Choose the company for this transaction, and apply its events, each kind apart. Returns what was refused."""
    ask(connection, _CHOOSE, {"tenant_id": tenant_id, "later": "on" if scores_later else "off"})
    refused = [one for one in found if isinstance(one, Refusal)]
    storm_ids = sorted({one.storm_id for one in found})
    closed = {storm_id for storm_id, status in ask(connection, _STORMS, {"storms": array(storm_ids)})
              if status == "closed"}  # fmt: skip
    waiting: list[Event] = []
    for one in found:
        if not isinstance(one, Refusal):
            if one.storm_id in closed:
                refused.append(_refusal(one, "late", "The storm is closed. Open it again, then replay this letter."))
            else:
                waiting.append(one)
    while waiting:
        waiting = _apply_round(connection, tenant_id, waiting, refused, done)
    return refused


def _apply_round(connection: Connection, tenant_id: str, found: Sequence[Event], refused: list[Refusal], done: Applied
                 ) -> list[Event]:  # fmt: skip
    """Apply the first event of each id. Returns the others whose first one was refused: they have their own turn, as
    they would in the next batch."""
    once: dict[tuple[str, str], Event] = {}
    others = [event for event in found if once.setdefault((event.storm_id, event.event_id), event) is not event]
    by_type: dict[str, list[Event]] = {kind: [] for kind in events.TYPES}
    for event in once.values():
        by_type[event.type].append(event)
    refused_now: set[int] = set()
    for kind, effect in _EFFECTS:
        if by_type[kind]:
            became = isolating.apply_apart(connection, effect, tenant_id, by_type[kind])
            done.applied += Counter({kind: became.applied})
            done.superseded += became.superseded
            done.duplicates += len(by_type[kind]) - became.applied - len(became.refused)
            refused_now |= became.refused.keys()
            refused += [_refusal(event, *became.refused[event.place]) for event in by_type[kind]
                        if event.place in became.refused]  # fmt: skip
    again = [event for event in others if once[event.storm_id, event.event_id].place in refused_now]
    done.duplicates += len(others) - len(again)
    return again


def _refusal(event: Event, reason: str, said: str) -> Refusal:
    return Refusal(event.place, event.storm_id, reason, said, event.at, event.event_id, event.type)


def _move(connection: Connection, group: str, records: Sequence[Record], moved: Mapping[Place, int],
          expected: Mapping[Place, int | None] | None) -> None:  # fmt: skip
    """Move the offsets first: who comes second waits here and is refused before anything was done."""
    places = sorted(moved)
    believed = _believed(connection, group, records, places) if expected is None else expected
    values: Values = {
        "group": group,
        "topic": texts([topic for topic, _ in places]),
        "partition": array([partition for _, partition in places]),
        "expected": array([believed.get(place) for place in places]),
        "moved": array([moved[place] for place in places]),
    }
    try:
        ask(connection, _MOVE, values)
    except psycopg2.Error as error:
        if error.pgcode != "SP004":
            raise
        raise _fenced(str(error.diag.message_primary)) from None


def _believed(connection: Connection, group: str, records: Sequence[Record], places: Sequence[Place]
              ) -> dict[Place, int | None]:  # fmt: skip
    first: dict[Place, int] = {}
    for record in records:
        first.setdefault((record.topic, record.partition), record.offset)
    stands = {(topic, partition): int(offset) for topic, partition, offset in offsets_of(connection, group)}
    for place in places:
        if first[place] < stands.get(place, 0):
            raise _fenced(f"partition {place[1]} of {place[0]} stands at {stands[place]} and not at {first[place]}")
    return {place: stands.get(place) for place in places}


def offsets_of(connection: Connection, group: str) -> list[tuple[str, int, int]]:
    """topic, partition and next offset of all that a group has read."""
    rows = ask(connection, "SELECT topic, partition, next_offset FROM sec.stream_offsets(%(group)s)", {"group": group})
    return [(str(topic), int(partition), int(offset)) for topic, partition, offset in rows]


def _fenced(said: str) -> Fenced:
    return Fenced(
        f"Another consumer is ahead: {said}.", "One consumer of a group applies a partition.",
        "Nothing of this batch was applied; seek to the offsets in the database and go on.",
    )  # fmt: skip


def _tenants(connection: Connection, storm_ids: Sequence[str]) -> dict[str, str]:
    rows = ask(connection, "SELECT storm_id::text, tenant_id::text FROM sec.tenants_of_storms(%(storms)s::uuid[])",
               {"storms": array(storm_ids)})  # fmt: skip
    return dict(rows)
