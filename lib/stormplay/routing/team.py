"""Who works on regions: threads of this process, or an executor that the caller brings."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait

from stormplay.routing.region import Outcome, Region, work

_MOST_WORKERS = 8
_LOOK_EVERY_S = 0.02


def available_cores() -> int:
    """Cores that this process may use, at most 8."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _MOST_WORKERS)


class Team:
    """Works on the regions of a round, and comes back with all of them.

    The kernel holds no interpreter lock, so threads of this process are the quickest: they begin at once and nothing
    is copied. An executor of the caller's own gets plain arrays; what it has not brought back when time is up is
    given up.

    Args:
        width: How many threads.
        executor: Used instead.
    """

    def __init__(self, width: int, executor: Executor | None = None) -> None:
        self._over = threading.Event()
        self._executor = executor
        self._threads = None if executor else ThreadPoolExecutor(width, thread_name_prefix="routing")

    def work(self, regions: list[Region], goes_on: Callable[[], bool]) -> list[Outcome | None]:
        """What became of each region; None where there was no answer in time. `goes_on` is asked meanwhile."""
        self._over.clear()
        futures = [self._submit(region) for region in regions]
        waiting = set(futures)
        while waiting:
            _, waiting = wait(waiting, timeout=_LOOK_EVERY_S)
            if waiting and not goes_on():
                self._over.set()
                if self._executor is not None:
                    break
        for future in waiting:
            future.cancel()
        return [future.result() if future.done() and not future.cancelled() else None for future in futures]

    def _submit(self, region: Region) -> Future[Outcome]:
        if self._executor is not None:
            return self._executor.submit(work, region)
        assert self._threads is not None  # noqa: S101 - one of the two is there
        return self._threads.submit(work, region, self._over.is_set)

    def leave(self) -> None:
        """End the threads; an executor of the caller's own stays open."""
        self._over.set()
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
