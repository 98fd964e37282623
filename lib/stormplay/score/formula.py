"""The formula, for anyone who checks our numbers against their own. Pure, and the same as in `sql/0036_score.sql`."""

from __future__ import annotations

import math
from decimal import Decimal
from numbers import Real
from typing import cast

from stormplay.errors import BadInput

WEIGHTS = {"policy_coverage": 0.30, "route_completion": 0.25, "conversion_lift": 0.25, "data_quality": 0.20}
"""What each component brings, as a share of the score."""

LABELS = {
    "policy_coverage": "Policy coverage",
    "route_completion": "Route completion",
    "conversion_lift": "Conversion lift",
    "data_quality": "Data quality",
}

HIGH_UPLIFT = 0.15
"""A home has high uplift above this expected gain in the chance to sign; the nurture list begins there too."""


def score_components(
    treat: float,
    high_uplift: float,
    completed: float,
    total: float,
    treat_rate: float,
    control_rate: float,
    issues: float,
    checks: float,
) -> dict[str, float]:
    """The four components of a storm's score, and the score.

    score = 100 * (0.30 * treat / high_uplift + 0.25 * completed / total
                   + 0.25 * (treat_rate - control_rate) / control_rate + 0.20 * (1 - issues / checks))

    Each component is clipped to 0 to 1, so a negative lift counts 0. Where a denominator is zero its component counts
    0: it is not measurable yet, which `Counts.not_measurable` tells apart from bad.

    Args:
        treat: Homes decided 'treat'.
        high_uplift: Homes with a decision whose expected uplift is above 0.15.
        completed: Jobs completed.
        total: Jobs.
        treat_rate: Share of the treated homes with a known outcome that signed, 0 to 1.
        control_rate: The same of the held-out homes.
        issues: Data-quality issues found.
        checks: Data-quality checks made.

    Returns:
        policy_coverage, route_completion, conversion_lift, data_quality, each from 0 to 1; score, from 0 to 100.

    Raises:
        BadInput: A value is missing, no number, negative, or a rate above 1.
    """
    counts = {"treat": treat, "high_uplift": high_uplift, "completed": completed, "total": total, "issues": issues,
              "checks": checks}  # fmt: skip
    treat, high_uplift, completed, total, issues, checks = (_number(name, value) for name, value in counts.items())
    treat_rate, control_rate = _rate("treat_rate", treat_rate), _rate("control_rate", control_rate)
    found = {
        "policy_coverage": _clipped(treat / high_uplift) if high_uplift else 0.0,
        "route_completion": _clipped(completed / total) if total else 0.0,
        "conversion_lift": _clipped((treat_rate - control_rate) / control_rate) if control_rate else 0.0,
        "data_quality": _clipped(1 - issues / checks) if checks else 0.0,
    }
    points = (
        WEIGHTS["policy_coverage"] * found["policy_coverage"]
        + WEIGHTS["route_completion"] * found["route_completion"]
        + WEIGHTS["conversion_lift"] * found["conversion_lift"]
        + WEIGHTS["data_quality"] * found["data_quality"]
    )
    return {**found, "score": min(100.0, 100 * points)}


def _number(name: str, value: object) -> float:
    is_number = isinstance(value, Real | Decimal) and not isinstance(value, bool)
    number = float(cast("float", value)) if is_number else math.nan
    if not math.isfinite(number) or number < 0:
        raise BadInput(f"{name} is {value!r}.", "Expected a number, 0 or more.")
    return number


def _rate(name: str, value: object) -> float:
    number = _number(name, value)
    if number > 1:
        raise BadInput(f"{name} is {value!r}.", "Expected a share from 0 to 1, such as 0.08 for 8 %.")
    return number


def _clipped(value: float) -> float:
    return min(1.0, max(0.0, value))
