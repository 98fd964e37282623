import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormplay import demo
from stormplay.demo import outcomes

hail = st.floats(0, 6)
age = st.floats(0, 80)


@given(hail, age)
def test_chances_stay_chances(hail_in, years):
    base, effect = demo.base_rate(hail_in, years), demo.true_effect(hail_in, years)
    assert 0.03 <= base <= 0.07
    assert 0 <= effect <= 0.234 + 1e-12
    assert base + effect < 1


@given(hail, hail, age, age)
def test_larger_hail_and_older_roofs_never_lower_the_effect(one, other, young, old):
    less = demo.true_effect(min(one, other), min(young, old))
    assert demo.true_effect(max(one, other), max(young, old)) >= less


@pytest.mark.parametrize(
    ("hail_in", "years", "effect"),
    [(0.5, 20, 0), (0.75, 10, 0.03), (1.2, 10, 0.08), (1.5, 7.9, 0.065), (2.0, 8, 0.18), (3.25, 16, 0.234)],
)
def test_effect_by_band_and_age(hail_in, years, effect):
    assert demo.true_effect(hail_in, years) == pytest.approx(effect)


def test_outcomes_follow_the_truth_without_bias():
    rng = np.random.default_rng(5)
    count = 3_000
    homes = pd.DataFrame(
        {
            "property_id": [str(i) for i in range(count)],
            "decision": np.where(rng.random(count) < 0.8, "treat", "hold_out"),
            "hail_in": rng.uniform(0.75, 3, count),
            "roof_age_years": rng.uniform(0, 30, count),
            "roof_area_sqft": 2_500.0,
        }
    )
    treated = (homes["decision"] == "treat").to_numpy()
    day = pd.Timestamp("2021-04-28", tz="UTC")
    signed = np.mean([outcomes.draw_outcomes(rng, day, homes)["actual_converted"] for _ in range(100)], axis=0)
    chance = demo.base_rate(homes["hail_in"], homes["roof_age_years"])
    chance = chance + treated * demo.true_effect(homes["hail_in"], homes["roof_age_years"])
    # 300,000 draws: three standard errors are 0.0018.
    assert signed.mean() == pytest.approx(chance.mean(), abs=0.002)
    assert signed[~treated].mean() == pytest.approx(chance[~treated].mean(), abs=0.003)
