"""Frames in, a Folium map out, with nothing to fetch.

The map is built from columns: one compact JSON payload and one JavaScript loop (`share/leaflet/stormplay_map.js`)
draw all stops on one canvas, instead of a Python object for every point. Leaflet itself is inlined, so the same map
works in a page, in JupyterLab and in a saved report without a network. There is no tile server: a mile grid, ZIP
labels, the modelled hail bands and the real reports are the ground.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormplay import lazy

if TYPE_CHECKING:
    from stormplay.maps.columns import route_notes, stop_states
    from stormplay.maps.drawing import map_document, map_html, map_payload, route_map
    from stormplay.maps.head import head_address, map_head, without_head
    from stormplay.maps.impacts import IMPACT_BANDS, NOT_REACHED, UNREACHED_COLOUR, addresses, impact_bytes, impact_map
    from stormplay.maps.jobs import job_map, known_kinds
    from stormplay.maps.palette import route_colours

__all__ = [
    "IMPACT_BANDS",
    "NOT_REACHED",
    "UNREACHED_COLOUR",
    "addresses",
    "head_address",
    "impact_bytes",
    "impact_map",
    "job_map",
    "known_kinds",
    "map_document",
    "map_head",
    "map_html",
    "map_payload",
    "route_colours",
    "route_map",
    "route_notes",
    "stop_states",
    "without_head",
]

# Room -> the names it gives. Loaded at first use: the server sends the head and needs no Folium for it.
_ROOMS = {
    "columns": "route_notes, stop_states",
    "drawing": "map_document, map_html, map_payload, route_map",
    "head": "head_address, map_head, without_head",
    "impacts": "IMPACT_BANDS, NOT_REACHED, UNREACHED_COLOUR, addresses, impact_bytes, impact_map",
    "jobs": "job_map, known_kinds",
    "palette": "route_colours",
}
__getattr__ = lazy.names(__name__, _ROOMS)
