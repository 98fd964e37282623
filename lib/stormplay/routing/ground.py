"""What is known of all stops once and for all, and the part of it that a region needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stormplay.routing.draft import NO_STOPS, NOWHERE, Problem
from stormplay.routing.machine.ring import MATRIX, ROUNDED, SPHERE, Int32Array, Rules
from stormplay.routing.metric import PointDistances, haversine_m
from stormplay.routing.nearest import near_stops, nearest_by_matrix
from stormplay.routing.plan import FloatArray, IntArray
from stormplay.routing.region import NO_WORK, Region, Work

NEIGHBOURS = 32
_MOST_MATRIX_STOPS = 400
_NO_MATRIX = np.zeros((1, 1))
_A_HAIR_LESS = 1 - 1e-9  # lengths that the kernel keeps count of are rounded differently


class Ground:
    """A problem as regions see it.

    Attributes:
        kind: SPHERE, ROUNDED or MATRIX: how distances are told.
        most_region_stops: Size above which a region costs too much: with a matrix, its square.
        near: (n, K) near stops of each; without columns, where only a matrix tells.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        n = len(problem.points)
        self.kind = _kind(problem)
        self.most_region_stops = _MOST_MATRIX_STOPS if self.kind == MATRIX else max(n, 1)
        self.near = np.zeros((n, 0), np.int32) if self.kind == MATRIX else near_stops(problem.points, NEIGHBOURS)
        self._from_depot = np.zeros(n)
        starts = {way.start for way in problem.ways} - {NOWHERE}
        if starts:
            each = [problem.distances.legs(np.full(n, start), np.arange(n)) for start in sorted(starts)]
            self._from_depot = np.min(each, axis=0)
        self._from_depot[problem.pins > 0] = -1.0
        self._local = np.full(n, -1, dtype=np.int32)

    def region(
        self,
        routes: list[IntArray],
        ways: list[int],
        spare: Sequence[int] = (),
        left_out: IntArray = NO_STOPS,
        work: Work = NO_WORK,
    ) -> Region:
        """A region of these routes, of empty ones of the ways `spare`, and of stops that are not served."""
        problem = self._problem
        stops = np.concatenate([*routes, left_out]).astype(np.intp)
        kinds = [problem.ways[way] for way in (*ways, *spare)]
        rows, near, matrix = self._rows(stops, [way.start for way in kinds] + [way.end for way in kinds])
        rules = Rules(
            self.kind, kinds[0].start == NOWHERE, kinds[0].end == NOWHERE, problem.is_timed, len(problem.ways) == 1,
            problem.prizes is not None, len(stops), problem.capacity, problem.max_per_route,
        )  # fmt: skip
        return Region(
            stops, np.cumsum([len(route) for route in routes] + [0] * len(spare)), np.array([*ways, *spare]),
            problem.points[stops], self._bases([way.start for way in kinds]), self._bases([way.end for way in kinds]),
            rows, self._from_depot[stops], problem.units[stops], problem.service[stops],
            np.zeros(len(stops)) if problem.prizes is None else problem.prizes[stops],
            near, matrix, _A_HAIR_LESS * np.array([way.longest for way in kinds]), self._held(routes, len(kinds)),
            problem.needs[stops], np.array([way.skills for way in kinds]), rules, work,
        )  # fmt: skip

    def _held(self, routes: list[IntArray], k: int) -> IntArray:
        """Stops that the first one of each route stands for besides itself."""
        held = np.zeros(k, dtype=np.intp)
        held[: len(routes)] = [max(0, int(self._problem.pins[route].sum()) - 1) for route in routes]
        return held

    def _bases(self, nodes: list[int]) -> FloatArray:
        """Positions of bases; any, for NOWHERE."""
        known = np.vstack([self._problem.bases, np.zeros((1, self._problem.points.shape[1]))])
        return known[[-1 if node == NOWHERE else -1 - node for node in nodes]]

    def _rows(self, stops: IntArray, ends: list[int]) -> tuple[Int32Array, Int32Array, FloatArray]:
        """Row of each node in a matrix, the near stops, and the matrix: the latter where points do not say enough."""
        m = len(stops)
        if self.kind != MATRIX:
            self._local[stops] = np.arange(m, dtype=np.int32)
            near = self._local[self.near[stops]]
            self._local[stops] = -1
            return np.zeros(m + len(ends), np.int32), near, _NO_MATRIX
        bases = sorted(set(ends) - {NOWHERE})
        nodes = np.concatenate([stops, np.array(bases, dtype=np.intp)])
        matrix = self._problem.distances.block(nodes, nodes)
        row = {base: m + number for number, base in enumerate(bases)} | {NOWHERE: 0}
        rows = np.concatenate([np.arange(m), [row[end] for end in ends]]).astype(np.int32)
        return rows, nearest_by_matrix(matrix[:m, :m], NEIGHBOURS), np.ascontiguousarray(matrix)


def _kind(problem: Problem) -> int:
    if not isinstance(problem.distances, PointDistances):
        return MATRIX
    return SPHERE if problem.distances.formula is haversine_m else ROUNDED
