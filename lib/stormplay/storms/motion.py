"""How a storm moved, estimated from where and when hail was reported."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Reports more than an hour apart belong to different cells: each cell has its own start, all share one motion.
CELL_GAP_MINUTES = 60.0
# Below this share of explained scatter, or outside these speeds, the reports do not tell a motion.
MIN_EXPLAINED = 0.3
SPEED_RANGE_KMH = (5.0, 150.0)

_COMPASS = ("N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW")


@dataclass(frozen=True)
class Motion:
    """Direction and speed of a storm.

    Attributes:
        bearing_deg: Where it moves to: 0 north, 90 east.
        speed_kmh: Kilometres an hour.
    """

    bearing_deg: float
    speed_kmh: float

    @property
    def compass(self) -> str:
        """The bearing on a compass of 16 points, such as 'ENE'."""
        return _COMPASS[round(self.bearing_deg / 22.5) % 16]


def estimate_motion(east_km: Floats, north_km: Floats, minutes: Floats) -> Motion | None:
    """Fit one steady motion to reports by least squares, within cells.

    Args:
        east_km, north_km: (n,) positions on a local plane.
        minutes: (n,) times from any origin.

    Returns:
        The motion, or None where there are fewer than 3 reports or time explains too little of the scatter.
    """
    if len(minutes) < 3:
        return None
    cell = _cells(minutes)
    t, x, y = (_centred(values, cell) for values in (minutes, east_km, north_km))
    moved, scatter = float(t @ t), float(x @ x + y @ y)
    if moved <= 0 or scatter <= 0:
        return None
    east_kmh, north_kmh = 60 * float(t @ x) / moved, 60 * float(t @ y) / moved
    explained = (east_kmh**2 + north_kmh**2) / 3600 * moved / scatter
    speed_kmh = float(np.hypot(east_kmh, north_kmh))
    if explained < MIN_EXPLAINED or not SPEED_RANGE_KMH[0] <= speed_kmh <= SPEED_RANGE_KMH[1]:
        return None
    return Motion(float(np.degrees(np.arctan2(east_kmh, north_kmh)) % 360), speed_kmh)


def _cells(minutes: Floats) -> NDArray[np.intp]:
    order = np.argsort(minutes, kind="stable")
    cell = np.empty(len(minutes), dtype=np.intp)
    cell[order] = np.concatenate([[0], np.cumsum(np.diff(minutes[order]) > CELL_GAP_MINUTES)])
    return cell


def _centred(values: Floats, cell: NDArray[np.intp]) -> Floats:
    mean = np.bincount(cell, values) / np.bincount(cell)
    return np.asarray(values - mean[cell], dtype=np.float64)
