"""Two hundred visits, and nothing of them is left."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random

import processes
import psutil
import pytest
from argon2 import PasswordHasher
from sqlalchemy import text
from visitor import PASSWORD, Visitor, eventually, logins, roles, serving

from stormplay import accounts, database

pytestmark = pytest.mark.long

RUNNERS = {"runner-one": "lone-star", "runner-two": "trinity"}
VISITS, AT_ONCE, WRONG = 200, 4, 20
SETTINGS = {"Kernels": {"unseen_s": 4.0, "left_alone_s": 1.0, "tick_s": 1.0, "most": 40, "most_per_person": 20}}


@pytest.fixture(scope="module")
def runners(database):
    """Two people of two companies. Their passwords are hashed cheaply: who guesses them is not what this is about."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    for username, tenant in RUNNERS.items():
        accounts.add_person(username, username.title(), PASSWORD)
        accounts.add_member(username, tenant, "viewer")
        with database_of_administrator() as connection:
            given = {"hash": cheap, "name": username}
            connection.execute(text("UPDATE sec.person SET password_hash = :hash WHERE username = :name"), given)


@pytest.fixture(scope="module")
def busy(database, notebooks, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("busy"), database, notebooks, settings=SETTINGS) as running:
        yield running


def database_of_administrator():
    return database.transaction(database.admin_url())


def connected() -> set[str]:
    """The kernels' logins that hold a connection."""
    with database_of_administrator() as connection:
        return set(connection.execute(text("SELECT usename FROM pg_stat_activity WHERE usename ~ '^k_'")).scalars())


def visit(site, number: int) -> str:
    """Sign in, open a page, and go away in one of four ways. Returns which."""
    dice = Random(number)
    username, way = dice.choice(list(RUNNERS)), dice.choice(("closed", "signed out", "left", "never seen"))
    person = Visitor(site)
    if number < WRONG:
        assert person.sign_in(f"nobody-{number}", "wrong-password").status == 401
    assert person.sign_in(username).status == 303
    page = person.open(dice.choice(("plain", "who")))
    if way != "never seen":
        told = page.run()
        assert not [message for message in told if message.get("failed")], (told, site.said())
        page.channel().socket.close()
    if way == "closed":
        assert page.close().status == 204
    if way == "signed out":
        assert person.post("/logout").status == 303
    return way


@pytest.mark.usefixtures("runners")
def test_two_hundred_visits_leave_nothing_behind(busy):
    before, nursery = logins() | roles(), processes.nursery(busy)
    server = psutil.Process(busy.process.pid)
    for number in range(AT_ONCE):  # what is loaded at a first use is no leak
        visit(busy, VISITS + number)
    eventually(lambda: not busy.kernels(), seconds=20)
    began = {each: (each.num_fds(), each.memory_info().rss) for each in (nursery, server)}
    with ThreadPoolExecutor(AT_ONCE) as crowd:
        ways = Counter(crowd.map(lambda number: visit(busy, number), range(VISITS)))
    assert sum(ways.values()) == VISITS
    assert min(ways.values()) > VISITS / 10, "each way was gone"
    eventually(lambda: not busy.kernels(), seconds=20)
    eventually(lambda: logins() | roles() <= before, seconds=20)
    eventually(lambda: connected() <= before)
    eventually(lambda: {p.pid for p in processes.of(busy)} == {nursery.pid, server.pid})
    assert nursery.num_threads() == 1
    assert nursery.num_fds() == began[nursery][0]
    assert nursery.memory_info().rss < began[nursery][1] + 4 * 2**20
    eventually(lambda: server.num_fds() <= began[server][0] + 10)
    assert "Traceback" not in busy.said()
