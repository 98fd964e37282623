"""Methods side by side, and in words."""

from __future__ import annotations

import pandas as pd
import pytest

from stormplay import errors
from stormplay.attribution import METHODS, credits
from stormplay.attribution.comparing import disagreements, in_words, side_by_side


def made(*rows):
    return credits(pd.DataFrame(rows, columns=["path", "conversions", "nulls", "value"]))


FAR = made((["door", "web"], 8, 2, 80_000), (["door", "call", "web"], 2, 2, 30_000), (["call"], 0, 5, 0))


def test_side_by_side_is_what_was_credited():
    table = side_by_side(FAR)
    assert list(table.columns) == list(METHODS)
    assert table.loc["door", "first"] == 10
    assert table.loc["web", "last"] == 10
    assert table.sum().to_numpy() == pytest.approx([10] * len(METHODS))
    assert table.mean(axis="columns").is_monotonic_decreasing
    assert side_by_side(FAR, "value").sum().to_numpy() == pytest.approx([110_000] * len(METHODS))


def test_the_farthest_apart_come_first():
    far = disagreements(FAR)
    assert set(far["channel"].head(2)) == {"door", "web"}
    assert far["spread"].is_monotonic_decreasing
    assert far["spread"].iloc[0] == pytest.approx(1)
    web = far.set_index("channel").loc["web"]
    assert (web["low"], web["low_method"], web["high"], web["high_method"]) == (0, "first", 10, "last")


def test_it_is_said_in_words():
    words = in_words(FAR, channels=1)
    assert words == (
        "The methods disagree most about web: last touch credits it with 10.0 of 10 signatures (100 %), "
        "first touch with 0.0 (0 %). Which channel has most credit depends on the method: door by first touch; "
        "web by last touch, time decay and Markov; web and door by linear, position and Shapley."
    )
    assert "Then about door" in in_words(FAR)
    assert "$110,000 of $110,000" in in_words(FAR, "value")


def test_agreement_and_nothing_are_said_too():
    alone = made((["door"], 8, 2, 80_000), (["web"], 3, 2, 30_000))
    assert in_words(alone) == "The methods agree within half a point in a hundred. All methods credit door most."
    for nothing in (made((["door"], 0, 2, 0)), made()):
        assert in_words(nothing) == "No journey has ended in a signature yet, so there is nothing to credit."
        assert (disagreements(nothing)["spread"] == 0).all()
        assert len(side_by_side(nothing)) == len(disagreements(nothing))


def test_credit_is_told_by_conversions_or_value():
    with pytest.raises(errors.BadInput, match="'clicks'"):
        side_by_side(FAR, "clicks")
