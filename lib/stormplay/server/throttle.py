"""Slow down who guesses passwords: the more failures, the longer the wait."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

FREE_FAILURES = 5
LONGEST_WAIT_S = 60.0
FORGET_AFTER_S = 900.0
_MOST_ENTRIES = 10_000


@dataclass
class _Failures:
    count: int
    last_s: float


class Throttle:
    """Failures by user name and address. The first five cost nothing, then 2, 4, 8 ... up to 60 seconds each.

    Args:
        clock: Seconds that only grow; for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, str], _Failures] = {}

    def wait_s(self, username: str, address: str) -> int:
        """Whole seconds until this user name may be tried again from this address; 0 where it may be now."""
        found = self._recent(username, address)
        if found.count < FREE_FAILURES:
            return 0
        pause_s = min(LONGEST_WAIT_S, 2.0 ** (found.count - FREE_FAILURES + 1))
        return max(0, math.ceil(found.last_s + pause_s - self._clock()))

    def failed(self, username: str, address: str) -> None:
        """Count a failure, or an attempt whose outcome is not known yet."""
        found = self._recent(username, address)
        self._failures.pop((username, address), None)  # the newest stand last
        self._failures[username, address] = _Failures(found.count + 1, self._clock())
        if len(self._failures) > _MOST_ENTRIES:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, username: str, address: str) -> None:
        """Forget the failures."""
        self._failures.pop((username, address), None)

    def _recent(self, username: str, address: str) -> _Failures:
        found = self._failures.get((username, address))
        if found is None or self._clock() - found.last_s > FORGET_AFTER_S:
            return _Failures(0, 0.0)
        return found
