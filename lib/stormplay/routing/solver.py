"""`solve`: coordinates in, ordered routes out."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from concurrent.futures import Executor

import numpy as np
import numpy.typing as npt

from stormplay.routing import readiness
from stormplay.routing.allotting import allot, reasons
from stormplay.routing.annealing import Annealing, Effort, trials_worth
from stormplay.routing.construction import bisect
from stormplay.routing.crews import Crew, Wishes, route_minutes
from stormplay.routing.draft import Draft
from stormplay.routing.ground import Ground
from stormplay.routing.plan import Plan
from stormplay.routing.progress import Clock, ProgressCallback, Reporter
from stormplay.routing.question import Metric, ask, seconds, whole_number
from stormplay.routing.settling import SHARE, Sharing, settle
from stormplay.routing.starting import NOTHING_TO_TRY, first_order
from stormplay.routing.team import Team, available_cores


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
    iterations: int | None = None,
    crews: Sequence[Crew] | None = None,
    shift_minutes: float | None = None,
    service_minutes: npt.ArrayLike = 0.0,
    minutes_per_unit: float | None = None,
    prize: npt.ArrayLike | None = None,
    skills: Sequence[Collection[str]] | None = None,
    balance: float | None = None,
    territory_m: float = 0.0,
) -> Plan:
    """Split stops into routes and order each, so that the sum of all legs is short.

    Balanced bisection gives every route its stops in near-linear time; each route is ordered by 2-opt and Or-opt;
    then strings of stops are taken out and put back, in regions side by side, until the time is up, and the best plan
    is kept. No matrix of all pairs is ever made.

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
        workers: Threads that work; default the cores there are.
        seed: Of the draws.
        progress: Called from this thread with a `Progress`, about ten times a second; returning exactly False stops
            the run, and the best plan so far is returned.
        executor: A `concurrent.futures.Executor` that works on the regions instead: processes, or another machine's.
        iterations: So many ruins and recreations instead of `time_limit_s`: then the plan is the same for the same
            seed, whoever works and however many.
        crews: Who drives: homes, depots, shifts, skills, and how many days each has. Where days are fewer than it
            takes, stops are left out. Default: as many routes as are needed, from and to the depot.
        shift_minutes: The longest day of any route, driving and service together. Never exceeded.
        service_minutes: Minutes at each stop, one number or (n,), as the type of visit takes.
        minutes_per_unit: Minutes of driving for one unit of the metric; default that of `drive_minutes` for metres.
        prize: (n,) what serving each stop is worth, in the metric's unit: one whose detour is longer is left out.
            Default where crew-days are limited: more than any detour, so that as many as possible are served.
        skills: For each stop the skills that its crew must have.
        balance: Share of the mean day's work, driving and service, that a day may have more: 0.1 asks for days of at
            most 110 %. A wish, kept as far as neighbouring routes can, for at most twice as much more driving.
        territory_m: Length, in the metric's unit, that one stop less within another route's territory is worth. Not
            with a matrix, which does not say where stops lie.

    Returns:
        The plan. Every row is on exactly one route or in `Plan.unassigned` with a reason.

    Raises:
        BadInput: A limit below 1, wrong shapes, a negative time, a depot that is no place, an unknown metric.
    """
    clock = Clock(seconds(time_limit_s))
    sharing = Sharing.of(territory_m, balance)
    wishes = Wishes(crews, shift_minutes, service_minutes, minutes_per_unit, prize, skills)
    problem = ask(coordinates, depot, max_per_route, demand, capacity, metric, wishes)
    width = available_cores() if workers is None else whole_number(workers, "workers")
    trials = None if iterations is None else whole_number(iterations, "iterations")
    reporter = Reporter(progress, clock)
    reporter.tell("bisection", 0.0, 0, force=True)
    if len(problem.points) > NOTHING_TO_TRY:
        readiness.begin()  # beside bisection
    routes = bisect(problem.points, problem.units, problem.max_per_route, problem.capacity)
    draft = Draft(problem.limited(len(routes)), routes)
    ground = first_order(draft, clock, reporter, waits=trials is not None)
    draft = allot(problem, draft)
    start_distance_m = draft.distance
    ended = "time"
    if reporter.cancelled:
        ended = "cancelled"
    elif len(problem.points) <= NOTHING_TO_TRY:
        ended = "converged"
    elif _is_ready(clock, reporter, draft, trials):
        ground = ground or Ground(draft.problem)
        most = trials or trials_worth(len(problem.points))
        effort = Effort(clock.part(1 - SHARE) if sharing.is_asked else clock, most, trials is not None)
        ended = _improve(draft, ground, effort, reporter, Team(width, executor), seed)
        settle(draft, ground, sharing, Clock(math.inf) if trials else clock, reporter)
    reporter.done(draft.distance, len(draft.used()))
    used = draft.used()
    return Plan(
        routes=[problem.rows[draft.routes[number]] for number in used],
        distance_m=draft.distance,
        route_distances_m=np.array([draft.lengths[number] for number in used], dtype=float),
        unassigned=problem.unassigned | reasons(draft),
        start_distance_m=start_distance_m,
        ended=ended,
        route_crews=[crews[draft.ways[number]].name for number in used] if crews is not None else [],
        route_minutes=route_minutes(draft, wishes, is_metres=isinstance(metric, str) and metric == "haversine"),
    )


def _is_ready(clock: Clock, reporter: Reporter, draft: Draft, trials: int | None) -> bool:
    """Whether there is a kernel, and time to use it. It is waited for; until there is one, bisection's routes stand."""
    limit_s = clock.remaining_s if trials is None else math.inf
    return limit_s > 0 and readiness.wait(limit_s, lambda: reporter.tell("ordering", draft.distance, len(draft.used())))


def _improve(draft: Draft, ground: Ground, effort: Effort, reporter: Reporter, team: Team, seed: int) -> str:
    try:
        annealing = Annealing(draft, ground, effort, reporter, team, seed)
        ended = annealing.run()
    finally:
        team.leave()
    annealing.finish()
    return ended
