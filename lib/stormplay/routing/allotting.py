"""Who begins with what: bisection's routes, ordered, given to crews so that no limit is exceeded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from stormplay.routing.crews import lone_lengths
from stormplay.routing.draft import NOWHERE, Draft, Problem
from stormplay.routing.plan import FloatArray, IntArray


def allot(problem: Problem, draft: Draft) -> Draft:
    """Give routes to ways, each cut to what its crew can do; what is over is for the next crew, or left out.

    Args:
        problem: How many routes of each way there may be.
        draft: Ordered routes of its stops, as if each could be of any length.

    Returns:
        A draft that keeps every limit. Where all stops must be served, all are.
    """
    if len(problem.ways) == 1 and not problem.is_timed and problem.ways[0].copies is None:
        return draft
    bench, waiting, left_out = Bench(problem), _by_worth(draft), list[int]()
    routes, ways = list[IntArray](), list[int]()
    while waiting:
        piece = waiting.pop(0)
        way = bench.best(piece)
        if way is None:
            left_out += piece.tolist()
            continue
        taken = _fitting(problem, piece, way)
        routes.append(piece[taken])
        ways.append(way)
        bench.take(way)
        if not taken.all():
            waiting.append(piece[~taken])
    given = replace(problem, ways=problem.limited(len(routes)).ways)
    return Draft(given, routes, ways, np.array(sorted(left_out), dtype=np.intp))


def _by_worth(draft: Draft) -> list[IntArray]:
    prizes = draft.problem.prizes
    used = [draft.routes[number] for number in draft.used()]
    return used if prizes is None else sorted(used, key=lambda route: -float(prizes[route].sum()))


@dataclass
class Bench:
    """The routes that can still be opened."""

    problem: Problem
    left: list[float] = field(init=False)
    alone: list[FloatArray] = field(init=False)

    def __post_init__(self) -> None:
        self.left = [np.inf if way.copies is None else way.copies for way in self.problem.ways]
        self.alone = [lone_lengths(self.problem, way) for way in self.problem.ways]

    def best(self, piece: IntArray) -> int | None:
        """The way that can serve most of some stops, of those the one that begins and ends nearest."""
        problem, found = self.problem, list[tuple[int, float, int]]()
        for number, way in enumerate(problem.ways):
            alone = self.alone[number][piece]
            can = problem.can(piece, way) & (alone + problem.service[piece] <= way.longest)
            if self.left[number] > 0 and can.any():
                found.append((-int(can.sum()), float(alone[can].mean()), number))
        return min(found)[2] if found else None

    def take(self, way: int) -> None:
        """Open one route of a way."""
        self.left[way] -= 1


def _fitting(problem: Problem, piece: IntArray, number: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which stops of an ordered piece a way can take, from its first one on, as (m,)."""
    way, taken = problem.ways[number], np.zeros(len(piece), dtype=bool)
    can = problem.can(piece, way)
    to_end = np.zeros(len(piece))
    if way.end != NOWHERE:
        to_end = problem.distances.legs(piece, np.full(len(piece), way.end))
    steps = problem.distances.legs(piece[:-1], piece[1:])
    length, last = 0.0, -1
    for at in np.flatnonzero(can).tolist():
        before = way.start if last < 0 else int(piece[last])
        if last >= 0 and last == at - 1:
            step = float(steps[last])
        else:
            step = 0.0 if before == NOWHERE else _leg(problem, before, int(piece[at]))
        reached = length + step + float(problem.service[piece[at]])
        if reached + to_end[at] <= way.longest:
            taken[at], length, last = True, reached, at
    return taken


def _leg(problem: Problem, start: int, end: int) -> float:
    return float(problem.distances.legs(np.array([start], np.intp), np.array([end], np.intp))[0])


def reasons(draft: Draft) -> dict[int, str]:
    """Why each stop that could be served is on no route, by the caller's row."""
    problem = draft.problem
    if len(draft.left_out) == 0:
        return {}
    detours, full = _cheapest_detours(draft), all(way.copies is not None for way in problem.ways)
    prizes = problem.prizes if problem.prizes is not None else np.zeros(len(problem.rows))
    told = {}
    for stop, detour in zip(draft.left_out.tolist(), detours.tolist(), strict=True):
        if detour > prizes[stop]:
            told[int(problem.rows[stop])] = f"worth {prizes[stop]:,.0f}, less than the detour of {detour:,.0f}"
        else:
            days = f"all {len(draft.used())} crew-days are full" if full else "no route that can do it has room"
            told[int(problem.rows[stop])] = f"{days}; the detour would be {detour:,.0f}"
    return told


def _cheapest_detours(draft: Draft) -> FloatArray:
    """What it would cost at least to put each left-out stop between two others or on a route of its own."""
    problem, outside = draft.problem, draft.left_out
    least = np.min([lone_lengths(problem, way)[outside] for way in problem.ways], axis=0)
    pairs = [(a, b) for n in draft.used() for a, b in zip(draft.routes[n][:-1], draft.routes[n][1:], strict=True)]
    if draft.used():
        least = np.full(len(outside), np.inf) if all(way.copies is not None for way in problem.ways) else least
        firsts = np.array([draft.routes[n][0] for n in draft.used()])
        least = np.minimum(least, _near(problem, outside, firsts))
    if pairs:
        before, after = np.array(pairs, np.intp).T
        steps = problem.distances.legs(before, after)
        for at in range(0, len(outside), 64):
            some = outside[at : at + 64]
            cost = problem.distances.block(some, before) + problem.distances.block(some, after) - steps
            least[at : at + 64] = np.minimum(least[at : at + 64], cost.min(axis=1))
    return np.asarray(least)


def _near(problem: Problem, outside: IntArray, firsts: IntArray) -> FloatArray:
    """There and back from the nearest first stop of a route: what it costs at most, whatever the depot."""
    nearest = [problem.distances.block(outside[at : at + 64], firsts).min(axis=1) for at in range(0, len(outside), 64)]
    return np.asarray(2 * np.concatenate(nearest))
