"""Coordinates in, ordered routes out. Pure: arrays, no database; OR-Tools is loaded by its first use.

solve             stops, limits, crews, hours, a plan that exists -> Plan
Plan, Progress    the answer, and a report on the way
Crew              who drives: home or depot, shift, days, skills
insert            one more stop on a day that has begun -> Insertion: where, and what changes
drive_minutes     metres -> estimated minutes
route_distance_m  metres along stops in order
haversine_m       metres between points
improve_path      a shorter order of a few stops by a matrix, such as one of driving minutes
homes_abroad      how far routes lie in each other's territory
CIRCUITY, SPEED_KMH    what estimates assume
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormplay import lazy

if TYPE_CHECKING:
    from stormplay.routing.crews import Crew
    from stormplay.routing.inserting import Insertion, insert
    from stormplay.routing.metric import haversine_m
    from stormplay.routing.ordering import improve_path
    from stormplay.routing.plan import Plan
    from stormplay.routing.progress import Progress
    from stormplay.routing.solver import solve
    from stormplay.routing.territory import homes_abroad
    from stormplay.routing.travel import CIRCUITY, SPEED_KMH, drive_minutes, route_distance_m

__all__ = [
    "CIRCUITY",
    "SPEED_KMH",
    "Crew",
    "Insertion",
    "Plan",
    "Progress",
    "drive_minutes",
    "haversine_m",
    "homes_abroad",
    "improve_path",
    "insert",
    "route_distance_m",
    "solve",
]

# Who starts the compiler, as each start of a server does, needs nothing of what plans.
_ROOMS = {
    "crews": "Crew",
    "inserting": "Insertion, insert",
    "metric": "haversine_m",
    "ordering": "improve_path",
    "plan": "Plan",
    "progress": "Progress",
    "solver": "solve",
    "territory": "homes_abroad",
    "travel": "CIRCUITY, SPEED_KMH, drive_minutes, route_distance_m",
}
__getattr__ = lazy.names(__name__, _ROOMS)
