"""What is known of all stops once and for all, and the part of it that a region needs."""

from __future__ import annotations

import numpy as np

from stormplay.routing.draft import DEPOT, Problem
from stormplay.routing.machine.ring import MATRIX, ROUNDED, SPHERE, Rules
from stormplay.routing.metric import PointDistances, haversine_m
from stormplay.routing.nearest import near_stops, nearest_by_matrix
from stormplay.routing.plan import FloatArray, IntArray
from stormplay.routing.region import Heat, Region

NEIGHBOURS = 32
_MOST_MATRIX_STOPS = 400
_NO_MATRIX = np.zeros((1, 1))


class Ground:
    """A problem as regions see it.

    Attributes:
        units: (n,) demand.
        most_region_stops: Size above which a region costs too much: with a matrix, its square.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        n = len(problem.points)
        self.units = problem.units.astype(np.int64)
        self._kind = _kind(problem)
        self.most_region_stops = _MOST_MATRIX_STOPS if self._kind == MATRIX else n
        self._points = np.zeros((n + 1, 3))
        if self._kind != MATRIX:
            self._points[:n, : problem.points.shape[1]] = problem.points
            self._near = near_stops(problem.points, NEIGHBOURS)
        self._from_depot = np.zeros(n)
        if problem.has_depot:
            self._from_depot = problem.distances.legs(np.full(n, DEPOT), np.arange(n))
            if self._kind != MATRIX:
                self._points[n, : problem.points.shape[1]] = problem.depot_point
        self._local = np.full(n, -1, dtype=np.int32)

    def region(self, routes: list[IntArray], spare: int, heat: Heat, trials: int, seconds: float, seed: int) -> Region:
        """A region of these routes and so many empty ones."""
        stops = np.concatenate(routes)
        ends = np.cumsum([len(route) for route in routes] + [0] * spare)
        near, matrix = self._near_and_matrix(stops)
        points = self._points[np.append(stops, len(self.units))]
        rules = Rules(
            self._kind, not self._problem.has_depot, len(stops), self._problem.capacity, self._problem.max_per_route
        )
        return Region(
            stops, ends, points, self._from_depot[stops], self.units[stops], near, matrix, rules, heat, trials,
            seconds, seed,
        )  # fmt: skip

    def _near_and_matrix(self, stops: IntArray) -> tuple[np.typing.NDArray[np.int32], FloatArray]:
        if self._kind == MATRIX:
            m = len(stops)
            matrix = np.zeros((m + 1, m + 1))
            nodes = np.append(stops, DEPOT) if self._problem.has_depot else stops
            matrix[: len(nodes), : len(nodes)] = self._problem.distances.block(nodes, nodes)
            return nearest_by_matrix(matrix[:m, :m], NEIGHBOURS), matrix
        self._local[stops] = np.arange(len(stops), dtype=np.int32)
        near = self._local[self._near[stops]]
        self._local[stops] = -1
        return near, _NO_MATRIX


def _kind(problem: Problem) -> int:
    if not isinstance(problem.distances, PointDistances):
        return MATRIX
    return SPHERE if problem.distances.formula is haversine_m else ROUNDED
