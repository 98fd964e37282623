"""Local time of many homes: the same as zoneinfo says, home by home, over every change of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stormplay.errors import BadInput
from stormplay.nurture import Hours
from stormplay.nurture.clock import DAY, Clock, zone

# Half an hour's change, a change at midnight, none, east of all, far from whole hours, a day left out.
ZONES = ["America/Chicago", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago",
         "America/Phoenix", "Pacific/Kiritimati", "Asia/Kathmandu", "Europe/Berlin", "Africa/Casablanca"]  # fmt: skip
BEGIN, END = 1_577_836_800, 1_893_456_000  # 2020 to 2030


def wall(name, at_s):
    return datetime.fromtimestamp(int(at_s), ZoneInfo(name))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, len(ZONES) - 1), st.integers(BEGIN, END)), min_size=1, max_size=30))
def test_local_time_is_what_zoneinfo_says(pairs):
    at, times = np.array([a for a, _ in pairs]), np.array([t for _, t in pairs], dtype=np.int64)
    local = Clock(ZONES, int(times.min()), int(times.max())).local(at, times)
    for (number, at_s), found in zip(pairs, local, strict=True):
        said = wall(ZONES[number], at_s).replace(tzinfo=UTC)
        assert datetime.fromtimestamp(int(found), UTC) == said


@pytest.mark.parametrize("name", ZONES)
def test_each_change_of_the_clocks_is_known_to_the_second(name):
    clock, zero = Clock([name], BEGIN, END), np.zeros(1, dtype=np.intp)
    hours = np.arange(BEGIN, BEGIN + 3 * 365 * DAY, 3600)
    ahead = clock.offset(np.zeros(hours.size, dtype=np.intp), hours)
    for k in np.flatnonzero(np.diff(ahead)):
        for at_s in range(int(hours[k]), int(hours[k + 1]) + 1, 300):
            offset = wall(name, at_s).utcoffset().total_seconds()
            assert clock.offset(zero, np.array([at_s]))[0] == offset


@settings(deadline=None, max_examples=60)
@given(st.integers(0, len(ZONES) - 1), st.integers(BEGIN, END))
def test_a_moment_survives_the_way_to_the_wall_and_back(number, at_s):
    clock, at = Clock(ZONES, at_s - 2 * DAY, at_s + 2 * DAY), np.array([number])
    local = clock.local(at, np.array([at_s], dtype=np.int64))
    assert clock.local(at, clock.utc(at, local))[0] == local[0]  # an hour that comes twice has two moments


def test_a_time_that_the_clocks_skip_is_as_much_later():
    clock = Clock(["America/Chicago"], BEGIN, END)
    skipped = int(datetime(2021, 3, 14, 2, 30, tzinfo=UTC).timestamp())
    found = clock.utc(np.array([0]), np.array([skipped]))[0]
    assert wall("America/Chicago", found).strftime("%H:%M") == "03:30"


@settings(deadline=None, max_examples=150)
@given(
    st.integers(0, len(ZONES) - 1), st.integers(BEGIN, END), st.sampled_from(
        [Hours(8, 21), Hours(9, 20), Hours(0, 1), Hours(2, 3), Hours(9, 21, sunday_opens=12), Hours(23, 24)]),
)  # fmt: skip
@example(0, 1_620_133_141, Hours(8, 21))  # 7:59:01
def test_the_next_opening_is_open_and_nothing_before_it_is(number, at_s, hours):
    clock, at = Clock(ZONES, at_s - 3 * DAY, at_s + 5 * DAY), np.array([number])
    found = int(clock.next_open(at, np.array([at_s], dtype=np.int64), hours)[0])
    assert at_s <= found <= at_s + 3 * DAY
    assert is_open(ZONES[number], found, hours)
    between = [*range(at_s, found, 60), *range(max(at_s, found - 60), found)]
    assert not any(is_open(ZONES[number], one, hours) for one in between)


def is_open(name, at_s, hours):
    local = wall(name, at_s)
    opens = hours.opens if hours.sunday_opens is None or local.weekday() != 6 else hours.sunday_opens
    second = local.hour * 3600 + local.minute * 60 + local.second
    return opens * 3600 <= second < hours.closes * 3600


def test_any_time_is_open_without_hours():
    clock, times = Clock(["UTC"], BEGIN, END), np.arange(BEGIN, BEGIN + DAY, 3600)
    at = np.zeros(times.size, dtype=np.intp)
    assert (clock.next_open(at, times, None) == times).all()


@pytest.mark.parametrize("name", ["", "Nowhere/Land", "../etc/passwd", "America", "\x00", "a" * 500])
def test_what_is_no_zone_is_none(name):
    assert zone(name) is None
    assert zone("America/Chicago") == ZoneInfo("America/Chicago")


@pytest.mark.parametrize("hours", [(21, 8), (8, 8), (-1, 5), (8, 25), (float("nan"), 9)])
def test_hours_out_of_order_are_refused(hours):
    with pytest.raises(BadInput):
        Hours(*hours)
    with pytest.raises(BadInput):
        Hours(8, 12, sunday_opens=12)


def test_the_end_of_the_hours_is_shut():
    clock, at = Clock(["America/Chicago"], BEGIN, END), np.array([0])
    nine = int(datetime(2021, 5, 4, 21, tzinfo=ZoneInfo("America/Chicago")).timestamp())
    assert not clock.is_open(at, np.array([nine]), Hours(8, 21))[0]
    assert clock.is_open(at, np.array([nine - 1]), Hours(8, 21))[0]
    eight = clock.next_open(at, np.array([nine]), Hours(8, 21))[0]
    assert eight - nine == timedelta(hours=11).total_seconds()
