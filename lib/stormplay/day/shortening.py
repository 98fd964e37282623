"""What is left of a route that has begun, in a shorter order: from the stop last visited to the route's end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.day import queries
from stormplay.day.standing import OpenRoute, hold, legs, measure, open_routes
from stormplay.planning import Depot
from stormplay.roads import Engine
from stormplay.routing import Crew, haversine_m, improve_path, solve
from stormplay.routing.plan import FloatArray, IntArray

SOLVER_S = 1.0
LONGEST_MATRIX = 120  # stops; of more the solver's order is taken as it is
WORTH_MINUTES = 0.1  # what nobody would notice is no reason to change a crew's list


@dataclass(frozen=True)
class Reordered:
    """The rest of a route, as it was and as it is.

    Attributes:
        route_id, route_name: The route.
        moved: Stops that have another place now; 0: nothing was changed.
        distance_before_m, distance_m: Great-circle metres from the stop last visited to the end, before and now.
        minutes_before, minutes: Of driving there, by the road engine or estimated.
        said: All of that in a sentence.
    """

    route_id: str
    route_name: str
    moved: int
    distance_before_m: float
    distance_m: float
    minutes_before: float
    minutes: float
    said: str


@dataclass(frozen=True)
class _Rest:
    """What is left of a route.

    Attributes:
        stops: In their present order; all have a place.
        minutes: (m + 2, m + 2) of driving, first from where the crew is, last to the end; an end that is not given
            is 0 from and to everywhere.
        metres: Likewise, in great-circle metres.
        start: Where the crew is: the stop last visited, or the depot, or None.
    """

    stops: pd.DataFrame
    minutes: FloatArray
    metres: FloatArray
    start: Depot | None


def reorder_rest(
    connection: Connection, storm_id: str, route_id: str, *, depot: Depot | None, engine: Engine | None
) -> Reordered:
    """Put the stops of a route that are not begun into the best order, if that is shorter; the begun ones stay first.

    Args:
        connection: An open session that holds the storm's lock.
        storm_id: The storm.
        route_id: The route; it may not be done.
        depot: Where the route starts if no plan has made it.
        engine: Who is asked for minutes; None: they are estimated.

    Raises:
        UnknownRoute: There is no such route.
        BadInput: It is done.
        Conflict: The crew began another stop just now.
    """
    (route,) = open_routes(connection, storm_id, depot, route_id)
    hold(connection, route)
    rest = _rest(connection, route, engine)
    now = np.arange(len(rest.stops))
    best = _best_order(rest, route.limits.depot)
    minutes_before, minutes = _along(rest.minutes, now), _along(rest.minutes, best)
    if minutes > minutes_before - WORTH_MINUTES:
        best, minutes = now, minutes_before
    moved = int((best != now).sum())
    notice = ""
    if moved:
        tenancy.because(connection, f"{tenancy.my_name()} shortened the rest of {route.route_name}")
        _write(connection, route, rest.stops.iloc[best])
        notice = measure(connection, route_id, route.limits.depot, engine)
    before_m, after_m = _along(rest.metres, now), _along(rest.metres, best)
    said = f"{_said(route.route_name, len(now), moved, minutes_before, minutes)} {notice}".strip()
    return Reordered(route.route_id, route.route_name, moved, before_m, after_m, minutes_before, minutes, said)


def _rest(connection: Connection, route: OpenRoute, engine: Engine | None) -> _Rest:
    placed, depot = route.placed, route.limits.depot
    members = placed.sort_values("property_id", key=lambda ids: ids.astype(str))
    places = members[["latitude", "longitude"]].to_numpy(dtype=float)
    between = legs(connection, places, depot, engine)
    number = {home: at for at, home in enumerate(members["property_id"])}
    rest = placed[~placed["is_begun"]].reset_index(drop=True)
    begun = placed[placed["is_begun"]].sort_values(["status_since", "sequence_order"])
    base = None if depot is None else len(places)
    start = number[begun["property_id"].iloc[-1]] if len(begun) else base
    nodes = [start, *(number[home] for home in rest["property_id"]), base]
    points = places if depot is None else np.vstack([places, depot])
    metres = haversine_m(points[:, None, :], points[None, :, :])
    here = None if start is None else (float(points[start, 0]), float(points[start, 1]))
    return _Rest(rest, _taken(between.minutes, nodes), _taken(metres, nodes), here)


def _taken(table: FloatArray, nodes: list[int | None]) -> FloatArray:
    """The rows and columns of some nodes; None: a node that is at no distance of all."""
    known = np.array([at for at, node in enumerate(nodes) if node is not None])
    wanted = np.array([node for node in nodes if node is not None])
    taken = np.zeros((len(nodes), len(nodes)))
    taken[np.ix_(known, known)] = table[np.ix_(wanted, wanted)]
    return taken


def _along(table: FloatArray, order: IntArray) -> float:
    path = np.concatenate([[0], order + 1, [len(table) - 1]])
    return float(table[path[:-1], path[1:]].sum()) if len(order) else 0.0


def _best_order(rest: _Rest, depot: Depot | None) -> IntArray:
    """The quickest order that is found, of the solver's and the present one, both improved by minutes."""
    now = np.arange(len(rest.stops))
    if len(now) < 2:
        return now
    places = rest.stops[["latitude", "longitude"]].to_numpy(dtype=float)
    # One day: with more, a crew that may end anywhere would drive twice from here.
    crew = Crew(start=rest.start, end=None if depot is None else depot, days=1)
    plan = solve(places, crews=[crew], max_per_route=len(now), time_limit_s=SOLVER_S)
    orders = [now] + [route for route in plan.routes if len(route) == len(now)]
    if len(now) <= LONGEST_MATRIX:
        orders = [improve_path(rest.minutes, order) for order in orders]
    return min(orders, key=lambda order: _along(rest.minutes, order))


def _write(connection: Connection, route: OpenRoute, rest: pd.DataFrame) -> None:
    """Number the stops: what was begun as it was, then the rest, then what has no place."""
    begun = route.stops.loc[route.stops["is_begun"], "property_id"].tolist()
    known = [*begun, *rest["property_id"]]
    homes = known + [home for home in route.stops["property_id"] if home not in set(known)]
    numbers = list(range(1, len(homes) + 1))
    connection.execute(text(queries.ORDER), {"route_id": route.route_id, "homes": homes, "numbers": numbers})


def _said(name: str, left: int, moved: int, before: float, after: float) -> str:
    if left < 2:
        stops = "one stop" if left else "no stop"
        return f"{name} has {stops} left, so there is no other order. Nothing was changed."
    if not moved:
        return f"The {left:,} stops left on {name} are in the shortest order that was found. Nothing was changed."
    return (
        f"The rest of {name} takes {after:,.0f} minutes of driving instead of {before:,.0f}: {moved:,} of {left:,} "
        "stops have another place, the visited ones stay."
    )
