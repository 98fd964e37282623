"""The formula: the vectors to their printed digits, its bounds, and what it refuses."""

from __future__ import annotations

import math
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stormplay
from stormplay.errors import BadInput
from stormplay.score import HIGH_UPLIFT, WEIGHTS, score_components

VECTORS = [
    ((80, 100, 45, 60, 0.12, 0.08, 3, 200), "74.95"),
    ((120, 100, 60, 60, 0.20, 0.08, 0, 200), "100.00"),
    ((50, 100, 10, 40, 0.06, 0.08, 10, 100), "39.25"),
    ((0, 0, 0, 0, 0, 0, 0, 0), "0.00"),
]
COMPONENTS = ("policy_coverage", "route_completion", "conversion_lift", "data_quality")
NAMES = ("treat", "high_uplift", "completed", "total", "treat_rate", "control_rate", "issues", "checks")
COUNT, RATE = st.integers(0, 10**7), st.floats(0, 1)
ANY = st.tuples(COUNT, COUNT, COUNT, COUNT, RATE, RATE, COUNT, COUNT)


@pytest.mark.parametrize(("values", "printed"), VECTORS)
def test_the_vectors_to_their_printed_digits(values, printed):
    assert f"{score_components(*values)['score']:.2f}" == printed


def test_the_first_vector_component_by_component():
    found = score_components(80, 100, 45, 60, 0.12, 0.08, 3, 200)
    assert [found[name] for name in COMPONENTS] == pytest.approx([0.8, 0.75, 0.5, 0.985])
    assert list(found) == [*COMPONENTS, "score"]


def test_the_weights_are_a_whole():
    assert sum(WEIGHTS.values()) == pytest.approx(1.0) and tuple(WEIGHTS) == COMPONENTS and HIGH_UPLIFT == 0.15


@given(ANY)
def test_nothing_leaves_its_bounds_and_the_score_is_the_weighted_sum(values):
    found = score_components(*values)
    assert all(0 <= found[name] <= 1 for name in COMPONENTS)
    assert 0 <= found["score"] <= 100
    exact = 100 * sum(Fraction(str(WEIGHTS[name])) * Fraction(found[name]) for name in COMPONENTS)
    assert found["score"] == pytest.approx(float(exact), abs=1e-9)


@given(ANY, st.integers(1, 1_000))
def test_more_of_what_is_good_never_lowers_it(values, more):
    before = score_components(*values)["score"]
    treat, high, done, total, rate, control, issues, checks = values
    better = [
        (treat + more, high, done, total, rate, control, issues, checks),
        (treat, high, done + more, total, rate, control, issues, checks),
        (treat, high, done, total, min(1.0, rate + more / 1_000), control, issues, checks),
        (treat, high, done, total, rate, control, max(0, issues - more), checks),
    ]
    assert all(score_components(*one)["score"] >= before - 1e-9 for one in better)


@pytest.mark.parametrize("place", range(8))
@pytest.mark.parametrize("value", [None, math.nan, math.inf, -1, -0.01, "12", True, np.nan, [1], np.bool_(True)])
def test_what_is_no_number_from_0_up_is_refused_by_name(place, value):
    values = [80, 100, 45, 60, 0.12, 0.08, 3, 200]
    values[place] = value
    with pytest.raises(BadInput, match=rf"^{NAMES[place]} is .*\. Expected "):
        score_components(*values)


@pytest.mark.parametrize("place", [4, 5])
def test_a_rate_in_percent_is_refused(place):
    values = [80, 100, 45, 60, 0.12, 0.08, 3, 200]
    values[place] = 12
    with pytest.raises(BadInput, match=r"Expected a share from 0 to 1, such as 0\.08 for 8 %"):
        score_components(*values)


def test_numbers_of_numpy_and_the_database_are_numbers():
    kinds = (np.int64(80), np.float64(100), Decimal(45), 60, np.float32(0.12), Decimal("0.08"), np.int8(3), 200)
    assert score_components(*kinds)["score"] == pytest.approx(74.95, abs=1e-5)


def test_the_contracts_names_come_from_stormplay_itself():
    assert stormplay.score.score_components is score_components
    assert stormplay.calculate_storm_play_score and stormplay.get_score_breakdown and stormplay.StormPlayScore


def test_who_only_reckons_needs_no_database():
    code = ("import sys; from stormplay.score import score_components; score_components(1, 1, 1, 1, 1, 1, 1, 1); "
            "print([name for name in ('sqlalchemy', 'psycopg2', 'scipy') if name in sys.modules])")  # fmt: skip
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
