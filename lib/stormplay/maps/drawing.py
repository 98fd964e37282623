"""The map itself: Folium without its CDN links, Leaflet and our own drawing inlined."""

from __future__ import annotations

import html
import json
from typing import Any

import folium
import pandas as pd
from branca.element import Element, MacroElement
from jinja2 import Template

from stormplay.errors import BadInput
from stormplay.maps.columns import columns, frame
from stormplay.maps.head import map_head
from stormplay.maps.palette import BAND_OPACITY, BANDS

ATTRIBUTION = "Reports: NOAA Storm Events · Bands: modelled · Leaflet"


def route_map(
    routes: pd.DataFrame | None,
    stops: pd.DataFrame | None,
    *,
    depot: tuple[float, float] | None = None,
    contours: dict[str, Any] | None = None,
    reports: pd.DataFrame | None = None,
    selected: str | None = None,
    height: int = 560,
    timezone: str = "UTC",
) -> folium.Map:
    """Draw the routes of a storm in stop order over its modelled hail bands and its real hail reports.

    Args:
        routes: One row a route: `route_id`, `route_name`, and where known `property_count`, `drive_minutes`,
            `crew_name`, `status`. None or empty draws the storm alone.
        stops: One row a stop: `route_id`, `sequence_order`, `latitude`, `longitude` (degrees), and where known
            `address`, `hail_in` (modelled), `job_status`, `do_not_knock`. Rows without coordinates or of no given
            route are left out.
        depot: Latitude and longitude where routes start and end, or None for open routes.
        contours: GeoJSON FeatureCollection of modelled hail size, each feature with the property `hail_in` (inches).
        reports: Hail reports: `hail_in`, `latitude`, `longitude`, `location`, `reported_at`, `source`, `narrative`.
        selected: `route_id` to bring forward; the other routes are dimmed.
        height: Height of the map in pixels when the map is displayed as it is.
        timezone: Zone in which the times of the reports are written.

    Returns:
        A Folium map that loads nothing from a network. In its window `stormplayMap` tells the number of
        `polylines`, `stops`, `reports` and `bands` drawn.

    Raises:
        BadInput: If `selected` is no route of `routes`.
    """
    routes = frame(routes, ("route_id", "route_name"))
    stops = frame(stops, ("route_id", "sequence_order", "latitude", "longitude"))
    reports = frame(reports, ("hail_in", "latitude", "longitude"))
    if selected is not None and str(selected) not in set(routes["route_id"].astype(str)):
        raise BadInput(f"There is no route {selected} on this map.", "", "Choose a route from the table.")
    payload = columns(routes, stops, reports, timezone)
    stop_count = sum(payload["routes"]["count"])
    payload |= ground(depot, contours) | {
        "selected": None if selected is None else str(selected),
        "label": f"Map of {len(routes):,} routes, {stop_count:,} stops and {len(reports):,} hail reports",
    }
    return folium_map(payload, height)


def ground(depot: tuple[float, float] | None, contours: dict[str, Any] | None) -> dict[str, Any]:
    """What every map stands on."""
    return {
        "depot": list(map(float, depot)) if depot else None,
        "contours": contours,
        "selected": None,
        "bands": BANDS,
        "band_opacity": BAND_OPACITY,
        "attribution": ATTRIBUTION,
    }


def map_document(map_: folium.Map) -> str:
    """Return the map as one complete HTML document, for the `srcdoc` of a frame or for a file."""
    return str(map_.get_root().render())


def map_payload(map_: folium.Map) -> str:
    """Return what a map draws, as JSON that is safe in a script: a document that is open draws it in its place."""
    return next(child.payload for child in map_._children.values() if isinstance(child, _Drawing))


def map_html(map_: folium.Map, height: int = 560) -> str:
    """Return the map as an `<iframe>` that holds its whole document, for a page or a saved report.

    Args:
        map_: A map made by `route_map`.
        height: Height in pixels on a wide screen; a narrow or low one gets less.

    Returns:
        HTML. The frame is sandboxed: scripts in it run without access to the page around it.
    """
    title = html.escape(str(map_.get_root().title or "Map"))
    source = html.escape(map_document(map_))
    style = f"width:100%;height:clamp(380px,60vw,{int(height)}px);max-height:85vh;border:0;border-radius:8px"
    return f'<iframe class="sp-map" title="{title}" sandbox="allow-scripts" style="{style}" srcdoc="{source}"></iframe>'


class _Verbatim(Element):  # type: ignore[misc]
    """Text that Jinja does not read: Leaflet's source is full of braces."""

    _template = Template("{{ this.text }}")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class _Drawing(MacroElement):  # type: ignore[misc]
    _name = "StormplayDrawing"
    _template = Template(
        "{% macro script(this, kwargs) %}"
        "stormplayDraw({{ this._parent.get_name() }}, {{ this.payload }});"
        "{% endmacro %}"
    )

    def __init__(self, payload: dict[str, Any]) -> None:
        super().__init__()
        self.payload = _script_safe(json.dumps(payload, separators=(",", ":"), ensure_ascii=False, default=str))


def _script_safe(text: str) -> str:
    """Escape what could end a `<script>` or a string in it; the result is still the same JSON."""
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def folium_map(payload: dict[str, Any], height: int) -> folium.Map:
    """A Folium map that draws a payload of `stormplayDraw` and loads nothing."""
    # Whole zoom steps would leave half of a phone's width empty; quarter steps fill it.
    map_ = folium.Map(tiles=None, prefer_canvas=True, height="100%", zoom_snap=0.25, zoom_delta=1, min_zoom=3)
    map_.default_js, map_.default_css = [], []
    figure = map_.get_root()
    figure.title, figure.width, figure.height = payload["label"], "100%", f"{int(height)}px"
    figure.header.add_child(_Verbatim(map_head()), name="leaflet")
    map_.add_child(_Drawing(payload))
    return map_
