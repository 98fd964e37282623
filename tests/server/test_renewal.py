"""Logins that live as long as the server renews them, and no longer."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager

import processes
import psycopg2
import pytest
from sqlalchemy import text
from visitor import NO_PAGES, eventually, logins, roles, serving

from stormplay import broker, database

pytestmark = pytest.mark.long

LOGIN_S = 6
BRIEF = {"Kernels": {"login_s": LOGIN_S, "renew_s": 1.0, "tick_s": 0.5}}
DEAF = "logins could not be renewed"


@pytest.fixture(scope="module")
def brief(database, notebooks, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("brief"), database, notebooks, settings=BRIEF) as running:
        processes.nursery(running)  # a login must not have to wait for it
        yield running


def held(page):
    """What its kernel knows; its socket stays open, so that it is not left."""
    page.channel_open = page.channel()
    saw = page.printed()
    return saw | {"url": re.search(r"postgresql://\S+", saw["values"]).group()}


def works(saw) -> bool:
    """Whether its login may still connect, and sees a company."""
    try:
        with psycopg2.connect(saw["url"]) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM sec.my_tenants()")
            return cursor.fetchone()[0] >= 1
    except psycopg2.OperationalError:
        return False


@contextmanager
def broker_shut_out():
    """The server's role may not log in: to the server, the database is down."""
    with database.transaction(database.admin_url()) as connection:
        connection.execute(text("ALTER ROLE stormplay_broker NOLOGIN"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'stormplay_broker'")
        )
    try:
        yield
    finally:
        with database.transaction(database.admin_url()) as connection:
            connection.execute(text("ALTER ROLE stormplay_broker LOGIN"))


def test_a_login_in_use_is_renewed_and_one_that_was_ended_ends_its_page(brief, visitor):
    ana, ben, said = visitor("ana", at=brief), visitor("ben", at=brief), len(brief.said())
    begin, used, ended = time.monotonic(), held(ana.open("who")), ben.open("who")
    gone = held(ended)
    assert works(used) and works(gone)
    broker.close_kernel(gone["login"])
    eventually(lambda: ben.get(f"/api/kernels/{ended.kernel_id}").status == 403)
    time.sleep(max(0.0, begin + LOGIN_S + 1 - time.monotonic()))
    assert works(used)
    assert DEAF not in brief.said(said)


def test_a_database_that_is_away_for_a_moment_ends_nothing(brief, visitor):
    ana, said = visitor("ana", at=brief), len(brief.said())
    page = ana.open("who")
    begin, used = time.monotonic(), held(page)
    with broker_shut_out():
        eventually(lambda: DEAF in brief.said(said))
        time.sleep(1.5)  # for some more turns
        assert ana.get(f"/api/kernels/{page.kernel_id}").status == 200
    time.sleep(max(0.0, begin + LOGIN_S + 1 - time.monotonic()))
    assert works(used)
    assert page.channel_open.info()
    assert brief.said(said).count(DEAF) == 1


def test_a_page_whose_login_could_not_be_renewed_ends_with_it(brief, visitor):
    ana = visitor("ana", at=brief)
    page = ana.open("who")
    used = held(page)
    with broker_shut_out():
        eventually(lambda: ana.get(f"/api/kernels/{page.kernel_id}").status == 403, seconds=LOGIN_S + 5)
        assert not works(used)
    code, why = page.channel_open.socket.recv_data()
    while code != 8:
        code, why = page.channel_open.socket.recv_data()
    assert why[2:] == b"expired"


def test_logins_of_a_server_that_was_killed_end_by_themselves(database, notebooks, visitor, tmp_path):
    before = logins() | roles()
    with serving(tmp_path / "killed", database, notebooks, settings=BRIEF) as site:
        processes.nursery(site)
        saw = [held(visitor(name, at=site).open("who")) for name in ("ana", "ben")]
        assert all(works(each) for each in saw)
        site.process.kill()
        site.process.wait(10)
    left = {each["login"] for each in saw}
    eventually(lambda: not any(works(each) for each in saw), seconds=LOGIN_S + 5)
    assert left <= logins() & roles(), "they have ended, but nobody has tidied up"
    with serving(tmp_path / "next", database, notebooks, settings=NO_PAGES):
        eventually(lambda: not left & (logins() | roles()))
    assert logins() | roles() <= before
