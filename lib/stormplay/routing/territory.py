"""Territories: the hulls of routes, and how far they lie in each other. Crews refuse routes that criss-cross."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stormplay.routing.plan import FloatArray, IntArray

_FEWEST = 3  # corners of an area
_A_HAIR = 1e-12  # of the extent: a stop on a border is in nobody else's territory


def homes_abroad(places: npt.ArrayLike, routes: npt.ArrayLike) -> IntArray:
    """For each stop, how many other routes' territories it lies in. A territory is the convex hull of a route's stops.

    A stop on a border, or on a route whose stops have no area, is in nobody else's.

    Args:
        places: (n, 2) latitude, longitude in degrees, of an area small enough to be flat.
        routes: (n,) which route each stop is on.
    """
    territories = Territories(np.asarray(places, dtype=float).reshape(-1, 2))
    found = np.zeros(len(territories.places), dtype=np.intp)
    _, labels = np.unique(np.asarray(routes), return_inverse=True)
    by_route = np.argsort(labels, kind="stable")
    for own in np.split(by_route, np.cumsum(np.bincount(labels))[:-1]):
        found[territories.inside(own)] += 1
    return found


def flat(points: FloatArray) -> FloatArray:
    """Positions (n, 2) or (n, 3) as (n, 2) in the plane that lies nearest to them, from their middle."""
    centred = points - points.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    return np.asarray(centred @ axes[:, ::-1][:, :2])


class Territories:
    """Which stops lie in the territory of some of them.

    Attributes:
        places: (n, 2) positions in a plane.
    """

    def __init__(self, places: FloatArray) -> None:
        from scipy.spatial import cKDTree  # noqa: PLC0415 - a third of a second

        self.places = places
        self._tree = cKDTree(places) if len(places) else None
        self._hair = _A_HAIR * max(float(np.ptp(places, axis=0).max(initial=0.0)), _A_HAIR) if len(places) else 0.0

    def inside(self, own: IntArray) -> IntArray:
        """Numbers of the stops that are not among `own` and lie within their hull."""
        from scipy.spatial import ConvexHull, QhullError  # noqa: PLC0415

        if len(own) < _FEWEST or self._tree is None:
            return np.zeros(0, dtype=np.intp)
        mine = self.places[own]
        try:
            hull = ConvexHull(mine)
        except QhullError:  # all in one line
            return np.zeros(0, dtype=np.intp)
        middle = mine.mean(axis=0)
        reach = float(np.linalg.norm(mine - middle, axis=1).max())
        near = np.array(self._tree.query_ball_point(middle, reach), dtype=np.intp)
        outward = self.places[near] @ hull.equations[:, :2].T + hull.equations[:, 2]  # negative inside
        return np.setdiff1d(near[(outward < -self._hair).all(axis=1)], own, assume_unique=True)

    def strangers(self, own: IntArray) -> int:
        """How many of others' stops lie within the hull of `own`."""
        return len(self.inside(own))
