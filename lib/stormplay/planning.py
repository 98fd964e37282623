"""The steps of one `generate_routes`, inside its transaction: lock, choose, solve, retire, compose, store."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from stormplay import database, tenancy
from stormplay.candidates import ledger
from stormplay.errors import Cancelled, Conflict, NothingToRoute
from stormplay.roads import Driving, Engine, drive, group, keeping
from stormplay.routing import Plan, Progress, solve

Depot = tuple[float, float]


@dataclass(frozen=True)
class Route:
    """One route as stored. Reads like its row too: `route["route_id"]`.

    Attributes:
        route_id: Its id.
        route_name: Short name, unique in the storm, best uplift first.
        zip_code: The ZIP of most of its stops, or None.
        property_count: Stops on it.
        avg_uplift: Mean expected uplift of its stops, a probability difference.
        distance_m: Great-circle metres along it, from and to the depot where there is one.
        drive_minutes: By the road engine, or estimated from distance_m (see `stormplay.routing.drive_minutes`).
        road_distance_m: Metres by the road engine; None: estimated.
        travel_source: 'OSRM', 'Valhalla' or 'estimate'.
    """

    route_id: str
    route_name: str
    zip_code: str | None
    property_count: int
    avg_uplift: float
    distance_m: float
    drive_minutes: float
    road_distance_m: float | None = None
    travel_source: str = "estimate"

    def __getitem__(self, column: str) -> Any:
        if column not in {field.name for field in fields(self)}:
            raise KeyError(column)
        return getattr(self, column)


def lock_storm(connection: Connection, storm_id: str) -> None:
    """Be the only one who plans this storm until the transaction ends.

    Raises:
        Conflict: Somebody else is planning it now.
    """
    try:
        connection.execute(text("SELECT FROM storms WHERE storm_id = :id FOR NO KEY UPDATE NOWAIT"), {"id": storm_id})
    except DBAPIError as error:
        if database.sqlstate(error) != "55P03":
            raise
        raise Conflict(
            "Somebody else is generating routes for this storm right now.",
            remedy="Wait until they are done, then look at their routes before you generate again.",
        ) from None


def stops_to_route(found: pd.DataFrame) -> pd.DataFrame:
    """The candidates that a plan made now would route.

    Raises:
        NothingToRoute: There are none; the sentence says which step comes first.
    """
    if found.empty:
        raise NothingToRoute(
            "No property of this storm has a decision yet.",
            "Routes are made from properties decided 'treat'.",
            "Run the treatment policy for this storm first.",
        )
    stops = found[found["is_routable"].astype(bool)].reset_index(drop=True)
    if not stops.empty:
        return stops
    if found["is_locked"].any():
        raise NothingToRoute("Every treated property of this storm is on a started route already.")
    counts = ", ".join(f"{n:,} {outcome}" for outcome, n in found["outcome"].value_counts().items())
    raise NothingToRoute(
        "This storm has no treated property that can be put on a route.",
        f"Of {len(found):,} decided: {counts}.",
        "Run the treatment policy again, or mend the addresses.",
    )


def solve_stops(
    stops: pd.DataFrame,
    depot: Depot | None,
    max_per_route: int,
    time_limit_s: float,
    seed: int,
    progress: Callable[[Progress], object] | None,
    *,
    shift_minutes: float | None = None,
    service_minutes: float = 0.0,
    balance: float | None = None,
    territory_m: float = 0.0,
) -> Plan:
    """The plan for these stops; all arguments as in `routing.solve`.

    Raises:
        Cancelled: progress returned False.
    """
    stopped = False

    def relay(step: Progress) -> bool:
        nonlocal stopped
        stopped = stopped or (progress is not None and progress(step) is False)
        return not stopped

    places = stops[["latitude", "longitude"]].to_numpy(dtype=float)
    plan = solve(places, depot=depot, max_per_route=max_per_route, time_limit_s=time_limit_s, seed=seed,
                 progress=relay, shift_minutes=shift_minutes, service_minutes=service_minutes, balance=balance,
                 territory_m=territory_m)  # fmt: skip
    if stopped:
        raise Cancelled("Stopped.", remedy="Nothing was changed; the earlier routes stand.")
    if not plan.routes:
        why = next(iter(plan.unassigned.values()), "there is no stop")
        raise NothingToRoute("No stop can be put on a route.", f"Of {len(stops):,}, the first: {why}.",
                             "Give the crews a longer shift or a nearer start.")  # fmt: skip
    return plan


# What the solver says of a stop -> what a reader needs to know of many.
_REASONS = {
    "minutes alone": "driving there and the visit alone take longer than the longest day",
    "has room": "no route had room for them",
    "are full": "no route had room for them",
    "less than the detour": "the detour would be longer than they are worth",
    "coordinates": "their coordinates are no place",
}


def left_out(plan: Plan) -> dict[str, int]:
    """Reason -> how many stops the plan put on no route for it, most first."""
    told = [next((words for sign, words in _REASONS.items() if sign in why), why) for why in plan.unassigned.values()]
    return dict(Counter(told).most_common())


def drive_routes(
    connection: Connection,
    plan: Plan,
    stops: pd.DataFrame,
    depot: Depot | None,
    engine: Engine | None,
    progress: Callable[[Progress], object] | None,
) -> Driving:
    """The plan's routes by the road, where there is an engine; what it answered before is not asked again.

    Raises:
        Cancelled: progress returned False.
    """
    places = stops[["latitude", "longitude"]].to_numpy(dtype=float)
    asked = keeping.roads(connection, engine, (group(route, places, depot) for route in plan.routes))
    if engine is None:
        return drive(plan.routes, places, depot, asked)

    def goes_on(done: int) -> bool:
        step = Progress(done / len(plan.routes), plan.distance_m, len(plan.routes), "roads")
        if progress is not None and progress(step) is False:
            raise Cancelled("Stopped.", remedy="Nothing was changed; the earlier routes stand.")
        return True

    driving = drive(plan.routes, places, depot, asked, goes_on)
    keeping.keep(connection, asked.fresh)
    return driving


def retire(connection: Connection, storm_id: str, before: pd.DataFrame) -> pd.DataFrame:
    """Take back the routes that nobody has begun. Returns the kept ones, rows of `before`.

    Raises:
        Conflict: A route was begun since `before` was read; its stops may be in the new plan.
    """
    rows = connection.execute(text("SELECT retire_planned_routes(:id)"), {"id": storm_id}).scalars()
    gone = {str(route_id) for route_id in rows}
    if gone != set(before.loc[before["status"] == "planned", "route_id"]):
        raise Conflict(
            "A route of this storm was started while the plan was made.",
            remedy="Nothing was changed; press 'Generate routes' again.",
        )
    return before[~before["route_id"].isin(gone)]


def compose(
    connection: Connection, driving: Driving, stops: pd.DataFrame, kept: pd.DataFrame
) -> tuple[list[Route], pd.DataFrame]:
    """Name the routes, best average uplift first, after the numbers of the kept ones.

    Returns:
        The routes, and their members: route_id, property_id, sequence_order.
    """
    uplift = stops["expected_uplift"].to_numpy(dtype=float)
    order = sorted(range(len(driving.routes)), key=lambda k: -float(uplift[driving.routes[k]].mean()))
    first = max((int(number) for name in kept["route_name"] for number in re.findall(r"\d+", name)), default=0) + 1
    ids = connection.execute(text("SELECT uuidv7()::text FROM generate_series(1, :n)"), {"n": len(order)})
    routes, members = [], []
    for number, (k, route_id) in enumerate(zip(order, ids.scalars(), strict=True), start=first):
        rows = stops.iloc[driving.routes[k]]
        zips = rows["zip_code"].dropna().mode()
        road_m = float(driving.road_distance_m[k])
        routes.append(
            Route(route_id, f"Route {number:02d}", None if zips.empty else str(zips.iloc[0]), len(rows),
                  float(rows["expected_uplift"].mean()), float(driving.distance_m[k]),
                  float(driving.drive_minutes[k]), None if math.isnan(road_m) else road_m, driving.sources[k])
        )  # fmt: skip
        members.append(
            pd.DataFrame({"route_id": route_id, "property_id": rows["property_id"].to_numpy(),
                          "sequence_order": np.arange(1, len(rows) + 1)})
        )  # fmt: skip
    return routes, pd.concat(members, ignore_index=True)


def carried_crews(replaced: pd.DataFrame, old_stops: pd.DataFrame, members: pd.DataFrame) -> dict[str, str]:
    """Which crew goes with which new route: the one that shares most stops with the crew's replaced route.

    Returns:
        New route_id -> crew name; a new route takes the crew with the larger share.
    """
    crews = replaced.dropna(subset=["crew_name"]).set_index("route_id")["crew_name"]
    had = old_stops[old_stops["route_id"].isin(crews.index)][["route_id", "property_id"]]
    shared = had.merge(members, on="property_id", suffixes=("_old", "")).value_counts(["route_id_old", "route_id"])
    carried: dict[str, str] = {}
    placed: set[str] = set()
    for old, new in shared.index:  # largest share first
        if old not in placed and new not in carried:
            carried[new] = str(crews[old])
            placed.add(old)
    return carried


def replaced_plan(replaced: pd.DataFrame, old_stops: pd.DataFrame) -> list[dict[str, object]]:
    """The replaced routes in short, kept with the run, so that a plan is never lost."""
    members = old_stops.groupby("route_id")["property_id"].apply(list).to_dict()
    return [
        {"route_name": row.route_name, "crew_name": row.crew_name, "stops": members.get(row.route_id, [])}
        for row in replaced.astype(object).where(replaced.notna(), None).itertuples(index=False)
    ]


def store(
    connection: Connection,
    run: dict[str, Any],
    found: pd.DataFrame,
    routes: list[Route],
    members: pd.DataFrame,
    crews: dict[str, str],
) -> None:
    """Write the run, its routes, their stops and one scheduled job a stop."""
    on_route = found["property_id"].isin(members["property_id"])
    outcome = found["outcome"].mask(on_route, "routed").mask(~on_route & found["is_routable"].astype(bool), "ready")
    balance = ledger(found.assign(outcome=outcome)).to_dict("records")
    storm_id, run_id = run["storm_id"], connection.execute(text("SELECT uuidv7()::text")).scalar_one()
    tenancy.insert(connection, "routing_runs", pd.DataFrame([{**run, "run_id": run_id, "ledger": balance}]))
    rows = pd.DataFrame([asdict(route) for route in routes])
    rows = rows.assign(storm_id=storm_id, run_id=run_id, visit_type=run["parameters"]["visit_type"],
                       crew_name=rows["route_id"].map(crews))  # fmt: skip
    tenancy.insert(connection, "routes", rows)
    tenancy.insert(connection, "route_properties", members)
    jobs = members[["route_id", "property_id"]].assign(storm_id=storm_id, status="scheduled")
    tenancy.insert(connection, "jobs", jobs)
