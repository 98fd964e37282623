"""Cutting a plan into regions of neighbouring routes, with other borders each time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stormplay.routing.plan import FloatArray, IntArray

_TURN = 0.35  # radians; how far a cut may turn from the middle line, so that no border stays where it is
_OFF_CENTRE = 0.1  # of the stops; how far it may move from the middle


def cut(
    points: FloatArray, routes: Sequence[IntArray], most_stops: int, least_parts: int, rng: np.random.Generator
) -> list[IntArray]:
    """Group route numbers into compact regions by halving, at random angles.

    Args:
        points: (n, d) positions of the stops.
        routes: Stops of each route, none empty.
        most_stops: A region with more stops is halved, as long as it has two routes.
        least_parts: Regions there should be at least, as long as each has two routes.
        rng: Source of the angles.

    Returns:
        Route numbers of each region, in an order that depends on `rng` alone.
    """
    sizes = np.array([len(route) for route in routes])
    begins = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    centres = np.add.reduceat(points[np.concatenate(routes)], begins, axis=0) / sizes[:, None]
    parts, done = [np.arange(len(routes))], list[IntArray]()
    while parts:
        part = parts.pop(0)
        few = len(parts) + len(done) + 1 < least_parts
        if len(part) >= 2 and (sizes[part].sum() > most_stops or (few and len(part) >= 4)):
            parts += _halve(centres[part], sizes[part], part, rng)
        else:
            done.append(part)
    return done


def _halve(
    centres: FloatArray, sizes: npt.NDArray[np.int64], part: IntArray, rng: np.random.Generator
) -> list[IntArray]:
    centred = centres - centres.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    turn = rng.normal(0.0, _TURN)
    order = np.argsort(centred @ (np.cos(turn) * axes[:, -1] + np.sin(turn) * axes[:, -2]), kind="stable")
    share = np.cumsum(sizes[order]) / sizes.sum()
    at = int(np.searchsorted(share, 0.5 + rng.uniform(-_OFF_CENTRE, _OFF_CENTRE)))
    at = min(max(at, 1), len(part) - 1)
    return [part[np.sort(order[:at])], part[np.sort(order[at:])]]
