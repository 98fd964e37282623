"""Slow down who guesses passwords: the more failures, the longer the wait.

Failures are counted three ways, and the longest wait holds:

    one name from one place      5 free, then 2, 4, 8 ... 60 seconds       somebody guesses one password
    one name from everywhere    20 free, then up to 5 minutes              many machines guess one password
    one place, all names        30 free, then up to 5 minutes              one machine tries a word on everybody

A place is an IPv4 address, or an IPv6 network of 64 bits: of those a visitor has 2^64 addresses.

The last two let a stranger hold up others, so they do not count for a browser in which a name has signed in before: it
carries a device's name, and for that name it answers for its own failures alone. Nobody else can spend those, so
whoever has signed in once from a browser cannot be locked out of it. Who comes with a new browser, while machines guess
at the name, shares the next try with them; that is why their wait is 5 minutes at most.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

FREE_FAILURES = 5
FREE_PER_ADDRESS = 30
LONGEST_WAIT_S = 60.0
FORGET_AFTER_S = 900.0
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
    """Failures by user name, place and device.

    Args:
        clock: Seconds that only grow; for tests.
        free_per_address: Failures that cost an address nothing, whatever the names; more for a large office.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, free_per_address: int = FREE_PER_ADDRESS) -> None:
        self._clock, self._of_place = clock, _Rule(free_per_address, 300.0)
        self._failures: dict[Key, _Failures] = {}

    def wait_s(self, username: str, address: str, device: str = "") -> int:
        """Whole seconds until this user name may be tried again from there; 0 where it may be now.

        Args:
            username: As an account can have it; the caller lets one word stand for all others.
            address: Where the attempt comes from.
            device: The device's name, in a browser in which this name has signed in before.
        """
        return max(self._wait_s(key, rule) for key, rule in self._rules(username, address, device).items())

    def failed(self, username: str, address: str, device: str = "") -> None:
        """Count a failure, or an attempt whose outcome is not known yet."""
        for key in self._rules(username, address, device):
            count = self._recent(key).count
            self._failures.pop(key, None)  # the newest stand last
            self._failures[key] = _Failures(count + 1, self._clock())
        while len(self._failures) > _MOST_ENTRIES:
            del self._failures[next(iter(self._failures))]

    def withdraw(self, username: str, address: str, device: str = "") -> None:
        """Take an attempt back that told nothing about the password."""
        for key in self._rules(username, address, device):
            if found := self._failures.get(key):
                found.count = max(0, found.count - 1)

    def succeeded(self, username: str, address: str, device: str = "") -> None:
        """Take the attempt back, and forget what this name did from there."""
        self.withdraw(username, address, device)
        first = next(iter(self._rules(username, address, device)))
        self._failures.pop(first, None)

    def _rules(self, username: str, address: str, device: str) -> dict[Key, _Rule]:
        """What counts, the narrowest first."""
        if device:
            return {(username, f"device {device}"): _ONE}
        place = _place(address)
        return {(username, place): _ONE, (username, "anywhere"): _NAME, ("*", place): self._of_place}

    def _wait_s(self, key: Key, rule: _Rule) -> int:
        found = self._recent(key)
        if found.count < rule.free:
            return 0
        pause_s = min(rule.longest_s, 2.0 ** min(found.count - rule.free + 1, 20))
        return max(0, math.ceil(found.last_s + pause_s - self._clock()))

    def _recent(self, key: Key) -> _Failures:
        found = self._failures.get(key)
        if found is None or self._clock() - found.last_s > FORGET_AFTER_S:
            return _Failures(0, 0.0)
        return found


def _place(address: str) -> str:
    """The address, or the network of it that one visitor has.

    >>> _place("203.0.113.7"), _place("2001:db8::7"), _place("::ffff:203.0.113.7")
    ('203.0.113.7', '2001:db8::/64', '203.0.113.7')
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return str(found)
