"""Contour polygons of a gridded field, as GeoJSON coordinates."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from contourpy import FillType, contour_generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ring = list[list[float]]

DECIMALS = 4  # degrees; 11 m, far below the grid's step


def polygons(longitudes: Floats, latitudes: Floats, field: Floats, level: float) -> list[list[Ring]]:
    """Outline where a field reaches a level.

    Args:
        longitudes: (nx,) degrees of the grid's columns.
        latitudes: (ny,) degrees of its rows.
        field: (ny, nx) values, below the level on the border.
        level: The value that the polygons enclose.

    Returns:
        Coordinates of a MultiPolygon: per polygon the outer ring (anticlockwise), then its holes
        (clockwise); every ring is closed.
    """
    generator = contour_generator(x=longitudes, y=latitudes, z=field, fill_type=FillType.OuterOffset)
    points, offsets = generator.filled(level, np.inf)
    found = []
    for vertices, starts in zip(points, offsets, strict=True):
        rings = [_ring(vertices[start:end]) for start, end in pairwise(starts)]
        if rings[0]:
            found.append([ring for ring in rings if ring])
    return found


def _ring(vertices: Floats) -> Ring:
    """Round, drop repeated vertices; empty where nothing of an area is left."""
    rounded = vertices.round(DECIMALS)
    keep = np.concatenate([[True], np.any(rounded[1:] != rounded[:-1], axis=1)])
    ring: Ring = rounded[keep].tolist()
    return ring if len(ring) >= 4 else []
