"""What is refused, each with a sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormplay.errors import BadInput, Leakage, TooLittleData, WrongColumns
from stormplay.uplift import cross_fit, fit
from stormplay.uplift.checks import groups, tells
from stormplay.uplift.encoding import Column


def homes(rows=1_000, seed=0):
    rng = np.random.default_rng(seed)
    features = pd.DataFrame(
        {"hail_in": rng.uniform(0.75, 3, rows), "roof_material": rng.choice(["tile", "wood"], rows)}
    )
    treated = (rng.random(rows) < 0.7).astype(int)
    signed = (rng.random(rows) < 0.1 + 0.1 * treated).astype(int)
    return features, treated, signed


def refused(error, match, **changed):
    features, treated, signed = homes()
    given_ = {"features": features, "treatment": treated, "outcome": signed} | changed
    for call in (fit, cross_fit):
        with pytest.raises(error, match=match) as caught:
            call(**given_)
        assert isinstance(caught.value, BadInput) and str(caught.value).endswith(".")


def test_too_few_homes_in_an_arm():
    features, treated, signed = homes(250)
    said = r"Too little data: \d+ held-out homes .* Expected 100 or more in each arm"
    refused(TooLittleData, said, features=features, treatment=treated, outcome=signed)


def test_too_few_of_one_outcome_within_an_arm():
    _, treated, signed = homes()
    held = np.flatnonzero((treated == 0) & (signed == 1))
    signed[held[9:]] = 0
    refused(TooLittleData, r"Too little data: of \d+ held-out homes 9 signed. Expected 10 or more", outcome=signed)
    signed[held[9]] = 1
    assert fit(homes()[0], treated, signed, base="linear")
    refused(TooLittleData, r"of \d+ treated homes 0 did not sign", outcome=np.where(treated == 1, 1, signed))


def test_one_arm_empty():
    refused(TooLittleData, "No home was held out", treatment=np.ones(1_000))
    refused(TooLittleData, "No home was treated", treatment=np.zeros(1_000))


def test_a_constant_outcome():
    refused(BadInput, "The outcome is 0 in every row", outcome=np.zeros(1_000))
    refused(BadInput, "The outcome is 7.5 in every row", outcome=np.full(1_000, 7.5))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, None])
def test_missing_or_infinite_treatment_or_outcome(bad):
    for name in ("treatment", "outcome"):
        values = pd.Series(homes()[1 if name == "treatment" else 2], dtype=object)
        values[3] = bad
        refused(BadInput, f"The {name} is missing or infinite in 1 rows", **{name: values})


def test_a_treatment_that_is_no_yes_or_no():
    refused(BadInput, "The treatment has the value 2", treatment=np.where(np.arange(1_000) == 5, 2, homes()[1]))
    refused(BadInput, "The treatment holds something else than numbers", treatment=["treat"] * 1_000)
    refused(BadInput, "There are 999 values of treatment for 1,000 rows", treatment=homes()[1][:-1])


def with_column(values):
    return homes()[0].assign(extra=values)


def test_a_copy_of_the_treatment():
    treated = homes()[1]
    for values in (treated, 1 - treated, treated * 7.0 - 3, np.where(treated == 1, "yes", "no")):
        refused(Leakage, "'extra' is a copy of who was treated", features=with_column(values))


def test_a_copy_of_the_outcome():
    signed = homes()[2]
    value_cents = signed * np.random.default_rng(0).integers(500_000, 900_000, 1_000)
    for values in (signed, 1 - signed, value_cents, np.where(signed == 1, "won", "lost")):
        refused(Leakage, "'extra' (is a copy of|tells .*) who signed", features=with_column(values))
    dollars = np.random.default_rng(0).gamma(2, 100, 1_000)
    refused(Leakage, "'extra' is the outcome in other units", features=with_column(dollars * 100), outcome=dollars)


@pytest.mark.parametrize(
    "name",
    ["status", "jobs.status", "touches", "observed_at", "completed_at", "actual_converted", "Decision", "jobs.NOTES"],
)
def test_columns_that_are_written_after_the_decision(name):
    refused(Leakage, "is known only after the decision", features=homes()[0].assign(**{name: 1.0}))


def test_a_column_that_tells_the_arm_better_than_a_draw_allows():
    _, treated, _ = homes()
    rng = np.random.default_rng(1)
    touches = treated * (1 + rng.poisson(0.9, 1_000)) + (1 - treated) * (rng.random(1_000) < 0.15)
    refused(
        Leakage, r"'extra' tells \(0\.9\d of 1, where 0.5 is chance\) who was treated", features=with_column(touches)
    )
    # Also one that is only missing in one arm, or goes up and down.
    refused(Leakage, "'extra' is a copy", features=with_column(np.where(treated == 1, rng.normal(size=1_000), np.nan)))
    wave = np.where(treated == 1, rng.choice([1.0, 3.0, 5.0], 1_000), rng.choice([2.0, 4.0, 6.0], 1_000))
    refused(Leakage, "'extra' is a copy", features=with_column(wave))
    # A weak sign is enough where there are many homes.
    hint = np.where(rng.random(1_000) < 0.6, treated, rng.integers(0, 2, 1_000))
    refused(Leakage, "'extra' tells", features=with_column(hint))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_columns_that_tell_nothing_pass(seed):
    rng = np.random.default_rng(seed)
    treated = rng.random(600) < 0.8
    for values in (rng.normal(size=600), rng.integers(0, 3, 600), np.round(rng.exponential(size=600), 1)):
        codes = groups(Column("x", is_text=False), pd.Series(values))
        assert abs(tells(codes, treated) - 0.5) < 0.2


def test_features_that_cannot_be_read():
    refused(WrongColumns, "'extra' holds an infinite number", features=with_column(np.inf))
    refused(WrongColumns, "'extra' holds dates", features=with_column(pd.Timestamp("2021-04-28")))
    refused(BadInput, "two columns 'hail_in'", features=pd.concat([homes()[0], homes()[0]], axis=1))
    refused(BadInput, "There is no feature", features=homes()[0][[]])
    refused(BadInput, "The features have 1 dimensions", features=np.zeros(1_000))


def test_columns_at_prediction():
    features, treated, signed = homes()
    model = fit(features, treated, signed, "t", base="linear")
    with pytest.raises(WrongColumns, match=r"asked without 'hail_in'. Expected the columns hail_in, roof_material"):
        model.predict(features[["roof_material"]])
    with pytest.raises(WrongColumns, match="with 'wind', which it has never seen"):
        model.predict(features.assign(wind=3.0))
    with pytest.raises(WrongColumns, match="'hail_in' holds something else than numbers"):
        model.predict(features.assign(hail_in="large"))
    with pytest.raises(WrongColumns, match="'roof_material' holds numbers"):
        model.predict(features.assign(roof_material=3))
    with pytest.raises(WrongColumns, match="asked without"):
        model.predict(np.zeros((4, 2)))


def test_words_that_are_none_of_ours():
    features, treated, signed = homes()
    for wrong, match in (({"learner": "y"}, "no learner 'y'"), ({"base": "forest"}, "no base learner 'forest'"),
                         ({"propensity": "guess"}, "propensity is 'guess'"),
                         ({"propensity": 1.0}, "not between 0 and 1"),
                         ({"propensity": [0.5, 0.5]}, "another length")):  # fmt: skip
        with pytest.raises(BadInput, match=match):
            fit(features, treated, signed, **wrong)
