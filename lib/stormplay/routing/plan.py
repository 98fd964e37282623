"""The answer of `solve`: who is visited, in which order, how far, and who is left out and why."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.intp]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """Routes over the rows of `coordinates`.

    Attributes:
        routes: One integer array a route: row numbers of `coordinates` in visiting order. Never empty arrays.
        distance_m: Sum of all legs, in the metric's unit (metres for "haversine"): with a depot including the
            legs from and to it, without one only the legs between stops.
        route_distances_m: float array (number of routes,), the same sum for each route.
        unassigned: Row number -> reason, for every row that is on no route.
        start_distance_m: Length after bisection and ordering, before the improvement.
        ended: Why the run ended: "converged" (more work is not worth its time), "time", "cancelled" or "iterations".
        route_crews: Name of the crew that drives each route, where crews were given.
        route_minutes: float array (number of routes,), driving, service and waiting of each, where minutes can be told.
        begin_minutes: For each route when each visit begins, minutes after setting out, where minutes can be told.
    """

    routes: list[IntArray]
    distance_m: float
    route_distances_m: FloatArray
    unassigned: dict[int, str]
    start_distance_m: float
    ended: str
    route_crews: list[str] = field(default_factory=list)
    route_minutes: FloatArray = field(default_factory=lambda: np.zeros(0))
    begin_minutes: list[FloatArray] = field(default_factory=list)

    def __repr__(self) -> str:
        stops = sum(len(route) for route in self.routes)
        return (
            f"Plan({stops} stops on {len(self.routes)} routes, {self.distance_m:,.0f} m, "
            f"{len(self.unassigned)} unassigned, ended: {self.ended})"
        )
