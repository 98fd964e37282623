"""Rules that look at one journey at a time: each shares one conversion out over the journey's touches.

Every rule takes journeys and returns one share a touch; the shares of a journey sum to 1.

    first, last   the first or the last touch has all of it
    linear        each touch as much as every other
    time_decay    a touch one half-life before the last one has half as much
    position      40 % to the first touch, 40 % to the last, 20 % over those between; of two touches half each
    shapley       each distinct channel as much as every other, given to its first touch

The last is the Shapley value of the game in which a set of channels is worth the conversions of all journeys that
need no other channel: each journey is a unanimity game over its channels, whose value is shared equally (Shapley
1953). Its order-blind share is stable where that of observed rates of subsets is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stormplay.attribution.journeys import Floats, Ints, Journeys

FIRST_SHARE = LAST_SHARE = 0.4
MOST_CELLS = 20_000_000  # journeys times channels: a table of them is quicker than hashing, and 160 MB at most


def first(found: Journeys) -> Floats:
    """All to the first touch."""
    share = np.zeros(len(found.touch))
    share[found.starts] = 1.0
    return share


def last(found: Journeys) -> Floats:
    """All to the last touch."""
    share = np.zeros(len(found.touch))
    share[found.starts + found.lengths - 1] = 1.0
    return share


def linear(found: Journeys) -> Floats:
    """The same to each touch."""
    return np.repeat(1.0 / found.lengths, found.lengths)


def position(found: Journeys) -> Floats:
    """40 % to the first touch, 40 % to the last, the rest over those between; two touches half each, one all."""
    lengths = found.lengths
    between = np.where(lengths > 2, (1 - FIRST_SHARE - LAST_SHARE) / np.maximum(lengths - 2, 1), 0.0)
    share = np.repeat(between, lengths)
    share[found.starts] = np.where(lengths > 2, FIRST_SHARE, 1.0 / lengths)
    share[found.starts + lengths - 1] = np.where(lengths > 2, LAST_SHARE, 1.0 / lengths)
    return share


def shapley(found: Journeys) -> Floats:
    """The same to each distinct channel."""
    is_new = _first_of_its_channel(found)
    distinct: Ints = np.add.reduceat(is_new, found.starts, dtype=np.int64) if len(is_new) else found.lengths
    return is_new / np.repeat(distinct, found.lengths)


def _first_of_its_channel(found: Journeys) -> NDArray[np.bool_]:
    """Whether a touch is its journey's first by that channel."""
    key, touches = found.journey * len(found.channels) + found.touch, np.arange(len(found.touch), dtype=np.int64)
    cells = len(found.lengths) * len(found.channels)
    if cells > MOST_CELLS:
        return ~pd.Series(key).duplicated().to_numpy()
    first = np.empty(cells, dtype=np.int64)
    first[key[::-1]] = touches[::-1]  # of several the last that is written stays
    is_new: NDArray[np.bool_] = first[key] == touches
    return is_new


def decay_by_steps(found: Journeys, half_life_steps: float) -> Floats:
    """Half as much for a touch that many steps earlier."""
    ends = found.starts + found.lengths
    steps: Ints = np.repeat(ends, found.lengths) - np.arange(1, len(found.touch) + 1)
    table: Floats = np.exp2(-np.arange(int(found.lengths.max(initial=1))) / half_life_steps)
    whole: Floats = np.cumsum(table)[found.lengths - 1]
    share: Floats = table[steps] / np.repeat(whole, found.lengths)
    return share


def decay_by_days(found: Journeys, half_life_days: float) -> Floats:
    """Half as much for a touch that many days earlier.

    Measured from the last touch: from any other moment, that of the conversion too, the shares are the same.
    """
    if found.days is None or not len(found.days):
        return np.zeros(len(found.touch))
    latest = np.repeat(found.days[found.starts + found.lengths - 1], found.lengths)
    weight: Floats = np.exp2(-(latest - found.days) / half_life_days)
    share: Floats = weight / np.repeat(np.add.reduceat(weight, found.starts), found.lengths)
    return share


RULES: Mapping[str, Callable[[Journeys], Floats]] = {
    "first": first,
    "last": last,
    "linear": linear,
    "position": position,
    "shapley": shapley,
}
