"""Which Kafka, and how it is read: from the environment and the command line, checked before anything is opened.

    STORMPLAY_KAFKA              bootstrap servers, comma separated; unset: the development stand-in (`stand_in`)
    STORMPLAY_KAFKA_<SETTING>    any setting of kafka-python under its own name, such as
                                 STORMPLAY_KAFKA_SECURITY_PROTOCOL=SASL_SSL, STORMPLAY_KAFKA_SSL_CAFILE=ca.pem

A setting has the type of kafka-python's own default. No value is ever repeated in an error: it may be a password.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stormplay.errors import BadInput

PREFIX = "STORMPLAY_KAFKA_"
GROUP = "stormplay"
TOPIC_PATTERN = r"^storm_events_.*"
LARGEST_BATCH = 10_000

# What exactly-once hangs on, and what the command line says: not for the environment.
_OURS = {
    "bootstrap_servers", "group_id", "enable_auto_commit", "auto_commit_interval_ms", "auto_offset_reset",
    "max_poll_records", "isolation_level", "consumer_timeout_ms", "exclude_internal_topics", "acks",
    "enable_idempotence", "transactional_id", "key_deserializer", "value_deserializer",
}  # fmt: skip
# Settings whose default is None; those that are not named here are text.
_WHOLE_NUMBERS = {"receive_buffer_bytes", "send_buffer_bytes", "retries"}
_FILES = {"ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_crlfile"}
_ONE_OF = {
    "security_protocol": ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    "sasl_mechanism": ("PLAIN", "GSSAPI", "OAUTHBEARER", "SCRAM-SHA-256", "SCRAM-SHA-512"),
}
_NOT_TEXT = {"ssl_context", "sasl_oauth_token_provider", "key_serializer", "value_serializer"}  # objects of a program


@dataclass(frozen=True)
class Settings:
    """How topics are read.

    Attributes:
        servers: Bootstrap servers, host:port.
        group: The consumer group; offsets in Postgres are kept by its name.
        instance: Name of this machine's static members, '' for dynamic ones; a worker adds its number.
        batch: Records of a transaction at most.
        fill_s: Seconds that a batch waits for more.
        stall_s: Seconds without a record, while the topics go on, after which the client is made anew.
        metadata_s: Seconds between looks for new topics.
        kafka: Further settings of kafka-python, typed; may hold passwords, so it is not shown.
    """

    servers: tuple[str, ...]
    group: str = GROUP
    instance: str = ""
    batch: int = 1_000
    fill_s: float = 0.02
    stall_s: float = 15.0
    metadata_s: float = 2.0
    kafka: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def of_worker(self, number: int) -> Settings:
        """The settings of one of several workers: a static member of its own."""
        return replace(self, instance=f"{self.instance}-{number}") if self.instance else self

    def consumer(self) -> dict[str, Any]:
        """Keyword arguments of `kafka.KafkaConsumer`. Offsets are ours: Kafka's are never read."""
        ours = {
            "bootstrap_servers": list(self.servers),
            "group_id": self.group or None,
            "group_instance_id": self.instance or None,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",  # an offset that is gone: all that is left, for the ledger knows the rest
            "isolation_level": "read_committed",
            "max_poll_records": self.batch,
        }
        return (
            self._unless_told(
                metadata_max_age_ms=int(self.metadata_s * 1000),
                allow_auto_create_topics=False,
                reconnect_backoff_max_ms=1_000,
                retry_backoff_ms=50,
                fetch_max_bytes=8 << 20,
                metrics_enabled=False,
            )
            | ours
        )

    def for_asking(self) -> Settings:
        """The settings of a client that joins no group and gives up in seconds."""
        return replace(self, instance="", group="", kafka={"bootstrap_timeout_ms": 5_000, **self.kafka})

    def producer(self) -> dict[str, Any]:
        """Keyword arguments of `kafka.KafkaProducer`: nothing is sent twice or half."""
        from kafka import KafkaProducer  # noqa: PLC0415 - heavy

        told = {name: value for name, value in self.kafka.items() if name in KafkaProducer.DEFAULT_CONFIG}
        return told | {"bootstrap_servers": list(self.servers), "acks": "all", "enable_idempotence": True}

    def _unless_told(self, **defaults: Any) -> dict[str, Any]:
        return defaults | {name: value for name, value in self.kafka.items() if name in _defaults("KafkaConsumer")}


def read(
    environment: Mapping[str, str] | None = None, *, servers: str = "", group: str = GROUP, batch: int = 1_000
) -> Settings:
    """Read the settings, and say in one sentence what is wrong with them.

    Args:
        environment: Where the variables are; this process's own where None.
        servers: Bootstrap servers where STORMPLAY_KAFKA is unset: those of the stand-in.
        group, batch: See `Settings`.

    Raises:
        BadInput: An address, a name or a value that cannot be used. The value is not repeated.
    """
    variables = os.environ if environment is None else environment
    if not 1 <= batch <= LARGEST_BATCH:
        raise BadInput(f"A batch of {batch} records cannot be made.", f"Expected 1 to {LARGEST_BATCH:,}.")
    if not re.fullmatch(r"[\w.-]{1,100}", group):
        raise BadInput(f"'{group}' is no name of a group.", "Expected letters, digits, '.', '_' and '-'.")
    told = {
        name.removeprefix(PREFIX).lower(): _typed(name, value)
        for name, value in variables.items()
        if name.startswith(PREFIX)
    }
    instance = told.pop("group_instance_id", None)
    own = re.sub(r"[^\w.-]", "-", f"{group}-{socket.gethostname()}")[:200]
    return Settings(
        _addresses(variables.get("STORMPLAY_KAFKA") or servers),
        group,
        own if instance is None else str(instance),
        batch,
        kafka=told,
    )


def _addresses(text: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not found or not all(re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?", part) for part in found):
        raise BadInput(
            "STORMPLAY_KAFKA is no list of Kafka servers.",
            "Expected host:port, several with commas between them.",
            "Mend it, or unset it to use the development stand-in.",
        )
    return found


def _typed(variable: str, text: str) -> object:
    """A variable's value with the type of kafka-python's default."""
    name = variable.removeprefix(PREFIX).lower()
    known = _defaults("KafkaProducer") | _defaults("KafkaConsumer")
    if name not in known:
        raise BadInput(f"{variable} names no setting of kafka-python.", "Expected one of its client's settings.")
    if name in _OURS:
        raise BadInput(f"{variable} cannot be set.", "Stormplay sets it itself: exactly-once hangs on it.")
    default = known[name]
    if name in _NOT_TEXT or callable(default) or isinstance(default, list | tuple | dict):
        raise BadInput(f"{variable} cannot be given as text.", "It is an object of a program.")
    if name in _ONE_OF and text not in _ONE_OF[name]:
        raise _wrong(variable, f"one of {', '.join(_ONE_OF[name])}")
    if name in _FILES and not Path(text).is_file():
        raise _wrong(variable, "the path of a file that can be read")
    return _as(type(default) if name not in _WHOLE_NUMBERS else int, variable, text)


def _as(kind: type, variable: str, text: str) -> object:
    if kind is bool:
        if text.lower() not in ("true", "false", "1", "0"):
            raise _wrong(variable, "true or false")
        return text.lower() in ("true", "1")
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise _wrong(variable, "a whole number" if kind is int else "a number") from None
    return text


def _wrong(variable: str, expected: str) -> BadInput:
    return BadInput(f"{variable} has a value that cannot be used.", f"Expected {expected}.")


def _defaults(client: str) -> dict[str, Any]:
    import kafka  # noqa: PLC0415 - heavy

    return dict(getattr(kafka, client).DEFAULT_CONFIG)
