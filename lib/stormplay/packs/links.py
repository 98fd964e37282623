"""Links that open a map app with the stops in order, split where the app takes no more.

Google Maps' directions links take 9 waypoints between start and end on a desk and 3 on a phone; a crew has phones, so
a link has 3. Apple Maps and Waze take one destination. The first stop of a link is the last of the one before, so
that no leg is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from stormplay.packs.content import Pack, Stop

WAYPOINTS_ON_PHONE = 3
WAYPOINTS_ON_DESK = 9


@dataclass(frozen=True)
class Link:
    """A link and the stops it leads along: `first` to `last` in visiting order."""

    url: str
    first: int
    last: int

    @property
    def title(self) -> str:
        """Which stops it leads along."""
        return f"Stop {self.first}" if self.first == self.last else f"Stops {self.first} to {self.last}"


def google(pack: Pack, waypoints: int = WAYPOINTS_ON_PHONE) -> list[Link]:
    """Directions along all stops, from the crew's own place for the first link."""
    stops, links = pack.placed, []
    at = 0
    while at < len(stops):
        begins = stops[at - 1] if at else None
        legs = stops[at : at + waypoints + 1]
        links.append(Link(_directions(begins, legs), legs[0].number, legs[-1].number))
        at += len(legs)
    return links


def _directions(begins: Stop | None, legs: list[Stop]) -> str:
    query = {"api": "1", "travelmode": "driving", "destination": _place(legs[-1])}
    if begins is not None:
        query["origin"] = _place(begins)
    if len(legs) > 1:
        query["waypoints"] = "|".join(_place(stop) for stop in legs[:-1])
    return f"https://www.google.com/maps/dir/?{urlencode(query)}"


def _place(stop: Stop) -> str:
    return f"{stop.latitude:.6f},{stop.longitude:.6f}"
