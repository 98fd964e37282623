"""The learners against a truth that is known: what they find, and that the same data give the same model."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from stormplay.errors import Leakage
from stormplay.uplift import UpliftModel, cross_fit, fit
from stormplay.uplift.folds import folds
from stormplay.uplift.learners import LEARNERS, Task, doubly_robust

UPLIFT = ("s", "t", "x", "dr")


@pytest.mark.parametrize("learner", UPLIFT)
def test_each_learner_finds_where_visits_help(trial, learner):
    features, treated, signed, effect = trial
    model = fit(features, treated, signed, learner)
    predicted = model.predict(features)
    assert spearmanr(predicted, effect).statistic > 0.6
    assert abs(predicted.mean() - effect.mean()) < 0.02
    response = fit(features, treated, signed, "response").predict(features)
    assert spearmanr(response, effect).statistic < spearmanr(predicted, effect).statistic - 0.2


@pytest.mark.parametrize("learner", ["t", "x", "dr"])
def test_the_linear_base_finds_it_too(trial, learner):
    features, treated, signed, effect = trial
    predicted = fit(features, treated, signed, learner, base="linear").predict(features)
    assert spearmanr(predicted, effect).statistic > 0.75


@pytest.mark.parametrize("learner", sorted(LEARNERS))
def test_same_data_and_seed_same_model(trial, learner):
    features, treated, signed, _ = (one[:1_500] for one in trial)
    first, again = (fit(features, treated, signed, learner, seed=3).predict(features) for _ in range(2))
    assert first.tolist() == again.tolist()
    assert first.dtype == np.float64 and np.abs(first).max() <= 1


def test_the_order_and_kind_of_columns_does_not_matter_but_their_names_do(trial):
    features, treated, signed, _ = (one[:1_500] for one in trial)
    model = fit(features, treated, signed, "t", base="linear")
    assert model.predict(features[features.columns[::-1]]).tolist() == model.predict(features).tolist()
    as_category = features.assign(roof_material=features["roof_material"].astype("category"))
    assert model.predict(as_category).tolist() == model.predict(features).tolist()


def test_arrays_booleans_decimals_and_missing_values(trial):
    from decimal import Decimal

    features, treated, signed, _ = (one[:1_500] for one in trial)
    array = features[["hail_in", "roof_age_years"]].to_numpy()
    assert np.isnan(array).any()
    model = fit(array, treated.astype(bool), signed.to_numpy(), "x", base="linear")
    assert model.feature_names == ("x0", "x1") and model.predict(array[:3]).shape == (3,)
    assert model.predict(np.empty((0, 2))).shape == (0,)
    mixed = pd.DataFrame({
        "hail": [Decimal(str(value)) for value in features["hail_in"]], "old": features["roof_age_years"] > 15,
        "nothing": None, "kind": features["roof_material"].where(features["roof_material"] != "wood"),
    })  # fmt: skip
    model = fit(mixed, treated, signed, "t")
    assert np.isfinite(model.predict(mixed)).all()
    assert [one.is_text for one in model.encoding.columns] == [False, False, False, True]
    # A word that was never seen is no reason to fail.
    assert np.isfinite(model.predict(mixed.assign(kind="thatch", nothing=4.0))).all()


def test_an_outcome_in_dollars(trial):
    features, treated, signed, effect = trial
    dollars = signed * 10_000.0 + np.random.default_rng(0).normal(0, 100, len(signed))
    predicted = fit(features, treated, dollars, "x").predict(features)
    assert predicted.mean() == pytest.approx(10_000 * effect.mean(), rel=0.4)
    assert spearmanr(predicted, effect).statistic > 0.6


def chosen_by_age(rows=8_000, seed=0):
    """Old roofs are visited more often and sign more often anyway; a visit adds 0.1 everywhere."""
    rng = np.random.default_rng(seed)
    age, hail = rng.uniform(0, 30, rows), rng.uniform(0.75, 3, rows)
    chance = 0.2 + 0.6 * (age > 15)
    treated = rng.random(rows) < chance
    signed = rng.random(rows) < 0.05 + 0.2 * (age > 15) + 0.1 * treated
    return pd.DataFrame({"age": age, "hail": hail}), treated, signed.astype(int)


@pytest.mark.parametrize("learner", ["dr", "x"])
def test_where_owners_were_chosen_an_estimated_propensity_puts_it_right(learner):
    features, treated, signed = chosen_by_age()
    assert signed[treated].mean() - signed[~treated].mean() > 0.18
    with pytest.raises(Leakage, match="'age' tells"):  # told that it was a draw, it does not believe it
        fit(features, treated, signed, learner)
    predicted = fit(features, treated, signed, learner, propensity="estimated").predict(features)
    assert predicted.mean() == pytest.approx(0.1, abs=0.03)


def test_a_propensity_that_differs_by_storm_is_told_row_by_row():
    rng = np.random.default_rng(0)
    features = pd.DataFrame({"hail": rng.uniform(0.75, 3, 8_000)})
    chance = np.where(np.arange(8_000) % 2 == 0, 0.5, 0.6)
    treated = rng.random(8_000) < chance
    signed = (rng.random(8_000) < 0.1 + 0.3 * (chance == 0.6) + 0.1 * treated).astype(int)
    told = fit(features, treated, signed, "dr", propensity=chance).predict(features).mean()
    assert told == pytest.approx(0.1, abs=0.03)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.2, 0.8), st.floats(-0.05, 0.2))
def test_the_doubly_robust_effect_is_right_on_average(seed, share, effect):
    rng = np.random.default_rng(seed)
    matrix, treated = rng.normal(size=(4_000, 2)), rng.random(4_000) < share
    outcome = (rng.random(4_000) < 0.2 + 0.1 * (matrix[:, 0] > 0) + effect * treated).astype(float)
    fold, _ = folds(treated, outcome)
    task = Task(matrix, treated, outcome, np.full(4_000, share), fold, "linear", 0, True)
    pseudo = doubly_robust(task)
    error = pseudo.std() / np.sqrt(len(pseudo))
    assert abs(pseudo.mean() - effect) < 4.5 * error


# ---- folds


def test_no_home_is_asked_of_a_model_that_has_seen_it(trial):
    """A column that names the home would be learnt by heart; out of fold it tells nothing."""
    _, treated, signed, _ = (one[:2_000] for one in trial)
    rng = np.random.default_rng(0)
    noise = pd.DataFrame({"a": rng.normal(size=2_000), "b": rng.normal(size=2_000)})
    found = cross_fit(noise, treated, signed, ["t"])
    seen = fit(noise, treated, signed, "t").predict(noise)
    gain = signed * np.where(treated == 1, 1 / treated.mean(), -1 / (1 - treated.mean()))
    assert np.corrcoef(seen, gain)[0, 1] > 0.03
    assert abs(np.corrcoef(found.predicted["t"], gain)[0, 1]) < 0.05
    assert set(found.fold) == set(range(5)) and found.by == "by home"


def test_storms_and_homes_stay_whole():
    rng = np.random.default_rng(0)
    treated, outcome = rng.random(3_000) < 0.7, (rng.random(3_000) < 0.3).astype(float)
    storms = rng.choice(list("abcdefg"), 3_000)
    place, by = folds(treated, outcome, storms)
    assert by == "by storm" and len(np.unique(place)) == 5
    assert all(len(np.unique(place[storms == storm])) == 1 for storm in np.unique(storms))
    few = np.where(storms < "d", "first", "second")
    homes = rng.integers(0, 1_200, 3_000)
    place, by = folds(treated, outcome, few, homes)
    assert by == "by home"
    assert all(len(np.unique(place[homes == home])) == 1 for home in np.unique(homes))
    assert folds(treated, outcome, few, apart="storm")[1] == "by storm"


def test_storms_that_leave_too_little_are_not_kept_apart():
    treated = np.tile([True, False], 500)
    outcome, storms = np.zeros(1_000), np.arange(1_000) % 5
    outcome[storms == 0] = 1  # all who signed are of one storm
    assert folds(treated, outcome, storms)[1] == "by home"
    with pytest.raises(Exception, match="too little to learn from"):
        folds(treated, outcome, storms, apart="storm")


# ---- files and imports


def test_a_model_comes_back_from_plain_data(trial):
    from stormplay.registry.packing import pack, unpack

    features, treated, signed, _ = (one[:1_500] for one in trial)
    for learner in sorted(LEARNERS):
        for base in ("boosting", "linear"):
            model = fit(features, treated, signed, learner, base=base)
            again = UpliftModel.from_payload(unpack(pack(model.to_payload())))
            assert again.predict(features).tolist() == model.predict(features).tolist()
            assert again.encoding == model.encoding and again.homes == model.homes
    with pytest.raises(Exception, match="no model of uplift"):
        UpliftModel.from_payload({"kind": "something else"})


def test_many_rows_are_predicted_in_pieces_like_few(trial):
    features, treated, signed, _ = trial
    model = fit(features, treated, signed, "x")
    many = pd.concat([features] * 10, ignore_index=True)
    assert model.predict(many).tolist() == np.tile(model.predict(features), 10).tolist()


def test_importing_uplift_does_not_wait_for_scikit_learn():
    code = (
        "import sys, stormplay.uplift, stormplay.registry; sys.exit('sklearn' in sys.modules or 'skops' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
