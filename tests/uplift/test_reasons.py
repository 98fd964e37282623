"""Reasons: they add up, they are the strongest ones, and a roofer can read them."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormplay.uplift import reasons, words
from stormplay.uplift.encoding import Encoding


def storm(rows=4_000, seed=0):
    rng = np.random.default_rng(seed)
    hail = rng.uniform(0.75, 3, rows).round(2)
    table = pd.DataFrame({
        "hail_in": hail, "sii_score": (hail * 30).round(), "roof_age_years": rng.integers(0, 35, rows) * 1.0,
        "roof_material": rng.choice(["tile", "wood", "shingle"], rows), "wind_mph": rng.normal(30, 5, rows),
        "home_value_usd": rng.integers(100, 900, rows) * 1_000,
    })  # fmt: skip
    table.loc[rng.random(rows) < 0.1, "roof_age_years"] = np.nan
    old = (table["roof_age_years"] >= 20).to_numpy()
    predicted = 0.05 + 0.04 * hail + 0.06 * old - 0.03 * (table["roof_material"] == "tile").to_numpy()
    return table, predicted


@pytest.fixture(scope="module")
def learnt():
    table, predicted = storm()
    return reasons.learn(Encoding.learn(table), table, predicted), table, predicted


def test_an_additive_model_is_repeated_and_its_parts_add_up(learnt):
    surrogate, table, predicted = learnt
    assert surrogate.r2 > 0.98
    assert surrogate.predict(table) == pytest.approx(predicted, abs=0.02)
    added = surrogate.contributions(table)
    assert surrogate.mean + added.sum(axis=1) == pytest.approx(surrogate.predict(table))
    assert surrogate.mean == pytest.approx(predicted.mean(), abs=1e-4)
    assert added.mean(axis=0) == pytest.approx(np.zeros(added.shape[1]), abs=1e-6)


def test_r2_is_measured_on_rows_that_it_was_not_fitted_on():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({f"x{k}": rng.normal(size=300) for k in range(10)})
    assert reasons.learn(Encoding.learn(table), table, rng.normal(size=300)).r2 < 0.1
    assert reasons.learn(Encoding.learn(table), table, np.full(300, 0.1)).r2 == 1.0


def test_reasons_are_the_three_strongest_with_their_sign(learnt):
    surrogate, table, predicted = learnt
    why, r2 = surrogate.explain(table, predicted)
    assert r2 > 0.98 and len(why) == len(table)
    lists = [json.loads(one) for one in why]
    assert all(len(one) <= 3 for one in lists)
    old_tile = np.flatnonzero((table["roof_age_years"] == 25) & (table["roof_material"] == "tile"))[0]
    assert any(re.fullmatch(r"roof 25 years old: \+[45] points", one) for one in lists[old_tile])
    assert any(re.fullmatch(r"roof of tile: -2 points", one) for one in lists[old_tile])
    strength = [[abs(float(re.search(r"[+-][\d.]+", one)[0])) for one in row] for row in lists]
    assert all(row == sorted(row, reverse=True) for row in strength)
    assert any("age of roof unknown" in one for row in lists for one in row)
    # Index and hail say one thing, so they are one reason.
    assert not any("storm impact" in one for row in lists for one in row)


def test_what_adds_nothing_is_not_said():
    table = pd.DataFrame(
        {"roof_age_years": np.arange(1_000) % 30.0, "noise": np.random.default_rng(0).normal(size=1_000)}
    )
    surrogate = reasons.learn(Encoding.learn(table), table, 0.1 + 0.004 * table["roof_age_years"].to_numpy())
    why, _ = surrogate.explain(table, surrogate.predict(table))
    assert all("noise" not in one for one in why)
    flat = reasons.learn(Encoding.learn(table), table, np.full(1_000, 0.1))
    assert set(flat.explain(table, np.full(1_000, 0.1))[0]) == {"[]"}
    assert len(flat.explain(table.head(0), np.empty(0))[0]) == 0


def test_quotes_and_foreign_words_are_json():
    table = pd.DataFrame({"roof_material": ['wood "shake"', "d\\amp", "bleu d'été", None] * 100})
    surrogate = reasons.learn(Encoding.learn(table), table, np.tile([0.1, 0.2, 0.3, 0.0], 100))
    said = [json.loads(one)[0] for one in surrogate.explain(table, np.tile([0.1, 0.2, 0.3, 0.0], 100))[0][:4]]
    assert 'wood "shake"' in said[0] and "d\\amp" in said[1] and "bleu d'été" in said[2] and "unknown" in said[3]
    new, _ = surrogate.explain(pd.DataFrame({"roof_material": ["thatch"]}), np.array([0.1]))
    assert json.loads(new[0]) == [] or "another kind" in new[0]


def test_it_comes_back_from_plain_data(learnt):
    from stormplay.registry.packing import pack, unpack

    surrogate, table, predicted = learnt
    again = reasons.Surrogate.from_plain(surrogate.encoding, unpack(pack(surrogate.to_plain())))
    assert again.explain(table, predicted)[0].tolist() == surrogate.explain(table, predicted)[0].tolist()


@settings(deadline=None)
@given(st.integers(-1_000, 1_000))
def test_points_are_signed_and_short(tenths):
    said = words.points(tenths)
    assert re.fullmatch(r"[+-]\d+(\.\d)? points?", said)
    assert abs(float(said.split()[0]) - tenths / 10) <= 0.5


def test_every_feature_has_words():
    from stormplay.uplift.features import FEATURES

    for name in FEATURES:
        if name in words.TEXTS:
            assert "{}" in words.textual(name)[0]
        else:
            phrase = words.PHRASES[name]
            assert phrase.say(2 * phrase.step) and phrase.missing
    assert words.numeric("wind_mph").say(31.26) == "wind mph 31.26"
    assert [words.PHRASES["earlier_signed"].say(k) for k in (0, 1, 2)] == [
        "never signed", "signed once before", "signed 2 times before"]  # fmt: skip
