"""Changes as they are committed, heard from a real database: each once, the own company's alone, after a break too."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from world import as_administrator, make_world

from stormplay import accounts, embedded, tenancy
from stormplay.embedded.place import place_of
from stormplay.embedded.server import _postmaster_pid
from stormplay.errors import BadInput, UnknownTenant
from stormplay.live import EVERYTHING, Change, Live
from stormplay.live import page as page_module

sys.path.insert(0, str(Path(__file__).parent))
from hearers import Page, administrator, hearing, shown, touch, until


@pytest.fixture(scope="module")
def worlds(database):
    return [make_world(treat=3, hold_out=0, skip=0, suppressed=0) for _ in range(2)]


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(page_module, "SETTLE_S", 0.0)


LISTENERS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'stormplay live' ORDER BY pid"


def ended_listener():
    return administrator(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'stormplay live'"
    )


def test_each_of_200_changes_is_heard_once(worlds):
    mine = worlds[0]

    async def act(listener):
        for _ in range(200):
            await asyncio.to_thread(touch, mine)
        await until(lambda: len(listener.heard) > 200)

    assert hearing(mine.tenant, act).heard == [
        Change(None, EVERYTHING), *[Change(mine.storm_id, "property_impacts")] * 200]  # fmt: skip


def test_a_page_sees_all_of_200_changes_in_a_few_calls(worlds):
    mine = worlds[0]

    async def act(page):
        began = time.monotonic()
        for _ in range(200):
            await asyncio.to_thread(touch, mine)
        took = time.monotonic() - began
        page.told.clear()
        await asyncio.to_thread(touch, mine)
        await until(lambda: page.told)
        assert len(page.told) <= 2 * took + 2

    page = shown(mine.tenant, mine.storm, act)
    assert page.told[-1] == {"property_impacts"} and page.live.changed_at == pytest.approx(time.time(), abs=5)


def test_a_transaction_tells_a_table_once_and_only_when_it_is_committed(worlds):
    mine = worlds[0]

    async def act(listener):
        with pytest.raises(RuntimeError), tenancy.session(mine.tenant) as connection:
            connection.execute(text("UPDATE property_impacts SET updated_at = now()"))
            raise RuntimeError("rolled back")
        with tenancy.session(mine.tenant) as connection:
            for _ in range(5):
                connection.execute(text("UPDATE property_impacts SET updated_at = now()"))
                connection.execute(text("UPDATE lead_uplift SET scored_at = now()"))
            connection.execute(text("UPDATE property_impacts SET updated_at = now() WHERE sii_score < 0"))
            assert len(listener.heard) == 1
        await until(lambda: len(listener.heard) == 3)
        await asyncio.sleep(0.05)

    heard = hearing(mine.tenant, act).heard[1:]
    assert set(heard) == {Change(mine.storm_id, "property_impacts"), Change(None, "lead_uplift")} and len(heard) == 2


def test_a_job_tells_the_score_too(worlds):
    mine = worlds[0]

    async def act(listener):
        with tenancy.session(mine.tenant) as connection:
            connection.execute(text("INSERT INTO jobs (storm_id, property_id) SELECT storm_id, property_id FROM "
                                    "property_impacts LIMIT 1"))  # fmt: skip
        await until(lambda: {change.of for change in listener.heard} >= {"jobs", "storm_scores"})

    hearing(mine.tenant, act)


def test_another_company_and_another_storm_do_nothing(worlds):
    mine, theirs = worlds
    with tenancy.session(mine.tenant) as connection:
        connection.execute(text("INSERT INTO storms (slug, name, event_date) VALUES ('other', 'Other', now())"))

    async def act(page):
        page.told.clear()
        touch(theirs)
        with tenancy.session(mine.tenant) as connection:
            connection.execute(text("UPDATE storms SET name = 'Other one' WHERE slug = 'other'"))
        await asyncio.sleep(0.1)
        assert page.told == []
        listeners = administrator(LISTENERS)
        page.live.follow(mine.tenant, "other")
        touch(mine)
        with tenancy.session(mine.tenant) as connection:
            connection.execute(text("UPDATE storms SET name = 'Other' WHERE slug = 'other'"))
        await until(lambda: page.told)
        assert page.told == [{"storms"}], "the storm that is on screen now, which was read when it was chosen"
        assert administrator(LISTENERS) == listeners, "by the same connection"

    shown(mine.tenant, mine.storm_id, act)


def test_an_ended_backend_is_replaced_and_all_is_read_again(worlds):
    mine = worlds[0]

    async def act(page):
        page.told.clear()
        began = time.monotonic()
        await asyncio.to_thread(ended_listener)
        await until(lambda: page.told)
        assert time.monotonic() - began < 1
        assert page.told == [{EVERYTHING}]
        await until(lambda: page.live.state == "live")
        touch(mine)
        await until(lambda: {"property_impacts"} in page.told)

    assert shown(mine.tenant, mine.storm, act).states[:4] == ["live", "live", "paused", "live"]


def stop_the_server():
    """As its administrator does, whoever else still uses it."""
    place = place_of(embedded.home())
    os.kill(_postmaster_pid(place), signal.SIGINT)
    while _postmaster_pid(place) is not None:
        time.sleep(0.01)


def test_after_a_restart_all_is_read_again_within_a_second(worlds):
    mine = worlds[0]

    async def act(page):
        page.told.clear()
        await asyncio.to_thread(stop_the_server)
        await until(lambda: page.live.state == "paused")
        await asyncio.sleep(1.2)  # long enough to have waited the longest
        await asyncio.to_thread(embedded.ensure_running)
        back = time.monotonic()
        await until(lambda: page.told)
        assert time.monotonic() - back < 1
        assert page.told == [{EVERYTHING}]
        await asyncio.to_thread(touch, mine)
        await until(lambda: {"property_impacts"} in page.told)

    shown(mine.tenant, mine.storm, act)


def test_who_is_thrown_out_is_told_so_and_hears_nothing_more(worlds, as_person):
    mine, theirs = worlds
    for username in ("leaver", "stayer"):
        as_administrator(accounts.add_person, username, username.title(), "hailstorm-1")
        as_administrator(accounts.add_member, username, mine.tenant, "viewer")
    as_person("leaver")

    async def act(page):
        assert page.live.state == "live"
        await asyncio.to_thread(as_administrator, accounts.remove_member, "leaver", mine.tenant)
        await until(lambda: page.live.state == "stopped")
        assert page.live.said == f"Live updates have stopped. There is no tenant '{mine.tenant}' open to you."
        page.told.clear()
        await asyncio.to_thread(as_administrator, touch, mine)
        await asyncio.sleep(0.1)
        assert page.told == []

    shown(mine.tenant, mine.storm_id, act)

    as_person("stayer")

    async def go_on(listener):
        before = len(listener.heard)
        await asyncio.to_thread(as_administrator, accounts.add_member, "leaver", mine.tenant, "viewer")
        await asyncio.to_thread(as_administrator, accounts.disable, "leaver")
        await until(lambda: listener.heard[before:] == [Change(None, EVERYTHING)])
        await asyncio.to_thread(as_administrator, touch, mine)
        await until(lambda: listener.heard[-1] == Change(mine.storm_id, "property_impacts"))

    assert hearing(mine.tenant, go_on).pauses == 0
    assert theirs


def test_a_person_whose_account_is_closed_is_told_once(worlds, as_person):
    mine = worlds[0]
    as_administrator(accounts.add_person, "closed-soon", "Clo Sed", "hailstorm-1")
    as_administrator(accounts.add_member, "closed-soon", mine.tenant, "viewer")
    as_person("closed-soon")

    async def act(page):
        await asyncio.to_thread(as_administrator, accounts.disable, "closed-soon")
        await until(lambda: page.live.state == "stopped")
        assert page.live.said == (
            "Live updates have stopped. This page's database login has ended. Open the page again."
        )

    shown(mine.tenant, mine.storm_id, act)


def test_what_changed_while_a_page_was_opened_is_read_when_it_has_settled(worlds, monkeypatch):
    monkeypatch.setattr(page_module, "SETTLE_S", 0.6)
    mine = worlds[0]

    async def act():
        page = Page(None, None)
        page.live.follow(mine.tenant, mine.storm)
        await until(lambda: page.live.state == "live")
        began = time.monotonic()
        touch(mine)
        await until(lambda: page.told)
        assert page.told == [{"property_impacts"}], "a change that is heard does not wait"
        await until(lambda: len(page.told) == 2)
        assert page.told[1] == {EVERYTHING} and time.monotonic() - began > 0.5
        page.live.close()

    asyncio.run(act())


def test_a_page_that_fails_says_so_and_goes_on(worlds):
    mine = worlds[0]

    async def act(page):
        errors = [BadInput("The route is gone."), ZeroDivisionError("secret")]

        def fail(names):
            page.told.append(names)
            if errors:
                raise errors.pop()

        page.live._on_change = fail
        touch(mine)
        await until(lambda: page.live.said == "A change could not be shown. Reload the page to see what is in force.")
        touch(mine)
        await until(lambda: page.live.said == "A change could not be shown. The route is gone.")
        touch(mine)
        await until(lambda: page.live.said == "")

    shown(mine.tenant, mine.storm, act)


def test_nothing_listens_without_a_loop_or_a_choice(worlds):
    assert Live(worlds[0].tenant, worlds[0].storm, print).state == "off"

    async def nothing_chosen():
        page = Page(None, None)
        await asyncio.sleep(0.02)
        return page

    assert asyncio.run(nothing_chosen()).live.state == "off"


def test_a_company_that_is_not_open_is_refused_with_a_sentence(worlds):
    async def act():
        page = Page(None, None)
        page.live.follow("no-such-company", "hail")
        await until(lambda: page.live.state == "stopped")
        return page.live.said

    assert asyncio.run(act()) == "Live updates have stopped. There is no tenant 'no-such-company' open to you."
    assert UnknownTenant.exit_code == 2
