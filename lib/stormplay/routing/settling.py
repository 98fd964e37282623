"""The last word on who works where: pairs of neighbouring routes share their stops out anew along a straight line.

Ruin and recreate knows the length of routes only. Here a stop in another crew's territory and an uneven day cost
something too, and what is tried is what makes territories: all stops of two routes on one side of a line for the one
crew, those on the other side for the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stormplay.errors import BadInput
from stormplay.routing.draft import Draft
from stormplay.routing.ground import Ground
from stormplay.routing.machine.ring import MATRIX
from stormplay.routing.plan import FloatArray, IntArray
from stormplay.routing.progress import Clock, Reporter
from stormplay.routing.region import ordered
from stormplay.routing.territory import Territories, flat

SHARE = 0.35
"""Of the time there is, kept for this."""
_ANGLES = 16
_SHIFTS = (0, 1, 3, 8)  # stops that the one side gets more or less than it had
_ROUNDS = 8
_BESIDE = 6  # near stops that make two routes neighbours
_UNEVEN = 2.0  # units of driving that one unit of work above an even day is worth
_LEAST_GAIN = 1e-6
_LONGEST_GREEDY = 500

Side = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Sharing:
    """How the ground should be shared.

    Attributes:
        territory: Length, in the metric's unit, that one stop less in another route's territory is worth.
        balance: Share of the mean work that a route may have more; None: days need not be even.
    """

    territory: float = 0.0
    balance: float | None = None

    @classmethod
    def of(cls, territory_m: object, balance: object) -> Sharing:
        """From what a caller gives.

        Raises:
            BadInput: Either is no number of 0 or more.
        """
        for name, value in (("territory_m", territory_m), ("balance", 0.0 if balance is None else balance)):
            is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
            if not (is_number and 0 <= float(value) < math.inf):  # type: ignore[arg-type]
                raise BadInput(f"{name} is {value!r}.", "Expected a number, 0 or more.")
        return cls(float(territory_m), None if balance is None else float(balance))  # type: ignore[arg-type]

    @property
    def is_asked(self) -> bool:
        """Whether there is anything to do."""
        return self.territory > 0 or self.balance is not None


def settle(draft: Draft, ground: Ground, sharing: Sharing, clock: Clock, reporter: Reporter) -> None:
    """Share the stops of neighbouring routes out anew, as long as that is worth it and there is time.

    Args:
        draft: Routes, changed in place; every limit is kept and no stop is left out that was not.
        ground: What is known of its stops.
        sharing: What is wanted.
        clock: The time there is.
        reporter: Where progress goes.
    """
    if sharing.is_asked and ground.kind != MATRIX and len(draft.used()) > 1:
        _Settling(draft, ground, sharing, clock, reporter).run()


class _Settling:
    def __init__(self, draft: Draft, ground: Ground, sharing: Sharing, clock: Clock, reporter: Reporter) -> None:
        self._draft, self._ground, self._sharing = draft, ground, sharing
        self._clock, self._reporter = clock, reporter
        self._territories = Territories(flat(draft.problem.points))
        work, pins = self._work(draft.routes, draft.lengths), draft.problem.pins
        self._used = [number for number in draft.used() if not pins[draft.routes[number][0]]]
        mean = float(work[self._used].mean()) if self._used else 0.0
        self._even = math.inf if sharing.balance is None else (1 + sharing.balance) * mean
        abroad = [self._abroad(route) for route in draft.routes]
        self._costs = self._cost_of(np.array(draft.lengths), work, np.array(abroad))

    def run(self) -> None:
        """Go through the pairs until none gets better."""
        fresh = set(self._used)
        for _ in range(_ROUNDS):
            pairs = [pair for pair in self._neighbours() if fresh & set(pair)]
            fresh = set()
            for a, b in pairs:
                if not self._goes_on():
                    return
                if self._share_out(a, b):
                    fresh |= {a, b}
            if not fresh:
                return

    def _goes_on(self) -> bool:
        draft = self._draft
        return (
            self._reporter.tell("sharing", draft.distance, len(self._used), fraction=0.99) and not self._clock.is_over
        )

    def _neighbours(self) -> list[tuple[int, int]]:
        """Pairs of routes with stops beside each other, those first that cost most."""
        owner = np.full(len(self._draft.problem.points), -1)
        for number in self._used:
            owner[self._draft.routes[number]] = number
        beside = owner[self._ground.near[:, :_BESIDE]]
        pairs = np.stack([np.broadcast_to(owner[:, None], beside.shape).ravel(), beside.ravel()])
        pairs = np.unique(np.sort(pairs[:, (pairs[0] != pairs[1]) & (pairs >= 0).all(axis=0)], axis=0), axis=1)
        return [(int(a), int(b)) for a, b in pairs.T[np.argsort(-self._costs[pairs].sum(axis=0), kind="stable")]]

    def _share_out(self, a: int, b: int) -> bool:
        """Share the stops of two routes out anew, if that is worth it."""
        draft = self._draft
        both = np.concatenate([draft.routes[a], draft.routes[b]])
        numbers, best = [a, b], self._costs[[a, b]].sum() * (1 - _LEAST_GAIN)
        found = None
        for side in self._sides(both, len(draft.routes[a])):
            routes = ordered(self._ground.region([both[side], both[~side]], [draft.ways[a], draft.ways[b]]),
                             _LONGEST_GREEDY)  # fmt: skip
            lengths = draft.problem.route_lengths(routes, [draft.ways[a], draft.ways[b]])
            work = self._work(routes, lengths)
            if any(w > draft.way(n).longest for w, n in zip(work, numbers, strict=True)):
                continue
            costs = self._cost_of(lengths, work, np.zeros(2))
            if costs.sum() >= best:
                continue
            costs = self._cost_of(lengths, work, np.array([self._abroad(route) for route in routes]))
            if costs.sum() < best:
                best, found = costs.sum(), (routes, costs)
        if found is None:
            return False
        for number, route, cost in zip(numbers, *found, strict=True):
            draft.replace(number, route)
            self._costs[number] = cost
        return True

    def _sides(self, both: IntArray, had: int) -> Iterator[Side]:
        """The ways to cut some stops in two by a line, as (m,) true on the first route's side, that keep the limits."""
        places, m = self._territories.places[both], len(both)
        shifts = _SHIFTS if self._sharing.balance is not None else _SHIFTS[:1]
        sizes = sorted({size + step * sign for size in (had, m - had) for step in shifts for sign in (1, -1)})
        for angle in range(_ANGLES):
            turn = 2 * math.pi * angle / _ANGLES
            along = np.argsort(places @ (math.cos(turn), math.sin(turn)), kind="stable")
            for size in sizes:
                side = np.zeros(m, dtype=bool)
                side[along[: max(size, 0)]] = True
                if 0 < size < m and self._keeps_limits(both, side):
                    yield side

    def _keeps_limits(self, both: IntArray, side: Side) -> bool:
        problem = self._draft.problem
        load = int(problem.units[both[side]].sum())
        return (
            max(int(side.sum()), int((~side).sum())) <= problem.max_per_route
            and max(load, int(problem.units[both].sum()) - load) <= problem.capacity
        )

    def _work(self, routes: list[IntArray], lengths: FloatArray | list[float]) -> FloatArray:
        """Driving and service of each route, in the metric's unit."""
        service = self._draft.problem.service
        served = np.array([float(service[route].sum()) for route in routes], dtype=float)
        return np.asarray(np.asarray(lengths, dtype=float) + served)

    def _abroad(self, route: IntArray) -> int:
        """Stops of others in a route's territory."""
        return self._territories.strangers(route) if self._sharing.territory > 0 else 0

    def _cost_of(self, lengths: FloatArray, work: FloatArray, abroad: FloatArray) -> FloatArray:
        uneven = np.maximum(work - self._even, 0.0)
        return np.asarray(lengths + self._sharing.territory * abroad + _UNEVEN * uneven)
