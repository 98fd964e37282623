"""The order of stops inside each route: nearest neighbour, then 2-opt (Croes, 1958) and Or-opt (Or, 1976).

Only moves that bring two near stops beside each other are tried (Steiglitz and Weiner, Allerton Conference, 1968).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stormplay.routing.machine.compiled import called, compiled
from stormplay.routing.machine.legs import span

_LONGEST_SEGMENT = 3
_FARTHEST = 1000  # positions between two stops that are brought together: what lies between may have to be turned
_LEAST_GAIN = 1e-10  # of the legs that are given up; below it is rounding, and there would be no end


@called
def greedy(nodes: Any, matrix: Any, rules: Any, path: Any) -> None:
    """Put the stops of a path, all but its ends, in the order of who is nearest to the one before."""
    last = path.shape[0] - 1
    for at in range(1, last - 1):
        low, best = np.inf, at
        for other in range(at, last):
            cost = span(nodes, matrix, rules, np.int64(path[at - 1]), np.int64(path[other]))
            if cost < low:
                low, best = cost, other
        path[at], path[best] = path[best], path[at]


@called
def reverse(path: Any, place: Any, first: Any, last: Any) -> None:
    """Turn the stretch of a path round; the ends of a path never are in it."""
    while first < last:
        a, b = np.int64(path[first]), np.int64(path[last])
        path[first], path[last] = b, a
        place[b], place[a] = first, last
        first, last = first + 1, last - 1


@called
def move(path: Any, place: Any, first: Any, last: Any, to: Any, flip: Any) -> None:
    """Move the stretch first..last behind position `to`, turned round where `flip`, by reversals."""
    if not flip:
        reverse(path, place, first, last)
    if to > last:
        reverse(path, place, last + 1, to)
        reverse(path, place, first, to)
    else:
        reverse(path, place, to + 1, first - 1)
        reverse(path, place, to + 1, last)


@called
def two_opt(nodes: Any, matrix: Any, rules: Any, path: Any, place: Any, at: Any, to: Any) -> Any:
    """Join the stops at two positions by reversing what lies between, if that is shorter."""
    low, high = min(at, to), max(at, to)
    a, c = np.int64(path[low]), np.int64(path[high])
    there = span(nodes, matrix, rules, a, c)
    b, d = np.int64(path[low + 1]), np.int64(path[high + 1])
    z, y = np.int64(path[low - 1]), np.int64(path[high - 1])
    behind = (1 - _LEAST_GAIN) * (span(nodes, matrix, rules, a, b) + span(nodes, matrix, rules, c, d))
    before = (1 - _LEAST_GAIN) * (span(nodes, matrix, rules, z, a) + span(nodes, matrix, rules, y, c))
    behind -= span(nodes, matrix, rules, b, d)
    before -= span(nodes, matrix, rules, z, y)
    if max(behind, before) <= there:
        return False
    shift = 1 if behind >= before else 0
    reverse(path, place, low + shift, high - 1 + shift)
    return True


@called
def or_opt(nodes: Any, matrix: Any, rules: Any, path: Any, place: Any, first: Any, last: Any, to: Any) -> Any:
    """Move the stretch first..last beside the stop at position `to`, in front or behind, if that is shorter."""
    if first < 1 or last > path.shape[0] - 2 or (to >= first and to <= last):
        return False
    head, tail = np.int64(path[first]), np.int64(path[last])
    z, x = np.int64(path[first - 1]), np.int64(path[last + 1])
    joined = span(nodes, matrix, rules, z, x)
    saved = span(nodes, matrix, rules, z, head) + span(nodes, matrix, rules, tail, x)
    for gap in range(to - 1, to + 1):  # behind `gap`
        if gap < 0 or (gap >= first - 1 and gap <= last):
            continue
        c, d = np.int64(path[gap]), np.int64(path[gap + 1])
        saved_here = (1 - _LEAST_GAIN) * (saved + span(nodes, matrix, rules, c, d)) - joined
        straight = span(nodes, matrix, rules, c, head) + span(nodes, matrix, rules, tail, d)
        turned = span(nodes, matrix, rules, c, tail) + span(nodes, matrix, rules, head, d)
        if min(straight, turned) < saved_here:
            move(path, place, first, last, gap, turned < straight)
            return True
    return False


@called
def shorten(nodes: Any, near: Any, matrix: Any, rules: Any, path: Any, place: Any, at: Any) -> Any:
    """One move that brings the stop at a position beside one that is near, if any is shorter."""
    a = np.int64(path[at])
    step_on = span(nodes, matrix, rules, a, np.int64(path[at + 1]))
    step_back = span(nodes, matrix, rules, np.int64(path[at - 1]), a)
    for k in range(near.shape[1]):
        c = np.int64(near[a, k])
        to = np.int64(place[c]) if c >= 0 else np.int64(0)
        if to < 1 or to > path.shape[0] - 2 or path[to] != c or abs(to - at) > _FARTHEST:
            continue
        if span(nodes, matrix, rules, a, c) >= max(step_on, step_back):
            return False
        if two_opt(nodes, matrix, rules, path, place, at, to):
            return True
        for shift in range(1 - _LONGEST_SEGMENT, _LONGEST_SEGMENT):
            if or_opt(nodes, matrix, rules, path, place, min(at, at + shift), max(at, at + shift), to):
                return True
    return False


@compiled
def tidy(nodes: Any, near: Any, matrix: Any, rules: Any, order: Any, cuts: Any, longest_greedy: Any) -> None:
    """Order each route of `order`, route r ending before `cuts[r]`, to a local optimum; for symmetric distances.

    Routes of at most `longest_greedy` stops are first put into the order of nearest neighbours.
    """
    m, k, begin = rules.stops, cuts.shape[0], 0
    place = np.full(nodes.shape[0], -1, np.int64)
    for route in range(k):
        size = cuts[route] - begin
        path = np.empty(size + 2, np.int64)
        path[0], path[size + 1] = m + route, m + k + route
        path[1 : size + 1] = order[begin : cuts[route]]
        if size <= longest_greedy:
            greedy(nodes, matrix, rules, path)
        for at in range(size + 2):
            place[path[at]] = at
        is_shorter = size > 1
        while is_shorter:
            is_shorter = False
            for at in range(1, size + 1):
                while shorten(nodes, near, matrix, rules, path, place, at):
                    is_shorter = True
        order[begin : cuts[route]] = path[1 : size + 1]
        begin = cuts[route]
