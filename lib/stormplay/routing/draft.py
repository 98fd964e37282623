"""The plan while it is being worked on: routes, their lengths, and the small matrices that engines ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from stormplay.routing.metric import Distances
from stormplay.routing.plan import FloatArray, IntArray

DEPOT = -1
NOWHERE = -2
"""An end of a path that costs nothing: where an open route begins and ends."""


@dataclass(frozen=True)
class Problem:
    """A checked question. Stops are numbered 0..n-1 here; `rows` leads back to the caller's numbers.

    Attributes:
        rows: (n,) row of each stop in the caller's coordinates.
        points: (n, d) positions whose Euclidean distance says what lies near what.
        distances: The metric, with the depot as stop -1.
        units: (n,) whole units of demand.
        max_per_route: Most stops on a route.
        capacity: Most units on a route.
        depot_point: (d,) position of the depot in the space of `points`; None: open routes.
        unassigned: Caller's row -> reason, for rows that are not stops.
    """

    rows: IntArray
    points: FloatArray
    distances: Distances
    units: IntArray
    max_per_route: int
    capacity: int
    depot_point: FloatArray | None
    unassigned: dict[int, str]

    @property
    def has_depot(self) -> bool:
        """Whether routes start and end at the depot."""
        return self.depot_point is not None

    @property
    def outside(self) -> int:
        """The node before the first and behind the last stop of every route."""
        return DEPOT if self.has_depot else NOWHERE

    def path_matrix(self, before: int, stops: IntArray, after: int) -> FloatArray:
        """Distances among `stops` (m,) with a start and an end around them, as (m + 2, m + 2).

        `before` and `after` are a stop, DEPOT or NOWHERE. The way back into the start and out of the end is filled
        in too, so that a symmetric metric gives a symmetric matrix.
        """
        nodes = np.concatenate([[before], stops, [after]]).astype(np.intp)
        known = np.flatnonzero(nodes != NOWHERE)
        matrix = np.zeros((len(nodes), len(nodes)))
        matrix[np.ix_(known, known)] = self.distances.block(nodes[known], nodes[known])
        return matrix

    def route_lengths(self, routes: Sequence[IntArray]) -> FloatArray:
        """Sum of the legs of each route, with those of the depot where there is one, as (number of routes,)."""
        if self.has_depot:
            # A route without stops is not driven, whatever the metric says of the depot to itself.
            starts = [np.append(DEPOT, route)[: len(route) + (len(route) > 0)] for route in routes]
            ends = [np.append(route, DEPOT) if len(route) else route for route in routes]
        else:
            starts = [route[:-1] for route in routes]
            ends = [route[1:] for route in routes]
        owner = np.repeat(np.arange(len(routes)), [len(part) for part in starts])
        legs = self.distances.legs(_join(starts), _join(ends))
        return np.bincount(owner, weights=legs, minlength=len(routes)).astype(float)


def _join(parts: Sequence[IntArray]) -> IntArray:
    return np.concatenate(parts).astype(np.intp) if parts else np.zeros(0, dtype=np.intp)


@dataclass
class Draft:
    """Routes over a problem's stops and their lengths; every change keeps the two in step."""

    problem: Problem
    routes: list[IntArray]
    lengths: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.lengths = self.problem.route_lengths(self.routes).tolist()

    @property
    def distance(self) -> float:
        """Length of all routes."""
        return float(sum(self.lengths))

    def replace(self, number: int, route: IntArray) -> None:
        """Put another order or other stops on one route; an empty array leaves the route unused."""
        self.routes[number] = route
        self.lengths[number] = float(self.problem.route_lengths([route])[0])

    def used(self) -> list[int]:
        """Numbers of the routes that have stops."""
        return [number for number, route in enumerate(self.routes) if len(route)]
