"""A route as it stands on its day: what is begun, what it was planned with; held while it is changed, and measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.day import queries
from stormplay.errors import BadInput, Conflict, UnknownRoute
from stormplay.planning import Depot
from stormplay.roads import Engine, Legs, Roads, drive, group, keeping
from stormplay.routing.plan import FloatArray
from stormplay.visits import VISITS

USUAL_STOPS = 50  # on a route that no plan has made


@dataclass(frozen=True)
class Limits:
    """What a route was planned with; arguments of `RouteBuilder.generate_routes`."""

    max_per_route: int
    shift_minutes: float | None
    visit_minutes: float
    depot: Depot | None


@dataclass(frozen=True)
class OpenRoute:
    """A route that is not done.

    Attributes:
        stops: In visiting order: property_id, sequence_order, latitude, longitude, is_begun, status_since.
        limits: What it was planned with.
    """

    route_id: str
    route_name: str
    stops: pd.DataFrame
    limits: Limits

    @property
    def placed(self) -> pd.DataFrame:
        """The stops that have a place; an address can lose it after the plan."""
        return self.stops.dropna(subset=["latitude", "longitude"]).reset_index(drop=True)


def open_routes(connection: Connection, storm_id: str, depot: Depot | None, route_id: str | None) -> list[OpenRoute]:
    """The storm's routes that are not done, or the one that is named.

    Args:
        connection: An open session.
        storm_id: The storm.
        depot: Where routes start that no plan has made.
        route_id: The one; None: all.

    Raises:
        UnknownRoute: There is no such route.
        BadInput: That one is done, or all are, or there is none.
    """
    read = tenancy.bulk_frame if route_id is None else tenancy.frame
    found = read(connection, queries.OPEN_STOPS, {"storm_id": storm_id, "route_id": route_id})
    if route_id is not None and found.empty:
        raise UnknownRoute(f"This storm has no route '{route_id}'.", "Expected a route_id of get_routes().")
    still = found[~found["is_done"].astype(bool)]
    if still.empty:
        what = "There is no route that is not done." if route_id is None else f"{found['route_name'].iloc[0]} is done."
        raise BadInput(what, "Expected a route on which somebody is still to drive.")
    runs = [str(run) for run in still["run_id"].dropna().unique()]
    planned = connection.execute(text(queries.ASKED), {"runs": runs})
    asked: dict[str, Mapping[str, Any]] = {row.run_id: row.parameters for row in planned}
    return [
        OpenRoute(str(key), str(rows["route_name"].iloc[0]), _typed(rows), _limits(dict(rows.iloc[0]), asked, depot))
        for key, rows in still.groupby("route_id", sort=False)
    ]


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    numbers = {"latitude": float, "longitude": float, "sequence_order": int}
    return rows.assign(is_begun=rows["is_begun"].astype(bool)).astype(numbers).reset_index(drop=True)


def _limits(route: Mapping[str, Any], asked: Mapping[str, Mapping[str, Any]], depot: Depot | None) -> Limits:
    minutes = VISITS[route["visit_type"]].minutes
    planned = asked.get(str(route["run_id"]))
    if planned is None:
        return Limits(USUAL_STOPS, None, minutes, depot)
    place = planned.get("depot")
    return Limits(int(planned.get("max_per_route", USUAL_STOPS)), planned.get("shift_minutes"), minutes,
                  None if place is None else (float(place[0]), float(place[1])))  # fmt: skip


def hold(connection: Connection, route: OpenRoute) -> None:
    """Keep everybody from beginning a stop of a route until the transaction ends.

    Raises:
        Conflict: Somebody has begun one since the route was read.
    """
    begun = connection.execute(text(queries.HOLD), {"route_id": route.route_id}).scalar_one()
    if begun != int(route.stops["is_begun"].sum()):
        raise Conflict(f"The crew of {route.route_name} has just begun another stop.",
                       remedy="Nothing was changed; do it again.")  # fmt: skip


def shift(connection: Connection, route_id: str, number: int, by: int) -> None:
    """Move the stops from a place on by one."""
    connection.execute(text(queries.SHIFT), {"route_id": route_id, "number": number, "by": by})


def measure(connection: Connection, route_id: str, depot: Depot | None, engine: Engine | None) -> str:
    """Write a route's count, uplift and driving anew, as its stops are now.

    Returns:
        What went wrong with the roads, as a sentence; ''.
    """
    found = tenancy.frame(connection, queries.PLACES, {"route_id": route_id})
    places = found[["latitude", "longitude"]].to_numpy(dtype=float)
    order = np.argsort(found["sequence_order"].to_numpy(dtype=int))
    asked = asked_before(connection, places, depot, engine)
    driving = drive([order], places, depot, asked, keeps_order=True)
    keeping.keep(connection, asked.fresh)
    road_m = float(driving.road_distance_m[0])
    figures = {
        "distance_m": float(driving.distance_m[0]),
        "drive_minutes": float(driving.drive_minutes[0]),
        "road_distance_m": None if math.isnan(road_m) else road_m,
        "travel_source": driving.sources[0],
    }
    known = {"tenant_id": connection.info["tenant_id"], "route_id": route_id}
    connection.execute(text(queries.MEASURED), figures | known)
    return driving.notice


def asked_before(connection: Connection, places: FloatArray, depot: Depot | None, engine: Engine | None) -> Roads:
    """An engine with what it answered before for these places (n, 2), which are in the order of their property_id."""
    return keeping.roads(connection, engine, [group(np.arange(len(places)), places, depot)])


def legs(connection: Connection, places: FloatArray, depot: Depot | None, engine: Engine | None) -> Legs:
    """Between all pairs of places (n, 2) in the order of their property_id, the depot last where there is one."""
    asked = asked_before(connection, places, depot, engine)
    found = asked.legs(group(np.arange(len(places)), places, depot))
    keeping.keep(connection, asked.fresh)
    return found
