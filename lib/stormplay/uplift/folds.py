"""Folds: which homes are asked about together, by models that have seen none of them. Pure."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from stormplay.uplift.checks import MIN_PER_CLASS, is_binary
from stormplay.uplift.encoding import Floats

FOLDS = 5
_FEWEST_GROUPS = 3

Places = NDArray[np.intp]


def folds(
    treated: NDArray[np.bool_], outcome: Floats, groups: ArrayLike | None = None, seed: int = 0, count: int = FOLDS
) -> tuple[Places, str]:
    """A fold for each row.

    Whole groups (storms) stay together where there are three or more of them and what is left for learning never lacks
    an arm or an outcome: so a home is asked of models that know nothing of its storm, which is how a new storm is met.
    Else rows are dealt out, arm by arm and outcome by outcome.

    Args:
        treated, outcome: Per row.
        groups: Per row, what it belongs to; None: nothing.
        seed: Of the dealing.
        count: Folds, at most.

    Returns:
        Per row a number from 0, and what the folds are, in words: 'by storm' or 'by home'.
    """
    if groups is not None:
        numbers = pd.factorize(np.asarray(groups))[0]
        places = _by_group(numbers, count)
        if places is not None and _all_can_learn(places, treated, outcome):
            return places, "by storm"
    return _by_row(treated, outcome, seed, count), "by home"


def _by_group(numbers: Places, count: int) -> Places | None:
    sizes = np.bincount(numbers)
    if len(sizes) < _FEWEST_GROUPS:
        return None
    filled = np.zeros(min(count, len(sizes)), dtype=np.int64)
    fold_of = np.empty(len(sizes), dtype=np.intp)
    for group in np.argsort(-sizes, kind="stable"):  # the largest first, each to the emptiest fold
        fold_of[group] = int(np.argmin(filled))
        filled[fold_of[group]] += sizes[group]
    return fold_of[numbers]


def _by_row(treated: NDArray[np.bool_], outcome: Floats, seed: int, count: int) -> Places:
    order = np.random.default_rng(seed).permutation(len(treated))
    kind = treated * 2 + (outcome > 0 if is_binary(outcome) else 0)
    order = order[np.argsort(kind[order], kind="stable")]
    places = np.empty(len(treated), dtype=np.intp)
    places[order] = np.arange(len(treated)) % count
    return places


def _all_can_learn(places: Places, treated: NDArray[np.bool_], outcome: Floats) -> bool:
    for fold in np.unique(places):
        for arm in (treated, ~treated):
            left = outcome[(places != fold) & arm]
            signed = left.sum() if is_binary(outcome) else len(left) / 2
            if min(signed, len(left) - signed) < MIN_PER_CLASS:
                return False
    return True
