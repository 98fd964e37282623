"""What every map begins with: Leaflet and our own drawing. Knows no Folium, since the server sends it too."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from stormplay import addresses, look

FILE = "map_head.txt"  # text: nobody opens it as a page
AHEAD = "STORMPLAY_MAP_AHEAD"  # set in the kernel of a page that draws its map before the map's widget is there
AHEAD_KIND = "application/vnd.stormplay.map+json"  # what such a map is displayed as, for the server to hand it on
PLACE = "<!-- stormplay: head -->"  # where it stands in a document that comes without it


@cache
def map_head() -> str:
    """Leaflet and our own drawing, as they stand in the head of every map."""
    folder = files("stormplay") / "share" / "leaflet"
    script, style, jobs, stops, draw, own = (
        (folder / name).read_text(encoding="utf-8")
        for name in ("leaflet.js", "leaflet.css", "stormplay_jobs.js", "stormplay_stops.js", "stormplay_map.js",
                     "stormplay_map.css")
    )  # fmt: skip
    # Images of controls we do not use, Internet Explorer's VML and the source map would each be a request.
    style = re.sub(r"[^{}]*\{[^{}]*url\([^{}]*\}", "", style)
    script = re.sub(r"//# sourceMappingURL=\S+", "", script)
    looks, draws = f"{look.tokens()}\n{style}\n{own}", f"{jobs}\n{stops}\n{draw}"
    return f"<style>{looks}</style>\n<script>{script}</script>\n<script>{draws}</script>"


@cache
def head_address() -> str:
    """Where the server sends the head, below its base URL; the digest lets a browser keep it for good."""
    return addresses.for_good(f"static/{FILE}", map_head())


def without_head(document: str) -> str:
    """A map's document with a mark in place of its head."""
    return document.replace(map_head(), PLACE, 1)
