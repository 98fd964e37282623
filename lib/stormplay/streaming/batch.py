"""Records on their way from Kafka to the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stormplay.streaming.events import Event, Place, Record, Refusal

if TYPE_CHECKING:
    from kafka.consumer.fetcher import ConsumerRecord


@dataclass(frozen=True)
class Batch:
    """Records in the order of their partitions.

    Attributes:
        records: What came.
        claims: Place -> number of the claim under which it was fetched.
        expected: Place -> where the group's offset must stand when the batch is applied; None: nowhere yet.
        ends: Place -> offset after its last record, as far as the broker told.
        decoded: What the records say, one by one.
    """

    records: list[Record]
    claims: dict[Place, int]
    expected: dict[Place, int | None]
    ends: dict[Place, int]
    decoded: list[Event | Refusal | None] = field(default_factory=list)


def record_of(one: ConsumerRecord) -> Record:
    """A record as kafka-python gives it, without what nobody asks of it."""
    return Record(one.topic, one.partition, one.offset, one.timestamp, one.key, one.value)
