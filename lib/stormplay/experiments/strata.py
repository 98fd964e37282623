"""The same comparison within bands of hail, put together again (post-stratification). Pure.

Where bands sign at very different rates, some of the noise is a matter of which band a home is in, and comparing
within bands takes it out (Miratrix, Sekhon and Yu, 'Adjusting treatment effect estimates by post-stratification in
randomized experiments', JRSS B 75, 2013). At the few signatures in a hundred of this trade it takes out little, and the
result says how much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stormplay.errors import BadInput
from stormplay.experiments.estimate import Counts, Estimate, percent
from stormplay.experiments.intervals import Floats

LEAST_KNOWN = 10
"""Homes with a known outcome that a band needs in each arm; smaller ones are put together with their neighbour."""

WORTH_IT = 0.95
"""Stratifying counts as a help where its interval is at most this share of the plain one's width."""


@dataclass(frozen=True)
class Stratum:
    """One band: its name, its homes (of both arms, known outcome or not) and who signed."""

    name: str
    homes: int
    counts: Counts


@dataclass(frozen=True)
class Stratified:
    """Both answers.

    Attributes:
        strata: The bands that were used, sparse neighbours put together.
        plain: Treated rate less control rate over all homes, Newcombe's interval.
        stratified: The mean of the bands' differences, each weighted by its homes; no value where no band has enough
            known outcomes in both arms.
        variance: Of the stratified difference; None where there is none.
        width_ratio: Standard error of the stratified difference / of the plain one; None where there is none.
        helps: Whether the stratified interval is at least 5 % narrower.
        sentence: What came of it.
    """

    strata: tuple[Stratum, ...]
    plain: Estimate
    stratified: Estimate
    variance: float | None
    width_ratio: float | None
    helps: bool
    sentence: str

    @property
    def better(self) -> Estimate:
        """The stratified answer where it helps, else the plain one."""
        return self.stratified if self.helps else self.plain


def stratify(bands: Sequence[Stratum], confidence: float = 0.95) -> Stratified:
    """Compare within bands.

    Args:
        bands: In order, so that neighbours are alike.
        confidence: Of the intervals.

    Raises:
        BadInput: There is no band.
    """
    if not bands:
        raise BadInput("There is no band to compare within.", "Expected at least one.")
    total = sum((band.counts for band in bands[1:]), start=bands[0].counts)
    plain = total.difference(confidence)
    used = together(bands)
    if not _is_enough(used[0].counts):
        sentence = f"No band has {LEAST_KNOWN} known outcomes in each arm, so nothing is compared within bands."
        return Stratified(used, plain, Estimate(None, -1.0, 1.0, confidence), None, None, False, sentence)
    estimate, variance, ratio = _combined(used, plain)
    helps = len(used) > 1 and ratio <= WORTH_IT
    return Stratified(used, plain, estimate, variance, ratio, helps, _sentence(used, ratio, helps))


def together(bands: Sequence[Stratum]) -> tuple[Stratum, ...]:
    """Put sparse bands together with their neighbours, from the first on; what is left over joins the last."""
    made: list[Stratum] = []
    for band in bands:
        if made and not _is_enough(made[-1].counts):
            made[-1] = _joined(made[-1], band)
        else:
            made.append(band)
    while len(made) > 1 and not _is_enough(made[-1].counts):
        made[-2:] = [_joined(made[-2], made[-1])]
    return tuple(made)


def _joined(one: Stratum, other: Stratum) -> Stratum:
    return Stratum(f"{one.name}, {other.name}", one.homes + other.homes, one.counts + other.counts)


def _is_enough(counts: Counts) -> bool:
    return min(counts.n, counts.control_n) >= LEAST_KNOWN


def _combined(strata: Sequence[Stratum], plain: Estimate) -> tuple[Estimate, float, float]:
    """The weighted difference with its interval and variance, and the share of the plain one's width.

    The interval is Newcombe's of all homes, moved to the weighted difference and scaled by the ratio of the standard
    errors: Wilson's limits of many small bands would each be wide, and their sum wider than the truth.
    """
    homes = np.array([band.homes for band in strata], dtype=np.float64)
    weight = homes / homes.sum()
    counts = np.array([band.counts.as_tuple for band in strata], dtype=np.float64).T
    value = float(weight @ (counts[0] / counts[1] - counts[2] / counts[3]))
    variance, plain_variance = float(weight**2 @ _variance(counts)), float(_variance(counts.sum(axis=1)))
    ratio = (variance / plain_variance) ** 0.5 if plain_variance else 1.0
    middle = plain.value or 0.0
    down, up = ratio * (middle - plain.low), ratio * (plain.high - middle)
    return Estimate(value, max(value - down, -1.0), min(value + up, 1.0), plain.confidence), variance, ratio


def _variance(counts: Floats) -> Floats:
    """Unbiased, so that bands without a signature add up to what all homes together have."""
    signed, n, control_signed, control_n = counts
    rate, control_rate = signed / n, control_signed / control_n
    return np.asarray(rate * (1 - rate) / (n - 1) + control_rate * (1 - control_rate) / (control_n - 1))


def _sentence(used: Sequence[Stratum], ratio: float, helps: bool) -> str:
    if len(used) == 1:
        return "Only one band has enough known outcomes in both arms, so there is nothing to compare within."
    change = abs(1 - ratio)
    word = "narrower" if ratio < 1 else "wider"
    what = f"Within {len(used)} bands of hail the interval is {percent(change)} {word}"
    return f"{what}: {'worth using' if helps else 'not worth using, so the plain one stands'}."
