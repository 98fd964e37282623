"""What is kept of a batch beside its effects: dead letters, strays, how far each partition has been read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.engine import Connection

from stormplay.streaming.events import LARGEST, Record, Refusal
from stormplay.streaming.staging import array, ask, moments, texts

_LETTERS = """
INSERT INTO stream_dead_letters (tenant_id, storm_id, topic, partition, "offset", reason, said, event_id, event_type,
                                 payload, event_at)
SELECT %(tenant_id)s::uuid, g.* FROM unnest(%(storm)s::uuid[], %(topic)s::text[], %(partition)s::int[],
    %(offset)s::bigint[], %(reason)s::text[], %(said)s::text[], %(event)s::text[], %(type)s::text[],
    %(payload)s::bytea[], %(at)s::timestamptz[]) g
ON CONFLICT (tenant_id, topic, partition, "offset") DO NOTHING
"""

_STRAYS = """SELECT sec.keep_stray(%(topic)s::text[], %(partition)s::int[], %(offset)s::bigint[], %(said)s::text[],
                                   %(payload)s::bytea[])"""

_POSITIONS = """
INSERT INTO stream_positions AS p (tenant_id, storm_id, partition, next_offset, end_offset)
SELECT %(tenant_id)s::uuid, g.* FROM unnest(%(storm)s::uuid[], %(partition)s::int[], %(next)s::bigint[],
                                            %(end)s::bigint[]) g ORDER BY 2, 3
ON CONFLICT (tenant_id, storm_id, partition) DO UPDATE
   SET next_offset = excluded.next_offset, end_offset = excluded.end_offset, told_at = clock_timestamp()
"""


def keep_letters(connection: Connection, tenant_id: str, refused: Sequence[Refusal], records: Sequence[Record]) -> None:
    """Keep what was not applied as dead letters of its company, once each: a second reading of an offset adds none."""
    if not refused:
        return
    places = [records[one.place] for one in refused]
    values = _places(places) | {
        "tenant_id": tenant_id,
        "storm": array([one.storm_id for one in refused]),
        "reason": texts([one.reason for one in refused]),
        "said": texts([one.said for one in refused]),
        "event": texts([one.event_id for one in refused]),
        "type": texts([one.type for one in refused]),
        "at": moments([one.at for one in refused]),
    }
    ask(connection, _LETTERS, values)


def keep_strays(connection: Connection, records: Sequence[Record], topics: Mapping[str, str | None]) -> int:
    """Keep records of no company for the administrator. Returns how many there were."""
    if records:
        said = ["There is no storm of this id." if topics[record.topic] else "The topic's name is no storm's."
                for record in records]  # fmt: skip
        ask(connection, _STRAYS, _places(records) | {"said": texts(said)})
    return len(records)


def keep_positions(connection: Connection, tenant_id: str, topics: Mapping[str, str | None],
                   moved: Mapping[tuple[str, int], int], ends: Mapping[tuple[str, int], int]) -> None:  # fmt: skip
    """Keep how far each partition of a company's storms has been read, and how far it goes."""
    places = list(moved)
    values = {
        "tenant_id": tenant_id,
        "storm": array([topics[topic] for topic, _ in places]),
        "partition": array([partition for _, partition in places]),
        "next": array([moved[place] for place in places]),
        "end": array([max(moved[place], ends.get(place, 0)) for place in places]),
    }
    ask(connection, _POSITIONS, values)


def _places(records: Sequence[Record]) -> dict[str, str]:
    return {
        "topic": texts([record.topic for record in records]),
        "partition": array([record.partition for record in records]),
        "offset": array([record.offset for record in records]),
        "payload": "{" + ",".join([f'"\\\\x{(record.value or b"")[:LARGEST].hex()}"' for record in records]) + "}",
    }
