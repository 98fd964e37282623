"""Whether predicted uplift comes true, on homes that the model has not seen: by bins, slope, top k %. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stormplay.experiments import difference_interval
from stormplay.uplift.checks import is_binary
from stormplay.uplift.encoding import Floats

_Z = 1.959964
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Slope:
    """How much of the predicted differences comes true.

    Attributes:
        slope: 1: all of it; below 1: the model exaggerates; 0: nothing of it is to be seen.
        se, low, high: Its standard error and 95 % interval.
    """

    slope: float
    se: float
    low: float
    high: float


def bins(predicted: Floats, treated: Flags, outcome: Floats, count: int = 5) -> pd.DataFrame:
    """Predicted against observed uplift, by quantiles of the prediction.

    Args:
        predicted: Per home, by a model that has not seen it.
        treated, outcome: Per home.
        count: Bins, at most; equal predictions share one.

    Returns:
        One row a bin, lowest first: predicted (mean), observed (difference of the arms), low, high (95 %; Newcombe's
        interval for yes or no, Welch's standard error else), treated, held, treated_signed, held_signed; observed is
        missing where an arm is empty.
    """
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, count + 1)[1:-1]))
    place = np.searchsorted(edges, predicted, side="right")
    rows = [_row(predicted, treated, outcome, place == one) for one in np.unique(place)]
    return pd.DataFrame(rows)


def top(
    predicted: Floats, treated: Flags, outcome: Floats, shares: Sequence[float] = (0.1, 0.2, 0.3, 0.5, 1.0)
) -> pd.DataFrame:
    """Observed uplift among the first share of homes in order of the prediction.

    Homes with one prediction are in or out together, so `homes` may be more than the share asked for.

    Returns:
        One row a share: share, homes, and the columns of `bins`.
    """
    rows = []
    for share in shares:
        limit = np.quantile(predicted, 1 - share) if share < 1 else -np.inf
        chosen = predicted >= limit
        rows.append({"share": share, "homes": int(chosen.sum()), **_row(predicted, treated, outcome, chosen)})
    return pd.DataFrame(rows)


def slope(predicted: Floats, treated: Flags, outcome: Floats, propensity: float | None = None) -> Slope:
    """The calibration slope: outcome on prediction times (treatment less its chance), by least squares.

    Chernozhukov, Demirer, Duflo and Fernandez-Val, 'Generic machine learning inference on heterogeneous treatment
    effects in randomized experiments' (2018), best linear predictor, with standard errors that allow for unequal
    variances (HC1). No prediction that is the same for all homes has a slope; it comes as missing.

    Args:
        predicted, treated, outcome: Per home.
        propensity: The chance of treatment; None: the share treated.
    """
    if np.ptp(predicted) == 0:
        return Slope(np.nan, np.nan, np.nan, np.nan)
    chance = treated.mean() if propensity is None else propensity
    drawn, centred = treated - chance, predicted - predicted.mean()
    design = np.column_stack([np.ones(len(predicted)), centred, drawn, drawn * centred])
    inverse = np.linalg.pinv(design.T @ design)
    weights = inverse @ design.T @ outcome
    left = outcome - design @ weights
    n, k = design.shape
    spread = inverse @ (design.T * left**2) @ design @ inverse * n / (n - k)
    found, se = float(weights[3]), float(np.sqrt(spread[3, 3]))
    return Slope(found, se, found - _Z * se, found + _Z * se)


def difference(treated: Floats, held: Floats) -> tuple[float, float, float]:
    """Mean of the treated less mean of the held out, with its 95 % interval; missing where an arm is empty."""
    if not (len(treated) and len(held)):
        return np.nan, np.nan, np.nan
    seen = float(treated.mean() - held.mean())
    if is_binary(np.concatenate([treated, held])):
        low, high = difference_interval(int(treated.sum()), len(treated), int(held.sum()), len(held))
        return seen, low, high
    if min(len(treated), len(held)) < 2:
        return seen, -np.inf, np.inf
    half = _Z * np.sqrt(treated.var(ddof=1) / len(treated) + held.var(ddof=1) / len(held))
    return seen, seen - float(half), seen + float(half)


def _row(predicted: Floats, treated: Flags, outcome: Floats, chosen: Flags) -> dict[str, float]:
    a, b = outcome[chosen & treated], outcome[chosen & ~treated]
    seen, low, high = difference(a, b)
    return {
        "predicted": float(predicted[chosen].mean()),
        "observed": seen,
        "low": low,
        "high": high,
        "treated": len(a),
        "held": len(b),
        "treated_signed": float(a.sum()),
        "held_signed": float(b.sum()),
    }
