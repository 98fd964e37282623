"""How far a run is: the report a caller gets, and the clock behind it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

_REPORT_EVERY_S = 0.1


@dataclass(frozen=True)
class Progress:
    """One report from a running `solve`.

    Attributes:
        fraction: Share of the run that is over, 0 to 1, never falling; 1 only with phase "done".
        distance_m: Length of the best plan so far, in the metric's unit (metres for "haversine"). Never growing in
            the improvement, unless stops may be left out: then it grows with a stop more.
        routes: Number of routes in that plan.
        phase: "bisection", "ordering", "improvement", "sharing", "appointments" or "done"; of a `generate_routes` then
            also "roads", again from 0.
    """

    fraction: float
    distance_m: float
    routes: int
    phase: str


ProgressCallback = Callable[[Progress], object]


class Clock:
    """The time budget of one run, counted from the moment the clock is made."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._start = time.perf_counter()

    def part(self, share: float) -> Clock:
        """The same clock for the first `share` of the time."""
        first = Clock(self.limit_s * share)
        first._start = self._start
        return first

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self._start

    @property
    def remaining_s(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self.limit_s - self.elapsed_s)

    @property
    def is_over(self) -> bool:
        """Whether a budget above 0 is used up; a budget of 0 asks for what every run does, which no clock cuts off."""
        return self.limit_s > 0 and self.remaining_s == 0

    @property
    def fraction(self) -> float:
        """Share of the budget used, 0 to 0.99; 0 where the budget is zero or endless."""
        if self.limit_s == 0 or math.isinf(self.limit_s):
            return 0.0
        return min(0.99, self.elapsed_s / self.limit_s)


class Reporter:
    """Calls the caller's progress function, not too often, and remembers a wish to stop."""

    def __init__(self, callback: ProgressCallback | None, clock: Clock) -> None:
        self._callback, self._clock = callback, clock
        self._last_call_s, self._last_fraction, self._last_phase = -math.inf, 0.0, ""
        self.cancelled = False
        self.driven = 0.0  # length of what is locked, which is part of every plan

    def tell(self, phase: str, distance_m: float, routes: int, *, fraction: float = 0.0, force: bool = False) -> bool:
        """Report if it is time to, or a phase begins; return True while the caller wants the run to go on."""
        due = self._clock.elapsed_s - self._last_call_s >= _REPORT_EVERY_S or phase != self._last_phase
        if self._callback is None or self.cancelled or not (due or force):
            return not self.cancelled
        self._last_fraction = max(self._last_fraction, fraction, self._clock.fraction)
        self._last_call_s, self._last_phase = self._clock.elapsed_s, phase
        # Only the exact False stops: a callback that returns nothing, or 0 widgets, goes on.
        if self._callback(Progress(self._last_fraction, distance_m + self.driven, routes, phase)) is False:
            self.cancelled = True
        return not self.cancelled

    def done(self, distance_m: float, routes: int) -> None:
        """Send the last report, with fraction 1, unless the caller has stopped the run."""
        self.tell("done", distance_m, routes, fraction=1.0, force=True)
