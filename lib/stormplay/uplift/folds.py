"""Folds: which homes are asked about together, by models that have seen none of them. Pure."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from stormplay.errors import BadInput
from stormplay.uplift.checks import MIN_PER_CLASS, is_binary
from stormplay.uplift.encoding import Floats

FOLDS = 5

Places = NDArray[np.intp]


def folds(
    treated: NDArray[np.bool_], outcome: Floats, groups: ArrayLike | None = None, homes: ArrayLike | None = None,
    seed: int = 0, count: int = FOLDS, apart: str | None = None,
) -> tuple[Places, str]:  # fmt: skip
    """A fold for each row.

    By storm, a home is asked of models that know nothing of its storm, which is how a new storm is met. Where there are
    fewer than five, leaving one out leaves too little to learn from. By home, homes are dealt out, arm by arm and
    outcome by outcome.

    Args:
        treated, outcome: Per row.
        groups: Per row, its storm; None: all are of one.
        homes: Per row, its home; rows of one home are never in two folds by home. None: each row is one.
        seed: Of the dealing.
        count: Folds, at most.
        apart: 'storm' or 'home'; None: by storm where there are five or more and what is left never lacks an arm or
            an outcome, else by home.

    Returns:
        Per row a number from 0, and what the folds are, in words: 'by storm' or 'by home'.

    Raises:
        BadInput: Folds by storm are asked for and cannot be made, or `apart` is neither word.
    """
    if apart not in (None, "storm", "home"):
        raise BadInput(f"Folds cannot be apart by '{apart}'.", "Expected 'storm' or 'home'.")
    if apart != "home" and groups is not None:
        places = _by_group(pd.factorize(np.asarray(groups))[0], count, count if apart is None else 2)
        if places is not None and _all_can_learn(places, treated, outcome):
            return places, "by storm"
    if apart == "storm":
        raise BadInput("Folds by storm leave too little to learn from.", "Expected more storms.", "Take 'home'.")
    return _by_home(treated, outcome, homes, seed, count), "by home"


def _by_group(numbers: Places, count: int, fewest: int) -> Places | None:
    sizes = np.bincount(numbers)
    if len(sizes) < fewest:
        return None
    filled = np.zeros(min(count, len(sizes)), dtype=np.int64)
    fold_of = np.empty(len(sizes), dtype=np.intp)
    for group in np.argsort(-sizes, kind="stable"):  # the largest first, each to the emptiest fold
        fold_of[group] = int(np.argmin(filled))
        filled[fold_of[group]] += sizes[group]
    return fold_of[numbers]


def _by_home(treated: NDArray[np.bool_], outcome: Floats, homes: ArrayLike | None, seed: int, count: int) -> Places:
    """Deal homes out; a home of several rows goes by its first."""
    own = np.arange(len(treated)) if homes is None else pd.factorize(np.asarray(homes))[0]
    _, first = np.unique(own, return_index=True)
    kind = treated * 2 + (outcome > 0 if is_binary(outcome) else 0)
    order = np.random.default_rng(seed).permutation(len(first))
    order = order[np.argsort(kind[first][order], kind="stable")]
    places = np.empty(len(first), dtype=np.intp)
    places[order] = np.arange(len(first)) % count
    return places[own]


def _all_can_learn(places: Places, treated: NDArray[np.bool_], outcome: Floats) -> bool:
    for fold in np.unique(places):
        for arm in (treated, ~treated):
            left = outcome[(places != fold) & arm]
            signed = left.sum() if is_binary(outcome) else len(left) / 2
            if min(signed, len(left) - signed) < MIN_PER_CLASS:
                return False
    return True
