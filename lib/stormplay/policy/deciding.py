"""Treat, hold out or skip: one decision a home, with its reason. Pure.

The draw comes first: a hash of salt and home, which knows nothing else. Then come the reasons to skip, asked alike of
both arms, and the cuts of capacity and budget at one place in one line of both arms. Only then is a home that is left
called treat or hold_out, by its draw. So the arms differ in the visit and in nothing else that is looked at here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stormplay.experiments import assigned, hash_share
from stormplay.policy.rules import Rules

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SUPPRESSED = "suppressed: asked for no visits"
HELD_ELSEWHERE = "in the control group of another storm that is not closed"
WORKED_ON = "visited or contacted before it was drawn"
NO_UPLIFT = "no expected uplift for this storm"
NO_PLACE = "no place: the address has no coordinates"
OVER_CAPACITY = "over capacity: no crew-day left for it"
OVER_BUDGET = "over budget: no money left for its visit"
HELD = "control group, drawn by hash"


def outside(rules: Rules) -> str:
    """The reason of a home with too little hail."""
    return f"outside the modelled swath (under {rules.swath_min_in:g} in)"


def too_small(rules: Rules) -> str:
    """The reason of a home with too little uplift."""
    return f"expected uplift under {rules.uplift_min * 100:g} %"


def worth_it(rules: Rules) -> str:
    """The reason of a home that is treated."""
    return f"expected uplift of {rules.uplift_min * 100:g} % or more"


@dataclass(frozen=True)
class _Line:
    """Homes that nothing but a limit speaks against, the one most worth a visit first.

    Attributes:
        order: Their rows, in line.
        place: Per home of all, its place from 1; 0: not in line.
        uses: In line, how many visits the treated homes up to and with each one take.
    """

    order: NDArray[np.intp]
    place: NDArray[np.int64]
    uses: NDArray[np.int64]

    def beyond(self, visits: int | None) -> Flags:
        """Per home of all, whether it stands at or behind the first treated home that gets no visit any more.

        The cut is one place in line for both arms, though held-out homes take no visit.
        """
        fits = len(self.order) if visits is None else int(np.searchsorted(self.uses, visits, side="right"))
        return np.asarray(self.place > fits)


def decide(homes: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Decide for every home.

    Args:
        homes: One row a home. property_id; hail_in (modelled, inches; missing: none); expected_uplift (a probability
            difference; missing: not scored); is_suppressed (the owner wants no visit). May have has_place (default:
            yes), job_value_cents (what a job there is worth; missing: not known), is_held_elsewhere (in the control
            group of another storm), is_worked_on (visited or contacted for this storm without an arm), arm ('treat' or
            'hold_out', drawn earlier in this storm; missing: none) and is_fixed (keeps its arm whatever the rules say).
        rules: The parameters.

    Returns:
        One row a home, in their order: property_id, decision ('treat', 'hold_out', 'skip'), reason, arm (as drawn,
        also of a skipped home), place_in_line (from 1, most worth first; 0: skipped before any limit), expected_uplift,
        job_value_cents, is_fixed (it keeps its arm whatever the rules say), is_kept (and would be skipped without
        that), objection (why it would; '' for nothing).
    """
    ids = homes["property_id"].tolist()  # a list is hashed twice as fast as a column
    uplift = _numbers(homes, "expected_uplift")
    earlier = homes["arm"] if "arm" in homes else pd.Series(None, index=homes.index, dtype=object)
    arm = _arms(ids, earlier, rules)
    fixed = _flags(homes, "is_fixed") & earlier.notna().to_numpy()
    names, code = _objections(homes, uplift, rules)
    worth = _worth(uplift, _numbers(homes, "job_value_cents"), rules)
    line = _line(ids, worth, np.asarray(arm == "treat"), fixed, np.flatnonzero((code == 0) | fixed), rules)
    names += [OVER_CAPACITY, OVER_BUDGET]
    for visits, reason in ((rules.doors, OVER_CAPACITY), (rules.paid_visits, OVER_BUDGET)):
        code[(code == 0) & line.beyond(visits)] = names.index(reason)
    stays = (code == 0) | fixed
    decision = np.where(stays, arm, "skip")
    own = np.where(arm == "treat", worth_it(rules), HELD)
    objection = np.array(names, dtype=object)[code]
    return pd.DataFrame({
        "property_id": ids,
        "decision": decision.astype(object),
        "reason": np.where(stays, own, objection).astype(object),
        "arm": arm.astype(object),
        "place_in_line": line.place,
        "expected_uplift": uplift,
        "job_value_cents": _numbers(homes, "job_value_cents"),
        "is_fixed": fixed,
        "is_kept": fixed & (code != 0),
        "objection": objection,
    })  # fmt: skip


def _arms(ids: list[str], earlier: pd.Series, rules: Rules) -> NDArray[np.str_]:
    """The arm of every home, whether it comes to it or not: an earlier one, else by the draw."""
    drawn = np.where(assigned(ids, rules.salt, rules.holdout_share), "hold_out", "treat")
    return np.asarray(np.where(earlier.notna(), earlier, drawn).astype(str))


def _objections(homes: pd.DataFrame, uplift: Floats, rules: Rules) -> tuple[list[str], NDArray[np.int64]]:
    """What speaks against each home, looked at alike for both arms: names, and per home the number of the first; 0 for
    nothing."""
    hail_in = np.nan_to_num(_numbers(homes, "hail_in"))
    asked: list[tuple[str, Flags]] = [
        (outside(rules), hail_in < rules.swath_min_in),
        (SUPPRESSED, _flags(homes, "is_suppressed")),
        (HELD_ELSEWHERE, _flags(homes, "is_held_elsewhere")),
        (WORKED_ON, _flags(homes, "is_worked_on")),
        (NO_UPLIFT, np.isnan(uplift)),
        (too_small(rules), uplift < rules.uplift_min),
    ]
    if rules.crew_days is not None:  # where doors are counted, a home must have one that can be found
        asked.append((NO_PLACE, ~_flags(homes, "has_place", missing=True)))
    conditions = [condition for _, condition in asked]
    code = np.select(conditions, list(range(1, len(asked) + 1)), 0).astype(np.int64)
    return ["", *(name for name, _ in asked)], code


def _line(ids: list[str], worth: Floats, is_treat: Flags, fixed: Flags, rows: NDArray[np.intp],
          rules: Rules) -> _Line:  # fmt: skip
    """Homes with a fixed arm first, for their visits are spoken for; then by worth; ties by a hash of their own, since
    the draw's would put one arm before the other."""
    tie = hash_share(f"{rules.salt}/line", [ids[row] for row in rows])
    order = rows[np.lexsort((tie, -worth[rows], ~fixed[rows]))]
    place = np.zeros(len(ids), dtype=np.int64)
    place[order] = np.arange(1, len(order) + 1)
    return _Line(order, place, np.cumsum(is_treat[order], dtype=np.int64))


def _worth(uplift: Floats, value_cents: Floats, rules: Rules) -> Floats:
    """What the line goes by. Among homes whose jobs' value is known, one without counts as the median of them."""
    known = value_cents[~np.isnan(value_cents)]
    if rules.rank_by == "uplift" or not len(known):
        return uplift
    return np.asarray(uplift * np.where(np.isnan(value_cents), np.median(known), value_cents), dtype=np.float64)


def _numbers(homes: pd.DataFrame, name: str) -> Floats:
    if name not in homes:
        return np.full(len(homes), np.nan)
    return pd.to_numeric(homes[name]).to_numpy(dtype=np.float64, na_value=np.nan)


def _flags(homes: pd.DataFrame, name: str, *, missing: bool = False) -> Flags:
    if name not in homes:
        return np.full(len(homes), missing)
    return np.asarray(homes[name].astype(bool))
