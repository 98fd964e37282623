"""Jobs as dots coloured by status, over the same ground as routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import folium
import pandas as pd

from stormplay.errors import BadInput
from stormplay.maps.columns import columns, frame, steps
from stormplay.maps.drawing import folium_map, ground

MOST_NAMED = 20_000  # with more dots their addresses would be most of the page; a click then asks the page

Kind = tuple[str, str, str]
"""A status: its name, its label, its colour as `#rrggbb`."""


def job_map(
    jobs: pd.DataFrame | None,
    kinds: Sequence[Kind],
    *,
    depot: tuple[float, float] | None = None,
    contours: dict[str, Any] | None = None,
    reports: pd.DataFrame | None = None,
    height: int = 560,
    timezone: str = "UTC",
) -> folium.Map:
    """Draw jobs, one dot each, any number of them on one canvas.

    Args:
        jobs: `latitude`, `longitude` (degrees, none missing), `status`, `address`. A dot's number is its row's.
        kinds: The statuses in order; a status of a job that is not among them is drawn grey under its own name.
        depot, contours, reports, height, timezone: As for `route_map`.

    Returns:
        A Folium map that loads nothing from a network. In its window `stormplayMap.jobs` is the number of dots and
        `stormplayMap.jobCounts()` how many there are of each status, in the order of `kinds`.

    Raises:
        BadInput: A place is missing, or there are more than 255 statuses.
    """
    jobs = frame(jobs, ("latitude", "longitude", "status", "address"))
    if jobs[["latitude", "longitude"]].isna().to_numpy().any():
        raise BadInput("A job has no place.", "Expected latitude and longitude of each.", "Leave the others out.")
    shown = known_kinds(jobs, kinds)
    if len(shown) > 255:
        raise BadInput(f"There are {len(shown)} statuses.", "Expected at most 255 on one map.")
    payload = columns(frame(None, ("route_id", "route_name")),
                      frame(None, ("route_id", "sequence_order", "latitude", "longitude")),
                      frame(reports, ("hail_in", "latitude", "longitude")), timezone)  # fmt: skip
    told = jobs["address"].fillna("").astype(str).str.replace("\n", " ") if len(jobs) <= MOST_NAMED else None
    payload |= ground(depot, contours) | {
        "jobs": {
            "lat": steps(jobs["latitude"]),
            "lon": steps(jobs["longitude"]),
            "status": codes(jobs["status"], shown),
            "statuses": [{"text": label, "colour": colour} for _, label, colour in shown],
            "text": None if told is None else "\n".join(told),
        },
        "label": f"Map of {len(jobs):,} jobs by status",
    }
    return folium_map(payload, height)


def known_kinds(jobs: pd.DataFrame, kinds: Sequence[Kind]) -> list[Kind]:
    """The statuses, and after them those of the jobs that are not among them."""
    named = {name for name, _, _ in kinds}
    other = sorted(set(jobs["status"].dropna().astype(str)) - named)
    return [*kinds, *((name, name.replace("_", " ").capitalize(), "#64748b") for name in other)]


def codes(statuses: pd.Series[Any], kinds: Sequence[Kind]) -> list[int]:
    """The position of each status among the kinds."""
    return list(pd.Categorical(statuses, categories=[name for name, _, _ in kinds]).codes.tolist())
