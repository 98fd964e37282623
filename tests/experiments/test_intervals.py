import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from stormplay.errors import BadInput
from stormplay.experiments import difference_interval, relative_lift_interval
from stormplay.experiments.intervals import mover_ratio, newcombe, wilson

VECTORS = {(48, 400, 30, 400): (0.003734, 0.086756), (120, 800, 20, 200): (-0.004526, 0.093315)}


@st.composite
def arms(draw, least=1):
    n, control_n = draw(st.integers(least, 5_000)), draw(st.integers(least, 5_000))
    return draw(st.integers(0, n)), n, draw(st.integers(0, control_n)), control_n


@pytest.mark.parametrize("counts", VECTORS)
def test_difference_to_the_printed_digits(counts):
    assert tuple(round(limit, 6) for limit in difference_interval(*counts)) == VECTORS[counts]


@settings(deadline=None)
@given(arms(), st.floats(0.5, 0.999))
def test_difference_is_that_of_statsmodels(counts, confidence):
    theirs = confint_proportions_2indep(*counts, compare="diff", method="newcomb", alpha=1 - confidence)
    assert difference_interval(*counts, confidence) == pytest.approx(theirs, abs=1e-9)


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 300), st.floats(0.5, 0.999))
def test_wilson_is_that_of_statsmodels(signed, others, confidence):
    assume(signed + others)
    theirs = proportion_confint(signed, signed + others, alpha=1 - confidence, method="wilson")
    assert wilson(signed, signed + others, confidence) == pytest.approx(theirs, abs=1e-9)


# statsmodels has no MOVER for the ratio, so these are near, not equal: the score method (Koopman) for any counts,
# the log method where both arms have some signatures.
@pytest.mark.parametrize(
    "counts", [(48, 400, 30, 400), (120, 800, 20, 200), (300, 2_000, 40, 500), (90, 4_000, 12, 1_000)]
)
@pytest.mark.parametrize("method", ["score", "log"])
def test_ratio_is_near_that_of_statsmodels(counts, method):
    theirs = np.subtract(confint_proportions_2indep(*counts, compare="ratio", method=method), 1)
    ours = relative_lift_interval(*counts)
    assert ours == pytest.approx(theirs, rel=0.06, abs=0.02)


@settings(deadline=None)
@given(arms(least=20))
def test_ratio_is_where_the_interval_of_the_difference_touches_zero(counts):
    signed, n, control_signed, control_n = counts
    assume(signed and control_signed)
    low, high = np.add(relative_lift_interval(*counts), 1)
    rate, control_rate = signed / n, control_signed / control_n
    (down, up), (control_down, control_up) = wilson(signed, n), wilson(control_signed, control_n)
    # The definition of MOVER for a ratio r: the limits of rate - r * control_rate, one of them zero.
    assert rate - low * control_rate == pytest.approx(
        np.hypot(rate - down, low * (control_up - control_rate)), abs=1e-8
    )
    assert high * control_rate - rate == pytest.approx(
        np.hypot(up - rate, high * (control_rate - control_down)), rel=1e-6, abs=1e-8
    )


@settings(deadline=None)
@given(arms())
def test_intervals_hold_what_was_seen_and_agree_on_the_sign(counts):
    signed, n, control_signed, control_n = counts
    low, high = difference_interval(*counts)
    assert -1 <= low <= signed / n - control_signed / control_n <= high <= 1
    lift_low, lift_high = relative_lift_interval(*counts)
    assert -1 <= lift_low <= lift_high
    if control_signed:
        assert lift_low <= signed / n / (control_signed / control_n) - 1 <= lift_high
    # Both are made of the same limits: the ratio's is above 1 where the difference's is above 0.
    if abs(low) > 1e-9 and abs(high) > 1e-9:
        assert (low > 0, high < 0) == (lift_low > 0, lift_high < 0)


@settings(deadline=None)
@given(arms())
def test_changing_the_arms_mirrors_the_interval(counts):
    signed, n, control_signed, control_n = counts
    low, high = difference_interval(control_signed, control_n, signed, n)
    assert difference_interval(*counts) == pytest.approx((-high, -low), abs=1e-12)
    if signed and control_signed:
        lift_low, lift_high = np.add(relative_lift_interval(control_signed, control_n, signed, n), 1)
        assert np.add(relative_lift_interval(*counts), 1) == pytest.approx((1 / lift_high, 1 / lift_low), rel=1e-6)


@settings(deadline=None)
@given(arms(), st.floats(0.5, 0.98))
def test_more_confidence_is_never_narrower(counts, confidence):
    for interval in (difference_interval, relative_lift_interval):
        (low, high), (wide_low, wide_high) = interval(*counts, confidence), interval(*counts, confidence + 0.01)
        assert wide_low <= low and high <= wide_high


def test_a_control_arm_without_signatures_leaves_the_ratio_open_above():
    low, high = relative_lift_interval(40, 400, 0, 100)
    assert high == math.inf
    assert low == pytest.approx(1.61, abs=0.005)  # and yet: at least twice as many
    with pytest.warns(RuntimeWarning):
        theirs = confint_proportions_2indep(40, 400, 0, 100, compare="ratio", method="score")
    assert low + 1 == pytest.approx(theirs[0], rel=0.04)
    assert theirs[1] == math.inf
    assert relative_lift_interval(0, 400, 0, 100) == (-1, math.inf)
    assert relative_lift_interval(0, 400, 20, 100)[0] == -1


def test_an_empty_arm_tells_nothing():
    for counts in ((0, 0, 3, 10), (3, 10, 0, 0), (0, 0, 0, 0)):
        assert difference_interval(*counts) == (-1, 1)
        assert relative_lift_interval(*counts) == (-1, math.inf)


@pytest.mark.parametrize("counts", [(5, 4, 0, 4), (-1, 4, 0, 4), (1, 4, 9, 4), (0.5, 4, 0, 4), (math.nan, 4, 0, 4)])
def test_impossible_counts_are_refused(counts):
    for interval in (difference_interval, relative_lift_interval):
        with pytest.raises(BadInput, match="homes signed"):
            interval(*counts)


@pytest.mark.parametrize("confidence", [0, 1, -0.5, 95, math.nan])
def test_impossible_confidence_is_refused(confidence):
    for counts in ((1, 4, 0, 4), (0, 0, 0, 0)):
        with pytest.raises(BadInput, match=r"such as 0\.95"):
            difference_interval(*counts, confidence)


@settings(deadline=None)
@given(st.floats(-1, 1), *[st.floats(0.001, 1)] * 2, st.floats(0.05, 1), *[st.floats(0.001, 1)] * 2)
def test_ratio_of_a_top_of_either_sign(top, down, up, below, below_down, below_up):
    below_low, below_high = below * (1 - below_down), below + below_up
    low, high = map(float, mover_ratio(top, top - down, top + up, below, below_low, below_high))
    assert low <= top / below + 1e-9 and top / below - 1e-9 <= high
    mirrored = mover_ratio(-top, -top - up, -top + down, below, below_low, below_high)
    assert (-float(mirrored[1]), -float(mirrored[0])) == pytest.approx((low, high))


def test_coverage_of_the_difference_over_what_is_typical_here():
    rng = np.random.default_rng(17)
    covered = []
    for control_rate in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2):
        for effect in (0.0, 0.01, 0.04):
            for homes in (500, 1_000, 2_500, 6_000):
                n, control_n = int(homes * 0.8), int(homes * 0.2)
                signed = rng.binomial(n, control_rate + effect, 4_000)
                control_signed = rng.binomial(control_n, control_rate, 4_000)
                low, high = newcombe(signed, n, control_signed, control_n)
                covered.append(((low <= effect) & (effect <= high)).mean())
    assert 0.94 <= np.mean(covered) <= 0.965
    assert min(covered) > 0.925
