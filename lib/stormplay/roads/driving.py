"""The routes of a plan, each ordered and timed by its own matrix of driving minutes. Pure but for the engine asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stormplay.roads.legs import MOST_PLACES, Roads
from stormplay.routing import drive_minutes, improve_path, route_distance_m
from stormplay.routing.plan import FloatArray, IntArray


@dataclass(frozen=True)
class Driving:
    """How a plan's routes are driven. Everything is in the order of the routes.

    Attributes:
        routes: Stops in visiting order; the same stops as before, on the same routes.
        distance_m: Great-circle metres along each, from and to the depot where there is one.
        road_distance_m: Metres along the road; NaN where that was estimated.
        drive_minutes: Minutes of driving.
        sources: 'OSRM', 'Valhalla' or 'estimate'.
        estimated_legs: Legs along the routes whose engine knew no way, so that they are estimated.
        notice: What went wrong, as a sentence; ''.
    """

    routes: list[IntArray]
    distance_m: FloatArray
    road_distance_m: FloatArray
    drive_minutes: FloatArray
    sources: list[str]
    estimated_legs: int
    notice: str


@dataclass(frozen=True)
class _Driven:
    route: IntArray
    distance_m: float
    road_distance_m: float
    drive_minutes: float
    source: str
    estimated_legs: int


def drive(
    routes: Sequence[IntArray],
    places: FloatArray,
    depot: tuple[float, float] | None,
    roads: Roads,
    goes_on: Callable[[int], bool] = lambda _: True,
    *,
    keeps_order: bool = False,
) -> Driving:
    """Order and time each route by the roads between its stops.

    A route keeps its order where driving is estimated, since that is what it was planned by.

    Args:
        routes: Rows of `places` in visiting order, one array a route.
        places: (n, 2) latitude, longitude in degrees.
        depot: Where routes start and end; None: open routes.
        roads: Who is asked.
        goes_on: Called with the number of routes done before each; False: the rest is left as it is, estimated.
        keeps_order: Whether routes are timed only: on a day that has begun nobody's order changes by the way.
    """
    silent = Roads(None)
    asked = roads
    driven = []
    for done, route in enumerate(routes):
        asked = asked if asked is silent or goes_on(done) else silent
        driven.append(_driven(route, places, depot, asked, keeps_order=keeps_order))
    return Driving(
        routes=[one.route for one in driven],
        distance_m=np.array([one.distance_m for one in driven], dtype=float),
        road_distance_m=np.array([one.road_distance_m for one in driven], dtype=float),
        drive_minutes=np.array([one.drive_minutes for one in driven], dtype=float),
        sources=[one.source for one in driven],
        estimated_legs=sum(one.estimated_legs for one in driven),
        notice=roads.notice,
    )


def group(route: IntArray, places: FloatArray, depot: tuple[float, float] | None) -> FloatArray:
    """The places of a route in an order of their own, the depot last: the same question for the same stops."""
    members = places[np.sort(route)]
    return members if depot is None else np.vstack([members, depot])


def _driven(
    route: IntArray, places: FloatArray, depot: tuple[float, float] | None, roads: Roads, *, keeps_order: bool
) -> _Driven:
    legs = roads.legs(group(route, places, depot)) if len(route) < MOST_PLACES else None
    if legs is None or legs.source == "estimate":
        straight_m = route_distance_m(places[route], depot)
        return _Driven(route, straight_m, np.nan, drive_minutes(straight_m), "estimate", 0)
    members = np.sort(route)
    order = np.searchsorted(members, route)
    order = order if keeps_order else _ordered(legs.minutes, order, has_depot=depot is not None)
    path = order if depot is None else np.concatenate([[len(members)], order, [len(members)]])
    starts, ends = path[:-1], path[1:]
    return _Driven(
        route=members[order],
        distance_m=route_distance_m(places[members[order]], depot),
        road_distance_m=float(legs.distance_m[starts, ends].sum()),
        drive_minutes=float(legs.minutes[starts, ends].sum()),
        source=legs.source,
        estimated_legs=int(legs.is_estimated[starts, ends].sum()),
    )


def _ordered(minutes: FloatArray, order: IntArray, *, has_depot: bool) -> IntArray:
    """The stops in a quicker order: by the road, ends at the depot or, without one, anywhere."""
    count = len(order)
    matrix = np.zeros((count + 2, count + 2))
    matrix[1:-1, 1:-1] = minutes[:count, :count]
    if has_depot:
        matrix[0, 1:-1], matrix[-1, 1:-1] = minutes[count, :count], minutes[count, :count]
        matrix[1:-1, 0], matrix[1:-1, -1] = minutes[:count, count], minutes[:count, count]
    return improve_path(matrix, order)
