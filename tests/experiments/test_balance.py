import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare

from stormplay.errors import BadInput
from stormplay.experiments import covariate_balance, known_check, size_check, srm_p_value
from stormplay.experiments.balance import Moments, light_of


def test_srm_to_the_printed_digits():
    assert round(srm_p_value([8_100, 1_900], [0.8, 0.2]), 6) == 0.012419
    assert srm_p_value([8_100, 1_900], [80, 20]) == srm_p_value([8_100, 1_900], [0.8, 0.2])


@settings(deadline=None)
@given(st.lists(st.integers(1, 5_000), min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_srm_is_scipys_chi_square(observed, random):
    shares = np.array([random.uniform(0.05, 1) for _ in observed])
    theirs = chisquare(observed, shares / shares.sum() * sum(observed)).pvalue
    assert srm_p_value(observed, shares) == pytest.approx(theirs, rel=1e-9, abs=1e-300)


def test_a_true_draw_rings_as_often_as_it_should():
    rng = np.random.default_rng(3)
    p = np.array([srm_p_value([n, 2_000 - n], [0.8, 0.2]) for n in rng.binomial(2_000, 0.8, 4_000)])
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.012)
    assert (p < 0.001).mean() < 0.004


def test_no_home_is_no_mismatch():
    assert srm_p_value([0, 0], [0.8, 0.2]) == 1


@pytest.mark.parametrize(
    ("observed", "shares"),
    [([5], [1]), ([5, 5], [0.5]), ([5, -5], [0.5, 0.5]), ([5, 5], [1, 0]), ([5, 5], [1, np.nan]), ([[5, 5]], [[1, 1]])],
)
def test_srm_refuses_what_cannot_be(observed, shares):
    with pytest.raises(BadInput):
        srm_p_value(observed, shares)


@pytest.mark.parametrize(("treated", "light"), [(800, "green"), (830, "amber"), (850, "red")])
def test_lights_of_sizes(treated, light):
    found = size_check(treated, 1_000 - treated, 0.8)
    assert found.light == light
    assert f"{treated} treated and {1_000 - treated} held out, where 80 % and 20 % were drawn" in found.sentence
    assert (found.light == "red") == ("find out why before you believe any lift" in found.sentence)


@pytest.mark.parametrize(("p", "light"), [(0.05, "green"), (0.0499, "amber"), (0.001, "amber"), (0.00099, "red")])
def test_edges_of_the_lights(p, light):
    assert light_of(p) == light


def test_outcomes_that_are_known_of_one_arm_more_often():
    assert known_check(800, 400, 200, 100).light == "green"
    assert known_check(800, 400, 200, 80).light == "amber"
    assert known_check(800, 400, 200, 40).light == "red"
    seen = np.array([[400, 400], [80, 120]])
    assert known_check(800, 400, 200, 80).p_value == pytest.approx(chi2_contingency(seen, correction=False).pvalue)


@pytest.mark.parametrize("counts", [(0, 0, 0, 0), (10, 0, 5, 0), (10, 10, 5, 5), (10, 5, 0, 0)])
def test_where_there_is_nothing_to_compare_the_light_is_green(counts):
    assert known_check(*counts).light == "green"
    assert size_check(0, 0, 0.8).sentence == "Nobody has been treated or held out yet."


def test_covariates_in_standard_deviations():
    found = covariate_balance("roof age (years)", Moments(8_000, 15.0, 16.0), Moments(2_000, 14.0, 16.0))
    assert (found.difference, found.light) == (pytest.approx(0.25), "amber")
    assert covariate_balance("", Moments(8_000, 15.2, 16.0), Moments(2_000, 14.0, 16.0)).light == "red"
    # As far apart, in arms so small that chance does it.
    assert covariate_balance("", Moments(40, 15.2, 16.0), Moments(10, 14.0, 16.0)).light == "green"


def test_a_true_draw_is_seldom_amber():
    rng = np.random.default_rng(8)
    lights = []
    for _ in range(400):
        treated, held = rng.normal(0, 1, 160), rng.normal(0, 1, 40)
        moments = [Moments(len(x), x.mean(), x.var(ddof=1)) for x in (treated, held)]
        lights.append(covariate_balance("noise", *moments).light)
    assert lights.count("green") > 0.92 * 400
    assert lights.count("red") < 0.02 * 400


@pytest.mark.parametrize("held", [Moments(0, 0.0, 0.0), Moments(1, 3.0, 0.0)])
def test_what_cannot_be_compared_has_no_difference(held):
    found = covariate_balance("x", Moments(5, 3.0, 1.0), held)
    assert (found.treated, found.difference, found.by_chance) == (3.0, None, None)
    assert found.held == (3.0 if held.n else None)


def test_where_nobody_was_to_be_held_out_there_is_nothing_to_compare():
    assert size_check(40, 0, 1.0).light == "green"
    assert "nothing to compare" in size_check(40, 0, 1.0).sentence
