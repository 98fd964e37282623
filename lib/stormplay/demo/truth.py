"""The ground truth that the demo's outcomes are drawn from, so that an estimate can be checked against it.

Every home has two chances to sign, known here and nowhere else:

    not visited    base_rate(hail_in, roof_age_years)
    treated        base_rate + true_effect(hail_in, roof_age_years)

The effect grows with the modelled hail band and with the age of the roof on the day of the main storm (used for all
storms, a simplification). It is several times what the trade reports for a visit (0.75 to 5 % of doors sign), on
purpose: at true sizes one storm of a few thousand homes could not show an effect at all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

BASE_RATE = 0.03
OLD_ROOF_YEARS = 16.0
OLD_ROOF_EXTRA = 0.02
LARGE_HAIL_IN = 2.0
LARGE_HAIL_EXTRA = 0.02

EFFECT_BY_BAND: tuple[tuple[float, float], ...] = ((0.0, 0.0), (0.75, 0.03), (1.0, 0.08), (1.5, 0.13), (2.0, 0.18))
"""(hail size from which it holds, in inches; effect of being treated on the chance to sign)."""

AGE_FACTOR: tuple[tuple[float, float], ...] = ((0.0, 0.5), (8.0, 1.0), (OLD_ROOF_YEARS, 1.3))
"""(roof age from which it holds, in years; factor on the effect)."""


def base_rate(hail_in: ArrayLike, roof_age_years: ArrayLike) -> Floats:
    """Chance to sign without any treatment, from 0.03 to 0.07."""
    old = np.asarray(roof_age_years, dtype=np.float64) >= OLD_ROOF_YEARS
    large = np.asarray(hail_in, dtype=np.float64) >= LARGE_HAIL_IN
    return np.asarray(BASE_RATE + OLD_ROOF_EXTRA * old + LARGE_HAIL_EXTRA * large, dtype=np.float64)


def true_effect(hail_in: ArrayLike, roof_age_years: ArrayLike) -> Floats:
    """How much being treated adds to the chance to sign, from 0 to 0.234."""
    return _step(EFFECT_BY_BAND, hail_in) * _step(AGE_FACTOR, roof_age_years)


def _step(table: tuple[tuple[float, float], ...], values: ArrayLike) -> Floats:
    starts, heights = np.array(table).T
    place = np.searchsorted(starts, np.asarray(values, dtype=np.float64), side="right") - 1
    return np.asarray(heights[np.maximum(place, 0)], dtype=np.float64)
