import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormplay.errors import BadInput
from stormplay.experiments import always_valid_interval, always_valid_p_value, difference_interval
from stormplay.experiments.intervals import difference_variance, newcombe
from stormplay.experiments.sequential import mixture_interval

LOOKS = 50


def accrue(rng, control_rate, effect, homes_a_look, experiments=1_500):
    """Counts at each of 50 looks: arrays of (experiments, looks)."""
    treated, held = homes_a_look * 4 // 5, homes_a_look // 5
    signed = rng.binomial(treated, control_rate + effect, (experiments, LOOKS)).cumsum(axis=1)
    control_signed = rng.binomial(held, control_rate, (experiments, LOOKS)).cumsum(axis=1)
    looks = np.arange(1, LOOKS + 1)
    return signed, treated * looks, control_signed, held * looks


def ever_wrong(counts, effect, interval):
    low, high = interval(*counts)
    return ((effect < low) | (effect > high)).any(axis=1).mean()


def at_all_looks(signed, n, control_signed, control_n):
    difference = signed / n - control_signed / control_n
    return mixture_interval(difference, difference_variance(signed, n, control_signed, control_n))


# From 16 treated and 4 held-out homes at the first look to 100 a look; rates as they are in this trade, and an effect.
@pytest.mark.parametrize("control_rate", [0.005, 0.01, 0.02, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("homes_a_look", [20, 100])
def test_fifty_looks_are_wrong_in_at_most_five_of_a_hundred_experiments(control_rate, homes_a_look):
    rng = np.random.default_rng([homes_a_look, int(1_000 * control_rate)])
    for effect in (0.0, 0.04):
        counts = accrue(rng, control_rate, effect, homes_a_look)
        assert ever_wrong(counts, effect, at_all_looks) <= 0.05


def test_the_interval_for_one_look_is_wrong_six_times_as_often():
    counts = accrue(np.random.default_rng(11), 0.1, 0.0, 100, experiments=4_000)
    fixed, always = ever_wrong(counts, 0.0, newcombe), ever_wrong(counts, 0.0, at_all_looks)
    assert fixed == pytest.approx(0.314, abs=0.03)
    assert always < fixed / 6


def test_p_value_never_rises_and_says_what_the_interval_says():
    counts = accrue(np.random.default_rng(5), 0.05, 0.03, 100, experiments=300)
    p = always_valid_p_value(*counts)
    assert p.shape == (300, LOOKS)
    assert ((p >= 0) & (p <= 1)).all() and (np.diff(p, axis=1) <= 0).all()
    low, high = at_all_looks(*counts)
    excluded = np.logical_or.accumulate((low > 0) | (high < 0), axis=1)
    assert (excluded == (p < 0.05)).all()


@settings(deadline=None)
@given(st.integers(1, 3_000), st.integers(1, 3_000), st.data())
def test_it_holds_what_was_seen_and_is_wider_than_for_one_look(n, control_n, data):
    counts = data.draw(st.integers(0, n)), n, data.draw(st.integers(0, control_n)), control_n
    low, high = always_valid_interval(*counts)
    assert -1 <= low <= counts[0] / n - counts[2] / control_n <= high <= 1
    once_low, once_high = difference_interval(*counts)
    assert low <= once_low and once_high <= high


def test_an_empty_arm_tells_nothing():
    assert always_valid_interval(0, 0, 1, 5) == (-1, 1)


@pytest.mark.parametrize("wrong", [{"confidence": 1}, {"expected_effect": 0}, {"expected_effect": 4}])
def test_impossible_values_are_refused(wrong):
    with pytest.raises(BadInput, match="such as"):
        always_valid_interval(5, 50, 1, 10, **wrong)
