"""The first plan: the stops of each of bisection's routes in a good order, by the kernel or, without one, by numpy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from stormplay.routing import readiness
from stormplay.routing.draft import Draft
from stormplay.routing.ground import Ground
from stormplay.routing.ordering import order_route, order_routes, strips
from stormplay.routing.plan import IntArray
from stormplay.routing.progress import Clock, Reporter
from stormplay.routing.region import ordered

_BATCH_STOPS = 4_000  # 10 to 20 ms between two looks at the clock
_LONGEST_GREEDY = 500  # stops; the search for the nearest neighbour is quadratic
NOTHING_TO_TRY = 2
"""Stops whose order does not matter, on the fewest routes that there can be."""


def first_order(draft: Draft, clock: Clock, reporter: Reporter, *, waits: bool) -> Ground | None:
    """Order every route of a draft, until the clock runs out (a clock of 0 s means: all of them) or a stop.

    Args:
        draft: Routes, changed in place.
        clock: The time there is. A kernel that has been compiled is waited for during half of it.
        reporter: Where progress goes.
        waits: Whether to wait for the kernel without end, so that the result is the same again.

    Returns:
        What was found out about the stops on the way, if anything.
    """
    if len(draft.problem.points) <= NOTHING_TO_TRY or not _has_kernel(draft, clock, reporter, waits):
        order_routes(draft, clock, reporter)
        return None
    ground = Ground(draft.problem)
    done = 0
    for batch in _batches(draft, min(_BATCH_STOPS, ground.most_region_stops)):
        share = 0.99 * done / len(draft.routes) if clock.limit_s == 0 else 0.0
        if not reporter.tell("ordering", draft.distance, len(draft.routes), fraction=share) or clock.is_over:
            break
        _order(draft, ground, batch)
        done += len(batch)
    return ground


def _has_kernel(draft: Draft, clock: Clock, reporter: Reporter, waits: bool) -> bool:
    if waits or clock.limit_s == 0:
        limit_s = math.inf if waits or readiness.is_compiled() else 0.0
    else:
        limit_s = clock.remaining_s / 2 if readiness.is_compiled() else 0.0
    return readiness.wait(limit_s, lambda: reporter.tell("ordering", draft.distance, len(draft.routes)))


def _batches(draft: Draft, most_stops: int) -> Iterator[list[int]]:
    """Numbers of the routes with stops, so many at once that the clock is looked at often enough."""
    used = draft.used()
    ends = np.cumsum([len(draft.routes[number]) for number in used])
    for _, batch in itertools.groupby(zip(used, ends // most_stops, strict=True), key=lambda pair: pair[1]):
        yield [number for number, _ in batch]


def _order(draft: Draft, ground: Ground, numbers: list[int]) -> None:
    """Order some routes; one that does not get shorter stays as it is."""
    routes = [_swept(draft, draft.routes[number]) for number in numbers]
    ways = [draft.ways[number] for number in numbers]
    region = ground.region(routes, ways)
    if np.array_equal(region.matrix, region.matrix.T):
        routes = ordered(region, _LONGEST_GREEDY)
    else:  # one-way streets: a stretch turned round is another one
        ends = [draft.problem.ways[way] for way in ways]
        routes = [order_route(draft.problem, route, way, lambda: True) for route, way in zip(routes, ends, strict=True)]
    lengths = draft.problem.route_lengths(routes, ways)
    for number, route, length in zip(numbers, routes, lengths.tolist(), strict=True):
        if length < draft.lengths[number]:
            draft.routes[number], draft.lengths[number] = route, length


def _swept(draft: Draft, route: IntArray) -> IntArray:
    return route if len(route) <= _LONGEST_GREEDY else route[strips(draft.problem.points[route])]
