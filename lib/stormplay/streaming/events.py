"""What a message says, if it says anything. Pure: bytes in, an event or the reason why not out; nothing is raised.

A message is a JSON object of at most `LARGEST` bytes with `event_id`, `type` and the fields of its type; other fields
are let be. In particular a `tenant_id` is never looked at: the company is that of the storm, and the storm is that of
the topic.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

LARGEST = 16_384
AHEAD = timedelta(minutes=10)
"""How far a clock elsewhere may be ahead of ours."""
DEAREST_DOLLARS = 100_000_000
TYPES = ("property_impacted", "job_completed", "conversion")
TOPIC = re.compile(r"storm_events_([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")

Place = tuple[str, int]
"""A topic and one of its partitions."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 1 << 47  # in the year 6429; above, no calendar has it
_CENT = Decimal("0.01")

_Id = Annotated[
    str, Meta(pattern="^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\\Z", max_length=36)
]
_EventId = Annotated[str, Meta(min_length=1, max_length=200)]
_Moment = Annotated[datetime, Meta(tz=True)] | None
_Channel = Annotated[str, Meta(pattern="^[a-z][a-z0-9_ -]{0,39}\\Z", max_length=40)] | None


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a topic, as the broker gave it.

    Attributes:
        topic, partition, offset: Where it stands.
        timestamp_ms: Milliseconds since 1970, of the producer or the broker; below 0: not known.
        key, value: Bytes, or None; a record without a value is a tombstone.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


class Event(NamedTuple):
    """One event of a storm, checked.

    Attributes:
        place: The number of its record in the batch.
        type: One of `TYPES`.
        storm_id: Of its topic.
        event_id: 1 to 200 signs.
        subject: The home's id; of `job_completed` the job's. Small letters.
        at: When it happened: as it says itself, else as its record does.
        sii_score: 0 to 100, of `property_impacted`.
        hail_in: Inches, where it says so.
        value_cents: Of `conversion`.
        channel: Of `conversion`: what brought it, where it says so.
    """

    place: int
    type: str
    storm_id: str
    event_id: str
    subject: str
    at: datetime
    sii_score: float = 0.0
    hail_in: float | None = None
    value_cents: int = 0
    channel: str | None = None


class Refusal(NamedTuple):
    """Why a message was not taken.

    Attributes:
        place: The number of its record in the batch.
        storm_id: Of its topic.
        reason: One of those that `stream_dead_letters` knows.
        said: The same in a sentence.
        at: When it happened, as far as that is known.
        event_id, type: Where they could be read.
    """

    place: int
    storm_id: str
    reason: str
    said: str
    at: datetime
    event_id: str | None = None
    type: str | None = None


class _Impacted(msgspec.Struct, tag_field="type", tag="property_impacted", gc=False):
    event_id: _EventId
    property_id: _Id
    sii_score: Annotated[float, Meta(ge=0, le=100)]
    hail_in: Annotated[float, Meta(ge=0, le=12)] | None = None
    occurred_at: _Moment = None

    def quotes(self) -> int:
        return 14 + 2 * (self.hail_in is not None) + 4 * (self.occurred_at is not None)

    def event(self, place: int, storm_id: str, at: datetime) -> Event:
        hail_in = self.hail_in
        return Event(place, "property_impacted", storm_id, self.event_id, self.property_id.lower(), at,
                     self.sii_score + 0.0, None if hail_in is None else hail_in + 0.0)  # fmt: skip


class _Completed(msgspec.Struct, tag_field="type", tag="job_completed", gc=False):
    event_id: _EventId
    job_id: _Id
    occurred_at: _Moment = None

    def quotes(self) -> int:
        return 12 + 4 * (self.occurred_at is not None)

    def event(self, place: int, storm_id: str, at: datetime) -> Event:
        return Event(place, "job_completed", storm_id, self.event_id, self.job_id.lower(), at)


class _Conversion(msgspec.Struct, tag_field="type", tag="conversion", gc=False):
    event_id: _EventId
    property_id: _Id
    value: Annotated[float, Meta(ge=0, le=DEAREST_DOLLARS)]
    channel: _Channel = None
    occurred_at: _Moment = None

    def quotes(self) -> int:
        return 14 + 4 * (self.channel is not None) + 4 * (self.occurred_at is not None)

    def event(self, place: int, storm_id: str, at: datetime) -> Event:
        return Event(place, "conversion", storm_id, self.event_id, self.property_id.lower(), at,
                     value_cents=cents(self.value), channel=self.channel)  # fmt: skip


_Message = _Impacted | _Completed | _Conversion
_decode: Callable[[bytes], _Message] = msgspec.json.Decoder(_Message).decode


def storm_of(topic: str) -> str | None:
    """The storm that a topic is of; None where its name is no storm's."""
    found = TOPIC.fullmatch(topic)
    return found[1] if found else None


def decode_all(records: Sequence[Record]) -> list[Event | Refusal | None]:
    """Read each record of a batch; None for those whose topic is no storm's."""
    now = datetime.now(UTC)
    storms = {topic: storm_of(topic) for topic in {record.topic for record in records}}
    return [
        None if (storm_id := storms[record.topic]) is None else decode(place, storm_id, record, now)
        for place, record in enumerate(records)
    ]


def decode(place: int, storm_id: str, record: Record, now: datetime) -> Event | Refusal:
    """Read one record.

    Args:
        place: Its number in the batch, kept with what it is read as.
        storm_id: The storm of its topic.
        record: The record.
        now: The moment taken for the present; what happens later cannot have happened.
    """
    value, sent = record.value, record.timestamp_ms
    at = _EPOCH + timedelta(milliseconds=sent) if 0 <= sent <= _LAST_MS else now
    if value is None or len(value) > LARGEST:
        return _unreadable(place, storm_id, value, at)
    try:
        message = _decode(value)
    except (msgspec.MsgspecError, RecursionError, ValueError, OverflowError) as error:
        return _refused(place, storm_id, value, at, str(error))
    # As many quotes as the fields and words that were read need: then nothing stands twice, and nothing stands beside.
    if (value.count(b'"') != message.quotes() or b"\\" in value) and (fault := _strange(value, message.event_id)):
        return _refused(place, storm_id, value, at, fault)
    own = message.occurred_at
    if own is not None:
        try:
            at = own.astimezone(UTC)
        except OverflowError:
            return _refused(place, storm_id, value, at, "Its time is outside of the calendar")
    if not _EPOCH <= at <= now + AHEAD:
        when = "in the future" if at > now else "before 1970"
        said = f"It happened {when}, at {at:%Y-%m-%d %H:%M} UTC; a time that has been was expected"
        return _refused(place, storm_id, value, max(_EPOCH, min(at, now)), said)
    return message.event(place, storm_id, at)


def cents(dollars: float) -> int:
    """Whole cents of an amount as it was written: 0.29 is 29 and not 28. Half a cent goes to the even one."""
    return int(Decimal(repr(dollars)).quantize(_CENT, ROUND_HALF_EVEN).scaleb(2))


def _unreadable(place: int, storm_id: str, value: bytes | None, at: datetime) -> Refusal:
    if value is None:
        return Refusal(place, storm_id, "malformed", "The record has no value; an event was expected.", at)
    said = f"The message has {len(value):,} bytes; at most {LARGEST:,} were expected."
    return Refusal(place, storm_id, "too large", said, at)


def _refused(place: int, storm_id: str, value: bytes, at: datetime, fault: str) -> Refusal:
    """The reason in a sentence, with what can be read of the message for whoever looks for it."""
    try:
        found = json.loads(value, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return Refusal(place, storm_id, "malformed", f"It is no JSON: {_plain(fault)}.", at)
    if not isinstance(found, dict):
        said = f"It is a JSON {_kind(found)}; an object was expected."
        return Refusal(place, storm_id, "malformed", said, at)
    event_id, kind = (_word(found.get(name)) for name in ("event_id", "type"))
    if kind is not None and kind not in TYPES:
        said = f"There is no type '{kind[:60]}'; expected one of {', '.join(TYPES)}."
        return Refusal(place, storm_id, "unknown type", said, at, event_id, kind)
    return Refusal(place, storm_id, "invalid", f"{_plain(fault)}.", at, event_id, kind)


def _strange(value: bytes, event_id: str) -> str:
    """What only a slow look finds: a field that stands twice, a sign that no text of the database can hold."""
    try:
        json.loads(value, object_pairs_hook=_once)
    except ValueError as error:
        return str(error)
    except RecursionError:
        return "It is nested too deep"
    return "The event_id has a sign that no text can hold" if "\0" in event_id else ""


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number")


def _once(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"The field '{name[:60]}' stands twice")
        found[name] = value
    return found


def _word(value: object) -> str | None:
    """A short text as it is, for the letter; anything else is none."""
    if not isinstance(value, str) or not 1 <= len(value) <= 200 or "\0" in value:
        return None
    return value.encode("utf-8", "replace").decode()


def _plain(fault: str) -> str:
    words = fault.replace("\0", "").replace("`", "'").strip().rstrip(".")[:300].encode("utf-8", "replace").decode()
    return f"{words[:1].upper()}{words[1:]}"


def _kind(value: object) -> str:
    names = {list: "array", str: "text", bool: "truth value", int: "number", float: "number", type(None): "null"}
    return names.get(type(value), "value")
