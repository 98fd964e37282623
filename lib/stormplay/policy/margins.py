"""What the limits cost: the uplift at the cut, what the next crew-day is worth, and the curve behind both. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from stormplay.policy.deciding import OVER_BUDGET, OVER_CAPACITY, decide
from stormplay.policy.rules import Rules

LIMITS = {OVER_CAPACITY: "capacity", OVER_BUDGET: "budget"}


@dataclass(frozen=True)
class Margin:
    """What a decision uses and leaves, in the model's own expectation.

    Attributes:
        visits: Treated homes.
        crew_days: Crew-days that they take.
        cost_cents: What their visits cost; None where a visit's cost is not known.
        conversions: Signatures more than without the visits: the sum of the expected uplift; NaN where no treated home
            has one.
        value_cents: What these are worth; None where no job's value is known.
        binds: 'capacity' or 'budget', whichever leaves homes out; '' for neither.
        left_out: Homes that would be treated if nothing were limited.
        uplift_at_cut: Expected uplift of the first home left out; None where none is.
        next_visits: Homes of the next crew-day, at most one day's doors.
        next_conversions, next_value_cents: What that crew-day would bring, as above.
    """

    visits: int
    crew_days: float
    cost_cents: int | None
    conversions: float
    value_cents: float | None
    binds: Literal["", "capacity", "budget"]
    left_out: int
    uplift_at_cut: float | None
    next_visits: int
    next_conversions: float
    next_value_cents: float | None

    @property
    def sentence(self) -> str:
        """What the next crew-day is worth, as a sentence."""
        if self.visits and math.isnan(self.conversions):
            return "No treated home has an expected uplift for this storm now, so the next crew-day has no known worth."
        if not (self.visits or self.left_out):
            return "By these rules no home is worth a visit, so there is nothing for a crew to do."
        if not self.left_out:
            return "Every home that is worth a visit gets one; another crew-day would be worth nothing."
        worth = "" if self.next_value_cents is None else f", about ${self.next_value_cents / 100:,.0f} of work"
        short = "no crew-day" if self.binds == "capacity" else "no money"
        return (
            f"The next crew-day ({self.next_visits:,} doors) is worth {self.next_conversions:.1f} more signatures"
            f"{worth}, as the model expects; {self.left_out:,} homes that are worth a visit get none, "
            f"for there is {short} left."
        )


def margin(decided: pd.DataFrame, rules: Rules) -> Margin:
    """What a decision uses, and what one crew-day more would bring.

    Args:
        decided: As `decide` gives it.
        rules: The parameters it was made with.
    """
    line = _line(decided)
    cost = rules.cost_per_visit_cents
    is_in = (line["decision"] == "treat").to_numpy()
    treated, beyond = line[is_in], line[~is_in]
    after = beyond.head(rules.doors_per_crew_day)
    binds = LIMITS[beyond["objection"].iloc[0]] if len(beyond) else ""
    return Margin(
        visits=len(treated),
        crew_days=len(treated) / rules.doors_per_crew_day,
        cost_cents=None if cost is None else cost * len(treated),
        conversions=float(treated["expected_uplift"].sum(min_count=min(1, len(treated)))),
        value_cents=_total(treated["value_cents"]),
        binds=binds,  # type: ignore[arg-type]  # of two words and none
        left_out=len(beyond),
        uplift_at_cut=float(beyond["expected_uplift"].iloc[0]) if len(beyond) else None,
        next_visits=len(after),
        next_conversions=float(after["expected_uplift"].sum()),
        next_value_cents=_total(after["value_cents"]),
    )


def uplift_curve(homes: pd.DataFrame, rules: Rules, points: int = 400) -> pd.DataFrame:
    """How expected signatures grow with the homes visited, and where capacity and budget cut. For a chart.

    Args:
        homes: As for `decide`.
        rules: The parameters.
        points: Rows, at most, beside the cuts and the last home whose arm is fixed; the first and the last home are
            always among them.

    Returns:
        One row a home drawn as 'treat' in the order of visits, thinned: homes (visits up to and with it), crew_days and
        cost_cents (NaN: cost not known) of so many, expected_uplift of this one, conversions and value_cents (NaN: no
        value known) of all so far, is_fixed (it keeps its arm, so it stands before all that do not), limit (the cut
        that it stands behind: '', 'capacity' or 'budget'), is_cut (the last home before a cut).
    """
    return curve_of(decide(homes, rules), rules, points)


def curve_of(decided: pd.DataFrame, rules: Rules, points: int = 400) -> pd.DataFrame:
    """`uplift_curve` of what `decide` gave with these rules."""
    line = _line(decided)
    visits = np.arange(1, len(line) + 1)
    limit = line["objection"].map(LIMITS).where(line["decision"] == "skip").fillna("").to_numpy(dtype=object)
    cut = np.append(limit[1:] != limit[:-1], False) if len(line) else np.array([], dtype=bool)
    cost = np.nan if rules.cost_per_visit_cents is None else rules.cost_per_visit_cents
    curve = pd.DataFrame({
        "homes": visits,
        "crew_days": visits / rules.doors_per_crew_day,
        "cost_cents": visits * cost,
        "expected_uplift": line["expected_uplift"].to_numpy(),
        "conversions": line["expected_uplift"].cumsum().to_numpy(),
        "value_cents": line["value_cents"].cumsum().to_numpy(),
        "is_fixed": line["is_fixed"].to_numpy(),
        "limit": limit,
        "is_cut": cut,
    })  # fmt: skip
    shown = np.unique(np.linspace(0, len(curve) - 1, min(points, len(curve))).round().astype(int))
    fixed = np.flatnonzero(curve["is_fixed"])[-1:]
    return curve.iloc[np.union1d(shown, np.append(np.flatnonzero(cut), fixed))].reset_index(drop=True)


def _line(decided: pd.DataFrame) -> pd.DataFrame:
    """The homes drawn as 'treat' that stand in line, in its order, with value_cents: what a visit is expected to bring,
    where any job's value is known."""
    known = decided["job_value_cents"].median()
    line = decided[(decided["place_in_line"] > 0) & (decided["arm"] == "treat")].sort_values("place_in_line")
    return line.assign(value_cents=line["expected_uplift"] * line["job_value_cents"].fillna(known))


def _total(cents: pd.Series) -> float | None:
    return None if cents.isna().any() or cents.empty else float(cents.sum())
