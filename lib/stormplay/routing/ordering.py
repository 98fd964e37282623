"""The visiting order inside one route: nearest neighbour, then 2-opt and Or-opt, in numpy.

A path is a square matrix of distances whose first node is where the path starts and whose last node is where it
ends; the nodes between are the stops. An end that costs nothing (an open route) is a node at distance 0 of all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stormplay.routing.draft import Draft, Problem, Way
from stormplay.routing.plan import FloatArray, IntArray
from stormplay.routing.progress import Clock, Reporter

LONGEST_DIRECT = 120
"""Paths with more stops than this are improved in windows, so that work and memory stay linear in their length."""

_LONGEST_SEGMENT = 3
_LEAST_GAIN = 1e-9


def order_routes(draft: Draft, clock: Clock, reporter: Reporter) -> None:
    """Order every route of a draft, until the clock runs out (a clock of 0 s means: all of them) or a stop."""
    done = 0

    def goes_on() -> bool:
        share = _share(clock, done, draft)
        return reporter.tell("ordering", draft.distance, len(draft.routes), fraction=share) and not clock.is_over

    for number in draft.used():
        if not goes_on():
            return
        ordered = order_route(draft.problem, draft.routes[number], draft.way(number), goes_on)
        done += 1
        if draft.problem.route_lengths([ordered], [draft.ways[number]])[0] < draft.lengths[number]:
            draft.replace(number, ordered)


def order_route(problem: Problem, route: IntArray, way: Way, goes_on: Callable[[], bool]) -> IntArray:
    """A short order of one route's stops; long routes start from strips and improve in overlapping windows.

    `goes_on` is asked before each window; when it says no, the route stays as it is by then.
    """
    if len(route) <= LONGEST_DIRECT:
        return route[order_path(problem.path_matrix(way.start, route, way.end))]
    route = route[strips(problem.points[route])]
    for offset in (0, LONGEST_DIRECT // 2):
        for at in range(offset, len(route), LONGEST_DIRECT):
            if not goes_on():
                return route
            route = _improve_window(problem, route, way, at, min(at + LONGEST_DIRECT, len(route)))
    return route


def _improve_window(problem: Problem, route: IntArray, way: Way, start: int, stop: int) -> IntArray:
    before = route[start - 1] if start > 0 else way.start
    after = route[stop] if stop < len(route) else way.end
    window = route[start:stop]
    order = improve_path(problem.path_matrix(int(before), window, int(after)), np.arange(len(window)))
    return np.concatenate([route[:start], window[order], route[stop:]])


def _share(clock: Clock, done: int, draft: Draft) -> float:
    return 0.99 * done / len(draft.routes) if clock.limit_s == 0 else 0.0


def order_path(matrix: FloatArray) -> IntArray:
    """A short path through all stops of a small matrix.

    Args:
        matrix: (m + 2, m + 2) distances, start first and end last.

    Returns:
        The stops as numbers 0..m-1 in visiting order: a local optimum of 2-opt (Croes, Operations Research 6,
        1958) and Or-opt (Or, thesis, Northwestern University, 1976).
    """
    return improve_path(matrix, _nearest_neighbour(matrix))


def improve_path(matrix: FloatArray, order: IntArray) -> IntArray:
    """Apply the best 2-opt or Or-opt move until none shortens the path; `order` and result as in `order_path`."""
    path = np.concatenate([[0], order + 1, [len(matrix) - 1]])
    # A reversed stretch costs the same only where the way back is as long as the way there.
    is_symmetric = np.array_equal(matrix, matrix.T)
    least_gain = _LEAST_GAIN * max(1.0, float(matrix.max()))
    while True:
        along = matrix[np.ix_(path, path)]
        moves = list(_or_opt_moves(along, is_symmetric))
        if is_symmetric:
            moves.append(_two_opt_move(along))
        gain, change = min(moves, key=lambda move: move[0], default=(0.0, _keep))
        if gain > -least_gain:
            return path[1:-1] - 1
        path = change(path)


def strips(points: FloatArray) -> IntArray:
    """Order many points by sweeping strips up and down: a start for paths too long for a matrix.

    The width of a strip follows Daganzo, "The length of tours in zones of different shapes" (Transportation
    Research B 18, 1984): about sqrt(n / 3) strips over a square.
    """
    centred = points - points.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    plane = centred @ axes[:, ::-1][:, :2]
    extent = np.maximum(np.ptp(plane, axis=0), 1e-9)
    count = max(1, round(float(np.sqrt(len(points) / 3 * extent[1] / extent[0]))))
    lane = np.minimum((plane[:, 1] - plane[:, 1].min()) / extent[1] * count, count - 1).astype(int)
    return np.lexsort([np.where(lane % 2 == 0, plane[:, 0], -plane[:, 0]), lane])


Move = tuple[float, Callable[[IntArray], IntArray]]


def _keep(path: IntArray) -> IntArray:
    return path


def _nearest_neighbour(matrix: FloatArray) -> IntArray:
    size = len(matrix)
    is_open = np.ones(size, dtype=bool)
    is_open[[0, -1]] = False
    here, order = 0, []
    for _ in range(size - 2):
        here = int(np.where(is_open, matrix[here], np.inf).argmin())
        is_open[here] = False
        order.append(here - 1)
    return np.array(order, dtype=np.intp)


def _two_opt_move(along: FloatArray) -> Move:
    """Best reversal of the stops at positions i..j; `along` is the matrix in path order."""
    step = along.diagonal(1)
    change = along[:-2, 1:-1] + along[1:-1, 2:] - step[:-1, None] - step[None, 1:]
    change = np.where(np.tri(len(change), dtype=bool), 0.0, change)
    first, last = (int(at) + 1 for at in np.unravel_index(change.argmin(), change.shape))

    def reverse(path: IntArray) -> IntArray:
        return np.concatenate([path[:first], path[first : last + 1][::-1], path[last + 1 :]])

    return float(change.min(initial=0.0)), reverse


def _or_opt_moves(along: FloatArray, may_flip: bool) -> list[Move]:
    """Best move of one to three stops elsewhere, for each length and, where allowed, both directions."""
    longest = min(_LONGEST_SEGMENT, len(along) - 3)
    return [
        _or_opt_move(along, length, flip)
        for length in range(1, longest + 1)
        for flip in ((False, True) if may_flip and length > 1 else (False,))
    ]


def _or_opt_move(along: FloatArray, length: int, flip: bool) -> Move:
    step = along.diagonal(1)
    first = np.arange(1, len(along) - length)
    last = first + length - 1
    saved = step[first - 1] + step[last] - along[first - 1, last + 1]
    head, tail = (last, first) if flip else (first, last)
    gap = np.arange(len(along) - 1)
    change = along[:-1, head].T + along[tail, 1:] - step[None, :] - saved[:, None]
    is_inside = (gap[None, :] >= first[:, None] - 1) & (gap[None, :] <= last[:, None])
    change[is_inside] = 0.0
    row, to = (int(at) for at in np.unravel_index(change.argmin(), change.shape))

    def move(path: IntArray) -> IntArray:
        segment = path[row + 1 : row + 1 + length]
        rest = np.delete(path, np.s_[row + 1 : row + 1 + length])
        # Gaps are counted with the segment in place; behind it they move forward.
        at = to + 1 if to <= row else to + 1 - length
        return np.concatenate([rest[:at], segment[::-1] if flip else segment, rest[at:]])

    return float(change.min()), move
