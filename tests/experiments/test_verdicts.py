import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormplay.errors import BadInput
from stormplay.experiments import Counts, Estimate, needed_sample, verdict
from stormplay.experiments.verdicts import judge

WORKS = Counts(240, 2_000, 20, 500)
NOTHING = Counts(4_000, 80_000, 1_000, 20_000)
HARMS = Counts(40, 2_000, 60, 500)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.01, 0.05, "works"),
        (-0.004, 0.009, "does not work"),
        (0.001, 0.009, "does not work"),  # there is an effect, and it is not worth having
        (-0.05, -0.001, "harms"),
        (-0.001, 0.05, "too early to say"),
        (-0.05, 0.01, "too early to say"),
    ],
)
def test_the_rule(low, high, word):
    assert judge(Estimate((low + high) / 2, low, high), margin=0.01) == word


def test_each_word_with_its_sentence():
    said = {counts: verdict(counts) for counts in (WORKS, NOTHING, HARMS, Counts(22, 121, 2, 35))}
    assert [one.word for one in said.values()] == ["works", "does not work", "harms", "too early to say"]
    for counts, one in said.items():
        assert one.sentence.startswith(one.word.capitalize())
        assert f"{counts.converted:,} of {counts.n:,}" in one.sentence
        assert f"{counts.control_converted:,} of {counts.control_n:,}" in one.sentence
        for limit in (one.estimate.low, one.estimate.high):
            assert f"{100 * limit:+.1f}" in one.sentence
        assert "p =" not in one.sentence
    assert "ruled out" in said[NOTHING].sentence
    assert "8.0 fewer in a hundred" not in verdict(WORKS).sentence
    assert "10.0 fewer in a hundred homes" in said[HARMS].sentence
    assert "reliably shows an effect of 18.1 in a hundred or more" in said[Counts(22, 121, 2, 35)].sentence


def test_one_look_may_say_what_many_may_not():
    counts = Counts(60, 400, 6, 100)
    assert verdict(counts, looks="once").word == "works"
    assert verdict(counts, looks="many").word == "too early to say"
    assert "for one look" in verdict(counts, looks="once").sentence
    assert "however often one looks" in verdict(counts).sentence


def test_a_young_storm_is_not_called_useless():
    assert verdict(NOTHING, is_young=True).word == "too early to say"
    assert "weeks after the visit" in verdict(NOTHING, is_young=True).sentence
    assert verdict(WORKS, is_young=True).word == "works"


def test_arms_that_cannot_be_compared_have_no_verdict():
    found = verdict(WORKS, objections=["Homes were moved after the draw."])
    assert found.word == "too early to say"
    assert "cannot be compared. Homes were moved after the draw." in found.sentence


@pytest.mark.parametrize("counts", [Counts(0, 0, 0, 0), Counts(3, 40, 0, 0), Counts(0, 0, 1, 9)])
def test_nobody_known_is_too_early(counts):
    found = verdict(counts)
    assert (found.word, found.estimate.value) == ("too early to say", None)
    assert "both arms need homes whose outcome is known" in found.sentence


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(0, 60), st.floats(0.001, 0.2))
def test_a_wider_margin_only_moves_to_does_not_work(signed, control_signed, margin):
    counts = Counts(signed, 800, control_signed, 200)
    narrow, wide = verdict(counts, margin=margin).word, verdict(counts, margin=margin * 2).word
    assert narrow == wide or wide == "does not work"


def test_rarely_wrong_where_there_is_no_effect():
    rng = np.random.default_rng(2)
    words = [verdict(Counts(int(x), 1_200, int(y), 300)).word
             for x, y in zip(rng.binomial(1_200, 0.05, 800), rng.binomial(300, 0.05, 800), strict=True)]  # fmt: skip
    assert np.mean([word in ("works", "harms") for word in words]) < 0.01


def test_half_as_many_homes_again_pay_for_daily_looks():
    n, control_n = (int(1.5 * homes) for homes in needed_sample(0.08, 0.12))
    rng = np.random.default_rng(4)
    looks = np.arange(1, 51)
    signed = rng.binomial(n // 50, 0.12, (100, 50)).cumsum(axis=1)
    control_signed = rng.binomial(control_n // 50, 0.08, (100, 50)).cumsum(axis=1)
    seen = [any(verdict(Counts(int(x), int(n // 50 * k), int(y), int(control_n // 50 * k))).word == "works"
                for x, y, k in zip(*pair, looks, strict=True))
            for pair in zip(signed, control_signed, strict=True)]  # fmt: skip
    assert np.mean(seen) > 0.68


@pytest.mark.parametrize("wrong", [{"margin": 0}, {"margin": 1}, {"looks": "often"}, {"confidence": 95}])
def test_impossible_values_are_refused(wrong):
    with pytest.raises(BadInput):
        verdict(WORKS, **wrong)


def test_counts_that_cannot_be_are_refused():
    with pytest.raises(BadInput):
        Counts(5, 4, 0, 1)


def test_estimates_say_themselves():
    assert str(WORKS.difference()) == "+8.0 (+5.5 to +10.0)"
    assert str(Counts(0, 0, 0, 0).difference()) == "not measurable yet"
    assert Counts(40, 400, 0, 100).relative_lift().percent == "not measurable yet (+161 % to no end)"
    assert WORKS.relative_lift().percent.startswith("+200 % (+")
