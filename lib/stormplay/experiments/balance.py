"""Are the arms what the draw should have made of them? Their sizes, and what was known of the homes before. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import chdtrc

from stormplay.errors import BadInput
from stormplay.experiments.estimate import percent, rate
from stormplay.experiments.intervals import Floats

Light = Literal["red", "amber", "green"]

RED_BELOW = 0.001
AMBER_BELOW = 0.05


def srm_p_value(observed: Sequence[int], expected_share: Sequence[float]) -> float:
    """How likely sizes of arms at least so far from their shares are by chance: Pearson's chi-square test.

    A small value (under 0.001) is a sample ratio mismatch: homes were lost or moved after the draw, and the arms can
    no longer be compared.

    Args:
        observed: Homes per arm, two arms or more.
        expected_share: Share of homes per arm in the same order; 0.8 and 0.2, or 80 and 20.

    Returns:
        The p-value, 0 to 1; 1 where there is no home at all.

    Raises:
        BadInput: Other than one share per arm, a negative count, or a share that is not above 0.
    """
    counts, shares = np.asarray(observed, dtype=np.float64), np.asarray(expected_share, dtype=np.float64)
    if counts.ndim != 1 or counts.shape != shares.shape or len(counts) < 2:
        raise BadInput(
            f"There are {counts.size} arms and {shares.size} expected shares.", "Expected two or more, and as many."
        )
    if not ((counts >= 0).all() and (shares > 0).all() and np.isfinite(counts).all() and np.isfinite(shares).all()):
        raise BadInput(
            f"Arms of {list(observed)} homes at shares of {list(expected_share)} cannot be.",
            "Expected counts from 0 up and shares above 0.",
        )
    if not counts.sum():
        return 1.0
    return _chi_square_p(counts, shares / shares.sum() * counts.sum(), len(counts) - 1)


def _chi_square_p(observed: Floats, expected: Floats, degrees: int) -> float:
    """Pearson's test: how likely counts at least so far from the expected ones are by chance."""
    return float(chdtrc(degrees, ((observed - expected) ** 2 / expected).sum()))


@dataclass(frozen=True)
class Check:
    """One thing that must be alike in both arms.

    Attributes:
        p_value: How likely so large a mismatch is by chance.
        light: 'green', 'amber' (p under 0.05) or 'red' (p under 0.001).
        sentence: What that means.
    """

    p_value: float
    light: Light
    sentence: str


def size_check(treated: int, held: int, treat_share: float) -> Check:
    """The SRM light: the sizes of the arms against the share that was drawn."""
    if treat_share >= 1 and not held:
        return Check(1.0, "green", "No home was to be held out, so there is nothing to compare with.")
    p = srm_p_value([treated, held], [treat_share, 1 - treat_share])
    total = treated + held
    drawn = f"{percent(treat_share)} and {percent(1 - treat_share)}"
    seen = f"{treated:,} treated and {held:,} held out, where {drawn} were drawn"
    return Check(p, light_of(p), f"{seen} (p = {p:.2g}): {_SIZES[light_of(p)]}" if total
                 else "Nobody has been treated or held out yet.")  # fmt: skip


def known_check(treated: int, treated_known: int, held: int, held_known: int) -> Check:
    """Whether outcomes are known equally often in both arms: chi-square of known and not known."""
    known, total = treated_known + held_known, treated + held
    if not (treated and held and 0 < known < total):
        return Check(1.0, "green", "Outcomes are known of all homes or of none." if total else "There is no home yet.")
    seen = np.array([[treated_known, treated - treated_known], [held_known, held - held_known]], dtype=np.float64)
    expected = np.outer([treated, held], [known, total - known]) / total
    p = _chi_square_p(seen, expected, 1)
    shares = f"Outcomes are known of {rate(treated_known, treated)} treated and {rate(held_known, held)} held-out homes"
    return Check(p, light_of(p), f"{shares}: {_KNOWN[light_of(p)]}")


def light_of(p_value: float) -> Light:
    """Red under 0.001, amber under 0.05, else green."""
    return "red" if p_value < RED_BELOW else "amber" if p_value < AMBER_BELOW else "green"


@dataclass(frozen=True)
class Moments:
    """How a number that was known before the draw is spread in one arm: homes that have it, mean, variance."""

    n: int
    mean: float
    variance: float


@dataclass(frozen=True)
class Covariate:
    """How alike the arms are in something known before the draw.

    Attributes:
        name: What it is, with its unit.
        treated, held: Its mean in each arm; None where no home has it.
        difference: Standardised mean difference; None where it cannot be told.
        by_chance: Size that two in three true draws stay under (one standard error).
        light: Red over 0.25, amber over 0.1, where chance does not explain it; else green.
    """

    name: str
    treated: float | None
    held: float | None
    difference: float | None
    by_chance: float | None
    light: Light


def covariate_balance(name: str, treated: Moments, held: Moments) -> Covariate:
    """Compare one covariate by its standardised mean difference: (mean - mean) / root of the mean variance.

    Austin, 'Balance diagnostics for comparing the distribution of baseline covariates', Statistics in Medicine 28
    (2009). Small arms differ by chance: an excess counts only beyond two (amber) or three (red) standard errors.
    """
    spread = ((treated.variance + held.variance) / 2) ** 0.5 if treated.n > 1 and held.n > 1 else 0.0
    means = (treated.mean if treated.n else None, held.mean if held.n else None)
    if not spread:
        return Covariate(name, *means, None, None, "green")
    difference = (treated.mean - held.mean) / spread
    chance = (1 / treated.n + 1 / held.n + difference**2 / (2 * (treated.n + held.n))) ** 0.5
    size = abs(difference)
    light: Light = "red" if size > max(0.25, 3 * chance) else "amber" if size > max(0.1, 2 * chance) else "green"
    return Covariate(name, *means, difference, chance, light)


_SIZES: dict[Light, str] = {
    "green": "the arms are as large as the draw makes them.",
    "amber": "a little off. Chance does that once in twenty draws; look again with more homes.",
    "red": "not what was drawn. Homes were lost or moved after the draw; find out why before you believe any lift.",
}
_KNOWN: dict[Light, str] = {
    "green": "as often in both arms.",
    "amber": "a little more often in one arm. Chance does that once in twenty storms.",
    "red": "more often in one arm, so their rates cannot be compared; collect the missing outcomes first.",
}
