"""Visits that were promised for an hour: kept where a crew can, by OR-Tools on the few routes around each.

Ruin and recreate knows nothing of hours. So the appointments of a route that does not keep them all come off it, and a
group of routes near one of them is solved anew with hours, waiting and shifts; what nobody can keep is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from stormplay.routing.draft import Draft, Problem, Way
from stormplay.routing.plan import FloatArray, IntArray
from stormplay.routing.progress import Clock, Reporter
from stormplay.routing.subproblem import Subproblem, Whole, solve_subproblem
from stormplay.routing.timetable import is_promised, timetable

SHARE = 0.25
"""Of the time there is, kept for this."""
_GROUP_STOPS = (60, 160, 160, 160)  # of each attempt; a later one only where the one before got on
_STOPS_A_SPARE = 6  # appointments that are on no route for which another one may be opened
_MOST_SECONDS = 5.0
_FINENESS = 1e7  # whole numbers for the longest leg
_NO_END = 1e12  # in those numbers, of an hour that does not come


def keep_appointments(draft: Draft, ways: Sequence[Way], clock: Clock, reporter: Reporter) -> dict[int, str]:
    """Make every route keep its appointments; some change routes, and what nobody can keep is left out.

    Args:
        draft: Routes that keep all limits but hours, changed in place: afterwards they keep these too.
        ways: How routes may run, and how many; for appointments another may be opened.
        clock: The time there is; at 0 s and where it has no end, all that is tried is tried.
        reporter: Where progress goes.

    Returns:
        Caller's row -> why it is on no route, for appointments that nobody can keep.
    """
    if draft.problem.windows is None:
        return {}
    loose, before = _cancel(draft), len(draft.problem.rows) + 1
    for most in _GROUP_STOPS:
        if len(loose) >= before:
            break
        waiting, loose, before = loose, list[int](), len(loose)
        while waiting:
            wanted = reporter.tell("appointments", draft.distance, len(draft.used()), fraction=0.99)
            if not wanted or clock.is_over:
                loose += waiting
                break
            away = _away(draft, waiting)
            group = _group(draft, away[0], most)
            here = [stop for stop, route in zip(waiting, _nearest(draft, away), strict=True) if route in group][:most]
            here = here or waiting[:1]
            _solve(draft, group, _spare(draft, ways, len(here)), here, _seconds(clock))
            waiting = [stop for stop in waiting if stop not in here]
            loose += _missing(draft, here)
    if not reporter.cancelled:
        loose = [stop for stop in loose if not _open(draft, ways, stop)]
    draft.left_out = np.array(sorted({*draft.left_out.tolist(), *loose}), dtype=np.intp)
    why = "no crew that has room and time can begin the visit within its window"
    return {int(draft.problem.rows[stop]): why for stop in loose}


def _cancel(draft: Draft) -> list[int]:
    """Take the appointments off routes that do not keep all of theirs. Returns them, the earliest to end first."""
    problem, windows = draft.problem, draft.problem.windows
    assert windows is not None  # noqa: S101 - the caller has looked
    loose = list[int]()
    for number in draft.used():
        route = draft.routes[number]
        if not timetable(problem, route, draft.way(number)).is_kept:
            promised = is_promised(windows[route])
            loose += route[promised].tolist()
            draft.replace(number, route[~promised])
    return sorted(loose, key=lambda stop: (float(windows[stop, 1]), stop))


def _away(draft: Draft, stops: list[int]) -> FloatArray:
    """How far the nearest stop of each used route is from each of some stops, as (stops, used routes)."""
    points, routes = draft.problem.points, [draft.routes[number] for number in draft.used()]
    if not routes:
        return np.zeros((len(stops), 0))
    begins = np.cumsum([0, *(len(route) for route in routes[:-1])])
    places = points[np.concatenate(routes)]
    each = [np.minimum.reduceat(np.linalg.norm(places - points[stop], axis=1), begins) for stop in stops]
    return np.array(each)


def _group(draft: Draft, away: FloatArray, most: int) -> list[int]:
    """Numbers of the routes nearest to a stop, with so many stops at most, two at least; `away` as `_away` tells."""
    used, group, stops = draft.used(), list[int](), 0
    for at in np.argsort(away, kind="stable").tolist():
        stops += len(draft.routes[used[at]])
        if stops > most and len(group) >= 2:
            break
        group.append(used[at])
    return group


def _nearest(draft: Draft, away: FloatArray) -> list[int]:
    """The number of the route nearest to each of some stops; -1 where there is none."""
    if away.shape[1] == 0:
        return [-1] * len(away)
    used = draft.used()
    return [used[at] for at in np.argmin(away, axis=1).tolist()]


def _missing(draft: Draft, stops: list[int]) -> list[int]:
    on_routes = {stop for number in draft.used() for stop in draft.routes[number].tolist()}
    return [stop for stop in stops if stop not in on_routes]


def _seconds(clock: Clock) -> float:
    return _MOST_SECONDS if clock.limit_s == 0 else min(_MOST_SECONDS, clock.remaining_s)


def _solve(draft: Draft, group: list[int], spare: list[int], loose: list[int], seconds: float) -> None:
    """Solve some routes anew with stops that are on none, and take over what keeps all hours."""
    fleet = [*[draft.ways[number] for number in group], *spare]
    stops = np.concatenate([*[draft.routes[number] for number in group], np.array(loose)]).astype(np.intp)
    question = _question(draft.problem, fleet, stops, len(loose), [len(draft.routes[number]) for number in group])
    answer = solve_subproblem(question, seconds)
    routes = [stops[np.array(route, dtype=np.intp)] for route in answer]
    ways = [draft.problem.ways[way] for way in fleet]
    if not all(timetable(draft.problem, r, way).is_kept for r, way in zip(routes, ways, strict=True) if len(r)):
        return
    for number, route in zip(group, routes, strict=False):
        draft.replace(number, route)
    for way, route in zip(fleet[len(group) :], routes[len(group) :], strict=True):
        if len(route):
            _add(draft, route, way)


def _add(draft: Draft, route: IntArray, way: int) -> None:
    draft.routes.append(route)
    draft.ways.append(way)
    draft.lengths.append(0.0)
    draft.replace(len(draft.routes) - 1, route)


def _open(draft: Draft, ways: Sequence[Way], stop: int) -> bool:
    """Open a route for one appointment, where there may be one that keeps it."""
    route = np.array([stop], dtype=np.intp)
    for number in _spare(draft, ways, 1):
        if draft.problem.can(stop, ways[number]) and timetable(draft.problem, route, ways[number]).is_kept:
            _add(draft, route, number)
            return True
    return False


def _spare(draft: Draft, ways: Sequence[Way], loose: int) -> list[int]:
    """The ways of routes that may be opened for so many appointments."""
    used, most = [draft.ways[number] for number in draft.used()], -(-loose // _STOPS_A_SPARE)
    left = [most if way.copies is None else min(most, way.copies - used.count(n)) for n, way in enumerate(ways)]
    return [number for number, count in enumerate(left) for _ in range(count)]


def _question(problem: Problem, fleet: list[int], stops: IntArray, loose: int, sizes: list[int]) -> Subproblem:
    ways = [problem.ways[way] for way in fleet]
    places = sorted({end for way in ways for end in (way.start, way.end)}, reverse=True)
    row = {place: len(stops) + at for at, place in enumerate(places)}
    nodes = np.concatenate([stops, places]).astype(np.intp)
    first = np.repeat(nodes, len(nodes)), np.tile(nodes, len(nodes))
    legs = problem.legs(*first).reshape(len(nodes), len(nodes))
    fine = _FINENESS / max(float(legs.max()), 1e-9)
    assert problem.windows is not None  # noqa: S101 - the caller has looked
    ends = np.cumsum(sizes)
    routes = [list(range(end - size, end)) for end, size in zip(ends.tolist(), sizes, strict=True)]
    most = _day(problem, stops, legs) * fine
    return Subproblem(
        legs=_up(legs * fine),
        starts=[row[way.start] for way in ways], ends=[row[way.end] for way in ways],
        service=_up(problem.service[stops] * fine),
        windows=np.column_stack([_up(problem.windows[stops, 0] * fine), _down(problem.windows[stops, 1] * fine)]),
        longest=_down(np.minimum([way.longest * fine for way in ways], most)),
        units=problem.units[stops].astype(np.int64), capacity=problem.capacity, most=problem.max_per_route,
        vehicles=[
            [at for at, way in enumerate(ways) if problem.can(stop, way)] for stop in stops.tolist()
        ],
        droppable=list(range(len(stops) - loose, len(stops))),
        initial=routes + [[] for _ in ways[len(sizes) :]],
    )  # fmt: skip


def _day(problem: Problem, stops: IntArray, legs: FloatArray) -> float:
    """A length that no route of some stops reaches, whatever it waits for."""
    windows = problem.windows[stops] if problem.windows is not None else np.zeros((0, 2))
    last = float(np.where(np.isfinite(windows), windows, 0.0).max(initial=0.0))
    return last + float(problem.service[stops].sum()) + float(legs.max()) * (len(stops) + 2)


def _up(values: FloatArray) -> Whole:
    return np.ceil(np.minimum(values, _NO_END)).astype(np.int64)


def _down(values: FloatArray) -> Whole:
    return np.floor(np.minimum(values, _NO_END)).astype(np.int64)


def check_windows(problem: Problem, minutes: float) -> dict[int, str]:
    """Caller's row -> why no crew can keep its appointment, even with nothing else to do that day."""
    windows = problem.windows
    if windows is None:
        return {}
    reasons = dict[int, str]()
    for stop in np.flatnonzero(is_promised(windows)).tolist():
        alone = [timetable(problem, np.array([stop]), way) for way in problem.ways if problem.can(stop, way)]
        if not any(one.is_kept for one in alone):
            soonest = min((float(one.begins[0]) for one in alone), default=math.inf) * minutes
            reasons[int(problem.rows[stop])] = (
                f"the visit has to begin by minute {windows[stop, 1] * minutes:,.0f} of the day and the first crew "
                f"could begin at {soonest:,.0f}, or its shift is over before the visit is"
            )
    return reasons
