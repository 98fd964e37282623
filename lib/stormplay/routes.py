"""Phase 3: treated properties in, crew routes out, in one transaction.

Only properties decided 'treat' for the storm are routed. Generating again replaces what nobody has begun and
keeps started routes with their stops; a failure at any point leaves the plan as it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal
from uuid import UUID

import pandas as pd
from sqlalchemy import text

from stormplay import quality, roads, tenancy
from stormplay.billing import caps
from stormplay.candidates import candidates
from stormplay.day import Added, Reordered, TakenOff, add_stop, reorder_rest, take_off
from stormplay.errors import Conflict
from stormplay.planning import (
    Depot,
    Route,
    carried_crews,
    compose,
    drive_routes,
    left_out,
    lock_storm,
    replaced_plan,
    retire,
    solve_stops,
    stops_to_route,
    store,
)
from stormplay.route_queries import ROUTES, STOPS
from stormplay.route_reader import RouteReader
from stormplay.routing import Progress
from stormplay.slo.recording import measured
from stormplay.visits import VISITS, VisitType, check_crew, check_limit, check_visit

ANYBODY = ""  # whoever has a route: no crew has this name


class RouteBuilder(RouteReader):
    """Builds, shows and hands out the routes of one storm.

    Args:
        tenant: The tenant's slug or id; a selection, never an authority.
        storm: The storm's slug or id.

    Raises:
        UnknownTenant: No such tenant is open to this person.
        UnknownStorm: The tenant has no such storm.
        DatabaseUnavailable: Nothing answers.
    """

    def generate_routes(
        self,
        max_per_route: int = 50,
        *,
        time_limit_s: float = 8.0,
        visit_type: VisitType = "knock",
        shift_minutes: float | None = None,
        balance: float | None = None,
        territory_m: float = 0.0,
        depot: Depot | Literal["tenant"] | None = "tenant",
        seed: int = 0,
        progress: Callable[[Progress], object] | None = None,
    ) -> list[Route]:
        """Plan routes for all treated properties of the storm, replacing those that nobody has begun.

        Args:
            max_per_route: Stops on a route, at most.
            time_limit_s: Seconds for the solver; more is shorter routes.
            visit_type: 'knock', 'inspection' or 'adjuster' (a meeting with the insurer's adjuster); what a stop is.
            shift_minutes: The longest day of a crew, driving and visits together; None: no limit. Stops that no
                shift reaches stay ready for another plan.
            balance: How much more work than the mean a route may have, as a share: 0.1 is 10 %; None: as it comes.
            territory_m: Metres of driving that one home less in another crew's territory is worth; 0: none.
            depot: Latitude and longitude in degrees, 'tenant' for the company's own, None for open routes.
            seed: Same seed, same start.
            progress: Called with a `routing.Progress`; returning False stops, and nothing is changed.

        Returns:
            The new routes, best average uplift first. Started routes are kept and not among them. A crew that
            was assigned to a replaced route gets the new one that shares most of its stops.

        Raises:
            BadInput: max_per_route below 1, an unknown visit type, a shift of no time, a depot that is no place.
            NothingToRoute: No decision yet, or no treated property that can be put on a route.
            CapReached: The company's plan allows fewer new stops this month; what is planned anew needs none.
            Conflict: Somebody else is generating for this storm, or started a route meanwhile.
            Cancelled: progress returned False.
        """
        began = time.monotonic()
        limit = check_limit(max_per_route)
        visit = VISITS[check_visit(visit_type)]
        start = self.depot if depot == "tenant" else depot
        parameters: dict[str, Any] = {
            "max_per_route": limit, "time_limit_s": float(time_limit_s), "visit_type": visit_type,
            "shift_minutes": shift_minutes, "balance": balance, "territory_m": float(territory_m), "depot": start,
            "seed": int(seed),
        }  # fmt: skip
        engine = roads.configured()  # said before a solver has run for nothing
        this_storm = {"storm_id": self.storm_id, "route_id": None}
        with measured(self.tenant), tenancy.session(self.tenant) as connection:
            lock_storm(connection, self.storm_id)
            found = candidates(connection, self.storm_id)
            stops = stops_to_route(found)
            caps.check_stops(connection, self.storm_id, stops["property_id"])
            before = tenancy.frame(connection, ROUTES, this_storm)
            old_stops = tenancy.bulk_frame(connection, STOPS, this_storm)
            plan = solve_stops(stops, start, limit, time_limit_s, seed, progress,
                               shift_minutes=shift_minutes, service_minutes=visit.minutes, balance=balance,
                               territory_m=territory_m)  # fmt: skip
            driving = drive_routes(connection, plan, stops, start, engine, progress)
            kept = retire(connection, self.storm_id, before)
            replaced = before[~before["route_id"].isin(kept["route_id"])]
            routes, members = compose(connection, driving, stops, kept)
            who = tenancy.my_name()
            tenancy.because(connection, f"{who} generated {len(routes):,} route{'' if len(routes) == 1 else 's'}")
            travel = {"notice": driving.notice, "estimated_legs": driving.estimated_legs,
                      "sources": sorted(set(driving.sources))}  # fmt: skip
            parameters |= {"travel": travel, "left_out": left_out(plan)}
            run = {"storm_id": self.storm_id, "parameters": parameters, "route_count": len(routes),
                   "replaced_plan": replaced_plan(replaced, old_stops), "distance_m": float(driving.distance_m.sum()),
                   "seconds": time.monotonic() - began, "made_by": who}  # fmt: skip
            store(connection, run, found, routes, members, carried_crews(replaced, old_stops, members))
            quality.run_again_in(connection, self.storm_id)  # treated homes without a route are what this mends
        return routes

    def assign_crew(self, route_id: str | UUID, crew_name: str | None, *, instead_of: str | None = ANYBODY) -> None:
        """Give a route to a crew; None takes it back.

        Args:
            route_id: The route.
            crew_name: Who shall have it.
            instead_of: Only where this crew (None: nobody) has it now, as when something is taken back.

        Raises:
            BadInput: The name is blank or longer than 80 signs.
            UnknownRoute: The storm has no route of that id.
            Conflict: Somebody else has it now.
        """
        name = None if crew_name is None else check_crew(crew_name)
        with tenancy.session(self.tenant) as connection:
            done = connection.execute(
                text("""UPDATE routes SET crew_name = :name,
                               assigned_at = CASE WHEN CAST(:name AS text) IS NULL THEN NULL ELSE now() END
                         WHERE route_id = :route_id AND storm_id = :storm_id
                           AND (CAST(:before AS text) = '' OR crew_name IS NOT DISTINCT FROM CAST(:before AS text))"""),
                {"name": name, "before": instead_of, "route_id": self._known(route_id), "storm_id": self.storm_id},
            )
            if done.rowcount == 0:
                raise (
                    self._unknown(route_id)
                    if instead_of == ANYBODY
                    else Conflict(
                        "The route was given to another crew meanwhile.", remedy="Look who has it now, then assign it."
                    )
                )

    def add_stop(self, property_id: str | UUID, *, route_id: str | UUID | None = None) -> Added:
        """Put an urgent stop on the route, and at the place on it, where the way gets longer by least.

        Never before a stop that was begun; every other stop keeps its order and every other route all of it. Limits
        are those of the plan that made the route.

        Args:
            property_id: A home of this storm that is treated, may be visited and is on no route.
            route_id: The route that it must be; None: the best of all that are not done.

        Raises:
            BadInput: The home may not be visited, or is on a route already; no route has room or time for it.
            HeldOut: The home is in the control group.
            UnknownRoute: The storm has no route of that id.
            Conflict: Somebody plans this storm just now, or the crew began another stop.
        """
        home, wanted = self._home(property_id), None if route_id is None else self._known(route_id)
        engine = roads.configured()
        with tenancy.session(self.tenant) as connection:
            lock_storm(connection, self.storm_id)
            return add_stop(connection, self.storm_id, home, depot=self.depot, engine=engine, route_id=wanted)

    def take_off(self, property_id: str | UUID) -> TakenOff:
        """Take a stop that nobody has begun off its route, with its job, and close the gap.

        Raises:
            BadInput: The home is on no route, its visit has begun, something is noted of it, or it is the only stop.
            Conflict: Somebody plans this storm just now.
        """
        home, engine = self._home(property_id), roads.configured()
        with tenancy.session(self.tenant) as connection:
            lock_storm(connection, self.storm_id)
            return take_off(connection, self.storm_id, home, depot=self.depot, engine=engine)

    def reorder_rest(self, route_id: str | UUID) -> Reordered:
        """Put the stops of a route that nobody has begun into a shorter order, from the stop last visited to the end.

        Only where that is shorter; what was begun stays, and comes first.

        Raises:
            BadInput: The route is done.
            UnknownRoute: The storm has no route of that id.
            Conflict: Somebody plans this storm just now, or the crew began another stop.
        """
        wanted, engine = self._known(route_id), roads.configured()
        with tenancy.session(self.tenant) as connection:
            lock_storm(connection, self.storm_id)
            return reorder_rest(connection, self.storm_id, wanted, depot=self.depot, engine=engine)


def list_storms(tenant: str | UUID) -> pd.DataFrame:
    """The storms of a tenant, newest first: storm_id, slug, name, status, event_date; empty where none."""
    with tenancy.session(tenant) as connection:
        return tenancy.frame(
            connection,
            "SELECT storm_id, slug, name, status, event_date FROM storms ORDER BY event_date DESC, slug",
        )
