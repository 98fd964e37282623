"""A plan that exists already: its routes go on, and what has been driven or promised of them stays as it is.

The locked stops of a route become one: its last, which stands for all of them and never moves. So nothing else in the
package knows of days that have begun, but for the kernel, which puts no stop before such a one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from stormplay.errors import BadInput
from stormplay.routing.draft import NO_STOPS, NOWHERE, Draft, Problem, Way
from stormplay.routing.inserting import cheapest_place
from stormplay.routing.plan import FloatArray, IntArray

_MOST_LOOKS = 20_000  # stops times routes; above, stops that are on no route get new ones first


@dataclass(frozen=True)
class Standing:
    """What is left to plan of a plan that exists.

    Attributes:
        whole: The problem with all its stops.
        rest: The problem where one stop stands for all that are locked on a route; a way for each such route is added.
        routes: Stops of `rest` on the routes that go on.
        ways: The way of each.
        heads: Stop of `rest` that stands for others -> those before it, as stops of `whole`.
        kinds: For each way of `rest` the way of `whole` that it is.
        own: For each stop of `rest` the stop of `whole` that it is.
    """

    whole: Problem
    rest: Problem
    routes: list[IntArray] = field(default_factory=list)
    ways: list[int] = field(default_factory=list)
    heads: dict[int, IntArray] = field(default_factory=dict)
    kinds: tuple[int, ...] = ()
    own: IntArray = field(default_factory=lambda: NO_STOPS)

    @property
    def loose(self) -> IntArray:
        """Stops of `rest` that are on no route."""
        is_on = np.zeros(len(self.rest.rows), dtype=bool)
        for route in self.routes:
            is_on[route] = True
        return np.flatnonzero(~is_on)

    def untaken(self) -> Problem:
        """`rest` with the routes only that its ways have left."""
        ways = [
            way if way.copies is None else way._replace(copies=max(0, way.copies - self.ways.count(number)))
            for number, way in enumerate(self.rest.ways)
        ]
        return replace(self.rest, ways=tuple(ways))

    def take_in(self) -> IntArray:
        """Put loose stops on the routes where they cost least. Returns those that are still loose."""
        loose = self.loose
        if not self.routes or len(loose) * len(self.routes) > _MOST_LOOKS:
            return loose
        draft, left = Draft(self.rest, self.routes, self.ways), list[int]()  # works on these very routes
        kept = [int(self.rest.pins[route[0]] > 0) for route in self.routes]
        for stop in loose.tolist():
            _, number, position = cheapest_place(draft, stop, kept)
            if number < 0:
                left.append(stop)
            else:
                draft.replace(number, np.insert(draft.routes[number], position, stop))
        return np.array(left, dtype=np.intp)

    def with_new(self, new: Draft) -> Draft:
        """These routes, and new ones of the stops that were loose."""
        problem = replace(new.problem, ways=self._ways(new.problem.ways))
        routes, ways = [*self.routes, *new.routes], [*self.ways, *new.ways]
        used = [number for number, route in enumerate(routes) if len(route)]
        return Draft(problem, [routes[n] for n in used], [ways[n] for n in used], new.left_out)

    def _ways(self, new: tuple[Way, ...]) -> tuple[Way, ...]:
        """Ways with as many routes as there may be in all, where `new` says how many new ones."""
        both = zip(new, self.rest.ways, strict=True)
        return tuple(
            way if way.copies is None
            else way._replace(copies=way.copies + self.ways.count(number) if old.copies is None else old.copies)
            for number, (way, old) in enumerate(both)
        )  # fmt: skip

    @property
    def driven(self) -> float:
        """Length of the locked parts, which the lengths of routes of `rest` do not have in them."""
        if not self.heads:
            return 0.0
        stops, kinds = [self._stops(route) for route in self.routes], [self.kinds[way] for way in self.ways]
        all_of = float(self.whole.route_lengths(stops, kinds).sum())
        return all_of - float(self.rest.route_lengths(self.routes, self.ways).sum())

    def told(self, draft: Draft) -> tuple[list[IntArray], list[int], FloatArray]:
        """The used routes of a draft of `rest`, as stops of `whole`, the way of each there, and its length."""
        used = draft.used()
        stops = [self._stops(draft.routes[number]) for number in used]
        ways = [self.kinds[draft.ways[number]] if self.kinds else draft.ways[number] for number in used]
        lengths = np.array([draft.lengths[number] for number in used], dtype=float)
        return stops, ways, self.whole.route_lengths(stops, ways) if self.heads else lengths

    def _stops(self, route: IntArray) -> IntArray:
        return np.concatenate([self.heads.get(int(route[0]), NO_STOPS), self.own[route]]) if self.heads else route


def stand(
    problem: Problem, routes: Sequence[npt.ArrayLike] | None, locked: Sequence[int] | None, crews: int | None
) -> Standing:
    """Take over a plan that exists. What its routes may not hold any more, from their ends, becomes loose.

    Args:
        problem: The stops.
        routes: The caller's rows in visiting order; None: there is no plan.
        locked: For each how many of its first stops stay where they are.
        crews: Number of crews, of whom the first drive these routes; None: anybody does.

    Raises:
        BadInput: A row twice or one that cannot be visited, more routes than crews, more locked stops than there are.
    """
    if routes is None:
        if locked is not None:
            raise BadInput("locked says which stops stay, and there is no route.", "Expected routes beside it.")
        return Standing(problem, problem)
    stops = _stops(problem, routes)
    kept = _kept(stops, locked)
    if crews is not None and len(stops) > crews:
        raise BadInput(f"There are {len(stops)} routes and {crews} crews.", "Expected a crew for each route.")
    numbers = list(range(len(stops))) if crews is not None else [0] * len(stops)
    ways, kinds, own = list(problem.ways), list(range(len(problem.ways))), list[int]()
    for at, (route, count, number) in enumerate(zip(stops, kept, numbers, strict=True)):
        stops[at] = _shortened(problem, route, count, problem.ways[number])
        own.append(number)
        if count:
            way = ways[number]
            if way.copies is not None:
                ways[number] = way._replace(copies=way.copies - 1)
            ways.append(_rest_of(problem, route[:count], way))
            kinds.append(number)
            own[-1] = len(ways) - 1
    return _folded(replace(problem, ways=tuple(ways)), problem, stops, kept, own, tuple(kinds))


def _stops(problem: Problem, routes: Sequence[npt.ArrayLike]) -> list[IntArray]:
    number = {row: at for at, row in enumerate(problem.rows.tolist())}
    rows = [np.asarray(route, dtype=np.intp).reshape(-1) for route in routes]
    given = [row for route in rows for row in route.tolist()]
    lost = next((row for row in given if row not in number), None)
    if lost is not None:
        raise BadInput(f"Stop {lost} of a route cannot be visited: "
                       f"{problem.unassigned.get(lost, 'it is no row of the coordinates')}.",
                       "Expected routes of rows that can be visited.")  # fmt: skip
    if len(set(given)) < len(given):
        raise BadInput("The routes have a stop twice.", "Expected each row once at most.")
    return [np.array([number[row] for row in route.tolist()], dtype=np.intp) for route in rows]


def _kept(stops: list[IntArray], locked: Sequence[int] | None) -> list[int]:
    kept = [0] * len(stops) if locked is None else [int(count) for count in locked]
    if len(kept) != len(stops) or any(not 0 <= k <= len(route) for k, route in zip(kept, stops, strict=True)):
        raise BadInput(f"locked is {locked!r}.", f"Expected for each of {len(stops)} routes how many stops stay.")
    return kept


def _shortened(problem: Problem, route: IntArray, kept: int, way: Way) -> IntArray:
    """A route less the stops at its end that no limit has room for."""
    one = replace(problem, ways=(way,))
    while len(route) > kept:
        length = float(one.route_lengths([route])[0] + problem.service[route].sum())
        is_full = len(route) > problem.max_per_route or problem.units[route].sum() > problem.capacity
        if not is_full and length <= way.longest:
            break
        route = route[:-1]
    return route


def _rest_of(problem: Problem, head: IntArray, way: Way) -> Way:
    """The way of a route whose first stops are locked: less what they take, but for the leg from its start."""
    one = replace(problem, ways=(way._replace(end=NOWHERE),))
    driven = float((one.route_lengths([head]) - one.route_lengths([head[-1:]]))[0])
    return way._replace(copies=1, longest=way.longest - driven - float(problem.service[head[:-1]].sum()))


def _folded(
    problem: Problem, whole: Problem, stops: list[IntArray], kept: list[int], ways: list[int], kinds: tuple[int, ...]
) -> Standing:
    heads = [route[: max(0, count - 1)] for route, count in zip(stops, kept, strict=True)]
    pins, units = np.zeros(len(problem.rows), np.intp), problem.units.copy()
    for route, count, head in zip(stops, kept, heads, strict=True):
        if count:
            pins[route[count - 1]] = count
            units[route[count - 1]] += int(units[head].sum())
    gone = np.concatenate([*heads, NO_STOPS]).astype(np.intp)
    rest = replace(problem, pins=pins, units=units).without({int(problem.rows[stop]): "locked" for stop in gone})
    own = np.setdiff1d(np.arange(len(problem.rows)), gone)
    number = np.full(len(problem.rows), -1)
    number[own] = np.arange(len(own))
    standing = [number[route[max(0, count - 1) :]] for route, count in zip(stops, kept, strict=True)]
    used = [at for at, route in enumerate(standing) if len(route)]
    return Standing(
        whole, replace(rest, unassigned=problem.unassigned), [standing[at] for at in used], [ways[at] for at in used],
        {int(number[route[count - 1]]): head for route, count, head in zip(stops, kept, heads, strict=True) if count},
        kinds, own,
    )  # fmt: skip
