"""OR-Tools on neighbouring routes: rounds of small sub-problems, of which only improvements are kept.

A round draws disjoint groups of neighbouring routes (and windows of routes too long for a group), solves each one
again with the full limits, and applies what came out shorter. As groups are disjoint and a round is applied only
when it is complete, the outcome does not depend on who finishes first. Effort per sub-problem rises when rounds stop
paying; when at the highest effort a whole cycle of strategies changes nothing, the run has converged.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass

import numpy as np

from stormplay.routing.draft import Draft
from stormplay.routing.neighbourhood import Neighbourhood, near_pairs
from stormplay.routing.plan import FloatArray, IntArray
from stormplay.routing.progress import Clock, Reporter
from stormplay.routing.subproblem import Limit, Subproblem, solve_subproblem

MOST_GROUP_STOPS = 240
LEAST_GROUP_STOPS = 60
WINDOW_STOPS = 100

_KEEP = ""
_LEAST_GAIN = 1e-7  # of a group's length; below it is rounding
_LARGEST = 10_000_000  # whole-number distances: the longest leg of a group becomes this
_SAFETY_S = 1.0  # one search holds the interpreter where it runs in the calling thread; a cancel waits for it


@dataclass(frozen=True)
class Strategy:
    """How one round solves its groups: built anew by an OR-Tools heuristic, or from the routes as they are."""

    routes_a_group: int
    first_solution: str


CYCLE = (
    Strategy(4, "PARALLEL_CHEAPEST_INSERTION"),
    Strategy(4, "PATH_CHEAPEST_ARC"),
    Strategy(3, "PATH_CHEAPEST_ARC"),
    Strategy(2, _KEEP),
    Strategy(4, "PARALLEL_CHEAPEST_INSERTION"),
    Strategy(3, "PARALLEL_CHEAPEST_INSERTION"),
    Strategy(2, "PATH_CHEAPEST_ARC"),
    Strategy(1, _KEEP),
)
EFFORTS = (40, 100, 200, 400)


@dataclass(frozen=True)
class Task:
    """A part of the draft to be solved again.

    Attributes:
        routes: Numbers of the routes in it.
        stops: Their stops, or the window of one route, as stop numbers.
        window: Where the window begins and ends in its route; None for whole routes.
        length: What the part costs now.
        problem: The question for OR-Tools.
    """

    routes: tuple[int, ...]
    stops: IntArray
    window: tuple[int, int] | None
    length: float
    problem: Subproblem


class Improvement:
    """Improves a draft in place until the clock runs out, the caller stops it, or nothing more is found.

    Args:
        draft: Routes to improve.
        clock: The time there is.
        reporter: Where progress goes.
        executor: Who solves sub-problems.
        width: How many sub-problems are under way at once.
        rng: Source of the draws.
    """

    def __init__(
        self, draft: Draft, clock: Clock, reporter: Reporter, executor: Executor, width: int, rng: np.random.Generator
    ) -> None:
        self._draft, self._clock, self._reporter = draft, clock, reporter
        self._executor, self._width, self._rng = executor, width, rng
        self._pairs = near_pairs(draft.problem.points, rng)
        self._failed: set[tuple[str, int, int]] = set()

    def run(self) -> str:
        """Run rounds. Returns why they ended: "converged", "time" or "cancelled"."""
        for effort in EFFORTS:
            idle = turn = 0
            while idle < len(CYCLE):
                gained = self._round(CYCLE[turn % len(CYCLE)], effort)
                if self._reporter.cancelled:
                    return "cancelled"
                if self._clock.remaining_s == 0:
                    return "time"
                idle, turn = (0 if gained else idle + 1), turn + 1
        return "converged"

    def _round(self, strategy: Strategy, effort: int) -> bool:
        """Solve disjoint parts again; returns whether any got shorter."""
        waiting = self._tasks(strategy, effort)
        running: dict[Future[list[list[int]]], Task] = {}
        finished: list[tuple[Task, list[list[int]]]] = []
        while self._goes_on():
            while len(running) < self._width and (task := next(waiting, None)):
                running[self._executor.submit(solve_subproblem, task.problem)] = task
            if not running:
                break
            done, _ = wait(running, timeout=min(0.1, self._clock.remaining_s), return_when=FIRST_COMPLETED)
            finished += [(running.pop(future), future.result()) for future in done]
        for future in running:
            future.cancel()
        finished.sort(key=lambda found: found[0].routes)
        # A list, not a generator: `any` would stop at the first gain and drop the others.
        return any([self._apply(task, nodes, strategy, effort) for task, nodes in finished])  # noqa: C419

    def _goes_on(self) -> bool:
        going = self._reporter.tell("improvement", self._draft.distance, len(self._draft.used()))
        return going and self._clock.remaining_s > 0

    # ---- parts

    def _tasks(self, strategy: Strategy, effort: int) -> Iterator[Task]:
        routes = self._draft.routes
        around = Neighbourhood(routes, self._pairs, len(self._draft.problem.points))
        groups = around.draw(self._rng, strategy.routes_a_group, LEAST_GROUP_STOPS, MOST_GROUP_STOPS)
        for group in groups:
            if (strategy.first_solution, effort, self._contents(group)) not in self._failed:
                yield self._group(group, strategy, effort)
        for number in self._draft.used():
            if len(routes[number]) > MOST_GROUP_STOPS:
                start = int(self._rng.integers(0, len(routes[number]) - WINDOW_STOPS + 1))
                yield self._window(number, start, start + WINDOW_STOPS, effort)

    def _contents(self, group: tuple[int, ...]) -> int:
        return hash(tuple(self._draft.routes[number].tobytes() for number in group))

    def _group(self, group: tuple[int, ...], strategy: Strategy, effort: int) -> Task:
        problem, routes = self._draft.problem, [self._draft.routes[number] for number in group]
        stops = np.concatenate(routes)
        units = problem.units[stops]
        limits = [_limit(np.ones(len(stops), dtype=np.intp), problem.max_per_route)]
        if problem.capacity < units.sum():
            limits.append(_limit(units, problem.capacity))
        ends = np.cumsum([0] + [len(route) for route in routes])
        current = [list(range(int(begin) + 1, int(end) + 1)) for begin, end in itertools.pairwise(ends)]
        keeps = strategy.first_solution == _KEEP
        question = self._question(
            problem.path_matrix(problem.outside, stops, problem.outside), limits, current if keeps else [],
            len(group), strategy.first_solution or "AUTOMATIC", effort,
        )  # fmt: skip
        return Task(group, stops, None, sum(self._draft.lengths[number] for number in group), question)

    def _window(self, number: int, start: int, stop: int, effort: int) -> Task:
        """A stretch of one long route between the stops before and behind it."""
        problem, route = self._draft.problem, self._draft.routes[number]
        before = int(route[start - 1]) if start > 0 else problem.outside
        after = int(route[stop]) if stop < len(route) else problem.outside
        matrix = problem.path_matrix(before, route[start:stop], after)
        length = float(np.diagonal(matrix, 1).sum())
        question = self._question(matrix, [], [list(range(1, stop - start + 1))], 1, "AUTOMATIC", effort)
        return Task((number,), route[start:stop], (start, stop), length, question)

    def _question(
        self,
        matrix: FloatArray,
        limits: list[Limit],
        initial: list[list[int]],
        vehicles: int,
        strategy: str,
        effort: int,
    ) -> Subproblem:
        scale = _LARGEST / max(float(matrix.max()), 1e-12)
        whole: list[list[int]] = np.rint(matrix * scale).astype(np.int64).tolist()
        return {
            "matrix": whole, "vehicles": vehicles, "limits": limits, "initial": initial, "strategy": strategy,
            "solutions": effort, "seconds": min(_SAFETY_S, self._clock.remaining_s),
        }  # fmt: skip

    # ---- answers

    def _apply(self, task: Task, nodes: list[list[int]], strategy: Strategy, effort: int) -> bool:
        """Take an answer over if it is shorter; else remember not to ask the same again."""
        routes = [task.stops[np.array(route, dtype=np.intp) - 1] for route in nodes]
        if task.window is not None and routes:
            route = self._draft.routes[task.routes[0]]
            routes = [np.concatenate([route[: task.window[0]], routes[0], route[task.window[1] :]])]
        before = sum(self._draft.lengths[number] for number in task.routes)
        after = float(self._draft.problem.route_lengths(routes).sum()) if routes else np.inf
        if after >= before - _LEAST_GAIN * max(before, 1.0):
            if task.window is None:
                self._failed.add((strategy.first_solution, effort, self._contents(task.routes)))
            return False
        for number, changed in zip(task.routes, routes, strict=True):
            self._draft.replace(number, changed)
        return True


def _limit(amounts: IntArray, most: int) -> Limit:
    return {"amounts": [0, *amounts.tolist(), 0], "most": int(most)}
