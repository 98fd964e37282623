"""From what a caller gives to a checked problem: one sentence for what is wrong, a reason for each stop left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from stormplay.errors import BadInput
from stormplay.routing.construction import embed_sphere
from stormplay.routing.crews import NO_WISHES, Wishes, with_wishes
from stormplay.routing.draft import DEPOT, NOWHERE, Problem, Way
from stormplay.routing.metric import (
    DistanceFunction,
    Distances,
    FunctionDistances,
    MatrixDistances,
    PointDistances,
    check_distances,
    euclidean_rounded,
    haversine_m,
)
from stormplay.routing.plan import FloatArray, IntArray

Metric = str | DistanceFunction | npt.ArrayLike

_FORMULAS: dict[str, Callable[[FloatArray, FloatArray], FloatArray]] = {
    "haversine": haversine_m,
    "euclidean_rounded": euclidean_rounded,
}

_MOST_UNITS = 10**15  # whole numbers up to here are exact as floats, and their sums fit OR-Tools' integers


def ask(
    coordinates: npt.ArrayLike,
    depot: npt.ArrayLike | None,
    max_per_route: object,
    demand: npt.ArrayLike | None,
    capacity: object,
    metric: Metric,
    wishes: Wishes = NO_WISHES,
) -> Problem:
    """Check everything a caller gave and leave out the rows that cannot be stops; arguments as in `solve`.

    Raises:
        BadInput: What was wrong, what was expected, what to do.
    """
    places = _table(coordinates, "coordinates")
    # No limit above the number of stops means anything, and OR-Tools takes 64 bits.
    limit = min(whole_number(max_per_route, "max_per_route"), max(1, len(places)))
    units = _units(demand, len(places))
    most_units = _capacity(capacity, units)
    spherical = isinstance(metric, str) and metric == "haversine"
    start = _depot(depot, spherical)
    unassigned = _left_out(places, units, most_units, is_degrees=spherical)
    rows = np.array([row for row in range(len(places)) if row not in unassigned], dtype=np.intp)
    kept = places[rows]
    distances = _distances(metric, kept, start, rows, len(places))
    is_globe = spherical or _may_be_degrees(metric, kept if start is None else np.vstack([kept, start]))
    points = embed_sphere(kept) if is_globe else kept
    bases = np.zeros((0, 2)) if start is None else start[None, :]
    way = Way(NOWHERE, NOWHERE) if start is None else Way(DEPOT, DEPOT)
    problem = Problem(
        rows, points, embed_sphere(bases) if is_globe else bases, distances, units[rows], limit, most_units, (way,),
        unassigned, np.zeros(len(rows)),
    )  # fmt: skip
    return with_wishes(problem, len(places), wishes, is_metres=spherical)


def whole_number(value: object, name: str) -> int:
    """A limit as an int.

    Raises:
        BadInput: It is not a whole number of 1 or more.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise BadInput(f"{name} is {value!r}.", "Expected a whole number, 1 or more.")
    return int(value)


def seconds(value: object) -> float:
    """A time limit in seconds.

    Raises:
        BadInput: It is not a number of 0 or more.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not float(value) >= 0:
        raise BadInput(f"time_limit_s is {value!r}.", "Expected seconds, 0 or more.")
    return float(value)


def _table(values: npt.ArrayLike, name: str) -> FloatArray:
    try:
        table = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise BadInput(f"{name} are not numbers.", "Expected an (n, 2) array of degrees.") from None
    if table.size == 0 and table.ndim <= 2:
        return np.zeros((0, 2))
    if table.ndim != 2 or table.shape[1] != 2:
        raise BadInput(f"{name} have the shape {table.shape}.", "Expected (n, 2): latitude, longitude in degrees.")
    return table


def _units(demand: npt.ArrayLike | None, n: int) -> IntArray:
    if demand is None:
        return np.ones(n, dtype=np.intp)
    try:
        given = np.asarray(demand, dtype=float)
    except (TypeError, ValueError):
        raise BadInput("demand is not made of numbers.", "Expected one whole number a stop.") from None
    if given.shape != (n,):
        raise BadInput(f"demand has the shape {given.shape}.", f"Expected one number for each of {n} stops.")
    if not (np.isfinite(given).all() and (given >= 0).all() and (given == np.rint(given)).all()):
        raise BadInput(
            "demand has a value that is negative or not a whole number.", "Expected whole numbers, 0 or more."
        )
    if given.sum() > _MOST_UNITS:
        raise BadInput(f"demand adds up to {given.sum():.3g} units.", f"Expected {_MOST_UNITS:.0e} or less in all.")
    return given.astype(np.intp)


def _capacity(capacity: object, units: IntArray) -> int:
    return max(1, int(units.sum())) if capacity is None else whole_number(capacity, "capacity")


def _depot(depot: npt.ArrayLike | None, spherical: bool) -> FloatArray | None:
    if depot is None:
        return None
    try:
        place = np.asarray(depot, dtype=float)
    except (TypeError, ValueError):
        place = np.zeros(0)
    if place.shape != (2,) or not np.isfinite(place).all() or (spherical and not _on_earth(place[None, :])[0]):
        raise BadInput(f"The depot is {depot!r}.", "Expected one point: latitude, longitude in degrees, or None.")
    return place


def _on_earth(places: FloatArray) -> npt.NDArray[np.bool_]:
    return (np.abs(places[:, 0]) <= 90) & (np.abs(places[:, 1]) <= 360)


def _may_be_degrees(metric: Metric, places: FloatArray) -> bool:
    """Whether coordinates beside a function or a matrix can be degrees; else they are taken as planar.

    They only say what lies near what there; the distances are the caller's.
    """
    return not isinstance(metric, str) and bool(_on_earth(places).all())


def _left_out(places: FloatArray, units: IntArray, capacity: int, *, is_degrees: bool) -> dict[int, str]:
    """Row -> why it is on no route."""
    finite = np.isfinite(places).all(axis=1)
    reasons = {int(row): "no coordinates" for row in np.flatnonzero(~finite)}
    if is_degrees:
        outside = finite & ~_on_earth(np.where(np.isfinite(places), places, 0.0))
        reasons |= {int(row): "coordinates outside the globe" for row in np.flatnonzero(outside)}
    heavy = units > capacity
    return {
        int(row): f"demand {int(units[row])} above the capacity {capacity}" for row in np.flatnonzero(heavy)
    } | reasons


def _distances(metric: Metric, kept: FloatArray, depot: FloatArray | None, rows: IntArray, n: int) -> Distances:
    points = kept if depot is None else np.vstack([kept, depot])
    if isinstance(metric, str):
        if metric not in _FORMULAS:
            raise BadInput(
                f"There is no metric '{metric}'.", f"Expected {' or '.join(_FORMULAS)}, a function or a matrix."
            )
        return PointDistances(points, _FORMULAS[metric])
    if callable(metric):
        return FunctionDistances(points, metric)
    try:
        matrix = np.asarray(metric, dtype=float)
    except (TypeError, ValueError):
        raise BadInput("The metric is not made of numbers.", "Expected a name, a function or a matrix.") from None
    size = n + (depot is not None)
    if matrix.shape != (size, size):
        raise BadInput(
            f"The matrix has the shape {matrix.shape}.",
            f"Expected ({size}, {size}): {'the depot first, then ' if depot is not None else ''}the stops in order.",
        )
    check_distances(matrix, "The matrix has")
    nodes = rows if depot is None else np.append(rows + 1, 0)
    return MatrixDistances(matrix, nodes.astype(np.intp))
