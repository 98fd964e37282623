"""The arrays that the compiled kernel works on: the plan of some stops as rings from each route's start to its end."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stormplay.routing.plan import FloatArray, IntArray

SPHERE, ROUNDED, MATRIX = 0, 1, 2
MOST_GONE, MOST_OPENED = 256, 32
TAKEN, LEFT_OUT = -1, -2
"""Instead of a route: a stop that has been taken out and is to be put back, and one that is not served."""

Int32Array = npt.NDArray[np.int32]

# 64 bytes: all that a look at a neighbour needs comes with one line of cache.
NODE = np.dtype(
    [("x", "f8"), ("y", "f8"), ("z", "f8"), ("step", "f8"), ("units", "i8"), ("service", "f4"), ("from_depot", "f4"),
     ("after", "i4"), ("before", "i4"), ("route", "i4"), ("row", "i4")]
)  # fmt: skip
ROUTE = np.dtype([("count", "i4"), ("skills", "i4"), ("load", "i8"), ("length", "f8"), ("longest", "f8")])
ASK = np.dtype([("prize", "f8"), ("skills", "i8")])
BEST = np.dtype([("after", "i4"), ("changed", "i4"), ("is_changed", "i4")])
ENTRY = np.dtype(
    [("step_before", "f8"), ("step", "f8"), ("key", "f8"), ("put_step", "f8"), ("order", "i8"),
     ("stop", "i4"), ("before", "i4"), ("after", "i4"), ("route", "i4")]
)  # fmt: skip
OPENED = np.dtype([("length", "f8"), ("route", "i4"), ("hole", "i4")])
TALLY = np.dtype([("skip", "i8"), ("changed", "i8"), ("length", "f8"), ("best_length", "f8")])


class Rules(NamedTuple):
    """What does not change while the kernel runs; the paper's names in brackets.

    Attributes:
        kind: SPHERE, ROUNDED or MATRIX.
        is_free_start: Whether a route's leg to its first stop costs nothing.
        is_free_end: Whether the leg from its last stop costs nothing.
        is_timed: Whether routes have a longest length, with service.
        are_alike: Whether all routes have the same start, end, longest length and skills.
        may_leave_out: Whether stops may be left out, for their prize.
        stops: Number of stops m.
        capacity: Most units on a route.
        most: Most stops on a route.
        removed: Stops taken out in the mean (c-bar).
        longest: Longest string (L-max).
        split: Chance that a string keeps some stops in its middle (alpha).
        keep: Chance that it keeps one more (beta).
        overlook: Chance that a place is overlooked (blink rate).
        shuffled: Weight of putting back in random order.
        heavy: Weight of the largest demand first; the largest prize, where stops may be left out.
        far: Weight of the farthest from the depot first.
        close: Weight of the nearest to the depot first.
        reach: Neighbours farther off than the cheapest detour found so far, times this, are not looked at.
    """

    kind: int
    is_free_start: bool
    is_free_end: bool
    is_timed: bool
    are_alike: bool
    may_leave_out: bool
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

    Nodes are numbered 0..m-1 for stops, m..m+k-1 for the starts of the routes and m+k..m+2k-1 for their ends.

    Args:
        stops: (m, 3) position in metres (planar: z is 0).
        starts: (k, 3) position of each route's start.
        ends: (k, 3) position of each route's end.
        rows: (m + 2k,) row of each node in `matrix`; any, where there is none.
        from_depot: (m,) distance from the depot; -1: stays the first of its route.
        units: (m,) demand.
        service: (m,) length that serving a stop stands for, where routes have a longest one.
        prizes: (m,) length that serving a stop is worth, where stops may be left out.
        near: (m, K) near stops, nearest first, -1 for one that is not of these.
        matrix: Distances for kind MATRIX, else (1, 1).
        longest: (k,) longest length of each route.
        held: (k,) stops on each route that are not among these.
        needs: (m,) skills that serving a stop takes, as bits.
        skills: (k,) skills of each route, as bits, 31 at most.
        rules: What does not change.
        seed: 64 bits, not all 0.
    """

    def __init__(
        self, stops: FloatArray, starts: FloatArray, ends: FloatArray, rows: Int32Array, from_depot: FloatArray,
        units: IntArray, service: FloatArray, prizes: FloatArray, near: Int32Array, matrix: FloatArray,
        longest: FloatArray, held: IntArray, needs: IntArray, skills: IntArray, rules: Rules, seed: int,
    ) -> None:  # fmt: skip
        m, k = len(stops), len(starts)
        self.nodes = _lines(m + 2 * k, NODE)
        for axis, name in enumerate("xyz"):
            self.nodes[name] = np.concatenate([stops[:, axis], starts[:, axis], ends[:, axis]])
        self.nodes["row"], self.nodes["route"] = rows, LEFT_OUT
        self.nodes["from_depot"][:m], self.nodes["units"][:m] = from_depot, units
        self.nodes["service"][:m] = service
        self.routes = np.zeros(k, ROUTE)
        self.routes["longest"], self.routes["count"], self.routes["skills"] = longest, held, skills
        self.asks = np.zeros(m, ASK)
        self.asks["prize"], self.asks["skills"] = prizes, needs
        self.near, self.matrix, self.rules = near, matrix, rules
        self.tally, self.best = np.zeros(1, TALLY), np.zeros(m + 2 * k, BEST)
        self.log, self.opened = np.zeros(MOST_GONE, ENTRY), np.zeros(MOST_OPENED, OPENED)
        self.rng = np.array([seed], dtype=np.uint64)

    @property
    def plan(self) -> tuple[Any, ...]:
        """What `kernel.link` takes first."""
        return self.nodes, self.routes, self.asks, self.matrix, self.rules, self.tally, self.best

    @property
    def everything(self) -> tuple[Any, ...]:
        """What `kernel.anneal` takes first."""
        return (
            self.nodes, self.routes, self.near, self.asks, self.matrix, self.rules, self.tally, self.best, self.log,
            self.opened, self.rng,
        )  # fmt: skip


def _lines(size: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Zeros that begin at a line of cache."""
    raw = np.zeros(size * dtype.itemsize + 64, dtype=np.uint8)
    begin = -raw.ctypes.data % 64
    return raw[begin : begin + size * dtype.itemsize].view(dtype)
