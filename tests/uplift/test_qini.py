"""The Qini curve against hand calculation and simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormplay.errors import BadInput
from stormplay.uplift import rank

# Eight homes, best prediction first; treated and held out by turns.
TREATED = np.array([1, 0, 1, 0, 1, 0, 1, 0])
SIGNED = np.array([1, 0, 1, 0, 0, 0, 0, 1])
BEST_FIRST = np.arange(8, 0, -1.0)


def one(predicted, treated=TREATED, signed=SIGNED, **more):
    found = rank(pd.DataFrame({"m": predicted}), treated, signed, repeats=more.pop("repeats", 20), **more)
    return found, found.table.iloc[0]


def test_the_curve_by_hand():
    found, row = one(BEST_FIRST)
    # After each home: (R_t - R_c N_t / N_c) / 4; of one treated home without a control nothing is known.
    gain = [0, 0, 1 / 4, (2 - 0) / 4, 2 / 4, 2 / 4, 2 / 4, 2 / 4, (2 - 1 * 4 / 4) / 4]
    curve = found.curves["m"]
    assert curve["share"].tolist() == [k / 8 for k in range(9)]
    assert curve["gain"].tolist() == pytest.approx(gain)
    auuc = np.trapezoid(gain, dx=1 / 8)
    assert (row["auuc"], row["qini"]) == pytest.approx((auuc, auuc - 0.25 / 2))
    assert found.effect == pytest.approx(0.25)


def test_ties_gain_nothing():
    found, row = one(np.zeros(8))
    assert row["qini"] == 0 and row["qini_se"] == 0 and found.curves["m"]["gain"].tolist() == pytest.approx([0, 0.25])
    shuffled = np.random.default_rng(0).permutation(8)
    two = np.where(BEST_FIRST > 4, 1.0, 0.0)
    assert one(two)[1]["qini"] == pytest.approx(one(two[shuffled], TREATED[shuffled], SIGNED[shuffled])[1]["qini"])


def drawn(seed=0, rows=3_000, share=0.6):
    rng = np.random.default_rng(seed)
    effect = rng.choice([0.0, 0.2], rows)
    treated = rng.random(rows) < share
    return effect, treated, (rng.random(rows) < 0.1 + effect * treated).astype(float), rng


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_only_the_order_counts_and_its_reverse_is_its_mirror(seed):
    _, treated, signed, rng = drawn(seed, 400)
    score = rng.normal(size=400)
    found = rank(pd.DataFrame({"a": score, "b": np.exp(score), "back": -score}), treated, signed, repeats=2)
    qini = found.table.set_index("name")["qini"]
    assert qini["a"] == pytest.approx(qini["b"])
    # The curve of the reverse is not exactly the mirror, since controls are counted as they come.
    assert abs(qini["a"] + qini["back"]) < 0.02
    assert found.curves["a"]["gain"].iloc[-1] == pytest.approx(found.effect)
    auuc = found.table.set_index("name")["auuc"]
    assert (auuc - qini).tolist() == pytest.approx([found.effect / 2] * 3)


def test_the_true_ranking_is_best_and_reaches_the_optimum_where_nothing_is_left_to_chance():
    rows = 4_000
    persuaded = np.arange(rows) % 10 == 0
    treated = np.arange(rows) // 10 % 2 == 0
    signed = (persuaded & treated).astype(float)
    found = rank(
        pd.DataFrame({"true": persuaded * 1.0, "chance": np.random.default_rng(0).random(rows)}), treated, signed
    )
    table = found.table.set_index("name")
    assert table.loc["true", "optimum_share"] == pytest.approx(1, abs=1e-6)
    assert abs(table.loc["chance", "optimum_share"]) < 0.1
    assert found.table["name"].tolist() == ["true", "chance"]
    paired = found.differences("chance").set_index("name").loc["true"]
    assert paired["can_tell"] and paired["low"] > 0


def test_the_standard_errors_are_those_of_repeating_the_trial():
    qini, auuc, said = [], [], []
    for seed in range(150):
        effect, treated, signed, rng = drawn(seed)
        score = effect + rng.normal(0, 0.1, len(effect))
        _, row = one(score, treated, signed, repeats=60 if seed < 10 else 2)
        qini.append(row["qini"]), auuc.append(row["auuc"])
        if seed < 10:
            said.append((row["qini_se"], row["auuc_se"]))
    errors = np.mean(said, axis=0)
    assert errors[0] == pytest.approx(np.std(qini), rel=0.2)
    assert errors[1] == pytest.approx(np.std(auuc), rel=0.2)


def test_both_arms_are_drawn_at_their_own_size():
    """Without that, an error of the average effect would hold chance that the trial did not have."""
    effect, treated, signed, _ = drawn()
    found, _ = one(effect, treated, signed, repeats=300)
    a, b = signed[treated].mean(), signed[~treated].mean()
    assert found.effect == pytest.approx(a - b)
    by_formula = np.sqrt(a * (1 - a) / treated.sum() + b * (1 - b) / (~treated).sum())
    assert found.effect_se == pytest.approx(by_formula, rel=0.15)


def test_no_share_of_the_optimum_where_there_is_no_clear_effect():
    rng = np.random.default_rng(0)
    treated, signed = rng.random(600) < 0.5, (rng.random(600) < 0.1).astype(float)
    assert np.isnan(one(rng.random(600), treated, signed)[1]["optimum_share"])
    dollars = signed * 100 + 5 * treated
    assert np.isnan(one(rng.random(600), treated, dollars)[1]["optimum_share"])


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(BadInput, match="A prediction is missing"):
        one(np.where(BEST_FIRST > 4, np.nan, 1.0))
    with pytest.raises(BadInput, match="No home was held out"):
        one(BEST_FIRST, np.ones(8))
