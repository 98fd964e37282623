"""A client can go on polling and never fetch again (dpkp/kafka-python issue 3131): whoever watches it can tell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from stormplay.streaming.events import Place

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition


class StalledClientError(Exception):
    """The client polls and fetches nothing, though there is more."""


class Watch:
    """Looks at a client that has brought nothing for a while."""

    def __init__(self) -> None:
        self._stood: dict[Place, int] = {}  # what was not read on at the last look

    def look(self, client: KafkaConsumer, held: Iterable[TopicPartition]) -> dict[Place, int]:
        """Ask where partitions end.

        Returns:
            Place -> its end.

        Raises:
            StalledClientError: One stands where it stood at the last look, though it goes on.
        """
        ends: dict[Place, int] = {}
        stands: dict[Place, int] = {}
        asked = list(held)
        for one, end in (client.end_offsets(asked, timeout_ms=5_000) if asked else {}).items():
            place = (one.topic, one.partition)
            ends[place] = end
            position = client.position(one, timeout_ms=1_000)
            if position is not None and position < end:
                stands[place] = position
        stalled, self._stood = stands.items() & self._stood.items(), stands
        if stalled:
            self._stood = {}
            raise StalledClientError(f"{len(stalled)} partitions were not read on, though they go on.")
        return ends
