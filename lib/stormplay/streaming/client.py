"""The client of Kafka's: made, refused in a sentence, and what it says of its partitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from stormplay.errors import BadInput, BrokerUnavailable
from stormplay.streaming import refusal
from stormplay.streaming.settings import PREFIX, Settings

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition

    Told = Callable[[KafkaConsumer, Iterable[TopicPartition]], None]


def connect(settings: Settings) -> KafkaConsumer:
    """A client of Kafka's that has reached a broker.

    Raises:
        BadInput: It refuses its settings; what it says is not repeated, for it may hold a password.
        BrokerUnavailable: Nobody answers, or who answers does not let us in.
    """
    from kafka import KafkaConsumer  # noqa: PLC0415 - heavy
    from kafka.errors import KafkaConfigurationError, KafkaError  # noqa: PLC0415

    with refusal.listening() as heard:
        try:
            return KafkaConsumer(**settings.consumer())
        except (KafkaConfigurationError, AssertionError, ValueError, TypeError, OSError):
            raise BadInput(
                "kafka-python refuses these settings.",
                "Expected settings that go together, and files that are what they should be.",
                f"Check the variables {PREFIX}*.",
            ) from None
        except KafkaError as error:
            raise unavailable(settings, error, heard.reason()) from None


def unavailable(settings: Settings, error: BaseException, reason: tuple[str, str] | None = None) -> BrokerUnavailable:
    """The sentence for a Kafka that does not answer, or does not let us in.

    Args:
        settings: What was tried.
        error: What the client raised.
        reason: Why, and which settings to check, as `refusal` has heard it.
    """
    if reason is not None:
        why, check = reason
        names = f" {PREFIX}" + check if check and not check.startswith("the ") else f" {check}" if check else ""
        return BrokerUnavailable(
            f"No Kafka broker answers at {', '.join(settings.servers)}: {why[:1].lower()}{why[1:]}.",
            "Expected an Apache Kafka, or what speaks its protocol, and settings that it lets in.",
            f"Check{names or ' STORMPLAY_KAFKA'}; unset STORMPLAY_KAFKA for the development broker.",
        )
    return BrokerUnavailable(
        f"No Kafka broker answers at {', '.join(settings.servers)} ({type(error).__name__}).",
        "Expected an Apache Kafka, or what speaks its protocol, and settings that it lets in.",
        f"Start it, or check STORMPLAY_KAFKA and {PREFIX}*; unset, the development broker is used.",
    )


def listener(client: KafkaConsumer, claimed: Told, given_away: Told) -> Any:
    """Tells of partitions that come and go. Called in the client's own thread, where nothing may block."""
    from kafka import ConsumerRebalanceListener  # noqa: PLC0415 - heavy

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
        def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
            claimed(client, assigned)

        def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
            # A join that new topics began, and that outlasts the poll in which it began, is never ended by itself:
            # the client forgets that it wanted one. There is no public way to say so.
            client._coordinator.request_rejoin()
            given_away(client, revoked)

    return Listener()
