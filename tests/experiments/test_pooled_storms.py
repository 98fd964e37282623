import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.meta_analysis import combine_effects

from stormplay.experiments import Counts, pool, verdict
from stormplay.experiments.pooling import heterogeneity, variances_at_common_rates


def simulated(rng, rates, effects, homes):
    n, control_n = homes * 4 // 5, homes // 5
    return {str(k): Counts(int(rng.binomial(n, rate + effect)), n, int(rng.binomial(control_n, rate)), control_n)
            for k, (rate, effect) in enumerate(zip(rates, effects, strict=True))}  # fmt: skip


counts = st.integers(20, 2_000).flatmap(
    lambda n: st.builds(Counts, st.integers(0, n), st.just(n), st.integers(0, n // 4), st.just(n // 4))
)


@pytest.mark.filterwarnings("ignore::RuntimeWarning:statsmodels", "ignore::RuntimeWarning:numpy")
@settings(deadline=None)
@given(st.lists(counts, min_size=2, max_size=8))
def test_both_means_and_the_heterogeneity_are_those_of_statsmodels(storms):
    found = pool({str(k): one for k, one in enumerate(storms)})
    values = np.array([one.difference().value for one in storms])
    variances = variances_at_common_rates(storms)
    theirs = combine_effects(values, variances, method_re="chi2")
    assert found.fixed.value == pytest.approx(theirs.mean_effect_fe)
    assert (found.fixed.low, found.fixed.high) == pytest.approx(theirs.conf_int()[0])
    assert found.q == pytest.approx(theirs.q, abs=1e-9)
    # Theirs may be negative; a variance between storms is not.
    assert found.tau2 == pytest.approx(max(theirs.tau2, 0), abs=1e-12)
    if theirs.tau2 > 0:
        assert found.i2 == pytest.approx(theirs.i2, abs=1e-9)
        assert found.random.value == pytest.approx(theirs.mean_effect_re)
        assert (found.random.low, found.random.high) == pytest.approx(theirs.conf_int()[1])
    else:
        assert (found.i2, found.random) == (0, found.fixed)
    for which in ("weight_fixed", "weight_random"):
        assert sum(getattr(storm, which) for storm in found.storms) == pytest.approx(1)


def test_many_small_storms_show_what_one_cannot():
    rng = np.random.default_rng(1)
    storms = simulated(rng, [0.08] * 10, [0.05] * 10, 800)
    alone = [verdict(one).word for one in storms.values()]
    assert alone.count("too early to say") >= 8
    found = pool(storms)
    assert found.word == "works"
    assert found.sentence.startswith("Works, over 10 storms: of the treated homes")
    assert found.always_valid.width > found.fixed.width


# Ten storms of 64 held-out homes at 2 %: weights of each storm's own rates would be off by a standard error.
@pytest.mark.parametrize(
    ("rates", "effects", "homes"),
    [([0.02] * 10, [0.0] * 10, 320), ([0.05] * 3, [0.1] * 3, 1_000), ([0.02, 0.05, 0.1, 0.2], [0.05] * 4, 1_000)],
)
def test_the_fixed_mean_is_unbiased_and_keeps_its_promise(rates, effects, homes):
    rng = np.random.default_rng(homes)
    found = [pool(simulated(rng, rates, effects, homes)) for _ in range(500)]
    off = np.array([one.fixed.value - effects[0] for one in found])
    assert abs(off.mean()) < 4 * off.std() / np.sqrt(500)
    assert np.mean([not one.fixed.excludes(effects[0]) for one in found]) >= 0.925
    assert np.mean([one.q_p_value < 0.05 for one in found]) < 0.09


def test_storms_that_differ_are_said_to_differ():
    rng = np.random.default_rng(3)
    effects = rng.normal(0.1, 0.03, 12)
    found = pool(simulated(rng, [0.05] * 12, effects, 2_000))
    assert found.i2 > 0.4 and found.q_p_value < 0.01
    assert found.tau2**0.5 == pytest.approx(0.03, abs=0.015)
    assert found.random.width > 1.2 * found.fixed.width
    assert f"in {100 * found.i2:.0f} % of their spread" in found.sentence
    assert "hardly known" not in found.sentence
    assert "hardly known" in pool(simulated(rng, [0.05] * 3, effects[:3], 2_000)).sentence


def test_equal_storms_leave_nothing_between_them():
    q, tau2 = heterogeneity(np.array([0.1, 0.1, 0.1]), np.array([0.01, 0.02, 0.03]))
    assert (q, tau2) == pytest.approx((0, 0), abs=1e-12)


def test_storms_without_known_outcomes_are_left_out_by_name():
    found = pool({"known": Counts(100, 800, 4, 200), "young": Counts(0, 0, 0, 0), "no control": Counts(3, 50, 0, 0)})
    assert [storm.storm for storm in found.storms] == ["known"]
    assert found.left_out == ("young", "no control")
    assert found.random.value == found.fixed.value == pytest.approx(0.105)
    assert (found.i2, found.tau2, found.q_p_value) == (0, 0, 1)
    assert "over one storm" in found.sentence


def test_no_storm_is_too_early():
    for storms in ({}, {"young": Counts(0, 0, 0, 0)}):
        found = pool(storms)
        assert (found.word, found.fixed.value, found.storms) == ("too early to say", None, ())
