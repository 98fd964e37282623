"""A fit measured on homes that it has not seen, as figures for the registry and sentences for a person. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from stormplay.experiments import difference_interval
from stormplay.uplift import calibration
from stormplay.uplift.calibration import Slope
from stormplay.uplift.crossfit import CrossFitted
from stormplay.uplift.qini import Ranking, rank


@dataclass(frozen=True)
class Evaluation:
    """How well a learner does on this company's homes.

    Attributes:
        learner: Which.
        by: What was kept apart: 'by storm' or 'by home'.
        ranking: It and the response baseline, on the same homes.
        bins: Predicted against observed uplift (`calibration.bins`).
        top: Observed uplift in the first share of homes (`calibration.top`).
        slope: How much of the predicted differences comes true.
        mean_predicted: Mean of its predictions.
        observed, low, high: Observed average uplift with its Newcombe interval.
        reasons_r2: Share of the predictions that the reasons repeat; missing where it was not looked at.
        notes: What else should be known, as sentences.
    """

    learner: str
    by: str
    ranking: Ranking
    bins: pd.DataFrame
    top: pd.DataFrame
    slope: Slope
    mean_predicted: float
    observed: float
    low: float
    high: float
    reasons_r2: float = math.nan
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def row(self) -> dict[str, float]:
        """The learner's row of the ranking's table."""
        table = self.ranking.table
        found = table[table["name"] == self.learner].drop(columns="name").iloc[0]
        return {str(name): float(value) for name, value in found.items()}

    @property
    def verdict(self) -> str:
        """Whether it ranks better than chance: 'better than chance', 'worse than chance' or 'too early to say'."""
        if self.row["qini_low"] > 0:
            return "better than chance"
        return "worse than chance" if self.row["qini_high"] < 0 else "too early to say"

    @property
    def against_response(self) -> str:
        """Against the response baseline: 'better', 'worse' or 'cannot tell apart'."""
        if "response" not in self.ranking.draws or self.learner == "response":
            return "cannot tell apart"
        one = self.ranking.differences("response").set_index("name").loc[self.learner]
        return "cannot tell apart" if not one["can_tell"] else "better" if one["difference"] > 0 else "worse"

    def sentences(self) -> list[str]:
        """What a person reads."""
        rank_, row = self.ranking, self.row
        apart = "from other storms" if self.by == "by storm" else "from other homes"
        verdict = {
            "better than chance": "it ranks better than chance",
            "worse than chance": "it ranks worse than chance",
            "too early to say": "too early to say whether it ranks better than chance",
        }[self.verdict]
        response = {
            "better": "it ranks better than a model of who signs",
            "worse": "it ranks worse than a model of who signs",
            "cannot tell apart": "it cannot be told apart from a model of who signs",
        }[self.against_response]
        said = [
            f"Measured on {rank_.treated + rank_.held:,} homes ({rank_.treated:,} treated, {rank_.held:,} held out), "
            f"each by a model that learnt {apart}.",
            f"A visit adds {self.observed * 100:.1f} signatures in a hundred homes (95 %: {self.low * 100:.1f} to "
            f"{self.high * 100:.1f}); the model says {self.mean_predicted * 100:.1f}.",
            f"Qini coefficient {row['qini']:.4f}, standard error {row['qini_se']:.4f} (0 is chance): {verdict}; "
            f"{response}.",
            self._calibrated(),
        ]
        if not math.isnan(self.reasons_r2):
            said.append(
                f"The reasons repeat {max(self.reasons_r2, 0) * 100:.0f} % of what differs between predictions; they "
                "explain the model, not the world."
            )
        return [*said, *self.notes]

    def _calibrated(self) -> str:
        one = self.slope
        if math.isnan(one.slope):
            return "It predicts the same for every home, so nothing can be said of its differences."
        wide = f"slope {one.slope:.2f} (95 %: {one.low:.2f} to {one.high:.2f})"
        if one.low > 0 and one.low <= 1 <= one.high:
            return f"Calibration: {wide}; 1 is right, and nothing speaks against it."
        if one.low > 1 or (one.high < 1 and one.low > 0):
            return f"Calibration: {wide}; 1 is right: it {'understates' if one.low > 1 else 'exaggerates'} differences."
        return f"Calibration: {wide}; too early to say whether its differences come true."

    def metrics(self) -> dict[str, Any]:
        """As plain JSON, for the registry; a number that is not known is null."""
        row, rank_ = self.row, self.ranking
        found = {
            "by": self.by,
            "treated": rank_.treated,
            "held": rank_.held,
            **{name: row[name] for name in ("qini", "qini_se", "auuc", "auuc_se", "optimum_share", "optimum_share_se")},
            "verdict": self.verdict,
            "against_response": self.against_response,
            "response_qini": rank_.table.set_index("name")["qini"].get("response", math.nan),
            "slope": self.slope.slope,
            "slope_se": self.slope.se,
            "mean_predicted": self.mean_predicted,
            "observed": self.observed,
            "observed_low": self.low,
            "observed_high": self.high,
            "reasons_r2": self.reasons_r2,
            "curves": {name: _few(curve) for name, curve in self.ranking.curves.items()},
            "bins": self.bins.to_dict("records"),
            "top": self.top.to_dict("records"),
            "sentences": self.sentences(),
        }
        plain: dict[str, Any] = as_plain(found)
        return plain


def _few(curve: pd.DataFrame, points: int = 26) -> dict[str, list[float]]:
    """Enough of a Qini curve to draw it again."""
    places = np.unique(np.linspace(0, len(curve) - 1, min(points, len(curve))).round().astype(int))
    return {str(name): column.round(6).tolist() for name, column in curve.iloc[places].items()}


def judge(
    fitted: CrossFitted, learner: str, *, reasons_r2: float = math.nan, notes: Sequence[str] = (), seed: int = 0
) -> Evaluation:
    """Measure a learner by its out-of-fold predictions.

    Args:
        fitted: Of the learner, and of 'response' beside it.
        learner: Which column.
        reasons_r2: What is known of the reasons (`reasons.learn`).
        notes: Sentences to keep with it.
        seed: Of the bootstrap.
    """
    predicted = fitted.predicted[learner].to_numpy(dtype=np.float64)
    t, y = fitted.treated, fitted.outcome
    low, high = difference_interval(int(y[t].sum()), int(t.sum()), int(y[~t].sum()), int((~t).sum()))
    return Evaluation(
        learner=learner,
        by=fitted.by,
        ranking=rank(fitted.predicted, t, y, seed=seed),
        bins=calibration.bins(predicted, t, y),
        top=calibration.top(predicted, t, y),
        slope=calibration.slope(predicted, t, y),
        mean_predicted=float(predicted.mean()),
        observed=float(y[t].mean() - y[~t].mean()),
        low=low,
        high=high,
        reasons_r2=reasons_r2,
        notes=tuple(notes),
    )


def as_plain(value: Any) -> Any:
    """Plain JSON: numbers of numpy as Python's, and null for what is no number."""
    if isinstance(value, dict):
        return {str(name): as_plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
