"""Frames in, a Folium map out, with nothing to fetch.

The map is built from columns: one compact JSON payload and one JavaScript loop (`share/leaflet/stormplay_map.js`)
draw all stops on one canvas, instead of a Python object for every point. Leaflet itself is inlined, so the same map
works in a page, in JupyterLab and in a saved report without a network. There is no tile server: a mile grid, ZIP
labels, the modelled hail bands and the real reports are the ground.
"""

from __future__ import annotations

from stormplay.maps.columns import route_notes, stop_states
from stormplay.maps.drawing import map_document, map_html, route_map
from stormplay.maps.impacts import IMPACT_BANDS, NOT_REACHED, UNREACHED_COLOUR, addresses, impact_bytes, impact_map
from stormplay.maps.jobs import job_map, known_kinds
from stormplay.maps.palette import route_colours

__all__ = [
    "IMPACT_BANDS",
    "NOT_REACHED",
    "UNREACHED_COLOUR",
    "addresses",
    "impact_bytes",
    "impact_map",
    "job_map",
    "known_kinds",
    "map_document",
    "map_html",
    "route_colours",
    "route_map",
    "route_notes",
    "stop_states",
]
