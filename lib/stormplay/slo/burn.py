"""Burn rates over pairs of windows: how many times as fast as allowed the error budget goes. Pure.

    burn = (bad / total) / (1 - target)

A rule holds where the burn of its long window and of its short one reach its factor: the long one says that it
matters, the short one that it goes on. 14.4 times over an hour is 2 % of a month's budget in that hour.

Few events. A company with ten page views a day has no burn rate over an hour: one slow page would be a hundred times
what is allowed. So a rule holds only where its long window has a least number of bad events: 5 for the urgent rules,
10 for the one that can wait, which looks so long that 5 come together by chance (`benchmarks/alerts.py`). Then an
outage is told after the fifth failed view, however few there are, and a single one never. And a burn rate is said
only of a window in which a service that just keeps its objective would have one bad event (1 / (1 - target) events),
or LEAST_BAD bad ones; of any other it is 'not enough events'.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEAST_BAD = 5
WINDOWS_MIN: Mapping[str, int] = {"5 min": 5, "30 min": 30, "1 h": 60, "6 h": 360, "3 days": 4_320, "28 days": 40_320}
"""The windows by name, in minutes, shortest first; counts of all of them come in this order."""


@dataclass(frozen=True)
class Rule:
    """A pair of windows and the burn rate that both must reach.

    Attributes:
        factor: Times the allowed rate.
        long, short: Names of windows.
        severity: 'urgent' (now) or 'soon' (within the day).
        least_bad: Bad events that the long window must hold.
    """

    factor: float
    long: str
    short: str
    severity: str
    least_bad: int = LEAST_BAD

    @property
    def name(self) -> str:
        """As an alert says it."""
        return f"{self.factor:g}x over {self.long} and {self.short}"

    def promise_min(self, error: float, target: float, usual: float = 0.0) -> float:
        """Minutes after which an outage is told, at even traffic; infinity: never by this rule.

        Args:
            error: Share of events that fail while it lasts.
            target: The objective.
            usual: Share that fails otherwise.
        """
        needed = self.factor * (1.0 - target)
        if error < needed:
            return math.inf
        return 0.0 if usual >= needed else WINDOWS_MIN[self.long] * (needed - usual) / (error - usual)


RULES = (
    Rule(14.4, "1 h", "5 min", "urgent"),
    Rule(6.0, "6 h", "30 min", "urgent"),
    Rule(1.0, "3 days", "6 h", "soon", least_bad=10),
)


@dataclass(frozen=True)
class Judgement:
    """The most severe rule that holds.

    Attributes:
        rule: Which.
        burn: Over its long window.
        bad, total: Events of its long window.
        short_bad, short_total: Of its short one.
    """

    rule: Rule
    burn: float
    bad: int
    total: int
    short_bad: int
    short_total: int


def holds(rule: Rule, target: float, bad: Any, total: Any, short_bad: Any, short_total: Any) -> Any:
    """Whether a rule holds, of numbers or of arrays of them.

    Args:
        rule: The rule.
        target: The objective, a share.
        bad, total: Events of the long window.
        short_bad, short_total: Of the short one.
    """
    # The share itself is compared with a hair's breadth less than its bound, lest 1 of 100 be less than 0.01.
    needed = rule.factor * (1.0 - target) * (1.0 - 1e-9)
    return (bad >= rule.least_bad) & (bad >= needed * total) & (short_bad >= 1) & (short_bad >= needed * short_total)


def judge(target: float, good: Sequence[int], total: Sequence[int]) -> Judgement | None:
    """The most severe rule that holds; None where none does.

    Args:
        target: The objective, a share.
        good, total: Events of each window, in the order of `WINDOWS_MIN`.
    """
    counts = {name: (total[at] - good[at], total[at]) for at, name in enumerate(WINDOWS_MIN)}
    for rule in RULES:
        bad, n = counts[rule.long]
        short_bad, short_n = counts[rule.short]
        if holds(rule, target, bad, n, short_bad, short_n):
            return Judgement(rule, bad / n / (1.0 - target), bad, n, short_bad, short_n)
    return None


def enough(target: float, bad: int, total: int) -> bool:
    """Whether a window holds so many events that its burn rate says something."""
    return bad >= LEAST_BAD or total >= needed_events(target)


def needed_events(target: float) -> int:
    """Events in which a service that just keeps its objective has one bad one."""
    return math.ceil(1.0 / (1.0 - target) - 1e-9)


def burn_rate(target: float, bad: int, total: int) -> float | None:
    """How many times as fast as allowed the budget goes; None: not enough events."""
    return bad / total / (1.0 - target) if total and enough(target, bad, total) else None
