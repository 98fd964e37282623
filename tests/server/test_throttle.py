"""Who guesses waits: alone, as a crowd, or one word on everybody; and nobody is locked out for ever."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormplay.server.throttle import (
    FORGET_AFTER_S,
    FREE_FAILURES,
    FREE_PER_ADDRESS,
    LONGEST_WAIT_S,
    Throttle,
)

HOME = "203.0.113.7"


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def throttle():
    clock = Clock()
    return Throttle(clock), clock


def test_a_hundred_guesses_at_once_are_a_hundred():
    made, clock = throttle()
    waits = []
    for _ in range(19):
        waits.append(made.wait_s("ana", "10.0.0.1"))
        made.failed("ana", "10.0.0.1")
    assert waits[:FREE_FAILURES] == [0] * FREE_FAILURES
    assert waits[FREE_FAILURES:] == sorted(waits[FREE_FAILURES:])
    assert waits[FREE_FAILURES] == 2
    assert waits[-1] == LONGEST_WAIT_S
    assert made.wait_s("ben", "10.0.0.1") == made.wait_s("ana", "10.0.0.2") == 0
    clock.now_s += LONGEST_WAIT_S
    assert made.wait_s("ana", "10.0.0.1") == 0
    made.succeeded("ana", "10.0.0.1")
    made.failed("ana", "10.0.0.1")
    assert made.wait_s("ana", "10.0.0.1") == 0


def test_many_machines_at_one_name_wait_together():
    made, _ = throttle()
    for n in range(20):
        assert made.wait_s("ana", f"10.0.0.{n}") == 0
        made.failed("ana", f"10.0.0.{n}")
    assert made.wait_s("ana", "10.0.1.1") == 2
    assert made.wait_s("ben", "10.0.1.1") == 0


def test_one_machine_at_everybody_waits():
    made, _ = throttle()
    for n in range(FREE_PER_ADDRESS):
        assert made.wait_s(f"person{n}", "10.0.0.9") == 0
        made.failed(f"person{n}", "10.0.0.9")
    assert made.wait_s("somebody", "10.0.0.9") == 2
    assert made.wait_s("somebody", "10.0.0.8") == 0


def test_a_network_of_ipv6_is_one_place():
    """A visitor has 2^64 addresses, and could else guess from each."""
    made, _ = throttle()
    for n in range(FREE_FAILURES):
        made.failed("ana", f"2001:db8:1:2::{n:x}")
    assert made.wait_s("ana", "2001:db8:1:2:ffff::1") == 2
    assert made.wait_s("ana", "2001:db8:1:3::1") == 0
    for n in range(FREE_FAILURES):
        made.failed("ben", f"::ffff:10.0.0.{n}")
    assert made.wait_s("ben", "::ffff:10.0.0.99") == 0, "those are IPv4 addresses, one each"


def test_a_stranger_does_not_lock_out_who_comes_with_a_known_browser():
    made, _ = throttle()
    for n in range(200):
        made.failed("ana", f"10.0.{n}.1")
        made.failed(f"n{n}", HOME)
        made.failed("ana", HOME)
    assert made.wait_s("ana", "10.0.9.9") > 60
    assert made.wait_s("ana", HOME) > 60
    assert made.wait_s("ana", HOME, "her-browser") == 0, "not even from the very address that somebody guesses from"
    for _ in range(FREE_FAILURES):
        made.failed("ana", HOME, "her-browser")
    assert made.wait_s("ana", HOME, "her-browser") == 2, "but it is no way to guess without end"
    assert made.wait_s("ana", HOME, "his-browser") == 0


def test_all_is_forgotten_after_a_while():
    made, clock = throttle()
    for _ in range(500):
        made.failed("ana", "10.0.0.1")
    assert 0 < made.wait_s("ana", "10.0.0.1") <= 300
    clock.now_s += FORGET_AFTER_S + 1
    assert made.wait_s("ana", "10.0.0.1") == 0


names = st.sampled_from(["ana", "ben", "-", "vic"])
addresses = st.sampled_from(["10.0.0.1", "10.0.0.2", "2001:db8::1", ""])
devices = st.sampled_from(["", "", "one", "two"])
kinds = st.sampled_from(["failed", "failed", "succeeded", "withdraw", "later"])
acts = st.tuples(kinds, names, addresses, devices, st.floats(0, 400))


def play(history):
    made, clock = throttle()
    for act, name, address, device, seconds in history:
        if act == "later":
            clock.now_s += seconds
        else:
            getattr(made, act)(name, address, device)
    return made, clock


@given(st.lists(acts, max_size=120), names, addresses, devices)
def test_a_wait_is_short_and_time_alone_ends_it(history, name, address, device):
    made, clock = play(history)
    wait_s = made.wait_s(name, address, device)
    assert 0 <= wait_s <= (LONGEST_WAIT_S if device else 300)
    clock.now_s += wait_s
    assert made.wait_s(name, address, device) == 0


@given(st.lists(acts, max_size=60), names, addresses, devices)
def test_a_failure_never_makes_it_easier_for_anybody(history, name, address, device):
    made, _ = play(history)
    places = [(n, a, d) for n in ("ana", "ben") for a in ("10.0.0.1", "2001:db8::1") for d in ("", "one")]
    before = [made.wait_s(*place) for place in places]
    made.failed(name, address, device)
    assert all(now >= then for now, then in zip([made.wait_s(*place) for place in places], before, strict=True))


@given(st.lists(acts, max_size=60), names, addresses)
def test_nothing_that_others_do_holds_up_a_known_browser(history, name, address):
    made, _ = play([act for act in history if act[3] != "one"])
    assert made.wait_s(name, address, "one") == 0


@given(st.lists(st.tuples(names, addresses), max_size=60))
def test_a_success_takes_its_own_attempt_back(history):
    """Who signs in rightly every time is never held up, however often."""
    made, _ = throttle()
    for name, address in [("ana", "10.0.0.1")] * 60 + history:
        assert made.wait_s(name, address) == 0
        made.failed(name, address)
        made.succeeded(name, address)


@given(st.integers(6, 60))
def test_what_is_guessed_in_a_quarter_of_an_hour_is_little(minutes):
    """An upper bound for one machine at one name, however patient."""
    made, clock = throttle()
    guesses = 0
    while clock.now_s < 60 * minutes:
        if made.wait_s("ana", "10.0.0.1") == 0:
            made.failed("ana", "10.0.0.1")
            guesses += 1
        clock.now_s += 1
    assert guesses <= 25 + minutes


@pytest.mark.parametrize("device", ["", "d"])
def test_memory_is_bounded(device):
    made, _ = throttle()
    for n in range(30_000):
        made.failed(f"n{n}", f"10.{n}", f"{device}{n}" if device else "")
    assert len(made._failures) <= 10_000
    held = sum(sys.getsizeof(key) + sum(map(sys.getsizeof, key)) for key in made._failures)
    assert held < 4_000_000
