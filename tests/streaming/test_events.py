"""What a message says: strict, and nothing that comes in raises."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormplay.streaming import events
from stormplay.streaming.events import Event, Record, Refusal

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
STORM, HOME = "0b1e7c11-52c4-4f0e-9a59-6f6d5b3f7a11", "5d0f2a3e-9c1b-4f6e-8a77-2b4c6d8e0f13"
GOOD = {"event_id": "e1", "type": "property_impacted", "property_id": HOME, "sii_score": 55.5}


def read(value: bytes | dict | None, timestamp_ms: int = 1_700_000_000_000) -> Event | Refusal:
    raw = json.dumps(value).encode() if isinstance(value, dict) else value
    return events.decode(7, STORM, Record("t", 0, 0, timestamp_ms, None, raw), NOW)


@given(st.binary(max_size=200), st.integers(-(2**63), 2**63 - 1))
def test_no_bytes_raise(value, timestamp_ms):
    found = read(value, timestamp_ms)
    assert isinstance(found, Refusal)
    assert found.said.endswith(".")
    found.said.encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3), max_leaves=5,
)  # fmt: skip


@given(st.sampled_from(["event_id", "type", "property_id", "sii_score", "hail_in", "occurred_at"]), JSON, st.booleans())
def test_no_field_raises_and_what_is_taken_is_in_range(name, value, ascii_only):
    found = read(json.dumps(GOOD | {name: value}, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))
    if isinstance(found, Event):
        assert 1 <= len(found.event_id) <= 200
        assert "\0" not in found.event_id
        assert 0 <= found.sii_score <= 100
        assert found.hail_in is None or 0 <= found.hail_in <= 12
        assert found.at <= NOW + events.AHEAD
    else:
        assert "\0" not in f"{found.said}{found.event_id}{found.type}"
        f"{found.said}{found.event_id}{found.type}".encode()


def test_what_is_right_is_read():
    found = read(GOOD)
    assert isinstance(found, Event)
    assert (found.place, found.storm_id, found.subject, found.sii_score, found.hail_in) == (7, STORM, HOME, 55.5, None)
    assert found.at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    late = read(GOOD | {"occurred_at": "2021-04-28T19:06:00-05:00", "hail_in": 1.75})
    assert (late.at, late.hail_in) == (datetime(2021, 4, 29, 0, 6, tzinfo=UTC), 1.75)
    assert read(GOOD | {"property_id": HOME.upper()}).subject == HOME


def test_other_fields_are_let_be_and_a_tenant_is_never_looked_at():
    odd = GOOD | {"tenant_id": str(uuid4()), "x": {"event_id": [1]}, "note": 'a "quoted" word'}
    assert read(odd) == read(GOOD)


@given(st.decimals(min_value=0, max_value=99_999_999, places=2))
def test_dollars_are_exact_to_the_cent(amount):
    message = {"event_id": "e", "type": "conversion", "property_id": HOME}
    found = read(json.dumps(message)[:-1].encode() + f', "value": {amount}}}'.encode())
    assert found.value_cents == int(amount * 100)
    assert Decimal(found.value_cents) / 100 == amount


REFUSED = {
    "nothing": (None, "malformed"),
    "empty": (b"", "malformed"),
    "half": (b'{"event_id": "a"', "malformed"),
    "a list": (b"[1]", "malformed"),
    "not UTF-8": (b'{"event_id": "\xff", "type": "conversion"}', "malformed"),
    "no number": (json.dumps(GOOD).replace("55.5", "NaN").encode(), "malformed"),
    "nested": (json.dumps(GOOD)[:-1].encode() + b', "x": ' + b"[" * 16_000, "malformed"),
    "too large": (json.dumps(GOOD | {"x": "y" * 17_000}).encode(), "too large"),
    "unknown type": (GOOD | {"type": "hail"}, "unknown type"),
    "no type": ({"event_id": "a"}, "invalid"),
    "no id": ({**GOOD, "event_id": ""}, "invalid"),
    "a long id": ({**GOOD, "event_id": "x" * 201}, "invalid"),
    "an id with a zero": ({**GOOD, "event_id": "a\0b"}, "invalid"),
    "an id that is a number": ({**GOOD, "event_id": 5}, "invalid"),
    "no home": ({**GOOD, "property_id": "12 Elm Street"}, "invalid"),
    "a home and a line": ({**GOOD, "property_id": HOME + "\n"}, "invalid"),
    "too high": ({**GOOD, "sii_score": 100.1}, "invalid"),
    "too low": ({**GOOD, "sii_score": -0.1}, "invalid"),
    "endless": (json.dumps(GOOD).replace("55.5", "1e999").encode(), "invalid"),
    "text for a number": ({**GOOD, "sii_score": "55"}, "invalid"),
    "truth for a number": ({**GOOD, "sii_score": True}, "invalid"),
    "twice": (json.dumps(GOOD)[:-1].encode() + b', "sii_score": 9}', "invalid"),
    "twice, written otherwise": (json.dumps(GOOD)[:-1].encode() + b', "\\u0073ii_score": 9}', "invalid"),
    "no zone": ({**GOOD, "occurred_at": "2021-04-28T19:06:00"}, "invalid"),
    "to come": ({**GOOD, "occurred_at": "2098-01-01T00:00:00Z"}, "invalid"),
    "before all": ({**GOOD, "occurred_at": "1923-01-01T00:00:00Z"}, "invalid"),
    "off the calendar": ({**GOOD, "occurred_at": "0001-01-01T00:00:00+14:00"}, "invalid"),
    "a debt": ({"event_id": "a", "type": "conversion", "property_id": HOME, "value": -1}, "invalid"),
    "beyond reason": ({"event_id": "a", "type": "conversion", "property_id": HOME, "value": 1e12}, "invalid"),
    "a channel of its own": (
        {"event_id": "a", "type": "conversion", "property_id": HOME, "value": 1, "channel": "Click 7F3A!"}, "invalid"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_refused_with_a_sentence(case):
    value, reason = REFUSED[case]
    found = read(value)
    assert isinstance(found, Refusal), found
    assert found.reason == reason, found.said
    assert found.said[0].isupper()
    assert found.said.endswith(".")


def test_a_record_that_comes_from_the_future_is_refused_and_keeps_a_time_that_has_been():
    found = read(GOOD, int((NOW + timedelta(days=1)).timestamp() * 1_000))
    assert (found.reason, found.at) == ("invalid", NOW)
    assert read(GOOD, int((NOW + timedelta(minutes=5)).timestamp() * 1_000)).sii_score == 55.5


@pytest.mark.parametrize("name", [
    "storm_events_", "storm_events_x", f"storm_events_{STORM.upper()[:-1]}G", f"x_storm_events_{STORM}",
    f"storm_events_{STORM}\n", f"storm_events_{STORM}_dlq",
])  # fmt: skip
def test_other_topics_are_no_storms(name):
    assert events.storm_of(name) is None
    assert events.storm_of(f"storm_events_{STORM}") == STORM
