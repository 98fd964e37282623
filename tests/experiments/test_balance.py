import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from stormplay.errors import BadInput
from stormplay.experiments import srm_p_value


def test_srm_to_the_printed_digits():
    assert round(srm_p_value([8_100, 1_900], [0.8, 0.2]), 6) == 0.012419
    assert srm_p_value([8_100, 1_900], [80, 20]) == srm_p_value([8_100, 1_900], [0.8, 0.2])


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
