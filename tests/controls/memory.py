"""A route builder that keeps everything in memory, and the frames around it: enough world for a page."""

from __future__ import annotations

import csv
import io
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd

from stormplay.errors import BadInput, Cancelled, Conflict, UnknownStorm, UnknownTenant
from stormplay.revisions import compare

TENANTS = pd.DataFrame({
    "tenant_id": ["11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"],
    "slug": ["lone-star", "trinity"],
    "org_name": ["Lone Star Roofing (demo)", "Trinity <Roof> & Restoration"],
    "role": ["operator", "operator"],
    "is_synthetic": [True, False],
})  # fmt: skip
STORMS = {
    "lone-star": pd.DataFrame({
        "storm_id": ["a1", "a2"], "slug": ["2021-04-28", "2020-04-28"], "name": ["North Tarrant hail", "Spring hail"],
        "status": ["active", "closed"], "event_date": [date(2021, 4, 28), date(2020, 4, 28)],
    }),
    "trinity": pd.DataFrame(columns=["storm_id", "slug", "name", "status", "event_date"]),
}  # fmt: skip
ROUTES = ["route_id", "route_name", "zip_code", "property_count", "avg_uplift", "distance_m", "drive_minutes",
          "crew_name", "status", "completed_count", "work_minutes"]  # fmt: skip
STOPS = ["route_id", "property_id", "sequence_order", "address", "zip_code", "latitude", "longitude",
         "expected_uplift", "hail_in", "sii", "job_status"]  # fmt: skip


@dataclass
class MemoryBuilder:
    """Routes homes in the order they come; `step_s` makes it slow enough to watch or to cancel."""

    homes: pd.DataFrame
    held_back: int = 30
    step_s: float = 0.0
    depot: tuple[float, float] | None = (32.84, -97.29)
    as_of: datetime | None = datetime(2021, 4, 29, 12, tzinfo=UTC)

    def __post_init__(self):
        self.made_with = {}
        self.routes = pd.DataFrame(columns=ROUTES)
        self.stops = pd.DataFrame(columns=STOPS)
        self.replaced = []

    def generate_routes(self, max_per_route=50, *, time_limit_s=8.0, progress=None, **wishes):
        if max_per_route < 1:
            raise BadInput(f"max_per_route is {max_per_route}.", "Expected a whole number of stops, 1 or more.")
        for step in range(1, 11):
            time.sleep(self.step_s)
            report = SimpleNamespace(fraction=step / 10, distance_m=1e5 / step, routes=3, phase="improving")
            if progress is not None and progress(report) is False:
                raise Cancelled("Stopped.", remedy="Nothing was changed; the earlier routes stand.")
        held = self.stops.groupby("route_id")["property_id"].apply(list)
        self.replaced = [
            {"route_name": row.route_name, "stops": held[row.route_id]} for row in self.routes.itertuples()
        ]
        self.made_with = {"max_per_route": max_per_route, "visit_type": "knock", **wishes}
        number = np.arange(len(self.homes)) // max_per_route
        self.stops = self.homes.assign(
            route_id=[f"r{n}" for n in number], sequence_order=np.arange(len(self.homes)) % max_per_route + 1
        )[STOPS]
        self.routes = pd.DataFrame([
            {"route_id": f"r{n}", "route_name": f"Route {n + 1:02d}", "zip_code": "76137", "property_count": int(size),
             "avg_uplift": 0.05, "distance_m": 9000.0, "drive_minutes": 42.0, "crew_name": None, "status": "planned",
             "completed_count": 0, "work_minutes": 42.0 + 3 * size}
            for n, size in enumerate(np.bincount(number))
        ])[ROUTES]  # fmt: skip
        return self.routes.to_dict("records")

    def get_routes(self):
        return self.routes.copy()

    def get_revision(self, routes, stops):
        if not self.replaced:
            return None
        return compare(self.replaced, routes, stops, distance_m=9e4, distance_before_m=1e5)

    def get_stops(self, route_id=None):
        return self.stops if route_id is None else self.stops[self.stops["route_id"] == route_id]

    def get_ledger(self):
        routed = len(self.stops)
        rows = [("routed", "On a route", routed), ("ready", "Treated, not on a route yet", len(self.homes) - routed),
                ("held back", "Control group", self.held_back)]  # fmt: skip
        return pd.DataFrame(rows, columns=["outcome", "reason", "properties"])

    def assign_crew(self, route_id, crew_name, instead_of=""):
        now = self.routes.set_index("route_id")["crew_name"][route_id]
        if instead_of not in ("", now):
            raise Conflict("The route was given to another crew meanwhile.")
        if crew_name is not None and not crew_name.strip():
            raise BadInput("The crew has no name.", "Expected 1 to 80 signs.")
        self.routes.loc[self.routes["route_id"] == route_id, "crew_name"] = crew_name

    def find_ready(self, address, most=20):
        free = self.homes[~self.homes["property_id"].isin(self.stops["property_id"])]
        found = free[free["address"].str.startswith(address)]
        shown = found.assign(outcome="ready", alike=len(found)).head(most)
        rest = pd.DataFrame([{"property_id": "x", "address": address, "outcome": "held back", "alike": 2}])
        return pd.concat([shown, rest]) if address.startswith("1") else shown

    def add_stop(self, property_id, *, route_id=None):
        home = self.homes[self.homes["property_id"] == property_id].assign(route_id=route_id or "r0", sequence_order=99)
        self.stops = pd.concat([self.stops, home[STOPS]])
        return SimpleNamespace(route_id=route_id or "r0", said=f"{home['address'].iloc[0]} is put in.")

    def take_off(self, property_id):
        gone = self.stops[self.stops["property_id"] == property_id]
        self.stops = self.stops.drop(gone.index)
        return SimpleNamespace(route_id=gone["route_id"].iloc[0], said="It is off again.")

    def reorder_rest(self, route_id):
        return SimpleNamespace(moved=3, said=f"The rest of {route_id} is shorter.")

    def export_route_csv(self, route_id):
        text = io.StringIO()
        csv.writer(text).writerows(
            [["stop", "address"], *self.get_stops(route_id)[["sequence_order", "address"]].to_numpy()]
        )
        return text.getvalue()


def homes(n=120, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({
        "property_id": [f"p{i}" for i in range(n)], "address": [f"{100 + i} Test Street" for i in range(n)],
        "zip_code": rng.choice(["76137", "76148"], n), "latitude": 32.86 + rng.random(n) * 0.05,
        "longitude": -97.30 + rng.random(n) * 0.08, "expected_uplift": 0.05, "hail_in": rng.uniform(1, 3, n),
        "sii": 60.0, "job_status": "scheduled",
    })  # fmt: skip


def hail_reports(day=None):
    return pd.DataFrame({
        "event_id": [1, 2], "location": ["KELLER", "HASLET"], "hail_in": [3.25, 1.0],
        "reported_at": pd.to_datetime(["2021-04-29 01:06", "2021-04-29 01:40"], utc=True),
        "latitude": [32.93, 32.96], "longitude": [-97.25, -97.34], "source": ["Trained Spotter", "Public"],
        "narrative": ["Large hail.", ""],
    })  # fmt: skip


def square(level, half):
    ring = [[-97.27 + x * half, 32.9 + y * half] for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))]
    geometry = {"type": "MultiPolygon", "coordinates": [[ring]]}
    return {"type": "Feature", "properties": {"hail_in": level}, "geometry": geometry}


def swath(reports):
    features = [square(1.0, 0.08), square(2.0, 0.04)]
    return SimpleNamespace(contours=lambda: {"type": "FeatureCollection", "features": features})


def world(builder):
    """The callables of `controls.phase3`, around one builder."""

    def make(tenant, storm):
        if tenant not in set(TENANTS["slug"]) | set(TENANTS["tenant_id"]):
            raise UnknownTenant(f"There is no tenant '{tenant}' open to you.")
        if storm not in {"a1", "a2", "2021-04-28", "2020-04-28"}:
            raise UnknownStorm(f"This tenant has no storm '{storm}'.")
        return builder

    return {"builder": make, "tenants": lambda: TENANTS, "storms": lambda tenant: STORMS[tenant],
            "reports": hail_reports, "swath": swath}  # fmt: skip
