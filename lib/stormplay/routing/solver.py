"""`solve`: coordinates in, ordered routes out."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from stormplay.routing.construction import bisect
from stormplay.routing.draft import Draft
from stormplay.routing.improvement import Improvement
from stormplay.routing.ordering import order_routes
from stormplay.routing.plan import Plan
from stormplay.routing.progress import Clock, ProgressCallback, Reporter
from stormplay.routing.question import Metric, ask, seconds, whole_number
from stormplay.routing.workers import CallingThread, WorkerProcesses, available_cores

_WORTH_PROCESSES_S = 1.0  # starting an interpreter with OR-Tools costs about a third of a second
_WORTH_PROCESSES_STOPS = 120


def solve(
    coordinates: npt.ArrayLike,
    *,
    depot: npt.ArrayLike | None = None,
    max_per_route: int = 50,
    demand: npt.ArrayLike | None = None,
    capacity: int | None = None,
    metric: Metric = "haversine",
    time_limit_s: float = 10.0,
    workers: int | None = None,
    seed: int = 0,
    progress: ProgressCallback | None = None,
    executor: Executor | None = None,
) -> Plan:
    """Split stops into routes and order each, so that the sum of all legs is short.

    Balanced bisection gives every route its stops in near-linear time; each route is ordered by 2-opt and Or-opt;
    then OR-Tools solves groups of neighbouring routes again until the time is up, and only improvements are kept.
    No matrix of all pairs is ever made.

    Args:
        coordinates: (n, 2) latitude, longitude in degrees; planar x, y for `metric="euclidean_rounded"`; either for a
            function or a matrix, where they only say what lies near what.
        depot: One point where routes start and end, or None for open routes: then only legs between stops count.
        max_per_route: Stops on a route, at most. Never exceeded.
        demand: (n,) whole units of each stop; default 1 each.
        capacity: Units on a route, at most; default no limit but `max_per_route`.
        metric: "haversine" (metres on a sphere of 6,371,008.8 m), "euclidean_rounded" (each leg rounded to the
            nearest integer, as CVRPLIB does), a function from (k, 2) and (m, 2) points to (k, m) distances, or a
            matrix: (n, n), or (n + 1, n + 1) with the depot first.
        time_limit_s: Seconds of wall time; 0 orders bisection's routes and stops.
        workers: Processes that solve; default the cores there are, where it pays.
        seed: Of the draws.
        progress: Called from this thread with a `Progress`, about ten times a second; returning exactly False stops
            the run, and the best plan so far is returned.
        executor: A `concurrent.futures.Executor` that solves sub-problems instead.

    Returns:
        The plan. Every row is on exactly one route or in `Plan.unassigned` with a reason. For the same input and
        seed it is the same plan, unless the clock cut the run or one of its searches (a second each) short.

    Raises:
        BadInput: A limit below 1, wrong shapes, a negative time, a depot that is no place, an unknown metric.
        StormplayError: Worker processes were killed from outside again and again.
    """
    clock = Clock(seconds(time_limit_s))
    problem = ask(coordinates, depot, max_per_route, demand, capacity, metric)
    width = available_cores() if workers is None else whole_number(workers, "workers")
    reporter = Reporter(progress, clock)
    reporter.tell("bisection", 0.0, 0, force=True)
    draft = Draft(problem, bisect(problem.points, problem.units, problem.max_per_route, problem.capacity))
    order_routes(draft, clock, reporter)
    start_distance_m = draft.distance
    ended = "cancelled" if reporter.cancelled else "time" if draft.routes else "converged"
    if draft.routes and clock.remaining_s > 0 and not reporter.cancelled:
        with _solvers(executor, width, len(problem.points), clock) as (who, at_once):
            ended = Improvement(draft, clock, reporter, who, at_once, np.random.default_rng(seed)).run()
    reporter.done(draft.distance, len(draft.used()))
    used = draft.used()
    return Plan(
        routes=[problem.rows[draft.routes[number]] for number in used],
        distance_m=draft.distance,
        route_distances_m=np.array([draft.lengths[number] for number in used], dtype=float),
        unassigned=problem.unassigned,
        start_distance_m=start_distance_m,
        ended=ended,
    )


@contextmanager
def _solvers(executor: Executor | None, width: int, stops: int, clock: Clock) -> Iterator[tuple[Executor, int]]:
    """Who solves the sub-problems, and how many at once."""
    if executor is not None:
        yield executor, 2 * width
        return
    pays = width > 1 and stops >= _WORTH_PROCESSES_STOPS and clock.remaining_s >= _WORTH_PROCESSES_S
    made: Executor | None = None
    if pays:
        try:
            made = WorkerProcesses(width)
        except OSError:  # no process to be had; alone it is slower, not wrong
            made = None
    if made is None:
        yield CallingThread(), 1
        return
    try:
        yield made, width
    finally:
        made.shutdown(wait=True, cancel_futures=True)
