"""Some neighbouring routes, worked on apart from all others: plain arrays in, plain arrays out, in any process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stormplay.routing.machine.ring import Rings, Rules
from stormplay.routing.plan import FloatArray, IntArray

_TRIALS_A_LOOK = 2_000  # about 4 ms between two looks at the clock; fixed, so that a budget gives the same plan again


class Heat(NamedTuple):
    """Temperatures at the beginning and the end of some work, in the metric's unit."""

    hot: float
    cold: float

    def at(self, share: float) -> float:
        """The temperature when `share` of the work is done."""
        return float(self.hot * (self.cold / self.hot) ** share)


class Work(NamedTuple):
    """How a region is worked on.

    Attributes:
        heat: Temperatures.
        trials: How many ruins and recreations.
        seconds: Time after which it ends early; inf: never.
        seed: Of the draws, 64 bits, not all 0.
    """

    heat: Heat
    trials: int
    seconds: float
    seed: int


NO_WORK = Work(Heat(1.0, 1.0), 0, 0.0, 1)


@dataclass(frozen=True)
class Region:
    """A part of the plan: m stops of which the first are numbered along its k routes, and what may be done with them.

    Attributes:
        stops: (m,) the plan's numbers of the stops; those behind the last route are not served.
        cuts: (k,) where each route ends among them.
        ways: (k,) the way of each route.
        points: (m, d) positions.
        starts: (k, d) where each route starts.
        ends: (k, d) where each route ends.
        rows: (m + 2k,) row of each stop, start and end in `matrix`.
        from_depot: (m,) distance from the depot; -1: stays the first of its route.
        units: (m,) demand.
        service: (m,) length that serving a stop stands for.
        prizes: (m,) length that serving a stop is worth.
        near: (m, K) near stops, -1 for one outside.
        matrix: Distances, where points do not give them.
        longest: (k,) longest length of each route.
        held: (k,) stops on each route that count and are not among these.
        needs: (m,) skills that serving a stop takes, as bits.
        skills: (k,) skills of each route, as bits.
        rules: Limits and settings.
        work: How much is done.
    """

    stops: IntArray
    cuts: IntArray
    ways: IntArray
    points: FloatArray
    starts: FloatArray
    ends: FloatArray
    rows: npt.NDArray[np.int32]
    from_depot: FloatArray
    units: IntArray
    service: FloatArray
    prizes: FloatArray
    near: npt.NDArray[np.int32]
    matrix: FloatArray
    longest: FloatArray
    held: IntArray
    needs: IntArray
    skills: IntArray
    rules: Rules
    work: Work

    def rings(self) -> Rings:
        """The arrays for the kernel."""
        return Rings(
            _in_space(self.points), _in_space(self.starts), _in_space(self.ends), self.rows, self.from_depot,
            self.units, self.service, self.prizes, self.near, self.matrix, self.longest, self.held, self.needs,
            self.skills, self.rules, self.work.seed,
        )  # fmt: skip


@dataclass(frozen=True)
class Routes:
    """Routes of a region that have stops, in the plan's stop numbers, the way of each, and what they cost.

    Attributes:
        routes: One array a route.
        ways: The way of each.
        left_out: Stops on none of them.
        cost: Their length, and the prizes of stops left out.
    """

    routes: list[IntArray]
    ways: list[int]
    left_out: IntArray
    cost: float


@dataclass(frozen=True)
class Outcome:
    """What became of a region.

    Attributes:
        now: The routes at the end, from which annealing goes on.
        best: The best routes seen.
        trials: Ruins and recreations done.
    """

    now: Routes
    best: Routes
    trials: int


def work(region: Region, is_over: Callable[[], bool] = lambda: False) -> Outcome:
    """Ruin and recreate a region's routes until its trials or its time are used up or `is_over`."""
    # numba takes half a second to import: not before there is work.
    from stormplay.routing.machine import kernel  # noqa: PLC0415

    heat, trials, seconds, _ = region.work
    end_s = time.perf_counter() + seconds
    rings = region.rings()
    kernel.link(*rings.plan, np.arange(region.cuts[-1]), region.cuts.astype(np.int64))
    done = 0
    while done < trials and not is_over() and time.perf_counter() < end_s:
        some = min(_TRIALS_A_LOOK, trials - done)
        kernel.anneal(*rings.everything, some, heat.at(done / trials), heat.at((done + some) / trials))
        done += some
    now = _read(region, rings.nodes["after"], float(rings.tally["length"][0]))
    return Outcome(now, _read(region, rings.best["after"], float(rings.tally["best_length"][0])), done)


def ordered(region: Region, longest_greedy: int) -> list[IntArray]:
    """The routes of a region, the stops of each in a good order; those of few stops are begun anew."""
    from stormplay.routing.machine import tidy  # noqa: PLC0415

    rings, order = region.rings(), np.arange(region.cuts[-1])
    tidy.tidy(rings.nodes, rings.near, rings.matrix, rings.rules, order, region.cuts.astype(np.int64), longest_greedy)
    return np.split(region.stops[order], region.cuts[:-1])


def _read(region: Region, after: npt.NDArray[np.int32], cost: float) -> Routes:
    from stormplay.routing.machine import kernel  # noqa: PLC0415

    m = len(region.stops)
    order, cuts = np.zeros(m, np.int64), np.zeros(len(region.cuts), np.int64)
    kernel.unlink(np.ascontiguousarray(after), m, order, cuts)
    is_left_out = np.ones(m, dtype=bool)
    is_left_out[order[: cuts[-1]]] = False
    routes = [region.stops[part] for part in np.split(order[: cuts[-1]], cuts[:-1])]
    used = [number for number, route in enumerate(routes) if len(route)]
    return Routes(
        [routes[number] for number in used], [int(region.ways[number]) for number in used],
        region.stops[is_left_out], cost,
    )  # fmt: skip


def _in_space(points: FloatArray) -> FloatArray:
    """Points as (n, 3); planar ones with z = 0."""
    return points if points.shape[1] == 3 else np.column_stack([points, np.zeros(len(points))])
