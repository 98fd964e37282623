"""`fit`: features, treatment and outcome in, a model of uplift out. Pure."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from stormplay.errors import BadInput
from stormplay.uplift import checks
from stormplay.uplift.base import check_base, threads
from stormplay.uplift.encoding import Encoding, Floats, as_table
from stormplay.uplift.folds import folds
from stormplay.uplift.learners import LEARNERS, Task, check_learner
from stormplay.uplift.model import UpliftModel

Propensity = float | ArrayLike | str | None


def fit(
    features: pd.DataFrame | ArrayLike, treatment: ArrayLike, outcome: ArrayLike, learner: str = "x", seed: int = 0,
    *, base: str = "boosting", propensity: Propensity = None, groups: ArrayLike | None = None,
    homes: ArrayLike | None = None, post_treatment: Collection[str] = checks.POST_TREATMENT,
) -> UpliftModel:  # fmt: skip
    """Fit a model of what treatment adds to the outcome.

    Args:
        features: One row a home, all of it known before the decision: a frame with columns of numbers or words, or an
            array (n, p). Values may be missing.
        treatment: Per row, 1 for treated and 0 for held out, as decided (whether or not somebody opened the door).
        outcome: Per row, 1 for signed and 0 for not; or any number.
        learner: 's', 't', 'x' or 'dr'; or 'response', the baseline that is no learner of uplift (see `learners`).
        seed: The same data and seed give the same model.
        base: 'boosting' (HistGradientBoosting, at most two threads) or 'linear' (logistic and ridge).
        propensity: The chance with which a home was treated: a number or one a row, known from the design; None: the
            share treated, which is the design of a draw; 'estimated': from the features, where owners were chosen.
        groups: Per row the storm, kept whole where a learner needs folds and there are five or more; None: all are one.
        homes: Per row the home, never split between folds; None: each row is one.
        post_treatment: Names of columns that came after the decision.

    Returns:
        A model with `.predict(features)`.

    Raises:
        TooLittleData: An arm has fewer than 100 homes, or an outcome within it fewer than 10 (`checks.MIN_PER_ARM`,
            `checks.MIN_PER_CLASS`); or there is one arm only.
        Leakage: A column's name says that it came after the decision, or what it holds tells who was treated or signed.
        BadInput: Treatment or outcome cannot be used, or there is no such learner.
        WrongColumns: A column holds dates or infinite numbers.
    """
    check_base(base), check_learner(learner)
    encoding, table, treated, y = checked(features, treatment, outcome, propensity, post_treatment)
    e = read_propensity(propensity, treated)
    fold, _ = folds(treated, y, groups, homes, seed)
    return fit_checked(encoding, encoding.matrix(table), treated, y, learner, seed, base=base, propensity=e, fold=fold)


def checked(
    features: pd.DataFrame | ArrayLike, treatment: ArrayLike, outcome: ArrayLike, propensity: Propensity,
    post_treatment: Collection[str],
) -> tuple[Encoding, pd.DataFrame, NDArray[np.bool_], Floats]:  # fmt: skip
    """All that `fit` refuses, asked once. Returns the columns' encoding, the table, who was treated, the outcome."""
    table = as_table(features)
    treated, y = checks.read_arms(treatment, outcome, len(table))
    checks.check_names(list(table.columns), post_treatment)
    checks.check_enough(treated, y)
    encoding = Encoding.learn(table)
    chosen = isinstance(propensity, str)
    checks.check_leaks(encoding, table, treated, y, chosen=chosen)
    return encoding, table, treated, y


def fit_checked(
    encoding: Encoding, matrix: Floats, treated: NDArray[np.bool_], outcome: Floats, learner: str, seed: int, *,
    base: str, propensity: Floats | None, fold: NDArray[np.intp],
) -> UpliftModel:  # fmt: skip
    """Fit what has passed the checks."""
    task = Task(matrix, treated, outcome, propensity, fold, base, seed, checks.is_binary(outcome))
    with threads(len(matrix)):
        parts = LEARNERS[learner][0](task)
    homes = int(treated.sum()), int((~treated).sum())
    return UpliftModel(learner, base, encoding, parts, float(np.ptp(outcome)), homes)


def read_propensity(propensity: Propensity, treated: NDArray[np.bool_]) -> Floats | None:
    """One chance a row; None where it is to be estimated.

    Raises:
        BadInput: It is no chance between 0 and 1.
    """
    if isinstance(propensity, str):
        if propensity != "estimated":
            raise BadInput(f"The propensity is '{propensity}'.", "Expected a number, one a row, or 'estimated'.")
        return None
    given = treated.mean() if propensity is None else propensity
    try:
        chance = np.broadcast_to(np.asarray(given, dtype=np.float64), treated.shape).copy()
    except ValueError:
        raise BadInput("The propensity has another length than the features.", "Expected one a row.") from None
    if not ((chance > 0) & (chance < 1)).all():
        raise BadInput("A propensity is not between 0 and 1.", "Expected that both arms were possible for every home.")
    return chance
