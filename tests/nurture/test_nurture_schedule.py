"""What is scheduled: what the preview shows, once, within the rules; and how a person holds, moves or ends it."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from nurtured import DAY, NOBODY_HELD, TUESDAY, Street

from stormplay import accounts
from stormplay.errors import BadInput, Conflict, NotAllowed
from stormplay.nurture import Hours, NurtureLoop, Rules, Sequence, Step, ledger
from stormplay.nurture.rules import drawn

TEXAS = ZoneInfo("America/Chicago")
TABLES = ("nurture_sequences", "nurture_runs", "nurture_draws", "nurture_outbox", "customer_journeys")


@pytest.fixture
def street(database):
    return Street()


def sizes(street):
    return [street.one(f"SELECT count(*) FROM {table}") for table in TABLES]


def preview(street, ids=None, sequence="follow_up", start=TUESDAY, **more):
    return street.loop.preview(ids, sequence, start, now=TUESDAY, **more).set_index("property_id")


def test_every_candidate_is_scheduled_or_refused_once_and_nothing_is_written(street):
    a, b, c, d, *_ = street.homes
    street.refuse(a)
    street.convert(b)
    street.run("UPDATE properties SET phone = NULL WHERE property_id = :h", h=c)
    held, skipped = (
        street.one("SELECT property_id::text FROM policy_decisions_log WHERE decision = :d LIMIT 1", d=decision)
        for decision in ("hold_out", "skip")
    )
    before = sizes(street)
    ids = [*street.homes, held, skipped]
    shown = street.loop.preview([*ids, a, a.upper()], "quick", TUESDAY, now=TUESDAY)  # a thrice
    assert list(shown["property_id"]) == ids
    assert ledger(shown)["properties"].sum() == len(ids)
    reason = shown.set_index("property_id")["reason"]
    assert reason[a] == "said no to all contact"
    assert reason[b] == "converted"
    assert reason[c] == reason[d] == ""
    assert reason[held] == "standing holdout"
    assert reason[skipped] == "not treated for this storm"
    assert ((shown["outcome"] == "scheduled") == (shown["reason"] == "")).all()
    left_out = shown.set_index("property_id")["left_out"]
    assert left_out[c] == "call: no phone; text: no phone"
    assert left_out[d] == ""
    assert sizes(street) == before
    everybody = preview(street)
    assert list(everybody.index) == [home for home in street.homes if home != b]


def test_steps_follow_each_other_within_hours_and_caps(street):
    steps = street.loop.preview_steps(street.homes[:1], "quick", TUESDAY, now=TUESDAY)
    assert list(steps["channel"]) == ["call", "text", "email"]
    assert list(steps["scheduled_at"]) == [TUESDAY, TUESDAY + 2 * DAY, TUESDAY + 6 * DAY]
    assert list(steps["local_time"]) == [pd.Timestamp(one.astimezone(TEXAS).replace(tzinfo=None))
                                         for one in steps["scheduled_at"]]  # fmt: skip
    street.touch(street.homes[0], TUESDAY - DAY)
    street.touch(street.homes[0], TUESDAY - 3 * DAY, "door")
    street.touch(street.homes[0], TUESDAY - 3 * DAY, "web")  # they came to us
    steps = street.loop.preview_steps(street.homes[:1], "quick", TUESDAY, now=TUESDAY)
    assert list(steps["scheduled_at"]) == [TUESDAY, TUESDAY + 4 * DAY, TUESDAY + 8 * DAY]  # the door leaves the window


def test_the_recipients_clock_counts_not_the_companys(street):
    a, b, c = street.homes[:3]
    street.run("UPDATE properties SET time_zone = 'Pacific/Honolulu' WHERE property_id = :h", h=a)
    street.run("UPDATE properties SET time_zone = 'no such place' WHERE property_id = :h", h=b)
    found = preview(street, sequence="quick")
    assert found.loc[a, "local_time"] == pd.Timestamp("2040-05-08 08:00")  # 5:00 there when it is 10:00 in Texas
    assert found.loc[a, "time_zone"] == "Pacific/Honolulu"
    for home in (b, c):  # nonsense, and nothing: the company's
        assert found.loc[home, "local_time"] == pd.Timestamp("2040-05-08 10:00")
        assert found.loc[home, "time_zone"] == "America/Chicago"
    street.run("UPDATE tenants SET time_zone = 'nowhere'")
    found = preview(street, sequence="quick")
    assert found.loc[c, "left_out"] == "call: time zone unknown; text: time zone unknown"
    assert found.loc[c, "channel"] == "email"


def test_a_start_is_the_companys_own_time(street):
    loop, home = street.loop, street.homes[0]
    for start, at in (
        (date(2040, 6, 1), datetime(2040, 6, 1, 8, tzinfo=TEXAS)),
        (datetime(2040, 6, 1, 9, 30), datetime(2040, 6, 1, 9, 30, tzinfo=TEXAS)),
        (datetime(2040, 6, 1, 9, 30, tzinfo=ZoneInfo("Europe/Berlin")), datetime(2040, 6, 1, 8, tzinfo=TEXAS)),
        (date(2030, 1, 1), TUESDAY),  # past
        (None, TUESDAY),
    ):
        assert loop.preview(home, "quick", start, now=TUESDAY)["scheduled_at"].iloc[0] == at
    for bad in (date(1066, 10, 14), date(9000, 1, 1)):
        with pytest.raises(BadInput, match="Expected a year"):
            loop.preview(home, "quick", bad)


def test_what_is_scheduled_is_what_was_shown(street):
    shown = street.loop.preview_steps(None, "follow_up", TUESDAY, now=TUESDAY)
    street.loop.schedule(None, "follow_up", TUESDAY, now=TUESDAY)
    written = street.loop.get_steps()
    key = ["property_id", "step_number"]
    columns = [*key, "channel", "message", "scheduled_at"]
    pd.testing.assert_frame_equal(
        written.sort_values(key)[columns].reset_index(drop=True).astype(object),
        shown[shown["outcome"] == "scheduled"].sort_values(key)[columns].reset_index(drop=True).astype(object),
    )
    assert set(written["status"]) == {"scheduled"}
    run = street.rows("SELECT sequence_type, ledger, made_by, rules->'per_window' FROM nurture_runs")
    assert len(run) == 1
    assert run[0][0] == "follow_up"
    assert sum(one["properties"] for one in run[0][1]) == len(street.homes)
    assert run[0][3] == 3


def test_again_adds_nothing(street):
    street.loop.schedule(None, "quick", TUESDAY, now=TUESDAY)
    before, steps = sizes(street), street.steps()
    for start, now in ((TUESDAY, TUESDAY), (TUESDAY, TUESDAY + DAY), (TUESDAY + DAY, TUESDAY)):
        again = street.loop.schedule(None, "quick", start, now=now)
        assert set(again["reason"]) == {"already in this sequence"}
    street.run("UPDATE nurture_sequences SET status = 'done'")
    again = street.loop.schedule(None, "quick", TUESDAY, now=TUESDAY)  # over, and still the same start
    assert set(again["reason"]) == {"already in this sequence"}
    assert sizes(street) == before
    assert [row[:3] for row in street.steps()] == [row[:3] for row in steps]


def test_two_who_press_at_once_schedule_once(street):
    started = threading.Barrier(4)

    def press():
        started.wait(10)
        NurtureLoop(street.world.tenant, street.world.storm).schedule(None, "quick", TUESDAY, now=TUESDAY)

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(street.steps()) == 3 * len(street.homes)
    assert street.one("SELECT count(*) FROM nurture_runs") == 1


def test_a_failure_writes_nothing(street, monkeypatch):
    before = sizes(street)
    monkeypatch.setattr("stormplay.nurture.writing._INSERT", "SELECT 1 / 0, :ids, :at_s")
    with pytest.raises(Exception, match="division by zero"):
        street.loop.schedule(None, "quick", TUESDAY, now=TUESDAY)
    assert sizes(street) == before


def test_other_sequences_and_other_storms_share_one_cap(street):
    later = street.another_storm()
    street.run("INSERT INTO policy_decisions_log (storm_id, property_id, decision, reason, model_version)"
               " SELECT :later, property_id, decision, 'r', 'm' FROM policy_decisions_log", later=later)  # fmt: skip
    home = street.homes[0]
    street.loop.schedule(home, "quick", TUESDAY, now=TUESDAY)
    NurtureLoop(street.world.tenant, "later").schedule(home, "follow_up", TUESDAY, now=TUESDAY)
    street.loop.schedule(home, "after_inspection", TUESDAY, now=TUESDAY)
    times = sorted(at for *_, at in street.steps())
    assert len(times) == 9
    days = [at.astimezone(TEXAS).date() for at in times]
    assert len(set(days)) == 9
    assert all(times[k + 3] - times[k] >= 7 * DAY for k in range(6))


def test_the_draw_is_kept_for_good(database):
    street = Street(treat=200, rules=Rules(holdout_share=0.2, holdout_salt="first"))
    street.loop.schedule(None, "quick", TUESDAY, now=TUESDAY)
    kept = street.rows("SELECT property_id::text, is_held, salt, share FROM nurture_draws")
    assert {row[0] for row in kept} == set(street.homes)
    assert {(row[2], row[3]) for row in kept} == {("first", 0.2)}
    held = {row[0] for row in kept if row[1]}
    assert held == {
        home for home, is_held in zip(street.homes, drawn(street.homes, "first", 0.2), strict=True) if is_held
    }
    assert 10 < len(held) < 80
    assert not held & {row[0] for row in street.steps()}
    for rules in (Rules(holdout_share=0.0), Rules(holdout_share=0.9, holdout_salt="second")):
        street.loop.save_rules(rules)
        shown = preview(street, sequence="after_inspection")
        assert set(shown.index[shown["reason"] == "standing holdout"]) == held


def test_who_is_held_out_for_an_open_storm_is_left_alone(street):
    home = street.homes[0]
    later = street.another_storm()
    street.run("INSERT INTO policy_decisions_log (storm_id, property_id, decision, reason, model_version)"
               " VALUES (:later, :h, 'hold_out', 'control', 'm')", later=later, h=home)  # fmt: skip
    assert preview(street).loc[home, "reason"] == "standing holdout"
    street.run("UPDATE storms SET status = 'closed' WHERE storm_id = :later", later=later)
    assert preview(street).loc[home, "reason"] == ""
    street.run("UPDATE storms SET status = 'closed'")
    own = street.one("SELECT property_id::text FROM policy_decisions_log WHERE decision = 'hold_out' LIMIT 1")
    shown = preview(street, [own])
    assert shown.loc[own, "reason"] == "standing holdout"  # of its own storm: for good


def test_a_signature_for_a_later_storm_ends_it_and_one_for_an_earlier_does_not(street):
    a, b = street.homes[:2]
    for slug, day, home in (("later", "2021-06-01", a), ("earlier", "2016-03-17", b)):
        storm = street.another_storm(slug, day)
        street.run("INSERT INTO policy_outcomes (property_id, storm_id, actual_converted) VALUES (:h, :one, true)",
                   h=home, one=storm)  # fmt: skip
    assert preview(street).loc[a, "reason"] == "converted"
    assert preview(street).loc[b, "reason"] == ""


@pytest.mark.parametrize("how", ["insert", "update", "upsert"])
def test_a_conversion_stops_every_pending_step(street, how):
    home, other = street.homes[:2]
    street.loop.schedule([home, other], "quick", TUESDAY, now=TUESDAY)
    street.loop.due(TUESDAY)
    if how != "insert":
        street.convert(home, converted=False)
        assert {row[3] for row in street.steps()} == {"scheduled", "due"}
    if how == "update":
        street.run("UPDATE policy_outcomes SET actual_converted = true WHERE property_id = :h", h=home)
    elif how == "upsert":
        street.run(
            "INSERT INTO policy_outcomes (property_id, storm_id, actual_converted) VALUES (:h, :storm, true)"
            " ON CONFLICT (tenant_id, storm_id, property_id) DO UPDATE SET actual_converted = true",
            h=home,
        )
    else:
        street.convert(home)
    assert {row[3:5] for row in street.steps() if row[0] == home} == {("stopped", "converted")}
    assert {row[3] for row in street.steps() if row[0] == other} == {"scheduled", "due"}
    assert list(street.loop.hand_over(now=TUESDAY)["property_id"]) == [other]


def test_pause_resume_and_stop_a_home(street):
    home, other = street.homes[:2]
    street.loop.schedule([home, other], "quick", TUESDAY, now=TUESDAY)
    assert street.loop.pause(home) == 3
    assert list(street.loop.due(TUESDAY)["property_id"]) == [other]
    week = TUESDAY + 30 * DAY
    assert street.loop.resume(home, now=week) == 3
    mine = [row for row in street.steps() if row[0] == home]
    assert {row[3] for row in mine} == {"scheduled"}
    assert [row[5] - mine[0][5] for row in mine] == [0 * DAY, 2 * DAY, 6 * DAY]
    assert mine[0][5] >= week
    assert street.loop.stop([home, other]) == 6
    assert {row[3:5] for row in street.steps()} == {("stopped", "stopped by a person")}
    assert set(preview(street, [home, other], start=week)["reason"]) == {"stopped by a person"}
    assert street.loop.hand_over(now=TUESDAY).empty


def test_what_was_in_the_outbox_when_paused_is_there_after(street):
    home = street.homes[0]
    street.loop.schedule(home, "quick", TUESDAY, now=TUESDAY)
    street.loop.due(TUESDAY)
    street.loop.pause(home)
    assert street.loop.hand_over(now=TUESDAY).empty
    street.loop.resume(home, now=TUESDAY)
    assert list(street.loop.hand_over(now=TUESDAY)["property_id"]) == [home]


def test_pause_resume_and_stop_a_storm(street):
    street.loop.schedule(street.homes[:2], "quick", TUESDAY, now=TUESDAY)
    street.loop.due(TUESDAY)
    street.loop.pause()
    assert street.loop.state == "paused"
    assert street.loop.due(TUESDAY + DAY).empty
    assert street.loop.hand_over(now=TUESDAY).empty
    street.loop.resume(now=TUESDAY)
    assert street.loop.state == "open"
    assert len(street.loop.hand_over(now=TUESDAY)) == 2
    assert street.loop.stop() == 6
    assert street.loop.state == "stopped"
    with pytest.raises(Conflict, match="was stopped"):
        street.loop.schedule(None, "quick", TUESDAY, now=TUESDAY)
    street.loop.resume(now=TUESDAY)
    assert {row[3:5] for row in street.steps()} == {("stopped", "storm stopped")}
    street.loop.schedule(None, "quick", TUESDAY + DAY, now=TUESDAY)
    assert len(street.steps()) == 6 + 3 * len(street.homes)


def test_a_long_pause_of_a_storm_makes_nothing_stale(street):
    street.loop.schedule(None, "quick", TUESDAY, now=TUESDAY)
    street.loop.pause()
    month = TUESDAY + 30 * DAY
    street.loop.resume(now=month)
    assert min(row[5] for row in street.steps()) >= month
    assert set(street.loop.due(month)["outcome"]) == {"in outbox"}


def test_rescheduling_keeps_what_was_done(street):
    home = street.homes[0]
    street.loop.schedule(home, "quick", TUESDAY, now=TUESDAY)
    street.loop.due(TUESDAY)
    (key,) = street.loop.hand_over(now=TUESDAY)["idempotency_key"]
    street.loop.acknowledge(key, TUESDAY)
    before = street.steps()
    moved = street.loop.reschedule(home, TUESDAY + 10 * DAY, now=TUESDAY)
    assert list(moved["outcome"]) == ["moved", "moved"]
    after = street.steps()
    assert after[0] == before[0]
    assert after[0][3] == "done"
    assert [row[5] for row in after[1:]] == [TUESDAY + 10 * DAY, TUESDAY + 14 * DAY]
    street.refuse(home, "email", TUESDAY + 11 * DAY)
    moved = street.loop.reschedule(None, TUESDAY + 10 * DAY, now=TUESDAY)
    assert list(moved["reason"]) == ["", "said no to e-mails"]
    assert [row[3:5] for row in street.steps()] == [
        ("done", None),
        ("scheduled", None),
        ("refused", "said no to e-mails"),
    ]
    assert street.loop.reschedule([str(uuid4())], now=TUESDAY).empty


def test_the_seeds_own_statement_still_works_and_counts(street):
    home = street.homes[0]
    street.run("INSERT INTO nurture_sequences (property_id, sequence_type, scheduled_at) VALUES (:h, 'drip', :at)",
               h=home, at=TUESDAY)  # fmt: skip
    assert preview(street, home, "quick").loc[home, "scheduled_at"] > TUESDAY + timedelta(
        hours=12
    )  # a contact that day
    assert street.loop.due(TUESDAY + DAY).empty  # theirs, not ours to hand over
    assert street.loop.get_steps().empty


def test_sequences_of_the_companys_own(street):
    own = Sequence("quick", "Two letters", (Step("mail", "first"), Step("mail", "second", delay_days=10)),
                   {"first": "Lone Star Roofing: may we look at your roof?"})  # fmt: skip
    street.loop.save_sequence(own)
    assert street.loop.sequences()["quick"] == own
    assert list(street.loop.sequences()) == ["follow_up", "quick", "after_inspection"]
    assert list(street.loop.preview_steps(street.homes[:1], "quick", TUESDAY, now=TUESDAY)["message"]) == [
        "first",
        "second",
    ]
    bad = Sequence("own", "Own", own.steps, {"first": "{company}: we waive your deductible"})
    with pytest.raises(BadInput, match=r"cannot go out by mail: deductible \('waive your deductible'\).*27\.02"):
        street.loop.save_sequence(bad)
    with pytest.raises(BadInput, match=r"no sequence 'own'.*follow_up, quick, after_inspection"):
        street.loop.schedule(None, "own")
    assert [one.rule for one in street.loop.lint("Roof check. Reply STOP to opt out.", "text")] == ["no company name"]


@pytest.mark.parametrize("make", [
    lambda: Step("fax", "hello"), lambda: Step("call", "Hello there"), lambda: Step("call", "hello", delay_days=-1),
    lambda: Step("call", "hello", delay_days=366), lambda: Step("call", "hello", delay_hours=float("nan")),
    lambda: Sequence("Own", "Own", (Step("call", "hello"),)), lambda: Sequence("own", "", (Step("call", "hello"),)),
    lambda: Sequence("own", "Own", ()), lambda: Sequence("own", "Own", (Step("call", "hello"),) * 21),
    lambda: Sequence.from_mapping("own", {"steps": [{"by": "call"}]}),
    lambda: Sequence.from_mapping("own", {"steps": [{"channel": "call", "message": "a"}], "messages": ["a"]}),
    lambda: Rules(call=Hours(7, 21)), lambda: Rules(text=Hours(9, 22)), lambda: Rules(per_day=0),
    lambda: Rules(per_window=1.5), lambda: Rules(holdout_share=1), lambda: Rules.from_mapping({"sleep": 1}),
    lambda: Rules.from_mapping({"call": {"from": 8}}), lambda: Rules.from_mapping({"call": 8}),
])  # fmt: skip
def test_steps_sequences_and_rules_that_cannot_be_used(make):
    with pytest.raises(BadInput):
        make()


def test_rules_and_sequences_survive_storing(street):
    rules = Rules(call=Hours(9, 21, sunday_opens=12), email=Hours(6, 22), per_window=2, holdout_share=0.25)
    street.loop.save_rules(rules)
    assert street.loop.rules() == rules
    for sequence in street.loop.sequences().values():
        assert Sequence.from_mapping(sequence.name, sequence.to_mapping()) == sequence


def test_homes_that_are_none(street):
    with pytest.raises(BadInput, match="no property"):
        street.loop.preview(str(uuid4()), now=TUESDAY)
    with pytest.raises(BadInput, match="not a list of property_ids"):
        street.loop.preview("12 Main Street", now=TUESDAY)
    assert street.loop.preview([], now=TUESDAY).empty
    assert street.loop.schedule([], now=TUESDAY).empty
    other = Street(treat=1)
    with pytest.raises(BadInput, match="no property"):
        street.loop.schedule(other.homes, now=TUESDAY)


def test_who_may_do_what(street, as_person):
    for username, role in (("nu-viewer", "viewer"), ("nu-operator", "operator"), ("nu-analyst", "analyst")):
        accounts.add_person(f"{username}-{street.world.tenant}", "N N", "hailstorm-1")
        accounts.add_member(f"{username}-{street.world.tenant}", street.world.tenant, role)
    own = Sequence("own", "Own", (Step("mail", "first"),))
    as_person(f"nu-viewer-{street.world.tenant}")
    assert len(street.loop.preview(now=TUESDAY)) == len(street.homes)
    assert len(street.loop.candidates(now=TUESDAY)) == len(street.homes)
    assert street.loop.export_csv()
    for act in (lambda: street.loop.schedule(now=TUESDAY), street.loop.pause, street.loop.stop, street.loop.resume,
                lambda: street.loop.due(TUESDAY), lambda: street.loop.hand_over(now=TUESDAY)):  # fmt: skip
        with pytest.raises(NotAllowed, match="viewer"):
            act()
    as_person(f"nu-operator-{street.world.tenant}")
    street.loop.schedule(None, "quick", TUESDAY, now=TUESDAY)
    street.loop.due(TUESDAY)
    for key in street.loop.hand_over(now=TUESDAY)["idempotency_key"]:
        assert street.loop.acknowledge(key, TUESDAY)
    street.convert(street.homes[0])  # the trigger works with an operator's rights
    with pytest.raises(NotAllowed, match="needs analyst"):
        street.loop.save_sequence(own)
    as_person(f"nu-analyst-{street.world.tenant}")
    street.loop.save_sequence(own)
    with pytest.raises(NotAllowed, match="needs admin"):
        street.loop.save_rules(NOBODY_HELD)
