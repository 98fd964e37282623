"""Roads: driving metres and minutes between the stops of one route, by a road engine or estimated.

Legs          metres and minutes between all pairs of a small group of places, and where they come from
Roads         an engine that is asked group by group, with what it cannot answer estimated and said
configured    the engine that `STORMPLAY_ROADS` names, or none
drive         the routes of a plan, ordered and timed by the road
keeping       answers kept in the database

No matrix of all stops is ever asked for: only of the stops of one route, which are at most a hundred or so.
"""

from stormplay.roads import keeping
from stormplay.roads.driving import Driving, drive, group
from stormplay.roads.engines import Engine, configured, engine_of
from stormplay.roads.legs import Legs, Roads, estimated

__all__ = [
    "Driving",
    "Engine",
    "Legs",
    "Roads",
    "configured",
    "drive",
    "engine_of",
    "estimated",
    "group",
    "keeping",
]
