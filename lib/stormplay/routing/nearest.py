"""Which stops lie near each stop, in near-linear time and memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stormplay.routing.plan import FloatArray

Int32Array = npt.NDArray[np.int32]

_A_HAIR = 1e-7  # of the extent: stops at one address are told apart, or a tree of them would be a list


def near_stops(points: FloatArray, count: int) -> Int32Array:
    """The nearest other points of each point, nearest first.

    Args:
        points: (n, d) positions in a Euclidean space.
        count: How many neighbours; less where there are fewer points.

    Returns:
        (n, min(count, n - 1)) point numbers.
    """
    # scipy.spatial takes 0.1 s to import: not before somebody asks.
    from scipy.spatial import cKDTree  # noqa: PLC0415

    n = len(points)
    count = min(count, n - 1)
    if count < 1:
        return np.zeros((n, 0), dtype=np.int32)
    extent = max(float(np.ptp(points, axis=0).max()), 1.0)
    apart = points + np.random.default_rng(0).uniform(-_A_HAIR, _A_HAIR, points.shape) * extent
    _, found = cKDTree(apart).query(apart, count + 1)
    return without_self(np.asarray(found, dtype=np.int32))


def nearest_by_matrix(matrix: FloatArray, count: int) -> Int32Array:
    """Likewise by a matrix (n, n), there and back together."""
    n = len(matrix)
    count = min(count, n - 1)
    both = matrix + matrix.T
    np.fill_diagonal(both, -1.0)
    nearest = np.argsort(both, axis=1, kind="stable")[:, : count + 1]
    return without_self(nearest.astype(np.int32))


def without_self(near: Int32Array) -> Int32Array:
    """Lists (n, k + 1) of which each holds its own row once at most, as (n, k) without it."""
    is_self = near == np.arange(len(near), dtype=np.int32)[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    return np.asarray(near[~is_self].reshape(len(near), near.shape[1] - 1))
