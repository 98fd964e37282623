"""Several storms of one company together: one small storm cannot show a small effect, many can. Pure.

Fixed effect: what treating did at these storms, each weighted by how precisely it is known (inverse variance). The
variances are those of each storm's size at the rates of all storms together: a storm in which by chance nobody held out
signed would otherwise seem precise and pull the mean up, by as much as its standard error where storms are small.
Random effects: what to expect of the next storm's mean, if storms differ (DerSimonian and Laird, 'Meta-analysis in
clinical trials', Controlled Clinical Trials 7, 1986). Heterogeneity by Cochran's Q and by I2, the share of the spread
between storms that chance does not explain (Higgins and Thompson, Statistics in Medicine 21, 2002).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from stormplay.experiments.estimate import Counts, Estimate
from stormplay.experiments.intervals import Floats, critical_value
from stormplay.experiments.sequential import mixture_interval
from stormplay.experiments.verdicts import MARGIN, TOO_EARLY, Looks, Word, interval_sentence, judge

FEW_STORMS = 5


@dataclass(frozen=True)
class StormEffect:
    """One storm's part: its counts, its difference with Newcombe's interval, and its weights (0 to 1)."""

    storm: str
    counts: Counts
    difference: Estimate
    weight_fixed: float
    weight_random: float


@dataclass(frozen=True)
class Pooled:
    """All storms together.

    Attributes:
        storms: The storms with a known outcome in both arms.
        left_out: Storms without.
        fixed: What treating did at these storms, at one look.
        random: What to expect of storms like these, at one look.
        always_valid: `fixed` with an interval that may be looked at daily.
        q, q_p_value: Cochran's Q, and how likely so large a one is by chance.
        i2: Share of the spread between storms that chance does not explain, 0 to 1.
        tau2: Variance of the effect between storms.
        word: The verdict on `fixed`, by the rule of `verdicts`.
        sentence: The word and what it rests on; what the storms differ by.
    """

    storms: tuple[StormEffect, ...]
    left_out: tuple[str, ...]
    fixed: Estimate
    random: Estimate
    always_valid: Estimate
    q: float
    q_p_value: float
    i2: float
    tau2: float
    word: Word
    sentence: str


def pool(
    storms: Mapping[str, Counts],
    *,
    margin: float = MARGIN,
    confidence: float = 0.95,
    looks: Looks = "many",
    is_young: bool = False,
    objections: Sequence[str] = (),
) -> Pooled:
    """Put storms together.

    Args:
        storms: Counts of each storm by its name.
        margin: The smallest effect worth having.
        confidence: Of all intervals.
        looks: Which interval the verdict looks at: see `verdicts`.
        is_young: Whether many outcomes are still to come.
        objections: Sentences that say why arms cannot be compared; any of them makes it 'too early to say'.
    """
    used = {name: counts for name, counts in storms.items() if counts.is_measurable}
    left_out = tuple(name for name in storms if name not in used)
    nothing = Estimate(None, -1.0, 1.0, confidence)
    if not used:
        sentence = "Too early to say: no storm has homes with a known outcome in both arms."
        return Pooled((), left_out, nothing, nothing, nothing, 0.0, 1.0, 0.0, 0.0, TOO_EARLY, sentence)
    values = np.array([counts.difference().value for counts in used.values()], dtype=np.float64)
    variances = variances_at_common_rates(list(used.values()))
    q, tau2 = heterogeneity(values, variances)
    fixed, fixed_weights = _mean(values, variances, confidence)
    random, random_weights = _mean(values, variances + tau2, confidence)
    low, high = mixture_interval(fixed.value or 0.0, 1 / (1 / variances).sum(), confidence)
    daily = Estimate(fixed.value, float(low), float(high), confidence)
    parts = tuple(
        StormEffect(name, counts, counts.difference(confidence), float(weight), float(random_weight))
        for (name, counts), weight, random_weight in zip(used.items(), fixed_weights, random_weights, strict=True)
    )
    p = float(chdtrc(len(values) - 1, q)) if len(values) > 1 else 1.0
    i2 = max(0.0, 1 - (len(values) - 1) / q) if q > 0 else 0.0
    judged = daily if looks == "many" else fixed
    word = judge(judged, margin, is_young=is_young, objections=objections)
    sentence = " ".join([_sentence(word, parts, judged, looks, random, i2, p), *objections])
    return Pooled(parts, left_out, fixed, random, daily, q, p, i2, tau2, word, sentence)


def variances_at_common_rates(storms: Sequence[Counts]) -> Floats:
    """Variance of each storm's difference, were its rates those of all storms together (half a signature more)."""
    signed, n, control_signed, control_n = np.array([counts.as_tuple for counts in storms], dtype=np.float64).T
    common, control_common = (signed.sum() + 0.5) / (n.sum() + 1), (control_signed.sum() + 0.5) / (control_n.sum() + 1)
    return np.asarray(common * (1 - common) / n + control_common * (1 - control_common) / control_n)


def heterogeneity(values: Floats, variances: Floats) -> tuple[float, float]:
    """Cochran's Q, and the variance between storms by DerSimonian and Laird's moments (never negative)."""
    weights = 1 / variances
    mean = weights @ values / weights.sum()
    q = float(weights @ (values - mean) ** 2)
    room = float(weights.sum() - weights @ weights / weights.sum())
    return q, max(0.0, (q - (len(values) - 1)) / room) if room > 0 else 0.0


def _mean(values: Floats, variances: Floats, confidence: float) -> tuple[Estimate, Floats]:
    """Inverse-variance mean with its normal interval, and the weights."""
    weights = 1 / variances
    mean, half = float(weights @ values / weights.sum()), critical_value(confidence) / float(np.sqrt(weights.sum()))
    return Estimate(mean, mean - half, mean + half, confidence), weights / weights.sum()


def _sentence(
    word: Word, parts: tuple[StormEffect, ...], judged: Estimate, looks: Looks, random: Estimate, i2: float, p: float
) -> str:
    total = sum((part.counts for part in parts[1:]), start=parts[0].counts)
    names = f"{len(parts)} storms" if len(parts) > 1 else "one storm"
    opening = "Weighted by how precisely each storm is known that is" if len(parts) > 1 else "That is"
    head = f"{word.capitalize()}, over {names}: {total}. {interval_sentence(judged, looks, opening)}"
    if len(parts) == 1:
        return head
    differ = f"Storms differ by more than chance in {100 * i2:.0f} % of their spread (I2; Q p = {p:.2g})."
    few = " With so few storms that is hardly known." if len(parts) < FEW_STORMS else ""
    return f"{head} {differ}{few} A storm like these: {random} in a hundred."
