"""Counts to words: what each component is made of, and what is not measurable yet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormplay.score import Counts, score_components
from stormplay.score.raising import cheapest_raise
from stormplay.score.standing import standing

FULL = Counts(decided=150, treat=80, hold_out=20, high_uplift=100, completed=45, total=60, treat_known=400,
              treat_converted=48, control_known=400, control_converted=32, issues=3, checks=200)  # fmt: skip


@st.composite
def counts(draw, most=400):
    n = st.integers(0, most)
    total, treat_known, control_known, checks, high = (draw(n) for _ in range(5))
    return Counts(
        decided=draw(n) + high, treat=draw(n), hold_out=draw(n), high_uplift=high, total=total,
        completed=draw(st.integers(0, total)), treat_known=treat_known,
        treat_converted=draw(st.integers(0, treat_known)), control_known=control_known,
        control_converted=draw(st.integers(0, control_known)), checks=checks, issues=draw(st.integers(0, checks)),
    )  # fmt: skip


def test_the_first_vector_as_counts():
    found = standing(FULL)
    assert found.score == pytest.approx(74.95)
    assert found.score == score_components(80, 100, 45, 60, 0.12, 0.08, 3, 200)["score"]
    lift = found.component("conversion_lift")
    assert (lift.numerator, lift.denominator, lift.weight) == (pytest.approx(0.04), 0.08, 0.25)
    assert lift.points + lift.points_missing == pytest.approx(25)
    assert lift.detail == "48 of 400 (12.0 %) treated homes signed against 32 of 400 (8.0 %) held-out ones"
    assert found.component("policy_coverage").detail == "80 homes to be treated, 100 with uplift above 15 %"
    assert found.measured == 4 and found.is_measurable


@given(counts())
def test_points_add_up_to_the_score_and_points_missing_to_the_rest(made):
    found = standing(made)
    assert sum(one.points for one in found.components) == pytest.approx(found.score)
    assert sum(one.points_missing for one in found.components) == pytest.approx(100 - found.score)
    assert all(one.value == 0 for one in found.components if not one.is_measurable)


@given(counts())
def test_a_component_is_not_measurable_exactly_where_it_has_no_denominator(made):
    missing = made.not_measurable()
    assert ("policy_coverage" in missing) == (made.high_uplift == 0)
    assert ("route_completion" in missing) == (made.total == 0)
    assert ("data_quality" in missing) == (made.checks == 0)
    has_lift = made.treat_known > 0 and made.control_converted > 0
    assert ("conversion_lift" in missing) == (not has_lift)


def test_nothing_at_all_is_not_measurable_rather_than_bad():
    found = standing(Counts())
    assert found.score == 0 and not found.is_measurable
    assert found.component("policy_coverage").reason == "no home has a decision yet: run the treatment policy first"
    assert found.component("conversion_lift").reason == "no outcome of a treated or a held-out home is known yet"


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (Counts(treat_known=5), "no outcome of a held-out home is known yet"),
        (Counts(control_known=5, control_converted=2), "no outcome of a treated home is known yet"),
        (Counts(treat_known=9, treat_converted=3, control_known=5),
         "none of 5 held-out homes has signed, so there is no rate to compare with"),
    ],
)  # fmt: skip
def test_each_way_of_having_no_lift_is_said(made, reason):
    assert made.not_measurable()["conversion_lift"] == reason
    assert made.components()["conversion_lift"] == 0


def test_decided_without_high_uplift_is_another_reason_than_undecided():
    assert (
        "none of the 40 decided homes has an expected uplift above 15 %" in Counts(decided=40).not_measurable().values()
    )


def test_the_frame_is_what_the_waterfall_takes():
    from stormplay import charts

    chart = charts.waterfall(standing(FULL).frame())
    assert chart.data[0]["y"][-1] == pytest.approx(74.95)


# ---- the cheapest way to raise it


def test_the_next_steps_are_ranked_by_what_one_unit_brings():
    steps = cheapest_raise(FULL).set_index("component")
    assert list(steps.index) == ["conversion_lift", "route_completion", "policy_coverage", "data_quality"]
    assert steps["points"].round(4).to_dict() == {
        "conversion_lift": 0.7812, "route_completion": 0.4167, "policy_coverage": 0.3, "data_quality": 0.1
    }  # fmt: skip
    assert steps["left"].to_dict() == {
        "conversion_lift": 16, "route_completion": 15, "policy_coverage": 20, "data_quality": 3
    }  # fmt: skip
    assert steps.loc["conversion_lift", "sentence"].endswith("16 would double the rate of the held-out homes.")
    assert steps["page"].to_dict()["route_completion"] == "phase4_jobs"
    assert steps.loc["policy_coverage", "sentence"] == (
        "20 more until there are as many as homes with uplift above 15 %; each brings 0.3 points."
    )


@given(counts())
def test_taking_every_step_to_its_end_brings_what_was_said(made):
    steps = cheapest_raise(made)
    assert (steps["points"].dropna() >= 0).all()
    assert list(steps["points"].dropna()) == sorted(steps["points"].dropna(), reverse=True)
    before = made.components()
    for step in steps.dropna(subset=["points"]).to_dict("records"):
        missing = {"policy_coverage": 30, "route_completion": 25, "conversion_lift": 25, "data_quality": 20}
        room = missing[step["component"]] * (1 - before[step["component"]])
        assert step["points"] - 1e-9 <= step["points_left"] <= room + 1e-9
    assert set(steps.loc[steps["points"].isna(), "component"]) == set(made.not_measurable())


def test_what_is_measured_by_one_press_comes_first_and_what_only_begins_comes_last():
    made = Counts(decided=100, treat=50, high_uplift=60)
    assert list(cheapest_raise(made)["step"]) == [
        "Check the data", "Treat one more home", "Generate routes", "Record what became of the homes"
    ]  # fmt: skip


def test_below_the_control_it_says_how_many_signatures_it_takes():
    made = Counts(treat=100, treat_known=100, treat_converted=5, control_known=100, control_converted=10)
    step = cheapest_raise(made).set_index("component").loc["conversion_lift"]
    assert step["points"] == 0 and "6 more would have to sign before it counts" in step["sentence"]


def test_what_was_counted_before_something_happened_says_so_and_is_to_be_counted_again():
    found = standing(FULL, since="routes were planned")
    assert found.component("data_quality").detail == "3 issues in 200 checks, before routes were planned"
    assert found.score == standing(FULL).score
    now, then = (cheapest_raise(FULL, since).set_index("component") for since in ("routes were planned", ""))
    step = now.loc["data_quality"]
    assert (step["step"], step["page"]) == ("Check the data again", "tenant_health")
    assert step["sentence"] == "Since the last check, which found 3 issues in 200 checks, routes were planned."
    assert step["points_left"] == then.loc["data_quality", "points_left"] and step.isna()["points"]
    assert now.drop("data_quality").equals(then.loc[now.index.drop("data_quality")])


def test_a_full_score_asks_for_nothing():
    made = Counts(decided=10, treat=10, high_uplift=8, completed=5, total=5, treat_known=10, treat_converted=4,
                  control_known=10, control_converted=1, checks=9)  # fmt: skip
    assert made.components()["score"] == 100 and cheapest_raise(made).empty
