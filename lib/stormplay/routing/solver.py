"""`solve`: coordinates in, ordered routes out."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from concurrent.futures import Executor

import numpy as np
import numpy.typing as npt

from stormplay.errors import BadInput
from stormplay.routing import appointments, readiness
from stormplay.routing.allotting import allot, reasons
from stormplay.routing.annealing import Annealing, Effort
from stormplay.routing.construction import bisect
from stormplay.routing.crews import Crew, Wishes, minutes_known
from stormplay.routing.draft import Draft
from stormplay.routing.ground import Ground
from stormplay.routing.plan import Plan
from stormplay.routing.progress import Clock, ProgressCallback, Reporter
from stormplay.routing.question import Metric, ask, seconds, whole_number
from stormplay.routing.settling import SHARE, Sharing, settle
from stormplay.routing.standing import stand
from stormplay.routing.starting import NOTHING_TO_TRY, first_order
from stormplay.routing.team import Team, available_cores
from stormplay.routing.timetable import timetables

_ENDING_S_A_STOP = 2e-6  # to write the plan down, after the last round


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
    routes: Sequence[npt.ArrayLike] | None = None,
    locked: Sequence[int] | None = None,
    windows: npt.ArrayLike | None = None,
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
        routes: A plan to go on from: rows in visiting order, as in `Plan.routes`; where there are crews, the first
            route is the first crew's, and so on. Stops on none of them are put in; those for which a limit leaves no
            room come off the end. Each goes on as a route only where it has locked stops.
        locked: For each of `routes` how many of its first stops have been visited or promised: they stay where they
            are, in this order, and nothing goes before them.
        windows: (n, 2) the earliest and the latest minute after setting out at which a visit may begin; nan: any.
            A crew that is early waits. What nobody can keep is left out. Not beside `locked`.

    Returns:
        The plan. Every row is on exactly one route or in `Plan.unassigned` with a reason.

    Raises:
        BadInput: A limit below 1, wrong shapes, a negative time, a depot that is no place, an unknown metric.
    """
    limit_s = seconds(time_limit_s)
    trials = None if iterations is None else whole_number(iterations, "iterations")
    clock = Clock(limit_s if trials is None else math.inf)  # where trials count, no clock cuts anything off
    sharing = Sharing.of(territory_m, balance)
    wishes = Wishes(crews, shift_minutes, service_minutes, minutes_per_unit, prize, skills, windows)
    is_metres = isinstance(metric, str) and metric == "haversine"
    problem = ask(coordinates, depot, max_per_route, demand, capacity, metric, wishes)
    width = available_cores() if workers is None else whole_number(workers, "workers")
    reporter = Reporter(progress, clock)
    reporter.tell("bisection", 0.0, 0, force=True)
    if len(problem.points) > NOTHING_TO_TRY:
        readiness.begin()  # beside bisection
    if windows is not None and locked is not None and any(locked):
        raise BadInput("Windows count from setting out, and some stops are locked.", "Expected one of the two.",
                       "Lock the promised stops with those that have been visited, or use `insert`.")  # fmt: skip
    standing = stand(problem, routes, locked, None if crews is None else len(crews))
    reporter.driven = standing.driven
    loose, free = standing.take_in(), standing.untaken()
    parts = bisect(free.points[loose], free.units[loose], free.max_per_route, free.capacity)
    draft = Draft(free.limited(len(parts)), [loose[part] for part in parts])
    ground = first_order(draft, clock, reporter, waits=trials is not None)
    draft = standing.with_new(allot(free, draft))
    start_distance_m = draft.distance + standing.driven
    ended = "time"
    if reporter.cancelled:
        ended = "cancelled"
    elif len(problem.points) <= NOTHING_TO_TRY:
        ended = "converged"
    elif _is_ready(clock, reporter, draft):
        ground = ground or Ground(draft.problem)
        ending = _ENDING_S_A_STOP * len(problem.points) / max(clock.limit_s, 1e-9)
        settling = clock.part(max(0.5, 1 - ending - (0.0 if windows is None else appointments.SHARE)))
        first = settling.part(1 - SHARE) if sharing.is_asked else settling
        effort = Effort.of(len(problem.points), first, trials)
        ended = _improve(draft, ground, effort, reporter, Team(width, executor), seed)
        settle(draft, ground, sharing, settling, reporter)
    missed = appointments.keep_appointments(draft, standing.rest.ways, clock, reporter)
    reporter.done(draft.distance, len(draft.used()))
    stops, ways, lengths = standing.told(draft)
    minutes = minutes_known(wishes, is_metres=is_metres)
    hours = [] if minutes is None else timetables(problem, stops, [problem.ways[way] for way in ways])
    return Plan(
        routes=[problem.rows[route] for route in stops],
        distance_m=float(sum(lengths.tolist())),
        route_distances_m=lengths,
        unassigned=problem.unassigned | reasons(draft) | missed,
        start_distance_m=start_distance_m,
        ended=ended,
        route_crews=[crews[way].name for way in ways] if crews is not None else [],
        route_minutes=np.array([hour.ends * (minutes or 0.0) for hour in hours], dtype=float),
        begin_minutes=[hour.begins * (minutes or 0.0) for hour in hours],
    )


def _is_ready(clock: Clock, reporter: Reporter, draft: Draft) -> bool:
    """Whether there is a kernel, and time to use it. It is waited for; until there is one, bisection's routes stand."""
    left_s = clock.remaining_s
    return left_s > 0 and readiness.wait(left_s, lambda: reporter.tell("ordering", draft.distance, len(draft.used())))


def _improve(draft: Draft, ground: Ground, effort: Effort, reporter: Reporter, team: Team, seed: int) -> str:
    try:
        annealing = Annealing(draft, ground, effort, reporter, team, seed)
        ended = annealing.run()
    finally:
        team.leave()
    annealing.finish()
    return ended
