"""What holds for all journeys, to 1e-9."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
import slowly
from hypothesis import given, settings
from hypothesis import strategies as st

from stormplay.attribution import METHODS, credits, removal_effects
from stormplay.attribution.journeys import read
from stormplay.attribution.markov import fit

# A machine that is busy is no counterexample.
checked = settings(deadline=None, max_examples=int(os.environ.get("EXAMPLES", "40")))

BY_JOURNEY = ("first", "last", "linear", "time_decay", "position")

paths = st.lists(st.sampled_from("ABCDE"), min_size=1, max_size=9)
counts = st.integers(0, 40)


@st.composite
def journeys(draw, path=paths):
    rows = draw(st.lists(st.tuples(path, counts, counts, st.integers(0, 10**7)), min_size=1, max_size=12))
    found = pd.DataFrame(rows, columns=["path", "conversions", "nulls", "value"])
    return found.assign(value=found["value"].where(found["conversions"] > 0, 0))


def close(left, right, scale=1.0):
    assert left == pytest.approx(right, rel=1e-9, abs=1e-9 * max(scale, 1.0))


@checked
@given(journeys())
def test_credits_sum_to_what_there_is(found):
    sums = credits(found).groupby("method")[["conversions", "value"]].sum()
    assert set(sums.index) == set(METHODS)
    close(sums["conversions"].to_numpy(), np.full(len(METHODS), float(found["conversions"].sum())))
    close(sums["value"].to_numpy(), np.full(len(METHODS), float(found["value"].sum())))


@checked
@given(journeys())
def test_no_credit_is_negative_or_more_than_there_is(found):
    for amount in ("conversions", "value"):
        given_ = credits(found)[amount]
        assert given_.min() >= 0
        assert given_.max() <= found[amount].sum() * (1 + 1e-9)


@checked
@given(journeys())
def test_each_method_is_as_written_in_the_book(found):
    got = credits(found).set_index(["method", "channel"])
    for amount in ("conversions", "value"):
        for method in BY_JOURNEY:
            close(got.loc[method, amount].to_dict(), slowly.credited(method, found, amount))
        close(got.loc["shapley", amount].to_dict(), slowly.shapley(found, amount), found[amount].sum())


@checked
@given(journeys())
def test_markov_is_removal_by_brute_force(found):
    got = removal_effects(found).set_index("channel")
    close(got["removal_effect"].to_dict(), slowly.removal_effects(found))
    assert got["removal_effect"].between(0, 1).all()
    close(float(got["share"].sum()), float(found["conversions"].sum() > 0))


@checked
@given(journeys())
def test_the_chain_converts_as_often_as_people_did(found):
    people = float(found["conversions"].sum() + found["nulls"].sum())
    close(fit(read(found)).p_convert, found["conversions"].sum() / people if people else 0.0)


@checked
@given(journeys())
def test_steps_from_a_channel_to_itself_change_nothing(found):
    once = found.assign(path=[[c for k, c in enumerate(path) if k == 0 or path[k - 1] != c] for path in found["path"]])
    close(removal_effects(found)["removal_effect"].to_numpy(), removal_effects(once)["removal_effect"].to_numpy())


@checked
@given(journeys(), st.permutations(["zeta", "door", "Mail", "x y", "é"]))
def test_other_names_are_the_same_credits_under_other_names(found, names):
    rename = dict(zip("ABCDE", names, strict=True))
    renamed = found.assign(path=[[rename[c] for c in path] for path in found["path"]])
    before, after = credits(found), credits(renamed).set_index(["method", "channel"])
    keys = pd.MultiIndex.from_arrays([before["method"], before["channel"].map(rename)])
    assert len(after) == len(keys)
    for amount in ("conversions", "value"):
        close(after.loc[keys, amount].to_numpy(), before[amount].to_numpy(), found[amount].sum())


@checked
@given(journeys(), st.randoms(use_true_random=False))
def test_one_by_one_or_together_in_any_order_is_the_same(found, chance):
    single = []
    for path, conversions, nulls, value in found.itertuples(index=False):
        single += [(list(path), 1, 0, value / max(conversions, 1))] * conversions + [(list(path), 0, 1, 0.0)] * nulls
        single += [(list(path), 0, 0, 0.0)]
    chance.shuffle(single)
    apart = credits(pd.DataFrame(single, columns=found.columns))
    close(apart[["conversions", "value"]].to_numpy(), credits(found)[["conversions", "value"]].to_numpy(),
          found["value"].sum())  # fmt: skip


@checked
@given(journeys(), st.floats(0.1, 50))
def test_days_that_are_steps_decay_like_steps(found, half_life):
    dated = found.assign(days=[[3.0 + place for place in range(len(path))] for path in found["path"]])
    by_days = credits(dated, "time_decay", half_life_days=half_life)
    by_steps = credits(found, "time_decay", half_life_steps=half_life)
    close(by_days["conversions"].to_numpy(), by_steps["conversions"].to_numpy())


@checked
@given(journeys(st.lists(st.sampled_from("AB"), min_size=60, max_size=90)))
def test_long_loops_hold_too(found):
    close(removal_effects(found).set_index("channel")["removal_effect"].to_dict(), slowly.removal_effects(found))
    sums = credits(found).groupby("method")["conversions"].sum()
    close(sums.to_numpy(), np.full(len(METHODS), float(found["conversions"].sum())))


@checked
@given(paths)
def test_one_converted_path_is_shared_out_whole(path):
    one = pd.DataFrame({"path": [path], "conversions": [1], "nulls": [0], "value": [7]})
    found = credits(one).groupby("method")[["conversions", "value"]].sum()
    close(found["conversions"].to_numpy(), np.ones(len(METHODS)))
    close(found["value"].to_numpy(), np.full(len(METHODS), 7.0))


@pytest.mark.parametrize("seed", range(3))
def test_many_journeys_agree_with_few_and_with_the_book(seed):
    rng = np.random.default_rng(seed)
    lengths = rng.geometric(0.2, 3_000)
    path = [list(rng.choice(list("ABCDEFGH"), n)) for n in lengths]
    converted = rng.random(len(path)) < 0.2
    found = pd.DataFrame({"path": path, "conversions": converted * 1, "nulls": ~converted * 1,
                          "value": converted * rng.integers(0, 20_000, len(path))})  # fmt: skip
    got = credits(found).set_index(["method", "channel"])
    for method in BY_JOURNEY:
        close(got.loc[method, "value"].to_dict(), slowly.credited(method, found, "value"))
    close(removal_effects(found).set_index("channel")["removal_effect"].to_dict(), slowly.removal_effects(found))
