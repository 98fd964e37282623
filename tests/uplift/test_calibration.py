from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from stormplay.experiments import difference_interval
from stormplay.uplift import calibration


def homes(seed=0, rows=20_000):
    rng = np.random.default_rng(seed)
    effect = rng.uniform(0, 0.3, rows)
    treated = rng.random(rows) < 0.7
    return effect, treated, (rng.random(rows) < 0.1 + effect * treated).astype(float), rng


def test_bins_of_the_truth_come_true():
    effect, treated, signed, _ = homes()
    table = calibration.bins(effect, treated, signed)
    assert len(table) == 5 and (table["treated"] + table["held"]).sum() == len(effect)
    assert ((table["low"] < table["predicted"]) & (table["predicted"] < table["high"])).sum() >= 4
    row = table.iloc[2]
    expected = difference_interval(
        int(row["treated_signed"]), int(row["treated"]), int(row["held_signed"]), int(row["held"])
    )
    assert (row["low"], row["high"]) == pytest.approx(expected)
    assert row["observed"] == pytest.approx(row["treated_signed"] / row["treated"] - row["held_signed"] / row["held"])


def test_equal_predictions_share_a_bin():
    _, treated, signed, _ = homes(rows=500)
    assert len(calibration.bins(np.zeros(500), treated, signed)) == 1
    assert len(calibration.bins(np.repeat([0.0, 1.0], 250), treated, signed)) == 2


def test_a_bin_without_an_arm_says_nothing():
    table = calibration.bins(
        np.array([0.0, 0.0, 1.0, 1.0]), np.array([True, False, True, True]), np.array([0.0, 1, 1, 0])
    )
    assert np.isnan(table["observed"].iloc[-1])


def test_the_slope_is_one_for_the_truth_and_half_for_twice_of_it():
    effect, treated, signed, rng = homes()
    one, two = (calibration.slope(score, treated, signed) for score in (effect, 2 * effect))
    assert one.low < 1 < one.high and two.slope == pytest.approx(one.slope / 2)
    none = calibration.slope(rng.random(len(effect)), treated, signed)
    assert none.low < 0 < none.high
    assert np.isnan(calibration.slope(np.zeros(len(effect)), treated, signed).slope)


def test_the_slope_and_its_error_are_statsmodels():
    effect, treated, signed, _ = homes(rows=2_000)
    ours = calibration.slope(effect, treated, signed)
    t, s = treated - treated.mean(), effect - effect.mean()
    design = np.column_stack([np.ones(len(s)), s, t, t * s])
    theirs = sm.OLS(signed, design).fit(cov_type="HC1")
    assert (ours.slope, ours.se) == pytest.approx((theirs.params[3], theirs.bse[3]))


def test_the_slopes_interval_holds_the_truth():
    kept = sum(one.low < 1 < one.high for one in (_slope(seed) for seed in range(200)))
    assert 0.9 <= kept / 200 <= 0.99


def _slope(seed):
    effect, treated, signed, _ = homes(seed, rows=1_500)
    return calibration.slope(effect, treated, signed)


def test_the_top_of_a_good_ranking_is_better_than_all():
    effect, treated, signed, _ = homes()
    table = calibration.top(effect, treated, signed, (0.1, 0.5, 1.0))
    assert table["homes"].tolist() == [2_000, 10_000, 20_000]
    assert table["observed"].is_monotonic_decreasing
    assert table["observed"].iloc[-1] == pytest.approx(signed[treated].mean() - signed[~treated].mean())
    assert table["low"].iloc[0] < effect[effect > np.quantile(effect, 0.9)].mean() < table["high"].iloc[0]


def test_an_outcome_in_dollars_has_welchs_interval():
    _, treated, signed, rng = homes()
    dollars = signed * rng.normal(9_000, 500, len(signed))
    a, b = dollars[treated], dollars[~treated]
    seen, low, high = calibration.difference(a, b)
    theirs = sm.stats.CompareMeans(sm.stats.DescrStatsW(a), sm.stats.DescrStatsW(b)).tconfint_diff(usevar="unequal")
    assert (low, high) == pytest.approx(theirs, rel=0.01) and low < seen < high
