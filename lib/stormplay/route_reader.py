"""What is read of the routes of a storm: routes in force, stops, the ledger, the newest plan, files."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import pandas as pd
from sqlalchemy import text

from stormplay import exports, tenancy
from stormplay.candidates import counted, search
from stormplay.errors import BadInput, UnknownRoute
from stormplay.planning import Depot
from stormplay.revisions import Revision, compare
from stormplay.route_queries import MADE_WITH, ROUTES, RUNS, STOPS
from stormplay.visits import VISITS


class RouteReader:
    """The part of `RouteBuilder` that reads.

    Args:
        tenant: The tenant's slug or id; a selection, never an authority.
        storm: The storm's slug or id.
    """

    def __init__(self, tenant: str | UUID, storm: str | UUID) -> None:
        self.tenant = tenant
        with tenancy.session(tenant) as connection:
            self.storm_id = tenancy.storm_id(connection, storm)
            place = connection.execute(text("SELECT depot_latitude, depot_longitude FROM tenants")).one()
        self.depot: Depot | None = None if place[0] is None else (float(place[0]), float(place[1]))

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
        minutes = {name: visit.minutes for name, visit in VISITS.items()}
        visits = found["visit_type"].map(minutes).astype(float) * found["property_count"].astype(float)
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
            return counted(connection, self.storm_id)

    def find_ready(self, address: str, most: int = 20) -> pd.DataFrame:
        """Homes that could be put on a route now, by how their address begins.

        Args:
            address: As somebody writes it; '' for any.
            most: How many, at most.

        Returns:
            One row each, by address: property_id, address, zip_code, expected_uplift, outcome ('ready'), alike (how
            many there are in all). Below them one row of each other outcome that an address so beginning has.
        """
        with tenancy.session(self.tenant) as connection:
            return search(connection, self.storm_id, address, most)

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
    def made_with(self) -> dict[str, Any]:
        """The parameters of the newest plan, by name as `generate_routes` takes them; {} where there is none.

        Beside them: travel (notice, estimated_legs, sources) and left_out (reason -> stops that it put on no route).
        """
        with tenancy.session(self.tenant) as connection:
            found = connection.execute(text(MADE_WITH), {"storm_id": self.storm_id}).scalar_one_or_none()
        return dict(found or {})

    @property
    def travel_notice(self) -> str:
        """Why driving of the newest plan is estimated though there is a road engine, as a sentence; ''."""
        return str(self.made_with.get("travel", {}).get("notice") or "")

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

    def _home(self, property_id: str | UUID) -> str:
        home = tenancy.as_uuid(property_id)
        if home is None:
            raise BadInput(f"There is no home '{property_id}'.", "Expected a property_id.")
        return str(home)

    def _unknown(self, route_id: object) -> UnknownRoute:
        return UnknownRoute(
            f"This storm has no route '{route_id}'.",
            "Expected a route_id of get_routes().",
            "Routes get new ids when they are generated again; load the list anew.",
        )
