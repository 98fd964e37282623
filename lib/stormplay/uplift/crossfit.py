"""Predictions for homes that the predicting model has not seen: the only ones that a model is measured on. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from stormplay.uplift import checks
from stormplay.uplift.base import check_base
from stormplay.uplift.encoding import Encoding, Floats
from stormplay.uplift.fitting import Propensity, checked, fit_checked, read_propensity
from stormplay.uplift.folds import FOLDS, folds
from stormplay.uplift.learners import check_learner


@dataclass(frozen=True)
class CrossFitted:
    """Out-of-fold predictions, one row a home.

    Attributes:
        predicted: One column a learner.
        treated, outcome: As they were.
        fold: The fold of each home.
        by: What the folds are: 'by storm' or 'by home'.
    """

    predicted: pd.DataFrame
    treated: NDArray[np.bool_]
    outcome: Floats
    fold: NDArray[np.intp]
    by: str


def cross_fit(
    features: pd.DataFrame | ArrayLike, treatment: ArrayLike, outcome: ArrayLike,
    learners: Sequence[str] = ("x", "response"), seed: int = 0, *, base: str = "boosting",
    propensity: Propensity = None, groups: ArrayLike | None = None, homes: ArrayLike | None = None,
    post_treatment: Collection[str] = checks.POST_TREATMENT, count: int = FOLDS, apart: str | None = None,
) -> CrossFitted:  # fmt: skip
    """Predict every home with models that were fitted without its fold; all learners on the same folds.

    Arguments as `fit`; `count` is the number of folds at most, `apart` 'storm' or 'home' (`folds`). Of a home that
    several storms hit, folds by storm may learn from another row.

    Raises:
        As `fit`.
    """
    check_base(base), [check_learner(learner) for learner in learners]
    _, table, treated, y = checked(features, treatment, outcome, propensity, post_treatment)
    e = read_propensity(propensity, treated)
    fold, by = folds(treated, y, groups, homes, seed, count, apart)
    predicted = {learner: np.empty(len(y)) for learner in learners}
    for number in np.unique(fold):
        learn, ask = fold != number, fold == number
        encoding = Encoding.learn(table[learn])
        matrix, inner = encoding.matrix(table[learn]), _inner(groups, homes, learn, treated, y, seed)
        for learner in learners:
            model = fit_checked(encoding, matrix, treated[learn], y[learn], learner, seed, base=base,
                                propensity=None if e is None else e[learn], fold=inner)  # fmt: skip
            predicted[learner][ask] = model.predict(table[ask])
    return CrossFitted(pd.DataFrame(predicted), treated, y, fold, by)


def _inner(
    groups: ArrayLike | None, homes: ArrayLike | None, learn: NDArray[np.bool_], treated: NDArray[np.bool_],
    outcome: Floats, seed: int,
) -> NDArray[np.intp]:  # fmt: skip
    """Folds within what is learnt from, for learners that need their own."""
    own, storms = (None if one is None else np.asarray(one)[learn] for one in (homes, groups))
    return folds(treated[learn], outcome[learn], storms, own, seed)[0]
