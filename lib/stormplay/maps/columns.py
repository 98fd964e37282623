"""Frames to compact columns: what the browser needs to draw, and nothing a point at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from stormplay.maps.palette import route_colours

DONE = ("done", "completed")
_REPORT_TEXTS = ("location", "source", "narrative")


def frame(frame: pd.DataFrame | None, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return the frame, or an empty one with these columns where there is none."""
    return pd.DataFrame(columns=list(columns)) if frame is None else frame


def columns(routes: pd.DataFrame, stops: pd.DataFrame, reports: pd.DataFrame, zone: str) -> dict[str, Any]:
    """Pack routes, stops, ZIP labels and reports into what `stormplayDraw` reads."""
    ids = routes["route_id"].astype(str)
    placed, position = _in_order(ids, stops)
    return {
        "routes": {
            "id": ids.tolist(),
            "name": _texts(routes, "route_name"),
            "colour": route_colours(len(ids)),
            "note": list(route_notes(routes).values()),
            "count": np.bincount(position, minlength=len(ids)).tolist(),
        },
        "stops": _stop_columns(placed, position),
        "zips": zip_labels(placed),
        "reports": _report_columns(reports, zone),
    }


def _stop_columns(stops: pd.DataFrame, position: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Pack the stops: coordinates as steps of 1e-5 degrees (about 1 m), street names and states once each."""
    number = stops["sequence_order"].to_numpy(dtype=int)
    first = np.searchsorted(position, position)
    plain = np.array_equal(number, np.arange(len(number)) - first + 1)
    addresses = [address.replace("\n", " ").partition(" ") for address in _texts(stops, "address")]
    street_code, streets = _once([street for _, _, street in addresses])
    status_code, statuses = _once(_texts(stops, "job_status"))
    return {
        "lat": steps(stops["latitude"]),
        "lon": steps(stops["longitude"]),
        "seq": None if plain else number.tolist(),
        "head": "\n".join(house for house, _, _ in addresses),
        "tail": street_code,
        "tails": streets,
        "hail": _hundredths(stops),
        "status": status_code,
        "no": np.flatnonzero(stops["do_not_knock"]).tolist() if "do_not_knock" in stops else [],
        "statuses": [{"text": text or "planned", "done": text in DONE} for text in statuses],
    }


def steps(degrees: pd.Series[float]) -> list[int]:
    """Degrees as differences of steps of 1e-5."""
    scaled = np.rint(degrees.to_numpy(dtype=float) * 1e5).astype(int)
    return list(np.diff(scaled, prepend=0).tolist())


def _hundredths(stops: pd.DataFrame) -> list[int | None]:
    if "hail_in" not in stops:
        return [None] * len(stops)
    scaled = np.rint(stops["hail_in"].to_numpy(dtype=float) * 100)
    return [None if value != value else int(value) for value in scaled.tolist()]  # noqa: PLR0124 - NaN


def _texts(frame: pd.DataFrame, column: str) -> list[str]:
    if column not in frame:
        return [""] * len(frame)
    cells = zip(frame[column].tolist(), frame[column].isna().tolist(), strict=True)
    return ["" if is_missing else str(value) for value, is_missing in cells]


def _once(texts: list[str]) -> tuple[list[int], list[str]]:
    """Each text by its place in the list of those that differ, in the order in which they come."""
    places: dict[str, int] = {}
    return [places.setdefault(text, len(places)) for text in texts], list(places)


def route_notes(routes: pd.DataFrame) -> dict[str, str]:
    """Write the line under each route's name, by `route_id`, from those of its columns that are there."""
    parts: list[tuple[str, Callable[[Any], str]]] = [
        ("property_count", lambda n: f"{int(n):,} stops"),
        ("drive_minutes", lambda minutes: f"{minutes / 60:.1f} h driving"),
        ("crew_name", str),
        ("status", str),
    ]
    texts = [[write(v) if pd.notna(v) else "" for v in routes[c]] for c, write in parts if c in routes]
    lines = [" · ".join(filter(None, row)) for row in zip(*texts, strict=True)] or [""] * len(routes)
    return dict(zip(routes["route_id"].astype(str), lines, strict=True))


def stop_states(routes: pd.DataFrame, stops: pd.DataFrame) -> list[tuple[str, bool]]:
    """What a map of these stops says of each, in the order in which it holds them: its words, whether it is done."""
    placed, _ = _in_order(routes["route_id"].astype(str), stops)
    return [(status or "planned", status in DONE) for status in _texts(placed, "job_status")]


def _in_order(ids: pd.Series[str], stops: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray[Any, Any]]:
    """The stops that can be drawn, by route and number, and the place of each one's route."""
    placed = stops.dropna(subset=["latitude", "longitude"])
    position = pd.Series(np.arange(len(ids)), index=ids.to_numpy()).reindex(placed["route_id"].astype(str)).to_numpy()
    kept = ~np.isnan(position.astype(float))
    placed, position = placed[kept], position[kept].astype(int)
    order = np.lexsort((placed["sequence_order"].to_numpy(dtype=int), position))
    return placed.iloc[order], position[order]


def zip_labels(stops: pd.DataFrame) -> dict[str, list[Any]]:
    """Where each ZIP code is written: in the middle of its stops."""
    if "zip_code" not in stops:
        return {"zip": [], "lat": [], "lon": []}
    centre = stops.groupby(stops["zip_code"].astype(str))[["latitude", "longitude"]].median().round(4)
    return {"zip": list(centre.index), "lat": centre["latitude"].tolist(), "lon": centre["longitude"].tolist()}


def _report_columns(reports: pd.DataFrame, zone: str) -> dict[str, list[Any]]:
    placed = reports.dropna(subset=["hail_in", "latitude", "longitude"]).sort_values("hail_in")
    columns: dict[str, list[Any]] = {name: _texts(placed, name) for name in _REPORT_TEXTS}
    when = [""] * len(placed)
    if "reported_at" in placed and len(placed):
        when = placed["reported_at"].dt.tz_convert(zone).dt.strftime("%d %b %Y, %H:%M %Z").fillna("").tolist()
    return {
        "lat": placed["latitude"].astype(float).round(5).tolist(),
        "lon": placed["longitude"].astype(float).round(5).tolist(),
        "hail_in": placed["hail_in"].astype(float).tolist(),
        "place": [text.title() for text in columns["location"]],
        "when": when,
        "source": ["Source: " + text if text else "" for text in columns["source"]],
        "narrative": columns["narrative"],
    }
