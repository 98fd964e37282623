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

_TRIALS_A_LOOK = 2_000  # about 3 ms between two looks at the clock; fixed, so that a budget gives the same plan again


class Heat(NamedTuple):
    """Temperatures at the beginning and the end of some work, in the metric's unit."""

    hot: float
    cold: float

    def at(self, share: float) -> float:
        """The temperature when `share` of the work is done."""
        return float(self.hot * (self.cold / self.hot) ** share)


@dataclass(frozen=True)
class Region:
    """A part of the plan: m stops, numbered along its routes, and what may be done with them.

    Attributes:
        stops: (m,) the plan's numbers of the stops.
        ends: (k,) where each route ends; the last ones may be empty.
        points: (m + 1, 3) positions, the depot last.
        from_depot: (m,) distance from the depot.
        units: (m,) demand.
        near: (m, K) near stops, -1 for one outside.
        matrix: Distances, where points do not give them.
        rules: Limits and settings.
        heat: Temperatures.
        trials: How many ruins and recreations.
        seconds: Time after which it ends early; inf: never.
        seed: Of the draws.
    """

    stops: IntArray
    ends: IntArray
    points: FloatArray
    from_depot: FloatArray
    units: IntArray
    near: npt.NDArray[np.int32]
    matrix: FloatArray
    rules: Rules
    heat: Heat
    trials: int
    seconds: float
    seed: int


@dataclass(frozen=True)
class Routes:
    """Routes of a region as they follow each other, in the plan's stop numbers, and their length."""

    stops: IntArray
    ends: IntArray
    length: float

    def split(self) -> list[IntArray]:
        """One array a route that has stops."""
        begins = np.concatenate([[0], self.ends[:-1]])
        return [self.stops[begin:end] for begin, end in zip(begins, self.ends, strict=True) if end > begin]


@dataclass(frozen=True)
class Outcome:
    """What became of a region.

    Attributes:
        now: The routes at the end, from which annealing goes on.
        best: The shortest routes seen.
        trials: Ruins and recreations done.
    """

    now: Routes
    best: Routes
    trials: int


def work(region: Region, is_over: Callable[[], bool] = lambda: False) -> Outcome:
    """Ruin and recreate a region's routes until its trials or its time are used up or `is_over`."""
    # numba takes half a second to import: not before there is work.
    from stormplay.routing.machine import kernel  # noqa: PLC0415

    end_s = time.perf_counter() + region.seconds
    rings = Rings(
        region.points, region.from_depot, region.units, region.near, region.matrix, region.rules, region.ends,
        region.seed,
    )  # fmt: skip
    kernel.link(*rings.plan, np.arange(region.rules.stops), rings.ends)
    done = 0
    while done < region.trials and not is_over() and time.perf_counter() < end_s:
        some = min(_TRIALS_A_LOOK, region.trials - done)
        heat = region.heat.at(done / region.trials), region.heat.at((done + some) / region.trials)
        kernel.anneal(*rings.arguments, some, *heat)
        done += some
    now = _read(region, rings.nodes["after"], float(rings.tally["length"][0]))
    return Outcome(now, _read(region, rings.best["after"], float(rings.tally["best_length"][0])), done)


def _read(region: Region, after: npt.NDArray[np.int32], length: float) -> Routes:
    from stormplay.routing.machine import kernel  # noqa: PLC0415

    order, ends = np.zeros(region.rules.stops, np.int64), np.zeros(len(region.ends), np.int64)
    kernel.unlink(np.ascontiguousarray(after), region.rules.stops, order, ends)
    return Routes(region.stops[order], ends.astype(np.intp), length)
