"""The arrays that the compiled kernel works on: the plan of some stops as rings through the depot."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stormplay.routing.plan import FloatArray, IntArray

SPHERE, ROUNDED, MATRIX = 0, 1, 2
MOST_GONE, MOST_OPENED = 256, 32

# 64 bytes: all that a look at a neighbour needs comes with one line of cache.
NODE = np.dtype(
    [("x", "f8"), ("y", "f8"), ("z", "f8"), ("from_depot", "f8"), ("step", "f8"), ("units", "i8"),
     ("after", "i4"), ("before", "i4"), ("route", "i4"), ("_", "i4")]
)  # fmt: skip
ROUTE = np.dtype([("count", "i8"), ("load", "i8")])
BEST = np.dtype([("after", "i4"), ("changed", "i4"), ("is_changed", "i4")])
ENTRY = np.dtype(
    [("step_before", "f8"), ("step", "f8"), ("key", "f8"), ("put_step", "f8"), ("order", "i8"),
     ("stop", "i4"), ("before", "i4"), ("after", "i4"), ("route", "i4")]
)  # fmt: skip
OPENED = np.dtype([("route", "i4"), ("hole", "i4")])
TALLY = np.dtype([("skip", "i8"), ("changed", "i8"), ("length", "f8"), ("best_length", "f8")])


class Rules(NamedTuple):
    """What does not change while the kernel runs; the paper's names in brackets.

    Attributes:
        kind: SPHERE, ROUNDED or MATRIX.
        is_open: Whether legs from and to the depot cost nothing.
        stops: Number of stops m.
        capacity: Most units on a route.
        most: Most stops on a route.
        removed: Stops taken out in the mean (c-bar).
        longest: Longest string (L-max).
        split: Chance that a string keeps some stops in its middle (alpha).
        keep: Chance that it keeps one more (beta).
        overlook: Chance that a place is overlooked (blink rate).
        shuffled: Weight of putting back in random order.
        heavy: Weight of the largest demand first.
        far: Weight of the farthest from the depot first.
        close: Weight of the nearest to the depot first.
        reach: Neighbours farther off than the cheapest detour found so far, times this, are not looked at.
    """

    kind: int
    is_open: bool
    stops: int
    capacity: int
    most: int
    removed: float = 10.0
    longest: float = 10.0
    split: float = 0.5
    keep: float = 0.01
    overlook: float = 0.01
    shuffled: float = 4.0
    heavy: float = 4.0
    far: float = 2.0
    close: float = 1.0
    reach: float = 1.0


class Rings:
    """Arrays for m stops and k routes, in the order in which the kernel's functions take them.

    Args:
        points: (m + 1, 3) position in metres (planar: z is 0), the depot last.
        from_depot: (m,) distance from the depot.
        units: (m,) demand.
        near: (m, K) near stops, nearest first, -1 for one that is not of these.
        matrix: (m + 1, m + 1) distances with the depot last for kind MATRIX, else (1, 1).
        rules: What does not change.
        ends: (k,) where each route ends among the stops, which are numbered along the routes.
        seed: 64 bits, not all 0.
    """

    def __init__(
        self, points: FloatArray, from_depot: FloatArray, units: IntArray, near: npt.NDArray[np.int32],
        matrix: FloatArray, rules: Rules, ends: IntArray, seed: int,
    ) -> None:  # fmt: skip
        m, size = rules.stops, rules.stops + len(ends)
        self.nodes = _lines(size, NODE)
        for axis, name in enumerate("xyz"):
            self.nodes[name][:m] = points[:m, axis]
            self.nodes[name][m:] = points[m, axis]
        self.nodes["from_depot"][:m] = from_depot
        self.nodes["units"][:m] = units
        self.nodes["route"] = -1
        self.routes = np.zeros(len(ends), ROUTE)
        self.near, self.matrix, self.rules = near, matrix, rules
        self.tally, self.best = np.zeros(1, TALLY), np.zeros(size, BEST)
        self.log, self.opened = np.zeros(MOST_GONE, ENTRY), np.zeros(MOST_OPENED, OPENED)
        self.rng = np.array([seed], dtype=np.uint64)
        self.ends = ends.astype(np.int64)

    @property
    def plan(self) -> tuple[Any, ...]:
        """What `kernel.link` takes first."""
        return self.nodes, self.routes, self.matrix, self.rules, self.tally, self.best

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What `kernel.anneal` takes first."""
        return (
            self.nodes, self.routes, self.near, self.matrix, self.rules, self.tally, self.best, self.log, self.opened,
            self.rng,
        )  # fmt: skip


def _lines(size: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Zeros that begin at a line of cache."""
    raw = np.zeros(size * dtype.itemsize + 64, dtype=np.uint8)
    begin = -raw.ctypes.data % 64
    return raw[begin : begin + size * dtype.itemsize].view(dtype)
