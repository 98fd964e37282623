"""The plan while it is being worked on: routes, their lengths, and the small matrices that engines ask for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stormplay.routing.metric import Distances
from stormplay.routing.plan import FloatArray, IntArray

DEPOT = -1
NOWHERE = -(10**9)
"""An end of a path that costs nothing: where an open route begins or ends."""


NO_STOPS = np.zeros(0, dtype=np.intp)


class Way(NamedTuple):
    """How a route may run.

    Attributes:
        start: Node where it starts: DEPOT, another base (-2, -3, ...), or NOWHERE.
        end: Node where it ends, likewise.
        longest: Its longest length, service included.
        copies: How many routes may run so; None: as many as are needed.
        skills: What its crew can do, as bits.
    """

    start: int
    end: int
    longest: float = math.inf
    copies: int | None = None
    skills: int = 0


@dataclass(frozen=True)
class Problem:
    """A checked question. Stops are numbered 0..n-1 here; `rows` leads back to the caller's numbers.

    Attributes:
        rows: (n,) row of each stop in the caller's coordinates.
        points: (n, d) positions whose Euclidean distance says what lies near what.
        bases: (b, d) positions where routes start or end; base i is node -1 - i, so the first is DEPOT.
        distances: The metric over stops and bases.
        units: (n,) whole units of demand.
        max_per_route: Most stops on a route.
        capacity: Most units on a route.
        ways: How routes may run.
        unassigned: Caller's row -> reason, for rows that are not stops.
        service: (n,) length that serving each stop stands for, where a way has a longest length.
        prizes: (n,) length that serving each stop is worth; None: all must be served.
        needs: (n,) skills that serving each stop takes, as bits; where none is told, none.
        pins: (n,) of the last stop that is locked on a route, how many it stands for; 0: free; where none is told, 0.
        windows: (n, 2) length driven and served after setting out at which a visit may begin, earliest and latest;
            None: at any time.
    """

    rows: IntArray
    points: FloatArray
    bases: FloatArray
    distances: Distances
    units: IntArray
    max_per_route: int
    capacity: int
    ways: tuple[Way, ...]
    unassigned: dict[int, str]
    service: FloatArray
    prizes: FloatArray | None = None
    needs: IntArray = field(default_factory=lambda: NO_STOPS)
    pins: IntArray = field(default_factory=lambda: NO_STOPS)
    windows: FloatArray | None = None

    def __post_init__(self) -> None:
        for name in ("needs", "pins"):
            if len(getattr(self, name)) != len(self.rows):
                object.__setattr__(self, name, np.zeros(len(self.rows), np.intp))

    @property
    def has_depot(self) -> bool:
        """Whether legs to first and from last stops count."""
        return self.ways[0].start != NOWHERE

    def can(self, stops: IntArray | int, way: Way) -> npt.NDArray[np.bool_]:
        """Whether a way's crew has the skills for each of some stops."""
        return np.asarray(self.needs[stops] & ~way.skills == 0)

    @property
    def is_timed(self) -> bool:
        """Whether routes have a longest length."""
        return any(math.isfinite(way.longest) for way in self.ways)

    def limited(self, routes: int) -> Problem:
        """The problem with so many routes at most, where another one would cost nothing: else each stop had its own."""
        ways = [
            way._replace(copies=routes) if way.start == way.end == NOWHERE and way.copies is None else way
            for way in self.ways
        ]
        return replace(self, ways=tuple(ways))

    def without(self, reasons: dict[int, str], needs: IntArray | None = None) -> Problem:
        """The problem less some rows, each left out for a reason; `needs` (n,) takes the place of that there is."""
        kept = np.flatnonzero(~np.isin(self.rows, list(reasons)))
        nodes = np.concatenate([kept, len(self.rows) + np.arange(len(self.bases))]).astype(np.intp)
        return replace(
            self, rows=self.rows[kept], points=self.points[kept], distances=self.distances.take(nodes),
            units=self.units[kept], service=self.service[kept], needs=(self.needs if needs is None else needs)[kept],
            pins=self.pins[kept], windows=None if self.windows is None else self.windows[kept],
            prizes=None if self.prizes is None else self.prizes[kept], unassigned=self.unassigned | reasons,
        )  # fmt: skip

    def legs(self, starts: IntArray, ends: IntArray) -> FloatArray:
        """Distances between nodes as (k,), 0 from and to NOWHERE."""
        legs, is_driven = np.zeros(len(starts)), (starts != NOWHERE) & (ends != NOWHERE)
        legs[is_driven] = self.distances.legs(starts[is_driven], ends[is_driven])
        return legs

    def path_matrix(self, before: int, stops: IntArray, after: int) -> FloatArray:
        """Distances among `stops` (m,) with a start and an end around them, as (m + 2, m + 2).

        `before` and `after` are a stop, a base or NOWHERE. The way back into the start and out of the end is filled
        in too, so that a symmetric metric gives a symmetric matrix.
        """
        nodes = np.concatenate([[before], stops, [after]]).astype(np.intp)
        known = np.flatnonzero(nodes != NOWHERE)
        matrix = np.zeros((len(nodes), len(nodes)))
        matrix[np.ix_(known, known)] = self.distances.block(nodes[known], nodes[known])
        return matrix

    def route_lengths(self, routes: Sequence[IntArray], ways: Sequence[int] | None = None) -> FloatArray:
        """Sum of the legs of each route, as (number of routes,); `ways` has each one's way, by default the first."""
        numbers = ways if ways is not None else [0] * len(routes)
        paths = [_path(route, self.ways[way]) for route, way in zip(routes, numbers, strict=True)]
        owner = np.repeat(np.arange(len(paths)), [max(0, len(path) - 1) for path in paths])
        legs = self.distances.legs(_join([path[:-1] for path in paths]), _join([path[1:] for path in paths]))
        return np.bincount(owner, weights=legs, minlength=len(paths)).astype(float)


def _path(route: IntArray, way: Way) -> IntArray:
    """The nodes along a route. One without stops is not driven, whatever the metric says of the depot to itself."""
    if len(route) == 0:
        return route
    path = np.concatenate([[way.start], route, [way.end]]).astype(np.intp)
    return np.asarray(path[path != NOWHERE])


def _join(parts: Sequence[IntArray]) -> IntArray:
    return np.concatenate(parts).astype(np.intp) if parts else np.zeros(0, dtype=np.intp)


@dataclass
class Draft:
    """Routes over a problem's stops, the way of each, stops left out, and lengths; every change keeps them in step."""

    problem: Problem
    routes: list[IntArray]
    ways: list[int] = field(default_factory=list)
    left_out: IntArray = field(default_factory=lambda: NO_STOPS)
    lengths: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.ways = self.ways or [0] * len(self.routes)
        self.lengths = self.problem.route_lengths(self.routes, self.ways).tolist()

    @property
    def distance(self) -> float:
        """Length of all routes."""
        return float(sum(self.lengths))

    @property
    def cost(self) -> float:
        """Length of all routes, and the prizes of the stops left out."""
        prizes = self.problem.prizes
        return self.distance + (0.0 if prizes is None else float(prizes[self.left_out].sum()))

    def take_over(self, other: Draft) -> None:
        """Become another draft of the same problem."""
        self.routes, self.ways, self.left_out, self.lengths = other.routes, other.ways, other.left_out, other.lengths

    def way(self, number: int) -> Way:
        """How a route runs."""
        return self.problem.ways[self.ways[number]]

    def replace(self, number: int, route: IntArray) -> None:
        """Put another order or other stops on one route; an empty array leaves the route unused."""
        self.routes[number] = route
        self.lengths[number] = float(self.problem.route_lengths([route], [self.ways[number]])[0])

    def used(self) -> list[int]:
        """Numbers of the routes that have stops."""
        return [number for number, route in enumerate(self.routes) if len(route)]
