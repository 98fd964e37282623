"""Balanced recursive bisection: every route gets its stops, in near-linear time and without distances."""

from __future__ import annotations

import math

import numpy as np

from stormplay.routing.metric import EARTH_RADIUS_M
from stormplay.routing.plan import FloatArray, IntArray


def embed_sphere(degrees: FloatArray) -> FloatArray:
    """Points on the sphere as (n, 3) metres, so that neither the antimeridian nor a pole is a border."""
    latitude, longitude = np.radians(degrees).T
    flat = np.cos(latitude)
    unit = np.column_stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)])
    return np.asarray(EARTH_RADIUS_M * unit)


def routes_needed(units: IntArray, max_per_route: int, capacity: int) -> int:
    """Fewest routes that the two limits allow; exact where all demands are equal, else a lower bound."""
    return max(math.ceil(len(units) / max_per_route), -(-int(units.sum()) // capacity))


def bisect(points: FloatArray, units: IntArray, max_per_route: int, capacity: int) -> list[IntArray]:
    """Split points into compact routes by halving them across their longest axis.

    The number of routes is the fewest that the limits allow: for equal demands ceil(n / max_per_route), with sizes
    that differ by at most one. Unequal demands may not pack that tightly; then single parts are halved once more.

    Args:
        points: (n, d) positions in any Euclidean space.
        units: (n,) demand of each point, none above `capacity`.
        max_per_route: Most points on a route.
        capacity: Most demand on a route.

    Returns:
        Index arrays, neighbours in the tree next to each other, each roughly in order along its longest axis.
    """
    done: list[IntArray] = []
    if len(points) == 0:
        return done
    if 0 < units.min() == units.max():
        max_per_route = min(max_per_route, capacity // int(units[0]))
    stack = [(np.arange(len(points)), routes_needed(units, max_per_route, capacity))]
    while stack:
        members, count = stack.pop()
        count = min(count, len(members))  # where demands pack badly, a part can be left with fewer stops than routes
        along = _project(points[members])
        if count == 1:
            if len(members) <= max_per_route and units[members].sum() <= capacity:
                done.append(members[np.argsort(along, kind="stable")])
                continue
            count = 2
        left_count = count // 2
        left, right = _halve(along, units[members], left_count, count, max_per_route, capacity)
        stack.append((members[right], count - left_count))
        stack.append((members[left], left_count))
    return done


def _project(points: FloatArray) -> FloatArray:
    """Position of each point along the principal axis of all of them."""
    centred = points - points.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    return np.asarray(centred @ axes[:, -1])


def _halve(
    along: FloatArray, units: IntArray, left_count: int, count: int, max_per_route: int, capacity: int
) -> tuple[IntArray, IntArray]:
    """Cut where each side gets its share of the routes; both sides are never empty."""
    if units.min() == units.max():
        base, larger = divmod(len(along), count)
        cut = base * left_count + min(larger, left_count)
        order = np.argpartition(along, cut - 1)
    else:
        order = np.argsort(along, kind="stable")
        cut = _cut_by_demand(np.cumsum(units[order]), left_count, count, max_per_route, capacity)
    return order[:cut], order[cut:]


def _cut_by_demand(load: IntArray, left_count: int, count: int, max_per_route: int, capacity: int) -> int:
    """Cut nearest to the proportional share of demand at which both sides still fit their routes, if any does."""
    total, size = int(load[-1]), len(load)
    cuts = np.arange(1, size)
    right_count = count - left_count
    fits = (
        (load[:-1] <= left_count * capacity)
        & (total - load[:-1] <= right_count * capacity)
        & (cuts <= left_count * max_per_route)
        & (size - cuts <= right_count * max_per_route)
    )
    off_share = np.abs(load[:-1] / total - left_count / count)
    return int(cuts[np.argmin(np.where(fits, off_share, off_share + 1.0))])
