"""The vectors that anybody can check by hand, and what is refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from stormplay import errors
from stormplay.attribution import METHODS, credits, removal_effects


def frame(*rows):
    return pd.DataFrame(rows, columns=["path", "conversions", "nulls", "value"])


JOURNEYS = frame((list("AABAC"), 2, 1, 200), (list("BC"), 1, 3, 50), (list("C"), 1, 4, 10), (list("AB"), 0, 5, 0))

CONVERSIONS = {
    "first": (2, 1, 1),
    "last": (0, 0, 4),
    "linear": (1.2, 0.9, 1.9),
    "shapley": (0.666667, 1.166667, 2.166667),
    "position": (1.066667, 0.633333, 2.3),
    "time_decay": (0.709677, 0.591398, 2.698925),
    "markov": (4 * 0.25202156, 4 * 0.21428571, 4 * 0.53369272),
}


@pytest.mark.parametrize("method", METHODS)
def test_the_vectors(method):
    found = credits(JOURNEYS, [method])
    assert list(found.columns) == ["method", "channel", "conversions", "value"]
    assert list(found["channel"]) == ["A", "B", "C"]
    assert set(found["method"]) == {method}
    assert found["conversions"].to_numpy() == pytest.approx(CONVERSIONS[method], abs=1e-6)
    assert found["value"].sum() == pytest.approx(260, abs=1e-9)


def test_value_goes_the_way_of_the_touches():
    by_linear = credits(JOURNEYS, "linear")["value"].to_numpy()
    assert by_linear == pytest.approx([200 * 3 / 5, 200 / 5 + 25, 200 / 5 + 25 + 10])
    by_markov = credits(JOURNEYS, "markov")["value"].to_numpy()
    assert by_markov == pytest.approx(260 * removal_effects(JOURNEYS)["share"].to_numpy())


def test_the_removal_effects():
    found = removal_effects(JOURNEYS)
    assert list(found.columns) == ["channel", "removal_effect", "share"]
    assert found["removal_effect"].to_numpy() == pytest.approx([0.472222, 0.401515, 1], abs=1e-6)
    assert found["share"].to_numpy() == pytest.approx([0.252022, 0.214286, 0.533693], abs=1e-6)


def test_the_markov_case_by_hand():
    journeys = frame((["C1", "C2", "C3"], 1, 0, 9), (["C1"], 0, 1, 0), (["C2", "C3"], 0, 1, 0))
    found = removal_effects(journeys)
    assert found["removal_effect"].to_numpy() == pytest.approx([0.5, 1, 1], abs=1e-12)
    assert found["share"].to_numpy() == pytest.approx([0.2, 0.4, 0.4], abs=1e-12)
    assert credits(journeys, "markov")["conversions"].to_numpy() == pytest.approx([0.2, 0.4, 0.4])


def test_all_methods_in_one_frame_in_their_order():
    found = credits(JOURNEYS)
    assert list(found["method"].unique()) == list(METHODS)
    assert len(found) == 3 * len(METHODS)
    chosen = credits(JOURNEYS, ["markov", "first", "markov"])
    assert list(chosen["method"].unique()) == ["markov", "first"]


def test_time_decay_by_days():
    journeys = frame((["A", "B", "C"], 1, 0, 0)).assign(days=[[0.0, 7.0, 14.0]])
    weights = np.array([0.25, 0.5, 1.0])
    by_days = credits(journeys, "time_decay", half_life_days=7)
    assert by_days["conversions"].to_numpy() == pytest.approx(weights / weights.sum())
    shifted = journeys.assign(days=[[100.0, 107.0, 114.0]])
    assert credits(shifted, "time_decay", half_life_days=7).equals(by_days)
    by_steps = credits(journeys, "time_decay", half_life_steps=2)
    assert by_steps["conversions"].to_numpy() == pytest.approx(np.array([0.5, 2**-0.5, 1]) / (1.5 + 2**-0.5))
    assert credits(journeys, "linear", half_life_days=7).equals(credits(journeys, "linear"))


def test_days_long_ago_vanish_without_a_warning(recwarn):
    journeys = frame((["A", "B"], 1, 0, 0)).assign(days=[[-1e9, 0.0]])
    assert list(credits(journeys, "time_decay", half_life_days=1)["conversions"]) == [0, 1]
    assert not recwarn.list


@pytest.mark.parametrize("method", METHODS)
def test_a_single_touch_has_it_all(method):
    found = credits(frame((["door"], 3, 2, 900)), method).iloc[0]
    assert (found["channel"], found["conversions"], found["value"]) == ("door", 3, 900)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("nulls", [0, 5])
def test_no_conversion_is_no_credit(method, nulls, recwarn):
    found = credits(frame((["A", "B"], 0, nulls, 0), (["B"], 0, nulls, 0)), method)
    assert list(found["channel"]) == ["A", "B"]
    assert (found[["conversions", "value"]] == 0).all().all()
    assert (removal_effects(frame((["A"], 0, nulls, 0)))[["removal_effect", "share"]] == 0).all().all()
    assert not recwarn.list


def test_no_journeys_are_an_empty_answer():
    found = credits(frame())
    assert list(found.columns) == ["method", "channel", "conversions", "value"]
    assert len(found) == len(removal_effects(frame())) == 0


def test_a_channel_on_journeys_of_nobody_gets_nothing_and_harms_nothing():
    with_nobody = pd.concat([JOURNEYS, frame((["D", "A"], 0, 0, 0))])
    found, before = credits(with_nobody).set_index(["method", "channel"]), credits(JOURNEYS)
    assert (found.xs("D", level="channel") == 0).all().all()
    without = found.drop(index="D", level="channel").reset_index()
    assert without[["conversions", "value"]].to_numpy() == pytest.approx(before[["conversions", "value"]].to_numpy())


def test_paths_longer_than_a_number_can_hold_are_kept_apart():
    long = [f"c{k}" for k in range(40)] * 3
    twin = [*long[:-1], "other"]
    found = credits(frame((long, 2, 0, 0), (twin, 1, 0, 0), (long, 4, 0, 0)), "last").set_index("channel")
    assert found.loc["c39", "conversions"] == 6
    assert found.loc["other", "conversions"] == 1


@pytest.mark.parametrize("channels", [255, 256, 257, 300])
def test_channels_that_a_byte_cannot_count_are_credited_like_any_other(channels):
    paths = [["door", f"c{k % (channels - 1):03}"] for k in range(2 * 4_096)]
    found = credits(frame(*((path, 1, 0, 2) for path in paths)), ["first", "last", "shapley"])
    by = found.set_index(["method", "channel"])["conversions"]
    wanted = pd.Series([path[1] for path in paths]).value_counts().sort_index()
    assert by["first"]["door"] == len(paths) and found["channel"].nunique() == channels
    assert by["last"].drop("door").tolist() == wanted.tolist()
    assert by["shapley"].drop("door").tolist() == (wanted / 2).tolist()


def test_shapley_is_the_same_where_a_table_of_journeys_and_channels_would_be_too_large(monkeypatch):
    journeys = pd.concat([JOURNEYS, frame((["B", "A", "B", "B", "C", "A"], 3, 1, 7))])
    before = credits(journeys, "shapley")
    monkeypatch.setattr("stormplay.attribution.touches.MOST_CELLS", 0)
    assert credits(journeys, "shapley").equals(before)


def test_tuples_and_arrays_are_paths_too():
    as_tuples = JOURNEYS.assign(path=JOURNEYS["path"].map(tuple))
    as_arrays = JOURNEYS.assign(path=JOURNEYS["path"].map(np.array))
    assert credits(as_tuples).equals(credits(JOURNEYS))
    assert credits(as_arrays).equals(credits(JOURNEYS))
    assert all(type(name) is str for name in credits(as_arrays)["channel"])


GOOD = [(["A"], 1, 0, 5)]
BAD = {
    "no frame": ([1, 2], "came as list"),
    "missing column": (frame(*GOOD).drop(columns="nulls"), "no column nulls"),
    "unknown column": (frame(*GOOD).assign(storm=1, crew=2), "unknown columns: storm, crew"),
    "column twice": (pd.concat([frame(*GOOD), frame(*GOOD)[["value"]]], axis=1), "twice"),
    "path as text": (frame(("A>B", 1, 0, 5)), "split"),
    "no path": (frame((None, 1, 0, 5)), "is None"),
    "empty path": (frame(*GOOD, ([], 1, 0, 5)), "journey 1 is empty"),
    "number in a path": (frame((["A", 3], 1, 0, 5)), "has 3 for a channel"),
    "nothing in a path": (frame((["A", None], 1, 0, 5)), "has None for a channel"),
    "blank in a path": (frame((["A", " "], 1, 0, 5)), "for a channel"),
    "list in a path": (frame((["A", ["B"]], 1, 0, 5)), "no name"),
    "negative": (frame((["A"], -1, 0, 5)), "negative conversions"),
    "negative value": (frame((["A"], 1, 0, -5)), "negative value"),
    "missing number": (frame((["A"], 1, np.nan, 5)), "has no nulls"),
    "infinite": (frame((["A"], 1, 0, np.inf)), "infinite value"),
    "too much": (frame((["A"], 1, 0, 1e308), (["A"], 1, 0, 1e308)), "adds up to more"),
    "text for a number": (frame((["A"], "1", 0, 5)), "column conversions has"),
    "many channels": (frame(([f"click {k}" for k in range(2_001)], 1, 0, 5)), "more than 2,000 channels"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("call", [credits, removal_effects])
def test_what_cannot_be_used_is_refused_with_a_sentence(call, case):
    journeys, words = BAD[case]
    with pytest.raises(errors.BadInput, match=words) as refused:
        call(journeys)
    assert refused.value.expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"methods": ["first", "data_driven"]}, "no method data_driven"),
        ({"half_life_steps": 0}, "half-life is 0"),
        ({"half_life_days": -1}, "half-life is -1"),
        ({"half_life_days": float("nan")}, "half-life is nan"),
        ({"half_life_steps": "2"}, "half-life is '2'"),
        ({"half_life_days": 7}, "no column days"),
    ],
)
def test_options_are_checked(options, words):
    with pytest.raises(errors.BadInput, match=words):
        credits(JOURNEYS, **options)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ([1.0], "1 days for 2 touches"),
        (None, "0 days for 2 touches"),
        ([1.0, np.nan], "not in order"),
        ([2.0, 1.0], "not in order"),
        ([1.0, "x"], "no numbers"),
    ],
)
def test_days_are_checked(days, words):
    journeys = frame((["B"], 1, 0, 0), (["A", "B"], 1, 0, 0)).assign(days=[[5.0], days])
    with pytest.raises(errors.BadInput, match=words):
        credits(journeys, half_life_days=7)


def test_the_pure_part_asks_no_database():
    """Also where none is installed: its modules load nothing that could."""
    code = (
        "import sys\n"
        "from stormplay.attribution import crediting\n"
        "assert not {'sqlalchemy', 'psycopg2', 'stormplay.tenancy'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
