"""What a page may see and do of a company's events, against a real database and the stream's own service."""

from __future__ import annotations

import json
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from world import guests, make_world

from stormplay import StreamDesk, tenancy
from stormplay import database as db
from stormplay.errors import BadInput, NotAllowed, UnknownStorm, UnknownTenant
from stormplay.streaming import applying
from stormplay.streaming.events import Record
from stormplay.streaming.tally import Tally

sys.path.insert(0, str(Path(__file__).parent))
from storm_feed import done, feeding, hit, signed


@pytest.fixture(scope="module")
def world(database):
    made = make_world(treat=40, hold_out=4, skip=2)
    with guests(made.tenant, "analyst", "ana"):
        yield made


@pytest.fixture(scope="module")
def other(database):
    """Another company, which ben belongs to."""
    made = make_world(treat=3, hold_out=0, skip=0, suppressed=0, without_place=0)
    with guests(made.tenant, "admin", "ben"):
        yield made


@pytest.fixture(scope="module")
def feeds(database):
    with feeding() as make:
        yield make


@pytest.fixture
def storm(world, as_person):
    """A storm that nothing has come of yet, and its desk for ana; the desk's homes are those of the world."""
    as_person("ana")
    with tenancy.session(world.tenant) as connection:
        slug = f"s-{datetime.now(UTC):%H%M%S%f}"
        connection.execute(text("INSERT INTO storms (slug, name, event_date) VALUES (:s, 'Tonight', current_date)"),
                           {"s": slug})  # fmt: skip
        storm_id = tenancy.storm_id(connection, slug)
    return storm_id, StreamDesk(world.tenant, slug)


def homes_of(world):
    return world.properties.dropna(subset=["latitude"])["property_id"].tolist()


def test_before_anything_has_come_it_says_so(storm, world):
    state = storm[1].get_state()
    assert (state.by_type, state.superseded, state.last_event_at, state.open_letters) == ({}, 0, None, 0)
    assert state.positions.empty and storm[1].get_newest().empty and storm[1].get_letters().empty
    homes = storm[1].get_homes()
    assert len(homes) == len(homes_of(world)) and homes["sii_score"].isna().all()
    assert storm[1].get_changes().empty


def test_it_counts_each_event_once_however_often_it_looks(storm, world, feeds):
    (a, b, *_), feed, desk = homes_of(world), feeds(storm[0]), storm[1]
    feed.give(hit(a, 40, "one"), hit(b, 85, "two"), behind=7)
    for _ in range(3):
        state = desk.get_state()
        assert state.by_type == {"property_impacted": 2} == state.last_minute
    assert int(state.positions["behind"].sum()) == 7
    feed.give(hit(a, 40, "one"), signed(b, 12_000.5, "three"), hit(a, 10, "old", occurred_at="2021-04-28T00:00:00Z"))
    state = desk.get_state()
    assert state.by_type == {"property_impacted": 3, "conversion": 1} and state.superseded == 1
    assert sum(sum(counts.values()) for _, counts in state.minutes) == 4 and len(state.minutes) == 30
    assert desk.get_state(minutes=5).minutes[-1][0].second == 0
    newest = desk.get_newest()
    assert set(newest["event_id"]) == {"one", "two", "three", "old"} and set(newest["event_id"].iloc[:2]) == {
        "three",
        "old",
    }
    assert newest.set_index("event_id").loc["three", "value_cents"] == 1_200_050
    assert newest.set_index("event_id").loc["one", "address"].endswith("Test Street")


def test_what_was_written_earlier_and_committed_later_is_not_missed(storm, world, feeds):
    """The mark follows transactions, not clocks."""
    (a, b, c, *_), (storm_id, desk) = homes_of(world), storm
    desk.get_homes()
    slow, feed = feeds(storm_id), feeds(storm_id)
    with db.transaction(make_url(slow.url)) as connection:  # begins first, ends last
        records = [Record(f"storm_events_{storm_id}", 1, 0, -1, None, json.dumps(hit(a, 50)).encode())]
        applying.apply(connection, slow.group, records)
        feed.give(hit(b, 60))
        assert desk.get_changes()["property_id"].tolist() == [b]
        assert sum(desk.get_state().by_type.values()) == 1
    changed = desk.get_changes()
    assert a in set(changed["property_id"])
    assert changed.set_index("property_id").loc[a, "sii_score"] == 50
    assert sum(desk.get_state().by_type.values()) == 2
    feed.give(hit(c, 70))
    assert desk.get_changes()["property_id"].tolist() == [c]
    assert desk.get_changes().empty and sum(desk.get_state().by_type.values()) == 3


def test_a_new_home_comes_with_its_place(storm, world, feeds):
    storm_id, desk = storm
    desk.get_homes()
    with tenancy.session(world.tenant) as connection:
        made = connection.execute(
            text("""INSERT INTO properties (address, latitude, longitude) VALUES ('1 New Lane', 32.9, -97.2)
                    RETURNING property_id::text""")
        ).scalar_one()
    feeds(storm_id).give(hit(made, 33))
    (row,) = desk.get_changes().to_dict("records")
    assert (row["address"], row["latitude"], row["sii_score"]) == ("1 New Lane", 32.9, 33.0)


def letters(feed):
    nobody = "00000000-0000-0000-0000-000000000001"
    feed.give(b"=cmd|' /C calc'!A0", hit(nobody, 40, "=1+1"), done(nobody, "job"), behind=0)


def test_what_could_not_be_applied_is_there_with_its_reason_and_as_it_came(storm, feeds):
    storm_id, desk = storm
    feed = feeds(storm_id)
    letters(feed)
    found = desk.get_letters().set_index("reason")
    assert set(found.index) == {"malformed", "unknown property", "unknown job"} and desk.count_letters() == 3
    assert found.loc["malformed", "payload"] == "=cmd|' /C calc'!A0" and (found["said"].str.len() > 10).all()
    csv = desk.export_letters_csv()
    feed.give(b'{"event_id": "\xe2\x80\xae\x00turned"')
    assert desk.get_letters("open", limit=1)["payload"].tolist() == ['{"event_id": "\ufffd\ufffdturned"']
    assert "'=cmd|' /C calc'!A0" in csv and ",'=1+1," in csv and "\n=" not in csv
    assert len(desk.get_letters(limit=2)) == 2 and len(desk.get_letters(limit=3, skip=2)) == 2


def test_a_message_is_discarded_once_and_a_wish_can_be_taken_back(storm, feeds):
    storm_id, desk = storm
    letters(feeds(storm_id))
    one, two, three = desk.get_letters()["letter_id"]
    assert desk.discard([one]) == 1 and desk.discard([one]) == 0
    assert desk.replay([one, two, three]) == 2
    with pytest.raises(BadInput, match="no letter's id"):
        desk.replay([two, "../../etc/passwd"])
    row = desk.get_letters().set_index("letter_id").loc[two]
    assert row["status"] == "open" and row["replay_asked_by"] == "Ana Torres"
    assert desk.take_back([two]) == 1 and desk.get_letters()["replay_asked_at"].notna().sum() == 1
    gone = desk.get_letters("discarded")
    assert gone["letter_id"].tolist() == [one] and gone["settled_by"].tolist() == ["Ana Torres"]
    assert desk.get_state().open_letters == 2


def test_a_replay_is_applied_by_the_stream_once_its_reason_is_gone(storm, world, feeds):
    storm_id, desk = storm
    late = str(uuid4())
    feed = feeds(storm_id)
    feed.give(hit(late, 55, "late"))
    (letter,) = desk.get_letters()["letter_id"]
    assert desk.replay([letter]) == 1
    feed.take_replays()
    (row,) = desk.get_letters().to_dict("records")
    assert row["attempts"] == 1 and row["replay_asked_at"] is None and row["reason"] == "unknown property"
    with tenancy.session(world.tenant) as connection:
        connection.execute(text("""INSERT INTO properties (property_id, address, latitude, longitude)
                                   VALUES (:id, '2 New Lane', 32.9, -97.2)"""), {"id": late})  # fmt: skip
    desk.get_homes()
    assert desk.replay([letter]) == 1
    feed.take_replays()
    assert desk.get_changes()["sii_score"].tolist() == [55] and desk.get_state().open_letters == 0
    assert desk.get_letters("replayed")["settled_by"].tolist() == ["Ana Torres"]


def test_a_viewer_reads_and_does_not_settle(storm, world, feeds, as_person):
    storm_id, _ = storm
    letters(feeds(storm_id))
    with guests(world.tenant, "viewer", "ben"):
        as_person("ben")
        desk = StreamDesk(world.tenant, storm_id)
        ids = desk.get_letters()["letter_id"].tolist()
        assert len(ids) == 3
        for act in (desk.replay, desk.discard, desk.take_back):
            with pytest.raises(NotAllowed):
                act(ids)


def test_another_company_sees_nothing_of_it_and_settles_nothing(storm, world, other, feeds, as_person):
    storm_id, mine = storm
    letters(feeds(storm_id))
    feeds(storm_id).give(hit(homes_of(world)[0], 90))
    theirs = mine.get_letters()["letter_id"].tolist()
    as_person("ben")
    with pytest.raises(UnknownTenant):
        StreamDesk(world.tenant, storm_id)
    with pytest.raises(UnknownStorm):
        StreamDesk(other.tenant, storm_id)
    desk = StreamDesk(other.tenant, other.storm)
    assert desk.replay(theirs) == desk.discard(theirs) == desk.take_back(theirs) == 0
    # Not by the storm's id either, past what the desk checks at its beginning.
    desk._storm_id = storm_id
    assert desk.replay(theirs) == desk.discard(theirs) == 0
    state = desk.get_state()
    assert state.by_type == {} and state.open_letters == 0 and state.positions.empty
    assert desk.get_letters("").empty and desk.get_newest().empty and desk.get_changes().empty
    assert desk.get_homes()["sii_score"].isna().all() and world.storm_id not in desk.export_letters_csv()


def test_looks_at_once_do_not_count_twice(storm, world, feeds):
    storm_id, desk = storm
    feed, homes = feeds(storm_id), homes_of(world)
    stop, errors = threading.Event(), []

    def look():
        while not stop.is_set():
            try:
                desk.get_state()
            except Exception as error:  # pragma: no cover - a failure is told below
                errors.append(error)

    lookers = [threading.Thread(target=look) for _ in range(3)]
    [one.start() for one in lookers]
    for k in range(15):
        feed.give(*[hit(homes[(k + j) % len(homes)], 10 + j) for j in range(20)])
    stop.set()
    [one.join() for one in lookers]
    assert errors == [] and sum(desk.get_state().by_type.values()) == 300


# ---- the tally alone


def test_old_bins_become_totals_and_minutes_are_cut_at_the_minute():
    now = datetime(2026, 4, 28, 20, 10, 30, tzinfo=UTC)
    tally = Tally()
    tally.take([("a", False, now - timedelta(minutes=2), True, 5), ("a", False, now - timedelta(hours=3), True, 7),
                ("b", True, now - timedelta(seconds=20), False, 2)], now)  # fmt: skip
    assert tally.by_type() == {"a": 12, "b": 2} and tally.superseded == 2 and len(tally.settled) == 2
    assert tally.by_type(now - timedelta(minutes=1)) == {"b": 2}
    assert [(at.minute, counts) for at, counts in tally.minutes(now, 3)] == [(8, {"a": 5}), (9, {}), (10, {"b": 2})]
    tally.take([("b", True, now - timedelta(seconds=20), True, 3)], now)  # what was passing is told anew
    assert tally.by_type() == {"a": 12, "b": 3}
    tally.take([], now + timedelta(hours=2))
    assert tally.by_type() == {"a": 12, "b": 3} and tally.by_type(now) == {}
