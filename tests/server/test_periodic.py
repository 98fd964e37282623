"""What a server does again and again: it goes on whatever fails, says so once, and ends."""

from __future__ import annotations

import logging
import threading

import pytest
from visitor import eventually

from stormplay.errors import DatabaseUnavailable
from stormplay.server import periodic
from stormplay.server.periodic import Periodic

LOG = logging.getLogger("stormplay.server.test")


class Counting(Periodic):
    def __init__(self, every_s=0.002, first_s=None, fails=lambda _: None):
        super().__init__("nothing was counted", LOG, every_s, first_s)
        self.turns, self.lasts, self._fails = 0, 0, fails

    def turn(self):
        self.turns += 1
        self._fails(self.turns)

    def last(self):
        self.lasts += 1


def test_turns_come_until_it_is_stopped_and_then_the_last_act():
    one = Counting()
    one.start()
    eventually(lambda: one.turns > 2, every=0.002)
    assert one.lasts == 0
    one.stop()
    turns = one.turns
    assert one.is_stopping and one.lasts == 1
    assert not any(thread.name == "counting" for thread in threading.enumerate())
    assert one.turns == turns


def test_zero_seconds_are_never():
    one = Counting(every_s=0, first_s=0)
    one.start()
    one.stop()
    assert (one.turns, one.lasts) == (0, 1)


def test_the_first_turn_has_a_time_of_its_own():
    one = Counting(every_s=600, first_s=0.001)
    one.start()
    eventually(lambda: one.turns == 1, every=0.002)
    one.stop()
    assert one.turns == 1


def test_what_fails_is_said_once_until_it_works_again(caplog):
    def fails(turn):
        if turn in {1, 2, 4}:
            raise DatabaseUnavailable("The database does not answer.")

    one = Counting(fails=fails)
    one.start()
    eventually(lambda: one.turns > 5, every=0.002)
    one.stop()
    said = [record.getMessage() for record in caplog.records if record.name == LOG.name]
    assert len(said) == 2 and all(one.startswith("nothing was counted: ") for one in said)


def test_the_unexpected_is_logged_whole_and_ends_nothing(caplog):
    def fails(turn):
        if turn == 1:
            raise ZeroDivisionError

    one = Counting(fails=fails)
    one.start()
    eventually(lambda: one.turns > 2, every=0.002)
    one.stop()
    (said,) = [record for record in caplog.records if record.name == LOG.name]
    assert said.levelname == "ERROR" and said.exc_info[0] is ZeroDivisionError


def test_a_turn_that_does_not_end_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(periodic, "END_S", 0.01)
    answer = threading.Event()
    one = Counting(fails=lambda _: answer.wait(30))
    one.start()
    eventually(lambda: one.turns == 1, every=0.002)
    one.stop()
    assert one.lasts == 0
    answer.set()
    eventually(lambda: one.lasts == 1, every=0.002)


def test_a_server_that_never_began_can_be_stopped():
    one = Counting()
    one.stop()
    assert one.turns == 0


@pytest.mark.parametrize("never_h", [0.0, -1.0])
def test_history_is_kept_for_ever_where_that_is_asked_for(never_h):
    from stormplay.server.retiring import Retirement

    one = Retirement(3600 * never_h)
    one.start()
    one.stop()
