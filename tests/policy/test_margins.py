"""What the limits cost: the next crew-day by hand, the curve and its cuts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_deciding import RULES, street

from stormplay.errors import BadInput
from stormplay.policy import Rules, decide, margin, uplift_curve

TREAT_ALL = replace(RULES, holdout_share=0.0)


def test_the_next_crew_day_by_hand():
    homes = street(7, expected_uplift=[0.30, 0.25, 0.20, 0.16, 0.10, 0.08, 0.01], job_value_cents=1_000_000)
    rules = replace(TREAT_ALL, crew_days=1.0, doors_per_crew_day=2, cost_per_visit_cents=2_000)
    found = margin(decide(homes, rules), rules)
    assert (found.visits, found.crew_days, found.cost_cents) == (2, 1.0, 4_000)
    assert found.conversions == pytest.approx(0.55)
    assert found.value_cents == pytest.approx(550_000)
    assert (found.binds, found.left_out, found.next_visits) == ("capacity", 4, 2)
    assert found.uplift_at_cut == pytest.approx(0.20)
    assert found.next_conversions == pytest.approx(0.36)
    assert found.next_value_cents == pytest.approx(360_000)
    assert found.sentence == (
        "The next crew-day (2 doors) is worth 0.4 more signatures, about $3,600 of work, as the model expects; "
        "4 homes that are worth a visit get none, for there is no crew-day left."
    )


def test_money_can_bind_before_crews_do():
    homes = street(100, expected_uplift=np.linspace(0.06, 0.3, 100))
    rules = replace(TREAT_ALL, crew_days=1.0, doors_per_crew_day=50, budget_cents=1_000, cost_per_visit_cents=100)
    found = margin(decide(homes, rules), rules)
    assert (found.visits, found.binds, found.left_out) == (10, "budget", 90)
    assert found.value_cents is None
    assert "no money left" in found.sentence
    assert "$" not in found.sentence


def test_without_a_limit_nothing_is_left_out():
    found = margin(decide(street(), RULES), RULES)
    assert (found.binds, found.left_out, found.uplift_at_cut) == ("", 0, None)
    assert "worth nothing" in found.sentence


def test_the_curve_is_the_line_of_visits_with_its_cuts():
    homes = street(2_000)
    rules = replace(RULES, crew_days=10.0, doors_per_crew_day=50, budget_cents=30_000, cost_per_visit_cents=100)
    curve = uplift_curve(homes, rules, points=100)
    treated = decide(homes, RULES)["arm"].eq("treat").sum()
    assert len(curve) <= 102
    assert curve["homes"].iloc[[0, -1]].tolist() == [1, treated]
    assert curve["homes"].is_monotonic_increasing and curve["homes"].is_unique
    assert curve["expected_uplift"].is_monotonic_decreasing
    cuts = curve[curve["is_cut"]]
    assert cuts["homes"].tolist() == [300, 500]
    assert curve.groupby("limit")["homes"].min().to_dict()["budget"] > 300
    assert list(dict.fromkeys(curve["limit"])) == ["", "budget", "capacity"]
    inside = margin(decide(homes, rules), rules)
    assert cuts["conversions"].iloc[0] == pytest.approx(inside.conversions)
    assert cuts["cost_cents"].tolist() == [30_000, 50_000]
    assert cuts["crew_days"].iloc[1] == 10.0
    assert curve["value_cents"].isna().all()


def test_capacity_is_crew_days_times_doors():
    assert Rules(crew_days=2.5, doors_per_crew_day=7).doors == 17
    assert Rules().doors is None
    assert Rules(budget_cents=999, cost_per_visit_cents=100).paid_visits == 9
    assert Rules(cost_per_visit_cents=100).paid_visits is None


@pytest.mark.parametrize(("bad", "said"), [
    ({"uplift_min": -0.1}, "uplift_min is -0.1. Expected a probability difference"),
    ({"uplift_min": float("nan")}, "uplift_min is nan"),
    ({"uplift_min": "0.1"}, "uplift_min is '0.1'"),
    ({"holdout_share": 0.6}, "holdout_share is 0.6. Expected a share from 0 to 0.5"),
    ({"swath_min_in": 11}, "inches of hail"),
    ({"crew_days": -1}, "crew-days"),
    ({"crew_days": True}, "crew-days"),
    ({"doors_per_crew_day": 0}, "whole number from 1 to 1,000"),
    ({"doors_per_crew_day": 20.5}, "whole number"),
    ({"budget_cents": 1_000}, "no cost of a visit"),
    ({"budget_cents": -1, "cost_per_visit_cents": 1}, "budget_cents is -1"),
    ({"cost_per_visit_cents": 0}, "cost_per_visit_cents is 0"),
    ({"rank_by": "luck"}, "Expected 'value' or 'uplift'"),
    ({"salt": "x" * 101}, "at most 100 signs"),
])  # fmt: skip
def test_what_cannot_be_a_rule_is_refused_with_a_sentence(bad, said):
    with pytest.raises(BadInput, match=said):
        Rules(**bad)


def test_rules_are_kept_as_plain_json():
    rules = Rules(crew_days=3.5, budget_cents=100, cost_per_visit_cents=5, salt="x")
    assert Rules.from_mapping(rules.to_mapping()) == rules
    with pytest.raises(BadInput, match="no policy rule 'speed'"):
        Rules.from_mapping({"speed": 3})


def test_an_uplift_that_nobody_knows_is_not_nothing():
    """Homes that keep their arm though the uplift in force is about another storm."""
    homes = street(4, expected_uplift=np.nan).assign(arm="treat", is_fixed=True)
    found = margin(decide(homes, TREAT_ALL), TREAT_ALL)
    assert found.visits == 4 and np.isnan(found.conversions)
    assert "has no known worth" in found.sentence
    assert margin(decide(street(0, expected_uplift=[]), TREAT_ALL), TREAT_ALL).conversions == 0
