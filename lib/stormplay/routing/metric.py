"""Distances between stops, in blocks: nothing here ever holds the distances of all pairs.

Stops are numbered 0..n-1 and the depot, where there is one, is -1; crews' own bases come next, -2, -3, ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from stormplay.errors import BadInput
from stormplay.routing.plan import FloatArray, IntArray

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the Earth, (2a + b) / 3 of the GRS80 ellipsoid (Moritz, Geodetic Reference System 1980)."""

DistanceFunction = Callable[[FloatArray, FloatArray], npt.ArrayLike]

_LEGS_A_CALL = 64


class Distances(Protocol):
    """What a metric can answer."""

    def block(self, rows: IntArray, columns: IntArray) -> FloatArray:
        """Distances from each of `rows` (k,) to each of `columns` (m,), as (k, m)."""

    def legs(self, starts: IntArray, ends: IntArray) -> FloatArray:
        """Distances from `starts[i]` to `ends[i]`, as (k,)."""

    def take(self, nodes: IntArray) -> Distances:
        """The same metric over some of the nodes, the bases among them last, as they were."""

    def with_bases(self, places: FloatArray, stops: int) -> Distances:
        """The same metric with more bases (b, 2) behind those there are, over so many stops."""


def haversine_m(start: FloatArray, end: FloatArray) -> FloatArray:
    """Great-circle distance in metres between points in degrees, broadcasting over leading axes.

    Args:
        start: Latitude, longitude in degrees, shape (..., 2).
        end: Likewise, shape (..., 2).

    Returns:
        Metres on a sphere of radius `EARTH_RADIUS_M`, by the haversine formula (R. W. Sinnott, "Virtues of the
        Haversine", Sky and Telescope 68, 1984).
    """
    start, end = np.radians(start), np.radians(end)
    half = np.sin((start - end) / 2) ** 2
    chord = half[..., 0] + np.cos(start[..., 0]) * np.cos(end[..., 0]) * half[..., 1]
    # Rounding can push antipodes a hair above 1.
    return np.asarray(2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(chord, 1.0))))


def euclidean_rounded(start: FloatArray, end: FloatArray) -> FloatArray:
    """Planar distance rounded to the nearest integer, halves up, as TSPLIB and CVRPLIB define EUC_2D."""
    return np.asarray(np.floor(np.hypot(*np.moveaxis(start - end, -1, 0)) + 0.5))


class PointDistances:
    """Distances by a formula over points; the depot is the last point.

    Attributes:
        formula: Distances between points, broadcasting over leading axes.
    """

    def __init__(self, points: FloatArray, formula: Callable[[FloatArray, FloatArray], FloatArray]) -> None:
        self._points, self.formula = points, formula

    def block(self, rows: IntArray, columns: IntArray) -> FloatArray:
        """Distances as (k, m)."""
        return self.formula(self._points[rows][:, None, :], self._points[columns][None, :, :])

    def legs(self, starts: IntArray, ends: IntArray) -> FloatArray:
        """Distances as (k,)."""
        return self.formula(self._points[starts], self._points[ends])

    def take(self, nodes: IntArray) -> PointDistances:
        """The same metric over some of the nodes."""
        return PointDistances(self._points[nodes], self.formula)

    def with_bases(self, places: FloatArray, stops: int) -> PointDistances:
        """The same metric with more bases."""
        return PointDistances(_among(self._points, places, stops), self.formula)


class FunctionDistances:
    """Distances by the caller's function over points; the depot is the last point."""

    def __init__(self, points: FloatArray, function: DistanceFunction) -> None:
        self._points, self._function = points, function

    def block(self, rows: IntArray, columns: IntArray) -> FloatArray:
        """Distances as (k, m).

        Raises:
            BadInput: If the function's answer has another shape or is not finite and non-negative.
        """
        answer = np.asarray(self._function(self._points[rows], self._points[columns]), dtype=float)
        if answer.shape != (len(rows), len(columns)):
            raise BadInput(
                f"The metric function returned shape {answer.shape} for {len(rows)} and {len(columns)} points.",
                "It must return one distance for each pair, as (k, m).",
            )
        check_distances(answer, "The metric function returned")
        return answer

    def legs(self, starts: IntArray, ends: IntArray) -> FloatArray:
        """Distances as (k,), read off the diagonals of small blocks."""
        parts = [
            np.diagonal(self.block(starts[at : at + _LEGS_A_CALL], ends[at : at + _LEGS_A_CALL]))
            for at in range(0, len(starts), _LEGS_A_CALL)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)

    def take(self, nodes: IntArray) -> FunctionDistances:
        """The same metric over some of the nodes."""
        return FunctionDistances(self._points[nodes], self._function)

    def with_bases(self, places: FloatArray, stops: int) -> FunctionDistances:
        """The same metric with more bases."""
        return FunctionDistances(_among(self._points, places, stops), self._function)


class MatrixDistances:
    """Distances read from the caller's matrix.

    Args:
        matrix: Square array of distances.
        nodes: Row of each stop in the matrix, with the depot's row last where there is a depot.
    """

    def __init__(self, matrix: FloatArray, nodes: IntArray) -> None:
        self._matrix, self._nodes = matrix, nodes

    def block(self, rows: IntArray, columns: IntArray) -> FloatArray:
        """Distances as (k, m)."""
        return self._matrix[np.ix_(self._nodes[rows], self._nodes[columns])]

    def legs(self, starts: IntArray, ends: IntArray) -> FloatArray:
        """Distances as (k,)."""
        return self._matrix[self._nodes[starts], self._nodes[ends]]

    def take(self, nodes: IntArray) -> MatrixDistances:
        """The same metric over some of the nodes."""
        return MatrixDistances(self._matrix, self._nodes[nodes])

    def with_bases(self, places: FloatArray, stops: int) -> MatrixDistances:
        """Refused: a matrix says nothing of other places.

        Raises:
            BadInput: Always.
        """
        raise BadInput(
            f"The matrix does not say how far {len(places)} crews' own places are from {stops} stops.",
            "Expected crews that start and end at the depot or anywhere; or give a function instead of a matrix.",
        )


def _among(points: FloatArray, places: FloatArray, stops: int) -> FloatArray:
    """Base i is the i-th from the end."""
    return np.vstack([points[:stops], places[::-1], points[stops:]])


def check_distances(values: FloatArray, source: str) -> None:
    """Raise BadInput unless all distances are finite and non-negative."""
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise BadInput(
            f"{source} a distance that is negative or not a finite number.",
            "Every distance must be 0 or more.",
            "Give an unreachable pair a large finite distance instead.",
        )
