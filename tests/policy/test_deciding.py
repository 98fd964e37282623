"""The pure decision: every home once, reasons alike for both arms, one cut for both, arms that stay."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormplay.experiments import assigned
from stormplay.policy import Rules, decide, margin, uplift_curve
from stormplay.policy.deciding import (
    HELD,
    HELD_ELSEWHERE,
    NO_PLACE,
    NO_UPLIFT,
    OVER_BUDGET,
    OVER_CAPACITY,
    SUPPRESSED,
    WORKED_ON,
)

RULES = Rules(salt="storm")


def street(count=1_000, seed=0, **columns):
    """Homes that nothing speaks against, with uplift from 0.05 to 0.35."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame({
        "property_id": [str(UUID(bytes=rng.bytes(16), version=4)) for _ in range(count)],
        "hail_in": 1.5,
        "expected_uplift": rng.uniform(0.05, 0.35, count),
        "is_suppressed": False,
        **columns,
    })  # fmt: skip


def one(**facts):
    return decide(street(1, **facts), RULES).iloc[0]


@pytest.mark.parametrize(("facts", "reason"), [
    ({"hail_in": 0.74}, "outside the modelled swath (under 0.75 in)"),
    ({"hail_in": np.nan}, "outside the modelled swath (under 0.75 in)"),
    ({"is_suppressed": True}, SUPPRESSED),
    ({"is_held_elsewhere": True}, HELD_ELSEWHERE),
    ({"is_worked_on": True}, WORKED_ON),
    ({"expected_uplift": np.nan}, NO_UPLIFT),
    ({"expected_uplift": 0.0499}, "expected uplift under 5 %"),
])  # fmt: skip
def test_a_reason_to_skip_is_asked_alike_of_both_arms(facts, reason):
    homes = street(300, **facts)
    decided = decide(homes, RULES)
    assert set(decided["decision"]) == {"skip"}
    assert set(decided["reason"]) == {reason}
    assert set(decided["arm"]) == {"treat", "hold_out"}


def test_the_first_reason_is_the_one_that_is_said():
    assert one(hail_in=0.1, is_suppressed=True)["reason"].startswith("outside")
    assert one(is_suppressed=True, expected_uplift=0.0)["reason"] == SUPPRESSED


def test_bounds_belong_to_the_better_side():
    assert one(hail_in=0.75, expected_uplift=0.05)["decision"] != "skip"


def test_the_arms_are_the_draw_and_nothing_else():
    homes = street()
    decided = decide(homes, RULES)
    held = assigned(homes["property_id"], "storm", 0.2)
    assert list(decided["decision"] == "hold_out") == list(held)
    assert 0.15 < held.mean() < 0.25
    assert set(decided.loc[held, "reason"]) == {HELD}
    assert set(decided.loc[~held, "reason"]) == {"expected uplift of 5 % or more"}
    shuffled = homes.sample(frac=1, random_state=1)
    again = decide(shuffled, RULES).set_index("property_id")["decision"]
    assert again[homes["property_id"]].tolist() == decided["decision"].tolist()
    assert decide(homes, replace(RULES, salt="other"))["arm"].tolist() != decided["arm"].tolist()


def test_nobody_is_held_out_where_the_share_is_nought():
    assert set(decide(street(), Rules(holdout_share=0.0))["decision"]) == {"treat"}


def test_a_place_is_asked_for_only_where_doors_are_counted():
    homes = street(50, has_place=False)
    assert "skip" not in set(decide(homes, RULES)["decision"])
    limited = decide(homes, replace(RULES, crew_days=1.0))
    assert set(limited["reason"]) == {NO_PLACE}


def test_capacity_is_used_by_treated_homes_alone_and_cuts_both_arms_at_one_uplift():
    homes = street()
    decided = decide(homes, replace(RULES, crew_days=2.5, doors_per_crew_day=100))
    assert (decided["decision"] == "treat").sum() == 250
    inside = decided[decided["decision"] != "skip"]
    beyond = decided[decided["decision"] == "skip"]
    assert set(beyond["reason"]) == {OVER_CAPACITY}
    assert inside["expected_uplift"].min() > beyond["expected_uplift"].max()
    assert set(beyond["arm"]) == {"treat", "hold_out"}
    # The first home left out is one that would have been treated: else the cut would be too early.
    assert beyond.sort_values("place_in_line")["arm"].iloc[0] == "treat"


def test_ties_are_broken_by_a_hash_that_knows_nothing_of_the_arms():
    shares, firsts = [], set()
    for seed in range(40):
        homes = street(500, seed=seed, expected_uplift=0.2)
        decided = decide(homes, replace(RULES, crew_days=1.0, doors_per_crew_day=200))
        inside = decided[decided["decision"] != "skip"]
        assert (inside["decision"] == "treat").sum() == 200
        shares.append((inside["decision"] == "hold_out").mean())
        firsts.add(decided.sort_values("place_in_line")["arm"].iloc[0])
    assert abs(np.mean(shares) - 0.2) < 3 * 0.4 / np.sqrt(40 * 250)
    assert firsts == {"treat", "hold_out"}


def test_budget_cuts_like_capacity_and_says_which():
    homes = street()
    rules = replace(RULES, crew_days=4.0, doors_per_crew_day=100, budget_cents=100_000, cost_per_visit_cents=500)
    decided = decide(homes, rules)
    assert (decided["decision"] == "treat").sum() == 200
    assert decided["reason"].value_counts()[OVER_BUDGET] > 0
    assert decided["reason"].value_counts()[OVER_CAPACITY] > 0
    order = decided[decided["decision"] == "skip"].sort_values("place_in_line")["reason"].tolist()
    assert order == sorted(order, key=[OVER_BUDGET, OVER_CAPACITY].index)
    assert set(decide(homes, replace(rules, budget_cents=0))["decision"]) == {"skip"}


def test_a_known_value_of_the_job_moves_a_home_in_line():
    homes = street(3, expected_uplift=[0.10, 0.20, 0.14], job_value_cents=[3_000_000, 1_000_000, np.nan])
    rules = replace(RULES, holdout_share=0.0)
    place = decide(homes, rules)["place_in_line"].tolist()
    assert place == [1, 3, 2]  # $3,000, $2,000, and $2,800 at the median of the known values
    assert decide(homes, replace(rules, rank_by="uplift"))["place_in_line"].tolist() == [3, 1, 2]


def test_an_arm_that_was_drawn_stays_against_the_hash():
    homes = street(400)
    drawn = decide(homes, RULES)["arm"]
    other = drawn.map({"treat": "hold_out", "hold_out": "treat"})
    decided = decide(homes.assign(arm=other), RULES)
    assert decided["decision"].tolist() == other.tolist()
    skipped = decide(homes.assign(arm=other, is_suppressed=True), RULES)
    assert set(skipped["decision"]) == {"skip"}
    fixed = decide(homes.assign(arm=other, is_suppressed=True, is_fixed=True), RULES)
    assert fixed["decision"].tolist() == other.tolist()
    assert fixed["is_kept"].all()
    assert set(fixed["objection"]) == {SUPPRESSED}


def test_fixed_visits_are_spoken_for_and_use_the_capacity_first():
    homes = street(400, arm=None, is_fixed=False)
    weakest = homes["expected_uplift"].nsmallest(60).index
    homes.loc[weakest, ["arm", "is_fixed"]] = ["treat", True]
    decided = decide(homes, replace(RULES, crew_days=1.0, doors_per_crew_day=100))
    assert (decided.loc[weakest, "decision"] == "treat").all()
    assert (decided["decision"] == "treat").sum() == 100
    none = decide(homes, replace(RULES, crew_days=0.1, doors_per_crew_day=100))
    assert (none["decision"] == "treat").sum() == 60
    assert none["is_kept"].sum() == 50


def test_no_homes_are_no_decisions():
    decided = decide(street(0), replace(RULES, crew_days=1.0))
    assert decided.empty
    assert margin(decided, RULES).visits == 0
    assert uplift_curve(street(0), RULES).empty


facts = st.fixed_dictionaries({
    "hail_in": st.one_of(st.just(np.nan), st.floats(0, 4)),
    "expected_uplift": st.one_of(st.just(np.nan), st.floats(-0.2, 0.6)),
    "is_suppressed": st.booleans(),
    "has_place": st.booleans(),
    "is_held_elsewhere": st.booleans(),
    "is_worked_on": st.booleans(),
    "job_value_cents": st.one_of(st.just(np.nan), st.floats(1, 1e7)),
    "arm": st.sampled_from([None, "treat", "hold_out"]),
    "is_fixed": st.booleans(),
})  # fmt: skip
rules = st.builds(
    Rules, uplift_min=st.floats(0, 0.3), holdout_share=st.floats(0, 0.5), swath_min_in=st.floats(0, 2),
    crew_days=st.one_of(st.none(), st.floats(0, 5)), doors_per_crew_day=st.integers(1, 10),
    budget_cents=st.one_of(st.none(), st.integers(0, 5_000)), cost_per_visit_cents=st.integers(1, 500),
    rank_by=st.sampled_from(["value", "uplift"]), salt=st.text(max_size=5),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(facts, min_size=1, max_size=40), rules)
def test_whatever_comes_the_books_balance(rows, rules):
    homes = pd.DataFrame(rows)
    homes.insert(0, "property_id", [str(UUID(int=number)) for number in range(len(rows))])
    decided = decide(homes, rules)
    assert list(decided["property_id"]) == list(homes["property_id"])
    assert set(decided["decision"]) <= {"treat", "hold_out", "skip"}
    stays = decided["decision"] != "skip"
    assert (decided.loc[stays, "decision"] == decided.loc[stays, "arm"]).all()
    drawn = homes["arm"].notna()
    assert (decided.loc[drawn, "arm"] == homes.loc[drawn, "arm"]).all()
    fixed = drawn & homes["is_fixed"]
    assert stays[fixed].all()
    free = (decided["decision"] == "treat") & ~fixed
    for limit in (rules.doors, rules.paid_visits):
        if limit is not None:
            assert free.sum() <= max(0, limit - (fixed & (homes["arm"] == "treat")).sum())
    # One cut for both arms: nobody who is left out for a limit stands before anybody who is in and free.
    left = decided[decided["reason"].isin([OVER_CAPACITY, OVER_BUDGET])]
    inside = decided[stays & ~fixed]
    if len(left) and len(inside):
        assert left["place_in_line"].min() > inside["place_in_line"].max()
    if rules.crew_days is None:
        assert (decided["reason"] != NO_PLACE).all()
    known = margin(decided, rules)
    assert known.visits == (decided["decision"] == "treat").sum()
    assert known.left_out == (left["arm"] == "treat").sum()
