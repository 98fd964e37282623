"""What the storm is known, and modelled, to have done near a property. Pure.

A report is what somebody measured somewhere near. What is said of the property itself is modelled from such reports:
nobody has looked at this roof.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from stormplay.routing.metric import haversine_m
from stormplay.storms import band
from stormplay.units import METRES_PER_MILE

FAR_MILES = 10.0


def nearest_reports(latitude: float, longitude: float, reports: pd.DataFrame, n: int = 3) -> pd.DataFrame:
    """The hail reports nearest to a place.

    Args:
        latitude, longitude: Degrees.
        reports: `storms.read_reports`: hail_in, latitude, longitude, location, reported_at, source.
        n: How many, at most.

    Returns:
        Their rows with distance_m, nearest first; empty where there are none with a place.
    """
    placed = reports.dropna(subset=["latitude", "longitude"])
    if placed.empty:
        return placed.assign(distance_m=pd.Series(dtype=float))
    there = placed[["latitude", "longitude"]].to_numpy(dtype=float)
    away_m = haversine_m(there, np.array([latitude, longitude]))
    return placed.assign(distance_m=away_m).sort_values(["distance_m", "hail_in"], ascending=[True, False]).head(n)


def sentences(job: Mapping[str, Any], reports: pd.DataFrame, time_zone: str) -> list[str]:
    """What to say of the storm at a property, each number with where it comes from.

    Args:
        job: latitude, longitude (or None), hail_in (modelled, or None), sii.
        reports: The hail reports of the storm's day.
        time_zone: IANA name in which times are written.
    """
    said = []
    if job.get("hail_in") is not None:
        size = float(job["hail_in"])
        said.append(f"Modelled hail here: {size:.2f} in ({_band(size)}). It is modelled from reports nearby; "
                    "nobody has measured at this roof.")  # fmt: skip
    else:
        said.append("No hail is modelled here: the home is outside the swath, or nothing was computed for it yet.")
    if job.get("latitude") is None or job.get("longitude") is None:
        return [*said, "The place of this home is not known, so no report can be called near."]
    near = nearest_reports(float(job["latitude"]), float(job["longitude"]), reports)
    if near.empty:
        return [*said, "There is no hail report with a place for this day."]
    said += [_report(row, time_zone) for row in near.to_dict("records")]
    if near["distance_m"].iloc[0] > FAR_MILES * METRES_PER_MILE:
        said.append(f"The nearest report is more than {FAR_MILES:.0f} miles away: weak evidence.")
    return said


def _band(size: float) -> str:
    name = str(band(size))
    return f"band {name}" if name.endswith("more") else f"band {name} in"


def _report(row: Mapping[Any, Any], time_zone: str) -> str:
    when = ""
    if pd.notna(row.get("reported_at")):
        when = f" at {row['reported_at'].tz_convert(time_zone):%H:%M}"
    where = f" near {str(row['location']).title()}" if row.get("location") else ""
    source = f", {row['source']}" if row.get("source") else ""
    miles = row["distance_m"] / METRES_PER_MILE
    return f"Reported: {float(row['hail_in']):.2f} in{where}{when}, {miles:.1f} miles away (NOAA{source})."
