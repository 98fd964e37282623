"""`TreatmentPolicy` on a real database: what a dry run shows is what apply does; arms, draws and books stay true."""

from __future__ import annotations

from dataclasses import replace

import psycopg2
import pytest
from block import Block
from sqlalchemy import text
from world import as_administrator, make_world

from stormplay import TreatmentPolicy, accounts, tenancy
from stormplay import database as db
from stormplay.candidates import candidates
from stormplay.errors import ArmFixed, BadInput, Conflict, NotAllowed, UnknownStorm, UnknownTenant
from stormplay.experiments import assigned
from stormplay.policy import Rules, decide
from stormplay.policy.deciding import HELD_ELSEWHERE, NO_UPLIFT, OVER_CAPACITY, SUPPRESSED, WORKED_ON


@pytest.fixture
def block(database):
    return Block()


def balance(block):
    return block.rows("SELECT eligible, treated, held_out, skipped FROM policy_balances WHERE storm_id = :storm")


def test_a_dry_run_writes_nothing_and_is_what_apply_does(block):
    would = block.policy.dry_run()
    assert block.policy.decisions().empty
    assert block.policy.history().empty
    assert would.eligible == would.treated + would.held_out + would.skipped == would.changed == 60
    assert set(would.homes["from_decision"]) == {"undecided"}
    assert would.ledger["homes"].sum() == would.counts["homes"].sum() == 60
    assert would.margin.visits == would.treated
    done = block.policy.apply()
    assert (done.run_number, done.done.changed) == (1, 60)
    assert done.done.homes.equals(would.homes)
    stored = block.policy.decisions().set_index("property_id")
    assert stored.loc[would.homes["property_id"], "decision"].tolist() == would.homes["to_decision"].tolist()
    assert set(stored["run_id"]) == {done.run_id}
    assert set(stored["model_version"]) == {"test"}
    assert balance(block) == [(60, would.treated, would.held_out, 0)]
    assert "have changed" in done.sentence
    assert block.policy.dry_run().changed == 0


def test_the_draw_is_the_storms_slug_and_the_homes_id(block):
    block.policy.apply()
    stored = block.policy.decisions()
    assert (stored["decision"] == "hold_out").tolist() == assigned(stored["property_id"], "hail", 0.2).tolist()
    assert block.rows("SELECT salt, holdout_share FROM policy_draws") == [("hail", 0.2)]


def test_every_reason_comes_from_the_database(database):
    block = Block(homes=40)
    homes = list(block.world.properties["property_id"])
    later = block.another_storm()
    closed = block.another_storm("old", "2019-05-01", "closed")
    block.refuse(homes[0])
    block.refuse(homes[1], "all")
    block.refuse(homes[2], "call")  # a call is not a visit
    block.run("INSERT INTO suppressions (property_id, channel, reason, lifted_at) VALUES (:h, 'door', 'no', now())",
              h=homes[3])  # fmt: skip
    block.run("UPDATE property_impacts SET hail_in = 0.5 WHERE property_id = :h", h=homes[4])
    block.run("UPDATE lead_uplift SET expected_uplift = 0.01 WHERE property_id = :h", h=homes[5])
    block.run("UPDATE lead_uplift SET storm_id = :later WHERE property_id = :h", h=homes[6], later=later)
    for storm, home in ((later, homes[7]), (closed, homes[8])):
        block.run("INSERT INTO policy_decisions_log (storm_id, property_id, decision, reason, model_version)"
                  " VALUES (:one, :h, 'hold_out', 'r', 'm')", one=storm, h=home)  # fmt: skip
    block.give_job(homes[9])
    block.run("INSERT INTO nurture_sequences (property_id, sequence_type, scheduled_at) VALUES (:h, 'drip', now())",
              h=homes[10])  # fmt: skip
    block.policy.apply()
    reason = block.policy.decisions().set_index("property_id")["reason"]
    skipped = {
        0: SUPPRESSED, 1: SUPPRESSED, 4: "outside the modelled swath (under 0.75 in)", 5: "expected uplift under 5 %",
        6: NO_UPLIFT, 7: HELD_ELSEWHERE, 9: WORKED_ON, 10: WORKED_ON,
    }  # fmt: skip
    assert {place: reason[homes[place]] for place in skipped} == skipped
    others = block.policy.decisions().set_index("property_id").loc[[h for k, h in enumerate(homes) if k not in skipped]]
    assert "skip" not in set(others["decision"])


def test_the_word_for_a_refusal_is_the_one_that_routes_know(block):
    block.refuse(block.world.properties["property_id"].iloc[0])
    block.policy.apply()
    with tenancy.session(block.tenant) as connection:
        outcome = candidates(connection, block.storm_id).set_index("property_id")["outcome"]
    assert outcome[block.world.properties["property_id"].iloc[0]] == "suppressed"
    assert (outcome == "suppressed").sum() == 1


def test_other_rules_change_what_they_must_and_the_trail_keeps_it(block):
    block.run("UPDATE lead_uplift SET expected_uplift = 0.06 WHERE property_id < (SELECT property_id FROM properties"
              " ORDER BY 1 OFFSET 30 LIMIT 1)")  # fmt: skip
    first = block.policy.apply()
    stricter = replace(block.policy.rules, uplift_min=0.1)
    second = block.policy.apply(stricter)
    assert second.run_number == 2
    assert second.done.changed == second.done.skipped == 30
    crossed = second.done.counts.set_index(["from_decision", "to_decision"])["homes"].to_dict()
    assert crossed["treat", "treat"] == second.done.treated
    back = block.policy.apply()
    assert (back.done.treated, back.done.held_out) == (first.done.treated, first.done.held_out)
    home = second.done.homes["property_id"].iloc[0]
    trail = block.policy.trail(home)
    assert trail["decision"].tolist() == [trail["decision"].iloc[0], "skip", trail["decision"].iloc[0]]
    assert trail["reason"].iloc[1] == "expected uplift under 10 %"
    assert trail["until"].isna().tolist() == [False, False, True]
    changes = block.rows("SELECT DISTINCT run_id::text FROM policy_decision_changes")
    assert {run for (run,) in changes} == {second.run_id, back.run_id}
    history = block.policy.history()
    assert history["run_number"].tolist() == [1, 2, 3]
    assert (history["eligible"] == history["treated"] + history["held_out"] + history["skipped"]).all()
    assert history["rules"].iloc[1]["uplift_min"] == 0.1
    assert history["changed"].tolist() == [60, 30, 30]
    assert history["salt"].eq("hail").all()


def test_when_it_was_decided_stays_for_who_stays_in_an_arm(block):
    block.policy.apply()
    before = block.policy.decisions().set_index("property_id")
    block.refuse(before.index[0])
    block.policy.apply(replace(block.policy.rules, uplift_min=0.07))
    after = block.policy.decisions().set_index("property_id")
    stays = after["decision"] != "skip"
    assert stays.sum() == 59
    assert after.loc[stays].equals(before.loc[stays])
    assert after["decided_at"].iloc[0] > before["decided_at"].iloc[0]


def test_capacity_and_value_reach_the_database_and_back(database):
    block = Block(homes=200)
    block.run("UPDATE properties SET roof_area_sqft = 1000 + 10 * (length(address) + ascii(right(address, 12)))")
    earlier = block.another_storm("before", "2020-01-01", "closed")
    block.run("INSERT INTO policy_outcomes (storm_id, property_id, actual_converted, value_cents)"
              " SELECT :one, property_id, true, (500 * roof_area_sqft)::bigint FROM properties LIMIT 40",
              one=earlier)  # fmt: skip
    rules = replace(block.policy.rules, crew_days=0.5, doors_per_crew_day=100)
    would = block.policy.dry_run(rules)
    assert would.treated == 50
    assert would.margin.binds == "capacity"
    assert would.margin.next_visits <= 100
    assert would.margin.next_value_cents == pytest.approx(0.2 * 500 * 1_000 * would.margin.next_visits, rel=0.6)
    assert (would.ledger["reason"] == f"Skipped: {OVER_CAPACITY}").any()
    curve = block.policy.uplift_curve(rules)
    assert curve.loc[curve["is_cut"], "homes"].tolist() == [50]
    assert curve["value_cents"].notna().all()
    tried, drawn = block.policy.try_out(rules)
    assert tried.sentence == would.sentence and drawn.equals(curve)
    # 29 signed jobs are too few to speak of a price.
    block.run("UPDATE policy_outcomes SET actual_converted = false WHERE property_id IN"
              " (SELECT property_id FROM policy_outcomes LIMIT 11)")  # fmt: skip
    assert block.policy.dry_run(rules).margin.next_value_cents is None


def test_share_and_salt_are_fixed_by_the_first_run(block):
    own = Rules(holdout_share=0.3, salt="ours")
    assert block.policy.save_rules(own) == ""
    assert block.policy.rules == own
    block.policy.apply()
    assert block.rows("SELECT salt, holdout_share FROM policy_draws") == [("hail/ours", 0.3)]
    said = block.policy.save_rules(Rules(holdout_share=0.1, uplift_min=0.08))
    assert "from the next storm on" in said
    assert block.policy.rules == Rules(holdout_share=0.3, salt="ours", uplift_min=0.08)
    for other in (replace(own, holdout_share=0.2), replace(own, salt="")):
        for act in (block.policy.dry_run, block.policy.apply):
            with pytest.raises(ArmFixed, match="they hold from the next storm on"):
                act(other)
    block.policy.apply()
    block.another_storm()
    assert TreatmentPolicy(block.tenant, "later").rules == Rules(holdout_share=0.1, uplift_min=0.08)


def test_rules_are_exchanged_only_for_those_that_are_kept(block):
    mine, theirs = Rules(crew_days=2.0), Rules(uplift_min=0.08)
    assert block.policy.kept_rules is None
    assert block.policy.exchange_rules(mine, None) == "" and block.policy.kept_rules == mine
    with pytest.raises(Conflict, match="kept other rules since"):
        block.policy.exchange_rules(theirs, None)
    block.policy.save_rules(theirs)
    with pytest.raises(Conflict, match="theirs stay"):
        block.policy.exchange_rules(None, mine)
    assert block.policy.kept_rules == theirs
    block.policy.exchange_rules(None, theirs)
    assert block.policy.kept_rules is None and block.policy.rules == Rules(), "as shipped, not a copy of it"


def test_a_second_draw_has_no_place_to_be_written(block):
    block.policy.apply()
    with pytest.raises(psycopg2.Error, match="policy_runs_tenant_id_storm_id_salt_holdout_share_fkey") as caught:
        _raw(block, """INSERT INTO policy_runs (storm_id, run_number, rules, salt, holdout_share, model_version,
                 eligible, treated, held_out, skipped, changed, ledger, made_by)
                 SELECT storm_id, 2, '{}', 'another', 0.2, 'm', eligible, treated, held_out, skipped, 0, '[]', 'x'
                   FROM policy_balances""")  # fmt: skip
    assert caught.value.pgcode == "23503"
    with pytest.raises(psycopg2.Error) as caught:
        _raw(block, "UPDATE policy_draws SET salt = 'another'")
    assert caught.value.pgcode == "42501"


def _raw(block, *statements):
    """As a kernel types it, without the door's sentences."""
    with tenancy.session(block.tenant) as connection:
        cursor = connection.connection.cursor()
        for statement in statements:
            try:
                cursor.execute(statement)
            except psycopg2.Error as error:
                raised = error
                break
        else:
            return
    raise raised


def test_while_nothing_has_begun_a_home_may_leave_its_arm(block):
    block.policy.apply()
    block.give_job(block.homes("treat")[0])  # planned, not begun
    assert block.policy.apply(replace(block.policy.rules, uplift_min=0.3)).done.skipped == 60


def test_a_known_outcome_keeps_its_home_and_only_it(block):
    block.policy.apply()
    known = [block.homes("treat")[0], block.homes("hold_out")[0]]
    for home in known:
        block.learn_outcome(home)
    done = block.policy.apply(replace(block.policy.rules, uplift_min=0.3)).done
    assert done.skipped == 58
    assert not done.is_under_way
    kept = done.kept.set_index("decision")
    assert kept["homes"].to_dict() == {"treat": 1, "hold_out": 1}
    assert kept["objection"].eq("expected uplift under 30 %").all()
    assert "keep their arm, since their outcome is known" in done.sentence
    assert {*block.homes("treat"), *block.homes("hold_out")} == set(known)


def test_once_work_has_begun_no_arm_loses_a_home_and_both_may_win_some(database):
    block = Block(homes=200)
    weak = list(block.world.properties["property_id"][:100])
    block.run(
        "UPDATE lead_uplift SET expected_uplift = 0.03 WHERE property_id = ANY (CAST(:weak AS uuid[]))", weak=weak
    )
    block.policy.apply()
    block.give_job(block.homes("treat")[0], "contacted")
    arms = {*block.homes("treat"), *block.homes("hold_out")}
    assert len(arms) == 100
    refused = block.homes("treat")[1]
    block.refuse(refused)
    would = block.policy.dry_run(replace(block.policy.rules, uplift_min=0.5))
    assert would.is_under_way
    assert would.changed == 100  # the reason to be skipped of the weak
    assert would.treated + would.held_out == 100
    assert would.kept["homes"].sum() == 100
    done = block.policy.apply(replace(block.policy.rules, uplift_min=0.02)).done
    assert done.treated + done.held_out == 200
    assert refused in block.homes("treat")  # as drawn; routes leave it alone by its refusal
    drawn = block.policy.decisions()
    assert (drawn["decision"] == "hold_out").tolist() == assigned(drawn["property_id"], "hail", 0.2).tolist()


def test_arms_that_were_loaded_without_a_run_stay_whatever_the_hash_says(database):
    world = make_world(treat=40, hold_out=20, skip=5)
    policy = TreatmentPolicy(world.tenant, world.storm)
    before = policy.decisions().set_index("property_id")["decision"]
    policy.apply(Rules(uplift_min=0.0))
    after = policy.decisions().set_index("property_id")["decision"]
    arms = before[before != "skip"].index
    stays = after[arms] != "skip"
    assert (after[arms][stays] == before[arms][stays]).all()
    # Skipped and let in again, it comes back into the arm it had.
    policy.apply(Rules(uplift_min=1.0))
    assert (policy.decisions()["decision"] == "skip").all()
    policy.apply(Rules(uplift_min=0.0))
    again = policy.decisions().set_index("property_id")["decision"]
    assert again.equals(after)


def test_the_demo_would_decide_as_it_did(demo):
    """One policy in the code: with what was known then, the product decides what the demo has."""
    policy = TreatmentPolicy("trinity", "2021-04-28")
    stored = policy.decisions()
    facts = stored.assign(is_suppressed=stored["reason"].str.startswith("suppressed"))
    again = decide(facts, replace(policy.rules, salt="2021-04-28"))
    assert again["decision"].tolist() == stored["decision"].tolist()
    assert again["reason"].tolist() == stored["reason"].tolist()
    history = policy.history()
    assert history["made_by"].tolist() == ["demo"]
    assert policy.ledger()["homes"].sum() == history["eligible"].iloc[0] == 1_500


def test_who_may_what(block, as_person):
    for role in ("viewer", "operator", "analyst"):
        accounts.add_person(f"{role}-policy-{block.tenant}", role, "hailstorm-1")
        accounts.add_member(f"{role}-policy-{block.tenant}", block.tenant, role)
    for role in ("viewer", "operator"):
        as_person(f"{role}-policy-{block.tenant}")
        policy = TreatmentPolicy(block.tenant, "hail")
        assert policy.dry_run().changed == 60
        with pytest.raises(NotAllowed):
            policy.apply()
    as_person(f"analyst-policy-{block.tenant}")
    policy = TreatmentPolicy(block.tenant, "hail")
    assert policy.apply().done.changed == 60
    for keep in (policy.save_rules, lambda rules: policy.exchange_rules(rules, None)):
        with pytest.raises(NotAllowed):
            keep(Rules(uplift_min=0.2))


def test_what_is_not_there_is_said(block):
    with pytest.raises(UnknownStorm):
        TreatmentPolicy(block.tenant, "no-such")
    with pytest.raises(UnknownTenant):
        TreatmentPolicy("no-such", "hail")
    with pytest.raises(BadInput, match="no property_id"):
        block.policy.trail("x")
    as_administrator(accounts.add_tenant, f"empty-{block.tenant}", "Empty")
    with tenancy.session(f"empty-{block.tenant}") as connection:
        connection.execute(text("INSERT INTO storms (slug, name, event_date) VALUES ('hail', 'Hail', '2021-04-28')"))
    with pytest.raises(BadInput, match="no homes yet"):
        TreatmentPolicy(f"empty-{block.tenant}", "hail").apply()
    assert TreatmentPolicy(f"empty-{block.tenant}", "hail").ledger()["homes"].sum() == 0


def test_who_plans_at_the_same_time_is_told_of(block):
    with db.engine(db.admin_url()).connect() as other, other.begin():
        other.execute(text("SELECT FROM storms WHERE storm_id = :s FOR NO KEY UPDATE"), {"s": block.storm_id})
        with pytest.raises(Conflict, match="deciding, planning or working"):
            block.policy.apply()
    assert block.policy.history().empty
    block.policy.apply()
