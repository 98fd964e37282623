"""Events of a storm, sent: each keyed by what it is about, so that the words on one home stay in their order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from stormplay.errors import BrokerUnavailable
from stormplay.streaming.client import unavailable
from stormplay.streaming.settings import Settings

if TYPE_CHECKING:
    from kafka import KafkaProducer

PATIENCE_S = 30.0


def topic_of(storm_id: str) -> str:
    """The topic of a storm."""
    return f"storm_events_{storm_id}"


class Producer:
    """Sends messages and waits until the broker has them.

    Args:
        settings: Which Kafka.

    Raises:
        BrokerUnavailable: Nobody answers.
    """

    def __init__(self, settings: Settings) -> None:
        from kafka import KafkaProducer  # noqa: PLC0415 - heavy
        from kafka.errors import KafkaError  # noqa: PLC0415

        self._settings = settings
        try:
            self._client: KafkaProducer = KafkaProducer(**settings.producer())
        except KafkaError as error:
            raise unavailable(settings, error) from None

    def __enter__(self) -> Producer:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close(timeout=PATIENCE_S)

    def send(self, topic: str, messages: Iterable[Mapping[str, Any]]) -> dict[tuple[str, int], int]:
        """Send messages; returns when the broker has acknowledged all.

        Returns:
            Place -> the offset after the last one.

        Raises:
            BrokerUnavailable: It has not acknowledged them; some may be there all the same.
        """
        from kafka.errors import KafkaError  # noqa: PLC0415 - heavy

        reached: dict[tuple[str, int], int] = {}
        try:
            sent = [
                self._client.send(topic, json.dumps(one).encode(), key=_key(one).encode(), timestamp_ms=None)
                for one in messages
            ]
            self._client.flush(timeout=PATIENCE_S)
            for future in sent:
                told = future.get(timeout=PATIENCE_S)
                place = (told.topic, told.partition)
                reached[place] = max(reached.get(place, 0), told.offset + 1)
        except KafkaError as error:
            raise self._lost(error) from None
        return reached

    def _lost(self, error: BaseException) -> BrokerUnavailable:
        return unavailable(self._settings, error)


def _key(message: Mapping[str, Any]) -> str:
    return str(message.get("property_id") or message.get("job_id") or message["event_id"])
