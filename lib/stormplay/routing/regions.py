"""Cutting a plan into regions of neighbouring routes, with other borders each time, and joining them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stormplay.routing.draft import Problem
from stormplay.routing.machine.ring import Int32Array
from stormplay.routing.plan import FloatArray, IntArray
from stormplay.routing.region import Routes

_TURN = 0.6  # radians; how far a cut may turn from the middle line, so that no border stays where it is
_OFF_CENTRE = 0.1  # of the stops; how far it may move from the middle


@dataclass(frozen=True)
class Part:
    """What one region is given: routes, their ways, the ways of routes it may open, stops that are not served."""

    routes: list[IntArray]
    ways: list[int]
    spare: list[int]
    left_out: IntArray

    def standing(self, problem: Problem) -> Routes:
        """These routes as they are, with what they cost."""
        prizes = 0.0 if problem.prizes is None else float(problem.prizes[self.left_out].sum())
        cost = float(problem.route_lengths(self.routes, self.ways).sum()) + prizes
        return Routes(self.routes, self.ways, self.left_out, cost)


def share_out(problem: Problem, plan: Routes, groups: Sequence[IntArray], near: Int32Array) -> list[Part]:
    """Give each group of routes what belongs to it: stops left out near it, and routes that it may open."""
    owner = np.zeros(len(problem.points), dtype=np.int64)
    for number, group in enumerate(groups):
        for route in group:
            owner[plan.routes[route]] = number
    left_out = _nearest_owner(plan.left_out, near, owner)
    spare = _spare(problem, plan, len(groups))
    return [
        Part([plan.routes[route] for route in group], [plan.ways[route] for route in group], spare[number],
             plan.left_out[left_out == number])
        for number, group in enumerate(groups)
    ]  # fmt: skip


def joined(parts: Sequence[Routes | None]) -> Routes:
    """All regions as one plan again."""
    there = [part for part in parts if part is not None]
    return Routes(
        [route for part in there for route in part.routes], [way for part in there for way in part.ways],
        np.concatenate([part.left_out for part in there]), sum(part.cost for part in there),
    )  # fmt: skip


def _nearest_owner(left_out: IntArray, near: Int32Array, owner: IntArray) -> IntArray:
    """The region of the nearest stop that is served, as far as neighbours tell."""
    found = np.zeros(len(left_out), dtype=np.int64)
    if near.shape[1] == 0:
        return found
    is_out = np.zeros(len(owner), dtype=bool)
    is_out[left_out] = True
    beside = near[left_out]
    first = np.argmin(is_out[beside], axis=1)
    return np.asarray(owner[beside[np.arange(len(left_out)), first]])


def _spare(problem: Problem, plan: Routes, regions: int) -> list[list[int]]:
    """Ways of the routes that each region may open; those there are few of go round."""
    spare: list[list[int]] = [[] for _ in range(regions)]
    turn = 0
    for number, way in enumerate(problem.ways):
        if way.copies is None:
            spare = [[*ways, number, number] for ways in spare]
            continue
        for _ in range(way.copies - plan.ways.count(number)):
            spare[turn % regions].append(number)
            turn += 1
    return spare


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
            parts += _halve(centres[part], sizes[part], part, is_first=len(part) == len(routes), rng=rng)
        else:
            done.append(part)
    return done


def _halve(
    centres: FloatArray, sizes: npt.NDArray[np.int64], part: IntArray, *, is_first: bool, rng: np.random.Generator
) -> list[IntArray]:
    """Cut across the longest axis; the first time into the middle and what lies on both sides of it.

    Were the first cut always in the middle, the routes there would never meet.
    """
    centred = centres - centres.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    turn = rng.normal(0.0, _TURN)
    order = np.argsort(centred @ (np.cos(turn) * axes[:, -1] + np.sin(turn) * axes[:, -2]), kind="stable")
    if is_first:
        order = np.roll(order, int(rng.integers(0, len(order))))
    share = np.cumsum(sizes[order]) / sizes.sum()
    off = 0.0 if is_first else rng.uniform(-_OFF_CENTRE, _OFF_CENTRE)
    at = min(max(int(np.searchsorted(share, 0.5 + off)), 1), len(part) - 1)
    return [part[np.sort(order[:at])], part[np.sort(order[at:])]]
