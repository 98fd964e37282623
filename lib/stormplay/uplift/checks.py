"""What is refused before anything is fitted: too little data, and columns that know the answer. Pure.

A model of uplift is worth what its data are worth. A column that came after the decision (was somebody there? what did
they sign?) makes every figure look wonderful and every prediction useless, so it is not warned of but refused.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from stormplay.errors import BadInput, Leakage, TooLittleData
from stormplay.uplift.encoding import Column, Encoding, Floats, numbers, word_codes

MIN_PER_ARM = 100
"""Homes with a known outcome that each arm must have."""

MIN_PER_CLASS = 10
"""Homes of each outcome, signed and not signed, that each arm must have."""

_LATE = """status job_status furthest completed_at photos notes claim_intel touches touch_count channel channels visited
contacted knocked observed_at outcome_at actual_converted converted value_cents job_value_cents signed_at treated
treatment decision decided_at arm route_id route_name crew_name sequence_order"""
POST_TREATMENT = frozenset(_LATE.split())
"""Names of columns that are written after the decision, or by it."""

_ROUGHLY = 40  # groups that a column of numbers is cut into to see what it tells
_CHANCE = 0.5  # what a column that tells nothing reaches
_TOO_FAR = 0.10  # how far above chance a column may tell the arm where it was drawn
_IF_ESTIMATED = 0.45  # and where owners were chosen, so that columns may tell it
_OF_OUTCOME = 0.48  # no column known beforehand tells who signs as well as this


def read_arms(treatment: ArrayLike, outcome: ArrayLike, rows: int) -> tuple[NDArray[np.bool_], Floats]:
    """Treatment as True/False and outcome as floats.

    Raises:
        BadInput: A length differs, a value is missing or infinite, the treatment is not 0/1, or there is one arm only.
    """
    t, y = _plain("treatment", treatment), _plain("outcome", outcome)
    for name, values in (("treatment", t), ("outcome", y)):
        if len(values) != rows:
            raise BadInput(f"There are {len(values):,} values of {name} for {rows:,} rows.", "Expected one a row.")
        bad = int((~np.isfinite(values)).sum())
        if bad:
            raise BadInput(
                f"The {name} is missing or infinite in {bad:,} rows.",
                f"Expected a known {name} in each.",
                "Leave out homes whose outcome is not known yet." if name == "outcome" else "",
            )
    strange = t[(t != 0) & (t != 1)]
    if len(strange):
        raise BadInput(f"The treatment has the value {strange[0]:g}.", "Expected 1 for treated and 0 for held out.")
    for arm, name in ((t == 1, "treated"), (t == 0, "held out")):
        if not arm.any():
            raise TooLittleData(f"No home was {name}.", "Expected two arms: without one there is nothing to compare.")
    return t == 1, y


def is_binary(outcome: Floats) -> bool:
    """Whether an outcome is 0 or 1, such as signed or not."""
    return bool(np.isin(outcome, (0.0, 1.0)).all())


def check_enough(
    treated: NDArray[np.bool_], outcome: Floats, per_arm: int = MIN_PER_ARM, per_class: int = MIN_PER_CLASS
) -> None:
    """Refuse what nothing can be learnt from.

    Raises:
        TooLittleData: An arm, or one outcome within an arm, has too few homes.
        BadInput: All outcomes are the same.
    """
    if (outcome == outcome[0]).all():
        raise BadInput(
            f"The outcome is {outcome[0]:g} in every row.", "Expected some that signed and some that did not."
        )
    for arm, name in ((treated, "treated"), (~treated, "held-out")):
        homes = int(arm.sum())
        if homes < per_arm:
            raise TooLittleData(
                f"Too little data: {homes:,} {name} homes have a known outcome.",
                f"Expected {per_arm:,} or more in each arm.",
                "Wait for more outcomes, or train on more storms.",
            )
        if not is_binary(outcome):
            continue
        signed = int(outcome[arm].sum())
        for count, what in ((signed, "signed"), (homes - signed, "did not sign")):
            if count < per_class:
                raise TooLittleData(
                    f"Too little data: of {homes:,} {name} homes {count:,} {what}.",
                    f"Expected {per_class:,} or more.",
                    "Wait for more outcomes, or train on more storms.",
                )


def check_names(names: Collection[str], post_treatment: Collection[str] = POST_TREATMENT) -> None:
    """Refuse columns whose name says that they came after the decision.

    Raises:
        Leakage: There is one.
    """
    if not names:
        raise BadInput("There is no feature.", "Expected one column or more.")
    late = {str(name).lower() for name in post_treatment}
    for name in names:
        if str(name).lower().rsplit(".", 1)[-1] in late or str(name).lower() in late:
            raise Leakage(
                f"The column '{name}' is known only after the decision.",
                "Expected columns that were known before it.",
                "Leave it out.",
            )


def check_leaks(
    encoding: Encoding, table: pd.DataFrame, treated: NDArray[np.bool_], outcome: Floats, *, chosen: bool = False
) -> None:
    """Refuse columns that tell who was treated, or what came of it.

    Each column is cut into groups; what the groups of one half of the rows say of the other half is measured as the
    area under the ROC curve: 0.5 is chance, 1 is knowing. Where the arms were drawn by chance no column should tell
    them, so far above chance (by 0.1, and five standard errors) is too far.

    Args:
        encoding, table: The columns.
        treated: Per row.
        outcome: Per row.
        chosen: Whether owners were chosen rather than drawn, so that columns may tell the arm up to a point.

    Raises:
        Leakage: There is such a column.
    """
    allowed = _IF_ESTIMATED if chosen else max(_TOO_FAR, 5 * _error(treated))
    for column in encoding.columns:
        values = table[column.name]
        codes = groups(column, values)
        told = tells(codes, treated) - _CHANCE
        if told > allowed:
            raise _leak(column.name, told + _CHANCE, "who was treated", _CHANCE + allowed)
        if is_binary(outcome):
            signs = tells(codes, outcome == 1) - _CHANCE
            if signs > _OF_OUTCOME:
                raise _leak(column.name, signs + _CHANCE, "who signed", _CHANCE + _OF_OUTCOME)
        elif not column.is_text and _same_order(numbers(column.name, values), outcome):
            raise Leakage(f"The column '{column.name}' is the outcome in other units.", "", "Leave it out.")


def groups(column: Column, values: pd.Series) -> NDArray[np.int64]:
    """The group of each row: numbers by quantiles, words as they are, missing ones apart."""
    if column.is_text:
        return word_codes(column, values)
    plain = numbers(column.name, values)
    there = plain[~np.isnan(plain)]
    cuts, count = np.unique(there, return_counts=True)
    if len(cuts) > _ROUGHLY:
        often = cuts[count * _ROUGHLY > len(there)]  # a value of many rows, such as zero, is a group of its own
        parts = (np.quantile(there, np.linspace(0, 1, _ROUGHLY + 1)), often, np.nextafter(often, np.inf))
        cuts = np.unique(np.concatenate(parts))
    return np.where(np.isnan(plain), len(cuts) + 1, np.searchsorted(cuts, plain, side="right")).astype(np.int64)


def tells(codes: NDArray[np.int64], target: NDArray[np.bool_]) -> float:
    """How well groups tell a yes from a no, on rows that the groups' rates were not taken from: 0.5 to 1."""
    half = np.random.default_rng(0).permutation(len(codes)) % 2 == 0
    size = int(codes.max()) + 1
    found = []
    for learn in (half, ~half):
        if not (target[learn].any() and target[~learn].any()) or target[~learn].all():
            return _CHANCE
        mean = target[learn].mean()
        count = np.bincount(codes[learn], minlength=size)
        rate = (np.bincount(codes[learn], weights=target[learn], minlength=size) + mean) / (count + 1)
        found.append(_area(rate[codes[~learn]], target[~learn]))
    return float(np.mean(found))


def _area(score: Floats, target: NDArray[np.bool_]) -> float:
    """Area under the ROC curve; ties count half."""
    _, place = np.unique(score, return_inverse=True)
    yes, no = np.bincount(place, weights=target), np.bincount(place, weights=~target)
    below = np.cumsum(no) - no
    return float((yes * (below + no / 2)).sum() / (yes.sum() * no.sum()))


def _error(treated: NDArray[np.bool_]) -> float:
    """Standard error of that area by chance, as of the Mann-Whitney statistic."""
    yes, no = treated.sum(), (~treated).sum()
    return float(np.sqrt((yes + no + 1) / (12 * yes * no)))


def _same_order(one: Floats, other: Floats) -> bool:
    """Whether two columns put the rows in one order, or its reverse."""
    there = ~np.isnan(one)
    if there.mean() < 0.5:
        return False
    ranks = [pd.Series(values[there]).rank().to_numpy() for values in (one, other)]
    spread = [np.std(rank) for rank in ranks]
    return bool(min(spread) > 0 and abs(np.corrcoef(ranks[0], ranks[1])[0, 1]) > 0.999)


def _leak(name: str, told: float, what: str, expected: float) -> Leakage:
    how = "is a copy of" if told > 0.9999 else f"tells ({told:.2f} of 1, where 0.5 is chance)"
    return Leakage(
        f"The column '{name}' {how} {what}.",
        f"Expected {expected:.2f} at most of a column known before the decision.",
        "Leave it out.",
    )


def _plain(name: str, values: ArrayLike) -> Floats:
    try:
        found = np.asarray(pd.to_numeric(pd.Series(values)).to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError):
        raise BadInput(f"The {name} holds something else than numbers.", "Expected 0 or 1.") from None
    return found
