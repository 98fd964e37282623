"""The routes that were driven after the storms of the past, and their jobs. All synthetic."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

import numpy as np
import pandas as pd

from stormplay.demo.streets import METRES_PER_DEGREE, Rng

CREWS = ("Crew Gable (demo)", "Crew Rafter (demo)", "Crew Dormer (demo)", "Crew Soffit (demo)")
STOPS = 50
STREET_FACTOR = 1.3  # metres driven per metre as the crow flies
SPEED_M_PER_MINUTE = 500.0

STATUS_OF_UNSIGNED = {"completed": 0.62, "no_answer": 0.20, "lost": 0.15, "do_not_return": 0.03}
NOTES = {
    "completed": "Synthetic note: roof inspected, photographs taken.",
    "no_answer": "Synthetic note: knocked three times, nobody home.",
    "lost": "Synthetic note: owner chose another company.",
    "do_not_return": "Synthetic note: owner asked us not to come back.",
}


def drive_routes(space: UUID, treated: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cut treated homes into finished routes, ZIP by ZIP in the order of their streets.

    Args:
        space: Namespace of the ids.
        treated: property_id, zip_code, latitude, longitude, expected_uplift in walking order.

    Returns:
        routes (route_id, route_name, zip_code, property_count, avg_uplift, distance_m, drive_minutes, crew_name) and
        route_properties (route_id, property_id, sequence_order).
    """
    routes: list[dict[str, object]] = []
    stops: list[pd.DataFrame] = []
    for zip_code, homes in treated.groupby("zip_code", sort=True):
        parts = np.array_split(np.arange(len(homes)), int(np.ceil(len(homes) / STOPS)))
        for number, part in enumerate(parts, start=1):
            name = f"{zip_code} / {number}"
            route_id = str(uuid5(space, f"route {name}"))
            members = homes.iloc[part]
            routes.append(_route(route_id, name, str(zip_code), CREWS[len(routes) % len(CREWS)], members))
            order = np.arange(1, len(members) + 1)
            stops.append(members[["property_id"]].assign(route_id=route_id, sequence_order=order))
    return pd.DataFrame(routes), pd.concat(stops, ignore_index=True)


def _route(route_id: str, name: str, zip_code: str, crew_name: str, homes: pd.DataFrame) -> dict[str, object]:
    latitude, longitude = homes["latitude"].to_numpy(), homes["longitude"].to_numpy()
    shrink = np.cos(np.radians(latitude.mean()))
    legs = np.hypot(np.diff(latitude), np.diff(longitude) * shrink) * METRES_PER_DEGREE * STREET_FACTOR
    distance_m = float(legs.sum())
    return {
        "route_id": route_id,
        "route_name": name,
        "zip_code": zip_code,
        "property_count": len(homes),
        "avg_uplift": float(homes["expected_uplift"].mean()),
        "distance_m": distance_m,
        "drive_minutes": distance_m / SPEED_M_PER_MINUTE,
        "crew_name": crew_name,
    }


def finish_jobs(rng: Rng, day: pd.Timestamp, stops: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Give every stop a job that has ended: completed for all who signed, and for most of the others.

    Returns:
        route_id, property_id, status, furthest (how far the visit came), notes, claim_intel (documentation of damage,
        never the handling of a claim), completed_at (missing unless completed).
    """
    jobs = stops[["route_id", "property_id"]].merge(outcomes[["property_id", "actual_converted"]], on="property_id")
    drawn = rng.choice(list(STATUS_OF_UNSIGNED), len(jobs), p=list(STATUS_OF_UNSIGNED.values()))
    status = np.where(jobs["actual_converted"].to_numpy(dtype=bool), "completed", drawn)
    done = status == "completed"
    damaged = done & (jobs["actual_converted"].to_numpy(dtype=bool) | (rng.random(len(jobs)) < 0.4))
    severity = rng.choice(["Low", "Moderate", "High"], len(jobs))
    minutes = rng.integers(3, 22, len(jobs)) * 1440 + rng.integers(14 * 60, 23 * 60, len(jobs))
    return pd.DataFrame(
        {
            "route_id": jobs["route_id"],
            "property_id": jobs["property_id"],
            "status": status,
            "furthest": _furthest(status, jobs["actual_converted"].to_numpy(dtype=bool)),
            "notes": [NOTES[one] for one in status],
            "claim_intel": [
                {"damage_type": "hail", "severity": str(how), "synthetic": True} if hit else {}
                for hit, how in zip(damaged, severity, strict=True)
            ],
            "completed_at": (day + pd.to_timedelta(pd.Series(minutes), unit="min")).where(done),
        }
    )


def _furthest(status: np.ndarray[Any, Any], signed: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """How far a visit came: who signed was inspected before, who was not at home was only knocked at."""
    came = {"completed": "inspected", "no_answer": "knocked", "lost": "contacted", "do_not_return": "contacted"}
    return np.where(signed, "signed", [came[str(one)] for one in status])
