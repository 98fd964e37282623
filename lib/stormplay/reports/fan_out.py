"""Many reports, some at once: each is made or has a reason why not, and one that fails stops no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass

from stormplay import broker
from stormplay.errors import BadInput, Busy, DatabaseUnavailable, PartlyFailed, StaleData, StormplayError
from stormplay.reports import history, pdf, workers
from stormplay.reports.making import make
from stormplay.reports.orders import Order
from stormplay.reports.publishing import Report, Taker
from stormplay.reports.terms import Terms
from stormplay.reports.workers import Maker


@dataclass(frozen=True)
class Outcome:
    """What came of one order: a report, the reason why there is none, or why it was not handed on; neither where it was
    not begun.
    """

    order: Order
    report: Report | None = None
    error: StormplayError | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Summary:
    """What came of all of them, in their order."""

    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def made(self) -> list[Outcome]:
        """Those that were published."""
        return [one for one in self.outcomes if one.report is not None]

    @property
    def missing(self) -> list[Outcome]:
        """Those that were not, or not handed on."""
        return [one for one in self.outcomes if one.report is None or one.error is not None]

    def __str__(self) -> str:
        """How many were made, in a sentence."""
        return f"{len(self.made)} of {len(self.outcomes)} reports made in {self.seconds:.1f} s."

    def error(self) -> StormplayError | None:
        """What a scheduler has to know: None where all were made."""
        if not self.missing:
            return None
        for kind in (StaleData, Busy):
            if all(isinstance(one.error, kind) for one in self.missing):
                return kind(str(self))
        return PartlyFailed(str(self), remedy="Run the same command again; those that were made are only made anew.")


Progress = Callable[[int, int, Outcome], None]


def get_ready(terms: Terms) -> None:
    """Begin what takes a while, and refuse what cannot be done here, before anybody is asked anything.

    Raises:
        BadInput: A PDF is wanted, and there is nothing to print it with.
    """
    if terms.is_pdf:
        pdf.chromium()
    workers.shared().warm_up()


def tidy(days: int) -> None:
    """Forget runs of so many days ago, and end the logins of runs that were killed whose time is up.

    Raises:
        BadInput: Fewer than one day.
    """
    if not 1 <= days <= 36_500:
        raise BadInput(f"A history of {days} days.", "Expected 1 to 36,500.")
    if history.is_kept():
        with suppress(DatabaseUnavailable):  # the next run does it
            history.retire(days)
            broker.reap()


def make_all(
    wanted: Sequence[Order],
    terms: Terms,
    *,
    at_once: int = 2,
    max_failures: int | None = None,
    progress: Progress | None = None,
    takers: Sequence[Taker] = (),
    maker: Maker | None = None,
) -> Summary:
    """Make reports, some at once, each in a process of its own.

    Args:
        wanted: Which.
        terms: How each of them is made.
        at_once: How many at a time.
        max_failures: After more failures than this no further report is begun; None: whatever happens.
        progress: Told how many are done, of how many, and what came of the last one.
        takers: Who gets each report when it is published, such as a `Post` or a `Place`.
        maker: Where they are made; None: by warm processes on this machine.
    """
    if not 1 <= at_once <= 32:
        raise BadInput(f"{at_once} reports at once.", "Expected 1 to 32.")
    began_s, enough = time.monotonic(), threading.Event()
    with ThreadPoolExecutor(at_once, thread_name_prefix="report") as pool:
        futures: dict[Future[Outcome], int] = {
            pool.submit(_one, order, terms, takers, maker, enough): number for number, order in enumerate(wanted)
        }
        found: dict[int, Outcome] = {}
        try:
            for future in as_completed(futures):
                found[futures[future]] = outcome = future.result()
                failed = sum(one.error is not None for one in found.values())
                if max_failures is not None and failed > max_failures:
                    enough.set()
                if progress is not None:
                    progress(len(found), len(wanted), outcome)
        except BaseException:
            enough.set()
            workers.shared().close()  # so that nobody waits for what is being made
            raise
    return Summary(tuple(found[number] for number in range(len(wanted))), time.monotonic() - began_s)


def _one(order: Order, terms: Terms, takers: Sequence[Taker], maker: Maker | None, enough: threading.Event) -> Outcome:
    if enough.is_set():
        return Outcome(order)
    began_s, made, failed = time.monotonic(), None, None
    try:
        made = make(order, terms, maker)
        for taker in takers:
            taker.take(made)
    except StormplayError as error:
        failed = error
    return Outcome(order, made, failed, time.monotonic() - began_s)
