"""Methods side by side, and in words where they disagree. Pure: frames of `credits` in, frames and sentences out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import pandas as pd

from stormplay.attribution.crediting import METHODS
from stormplay.errors import BadInput

Amount = Literal["conversions", "value"]

METHOD_WORDS: Mapping[str, str] = {
    "first": "first touch",
    "last": "last touch",
    "linear": "linear",
    "time_decay": "time decay",
    "position": "position",
    "markov": "Markov",
    "shapley": "Shapley",
}

# Differences below half a point in a hundred are no disagreement that anybody would act on.
NOTICED = 0.005


def side_by_side(found: pd.DataFrame, by: Amount = "conversions") -> pd.DataFrame:
    """One row a channel, the most credited first; one column a method, in the order of `METHODS`.

    Args:
        found: What `credits` gave.
        by: 'conversions' or 'value'.

    Raises:
        BadInput: There is no such amount.
    """
    table = found.pivot_table(index="channel", columns="method", values=_amount(by), sort=True)
    table = table[[method for method in METHODS if method in table.columns]]
    order = table.mean(axis="columns").sort_values(ascending=False, kind="stable").index
    return table.loc[order].rename_axis(columns=None)


def disagreements(found: pd.DataFrame, by: Amount = "conversions") -> pd.DataFrame:
    """How far the methods are apart about each channel, the farthest first.

    Args:
        found: What `credits` gave.
        by: 'conversions' or 'value'.

    Returns:
        channel; low and high, the least and the most that a method credits it with, low_method and high_method,
        whose they are; spread, their distance as a share of all there is to credit, 0 to 1.
    """
    table = side_by_side(found, by)
    total = _total(table)
    low, high = table.min(axis="columns"), table.max(axis="columns")
    far = pd.DataFrame(
        {
            "channel": table.index,
            "low": low.to_numpy(),
            "low_method": table.idxmin(axis="columns").to_numpy() if len(table) else [],
            "high": high.to_numpy(),
            "high_method": table.idxmax(axis="columns").to_numpy() if len(table) else [],
            "spread": ((high - low) / total if total > 0 else low * 0.0).to_numpy(),
        }
    )
    return far.sort_values("spread", ascending=False, kind="stable", ignore_index=True)


def in_words(found: pd.DataFrame, by: Amount = "conversions", channels: int = 2) -> str:
    """Where the methods disagree most, and whether they agree on the channel with most credit, as sentences.

    Args:
        found: What `credits` gave.
        by: 'conversions' (said as signatures) or 'value' (said as dollars).
        channels: How many channels are named, at most.
    """
    table, far = side_by_side(found, by), disagreements(found, by)
    total = _total(table)
    if total <= 0:
        return "No journey has ended in a signature yet, so there is nothing to credit."
    if far["spread"].iloc[0] < NOTICED:
        return f"The methods agree within half a point in a hundred. {_leaders(table)}"
    noticed = far[far["spread"] >= NOTICED].head(max(channels, 1))
    said = [_apart(row, total, by) for _, row in noticed.iterrows()]
    return " ".join([f"The methods disagree most about {said[0]}", *(f"Then about {one}" for one in said[1:]),
                     _leaders(table)])  # fmt: skip


def amount_words(amount: float, by: Amount) -> str:
    """'12.4' signatures or '$12,400'."""
    return f"{amount:,.1f}" if by == "conversions" else f"${amount:,.0f}"


def _apart(row: pd.Series, total: float, by: Amount) -> str:
    low, high = float(row["low"]), float(row["high"])
    whole = f"{total:,.0f} signatures" if by == "conversions" else f"${total:,.0f}"
    return (f"{row['channel']}: {METHOD_WORDS[str(row['high_method'])]} credits it with {amount_words(high, by)} of "
            f"{whole} ({100 * high / total:.0f} %), {METHOD_WORDS[str(row['low_method'])]} with "
            f"{amount_words(low, by)} ({100 * low / total:.0f} %).")  # fmt: skip


def _leaders(table: pd.DataFrame) -> str:
    """Which channel has most credit by which methods; channels too close to tell apart lead together."""
    slack = NOTICED * _total(table)
    leaders: dict[str, list[str]] = {}
    for method, column in table.items():
        first = _listed([str(channel) for channel in table.index[column >= column.max() - slack]])
        leaders.setdefault(first, []).append(METHOD_WORDS[str(method)])
    if len(leaders) == 1:
        return f"{'All methods credit' if table.shape[1] > 1 else 'It credits'} {next(iter(leaders))} most."
    parts = [f"{channels} by {_listed(methods)}" for channels, methods in leaders.items()]
    return f"Which channel has most credit depends on the method: {'; '.join(parts)}."


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _total(table: pd.DataFrame) -> float:
    return float(table.iloc[:, 0].sum()) if table.shape[1] else 0.0


def _amount(by: str) -> str:
    if by not in get_args(Amount):
        raise BadInput(f"Credit cannot be told by {by!r}.", "Expected 'conversions' or 'value'.")
    return by
