"""No schedule breaks consent, quiet hours, a cap or the holdout, whatever goes in: checked contact by contact with
plain datetimes, by code that shares nothing with the planner."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormplay.nurture import CHANNELS, REASONS, Hours, Rules, Step
from stormplay.nurture.people import ALL_CHANNELS, FOR_EVER, People
from stormplay.nurture.planner import NEVER, plan, why_not
from stormplay.nurture.rules import CODE, drawn, hash_share

ZONES = ["America/Chicago", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago",
         "America/Phoenix", "Asia/Kathmandu"]  # fmt: skip
DAY, HOUR = 86_400, 3_600
# Days around which clocks change, in the north and the south, and a plain one.
DAYS = ["2021-03-13", "2021-11-06", "2024-03-30", "2024-10-05", "2022-09-10", "2023-04-27", "2021-06-15"]
STARTS = [int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) for day in DAYS]


def people(n=1, zone=None, contacts=(), refusals=(), **flags):
    """People in Chicago who can be reached and object to nothing, except for what is given."""
    no, yes = np.zeros(n, dtype=bool), np.ones(n, dtype=bool)
    base = {"zone_names": ZONES, "zone": np.zeros(n, dtype=np.intp) if zone is None else np.array(zone),
            "clock_unknown": no, "held_out": no, "converted": no, "do_not_return": no,
            "other": np.zeros(n, dtype=np.int8), "has_phone": yes, "has_email": yes, "has_address": yes,
            "contact_row": np.array([row for row, _ in contacts], dtype=np.intp),
            "contact_at_s": np.array([at for _, at in contacts], dtype=np.int64),
            "refusal_row": np.array([one[0] for one in refusals], dtype=np.intp),
            "refusal_channel": np.array([one[1] for one in refusals], dtype=np.int64),
            "refusal_from_s": np.array([one[2] for one in refusals], dtype=np.int64),
            "refusal_until_s": np.array([one[3] for one in refusals], dtype=np.int64)}  # fmt: skip
    return People(**{**base, **{name: np.array(value) for name, value in flags.items()}})


@st.composite
def worlds(draw):
    n = draw(st.integers(1, 8))
    start = draw(st.sampled_from(STARTS)) + draw(st.integers(-2 * DAY, 2 * DAY))
    row = st.integers(0, n - 1)
    moment = st.integers(start - 12 * DAY, start + 14 * DAY)
    flags = {name: draw(st.lists(st.integers(0, 9).map(lambda k: k == 0), min_size=n, max_size=n))
             for name in ("held_out", "converted", "do_not_return", "clock_unknown")}  # fmt: skip
    flags |= {name: draw(st.lists(st.integers(0, 4).map(bool), min_size=n, max_size=n))
              for name in ("has_phone", "has_email", "has_address")}  # fmt: skip
    contacts = draw(st.lists(st.tuples(row, moment), max_size=6 * n))
    contacts += contacts[: draw(st.integers(0, 3))]  # told twice
    lasts = st.one_of(st.just(FOR_EVER), st.integers(0, 20 * DAY))
    refusals = [(r, c, at, FOR_EVER if last == FOR_EVER else at + last) for r, c, at, last in draw(
        st.lists(st.tuples(row, st.integers(ALL_CHANNELS, 4), moment, lasts), max_size=2 * n))]  # fmt: skip
    who = people(n, draw(st.lists(st.integers(0, len(ZONES) - 1), min_size=n, max_size=n)), contacts, refusals, **flags)
    hours = st.sampled_from([None, Hours(0, 24), Hours(9, 20), Hours(0, 1), Hours(22, 24), Hours(10, 14, 12)])
    phone = st.sampled_from([Hours(8, 21), Hours(9, 21, sunday_opens=12), Hours(8, 8.25), Hours(20.5, 21)])
    rules = Rules(call=draw(phone), text=draw(phone), door=draw(st.sampled_from([Hours(9, 20), Hours(0, 24)])),
                  email=draw(hours), mail=draw(hours), per_day=draw(st.integers(1, 3)),
                  per_window=draw(st.integers(1, 5)), window_days=draw(st.integers(1, 9)),
                  longest_wait_days=draw(st.sampled_from([1, 5, 30])))  # fmt: skip
    delays = st.sampled_from([0, 0, 1, 6, 24, 25, 72, 24 * 7])
    steps = [Step(channel, "m", delay_hours=delay) for channel, delay in draw(
        st.lists(st.tuples(st.sampled_from(CHANNELS), delays), min_size=1, max_size=6))]  # fmt: skip
    return who, steps, start, rules


@settings(deadline=None, max_examples=150)
@given(worlds())
def test_no_schedule_breaks_a_rule(world):
    who, steps, start, rules = world
    check(who, steps, start, rules, plan(who, steps, start, rules))


def check(who, steps, start, rules, made):
    assert made.code.shape == made.at_s.shape == (len(who), len(steps))
    assert ((made.code == 0) == (made.at_s != NEVER)).all()
    assert (made.is_scheduled == (made.refusal == 0)).all()
    past = {row: [] for row in range(len(who))}
    for row, at in zip(who.contact_row, who.contact_at_s, strict=True):
        past[int(row)].append(int(at))
    refusals = {row: [] for row in range(len(who))}
    for row, *said in zip(who.refusal_row, who.refusal_channel, who.refusal_from_s, who.refusal_until_s, strict=True):
        refusals[int(row)].append(said)
    for row in range(len(who)):
        goes = [k for k in range(len(steps)) if made.code[row, k] == 0]
        if who.held_out[row] or who.converted[row] or who.do_not_return[row] or who.other[row]:
            assert goes == []
        if who.held_out[row]:
            assert set(made.code[row]) == {CODE["standing holdout"]}
        zone = ZoneInfo(who.zone_names[who.zone[row]])
        times = [int(made.at_s[row, k]) for k in goes]
        everything = past[row] + times
        dates = Counter(date(zone, at) for at in everything)
        meant = start
        for k, step in enumerate(steps):
            meant += step.delay_s
            if k not in goes:
                continue
            at = int(made.at_s[row, k])
            assert meant <= at <= meant + rules.longest_wait_days * DAY
            meant = at
            assert not any(said in (ALL_CHANNELS, CHANNELS.index(step.channel)) and begins <= at < ends
                           for said, begins, ends in refusals[row])  # fmt: skip
            assert reachable(who, row, step.channel)
            hours = rules.hours(step.channel)
            assert hours is None or (not who.clock_unknown[row] and is_open(zone, at, hours))
            assert dates[date(zone, at)] <= rules.per_day
            assert fullest_window(everything, at, rules.window_days * DAY) <= rules.per_window
            days = [date(zone, one).toordinal() for one in everything]
            assert fullest_window(days, date(zone, at).toordinal(), rules.window_days) <= rules.per_window
        assert times == sorted(times)


def fullest_window(times, at, width):
    """Most contacts in any stretch of this width that holds `at`; what began before the schedule is not its fault
    unless the contact at `at` is in it."""
    inside = [one for one in times if abs(one - at) < width]
    return max(sum(1 for one in inside if begin <= one < begin + width) for begin in inside if begin <= at)


def date(zone, at):
    return datetime.fromtimestamp(int(at), zone).date()


def is_open(zone, at, hours):
    local = datetime.fromtimestamp(at, zone)
    opens = hours.opens if hours.sunday_opens is None or local.weekday() != 6 else hours.sunday_opens
    return opens * 3600 <= local.hour * 3600 + local.minute * 60 + local.second < hours.closes * 3600


def reachable(who, row, channel):
    return {"call": who.has_phone, "text": who.has_phone, "email": who.has_email}.get(channel, who.has_address)[row]


@pytest.mark.parametrize("seed", [0, 1])
def test_thousands_of_candidates_at_once(seed):
    rng = np.random.default_rng(seed)
    n, start = 3_000, STARTS[seed]
    contacts = list(zip(rng.integers(0, n, 9_000), start + rng.integers(-9 * DAY, 9 * DAY, 9_000), strict=True))
    contacts += [(7, start - k * 60) for k in range(2_000)]  # one home with more contacts than all others
    refusals = [(int(r), int(c), start - DAY, FOR_EVER)
                for r, c in zip(rng.integers(0, n, 600), rng.integers(-1, 5, 600), strict=True)]  # fmt: skip
    who = people(n, rng.integers(0, len(ZONES), n), contacts, refusals, held_out=rng.random(n) < 0.1,
                 has_phone=rng.random(n) < 0.8)  # fmt: skip
    steps = [Step("call", "m"), Step("text", "m"), Step("email", "m", delay_days=1), Step("door", "m", delay_days=2)]
    made = plan(who, steps, start, Rules())
    check(who, steps, start, Rules(), made)
    assert made.is_scheduled[~who.held_out].mean() > 0.9


def test_who_stands_alone_and_who_stands_in_a_crowd_get_the_same():
    who, steps, start = many(60), [Step("call", "m"), Step("mail", "m", delay_days=1)], STARTS[0]
    together = plan(who, steps, start, Rules())
    for row in range(60):
        mine = who.contact_row == row
        alone = people(1, [who.zone[row]], [(0, at) for at in who.contact_at_s[mine]])
        assert (plan(alone, steps, start, Rules()).at_s[0] == together.at_s[row]).all()


def many(n):
    rng = np.random.default_rng(3)
    contacts = [(int(r), int(STARTS[0] + d)) for r, d in
                zip(rng.integers(0, n, 3 * n), rng.integers(-8 * DAY, 8 * DAY, 3 * n), strict=True)]  # fmt: skip
    return people(n, rng.integers(0, len(ZONES), n), contacts)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 14 * DAY), st.lists(st.integers(-8 * DAY, 12 * DAY), max_size=8), st.integers(1, 3),
       st.sampled_from(CHANNELS))  # fmt: skip
def test_a_contact_waits_no_longer_than_it_must(late, contacts, per_window, channel):
    """Where clocks do not change, one second earlier would have broken a rule."""
    start = STARTS[0] + late
    rules = Rules(per_window=per_window, longest_wait_days=60)
    who = people(1, [ZONES.index("America/Phoenix")], [(0, STARTS[0] + at) for at in contacts])
    at = int(plan(who, [Step(channel, "m")], start, rules).at_s[0, 0])
    assert at >= start
    if at > start:
        assert why_not(who, [channel], at - 1, rules)[0] != 0
    assert why_not(who, [channel], at, rules)[0] == 0


def test_a_step_whose_turn_is_too_far_away_is_refused():
    start = STARTS[0]
    full = [(0, start + k * DAY // 2) for k in range(40)]
    made = plan(people(1, contacts=full), [Step("mail", "m")], start, Rules(longest_wait_days=5))
    assert REASONS[made.refusal[0]] == "cap reached"


def test_a_refused_channel_leaves_the_others_and_counts_at_its_own_time():
    start = STARTS[6]
    steps = [Step("mail", "m"), Step("call", "m", delay_days=2), Step("email", "m", delay_days=2)]
    made = plan(people(1, has_phone=[False]), steps, start, Rules())
    assert [REASONS[code] for code in made.code[0]] == ["", "no phone", ""]
    assert made.at_s[0, 2] - made.at_s[0, 0] == 4 * DAY


def test_the_reasons_in_their_order():
    start = STARTS[6] + 15 * HOUR  # a Tuesday, 10:00 in Chicago
    quiet = STARTS[6] + 4 * HOUR
    everything = {"held_out": [True], "converted": [True], "do_not_return": [True], "has_phone": [False]}
    said_no = [(0, ALL_CHANNELS, 0, FOR_EVER), (0, CHANNELS.index("call"), 0, FOR_EVER)]
    full = [(0, start - k * HOUR) for k in range(5)]
    order = [
        ("standing holdout", everything, said_no, full, start),
        ("converted", {**everything, "held_out": [False]}, said_no, full, start),
        ("do not return", {"do_not_return": [True], "has_phone": [False]}, said_no, full, start),
        ("no phone", {"has_phone": [False]}, said_no, full, start),
        ("said no to all contact", {}, said_no, full, start),
        ("said no to calls", {}, said_no[1:], full, start),
        ("cap reached", {}, (), full, start),
        ("quiet hours", {}, (), (), quiet),
        ("time zone unknown", {"clock_unknown": [True]}, (), (), start),
        ("", {}, (), (), start),
    ]
    for reason, flags, refusals, contacts, at in order:
        who = people(1, contacts=contacts, refusals=refusals, **flags)
        assert REASONS[why_not(who, ["call"], at, Rules())[0]] == reason


def test_a_no_binds_from_its_moment_until_it_is_lifted():
    start = STARTS[6] + 15 * HOUR
    for begins, ends, reason in ((start, FOR_EVER, "said no to calls"), (start + 1, FOR_EVER, ""),
                                 (0, start, ""), (0, start + 1, "said no to calls")):  # fmt: skip
        who = people(1, refusals=[(0, CHANNELS.index("call"), begins, ends)])
        assert REASONS[why_not(who, ["call"], start, Rules())[0]] == reason
        assert REASONS[why_not(who, ["mail"], start, Rules())[0]] == ""


def test_without_a_channel_only_what_bars_every_contact_is_asked():
    who = people(3, refusals=[(0, ALL_CHANNELS, 0, FOR_EVER), (1, 1, 0, FOR_EVER)], has_phone=[True, True, False])
    assert [REASONS[code] for code in why_not(who, [None] * 3, STARTS[0], Rules())] == [
        "said no to all contact", "", ""]  # fmt: skip


def test_nobody_is_planned_for_nothing():
    made = plan(people(0), [Step("call", "m")], STARTS[0], Rules())
    assert made.at_s.shape == (0, 1)
    assert why_not(people(0), [], STARTS[0], Rules()).shape == (0,)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.uuids().map(str), max_size=40), st.floats(0, 0.9), st.floats(0, 0.9), st.text(max_size=9))
def test_the_draw_is_the_same_for_ever_and_grows_with_its_share(ids, one, other, salt):
    small, large = sorted((one, other))
    held = drawn(ids, salt, small)
    assert (held == [drawn([each.upper()], salt, small)[0] for each in ids]).all()
    assert (drawn(ids, salt, large) | ~held).all()
    assert ((hash_share(ids, salt) >= 0) & (hash_share(ids, salt) < 1)).all()


def test_the_draw_is_even_and_another_salt_draws_others():
    ids = [f"00000000-0000-4000-8000-{k:012d}" for k in range(20_000)]
    first, second = drawn(ids, "nurture", 0.1), drawn(ids, "again", 0.1)
    assert 0.09 < first.mean() < 0.11
    assert 0.005 < (first & second).mean() < 0.015
    assert list(np.flatnonzero(drawn(ids[:30], "nurture", 0.1))) == [11, 17, 25, 29]  # an upgrade draws nobody anew
