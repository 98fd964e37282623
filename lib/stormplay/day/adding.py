"""One stop more on a day that has begun, and one taken off again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.candidates import candidate
from stormplay.day import queries
from stormplay.day.standing import Limits, OpenRoute, hold, measure, open_routes, shift
from stormplay.errors import BadInput, HeldOut
from stormplay.planning import Depot
from stormplay.roads import Engine
from stormplay.routing import Insertion, insert
from stormplay.units import METRES_PER_MILE

# Why a home that is not ready is on no route, and what would have to be done.
_NOT_READY: Mapping[str, tuple[str, str]] = {
    "routed": ("This home is on a route already.", "Find it in the list of stops."),
    "skipped": ("The treatment policy skips this home: {reason}.", "Change the policy's rules first."),
    "suppressed": ("The owner of this home has said no to visits.", "Nobody goes there."),
    "without coordinates": ("The address of this home has no coordinates.", "Mend the address first."),
    "without uplift": ("This home has not been scored.", "Score the storm first."),
    "own job": ("This home has a job of its own, without a route.", "Work on it on the page of the jobs."),
}


@dataclass(frozen=True)
class Added:
    """A stop that was put in.

    Attributes:
        route_id, route_name: The route that has it now.
        position: Its place on that route, from 1.
        added_m: Great-circle metres that it adds.
        later: How many stops are visited later than planned.
        said: All of that in a sentence.
    """

    route_id: str
    route_name: str
    position: int
    added_m: float
    later: int
    said: str


@dataclass(frozen=True)
class TakenOff:
    """A stop that was taken off: the route that had it, and a sentence."""

    route_id: str
    route_name: str
    said: str


@dataclass(frozen=True)
class _Place:
    route: OpenRoute
    found: Insertion


def add_stop(
    connection: Connection,
    storm_id: str,
    property_id: str,
    *,
    depot: Depot | None,
    engine: Engine | None,
    route_id: str | None = None,
) -> Added:
    """Put a ready home on the route, and at the place on it, where the way gets longer by least.

    Args:
        connection: An open session that holds the storm's lock.
        storm_id: The storm.
        property_id: The home.
        depot: Where routes start that no plan has made.
        engine: Who is asked for the route's driving; None: it is estimated.
        route_id: The route that it must be; None: the best of all that are not done.

    Raises:
        BadInput: The home may not be visited, or is on a route already; no route has room or time for it.
        HeldOut: The home is in the control group.
        UnknownRoute: There is no such route.
        Conflict: The crew began another stop just now.
    """
    home = _ready(connection, storm_id, property_id)
    routes = open_routes(connection, storm_id, depot, route_id)
    best = _best(routes, (float(home["latitude"]), float(home["longitude"])))
    route, added_m = best.route, best.found.added
    hold(connection, route)
    number = _number(route, best.found.position)
    later = len(route.stops) - number + 1
    tenancy.because(connection, f"{tenancy.my_name()} put a stop on {route.route_name}")
    shift(connection, route.route_id, number, 1)
    stop = pd.DataFrame([{"route_id": route.route_id, "property_id": property_id}])
    tenancy.insert(connection, "route_properties", stop.assign(sequence_order=number))
    tenancy.insert(connection, "jobs", stop.assign(storm_id=storm_id, status="scheduled"))
    notice = measure(connection, route.route_id, route.limits.depot, engine)
    stops = {0: "no stop is", 1: "1 stop is"}.get(later, f"{later:,} stops are")
    miles = added_m / METRES_PER_MILE
    more = f"{miles:,.1f} miles more" if miles >= 0.1 else "less than 0.1 miles more"
    said = (
        f"{home['address']} is stop {number} of {route.route_name} now: {more} in straight lines, {stops} visited "
        "later than planned, nothing else changes."
    )
    return Added(route.route_id, route.route_name, number, added_m, later, f"{said} {notice}".strip())


def take_off(
    connection: Connection, storm_id: str, property_id: str, *, depot: Depot | None, engine: Engine | None
) -> TakenOff:
    """Take a stop that nobody has begun off its route, and close the gap; arguments as in `add_stop`.

    Raises:
        BadInput: The home is on no route, its visit has begun, something is noted of it, or it is the only stop.
    """
    stop = connection.execute(text(queries.STOP), {"storm_id": storm_id, "property_id": property_id}).one_or_none()
    if stop is None:
        raise BadInput("This home is on no route of this storm.", "Expected the property_id of a stop.")
    if stop.property_count == 1:
        raise BadInput(f"This is the only stop of {stop.route_name}.",
                       remedy="Generate routes again: that takes back every route that nobody has begun.")  # fmt: skip
    (route,) = open_routes(connection, storm_id, depot, stop.route_id)
    tenancy.because(connection, f"{tenancy.my_name()} took a stop off {stop.route_name}")
    taken = "SELECT take_stop_off(CAST(:storm_id AS uuid), CAST(:property_id AS uuid))"
    values = {"storm_id": storm_id, "property_id": property_id}
    if connection.execute(text(taken), values).scalar_one() is None:
        raise BadInput(
            f"This stop of {stop.route_name} stays: its visit has begun, or something is noted of it.",
            f"Expected one that is only scheduled; it is '{stop.status.replace('_', ' ')}'.",
        )
    shift(connection, stop.route_id, stop.sequence_order + 1, -1)
    notice = measure(connection, stop.route_id, route.limits.depot, engine)
    said = f"{stop.address} is off {stop.route_name} again, and ready for another plan. {notice}".strip()
    return TakenOff(stop.route_id, stop.route_name, said)


def _ready(connection: Connection, storm_id: str, property_id: str) -> Mapping[str, Any]:
    """The home, if it may be put on a route now."""
    home = candidate(connection, storm_id, property_id)
    if home is None:
        raise BadInput(
            f"This storm has no home '{property_id}' with a decision.", "Expected the property_id of one that is ready."
        )
    if home["outcome"] == "held back":
        raise HeldOut("This home is in the control group of this storm.",
                      remedy="It is not visited, so that we know what visits are worth.")  # fmt: skip
    if home["outcome"] != "ready":
        what, remedy = _NOT_READY[home["outcome"]]
        raise BadInput(what.format(reason=home["reason"]), remedy=remedy)
    return home


def _best(routes: list[OpenRoute], place: Depot) -> _Place:
    """The route and the position that the place makes longer by least, each route within its own limits."""
    found = [
        one for limits, some in _by_limits(routes) if (one := _best_within(limits, some, place)).found.route is not None
    ]
    if found:
        return min(found, key=lambda one: one.found.added)
    is_full = all(len(route.stops) >= route.limits.max_per_route for route in routes)
    nobody = f"{routes[0].route_name} has no" if len(routes) == 1 else f"None of the {len(routes)} routes has"
    limits = routes[0].limits
    raise BadInput(
        f"{nobody} {'room' if is_full else 'time'} for one more stop.",
        f"The plan allows {limits.max_per_route:,} stops a route."
        if is_full
        else f"The plan allows {(limits.shift_minutes or 0) / 60:g} hours a day.",
        "Take another stop off first, or make a plan that allows more.",
    )


def _by_limits(routes: list[OpenRoute]) -> Iterable[tuple[Limits, list[OpenRoute]]]:
    for limits, some in groupby(sorted(routes, key=lambda route: repr(route.limits)), key=lambda route: route.limits):
        yield limits, list(some)


def _best_within(limits: Limits, routes: list[OpenRoute], place: Depot) -> _Place:
    placed = [route.placed for route in routes]
    ends = np.cumsum([len(stops) for stops in placed])
    rows = [np.arange(end - len(stops), end) for stops, end in zip(placed, ends, strict=True)]
    coordinates = np.vstack([stops[["latitude", "longitude"]].to_numpy(dtype=float) for stops in placed] + [[place]])
    found = insert(
        rows, int(ends[-1]), coordinates, locked=[_locked(stops) for stops in placed], depot=limits.depot,
        max_per_route=limits.max_per_route, shift_minutes=limits.shift_minutes, service_minutes=limits.visit_minutes,
    )  # fmt: skip
    return _Place(routes[found.route or 0], found)


def _locked(stops: pd.DataFrame) -> int:
    """How many of the stops nothing goes before: up to the last one that was begun."""
    return int(np.flatnonzero(stops["is_begun"]).max(initial=-1)) + 1


def _number(route: OpenRoute, position: int) -> int:
    """The number of a place among the placed stops, behind whatever was begun."""
    behind = route.placed["sequence_order"].iloc[position:]
    number = int(behind.iloc[0]) if len(behind) else int(route.stops["sequence_order"].max()) + 1
    begun = route.stops.loc[route.stops["is_begun"], "sequence_order"]
    return max(number, int(begun.max()) + 1 if len(begun) else 1)
