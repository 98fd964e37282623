"""Which routes are neighbours, and how to draw groups of them to be solved again together."""

from __future__ import annotations

import numpy as np

from stormplay.routing.plan import FloatArray, IntArray

_CURVES = 4
_LAGS = 4
_BITS = 16


def near_pairs(points: FloatArray, rng: np.random.Generator) -> IntArray:
    """Pairs of points that lie close together, in near-linear time.

    Points are sorted along a Z-order curve (Morton, IBM report, 1966) over a randomly turned and shifted plane, four
    times; points at most four places apart on one of the curves are a pair. A few pairs are far apart, where the
    curve jumps; they are too few to matter where pairs are counted.

    Args:
        points: (n, d) positions.
        rng: Source of the turns.

    Returns:
        (p, 2) point numbers; a pair can occur more than once.
    """
    pairs = [np.zeros((0, 2), dtype=np.intp)]
    for _ in range(_CURVES):
        turn, _ = np.linalg.qr(rng.normal(size=(points.shape[1], points.shape[1])))
        order = np.argsort(_morton(points @ turn, rng), kind="stable")
        pairs += [np.column_stack([order[:-lag], order[lag:]]) for lag in range(1, min(_LAGS, len(order) - 1) + 1)]
    return np.concatenate(pairs)


def _morton(points: FloatArray, rng: np.random.Generator) -> IntArray:
    """Position of each point on a Z-order curve: the bits of its coordinates, interleaved."""
    low = points.min(axis=0)
    extent = max(float((points.max(axis=0) - low).max()), 1e-9)
    # The shift moves the borders of the large cells, where the curve jumps.
    cells = ((points - low) / extent + rng.random(points.shape[1])) / 2 * (2**_BITS - 1)
    grid = cells.astype(np.int64)
    code = np.zeros(len(points), dtype=np.int64)
    for bit in range(_BITS):
        for axis in range(points.shape[1]):
            code |= ((grid[:, axis] >> bit) & 1) << (bit * points.shape[1] + axis)
    return code


class Neighbourhood:
    """The graph of routes whose stops lie close together, weighted by how many do.

    Args:
        routes: Index arrays of stops.
        pairs: Near pairs of stops, from `near_pairs`.
        stops: Number of stops.
    """

    def __init__(self, routes: list[IntArray], pairs: IntArray, stops: int) -> None:
        owner = np.full(stops, -1, dtype=np.int64)
        owner[np.concatenate(routes)] = np.repeat(np.arange(len(routes)), [len(route) for route in routes])
        ends = owner[pairs]
        ends = ends[ends[:, 0] != ends[:, 1]]
        both = np.concatenate([ends, ends[:, ::-1]])
        edges, self._weight = np.unique(both[:, 0] * len(routes) + both[:, 1], return_counts=True)
        self._target = edges % len(routes)
        self._begin = np.searchsorted(edges // len(routes), np.arange(len(routes) + 1))
        self._size = [len(route) for route in routes]

    def draw(
        self, rng: np.random.Generator, routes_a_group: int, least_stops: int, most_stops: int
    ) -> list[tuple[int, ...]]:
        """Disjoint groups of connected routes, in random order.

        A group grows to `routes_a_group` routes, and on while it has fewer than `least_stops` stops; never above
        `most_stops`. Routes that find no free neighbour make a smaller group.
        """
        free = np.array([0 < size <= most_stops for size in self._size])
        groups = []
        for seed in rng.permutation(len(self._size)):
            if free[seed]:
                group = self._grow(int(seed), free, rng, routes_a_group, least_stops, most_stops)
                groups.append(tuple(sorted(group)))
        return groups

    def _grow(
        self,
        seed: int,
        free: np.typing.NDArray[np.bool_],
        rng: np.random.Generator,
        routes_a_group: int,
        least_stops: int,
        most_stops: int,
    ) -> list[int]:
        group, stops = [seed], self._size[seed]
        pull: dict[int, float] = {}
        free[seed] = False
        while len(group) < routes_a_group or stops < least_stops:
            edges = slice(self._begin[group[-1]], self._begin[group[-1] + 1])
            for near, weight in zip(self._target[edges].tolist(), self._weight[edges].tolist(), strict=True):
                # The chance factor lets other groups form in the next round.
                pull[near] = pull.get(near, 0.0) + weight * rng.uniform(0.3, 1.0)
            candidates = [near for near in pull if free[near] and stops + self._size[near] <= most_stops]
            if not candidates:
                break
            group.append(max(candidates, key=lambda near: pull[near]))
            free[group[-1]] = False
            stops += self._size[group[-1]]
        return group
