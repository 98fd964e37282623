"""Accounts from the command line, as an administrator makes, shows, changes and closes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from functools import partial
from pathlib import Path

import psycopg2
import pytest
from command import in_process
from sqlalchemy import text

from stormplay import accounts, broker
from stormplay import database as db
from stormplay.errors import BadInput, NotAllowed

STORMPLAY = Path(sys.executable).with_name("stormplay")


@pytest.fixture
def stormplay(database):
    return partial(in_process, home=database)


@pytest.fixture
def process(database):
    """The same as a process of its own, with a standard input of its own."""

    def run(*arguments, typed=""):
        return subprocess.run([STORMPLAY, *arguments], env={**os.environ, "STORMPLAY_HOME": str(database)}, input=typed,
                              capture_output=True, text=True, timeout=60, check=False)  # fmt: skip

    return run


@pytest.fixture
def name():
    return f"p-{uuid.uuid4().hex[:8]}"


def told(done) -> str:
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def noted(subject) -> list[tuple[str, dict]]:
    with db.transaction(db.admin_url()) as connection:
        query = "SELECT act, detail FROM sec.account_entry WHERE subject = :who ORDER BY entry_id"
        return [tuple(row) for row in connection.execute(text(query), {"who": subject})]


def test_an_account_from_its_first_day_to_its_last(stormplay, process, name):
    added = told(process("user", "add", name, "--name", "Zoe [Ray]", "--tenant", "trinity", "--role", "viewer",
                         "--password-stdin", typed="correct horse 1\n"))  # fmt: skip
    assert added == f"{name} may sign in as viewer of trinity.\n"
    assert broker.check_password(name, "correct horse 1").display_name == "Zoe [Ray]"
    (row,) = [line.split("  ") for line in told(stormplay("user", "list")).splitlines() if line.startswith(name)]
    assert [cell.strip() for cell in row if cell.strip()] == [name, "Zoe [Ray]", "open", "trinity: viewer", "0"]

    told(stormplay("user", "role", name, "--tenant", "trinity", "--role", "operator"))
    told(stormplay("user", "role", name, "--tenant", "lone-star", "--role", "viewer"))
    told(stormplay("user", "remove", name, "--tenant", "trinity"))
    (account,) = [each for each in accounts.people() if each.username == name]
    assert account.roles == {"lone-star": "viewer"}

    told(stormplay("user", "password", name, "--password-stdin", typed="another horse 2\n"))
    assert broker.check_password(name, "correct horse 1") is None
    told(stormplay("user", "disable", name))
    assert broker.check_password(name, "another horse 2") is None
    told(stormplay("user", "enable", name))
    assert broker.check_password(name, "another horse 2")
    assert noted(name) == [
        ("added or renamed", {}),
        ("made a member", {"role": "viewer", "tenant": "trinity"}),
        ("made a member", {"role": "operator", "tenant": "trinity"}),
        ("made a member", {"role": "viewer", "tenant": "lone-star"}),
        ("removed a member", {"tenant": "trinity"}),
        ("set the password of", {}),
        ("disabled", {}),
        ("enabled", {}),
    ]
    assert "horse" not in json.dumps(noted(name))


def test_where_nobody_can_be_asked_a_password_is_made_up_and_told_once(stormplay, name):
    said = told(stormplay("user", "add", name))
    password = said.split("Password: ")[1].split()[0]
    assert len(password) >= 12
    assert broker.check_password(name, password)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("user", "add", "Bad Name"), "'Bad Name' cannot be used as a name."),
        (("user", "add", "x", "--tenant", "nowhere"), "There is no tenant 'nowhere'."),
        (("user", "add", "x", "--role", "boss"), "There is no role 'boss'."),
        (("user", "add", "x", "--password-stdin"), "The password is too short."),
        (("user", "disable", "nobody-here"), "There is no person 'nobody-here'."),
        (("user", "password", "nobody-here"), "There is no person 'nobody-here'."),
        (("user", "role", "nobody-here", "--tenant", "trinity"), "There is no person 'nobody-here' or no tenant"),
        (("user", "remove", "ana", "--tenant", "trinity"), "'ana' is no member of 'trinity'."),
        (("tenant", "add", "Bad Slug", "--name", "X"), "'Bad Slug' cannot be used as a name."),
        (("tenant", "add", "mars", "--name", "X", "--time-zone", "Mars"), "There is no time zone 'Mars'."),
        (("tenant", "add", "half", "--name", "X", "--latitude", "32"), "Only one of --latitude and --longitude"),
    ],
)
def test_bad_input_is_a_sentence_and_leaves_nothing(stormplay, arguments, sentence):
    before = (accounts.people(), accounts.tenants())
    done = stormplay(*arguments, typed="short\n")
    assert done.returncode == 2
    assert done.stderr.startswith(sentence)
    assert (accounts.people(), accounts.tenants()) == before


def test_a_company_is_there_with_its_first_person(stormplay, name):
    said = told(stormplay("tenant", "add", name, "--name", "Hill & Sons", "--latitude", "32.8", "--longitude", "-97.3"))
    assert said == f"Hill & Sons is there. Next: stormplay user add ana --name 'Ana Torres' --tenant {name}\n"
    (row,) = [line for line in told(stormplay("tenant", "list")).splitlines() if line.startswith(f"{name} ")]
    assert "Hill & Sons" in row
    (account,) = [each for each in accounts.people() if each.username == broker.LOCAL]
    assert account.roles[name] == "admin"


def test_who_is_shut_out_loses_open_connections_at_once(name, database):
    accounts.add_person(name, "Shut Out", "hailstorm-1")
    accounts.add_member(name, "trinity", "analyst")
    login = broker.open_kernel(name)
    connection = psycopg2.connect(login.url)
    accounts.disable(name)
    with pytest.raises(psycopg2.Error), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    with pytest.raises(NotAllowed, match="no open account"):
        broker.open_kernel(name)
    assert broker.renew([login.login], 60) == set()


def test_a_login_is_renewed_while_its_person_may_have_it(name, database):
    accounts.add_person(name, "Renewed", "hailstorm-1")
    first, second = broker.open_kernel(name, ttl_s=30), broker.open_kernel(name, ttl_s=30)
    broker.close_kernel(second.login)
    assert broker.renew([first.login, second.login, "k_" + "0" * 32], ttl_s=900) == {first.login}
    with db.transaction(db.admin_url()) as connection:
        left = connection.execute(
            text("""SELECT extract(epoch FROM l.expires_at - now()), extract(epoch FROM r.rolvaliduntil - now())
                      FROM sec.login l JOIN pg_roles r ON r.rolname = l.login WHERE l.login = :login"""),
            {"login": first.login},
        ).one()
        assert all(800 < seconds <= 900 for seconds in left)
        connection.execute(text("UPDATE sec.login SET opened_at = now() - interval '23 h 59 min' WHERE login = :l"),
                           {"l": first.login})  # fmt: skip
    broker.renew([first.login], ttl_s=900)
    with db.transaction(db.admin_url()) as connection:
        query = text("SELECT extract(epoch FROM expires_at - now()) FROM sec.login WHERE login = :login")
        assert connection.execute(query, {"login": first.login}).scalar_one() < 61, "a day is the end"
    broker.close_kernel(first.login)


def test_a_password_is_changed_by_who_knows_it(name, database):
    accounts.add_person(name, "Changer", "hailstorm-1")
    assert not broker.change_password(name, "not-it-at-all", "hailstorm-2")
    assert not broker.change_password("nobody-here", "hailstorm-1", "hailstorm-2")
    assert broker.check_password(name, "hailstorm-1")
    for unfit in ("short", "x" * 1025):
        with pytest.raises(BadInput, match="The password is too"):
            broker.change_password(name, "hailstorm-1", unfit)
    assert broker.change_password(name, "hailstorm-1", "hailstorm-2")
    assert broker.check_password(name, "hailstorm-2")
    assert broker.check_password(name, "hailstorm-1") is None
    assert noted(name)[-1] == ("changed the password", {})


def test_roles_without_a_login_are_reaped(database):
    left = broker.open_kernel("ana")
    with db.transaction(db.admin_url()) as connection:
        connection.execute(text("DELETE FROM sec.login WHERE login = :login"), {"login": left.login})
    assert broker.reap() >= 1
    with db.transaction(db.admin_url()) as connection:
        assert not connection.execute(text("SELECT FROM pg_roles WHERE rolname = :login"), {"login": left.login}).all()


def test_the_demo_people_are_found_for_a_trusted_proxy(database):
    assert broker.find_person("ana").display_name == "Ana Torres"
    assert broker.find_person("nobody-here") is None


def test_logins_of_one_person_open_and_close_at_once(database):
    """A page is opened while another of the same person's is just ending."""
    from concurrent.futures import ThreadPoolExecutor

    def turn(_):
        login = broker.open_kernel("ana", purpose="crowd")
        broker.close_kernel(login.login)

    with ThreadPoolExecutor(4) as crowd:
        list(crowd.map(turn, range(60)))
