"""Which charts stand on the page of the treatment. What is known in, charts out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from stormplay import charts
from stormplay.charts import Chart
from stormplay.charts.chart import nothing
from stormplay.controls import score_charts
from stormplay.controls.treatment_state import Treatment, Trial

UNIT = score_charts.UNIT
BEGUN = "begun or known"  # homes that keep their arm
KEPT_NO_CURVE = "The curve of this version was not kept: train it again to see one."
PER = 1_000  # homes that a Qini curve is counted by
_Z = 1.959964


def lift(one: Treatment) -> Chart:
    """The difference that treating made, with its intervals."""
    return score_charts.lift(one)


def bands(one: Treatment) -> Chart:
    """The same within bands of modelled hail."""
    read = one.read_out
    found = [(band.name, band.counts.difference(read.confidence)) for band in read.strata.strata]
    named = [*found, ("All bands, each weighted by its homes", read.strata.stratified)]
    return charts.lift_interval(_lifts(named if len(found) > 1 else found), unit=UNIT, caption="By modelled hail.")


def storms(one: Treatment) -> Chart:
    """The same at each storm of the company, and over all of them."""
    pooled = one.pooled
    named = [(part.storm, part.difference) for part in pooled.storms]
    together = [("All storms, looked at daily", pooled.always_valid), ("A storm like these", pooled.random)]
    caption = "Each storm by itself for one look; all of them together as often as one looks."
    return charts.lift_interval(_lifts([*named, *together] if len(named) > 1 else named), unit=UNIT, caption=caption)


def _lifts(named: list[tuple[str, Any]]) -> pd.DataFrame:
    rows = [
        {"label": label, "estimate": 100 * one.value, "low": 100 * one.low, "high": 100 * one.high}
        for label, one in named if one.value is not None
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["label", "estimate", "low", "high"])


def curve(trial: Trial) -> Chart:
    """Expected signatures by homes visited, and where the limits cut."""
    known = trial.curve.dropna(subset=["conversions"]) if len(trial.curve) else trial.curve
    if known.empty:
        return nothing("No home with an expected uplift is in line for a visit.")
    most, rules = int(known["homes"].iloc[-1]), trial.rules
    spoken = int(known.loc[known["is_fixed"].astype(bool), "homes"].max() or 0) if known["is_fixed"].any() else 0
    limits = {BEGUN: spoken or None, "crew capacity": rules.doors, "budget": rules.paid_visits}
    cuts = {name: float(visits) for name, visits in limits.items() if visits is not None and visits < most}
    made = charts.uplift_curve(known, cuts=cuts)
    first = f"The first {spoken:,} homes keep their arm, so they stand in front; then those most worth a visit. "
    return replace(made, caption=(first if spoken else "") + made.caption)


def qini(version: Any) -> Chart:
    """How well a version ranked homes that it had not seen, as it was measured when it was trained."""
    curves = {} if version is None else version.metrics.get("curves", {})
    if version is not None and not curves:
        return nothing(KEPT_NO_CURVE)
    learner = "" if version is None else str(version.params.get("learner", ""))
    names = {learner: f"{version.model_version}", "response": "a model of who signs"} if curves else {}
    return _qini({names.get(name, name): pd.DataFrame(points) for name, points in curves.items()})


def compared(comparison: Any) -> Chart:
    """Two versions and a model of who signs on the same homes."""
    names = {"response": "a model of who signs"}
    wanted = [comparison.one, comparison.other, "response"]
    return _qini({names.get(name, name): comparison.ranking.curves[name] for name in wanted})


def _qini(named: dict[str, pd.DataFrame]) -> Chart:
    drawn = charts.qini(_curves(named))
    return drawn if drawn.empty else replace(drawn, caption=f"Signatures gained per {PER:,} homes. {drawn.caption}")


def _curves(named: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The band of the first one alone: three bands on each other say nothing."""
    parts = []
    for place, (name, points) in enumerate(named.items()):
        gain, reach = points["gain"].astype(float) * PER, points["gain_se"].astype(float) * PER * _Z
        ends = (gain - reach, gain + reach) if place == 0 else (np.nan, np.nan)
        parts.append(pd.DataFrame({"model": name, "share": points["share"], "gain": gain, "low": ends[0],
                                   "high": ends[1]}))  # fmt: skip
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["model", "share", "gain"])


def calibration(version: Any) -> Chart:
    """What a version predicted against what was seen, group by group."""
    bins = pd.DataFrame([] if version is None else version.metrics.get("bins", []))
    if bins.empty:
        return charts.calibration(pd.DataFrame(columns=["predicted", "observed"]))
    return charts.calibration(bins.assign(n=bins["treated"] + bins["held"]).dropna(subset=["observed"]))
