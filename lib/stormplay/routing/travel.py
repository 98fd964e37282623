"""From great-circle metres to what a crew feels: minutes behind the wheel. Estimates, and said to be."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stormplay.errors import BadInput
from stormplay.routing.metric import haversine_m

CIRCUITY = 1.3
"""Road metres per great-circle metre; US cities lie near 1.2 to 1.4 (Ballou, Rahardja and Sakai, 2002)."""
SPEED_KMH = 32.0
"""Assumed mean speed on residential and connecting streets, stops included (20 mph)."""


def drive_minutes(distance_m: float, *, circuity: float = CIRCUITY, speed_kmh: float = SPEED_KMH) -> float:
    """Estimated minutes of driving for a great-circle distance; no traffic, no closed road.

    Args:
        distance_m: Great-circle metres, 0 or more.
        circuity: Road metres per great-circle metre.
        speed_kmh: Mean speed.

    Raises:
        BadInput: A negative distance, a circuity below 1 or a speed that is not above 0.
    """
    if not (distance_m >= 0 and circuity >= 1 and speed_kmh > 0):
        raise BadInput(
            f"No driving time for {distance_m} m at {speed_kmh} km/h and circuity {circuity}.",
            "Expected a distance of 0 or more, a circuity of 1 or more and a speed above 0.",
        )
    return distance_m * circuity / (speed_kmh * 1000 / 60)


def route_distance_m(coordinates: npt.ArrayLike, depot: npt.ArrayLike | None = None) -> float:
    """Great-circle metres along stops in visiting order.

    Args:
        coordinates: (n, 2) latitude, longitude in degrees, in order.
        depot: Where the route starts and ends, or None for an open route.
    """
    path = np.asarray(coordinates, dtype=float).reshape(-1, 2)
    if depot is not None and len(path):
        path = np.vstack([depot, path, depot])
    return float(haversine_m(path[:-1], path[1:]).sum()) if len(path) > 1 else 0.0
