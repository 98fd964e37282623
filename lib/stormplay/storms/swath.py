"""A hail swath, modelled from point reports.

The model. Distances are taken on a local plane and scaled along and across the storm's motion, so that q = 1 is
6 km along or 2.5 km across. With s_i the size of report i and q_i its scaled distance from a point:

    k_i   = exp(-q_i^2 / 2)
    size  = sum(w_i s_i) / sum(w_i),   w_i = k_i / (q_i^2 + 0.01)     what the nearest reports say
    reach = 1 - prod(1 - k_i)                                         1 at a report, falling to 0 far from all
    hail  = size * reach, and 0 where that is below 0.5 in

So a point at a report gets about that report's size (a neighbour a few hundred metres away pulls it a little),
a point between reports a blend, a point far from all 0; no point exceeds the largest report. Where the reports
tell no motion the scale is 3.9 km in every direction (the same area).

Its limits. The two lengths are chosen for the shape of a hail swath, not fitted. Leaving out one report at a
time and predicting it from the others misses by 0.49 in on average on 17 March 2016, 0.31 in on 28 April 2020
and 0.61 in on 28 April 2021. That is no better than guessing the storm's mean size (0.45, 0.21, 0.59): sizes
differ from street to street. The swath says where hail is likely and how large it was nearby. Reports come from
where somebody looked, so empty land may have been hit; and a modelled size never means that hail hit this roof.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from stormplay.errors import BadInput
from stormplay.storms.contours import polygons
from stormplay.storms.motion import Motion, estimate_motion
from stormplay.storms.reports import days_reported, read_reports

Floats = NDArray[np.float64]

LEVELS_IN: tuple[float, ...] = (0.75, 1.0, 1.5, 2.0)
"""Contour levels that are drawn unless asked otherwise, in inches."""

ALONG_KM, ACROSS_KM = 6.0, 2.5
FLOOR_IN = 0.5
NUGGET = 0.01
GRID_KM = 0.25
MAX_STEPS = 600  # a side of the contour grid; an area over 150 km is drawn more coarsely

_KM_PER_DEGREE = 6371.0088 * np.pi / 180
_CHUNK = 16_384  # points a pass: the working arrays stay in the processor's cache
_COLUMNS = ("reported_at", "hail_in", "latitude", "longitude")


@dataclass(frozen=True, eq=False)
class Swath:
    """Modelled hail size over an area, from point reports; see the module for the model and its limits.

    Attributes:
        latitude, longitude: (n,) places of the reports in degrees.
        report_in: (n,) reported sizes in inches.
        motion: How the storm moved, or None where the reports do not tell.
    """

    latitude: Floats
    longitude: Floats
    report_in: Floats
    motion: Motion | None

    @classmethod
    def from_reports(cls, reports: pd.DataFrame) -> Swath:
        """Model a swath.

        Args:
            reports: Columns reported_at, hail_in, latitude, longitude, as `read_reports` gives them. No rows: a
                swath that is 0 everywhere.

        Raises:
            BadInput: A column is missing, or a size or a place is no usable number.
        """
        _check_reports(reports)
        latitude, longitude = reports["latitude"].to_numpy(np.float64), reports["longitude"].to_numpy(np.float64)
        hail_in = reports["hail_in"].to_numpy(np.float64)
        swath = cls(latitude, longitude, hail_in, None)
        if not len(reports):
            return swath
        minutes = (reports["reported_at"] - reports["reported_at"].min()).dt.total_seconds().to_numpy(np.float64) / 60
        return cls(latitude, longitude, hail_in, estimate_motion(*swath._plane(latitude, longitude), minutes))

    def hail_in(self, latitude: ArrayLike, longitude: ArrayLike) -> Floats:
        """Give the modelled hail size at points.

        Args:
            latitude, longitude: Degrees, scalars or arrays of one shape; NaN where a place is not known.

        Returns:
            Inches, same shape: 0 outside the swath, NaN where a coordinate is NaN.

        Raises:
            BadInput: The shapes differ, or a coordinate is not on earth.
        """
        points_latitude, points_longitude = _points(latitude, longitude)
        flat = self._field(points_latitude.ravel(), points_longitude.ravel())
        flat[flat < FLOOR_IN - 1e-9] = 0.0  # a lone report of the floor's size may lose a bit
        return flat.reshape(points_latitude.shape)

    def contours(self, levels: Sequence[float] = LEVELS_IN) -> dict[str, Any]:
        """Outline the areas in which the modelled size reaches each level.

        Args:
            levels: Inches, each at least 0.5.

        Returns:
            A GeoJSON FeatureCollection (longitude, latitude), one MultiPolygon a level that is reached, smallest
            first, with properties hail_in (the level) and modelled (true). Larger levels lie inside smaller ones. It
            is kept and given to the next who asks: do not change it.

        Raises:
            BadInput: No level, or one below 0.5 in.
        """
        wanted = sorted({float(level) for level in levels})
        if not wanted or not all(FLOOR_IN <= level < np.inf for level in wanted):
            raise BadInput(
                f"The contour levels {list(levels)} cannot be drawn.",
                f"Levels are sizes of at least {FLOOR_IN} in, the smallest that is modelled.",
            )
        places = (np.asarray(each, np.float64).tobytes() for each in (self.latitude, self.longitude, self.report_in))
        return _outlined(*places, self.motion, tuple(wanted))

    @property
    def max_in(self) -> float:
        """The largest report in inches, 0 without reports; no modelled size exceeds it."""
        return float(self.report_in.max(initial=0.0))

    @cached_property
    def _grid(self) -> tuple[Floats, Floats, Floats] | None:
        if not len(self.report_in):
            return None
        # The field is at most n * k * largest size: far enough out that is below any level.
        margin_km = ALONG_KM * np.sqrt(2 * np.log(max(len(self.report_in) * self.max_in / FLOOR_IN, 1.0)))
        latitudes = _axis(self.latitude, margin_km, _KM_PER_DEGREE)
        longitudes = _axis(self.longitude, margin_km, _KM_PER_DEGREE * self._shrink)
        mesh_longitude, mesh_latitude = np.meshgrid(longitudes, latitudes)
        field = self._field(mesh_latitude.ravel(), mesh_longitude.ravel()).reshape(mesh_latitude.shape)
        return longitudes, latitudes, field

    @property
    def _shrink(self) -> float:
        """How much shorter a degree of longitude is here than one of latitude."""
        return float(np.cos(np.radians(self.latitude.mean())))

    def _plane(self, latitude: Floats, longitude: Floats) -> tuple[Floats, Floats]:
        """Kilometres east and north of the reports' middle (equirectangular, exact enough over 100 km)."""
        east_deg = (longitude - self.longitude.mean() + 180) % 360 - 180
        return east_deg * (_KM_PER_DEGREE * self._shrink), (latitude - self.latitude.mean()) * _KM_PER_DEGREE

    def _scaled(self, latitude: Floats, longitude: Floats) -> tuple[Floats, Floats]:
        """Places in units of the model's lengths, along and across the motion."""
        east, north = self._plane(latitude, longitude)
        if self.motion is None:
            return east / np.sqrt(ALONG_KM * ACROSS_KM), north / np.sqrt(ALONG_KM * ACROSS_KM)
        ahead = np.radians(self.motion.bearing_deg)
        along = east * np.sin(ahead) + north * np.cos(ahead)
        across = east * np.cos(ahead) - north * np.sin(ahead)
        return along / ALONG_KM, across / ACROSS_KM

    def _field(self, latitude: Floats, longitude: Floats) -> Floats:
        """The modelled size without the floor, in chunks of points."""
        field = np.where(np.isnan(latitude) | np.isnan(longitude), np.nan, 0.0)
        if not len(self.report_in):
            return field
        report_along, report_across = self._scaled(self.latitude, self.longitude)
        for start in range(0, len(field), _CHUNK):
            part = slice(start, start + _CHUNK)
            along, across = self._scaled(latitude[part], longitude[part])
            q2 = (along[:, None] - report_along) ** 2 + (across[:, None] - report_across) ** 2
            field[part] += _blend(q2, self.report_in)
        return field


@lru_cache(maxsize=32)
def _outlined(
    latitude: bytes, longitude: bytes, report_in: bytes, motion: Motion | None, levels: tuple[float, ...]
) -> dict[str, Any]:
    """The contours of a swath that is told by its values: who asks for those of a day again, has them."""
    grid = Swath(np.frombuffer(latitude), np.frombuffer(longitude), np.frombuffer(report_in), motion)._grid
    shapes = [(level, polygons(*grid, level)) for level in levels] if grid else []
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"hail_in": level, "modelled": True},
                "geometry": {"type": "MultiPolygon", "coordinates": shape},
            }
            for level, shape in shapes
            if shape
        ],
    }


def rehearse() -> None:
    """Read the reports that are shipped and outline each of their days, once for all processes forked from this one."""
    for day in days_reported():
        Swath.from_reports(read_reports(day)).contours()


def _blend(q2: Floats, sizes: Floats) -> Floats:
    kernel = np.exp(-0.5 * q2)
    weight = kernel / (q2 + NUGGET)
    reach = 1 - np.prod(1 - kernel, axis=1)
    total = weight.sum(axis=1)
    mean = np.divide(weight @ sizes, total, out=np.zeros_like(total), where=total > 1e-300)
    # Rounding may lift a mean of equal sizes by one bit above them.
    return np.asarray(np.minimum(mean, sizes.max()) * reach, dtype=np.float64)


def _axis(degrees: Floats, margin_km: float, km_per_degree: float) -> Floats:
    low, high = degrees.min() - margin_km / km_per_degree, degrees.max() + margin_km / km_per_degree
    steps = int(np.ceil((high - low) * km_per_degree / GRID_KM))
    return np.linspace(low, high, min(steps, MAX_STEPS) + 1)


def _points(latitude: ArrayLike, longitude: ArrayLike) -> tuple[Floats, Floats]:
    north, east = np.asarray(latitude, dtype=np.float64), np.asarray(longitude, dtype=np.float64)
    if north.shape != east.shape:
        raise BadInput(f"Latitudes have shape {north.shape}, longitudes {east.shape}.", "Both must be the same.")
    for name, values, limit in (("latitude", north, 90), ("longitude", east, 180)):
        bad = np.abs(values) > limit
        if bad.any():
            raise BadInput(f"{values[bad].flat[0]} is not a {name}.", f"It lies between -{limit} and {limit} degrees.")
    return north, east


def _check_reports(reports: pd.DataFrame) -> None:
    missing = [name for name in _COLUMNS if name not in reports.columns]
    if missing:
        raise BadInput(f"The reports have no column {', '.join(missing)}.", f"Needed are {', '.join(_COLUMNS)}.")
    latitude, longitude = _points(reports["latitude"], reports["longitude"])
    sizes = reports["hail_in"].to_numpy(np.float64)
    usable = np.isfinite(latitude) & np.isfinite(longitude) & (sizes > 0) & np.isfinite(sizes)
    usable &= reports["reported_at"].notna().to_numpy()
    if not usable.all():
        raise BadInput(
            f"{int((~usable).sum())} of {len(reports)} hail reports lack a size, a time or a place.",
            "Each needs a size above 0 in, a time and a place.",
        )
