import numpy as np
import pytest

from stormplay.errors import BadInput
from stormplay.experiments import Counts, Stratum, stratify
from stormplay.experiments.strata import together

# Rates without a visit and effects per band: those of the demo, and some that differ as no roof bands do.
USUAL = ([0.03, 0.04, 0.05, 0.06], [0.03, 0.08, 0.13, 0.2])
FAR_APART = ([0.02, 0.15, 0.5, 0.8], [0.02, 0.05, 0.1, 0.1])


def simulated(rng, rates, effects, homes=1_600):
    sizes = rng.multinomial(homes, np.full(len(rates), 1 / len(rates)))
    treated = rng.binomial(sizes, 0.8)
    signed = rng.binomial(treated, np.add(rates, effects))
    control_signed = rng.binomial(sizes - treated, rates)
    columns = zip(sizes, signed, treated, control_signed, sizes - treated, strict=True)
    return [Stratum(f"band {k}", int(row[0]), Counts(*map(int, row[1:]))) for k, row in enumerate(columns)]


def many(rates, effects, seed=6, times=500):
    rng = np.random.default_rng(seed)
    return [stratify(simulated(rng, rates, effects)) for _ in range(times)]


def test_it_narrows_where_bands_are_far_apart():
    found = many(*FAR_APART)
    assert all(one.helps and one.better == one.stratified for one in found)
    assert np.median([one.width_ratio for one in found]) < 0.8
    assert "narrower: worth using" in found[0].sentence


def test_it_hardly_helps_at_the_rates_of_this_trade_and_says_so():
    found = many(*USUAL)
    assert 0.97 < np.median([one.width_ratio for one in found]) < 1.0
    assert np.mean([one.helps for one in found]) < 0.05
    plain = next(one for one in found if not one.helps)
    assert plain.better == plain.plain
    assert "not worth using, so the plain one stands" in plain.sentence


@pytest.mark.parametrize("world", [USUAL, FAR_APART])
def test_all_three_intervals_keep_their_promise(world):
    found = many(*world, seed=8)
    truth = np.mean(world[1])
    for which in ("plain", "stratified", "better"):
        covered = np.mean([not getattr(one, which).excludes(truth) for one in found])
        assert 0.92 <= covered <= 0.98


def test_the_interval_is_as_wide_as_the_estimate_varies():
    found = many(*FAR_APART)
    assert np.std([one.stratified.value for one in found]) == pytest.approx(
        np.median([one.variance for one in found]) ** 0.5, rel=0.1
    )


def test_weights_are_the_homes_whatever_is_known_of_them():
    # Known outcomes come mostly from the first band, homes mostly from the second.
    bands = [Stratum("small", 100, Counts(40, 80, 5, 20)), Stratum("large", 900, Counts(8, 80, 1, 20))]
    found = stratify(bands)
    assert found.stratified.value == pytest.approx(0.1 * 0.25 + 0.9 * 0.05)
    assert found.plain.value == pytest.approx(48 / 160 - 6 / 40)


def test_sparse_bands_join_their_neighbours_and_no_home_is_lost():
    thin, thick = Counts(1, 5, 0, 2), Counts(10, 60, 1, 15)
    bands = [Stratum(name, 10, counts) for name, counts in zip("abcde", [thin, thick, thick, thin, thin], strict=True)]
    used = together(bands)
    assert [band.name for band in used] == ["a, b", "c, d, e"]
    assert sum(band.homes for band in used) == 50
    assert sum(band.counts.n for band in used) == sum(band.counts.n for band in bands)


def test_one_band_is_the_plain_answer():
    found = stratify([Stratum("all", 100, Counts(10, 80, 1, 20))])
    assert found.stratified.value == found.plain.value
    assert (found.helps, found.better) == (False, found.plain)


def test_nothing_known_is_no_answer():
    found = stratify([Stratum("a", 100, Counts(0, 0, 0, 0)), Stratum("b", 30, Counts(1, 9, 0, 3))])
    assert (found.stratified.value, found.width_ratio, found.helps) == (None, None, False)
    assert "so nothing is compared within bands" in found.sentence
    with pytest.raises(BadInput):
        stratify([])


def test_nobody_signed_anywhere():
    found = stratify([Stratum("a", 100, Counts(0, 80, 0, 20)), Stratum("b", 100, Counts(0, 80, 0, 20))])
    assert (found.stratified.value, found.width_ratio, found.helps) == (0, 1, False)
