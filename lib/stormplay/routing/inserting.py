"""A day that has begun: one more stop where it changes least, with what has been driven left as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from stormplay.errors import BadInput
from stormplay.routing.crews import Wishes, minutes_of_a_unit, numbers
from stormplay.routing.draft import Draft, Problem, Way
from stormplay.routing.plan import FloatArray, IntArray
from stormplay.routing.question import Metric, ask


@dataclass(frozen=True)
class Insertion:
    """Where one more stop goes, and what that changes.

    Attributes:
        routes: All routes after it, in the same order; all but one are as they were, and of that one the order is.
        route: Number of the route that takes it, or None where none can.
        position: Its place on that route, from 0; -1 where none can.
        added: Length that it adds, in the metric's unit.
        later: Rows of the stops that are visited later than planned, in order.
        reason: One sentence for people.
    """

    routes: list[IntArray]
    route: int | None
    position: int
    added: float
    later: IntArray
    reason: str


def insert(
    routes: Sequence[npt.ArrayLike],
    stop: int,
    coordinates: npt.ArrayLike,
    *,
    locked: Sequence[int] | None = None,
    depot: npt.ArrayLike | None = None,
    max_per_route: int = 50,
    demand: npt.ArrayLike | None = None,
    capacity: int | None = None,
    metric: Metric = "haversine",
    shift_minutes: float | None = None,
    service_minutes: npt.ArrayLike = 0.0,
    minutes_per_unit: float | None = None,
) -> Insertion:
    """Put one more stop on the route, and at the place on it, where the way gets longer by least.

    Args:
        routes: Rows of `coordinates` in visiting order, as in `Plan.routes`.
        stop: The row that is put in; on none of them.
        coordinates: As in `solve`, and so are all limits.
        locked: For each route how many of its first stops have been visited or promised: nothing goes before them.

    Raises:
        BadInput: A row twice or not among the coordinates, a stop without a place, a limit that is none.
    """
    wishes = Wishes(None, shift_minutes, service_minutes, minutes_per_unit)
    is_metres = isinstance(metric, str) and metric == "haversine"
    problem = ask(coordinates, depot, max_per_route, demand, capacity, metric)
    problem = _timed(problem, wishes, len(np.asarray(coordinates)), is_metres=is_metres)
    rows = [np.asarray(route, dtype=np.intp).reshape(-1) for route in routes]
    number = _check(problem, rows, stop)
    kept = [0] * len(rows) if locked is None else [int(count) for count in locked]
    if len(kept) != len(rows) or any(not 0 <= k <= len(route) for k, route in zip(kept, rows, strict=False)):
        raise BadInput(f"locked is {locked!r}.", f"Expected for each of {len(rows)} routes how many stops stay.")
    draft = Draft(problem, [np.array([number[row] for row in route.tolist()], np.intp) for route in rows])
    added, route, position = cheapest_place(draft, number[stop], kept)
    if route < 0:
        return Insertion(rows, None, -1, 0.0, np.zeros(0, np.intp), _why_not(draft, number[stop]))
    later = rows[route][position:]
    after = [np.insert(r, position, stop) if at == route else r for at, r in enumerate(rows)]
    said = _said(stop, route, position, added, later, is_metres=is_metres)
    return Insertion(after, route, position, added, later, said)


def _timed(problem: Problem, wishes: Wishes, rows: int, *, is_metres: bool) -> Problem:
    """The problem with service and the longest day. Days that are too long already are no error here."""
    minutes = minutes_of_a_unit(wishes, is_metres=is_metres)
    shift = np.inf if wishes.shift_minutes is None else wishes.shift_minutes
    if not shift > 0:
        raise BadInput(f"shift_minutes is {shift!r}.", "Expected minutes above 0, or None.")
    service = numbers(wishes.service_minutes, rows, "service_minutes")[problem.rows] / minutes
    return replace(problem, ways=(problem.ways[0]._replace(longest=shift / minutes),), service=service)


def _check(problem: Problem, rows: list[IntArray], stop: int) -> dict[int, int]:
    """The problem's number of each row."""
    number = {row: at for at, row in enumerate(problem.rows.tolist())}
    given = [row for route in rows for row in route.tolist()]
    if stop not in number:
        why = problem.unassigned.get(stop, "it is no row of the coordinates")
        raise BadInput(f"Stop {stop!r} cannot be put on a route: {why}.", "Expected a row with a place of its own.")
    if len(set(given)) < len(given) or stop in given or not set(given) <= number.keys():
        raise BadInput("The routes have a stop twice, or one that cannot be visited.",
                       f"Expected each row once, without {stop}.")  # fmt: skip
    return number


def cheapest_place(draft: Draft, stop: int, kept: Sequence[int]) -> tuple[float, int, int]:
    """Where one more stop makes the routes longer by least, with all limits kept.

    Args:
        draft: The routes.
        stop: One of its problem's stops, on none of them.
        kept: How many first stops of each route nothing may go before.

    Returns:
        The length added, the route's number and the position on it; infinite, -1 and -1 where no route can take it.
    """
    places = (_best_place(draft, at, stop, kept[at]) for at in range(len(draft.routes)) if _has_room(draft, at, stop))
    return min(places, default=(np.inf, -1, -1))


def _has_room(draft: Draft, at: int, stop: int) -> bool:
    problem, route = draft.problem, draft.routes[at]
    load = int(problem.units[route].sum() + problem.units[stop])
    held = int(np.maximum(problem.pins[route] - 1, 0).sum())
    is_able = bool(problem.can(stop, draft.way(at)))
    return len(route) + held < problem.max_per_route and load <= problem.capacity and is_able


def _best_place(draft: Draft, at: int, stop: int, kept: int) -> tuple[float, int, int]:
    """The least that a route gets longer, with the route and the position; infinite where its shift is full."""
    problem, route = draft.problem, draft.routes[at]
    added = _added(problem, route, stop, draft.way(at))[kept:]
    position = int(np.argmin(added))
    used = draft.lengths[at] + float(problem.service[route].sum() + problem.service[stop])
    if used + added[position] > draft.way(at).longest:
        return np.inf, -1, -1
    return float(added[position]), at, position + kept


def _added(problem: Problem, route: IntArray, stop: int, way: Way) -> FloatArray:
    """What each of the m + 1 positions adds."""
    before, after = np.append(way.start, route), np.append(route, way.end)
    whole = problem.legs(before, np.full(len(before), stop)) + problem.legs(np.full(len(after), stop), after)
    return np.asarray(whole - problem.legs(before, after) if len(route) else whole)


def _why_not(draft: Draft, stop: int) -> str:
    if not draft.routes:
        return "There is no route to put it on."
    if not any(_has_room(draft, at, stop) for at in range(len(draft.routes))):
        return f"All {len(draft.routes)} routes are full."
    return "No crew with room has the time for it in its shift."


def _said(stop: int, route: int, position: int, added: float, later: IntArray, *, is_metres: bool) -> str:
    unit = " m" if is_metres else ""
    return (
        f"Stop {stop} goes to place {position + 1} of route {route + 1}: {added:,.0f}{unit} more, "
        f"{len(later)} stops later than planned, nothing else changes."
    )
