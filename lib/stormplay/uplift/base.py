"""The two base learners, from scikit-learn: gradient boosting on histograms, and a linear model.

scikit-learn takes seconds to load, so only who fits loads it; a page that shows a model's card does not wait for it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from stormplay.errors import BadInput
from stormplay.uplift.encoding import Floats

BASES = ("boosting", "linear")

_PER_LEAF = 10  # of the rarer outcome, expected in a leaf
_LARGE = 50_000  # rows from which a second thread is worth its keep


@contextmanager
def threads(rows: int) -> Iterator[None]:
    """Two threads for many rows, one for few: the server has other work, and same threads give same sums."""
    with threadpool_limits(limits=min(2, os.cpu_count() or 1) if rows >= _LARGE else 1):
        yield


def fit_outcome(base: str, matrix: Floats, outcome: Floats, seed: int, *, binary: bool) -> Any:
    """Fit the chance of an outcome (0/1) or its mean."""
    from sklearn.dummy import DummyRegressor  # noqa: PLC0415
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    if len(outcome) == 0 or (outcome == outcome[0]).all():
        return DummyRegressor(strategy="mean").fit(
            np.zeros((max(len(outcome), 1), 1)), outcome if len(outcome) else [0.0]
        )
    matrix = _with_something(matrix)
    if not binary:
        return fit_mean(base, matrix, outcome, len(outcome) / 2, seed)
    if base == "linear":
        return _prepared(LogisticRegression(C=0.1, max_iter=500)).fit(matrix, outcome)
    rare = float(min(outcome.sum(), len(outcome) - outcome.sum()))
    return HistGradientBoostingClassifier(**_settings(len(outcome), rare, seed)).fit(matrix, outcome)


def fit_mean(base: str, matrix: Floats, target: Floats, rare: float, seed: int) -> Any:
    """Fit the mean of a number, such as an estimated effect.

    Args:
        base: One of `BASES`.
        matrix: One row a home.
        target: The number.
        rare: How many of the rarer outcome are behind it; decides how fine the fit may be.
        seed: Of the learner.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415
    from sklearn.linear_model import Ridge  # noqa: PLC0415

    matrix = _with_something(matrix)
    if base == "linear":
        return _prepared(Ridge(alpha=10.0)).fit(matrix, target)
    return HistGradientBoostingRegressor(**_settings(len(target), rare, seed)).fit(matrix, target)


def expect(model: Any, matrix: Floats) -> Floats:
    """The chance of the outcome, or the mean, that a fitted base learner gives each row."""
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(matrix)[:, 1], dtype=np.float64)
    return np.asarray(model.predict(matrix), dtype=np.float64)


def check_base(base: str) -> str:
    """The name of a base learner.

    Raises:
        BadInput: There is none of that name.
    """
    if base not in BASES:
        raise BadInput(f"There is no base learner '{base}'.", f"Expected {' or '.join(BASES)}.")
    return base


def _with_something(matrix: Floats) -> Floats:
    """Zeros in columns without any value, which nothing can be learnt from and boosting does not take."""
    return np.where(np.isnan(matrix).all(axis=0), 0.0, matrix)


def _settings(rows: int, rare: float, seed: int) -> dict[str, Any]:
    """How fine a boosting may be, by how much there is to learn from.

    scikit-learn's defaults are made for thousands of each outcome. Of a few dozen signatures in the control group they
    learn noise by heart. So a leaf holds ten of the rarer outcome on average; steps and depth grow with their number.
    """
    leaf = int(np.clip(rows * _PER_LEAF / max(rare, 1.0), 20, max(20, rows // 4)))
    return {
        "max_iter": int(np.clip(30 * math.log10(max(rare, 10.0)), 30, 180)),
        "learning_rate": 0.05,
        "max_depth": 2 if rare < 1_000 else 3 if rare < 10_000 else 4,
        "min_samples_leaf": leaf,
        "l2_regularization": 1.0,
        "early_stopping": False,
        "random_state": seed,
    }


def _prepared(model: Any) -> Any:
    from sklearn.impute import SimpleImputer  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    fill = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    return make_pipeline(fill, StandardScaler(), model)
