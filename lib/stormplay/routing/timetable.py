"""When a crew is where: arrivals along a route, with waiting where a visit may not begin yet."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

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


def timetable(problem: Problem, route: IntArray, way: Way) -> Timetable:
    """The hours of a route that is driven without a break, each visit begun as early as it may."""
    nodes = np.concatenate([[way.start], route, [way.end]]).astype(np.intp)
    legs = problem.legs(nodes[:-1], nodes[1:])
    service = problem.service[route]
    begins = np.cumsum(legs[:-1]) + np.cumsum(service) - service
    is_kept = True
    if problem.windows is not None and (np.isfinite(problem.windows[route, 1]) | (problem.windows[route, 0] > 0)).any():
        earliest, latest = problem.windows[route].T
        wait = 0.0
        for at, (early, late) in enumerate(zip(earliest.tolist(), latest.tolist(), strict=True)):
            wait = max(wait, early - float(begins[at]))
            begins[at] += wait
            is_kept = is_kept and bool(begins[at] <= late * (1 + _A_HAIR))
    ends = float(begins[-1] + service[-1] + legs[-1]) if len(route) else 0.0
    return Timetable(begins, ends, is_kept and ends <= way.longest * (1 + _A_HAIR))
