"""Where nurture stands: a ledger that adds up, the outbox counted, a week on everybody's own clock."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from nurtured import DAY, TUESDAY, Street

from stormplay.errors import BadInput
from stormplay.nurture import NurtureLoop, Rules, standing


@pytest.fixture
def street(database):
    return Street(treat=12)


def ledger(street, **more):
    found = street.loop.standing(**{"now": TUESDAY, **more})
    assert found.candidates == found.now["properties"].sum() == street.loop.count()
    return {(outcome, reason): n for outcome, reason, n in found.ledger.itertuples(index=False)}


def test_every_candidate_is_in_one_line_for_the_reason_that_counts(street):
    scheduled, paused, stopped, refuser, signer, gone, *others = street.homes
    street.loop.schedule([scheduled, paused, stopped, refuser, gone], now=TUESDAY)
    street.loop.pause(paused)
    street.loop.stop(stopped)
    street.refuse(refuser)
    street.convert(signer)
    street.run(
        "INSERT INTO jobs (property_id, storm_id, status) VALUES (:home, :storm, 'do_not_return')",
        home=gone,
    )
    assert ledger(street) == {
        ("scheduled", ""): 1,
        ("paused", ""): 1,
        ("ready", ""): len(others),
        ("left alone", "stopped by a person"): 1,
        ("left alone", "said no to all contact"): 1,
        ("left alone", "do not return"): 1,
    }
    found = street.loop.standing(now=TUESDAY)
    assert (found.state, found.treated, found.converted) == ("open", 12, 1)


def test_ready_is_about_the_chosen_sequence(street):
    street.run("UPDATE properties SET phone = NULL, email = NULL")
    assert ledger(street) == {("ready", ""): 12}
    assert ledger(street, sequence_type="quick") == {("left alone", "no phone"): 12}
    with pytest.raises(BadInput, match="There is no sequence 'none'"):
        street.loop.standing(sequence_type="none")


def test_the_holdout_is_one_line(database):
    street = Street(treat=60, rules=Rules(holdout_share=0.5))
    found = ledger(street)
    assert sum(found.values()) == 60
    assert found["left alone", "standing holdout"] == sum(
        street.loop.preview(now=TUESDAY)["reason"] == "standing holdout"
    )


def test_the_outbox_is_counted_at_each_stage(street):
    street.loop.schedule(street.homes[:4], "quick", TUESDAY, now=TUESDAY)
    stages = []

    def look():
        found = street.loop.standing(now=TUESDAY).outbox
        assert tuple(found) == standing.OUTBOX
        stages.append(tuple(found.values()))

    look()
    street.loop.due(TUESDAY)
    look()
    handed = street.loop.hand_over(limit=3, now=TUESDAY)
    look()
    street.loop.acknowledge(handed["idempotency_key"].iloc[0], now=TUESDAY)
    street.loop.stop(handed["property_id"].iloc[1])
    look()
    assert stages == [(4, 0, 0, 0, 0), (0, 4, 0, 0, 0), (0, 1, 3, 0, 0), (0, 1, 1, 1, 1)]


def test_who_had_all_contacts_is_done(street):
    street.loop.schedule(street.homes[0], "quick", TUESDAY, now=TUESDAY)
    for days in (0, 2, 6):
        street.loop.due(TUESDAY + days * DAY)
        for key in street.loop.hand_over(now=TUESDAY + days * DAY)["idempotency_key"]:
            street.loop.acknowledge(key, now=TUESDAY + days * DAY)
    assert ledger(street, now=TUESDAY + 9 * DAY)["done", ""] == 1


def test_the_age_is_that_of_what_was_written_last(street):
    before = street.loop.standing().as_of
    street.loop.schedule(street.homes[0], now=TUESDAY)
    assert street.loop.standing().as_of > before


def test_a_storm_without_decisions_has_empty_frames(database):
    street = Street(treat=3)
    street.another_storm()
    found = NurtureLoop(street.world.tenant, "later").standing()
    assert (found.treated, found.candidates, len(found.now)) == (0, 0, 0)
    assert NurtureLoop(street.world.tenant, "later").week().empty


def test_a_week_has_what_waits_on_the_recipients_clocks(street):
    there, nowhere, paused, later = street.homes[:4]
    for home, name in ((there, "Pacific/Honolulu"), (nowhere, "no such place")):
        street.run("UPDATE properties SET time_zone = :z WHERE property_id = :h", z=name, h=home)
    street.loop.schedule([there, nowhere, paused], "quick", TUESDAY, now=TUESDAY)
    street.loop.schedule(later, "quick", TUESDAY + 8 * DAY, now=TUESDAY)
    street.loop.pause(paused)
    found = street.loop.week(now=TUESDAY)
    assert set(found["property_id"]) == {there, nowhere, paused}
    assert found["scheduled_at"].is_monotonic_increasing
    assert found["scheduled_at"].max() < TUESDAY + 7 * DAY
    assert set(found.loc[found["property_id"] == paused, "status"]) == {"paused"}
    zones = {there: "Pacific/Honolulu"}
    for step in found.to_dict("records"):
        own = ZoneInfo(zones.get(step["property_id"], "America/Chicago"))
        assert step["local_time"] == step["scheduled_at"].astimezone(own).replace(tzinfo=None)
    overdue = street.loop.week(days=1, now=TUESDAY + timedelta(days=3))
    assert overdue["scheduled_at"].min() < TUESDAY + DAY
    with pytest.raises(BadInput, match="days is 0"):
        street.loop.week(days=0)


def test_the_history_of_a_home_is_all_of_it(street):
    home = street.homes[0]
    assert street.loop.history(home).empty
    street.loop.schedule(home, "quick", TUESDAY, now=TUESDAY)
    street.loop.stop(home)
    found = street.loop.history(home)
    assert list(found["step_number"]) == [1, 2, 3]
    assert set(found["status"]) == {"stopped"}
    assert set(found["reason"]) == {"stopped by a person"}
    with pytest.raises(BadInput, match="not a list of property_ids"):
        street.loop.history("x")


def test_what_is_read_again_of_some_homes_is_what_a_whole_reading_finds(street):
    street.loop.schedule(street.homes[:6], "quick", TUESDAY, now=TUESDAY)
    before, week = street.loop.standing(now=TUESDAY), street.loop.week(now=TUESDAY)
    for act in (street.loop.pause, street.loop.resume, street.loop.stop):
        changed = street.homes[1:3]
        act(changed)
        again = street.loop.standing(now=TUESDAY, before=before, changed=changed)
        whole = street.loop.standing(now=TUESDAY)
        assert again.read_at == before.read_at
        assert again.as_of == whole.as_of and again.outbox == whole.outbox
        assert lines(again.ledger) == lines(whole.ledger) and lines(again.now) == lines(whole.now)
        week = street.loop.week(now=TUESDAY, before=week, changed=changed)
        pd.testing.assert_frame_equal(week, street.loop.week(now=TUESDAY), check_dtype=False)
        before = again


def test_all_is_read_again_where_the_rest_may_have_changed(street):
    before = street.loop.standing(now=TUESDAY)
    more = {"before": before, "changed": street.homes[:1]}
    later = TUESDAY + standing.FRESH
    assert street.loop.standing(now=later, **more).read_at == later
    assert street.loop.standing(now=TUESDAY, sequence_type="quick", **more).basis != before.basis
    street.loop.pause()
    assert street.loop.standing(now=TUESDAY, **more).state == "paused"


def lines(frame):
    return sorted(map(tuple, frame.to_numpy().tolist()))
