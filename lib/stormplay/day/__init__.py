"""A plan changed on its day, inside one transaction: what has been visited stays, and so does every other route.

add_stop      one stop more, where the way gets longer by least -> Added
take_off      a stop that nobody has begun -> TakenOff
reorder_rest  what is left of a route, in a shorter order -> Reordered

Each wants an open session that holds the storm's lock (`planning.lock_storm`).
"""

from stormplay.day.adding import Added, TakenOff, add_stop, take_off
from stormplay.day.shortening import Reordered, reorder_rest

__all__ = ["Added", "Reordered", "TakenOff", "add_stop", "reorder_rest", "take_off"]
