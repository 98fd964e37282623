"""Distances between nodes, for compiled code."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stormplay.routing.machine.compiled import called, inlined
from stormplay.routing.machine.ring import MATRIX, ROUNDED
from stormplay.routing.metric import EARTH_RADIUS_M

_SHORT = 0.01  # square of an angle in radians below which the series is exact to 1e-12


@inlined
def leg(nodes: Any, matrix: Any, rules: Any, a: Any, b: Any) -> Any:
    """Distance from node a to node b."""
    if (rules.is_free_end and b >= rules.stops) or (rules.is_free_start and a >= rules.stops):
        return 0.0
    start, end = nodes[a], nodes[b]
    if rules.kind == MATRIX:
        return matrix[start.row, end.row]
    x, y, z = start.x - end.x, start.y - end.y, start.z - end.z
    square = x * x + y * y + z * z
    chord = math.sqrt(square)
    if rules.kind == ROUNDED:
        return math.floor(chord + 0.5)
    square *= 1.0 / (EARTH_RADIUS_M * EARTH_RADIUS_M)
    if square > _SHORT:
        return 2 * EARTH_RADIUS_M * math.asin(min(1.0, 0.5 * math.sqrt(square)))
    # The arc over its chord, as a series.
    return chord * (1.0 + square * (1 / 24 + square * (3 / 640 + square * (5 / 7168))))


@inlined
def back(nodes: Any, matrix: Any, rules: Any, a: Any, b: Any, there: Any) -> Any:
    """Distance from stop b to stop a, where that from a to b is known."""
    return leg(nodes, matrix, rules, b, a) if rules.kind == MATRIX else there


@inlined
def detour(nodes: Any, matrix: Any, rules: Any, at: Any, c: Any, there: Any) -> Any:
    """What it costs to put c behind node `at`, which is `there` away."""
    return there + leg(nodes, matrix, rules, c, np.int64(nodes[at].after)) - nodes[at].step


@inlined
def step_over(nodes: Any, matrix: Any, rules: Any, p: Any, x: Any) -> Any:
    """Length of the leg from p to x, where a route without stops is not driven."""
    return 0.0 if p >= rules.stops and x >= rules.stops else leg(nodes, matrix, rules, p, x)


@called
def span(nodes: Any, matrix: Any, rules: Any, a: Any, b: Any) -> Any:
    """The same as `leg`, as a call: where speed matters less than the time to compile."""
    return leg(nodes, matrix, rules, a, b)
