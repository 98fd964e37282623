"""The Markov method: journeys as a chain of channels, and what would be lost without each of them.

The chain has a state for each channel; a journey steps from the start through its channels into 'converted' or
'not converted'. The chance of a step is the share of journeys, conversions and nulls alike, that took it. Removing a
channel turns every step into it into 'not converted'. The removal effect is the share of conversions that the chain
then loses (Anderl, Becker, von Wangenheim and Schumann 2016). One inverse gives all of them:

    N = (I - Q)^-1                         how often a state is visited, from each state
    P(convert)            = s N r
    P(reach c)            = (s N)_c / N_cc
    P(convert | c)        = (N r)_c
    removal effect of c   = P(reach c) P(convert | c) / P(convert)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stormplay.attribution.journeys import Floats, Journeys, summed


@dataclass(frozen=True)
class Chain:
    """What the chain says, by channel in the order of `Journeys.channels`.

    Attributes:
        p_convert: The chance that a journey converts; equals conversions / (conversions + nulls), and 0 without any.
        reach: The chance that a journey comes to the channel at all.
        convert_from: The chance that a journey which is at the channel converts.
    """

    p_convert: float
    reach: Floats
    convert_from: Floats

    @property
    def removal_effect(self) -> Floats:
        """Share of the conversions, 0 to 1, that is lost without the channel; 0 where nothing converts."""
        if self.p_convert <= 0:
            return np.zeros_like(self.reach)
        return np.clip(self.reach * self.convert_from / self.p_convert, 0.0, 1.0)

    @property
    def share(self) -> Floats:
        """The removal effects as shares that sum to 1; all 0 where nothing converts."""
        effect = self.removal_effect
        total = float(effect.sum())
        return effect / total if total > 0 else effect


def fit(found: Journeys) -> Chain:
    """The chain of order 1 of these journeys."""
    size = len(found.channels)
    weight = found.conversions + found.nulls
    total = float(weight.sum())
    if total <= 0:
        return Chain(0.0, np.zeros(size), np.zeros(size))
    steps, first, converted, lost = _counts(found, weight)
    leaving = steps.sum(axis=1) + converted + lost
    visited = np.maximum(leaving, np.finfo(np.float64).tiny)  # a channel on journeys of nobody is left by nobody
    visits = np.linalg.inv(np.eye(size) - steps / visited[:, None])
    arrivals = (first / total) @ visits
    convert_from = visits @ (converted / visited)
    p_convert = float((first / total) @ convert_from)
    return Chain(p_convert, arrivals / np.diag(visits), convert_from)


def _counts(found: Journeys, weight: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Journeys that step from channel to channel, that begin at one, that convert and that end in vain after one.

    Steps from a channel to itself are left out. They change neither how likely the next other step is nor any
    result, and a channel that repeats itself a thousand times would make the matrix nearly singular.
    """
    size = len(found.channels)
    ends = found.starts + found.lengths - 1
    goes_on = np.ones(len(found.touch), dtype=bool)
    goes_on[ends] = False
    here = np.flatnonzero(goes_on)
    pair = found.touch[here] * size + found.touch[here + 1]
    steps = summed(pair, np.repeat(weight, found.lengths - 1), size * size).reshape(size, size)
    np.fill_diagonal(steps, 0.0)
    first = summed(found.touch[found.starts], weight, size)
    converted = summed(found.touch[ends], found.conversions, size)
    lost = summed(found.touch[ends], found.nulls, size)
    return steps, first, converted, lost
