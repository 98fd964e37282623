import numpy as np
import pytest

from stormplay.errors import BadInput
from stormplay.experiments import Reach, difference_interval, exposure
from stormplay.experiments.reach import complier_effect


def test_three_numbers_kept_apart():
    found = exposure(Reach(1_000, 120, 500, 90), Reach(250, 10, 0, 0))
    assert found.as_decided.value == pytest.approx(0.08)
    assert (found.as_decided.low, found.as_decided.high) == difference_interval(120, 1_000, 10, 250)
    assert found.reached_rate == 0.18
    assert found.complier.value == pytest.approx(0.16)  # half were reached: twice the effect
    assert "Only the comparison as decided is causal" in found.warning
    assert "500 of 1,000 (50.0 %) treated homes" in found.sentence
    assert "90 of 500 (18.0 %) signed, which is no effect" in found.sentence


def test_all_reached_is_the_effect_as_decided():
    treated, held = Reach(5_000, 500, 5_000, 500), Reach(1_250, 50, 0, 0)
    whole, decided = complier_effect(treated, held), exposure(treated, held).as_decided
    assert whole.value == pytest.approx(decided.value)
    assert (whole.low, whole.high) == pytest.approx((decided.low, decided.high), abs=0.002)


def test_held_out_homes_that_were_reached_are_said_and_counted():
    found = exposure(Reach(1_000, 120, 500, 90), Reach(250, 10, 25, 3))
    assert "25 of 250 (10.0 %) held-out ones" in found.sentence
    assert found.complier.value == pytest.approx(0.08 / 0.4)


@pytest.mark.parametrize(
    ("treated", "held"),
    [
        (Reach(1_000, 50, 0, 0), Reach(250, 10, 0, 0)),
        (Reach(1_000, 50, 30, 2), Reach(250, 10, 0, 0)),  # 3 % reached: too few to divide by
        (Reach(20, 3, 3, 1), Reach(5, 0, 1, 0)),
        (Reach(0, 0, 0, 0), Reach(250, 10, 0, 0)),
        (Reach(0, 0, 0, 0), Reach(0, 0, 0, 0)),
    ],
)
def test_too_few_reached_is_no_number(treated, held):
    found = exposure(treated, held)
    assert found.complier.value is None
    assert "Per home reached" not in found.sentence


def test_an_effect_below_zero_mirrors():
    less = complier_effect(Reach(1_000, 20, 500, 5), Reach(250, 20, 0, 0))
    assert less.value == pytest.approx(-0.12)
    assert less.low < -0.12 < less.high < 0


@pytest.mark.parametrize("counts", [(10, 2, 11, 2), (10, 2, 5, 3), (10, 12, 5, 2), (10, 8, 5, 1), (-1, 0, 0, 0)])
def test_counts_that_cannot_be_are_refused(counts):
    with pytest.raises(BadInput, match="fit together"):
        Reach(*counts)


# Compliers sign more often anyway; some homes are reached in either arm (they call by themselves).
@pytest.mark.parametrize(
    ("homes", "reached", "by_themselves", "base", "effect"),
    [
        (1_000, 0.5, 0.0, 0.03, 0.08),
        (2_500, 0.6, 0.0, 0.02, 0.03),
        (1_000, 0.5, 0.1, 0.03, 0.2),
        (600, 0.5, 0.0, 0.05, 0.0),
    ],
)
def test_coverage_of_the_complier_effect(homes, reached, by_themselves, base, effect):
    rng = np.random.default_rng(homes)
    kinds = [by_themselves, reached - by_themselves, 1 - reached]
    n, control_n = homes * 4 // 5, homes // 5
    held = 0
    for _ in range(700):
        always, complier, never = rng.multinomial(n, kinds)
        signed = rng.binomial([always, complier, never], [base + 0.02 + effect, base + 0.02 + effect, base])
        treated = Reach(n, int(signed.sum()), int(always + complier), int(signed[:2].sum()))
        always, complier, never = rng.multinomial(control_n, kinds)
        signed = rng.binomial([always, complier, never], [base + 0.02 + effect, base + 0.02, base])
        found = complier_effect(treated, Reach(control_n, int(signed.sum()), int(always), int(signed[0])))
        held += found.low <= effect <= found.high
    assert held / 700 >= 0.93
