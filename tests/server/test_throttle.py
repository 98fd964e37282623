"""Who guesses waits: alone, as a crowd, or one word on everybody; and nobody is locked out for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stormplay.server.throttle import FORGET_AFTER_S, FREE_FAILURES, FREE_PER_ADDRESS, Throttle


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def throttle():
    clock = Clock()
    return Throttle(clock), clock


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


def test_a_stranger_does_not_lock_out_who_is_known_there():
    made, _ = throttle()
    made.failed("ana", "home")
    made.succeeded("ana", "home")
    for n in range(200):
        made.failed("ana", f"10.0.{n}.1")
    assert made.wait_s("ana", "elsewhere") > 60
    assert made.wait_s("ana", "home") == 0, "from where she has signed in before she still may"
    for _ in range(FREE_FAILURES):
        made.failed("ana", "home")
    assert made.wait_s("ana", "home") > 0, "but not without end"


def test_all_is_forgotten_after_a_while():
    made, clock = throttle()
    for _ in range(500):
        made.failed("ana", "10.0.0.1")
    assert 0 < made.wait_s("ana", "10.0.0.1") <= 300
    clock.now_s += FORGET_AFTER_S + 1
    assert made.wait_s("ana", "10.0.0.1") == 0


names = st.sampled_from(["ana", "ben", "", "vic"])
addresses = st.sampled_from(["10.0.0.1", "10.0.0.2", ""])
acts = st.tuples(st.sampled_from(["failed", "succeeded", "later"]), names, addresses, st.floats(0, 400))


@given(st.lists(acts, max_size=120))
def test_a_wait_is_short_and_time_alone_ends_it(history):
    made, clock = throttle()
    for act, name, address, seconds in history:
        if act == "later":
            clock.now_s += seconds
        else:
            getattr(made, act)(name, address)
        assert 0 <= made.wait_s(name, address) <= 300
    for name in ("ana", "ben", "", "vic", "new"):
        wait_s = made.wait_s(name, "10.0.0.1")
        clock.now_s += wait_s
        assert made.wait_s(name, "10.0.0.1") == 0
        clock.now_s -= wait_s


@given(st.lists(st.tuples(names, addresses), max_size=60))
def test_a_success_takes_its_own_attempt_back(history):
    """Who signs in rightly every time is never held up, however often."""
    made, _ = throttle()
    for name, address in [("ana", "10.0.0.1")] * 60 + history:
        assert made.wait_s(name, address) == 0
        made.failed(name, address)
        made.succeeded(name, address)


def test_memory_is_bounded():
    made, _ = throttle()
    for n in range(30_000):
        made.failed(f"n{n}", f"10.{n}")
    assert len(made._failures) <= 10_000
