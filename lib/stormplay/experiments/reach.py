"""Decided is not visited: who of the treated was reached, and what may be concluded from it. Pure.

Three numbers, kept apart:

    as decided     the treated against the held out, reached or not (intention to treat). The only causal one: the
                   draw made these two groups alike, and nothing else did.
    of those reached   how many of the reached signed. Not causal: who opens the door differs from who does not.
    complier average   the effect as decided, divided by how many more were reached because they were treated. Causal
                   only where a decision works through reaching alone (Angrist, Imbens and Rubin, 'Identification of
                   causal effects using instrumental variables', JASA 91, 1996).
"""

from __future__ import annotations

from dataclasses import dataclass

from stormplay.errors import BadInput
from stormplay.experiments.estimate import Counts, Estimate, per_hundred, rate
from stormplay.experiments.intervals import difference_interval, mover_ratio

WARNING = (
    "Only the comparison as decided is causal: it sets homes that were drawn for a visit against homes that were drawn "
    "for none. Owners who open the door differ from those who do not, so the rate of those reached is no effect."
)
ASSUMPTION = (
    "The effect on reached homes is causal only if being decided on does nothing unless the home is reached, "
    "and it speaks of homes that are reached because they are treated."
)
# Below such a difference of reach the ratio is a guess, whatever its interval says.
LEAST_REACH = 0.05


@dataclass(frozen=True)
class Reach:
    """One arm's homes with a known outcome, and how many of them were reached.

    Attributes:
        homes, converted: All with a known outcome, and who of them signed.
        reached, reached_converted: Those at whose door we knocked or who were touched by a channel that can be ours,
            and who of them signed.

    Raises:
        BadInput: More were reached than there are, or more signed than were reached, and so on.
    """

    homes: int
    converted: int
    reached: int
    reached_converted: int

    def __post_init__(self) -> None:
        signed_unreached = self.converted - self.reached_converted
        if not (0 <= self.reached_converted <= self.reached and 0 <= signed_unreached <= self.homes - self.reached):
            raise BadInput(
                f"{self.reached!r} of {self.homes!r} homes were reached and {self.reached_converted!r} of "
                f"{self.converted!r} signatures are theirs.",
                "Expected counts that fit together.",
            )


@dataclass(frozen=True)
class Exposure:
    """Reach and effect, each for what it is.

    Attributes:
        treated, held: The arms.
        as_decided: Treated rate less control rate, all homes (intention to treat).
        reached_rate: Share of reached treated homes that signed; None where none was reached. No effect.
        complier: Effect on homes reached because they were treated, with its interval; its value is None where too
            few more were reached in the treated arm than in the other.
        sentence: Who was reached, and the three numbers.
        warning: Why only the first is causal.
    """

    treated: Reach
    held: Reach
    as_decided: Estimate
    reached_rate: float | None
    complier: Estimate
    sentence: str
    warning: str = f"{WARNING} {ASSUMPTION}"


def exposure(treated: Reach, held: Reach, confidence: float = 0.95) -> Exposure:
    """Who was reached, and what that says.

    Args:
        treated: The treated arm.
        held: The held-out arm; homes of it that were reached after all weaken the comparison, and are said.
        confidence: Of the intervals.
    """
    counts = Counts(treated.converted, treated.homes, held.converted, held.homes)
    as_decided = counts.difference(confidence)
    share = treated.reached_converted / treated.reached if treated.reached else None
    complier = complier_effect(treated, held, confidence)
    return Exposure(treated, held, as_decided, share, complier, _sentence(treated, held, as_decided, complier))


def complier_effect(treated: Reach, held: Reach, confidence: float = 0.95) -> Estimate:
    """The effect as decided / (reached share of the treated - reached share of the held out), MOVER on both.

    The two are taken for independent. They are not quite, since reached homes sign more often; where the effect is
    not negative that makes the interval a little too wide, never too narrow (shown by simulation in its test).
    """
    nothing = Estimate(None, -1.0, 1.0, confidence)
    if not (treated.homes and held.homes):
        return nothing
    effect = Counts(treated.converted, treated.homes, held.converted, held.homes).difference(confidence)
    more_reached = treated.reached / treated.homes - held.reached / held.homes
    low, high = difference_interval(treated.reached, treated.homes, held.reached, held.homes, confidence)
    if effect.value is None or more_reached < LEAST_REACH or low <= 0:
        return nothing
    ends = mover_ratio(effect.value, effect.low, effect.high, more_reached, low, high)
    return Estimate(effect.value / more_reached, float(ends[0]), float(ends[1]), confidence)


def _sentence(treated: Reach, held: Reach, as_decided: Estimate, complier: Estimate) -> str:
    if as_decided.value is None:
        return "In one arm or both no outcome is known yet."
    reached = f"Reached: {rate(treated.reached, treated.homes)} treated homes with a known outcome"
    others = (
        f", and {rate(held.reached, held.homes)} held-out ones (a call may be the owner's own)."
        if held.reached
        else "."
    )
    decided = f" As decided: {as_decided} in a hundred."
    of_those = f" Of those reached {rate(treated.reached_converted, treated.reached)} signed, which is no effect."
    if complier.value is None:
        return reached + others + decided + of_those
    ends = f"{per_hundred(complier.low)} to {per_hundred(complier.high)}"
    return f"{reached}{others}{decided}{of_those} Per home reached: {per_hundred(complier.value)} ({ends})."
