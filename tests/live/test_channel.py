"""Channels of changes: members alone can name theirs; outsiders hear nothing, and forgers only wake their own pages."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import text
from world import as_administrator, make_world

from stormplay import accounts, broker, tenancy
from stormplay.live import Change

sys.path.insert(0, str(Path(__file__).parent))
from hearers import administrator, hearing, touch, until


@pytest.fixture(scope="module")
def sides(database):
    """A company, and somebody who is an admin of another one, with a valid login."""
    theirs, own = (make_world(treat=3, hold_out=0, skip=0, suppressed=0) for _ in range(2))
    accounts.add_person("eavesdropper", "Eve Dropper", "hailstorm-1")
    accounts.add_member("eavesdropper", own.tenant, "admin")
    login = broker.open_kernel("eavesdropper", purpose="test")
    yield theirs, own, login
    broker.close_kernel(login.login)


@pytest.fixture
def eve(sides):
    connection = psycopg2.connect(sides[2].url)
    connection.autocommit = True
    yield connection
    connection.close()


def asked(connection, statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


def channel_of(world):
    with tenancy.session(world.tenant) as connection:
        return connection.execute(text("SELECT sec.live_channel()")).scalar_one()


def id_of(world):
    return str(administrator("SELECT tenant_id FROM sec.tenant_entry WHERE slug = %s", world.tenant)[0][0])


def words_of(connection):
    """All that a login can find out: names and sources of the catalogue, activity, settings, statistics."""
    found = []
    for statement in (
        "SELECT prosrc || pg_get_function_sqlbody(oid) FROM pg_proc", "SELECT prosrc FROM pg_proc",
        "SELECT query FROM pg_stat_activity", "SELECT application_name FROM pg_stat_activity",
        "SELECT pg_listening_channels()", "SELECT channel FROM sec.live_channel", "SELECT slug FROM sec.tenant_entry",
        "SELECT tgname || pg_get_triggerdef(oid) FROM pg_trigger", "SELECT relname FROM pg_class",
        "SELECT name FROM pg_settings", "SELECT setting FROM pg_settings", "SELECT rolname FROM pg_roles",
        "SELECT stavalues1::text FROM pg_statistic", "SELECT most_common_vals::text FROM pg_stats",
        "SELECT adbin::text FROM pg_attrdef",
    ):  # fmt: skip
        try:
            found += [str(row[0]) for row in asked(connection, statement)]
        except psycopg2.errors.InsufficientPrivilege:
            continue
    return " ".join(found)


def heard(connection, seconds=0.3):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        connection.poll()
        time.sleep(0.01)
    return [(notice.channel, notice.payload) for notice in connection.notifies]


def test_an_outsider_hears_nothing_on_any_name_that_can_be_found_out(sides, eve):
    theirs, own, _ = sides
    secret = channel_of(theirs)
    everything = words_of(eve)
    assert len(everything) > 10_000, "there is much to read, so it was tried"
    assert secret not in everything
    names = {word.strip("'\"(),:;")[:63] for word in everything.split() if "live" in word or "channel" in word}
    tenant = id_of(theirs)
    names |= {"live", "live_", "jobs", "storm_scores", theirs.tenant, theirs.storm_id, tenant, f"live_{tenant}",
              "live_" + tenant.replace("-", ""), "live_" + theirs.storm_id.replace("-", ""), "*", "%"}  # fmt: skip
    asked(eve, f"SET app.tenant_id = '{id_of(own)}'")
    names.add(own_channel := asked(eve, "SELECT sec.live_channel()")[0][0])
    for name in names - {""}:
        quoted = name.replace('"', '""')
        asked(eve, f'LISTEN "{quoted}"')
    touch(theirs)
    assert heard(eve) == []
    touch(own)
    assert {channel for channel, _ in heard(eve)} == {own_channel}, "the control: these ears work"


@pytest.mark.parametrize("statement", [
    "SELECT sec.live_channel()", "SELECT channel FROM sec.live_channel", "SELECT pg_listening_channels()",
    "SELECT sec.announce_storms()", "CALL sec.announce('jobs')", "UPDATE sec.live_channel SET channel = 'live_mine'",
    "SELECT pg_notify('live_x', 'forged')",
])  # fmt: skip
def test_what_would_tell_or_change_a_channel_is_refused(sides, eve, statement):
    asked(eve, f"SET app.tenant_id = '{id_of(sides[0])}'")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        asked(eve, statement)


def test_a_forger_only_makes_pages_of_the_own_company_read_again(sides, eve):
    theirs, own, _ = sides
    asked(eve, f"SET app.tenant_id = '{id_of(own)}'")
    name = asked(eve, "SELECT sec.live_channel()")[0][0]
    forged = [json.dumps({"storm": theirs.storm_id, "of": "jobs"}), "rubbish", '{"storm": null, "of": "<b>"}',
              "x" * 7_000, '{"storm": null, "of": "jobs"}']  # fmt: skip

    async def as_own(listener):
        for payload in forged:
            asked(eve, f"NOTIFY \"{name}\", '{payload}'")
        await until(lambda: len(listener.heard) == 3)

    assert hearing(own.tenant, as_own).heard[1:] == [Change(theirs.storm_id, "jobs"), Change(None, "jobs")]

    async def as_theirs(listener):
        for payload in forged:
            asked(eve, f"NOTIFY \"{name}\", '{payload}'")
        await asyncio.sleep(0.1)

    assert len(hearing(theirs.tenant, as_theirs).heard) == 1


def test_a_channel_changes_when_somebody_leaves_and_only_then(sides):
    theirs, own, _ = sides
    accounts.add_person("visitor", "Vi Sitor", "hailstorm-1")
    first, other = channel_of(theirs), channel_of(own)
    accounts.add_member("visitor", theirs.tenant, "viewer")
    accounts.add_member("visitor", theirs.tenant, "operator")
    assert channel_of(theirs) == first
    accounts.remove_member("visitor", theirs.tenant)
    second = channel_of(theirs)
    accounts.add_member("visitor", theirs.tenant, "viewer")
    accounts.disable("visitor")
    third = channel_of(theirs)
    accounts.disable("visitor")
    accounts.enable("visitor")
    assert channel_of(theirs) == third
    administrator("DELETE FROM sec.person WHERE username = 'visitor'")
    assert len({first, second, third, channel_of(theirs)}) == 4
    assert channel_of(own) == other


def test_who_was_a_member_hears_the_end_of_the_old_channel_and_no_more(sides):
    theirs, _, login = sides
    accounts.add_member("eavesdropper", theirs.tenant, "viewer")
    listener = psycopg2.connect(login.url)
    listener.autocommit = True
    asked(listener, f'LISTEN "{channel_of(theirs)}"')
    touch(theirs)
    assert len(heard(listener)) == 1
    accounts.remove_member("eavesdropper", theirs.tenant)
    touch(theirs)
    assert [payload for _, payload in heard(listener)[1:]] == ['{"storm": null, "of": "live_channel"}']
    listener.close()


def test_a_full_queue_keeps_no_work_from_being_saved(sides):
    """Where the queue is half full nothing is told, so a commit is never refused for it."""
    theirs, _, _ = sides
    source = administrator("SELECT pg_get_functiondef('sec.announce_storms()'::regprocedure)")[0][0]
    try:
        administrator(source.replace("< 0.5", "< 0"))

        async def act(listener):
            await asyncio.to_thread(as_administrator, touch, theirs)
            await asyncio.sleep(0.1)

        assert len(hearing(theirs.tenant, act).heard) == 1
    finally:
        administrator(source)
