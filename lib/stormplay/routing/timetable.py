"""When a crew is where: arrivals along a route, with waiting where a visit may not begin yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stormplay.routing.draft import Problem, Way
from stormplay.routing.plan import FloatArray, IntArray

_A_HAIR = 1e-9


class Timetable(NamedTuple):
    """The hours of a route, in the metric's unit after setting out.

    Attributes:
        begins: (m,) when each visit begins.
        ends: When the route ends.
        is_kept: Whether every visit begins within its window and the route ends within its way's length.
    """

    begins: FloatArray
    ends: float
    is_kept: bool


def is_promised(windows: FloatArray) -> npt.NDArray[np.bool_]:
    """Which visits have an hour, of windows (n, 2)."""
    return np.asarray(np.isfinite(windows[:, 1]) | (windows[:, 0] > 0))


def timetable(problem: Problem, route: IntArray, way: Way) -> Timetable:
    """The hours of a route that is driven without a break, each visit begun as early as it may."""
    return timetables(problem, [route], [way])[0]


def timetables(problem: Problem, routes: Sequence[IntArray], ways: Sequence[Way]) -> list[Timetable]:
    """The hours of many routes; their legs are asked for at once."""
    if not routes:
        return []
    nodes = [np.concatenate([[way.start], route, [way.end]]) for route, way in zip(routes, ways, strict=True)]
    starts, ends = (np.concatenate([path[part] for path in nodes]) for part in (slice(None, -1), slice(1, None)))
    legs = problem.legs(starts.astype(np.intp), ends.astype(np.intp))
    each = np.split(legs, np.cumsum([len(route) + 1 for route in routes])[:-1])
    return [_hours(problem, route, way, own) for route, way, own in zip(routes, ways, each, strict=True)]


def _hours(problem: Problem, route: IntArray, way: Way, legs: FloatArray) -> Timetable:
    """The hours of a route, of its legs (m + 1,)."""
    service = problem.service[route]
    begins = np.cumsum(legs[:-1]) + np.cumsum(service) - service
    is_kept = True
    if problem.windows is not None and is_promised(problem.windows[route]).any():
        earliest, latest = problem.windows[route].T
        wait = 0.0
        for at, (early, late) in enumerate(zip(earliest.tolist(), latest.tolist(), strict=True)):
            wait = max(wait, early - float(begins[at]))
            begins[at] += wait
            is_kept = is_kept and bool(begins[at] <= late * (1 + _A_HAIR))
    ends = float(begins[-1] + service[-1] + legs[-1]) if len(route) else 0.0
    return Timetable(begins, ends, is_kept and ends <= way.longest * (1 + _A_HAIR))
