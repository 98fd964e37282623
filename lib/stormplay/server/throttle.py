"""Slow down who guesses passwords: the more failures, the longer the wait.

Failures are counted three ways, and the longest wait holds:

    one name from one address     5 free, then 2, 4, 8 ... 60 seconds      somebody guesses one password
    one name from everywhere     20 free, then up to 5 minutes             many machines guess one password
    one address, all names       30 free, then up to 5 minutes             one machine tries a word on everybody

The second could let a stranger lock a person out. So an address from which a name has signed in is held up by what
comes from that address alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

FREE_FAILURES = 5
FREE_PER_ADDRESS = 30
LONGEST_WAIT_S = 60.0
FORGET_AFTER_S = 900.0
KNOWN_FOR_S = 30 * 86_400.0
_ANY = ""
_MOST_ENTRIES = 10_000

Key = tuple[str, str]


@dataclass(frozen=True)
class _Rule:
    """How many failures cost nothing, and how long the longest wait is."""

    free: int
    longest_s: float


_ONE = _Rule(FREE_FAILURES, LONGEST_WAIT_S)
_NAME = _Rule(20, 300.0)


@dataclass
class _Failures:
    count: int
    last_s: float


class Throttle:
    """Failures by user name and address.

    Args:
        clock: Seconds that only grow; for tests.
        free_per_address: Failures that cost an address nothing, whatever the names; more for a large office.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, free_per_address: int = FREE_PER_ADDRESS) -> None:
        self._clock, self._of_address = clock, _Rule(free_per_address, 300.0)
        self._failures: dict[Key, _Failures] = {}
        self._known: dict[Key, float] = {}

    def wait_s(self, username: str, address: str) -> int:
        """Whole seconds until this user name may be tried again from this address; 0 where it may be now."""
        rules = {(username, address): _ONE, (_ANY, address): self._of_address}
        if not self._is_known(username, address):
            rules[username, _ANY] = _NAME
        return max(self._wait_s(key, rule) for key, rule in rules.items())

    def failed(self, username: str, address: str) -> None:
        """Count a failure, or an attempt whose outcome is not known yet."""
        for key in ((username, address), (username, _ANY), (_ANY, address)):
            found = self._recent(key)
            self._failures.pop(key, None)  # the newest stand last
            self._failures[key] = _Failures(found.count + 1, self._clock())
        while len(self._failures) > _MOST_ENTRIES:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, username: str, address: str) -> None:
        """Take the attempt back, forget what this name did from this address, and know the address from now on."""
        self._failures.pop((username, address), None)
        for key in ((username, _ANY), (_ANY, address)):
            if found := self._failures.get(key):
                found.count -= 1
        self._known.pop((username, address), None)
        self._known[username, address] = self._clock()
        if len(self._known) > _MOST_ENTRIES:
            del self._known[next(iter(self._known))]

    def _wait_s(self, key: Key, rule: _Rule) -> int:
        found = self._recent(key)
        if found.count < rule.free:
            return 0
        pause_s = min(rule.longest_s, 2.0 ** min(found.count - rule.free + 1, 20))
        return max(0, math.ceil(found.last_s + pause_s - self._clock()))

    def _is_known(self, username: str, address: str) -> bool:
        since_s = self._known.get((username, address))
        return since_s is not None and self._clock() - since_s < KNOWN_FOR_S

    def _recent(self, key: Key) -> _Failures:
        found = self._failures.get(key)
        if found is None or self._clock() - found.last_s > FORGET_AFTER_S:
            return _Failures(0, 0.0)
        return found
