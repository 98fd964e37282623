"""Long work shows its progress, can be cancelled, and never shows a traceback."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from stormplay.controls import Message, Work, checked
from stormplay.errors import BadInput, Cancelled


def run(work, during=None):
    """Press the button inside an event loop, as a kernel does, and wait for the end."""

    async def main():
        work.button.click()
        if during:
            await during()
        await asyncio.wait_for(work.task, 10)

    asyncio.run(main())


async def until(condition):
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


def test_the_work_runs_in_a_thread_and_ends_in_a_sentence():
    seen = []

    def job(report):
        seen.append(threading.current_thread() is threading.main_thread())
        return 42

    work = Work("Go", job, lambda result: f"The answer is {result}.")
    run(work)
    assert seen == [False]
    assert work.message.text == "The answer is 42."
    assert not work.button.disabled
    assert work.running.layout.display == "none"


def test_cancel_stops_the_work_and_says_so():
    finished = []

    def job(report):
        for step in range(1000):
            if not report(step / 1000, "working"):
                raise Cancelled("Stopped.", remedy="Nothing was changed.")
            time.sleep(0.01)
        finished.append(True)

    work = Work("Go", job, lambda _: "Done.")

    async def press():
        await until(lambda: work.bar.value > 0)
        assert work.running.layout.display == "flex"
        work.cancel_button.click()

    run(work, press)
    assert finished == []
    assert work.message.text == "Stopped. Nothing was changed."
    assert not work.is_running


def test_progress_comes_at_most_five_times_a_second():
    shown = []

    def job(report):
        end = time.monotonic() + 0.9
        while time.monotonic() < end:
            report(0.5, f"{time.monotonic()}")
            time.sleep(0.001)

    work = Work("Go", job, lambda _: "Done.")
    work.status.observe(lambda change: shown.append(change["new"]), "value")
    run(work)
    assert 3 <= len(shown) <= 7  # 'Starting …' and about five


@pytest.mark.parametrize(
    ("error", "said"),
    [(BadInput("The limit is 0.", "Expected 1 or more."), "The limit is 0. Expected 1 or more."),
     (ZeroDivisionError("secret detail"), "Something went wrong")],
)  # fmt: skip
def test_an_error_in_the_work_becomes_a_sentence(error, said, capfd, caplog):
    def job(report):
        raise error

    work = Work("Go", job, lambda _: "Done.")
    run(work)
    assert said in work.message.text
    assert "secret" not in work.message.widget.value
    assert "secret" not in "".join(capfd.readouterr())  # a kernel would publish it to the browser


def test_a_second_press_while_it_runs_starts_nothing():
    starts, gate = [], threading.Event()

    def job(report):
        starts.append(1)
        gate.wait(5)

    work = Work("Go", job, lambda _: "Done.")

    async def press_again():
        await until(lambda: starts)
        work.start()
        gate.set()

    run(work, press_again)
    assert starts == [1]


def test_other_controls_are_locked_while_it_runs():
    told = []
    run(Work("Go", lambda report: None, lambda _: "", told.append))
    assert told == [True, False]


def test_a_checked_callback_says_what_is_wrong_and_nothing_else(capfd):
    message = Message()

    @checked(message)
    def divide(a, b):
        if b == 7:
            raise BadInput("Seven <b>is</b> refused.")
        return a / b

    assert divide(6, 3) == 2
    assert message.text == ""
    assert divide(6, 7) is None
    assert message.text == "Seven <b>is</b> refused."
    assert "<b>" not in message.widget.value
    assert divide(1, 0) is None
    assert "Something went wrong" in message.text
    assert "ZeroDivisionError" not in message.widget.value + "".join(capfd.readouterr())


def test_an_unexpected_error_reaches_the_log(caplog):
    message = Message()
    checked(message)(lambda: 1 / 0)()
    assert "ZeroDivisionError" in caplog.text
