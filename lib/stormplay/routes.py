"""Phase 3: treated properties in, crew routes out, in one transaction.

Only properties decided 'treat' for the storm are routed. Generating again replaces what nobody has begun and
keeps started routes with their stops; a failure at any point leaves the plan as it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Literal
from uuid import UUID

import pandas as pd
from sqlalchemy import text

from stormplay import exports, roads, tenancy
from stormplay.candidates import candidates, ledger
from stormplay.errors import BadInput, UnknownRoute
from stormplay.planning import (
    Depot,
    Route,
    VisitType,
    carried_crews,
    check_limit,
    compose,
    drive_routes,
    lock_storm,
    replaced_plan,
    retire,
    solve_stops,
    stops_to_route,
    store,
)
from stormplay.revisions import Revision, compare
from stormplay.route_queries import ROUTES, RUNS, STOPS
from stormplay.routing import Progress

# Minutes at one property. 18-23 doors an hour and 6-8 inspections a crew-day of 8 hours are vendors' figures.
VISIT_MINUTES: dict[VisitType, float] = {"knock": 3.0, "inspection": 65.0}


class RouteBuilder:
    """Builds, shows and hands out the routes of one storm.

    Args:
        tenant: The tenant's slug or id; a selection, never an authority.
        storm: The storm's slug or id.

    Raises:
        UnknownTenant: No such tenant is open to this person.
        UnknownStorm: The tenant has no such storm.
        DatabaseUnavailable: Nothing answers.
    """

    def __init__(self, tenant: str | UUID, storm: str | UUID) -> None:
        self.tenant = tenant
        with tenancy.session(tenant) as connection:
            self.storm_id = tenancy.storm_id(connection, storm)
            place = connection.execute(text("SELECT depot_latitude, depot_longitude FROM tenants")).one()
        self.depot: Depot | None = None if place[0] is None else (float(place[0]), float(place[1]))

    def generate_routes(
        self,
        max_per_route: int = 50,
        *,
        time_limit_s: float = 8.0,
        visit_type: VisitType = "knock",
        shift_minutes: float | None = None,
        depot: Depot | Literal["tenant"] | None = "tenant",
        seed: int = 0,
        progress: Callable[[Progress], object] | None = None,
    ) -> list[Route]:
        """Plan routes for all treated properties of the storm, replacing those that nobody has begun.

        Args:
            max_per_route: Stops on a route, at most.
            time_limit_s: Seconds for the solver; more is shorter routes.
            visit_type: 'knock' or 'inspection'; what a stop is.
            shift_minutes: The longest day of a crew, driving and visits together; None: no limit. Stops that no
                shift reaches stay ready for another plan.
            depot: Latitude and longitude in degrees, 'tenant' for the company's own, None for open routes.
            seed: Same seed, same start.
            progress: Called with a `routing.Progress`; returning False stops, and nothing is changed.

        Returns:
            The new routes, best average uplift first. Started routes are kept and not among them. A crew that
            was assigned to a replaced route gets the new one that shares most of its stops.

        Raises:
            BadInput: max_per_route below 1, an unknown visit type, a shift of no time, a depot that is no place.
            NothingToRoute: No decision yet, or no treated property that can be put on a route.
            Conflict: Somebody else is generating for this storm, or started a route meanwhile.
            Cancelled: progress returned False.
        """
        began = time.monotonic()
        limit = check_limit(max_per_route)
        if visit_type not in VISIT_MINUTES:
            raise BadInput(f"There is no visit type '{visit_type}'.", "Expected 'knock' or 'inspection'.")
        start = self.depot if depot == "tenant" else depot
        parameters = {"max_per_route": limit, "time_limit_s": float(time_limit_s), "visit_type": visit_type,
                      "shift_minutes": shift_minutes, "depot": start, "seed": int(seed)}  # fmt: skip
        engine = roads.configured()  # said before a solver has run for nothing
        this_storm = {"storm_id": self.storm_id, "route_id": None}
        with tenancy.session(self.tenant) as connection:
            lock_storm(connection, self.storm_id)
            found = candidates(connection, self.storm_id)
            stops = stops_to_route(found)
            before = tenancy.frame(connection, ROUTES, this_storm)
            old_stops = tenancy.bulk_frame(connection, STOPS, this_storm)
            plan = solve_stops(stops, start, limit, time_limit_s, seed, progress,
                               shift_minutes=shift_minutes, service_minutes=VISIT_MINUTES[visit_type])  # fmt: skip
            driving = drive_routes(connection, plan, stops, start, engine, progress)
            kept = retire(connection, self.storm_id, before)
            replaced = before[~before["route_id"].isin(kept["route_id"])]
            routes, members = compose(connection, driving, stops, kept)
            who = tenancy.my_name()
            tenancy.because(connection, f"{who} generated {len(routes):,} route{'' if len(routes) == 1 else 's'}")
            travel = {"notice": driving.notice, "estimated_legs": driving.estimated_legs,
                      "sources": sorted(set(driving.sources))}  # fmt: skip
            run = {"storm_id": self.storm_id, "parameters": parameters | {"travel": travel}, "route_count": len(routes),
                   "replaced_plan": replaced_plan(replaced, old_stops), "distance_m": float(driving.distance_m.sum()),
                   "seconds": time.monotonic() - began, "made_by": who}  # fmt: skip
            store(connection, run, found, routes, members, carried_crews(replaced, old_stops, members))
        return routes

    def get_routes(self) -> pd.DataFrame:
        """The storm's routes in force.

        Returns:
            One row each: route_id, run_id, route_name, zip_code, property_count, avg_uplift, distance_m (great-circle),
            drive_minutes, road_distance_m (None: estimated), travel_source ('OSRM', 'Valhalla', 'estimate'),
            crew_name (None: nobody), visit_type, created_at, status ('planned', 'started', 'done'), completed_count,
            work_minutes (driving and visits). Empty where none were generated.
        """
        with tenancy.session(self.tenant) as connection:
            found = tenancy.frame(connection, ROUTES, {"storm_id": self.storm_id})
        visits = found["visit_type"].map(VISIT_MINUTES).astype(float) * found["property_count"].astype(float)
        return found.assign(work_minutes=found["drive_minutes"].astype(float) + visits)

    def get_stops(self, route_id: str | UUID | None = None) -> pd.DataFrame:
        """The stops of one route, or of all.

        Returns:
            One row a stop, in visiting order: route_id, property_id, sequence_order (from 1), address, city,
            zip_code, owner_name, latitude, longitude (degrees), expected_uplift, hail_in (modelled, inches),
            sii (0-100), job_status, do_not_knock.

        Raises:
            UnknownRoute: The storm has no route of that id.
        """
        wanted = None if route_id is None else self._known(route_id)
        with tenancy.session(self.tenant) as connection:
            # The stops of one route are few: there, nesting loops is right.
            read = tenancy.bulk_frame if wanted is None else tenancy.frame
            found = read(connection, STOPS, {"storm_id": self.storm_id, "route_id": wanted})
        if wanted is not None and found.empty:
            raise self._unknown(route_id)
        return found

    def get_ledger(self) -> pd.DataFrame:
        """Where every eligible property is now: outcome, reason, properties; the rows add up to all of them."""
        with tenancy.session(self.tenant) as connection:
            return ledger(candidates(connection, self.storm_id))

    def assign_crew(self, route_id: str | UUID, crew_name: str | None) -> None:
        """Give a route to a crew; None takes it back.

        Raises:
            BadInput: The name is blank or longer than 80 signs.
            UnknownRoute: The storm has no route of that id.
        """
        name = None if crew_name is None else _crew(crew_name)
        with tenancy.session(self.tenant) as connection:
            done = connection.execute(
                text("""UPDATE routes SET crew_name = :name,
                               assigned_at = CASE WHEN CAST(:name AS text) IS NULL THEN NULL ELSE now() END
                         WHERE route_id = :route_id AND storm_id = :storm_id"""),
                {"name": name, "route_id": self._known(route_id), "storm_id": self.storm_id},
            )
            if done.rowcount == 0:
                raise self._unknown(route_id)

    def export_route_csv(self, route_id: str | UUID) -> str:
        """A route as CSV for a crew, in visiting order, safe to open in a spreadsheet.

        Columns: stop, property_id, address, city, zip_code, owner_name, latitude, longitude, expected_uplift,
        modelled_hail_in, status, do_not_knock ('yes' where the owner has said no since the plan was made).

        Raises:
            UnknownRoute: The storm has no route of that id.
        """
        stops = self.get_stops(route_id)
        shown = stops.assign(
            do_not_knock=stops["do_not_knock"].map({True: "yes", False: ""}),
            expected_uplift=stops["expected_uplift"].astype(float).round(4),
            hail_in=stops["hail_in"].astype(float).round(2),
        ).rename(columns={"sequence_order": "stop", "hail_in": "modelled_hail_in", "job_status": "status"})
        columns = ["stop", "property_id", "address", "city", "zip_code", "owner_name", "latitude", "longitude",
                   "expected_uplift", "modelled_hail_in", "status", "do_not_knock"]  # fmt: skip
        return exports.to_csv(shown[columns])

    def get_revision(self, routes: pd.DataFrame | None = None, stops: pd.DataFrame | None = None) -> Revision | None:
        """What the newest plan changed against the one that it replaced; None where it replaced none.

        Args:
            routes, stops: What `get_routes` and `get_stops` have given a moment ago; None: read them.
        """
        with tenancy.session(self.tenant) as connection:
            runs = tenancy.frame(connection, RUNS, {"storm_id": self.storm_id})
        if runs.empty or not runs["replaced_plan"].iloc[0]:
            return None
        made, stops = (self.get_routes() if routes is None else routes), (self.get_stops() if stops is None else stops)
        made = made[made["run_id"] == runs["run_id"].iloc[0]]
        replaced, length_m = runs["replaced_plan"].iloc[0], runs["distance_m"].tolist()
        is_whole = len(runs) > 1 and len(replaced) == runs["route_count"].iloc[1]  # none of it was begun and so kept
        return compare(
            replaced, made, stops, distance_m=length_m[0], distance_before_m=length_m[1] if is_whole else None
        )

    @property
    def travel_notice(self) -> str:
        """Why driving of the newest plan is estimated though there is a road engine, as a sentence; ''."""
        query = """SELECT parameters #>> '{travel,notice}' FROM routing_runs WHERE storm_id = :storm_id
                    ORDER BY made_at DESC, run_id DESC LIMIT 1"""
        with tenancy.session(self.tenant) as connection:
            return connection.execute(text(query), {"storm_id": self.storm_id}).scalar_one_or_none() or ""

    @property
    def as_of(self) -> datetime | None:
        """When the newest decision, score or plan behind these numbers was written; None: nothing yet."""
        query = """SELECT greatest((SELECT max(decided_at) FROM policy_decisions_log WHERE storm_id = :storm_id),
                                   (SELECT max(updated_at) FROM property_impacts WHERE storm_id = :storm_id),
                                   (SELECT max(made_at) FROM routing_runs WHERE storm_id = :storm_id))"""
        with tenancy.session(self.tenant) as connection:
            found: datetime | None = connection.execute(text(query), {"storm_id": self.storm_id}).scalar_one()
            return found

    def _known(self, route_id: str | UUID) -> str:
        try:
            return str(UUID(str(route_id)))
        except ValueError:
            raise self._unknown(route_id) from None

    def _unknown(self, route_id: object) -> UnknownRoute:
        return UnknownRoute(
            f"This storm has no route '{route_id}'.",
            "Expected a route_id of get_routes().",
            "Routes get new ids when they are generated again; load the list anew.",
        )


def list_storms(tenant: str | UUID) -> pd.DataFrame:
    """The storms of a tenant, newest first: storm_id, slug, name, status, event_date; empty where none."""
    with tenancy.session(tenant) as connection:
        return tenancy.frame(
            connection,
            "SELECT storm_id, slug, name, status, event_date FROM storms ORDER BY event_date DESC, slug",
        )


def _crew(crew_name: str) -> str:
    name = " ".join(str(crew_name).split())
    if not 1 <= len(name) <= 80:
        raise BadInput(
            "The crew has no name." if not name else "The crew's name is too long.", "Expected 1 to 80 signs."
        )
    return name
