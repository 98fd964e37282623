"""One of four words about an experiment, by a rule that is stated. Pure.

The rule looks at the interval of the difference of rates and at a margin, the smallest effect worth having:

    harms               the whole interval is below zero
    does not work       the whole interval is below the margin: an effect worth having is ruled out
    works               the whole interval is above zero
    too early to say    all else; where the arms cannot be compared; and instead of 'does not work' while the storm is
                        young, since signatures come weeks after the visit

A page is looked at daily, so the interval is the one that holds at all looks (`sequential`); unless somebody looks once
at a time set before ('once'), then it is Newcombe's, which is narrower. No p-value and no sample size alone decides
anything; but the sentence of 'too early to say' tells which effect the sample could have shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stormplay.errors import BadInput
from stormplay.experiments.estimate import Counts, Estimate, per_hundred
from stormplay.experiments.power import minimal_detectable_effect
from stormplay.experiments.sequential import always_valid_interval

Word = Literal["works", "does not work", "harms", "too early to say"]
Looks = Literal["many", "once"]

MARGIN = 0.01
"""The smallest effect worth having: one more signature in a hundred homes. A convention; a roof pays many doors."""

TOO_EARLY: Word = "too early to say"


@dataclass(frozen=True)
class Verdict:
    """A word and what it rests on.

    Attributes:
        word: 'works', 'does not work', 'harms' or 'too early to say'.
        sentence: The word, the counts, the interval and what follows.
        estimate: The difference of rates, with the interval that the rule looked at.
        counts: Who signed, of whom.
        looks: 'many' or 'once': what the interval is good for.
        margin: The smallest effect worth having.
        detectable: The smallest effect that a sample of this size would show four times in five, at one look;
            infinite where an arm is empty.
    """

    word: Word
    sentence: str
    estimate: Estimate
    counts: Counts
    looks: Looks
    margin: float
    detectable: float


def verdict(
    counts: Counts,
    *,
    margin: float = MARGIN,
    confidence: float = 0.95,
    looks: Looks = "many",
    is_young: bool = False,
    objections: Sequence[str] = (),
) -> Verdict:
    """Judge one experiment.

    Args:
        counts: Who signed, of those whose outcome is known.
        margin: The smallest effect worth having, as a difference of rates.
        confidence: Of the interval.
        looks: 'many' for a page that is looked at again and again, 'once' for one look at a time set before.
        is_young: Whether many outcomes are still to come.
        objections: Sentences that say why the arms cannot be compared; any of them makes it 'too early to say'.

    Raises:
        BadInput: The margin is not above 0, or confidence or looks is none.
    """
    if looks not in ("many", "once"):
        raise BadInput(f"There are no looks '{looks}'.", "Expected 'many' or 'once'.")
    seen = counts.difference(confidence)
    low, high = always_valid_interval(*counts.as_tuple, confidence) if looks == "many" else (seen.low, seen.high)
    estimate = Estimate(seen.value, low, high, confidence)
    control_rate = counts.control_converted / counts.control_n if counts.control_n else 0.0
    detectable = minimal_detectable_effect(control_rate, counts.n, counts.control_n, confidence=confidence)
    word = judge(estimate, margin, is_young=is_young, objections=objections)
    sentence = _sentence(word, counts, estimate, looks, margin, detectable, is_young, objections)
    return Verdict(word, sentence, estimate, counts, looks, margin, detectable)


def judge(
    estimate: Estimate, margin: float = MARGIN, *, is_young: bool = False, objections: Sequence[str] = ()
) -> Word:
    """The rule alone.

    Raises:
        BadInput: The margin is not above 0.
    """
    if not 0 < margin < 1:
        raise BadInput(f"The margin is {margin!r}.", "Expected a difference of rates above 0, such as 0.01.")
    if estimate.value is None or objections:
        return TOO_EARLY
    if estimate.high < 0:
        return "harms"
    if estimate.high < margin:
        return TOO_EARLY if is_young else "does not work"
    return "works" if estimate.low > 0 else TOO_EARLY


def _sentence(
    word: Word,
    counts: Counts,
    estimate: Estimate,
    looks: Looks,
    margin: float,
    detectable: float,
    is_young: bool,
    objections: Sequence[str],
) -> str:
    head = word.capitalize()
    if objections:
        return f"{head}: the arms cannot be compared. {' '.join(objections)}"
    if estimate.value is None:
        return f"{head}: both arms need homes whose outcome is known; {counts}."
    seen = f"{head}: {counts}. {interval_sentence(estimate, looks)}"
    return f"{seen} {_why(word, estimate, margin, detectable, is_young)}".strip()


def interval_sentence(estimate: Estimate, looks: Looks, opening: str = "That is") -> str:
    """What was seen and where the truth is likely to be."""
    value = estimate.value or 0.0
    many = f"{abs(100 * value):.1f} {'more' if value >= 0 else 'fewer'} in a hundred homes"
    how = "however often one looks" if looks == "many" else "for one look"
    between = f"{per_hundred(estimate.low)} and {per_hundred(estimate.high)}"
    return f"{opening} {many}; the truth is likely between {between} ({100 * estimate.confidence:g} % interval, {how})."


def _why(word: Word, estimate: Estimate, margin: float, detectable: float, is_young: bool) -> str:
    worth = f"{100 * margin:g} in a hundred"
    if word == "harms":
        return "Stop, and find out what keeps owners from signing."
    if word == "does not work":
        return f"An effect of {worth} or more, the least that is worth having, is ruled out."
    if word == "works":
        return "Signatures still to come will add to it." if is_young else ""
    if estimate.high < margin:
        return f"An effect of {worth} is not in sight, but signatures come weeks after the visit: wait."
    least = f"an effect of {100 * detectable:.1f} in a hundred or more" if detectable < 1 else "no effect of any size"
    return f"The interval holds zero and effects worth having; a sample like this one reliably shows {least}."
