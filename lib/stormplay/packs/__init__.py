"""What leaves the building with a crew. Pure: stops in, files out. What comes back is `stormplay.jobs.field`.

content  the stops of a crew's day, from which every file is written
files    CSV, GeoJSON, GPX, KML, iCalendar
links    links for map apps, split at their limits
page     the page to print, with QR codes, as HTML
paper    the same as PDF
bundle   one zip with a manifest
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormplay import lazy
from stormplay.packs.content import Pack, Stop, stops_of

if TYPE_CHECKING:
    from stormplay.packs.bundle import to_zip

__all__ = ["Pack", "Stop", "stops_of", "to_zip"]

# Four libraries that write files: half a second that only who makes a pack pays.
__getattr__ = lazy.names(__name__, {"bundle": "to_zip"})
