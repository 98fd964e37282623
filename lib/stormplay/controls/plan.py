"""The state of one storm's routes: read from callables, told in plain frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from typing import Any, Protocol

import pandas as pd

from stormplay.units import METRES_PER_MILE

MOST_LIKELY = 4  # storms of which one may be chosen next
Hail = tuple[pd.DataFrame, dict[str, Any] | None]
"""The reports of a day, and GeoJSON of the hail that is modelled from them."""


def no_ledger() -> pd.DataFrame:
    """A ledger before it is read. Made when asked for: text reserves a gigabyte, in each kernel."""
    words = pd.Series(dtype=str)
    return pd.DataFrame({"outcome": words, "reason": words, "properties": pd.Series(dtype=int)})


class Builder(Protocol):
    """What the page needs of a `stormplay.RouteBuilder`."""

    depot: tuple[float, float] | None

    @property
    def as_of(self) -> datetime | None: ...  # noqa: D102
    @property
    def made_with(self) -> dict[str, Any]: ...  # noqa: D102
    def get_revision(self, routes: pd.DataFrame, stops: pd.DataFrame) -> Any: ...  # noqa: D102
    def generate_routes(self, max_per_route: int = 50, **options: Any) -> list[Any]: ...  # noqa: D102
    def get_routes(self) -> pd.DataFrame: ...  # noqa: D102
    def get_stops(self, route_id: Any = None) -> pd.DataFrame: ...  # noqa: D102
    def get_ledger(self) -> pd.DataFrame: ...  # noqa: D102
    def assign_crew(self, route_id: Any, crew_name: str | None, **only: str | None) -> None: ...  # noqa: D102
    def export_route_csv(self, route_id: Any) -> str: ...  # noqa: D102
    def find_ready(self, address: str, most: int = 20) -> pd.DataFrame: ...  # noqa: D102
    def add_stop(self, property_id: Any, *, route_id: Any = None) -> Any: ...  # noqa: D102
    def take_off(self, property_id: Any) -> Any: ...  # noqa: D102
    def reorder_rest(self, route_id: Any) -> Any: ...  # noqa: D102


@dataclass(frozen=True)
class Plan:
    """What is known of one storm when the page draws it.

    Attributes:
        company, storm_name, storm_status: As people call them.
        routes, stops, ledger: As `RouteBuilder` returns them.
        as_of: When the newest number behind them was written.
        depot: Where routes start, or None.
        reports: The real hail reports of the day.
        contours: GeoJSON of the modelled hail, or None where there are no reports.
        is_synthetic: Whether the company's homes, owners and outcomes are made up.
        may_plan: Whether this person's role lets them change the plan; the database decides, this only shows it.
        made_with: What the newest plan was asked for, as `RouteBuilder.made_with` tells it; {}: there is no plan.
        revision: What the newest plan changed against the one before, as `RouteBuilder.get_revision` tells it; None:
            there was none before.
    """

    company: str
    storm_name: str
    storm_status: str
    routes: pd.DataFrame
    stops: pd.DataFrame
    ledger: pd.DataFrame
    as_of: datetime | None
    depot: tuple[float, float] | None
    reports: pd.DataFrame
    contours: dict[str, Any] | None
    is_synthetic: bool = False
    may_plan: bool = True
    made_with: Mapping[str, Any] = field(default_factory=dict)
    revision: Any = None

    @property
    def eligible(self) -> int:
        """Homes with a decision for this storm."""
        return int(self.ledger["properties"].sum())

    def homes(self, outcome: str) -> int:
        """Count the homes of one outcome of the ledger."""
        return int(self.ledger.loc[self.ledger["outcome"] == outcome, "properties"].sum())

    @property
    def travel_notice(self) -> str:
        """Why driving is estimated though there is a road engine, or ''."""
        return str(self.made_with.get("travel", {}).get("notice") or "")

    @property
    def crews(self) -> list[str]:
        """The crews that have a route."""
        return sorted(set(self.routes["crew_name"].dropna().astype(str)))

    def again(self, builder: Builder) -> Plan:
        """Read what may have changed."""
        way = replace(self, routes=builder.get_routes(), stops=builder.get_stops(), depot=builder.depot)
        return _with_rest(way, builder)

    def with_routes(self, builder: Builder) -> Plan:
        """Read the routes alone: who has them and how far they are. The same plan where there are others."""
        routes = builder.get_routes()
        return replace(self, routes=routes) if routes["route_id"].equals(self.routes["route_id"]) else self

    def has_way_of(self, other: Plan) -> bool:
        """Whether both have the same routes with the same stops in the same order, at the same places."""
        lie = ["route_id", "property_id", "sequence_order", "latitude", "longitude"]
        return self.stops[lie].equals(other.stops[lie]) and self.routes["route_id"].equals(other.routes["route_id"])

    def route(self, route_id: str) -> Mapping[str, Any] | None:
        """Return a route's row, or None."""
        hit = self.routes[self.routes["route_id"].astype(str) == route_id]
        return None if hit.empty else dict(hit.iloc[0])


@dataclass(frozen=True)
class Sources:
    """Where a page's frames come from; the page itself knows no database.

    Attributes:
        builder: Makes a `Builder` from a tenant and a storm, such as `stormplay.RouteBuilder`.
        tenants: Gives the tenants open to this person: `tenant_id`, `slug`, `org_name`, `role`, `is_synthetic`.
        storms: Gives a tenant's storms: `storm_id`, `slug`, `name`, `status`, `event_date`.
        reports: Gives the hail reports of a day.
        swath: From reports to something with `.contours()`, GeoJSON of modelled hail size.
    """

    builder: Callable[[str, str], Builder]
    tenants: Callable[[], pd.DataFrame]
    storms: Callable[[str], pd.DataFrame]
    reports: Callable[[date], pd.DataFrame]
    swath: Callable[[pd.DataFrame], Any]
    _hail: dict[date, Hail] = field(default_factory=dict, init=False, repr=False, compare=False)

    def open(self, tenant: str, storm: str, early: Callable[[Plan], None] | None = None) -> tuple[Builder, Plan]:
        """Open a storm and read all of it.

        Args:
            tenant, storm: Slugs or ids.
            early: Called with a plan that has what a map shows and nothing else yet, before the rest is read.

        Raises:
            UnknownTenant: If no such tenant is open to this person.
            UnknownStorm: If the tenant has no such storm.
        """
        builder = self.builder(tenant, storm)
        found = row_of(self.storms(tenant), "storm_id", storm)
        reports, contours = self._hail_of(found["event_date"])
        way = Plan("", str(found["name"]), str(found["status"]), builder.get_routes(), builder.get_stops(), no_ledger(),
                   None, builder.depot, reports, contours)  # fmt: skip
        if early is not None:
            early(way)
        company = row_of(self.tenants(), "tenant_id", tenant)
        may_plan, is_synthetic = company.get("role") != "viewer", bool(company.get("is_synthetic"))
        named = replace(way, company=str(company["org_name"]), is_synthetic=is_synthetic, may_plan=may_plan)
        return builder, _with_rest(named, builder)

    def likely(self, storms: pd.DataFrame) -> list[Callable[[], object]]:
        """What makes the hail of a company's newest storms ready, a piece a day; none for days that are."""
        days = [day for day in storms["event_date"].tolist()[:MOST_LIKELY] if day not in self._hail]
        return [partial(self._hail_of, day) for day in days]

    def _hail_of(self, day: date) -> Hail:
        """The reports of a day and their contours; of a day that was asked for before, what they were."""
        if day not in self._hail:
            reports = self.reports(day)
            self._hail[day] = reports, self.swath(reports).contours() if len(reports) else None
        return self._hail[day]


def row_of(frame: pd.DataFrame, id_column: str, wanted: object) -> Mapping[str, Any]:
    """Return the row whose slug or id is `wanted`; empty where there is none."""
    hit = frame[(frame["slug"].astype(str) == str(wanted)) | (frame[id_column].astype(str) == str(wanted))]
    return {} if hit.empty else dict(hit.iloc[0])


def _with_rest(plan: Plan, builder: Builder) -> Plan:
    """Read what a map does not show."""
    return replace(
        plan,
        ledger=builder.get_ledger(),
        as_of=builder.as_of,
        made_with=builder.made_with,
        revision=builder.get_revision(plan.routes, plan.stops),
    )


def totals(plan: Plan) -> dict[str, int | float]:
    """Return the numbers of the answer, as plain scalars."""
    routes = plan.routes
    return {
        "routes": len(routes),
        "stops": int(routes["property_count"].sum()),
        "eligible": plan.eligible,
        "not_routed": plan.eligible - plan.homes("routed"),
        "drive_hours": round(float(routes["drive_minutes"].sum()) / 60, 2),
        "distance_miles": round(float(routes["distance_m"].sum()) / METRES_PER_MILE, 1),
        "with_crew": int(routes["crew_name"].notna().sum()),
        "completed_stops": int(routes["completed_count"].sum()),
        "hail_reports": len(plan.reports),
    }
