"""Territories: the hulls of routes, and how far they lie in each other. Crews refuse routes that criss-cross."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stormplay.routing.plan import IntArray

_FEWEST = 3  # corners of an area


def homes_abroad(places: npt.ArrayLike, routes: npt.ArrayLike) -> IntArray:
    """For each stop, how many other routes' territories it lies in. A territory is the convex hull of a route's stops.

    A stop on a border, or on a route whose stops have no area, is in nobody else's.

    Args:
        places: (n, 2) latitude, longitude in degrees, of an area small enough to be flat.
        routes: (n,) which route each stop is on.
    """
    from scipy.spatial import ConvexHull, QhullError  # noqa: PLC0415 - a third of a second

    points, labels = np.asarray(places, dtype=float).reshape(-1, 2), np.asarray(routes)
    found = np.zeros(len(points), dtype=np.intp)
    for label in np.unique(labels):
        is_own = labels == label
        if is_own.sum() < _FEWEST:
            continue
        try:
            hull = ConvexHull(points[is_own])
        except QhullError:  # all in one line
            continue
        outward = points @ hull.equations[:, :2].T + hull.equations[:, 2]  # negative inside
        found += (outward < -1e-12).all(axis=1) & ~is_own
    return found
