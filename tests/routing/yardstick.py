"""What the routing tests measure with, written anew from the definitions: nothing here is the package's own."""

from __future__ import annotations

import itertools
import math

import numpy as np

EARTH_RADIUS_M = 6_371_008.8
DALLAS = (32.627, -97.318)


def great_circle_m(start, end):
    """Metres between two points in degrees, by the angle between unit vectors."""
    first, second = _unit(*start), _unit(*end)
    return EARTH_RADIUS_M * math.atan2(np.linalg.norm(np.cross(first, second)), float(np.dot(first, second)))


def rounded(start, end):
    return math.floor(math.dist(start, end) + 0.5)


def planar_block(rows, columns):
    """A metric function: plain Euclidean distances, (k, m)."""
    return np.linalg.norm(rows[:, None, :] - columns[None, :, :], axis=2)


def lopsided_matrix(size, seed=0):
    """Distances where the way back is not as long as the way there."""
    matrix = np.random.default_rng(seed).uniform(1, 100, (size, size))
    np.fill_diagonal(matrix, 0)
    return matrix


def legs(route, has_depot):
    """Pairs of nodes along one route; None is the depot."""
    path = [None, *route, None] if has_depot else list(route)
    return list(itertools.pairwise(path))


def length(plan, has_depot, between):
    """Sum of all legs, where `between` says how far two nodes are from each other."""
    return sum(between(start, end) for route in plan.routes for start, end in legs(route.tolist(), has_depot))


def over(coordinates, depot, between):
    """`between` for `length`, over coordinates."""
    return lambda start, end: between(*(depot if node is None else coordinates[node] for node in (start, end)))


def check_complete(plan, n):
    """Every row exactly once: on a route, or left out with a reason."""
    routed = [row for route in plan.routes for row in route.tolist()]
    assert sorted([*routed, *plan.unassigned]) == list(range(n))
    assert all(isinstance(reason, str) and reason for reason in plan.unassigned.values())
    assert all(len(route) for route in plan.routes)
    assert plan.route_distances_m.shape == (len(plan.routes),)
    assert plan.distance_m == sum_of(plan.route_distances_m)
    assert plan.distance_m <= plan.start_distance_m * (1 + 1e-9) + 1e-9


def sum_of(values):
    import pytest

    return pytest.approx(float(np.sum(values)), rel=1e-9, abs=1e-6)


class UntilBetter:
    """A progress function that stops the run as soon as the improvement has won something: no clock to tune."""

    def __init__(self):
        self.seen = []

    def __call__(self, report):
        if report.phase == "improvement":
            self.seen.append(report.distance_m)
        return not (self.seen and self.seen[-1] < self.seen[0])


def town(n, seed=0, around=DALLAS, spread=0.05):
    """Stops scattered around a place, in degrees."""
    return np.asarray(around) + np.random.default_rng(seed).normal(0, spread, (n, 2))


def _unit(latitude, longitude):
    latitude, longitude = math.radians(latitude), math.radians(longitude)
    flat = math.cos(latitude)
    return np.array([flat * math.cos(longitude), flat * math.sin(longitude), math.sin(latitude)])
