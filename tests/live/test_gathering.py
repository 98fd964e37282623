"""How changes are gathered, on a clock that only runs while everybody waits: exact to the millisecond, and at once."""

from __future__ import annotations

import asyncio
from selectors import SelectSelector

import pytest

from stormplay.live.hearing import Change, read
from stormplay.live.page import INTERVAL_S, Gathering


class StillClock(asyncio.SelectorEventLoop):
    """A loop whose time is what it would have waited."""

    def __init__(self):
        self.now = 0.0
        super().__init__(_Skipping(self))

    def time(self):
        return self.now


class _Skipping(SelectSelector):
    def __init__(self, loop):
        super().__init__()
        self.loop = loop

    def select(self, timeout=None):
        self.loop.now += timeout or 0.0
        return super().select(0)


def calls(notes, lasting=0.0, until=6.0):
    """When `Gathering` calls with which names, for notes of (when, name)."""
    loop, made = StillClock(), []

    async def call(names):
        made.append((round(loop.time(), 3), "".join(sorted(names))))
        await asyncio.sleep(lasting)

    async def main():
        gathering = Gathering(call)
        task = asyncio.create_task(gathering.run())
        for when, name in notes:
            loop.call_at(when, gathering.note, name)
        await asyncio.sleep(until)
        task.cancel()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
    return made


def test_the_first_is_told_at_once():
    assert calls([(1.0, "a")]) == [(1.0, "a")]


def test_what_comes_soon_after_is_told_together_and_once():
    assert calls([(1.0, "a"), (1.1, "b"), (1.2, "c"), (1.3, "b")]) == [(1.0, "a"), (1.5, "bc")]


def test_after_a_pause_the_next_one_is_a_first_one():
    assert calls([(1.0, "a"), (3.2, "b")]) == [(1.0, "a"), (3.2, "b")]


def test_two_a_second_however_many_come():
    made = calls([(n / 200, "a") for n in range(400)])
    assert [when for when, _ in made] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert INTERVAL_S == 0.5


def test_a_slow_page_is_never_asked_twice_at_once_and_rests_as_long_as_it_worked():
    made = calls([(n / 100, "a") for n in range(300)], lasting=0.8)
    assert [when for when, _ in made] == [0.0, 1.6, 3.2]


def test_nothing_noted_is_lost():
    names = "abcdefghij"
    made = calls([(n * 0.13, names[n]) for n in range(10)], lasting=0.2)
    assert sorted("".join(told for _, told in made)) == list(names)


@pytest.mark.parametrize(("payload", "change"), [
    ('{"storm": "s1", "of": "jobs"}', Change("s1", "jobs")),
    ('{"storm": null, "of": "lead_uplift"}', Change(None, "lead_uplift")),
    ("", None), ("jobs", None), ("[]", None), ("null", None), ('{"of": "jobs"}', None), ('{"storm": "s1"}', None),
    ('{"storm": "s1", "of": 7}', None), ('{"storm": "s1", "of": "<script>"}', None),
    ('{"storm": "s1", "of": "*"}', None),
    ("[" * 150, None), ('{"storm": "' + "s" * 300 + '", "of": "jobs"}', None),
])  # fmt: skip
def test_a_payload_is_not_believed(payload, change):
    assert read(payload) == change
