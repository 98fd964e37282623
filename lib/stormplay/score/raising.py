"""The cheapest way to raise a score: what one unit of work brings, step by step. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from stormplay.score.formula import HIGH_UPLIFT, WEIGHTS
from stormplay.score.standing import Counts

_NOTHING = 1e-9  # points; less is rounding
COLUMNS = ("component", "step", "points", "left", "points_left", "sentence", "page")
_UNMEASURED = {
    "policy_coverage": ("Run the treatment policy", "treatment"),
    "route_completion": ("Generate routes", "phase3_routes"),
    "conversion_lift": ("Record what became of the homes", "phase4_jobs"),
    "data_quality": ("Check the data", "tenant_health"),
}


@dataclass(frozen=True)
class _Work:
    """One kind of work: what it is called, what one more of it changes, how much of it there is left, and where."""

    component: str
    step: str
    page: str
    more: Callable[[Counts, int], Counts]
    left: Callable[[Counts], int]


def _sign(counts: Counts, n: int) -> Counts:
    """So many more treated homes sign: first those whose outcome is open, then those who had said no."""
    newly_known = min(n, max(0, counts.treat - counts.treat_known))
    return replace(counts, treat_converted=counts.treat_converted + n, treat_known=counts.treat_known + newly_known)


WORK = (
    _Work("policy_coverage", "Treat one more home", "treatment",
          lambda c, n: replace(c, treat=c.treat + n), lambda c: max(0, c.high_uplift - c.treat)),
    _Work("route_completion", "Complete one more job", "phase4_jobs",
          lambda c, n: replace(c, completed=c.completed + n), lambda c: c.total - c.completed),
    _Work("conversion_lift", "One more treated home signs", "phase5_nurture", _sign,
          lambda c: max(c.treat, c.treat_known) - c.treat_converted),
    _Work("data_quality", "Mend one issue in the data", "tenant_health",
          lambda c, n: replace(c, issues=c.issues - n), lambda c: c.issues),
)  # fmt: skip


def cheapest_raise(counts: Counts, since: str = "") -> pd.DataFrame:
    """The next steps, those that bring most for one unit of work first.

    Args:
        counts: Of a storm.
        since: What has happened since its data were checked, in words such as 'routes were planned'; '': nothing.

    Returns:
        component, step (what one unit of work is), points (what it brings), left (units until the component is full;
        NaN where that cannot be said), points_left (what all of them bring), sentence, page (the notebook it leads
        to). A component that is full has no row. One that is not measurable has points NaN, and points_left is what it
        could bring at most; so have issues that were counted before something happened. A unit that brings nothing
        yet, such as a signature while the lift is below zero, says how many it takes.
    """
    missing = counts.not_measurable()
    rows: list[dict[str, Any]] = [_unmeasured(name, reason) for name, reason in missing.items()]
    rows += [_step(counts, work) for work in WORK if work.component not in missing]
    found = pd.DataFrame([row for row in rows if row["points_left"] > _NOTHING], columns=list(COLUMNS))
    # One run of the policy or of the checks brings its points at once; routes and outcomes only with what follows.
    at_once = found["points_left"].where(found["component"].isin(["policy_coverage", "data_quality"]), 0.0)
    order = found["points"].fillna(at_once).sort_values(ascending=False, kind="stable").index
    found = found.loc[order].reset_index(drop=True)
    if since and counts.issues:  # nobody knows what is left to mend
        told = f"Since the last check, which found {counts.issues:,} issues in {counts.checks:,} checks, {since}."
        again = found["component"] == "data_quality"
        found.loc[again, ["points", "left"]] = math.nan
        found.loc[again, "step"], found.loc[again, "sentence"] = "Check the data again", told
    return found


def _unmeasured(name: str, reason: str) -> dict[str, Any]:
    step, page = _UNMEASURED[name]
    reason = reason.split(":", maxsplit=1)[0]  # the remedy after it is the step itself
    most = 100 * WEIGHTS[name]
    return {"component": name, "step": step, "points": math.nan, "left": math.nan, "points_left": most, "page": page,
            "sentence": f"{reason[0].upper()}{reason[1:]}. Up to {most:.0f} points can be measured then."}  # fmt: skip


def _step(counts: Counts, work: _Work) -> dict[str, Any]:
    gain, left = _gain(counts, work), work.left(counts)
    missing = 100 * WEIGHTS[work.component] * (1 - counts.components()[work.component])
    units = _units(gain, left, missing)
    points = gain(1) if left else 0.0
    return {"component": work.component, "step": work.step, "points": points, "left": float(units),
            "points_left": gain(units), "page": work.page,
            "sentence": _sentence(counts, work, points, units)}  # fmt: skip


def _gain(counts: Counts, work: _Work) -> Callable[[int], float]:
    before = counts.components()["score"]
    return lambda n: work.more(counts, n).components()["score"] - before


def _units(gain: Callable[[int], float], left: int, wanted: float) -> int:
    """The fewest units that bring so many points, or all there are. A unit never takes anything away."""
    low, high = 0, left
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if gain(middle) >= wanted - _NOTHING else (middle + 1, high)
    return low


def _sentence(counts: Counts, work: _Work, points: float, units: int) -> str:
    if work.component == "conversion_lift":
        return _signing(counts, points, units)
    left = {
        "policy_coverage": f"{units:,} more until there are as many as homes with uplift above "
        f"{100 * HIGH_UPLIFT:.0f} %",
        "route_completion": f"{units:,} of {counts.total:,} jobs are open",
        "data_quality": f"{units:,} issues in {counts.checks:,} checks",
    }[work.component]
    return f"{left[0].upper()}{left[1:]}; each brings {_points(points)}."


def _signing(counts: Counts, points: float, units: int) -> str:
    if points > _NOTHING:
        return f"Each brings {_points(points)} at first; {units:,} would double the rate of the held-out homes."
    gain = _gain(counts, next(work for work in WORK if work.component == "conversion_lift"))
    first = _units(gain, units, 2 * _NOTHING)
    return (
        f"The treated homes sign no more often than the held-out ones: {first:,} more would have to sign before "
        "it counts."
    )


def _points(points: float) -> str:
    shown = f"{points:.1f}" if points >= 0.1 else f"{points:.2g}"
    return f"{shown} point{'' if shown == '1.0' else 's'}"
