"""Letters are kept as they came, once; a person discards them or asks for a replay, and the stream alone replays."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from streamed import as_service, completed, impacted, make_streamed, records, run, service  # noqa: F401 - a fixture
from world import guests

from stormplay import database as db
from stormplay import tenancy
from stormplay.errors import BadInput, NotAllowed, UnknownTenant
from stormplay.streaming.letters import dead_letters, discard, replay, take_replays


def close(world, status="closed"):
    with tenancy.session(world.world.tenant) as connection:
        connection.execute(text("UPDATE storms SET status = :status"), {"status": status})


@pytest.fixture
def late(service):  # noqa: F811
    """Three events of a storm that was closed, and one that is no event."""
    world = make_streamed()
    close(world)
    batch = [impacted(world.homes[0], 80), impacted(world.homes[1], 70), completed(world.jobs[0])]
    run(service, records(world.topic, [*batch, b'{"a": "\x1b[2J\xff']))
    return world


def take(service):  # noqa: F811
    with as_service(service) as connection:
        return take_replays(connection)


def test_letters_are_shown_and_their_payload_is_harmless(late):
    found = dead_letters(late.world.tenant, late.world.storm)
    assert found["reason"].value_counts().to_dict() == {"late": 3, "malformed": 1}
    assert found.loc[found["reason"] == "malformed", "payload"].item() == '{"a": "�[2J�'
    assert found.loc[found["reason"] == "late", "said"].unique() == [
        "The storm is closed. Open it again, then replay this letter."
    ]
    assert len(dead_letters(late.world.tenant, at_most=2)) == 2
    with pytest.raises(BadInput, match="Expected one of open, replayed, discarded"):
        dead_letters(late.world.tenant, status="lost")


def test_the_same_offset_read_again_adds_no_letter(service, late):  # noqa: F811
    run(service, records(late.topic, [impacted(late.homes[0], 80)]))
    assert len(dead_letters(late.world.tenant)) == 4


def test_a_replay_is_asked_for_and_done_by_the_stream(service, late):  # noqa: F811
    found = dead_letters(late.world.tenant)
    ids = found["letter_id"].tolist()
    assert replay(late.world.tenant, ids) == {"asked": 4, "settled": 0}
    assert dead_letters(late.world.tenant)["replay_asked_by"].unique() == ["Local person"]
    assert take(service) >= 4, "still closed"
    assert dead_letters(late.world.tenant)["attempts"].tolist() == [1] * 4
    assert take(service) == 0, "each is asked for once"
    close(late, "active")
    replay(late.world.tenant, ids)
    take(service)
    done = dead_letters(late.world.tenant, status="replayed")
    assert set(done["reason"]) == {"late"}
    assert set(done["settled_by"]) == {"Local person"}
    (left,) = dead_letters(late.world.tenant).to_dict("records")
    assert (left["reason"], left["attempts"], left["replay_asked_at"]) == ("malformed", 2, None)
    assert len(late.state()["ledger"]) == 3
    assert late.one("SELECT count(*) FROM property_impacts WHERE sii_score IN (70, 80)") == 2
    assert replay(late.world.tenant, done["letter_id"]) == {"asked": 0, "settled": 3}


def test_a_replay_of_what_was_applied_meanwhile_settles_it(service):  # noqa: F811
    world = make_streamed()
    event = impacted(world.homes[0], 80)
    close(world)
    run(service, records(world.topic, [event]))
    close(world, "active")
    run(service, records(world.topic, [event]))
    replay(world.world.tenant, dead_letters(world.world.tenant)["letter_id"])
    take(service)
    assert len(dead_letters(world.world.tenant, status="replayed")) == 1
    assert len(world.state()["ledger"]) == 1


def test_a_discarded_letter_says_by_whom_and_stays_so(service, late):  # noqa: F811
    ids = dead_letters(late.world.tenant)["letter_id"].tolist()
    replay(late.world.tenant, ids[:1])
    assert discard(late.world.tenant, ids[:2]) == {"discarded": 2, "settled": 0}
    assert discard(late.world.tenant, ids[:2]) == {"discarded": 0, "settled": 2}
    assert dead_letters(late.world.tenant, status="discarded")["settled_by"].tolist() == ["Local person"] * 2
    take(service)
    assert len(dead_letters(late.world.tenant, status="discarded")) == 2
    with pytest.raises(BadInput, match="Expected a UUID"):
        discard(late.world.tenant, ["all"])


def test_a_viewer_reads_and_settles_nothing_and_a_stranger_sees_nothing(late, as_person):
    ids = dead_letters(late.world.tenant)["letter_id"].tolist()
    with guests(late.world.tenant, "viewer", "ana"):
        as_person("ana")
        assert len(dead_letters(late.world.tenant)) == 4
        for act in (replay, discard):
            with pytest.raises(NotAllowed, match="this needs operator"):
                act(late.world.tenant, ids)
    with pytest.raises(UnknownTenant):
        dead_letters(late.world.tenant)


FORGED = {
    "replayed": "UPDATE stream_dead_letters SET status = 'replayed'",
    "opened again": "UPDATE stream_dead_letters SET status = 'open' WHERE status = 'discarded'",
    "asked for again": "UPDATE stream_dead_letters SET replay_asked_at = now() WHERE status = 'discarded'",
    "signed by another": "UPDATE stream_dead_letters SET status = 'discarded', settled_by = 'somebody'",
    "another reason": "UPDATE stream_dead_letters SET reason = 'late'",
    "another payload": "UPDATE stream_dead_letters SET payload = ''",
    "another letter": "INSERT INTO stream_dead_letters (storm_id) SELECT storm_id FROM storms",
    "no letter": "DELETE FROM stream_dead_letters",
}


@pytest.mark.parametrize("forged", FORGED)
def test_nobody_says_for_the_stream_what_became_of_a_letter(late, forged):
    discard(late.world.tenant, dead_letters(late.world.tenant)["letter_id"][:1])
    before = late.ask("SELECT * FROM stream_dead_letters ORDER BY letter_id")
    with pytest.raises(NotAllowed), tenancy.session(late.world.tenant) as connection:
        if forged == "opened again":
            connection.execute(text("UPDATE stream_dead_letters SET status = 'open' WHERE status = 'open'"))
        connection.execute(text(FORGED[forged]))
    assert late.ask("SELECT * FROM stream_dead_letters ORDER BY letter_id") == before


def test_what_is_old_is_forgotten_and_the_ledger_not_too_soon(service, late):  # noqa: F811
    close(late, "active")
    run(service, records(late.topic, [impacted(late.homes[0], 80), impacted(late.homes[1], 80)], first=50))
    discard(late.world.tenant, dead_letters(late.world.tenant)["letter_id"][:2])
    with db.transaction(db.admin_url()) as connection:
        for statement in ("UPDATE stream_events SET applied_at = now() - interval '40 days' WHERE property_id = :home",
                          """UPDATE stream_dead_letters SET received_at = now() - interval '40 days',
                             settled_at = settled_at - interval '40 days' WHERE storm_id = :storm"""):  # fmt: skip
            connection.execute(text(statement), {"home": late.homes[0], "storm": late.world.storm_id})
    with db.transaction(db.broker_url()) as connection:
        retire = text("SELECT sec.retire_stream(CAST(:age AS interval))")
        assert connection.execute(retire, {"age": "31 days"}).scalar_one() >= 3
    assert len(late.state()["ledger"]) == 1
    assert len(dead_letters(late.world.tenant)) == 2, "open letters stay"
    with db.engine(db.broker_url()).connect() as connection, pytest.raises(DBAPIError, match="30 days at least"):
        connection.execute(retire, {"age": "29 days"})
