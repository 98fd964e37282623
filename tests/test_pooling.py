"""A connection that was used before tells nothing of who used it: our pool, and PgBouncer in transaction mode."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import debian
import psycopg2
import pytest
import sqlalchemy
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from world import guests, make_world

from stormplay import broker, embedded, tenancy
from stormplay import database as db
from stormplay.embedded.place import as_account, place_of
from stormplay.errors import DatabaseUnavailable, NotAllowed


@pytest.fixture(scope="module")
def two(database):
    """Two companies: ana is a member of the first, ben of the second, vic of both."""
    first, second = make_world(treat=3, hold_out=0, skip=0), make_world(treat=5, hold_out=0, skip=0)
    with db.transaction(db.admin_url()) as connection:
        ids = dict(connection.execute(text("SELECT slug, tenant_id::text FROM sec.tenant_entry")).all())
    with guests(first.tenant, "analyst", "ana", "vic"), guests(second.tenant, "analyst", "ben", "vic"):
        yield SimpleNamespace(ana=first.tenant, ben=second.tenant, ids=ids, mine={
            "ana": [first.tenant], "ben": [second.tenant], "vic": [first.tenant, second.tenant]})  # fmt: skip


@contextmanager
def default_pool(address):
    """What SQLAlchemy does by itself: a rollback when a connection comes back, and no more."""
    engine = sqlalchemy.create_engine(address.set(drivername="postgresql+psycopg2"), pool_size=1, max_overflow=0)
    yield engine
    engine.dispose()


@contextmanager
def our_pool(address):
    engine = db.engine(address, pool_size=1)
    yield engine
    engine.dispose()


def use(engine, *statements):
    """One use of the pool's connection: statements, committed. Returns the backend and the last answer."""
    with engine.connect() as connection:
        backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        for statement in statements:
            result = connection.exec_driver_sql(statement)
        answer = result.scalars().first() if result.returns_rows else None
        connection.commit()
    return backend, answer


# ---- 16 kinds of leftover: what is done, how the next user would notice

SHOWN = {
    "the tenant, session-wide": ("SELECT set_config('app.tenant_id', 'left', false)",
                                 "SELECT nullif(current_setting('app.tenant_id', true), '')"),
    "a setting": ("SET work_mem = '65kB'", "SELECT nullif(current_setting('work_mem'), '4MB')"),
    "search_path": ("SET search_path = 'left'", "SELECT nullif(current_setting('search_path'), '\"$user\", public')"),
    "statement_timeout": ("SET statement_timeout = '7s'", "SELECT nullif(current_setting('statement_timeout'), '0')"),
    "row_security": ("SET row_security = off", "SELECT nullif(current_setting('row_security'), 'on')"),
    "read only": ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
                  "SELECT nullif(current_setting('transaction_read_only'), 'off')"),
    "time zone": ("SET TIME ZONE 'Asia/Kathmandu'", "SELECT substring(current_setting('TimeZone') FROM 'Asia.*')"),
    "prepared statement": ("PREPARE own AS SELECT 1", "SELECT name FROM pg_prepared_statements"),
    "LISTEN": ("LISTEN own", "SELECT pg_listening_channels()"),
    "cursor WITH HOLD": ("DECLARE own CURSOR WITH HOLD FOR SELECT 1", "SELECT name FROM pg_cursors WHERE name = 'own'"),
    "advisory lock": ("SELECT pg_advisory_lock(42)",
                      "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"),
    "SET ROLE": ("SET ROLE stormplay_kernel", "SELECT nullif(current_user, session_user)"),
    "session authorization": ("SET SESSION AUTHORIZATION stormplay_kernel", "SELECT nullif(session_user, 'postgres')"),
    "temporary table": ("CREATE TEMP TABLE own (a int)", "SELECT to_regclass('pg_temp.own')::text"),
    "sequence": ("CREATE TEMP SEQUENCE own; SELECT nextval('own')", "SELECT lastval()"),
}  # fmt: skip

# What a person's own login may leave; the others are revoked from it, and are tried as the superuser alone.
OPEN_TO_A_PERSON = ("the tenant, session-wide", "a setting", "search_path", "statement_timeout", "row_security",
                    "read only", "time zone", "prepared statement", "LISTEN")  # fmt: skip


def left_over(engine, kind):
    done, look = SHOWN[kind]
    first, _ = use(engine, done)
    try:
        second, left = use(engine, look)
    except DBAPIError as error:
        assert "lastval is not yet defined" in str(error)
        return None
    assert first == second, "another connection proves nothing"
    return left


def try_both(address, kind):
    with default_pool(address) as engine:
        assert left_over(engine, kind) is not None, "it does not remain by itself: this proves nothing"
    with our_pool(address) as engine:
        assert left_over(engine, kind) is None


@pytest.mark.parametrize("kind", SHOWN)
def test_nothing_of_a_superuser_stays_with_a_connection(two, kind):
    try_both(db.admin_url(), kind)


@pytest.mark.parametrize("kind", OPEN_TO_A_PERSON)
def test_nothing_of_a_person_stays_with_a_connection(two, kind):
    login = broker.open_kernel("vic", purpose="test")
    address = make_url(login.url)
    if kind == "LISTEN":  # a person may listen, but not ask what is listened to
        assert listened(address, default_pool) == 1
        assert listened(address, our_pool) == 0
    else:
        try_both(address, kind)
    broker.close_kernel(login.login)


@pytest.mark.parametrize("pool", [default_pool, our_pool])
def test_rows_that_a_person_holds_in_a_cursor_do_not_stay(two, pool):
    """A cursor WITH HOLD keeps its rows beyond the transaction, and so beyond the tenant."""
    login = broker.open_kernel("vic", purpose="test")
    with pool(make_url(login.url)) as engine:
        use(engine, f"SELECT set_config('app.tenant_id', '{two.ids[two.ben]}', true)",
            "DECLARE own CURSOR WITH HOLD FOR SELECT tenant_id::text FROM storms")  # fmt: skip
        if pool is default_pool:
            assert use(engine, "FETCH own")[1] == two.ids[two.ben], "it does not remain by itself"
        else:
            with pytest.raises(DBAPIError, match='cursor "own" does not exist'):
                use(engine, "FETCH own")
    broker.close_kernel(login.login)


def listened(address, pool):
    """How many notifications reach the next user of a connection on which somebody listened."""
    with pool(address) as engine:
        use(engine, "LISTEN own")
        with db.transaction(db.admin_url()) as connection:
            connection.execute(text("NOTIFY own"))
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            connection.connection.dbapi_connection.poll()
            return len(connection.connection.dbapi_connection.notifies)


def test_the_drivers_own_autocommit_does_not_stay(two):
    for pool, stays in ((default_pool, True), (our_pool, False)):
        with pool(db.admin_url()) as engine:
            with engine.connect() as connection:
                connection.connection.dbapi_connection.autocommit = True
            with engine.connect() as connection:
                assert connection.connection.dbapi_connection.autocommit is stays


# ---- a tenant is not carried over, however a use ends


def commit(connection, other):
    connection.execute(text("SELECT set_config('app.tenant_id', :other, false)"), {"other": other})


def commit_by_hand(connection, other):
    """As somebody who types SQL does it: behind SQLAlchemy's back."""
    commit(connection, other)
    connection.exec_driver_sql("COMMIT")


def roll_back(connection, other):
    commit_by_hand(connection, other)
    connection.rollback()


def fail(connection, other):
    commit_by_hand(connection, other)
    raise RuntimeError


def break_statement(connection, other):
    commit_by_hand(connection, other)
    connection.execute(text("SELECT 1 / 0"))


ENDINGS = {
    "commit": commit,
    "by hand": commit_by_hand,
    "rollback": roll_back,
    "exception": fail,
    "broken statement": break_statement,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_tenant_is_carried_over(two, ending, as_person, monkeypatch):
    login = as_person("vic")
    other = two.ids[two.ben]

    def used_then_asked():
        with suppress(RuntimeError, DBAPIError), tenancy.session(two.ana) as connection:
            ENDINGS[ending](connection, other)
        with db.transaction(make_url(login.url)) as connection:
            return connection.execute(text("SELECT DISTINCT tenant_id::text FROM storms")).scalars().all()

    with monkeypatch.context() as without, default_pool(make_url(login.url)) as engine:
        without.setattr(db, "engine", lambda _address, **_: engine)
        assert used_then_asked() == [other], "SQLAlchemy's own pool carries it over"
    for _ in range(3):
        with pytest.raises(DBAPIError, match="no tenant is chosen"):
            used_then_asked()


def test_a_connection_that_was_killed_is_replaced(two, as_person):
    login = as_person("vic")
    for world in (two.ana, two.ben):
        with tenancy.session(world) as connection:
            commit(connection, two.ids[world])
            backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        end(backend)
        with pytest.raises(DBAPIError, match="no tenant is chosen"), db.transaction(make_url(login.url)) as connection:
            connection.execute(text("SELECT count(*) FROM storms"))
        with tenancy.session(two.ana) as connection:
            assert connection.execute(text("SELECT DISTINCT tenant_id::text FROM storms")).scalars().all() == [
                two.ids[two.ana]
            ]
            assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != backend


def test_a_connection_that_is_killed_in_use_is_a_sentence_and_the_next_one_works(two, as_person):
    as_person("vic")
    with pytest.raises(DatabaseUnavailable, match="does not answer"), tenancy.session(two.ana) as connection:
        commit(connection, two.ids[two.ben])
        end(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
        connection.execute(text("SELECT count(*) FROM storms"))
    with tenancy.session(two.ana) as connection:
        assert connection.execute(text("SELECT count(*) FROM properties")).scalar_one() == 3


def end(backend):
    with db.transaction(db.make_url(embedded.url("postgres"))) as connection:
        assert connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": backend}).scalar_one()


# ---- crowds: a process for each person, more threads than connections, everything at random


class Undone(Exception):
    pass


def crowd(task):
    """What one process does with one login. Returns how often, and how often a wrong tenant was seen.

    wrong: rows of another tenant than the chosen one. foreign: rows of a tenant of somebody else's, where none was
    chosen. leftover: any rows, where none was chosen.
    """
    if task["default_pool"]:
        db.engine = cache(lambda address, **_: sqlalchemy.create_engine(address, pool_size=4, max_overflow=0))
    counted = {"chosen": 0, "unchosen": 0, "wrong": 0, "foreign": 0, "leftover": 0, "forged": 0, "refused": 0}
    lock = threading.Lock()

    def run(seed):
        rng = random.Random(seed)
        for _ in range(task["transactions"]):
            found = chosen(rng) if rng.random() < 0.8 else unchosen()
            with lock:
                for name in found:
                    counted[name] += 1

    def chosen(rng):
        slug, found = rng.choice(list(task["mine"])), ["chosen"]
        ending = rng.choice(["commit", "commit", "rollback", "exception", "statement", "refusal", "savepoint"])
        try:
            with tenancy.session(slug) as connection:
                seen = connection.execute(text("SELECT DISTINCT tenant_id::text FROM storms")).scalars().all()
                if seen != [task["mine"][slug]]:
                    found.append("wrong")
                if rng.random() < 0.3:
                    commit_by_hand(connection, rng.choice(task["all"]))
                    found.append("forged")
                leave(connection, ending)
        except (Undone, DBAPIError):
            pass
        except NotAllowed:
            found.append("refused")
        return found

    def leave(connection, ending):
        if ending == "savepoint":
            connection.exec_driver_sql("BEGIN")
            with suppress(Undone), connection.begin_nested():
                connection.execute(text("SELECT set_config('app.tenant_id', 'x', false)"))
                raise Undone
        elif ending == "rollback":
            connection.rollback()
        elif ending == "exception":
            raise Undone
        elif ending == "statement":
            connection.execute(text("SELECT 1 / 0"))
        elif ending == "refusal":
            connection.execute(text("DELETE FROM storms"))

    def unchosen():
        try:
            with db.transaction(db.configured_url()) as connection:
                seen = set(connection.execute(text("SELECT DISTINCT tenant_id::text FROM storms")).scalars())
        except DBAPIError:
            return ["unchosen"]
        return ["unchosen", "leftover", *(["foreign"] if seen - set(task["mine"].values()) else [])]

    threads = [threading.Thread(target=run, args=(task["seed"] + n,)) for n in range(task["threads"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counted


@pytest.fixture
def services(two):
    """Three service logins: of people of different companies, and of a member of both."""
    logins = {who: broker.open_kernel(who, purpose="service") for who in ("ana", "ben", "vic")}
    yield logins
    for login in logins.values():
        broker.close_kernel(login.login)


def crowds(two, sizes, urls, default_pool=False):
    """Run a crowd for each person at once, each in a process of its own. Returns all counts, added up."""
    processes = []
    for seed, (who, (threads, transactions)) in enumerate(sizes.items()):
        task = {
            "mine": {slug: two.ids[slug] for slug in two.mine[who]},
            "all": [two.ids[two.ana], two.ids[two.ben]],
            "threads": threads,
            "transactions": transactions,
            "seed": 100 * seed,
            "default_pool": default_pool,
        }
        environment = {**os.environ, "STORMPLAY_DATABASE_URL": urls[who]}
        command = [sys.executable, __file__, json.dumps(task)]
        processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    told = [json.loads(process.communicate(timeout=240)[0]) for process in processes]
    return {name: sum(each[name] for each in told) for name in told[0]}


@pytest.mark.long
def test_ten_thousand_transactions_of_three_people_see_no_wrong_tenant(two, services):
    sizes = {"ana": (6, 300), "ben": (6, 300), "vic": (8, 800)}
    counted = crowds(two, sizes, {who: login.url for who, login in services.items()})
    assert counted["chosen"] + counted["unchosen"] == 10_000
    assert counted["forged"] > 1_500
    assert counted["refused"] > 500
    assert (counted["wrong"], counted["foreign"], counted["leftover"]) == (0, 0, 0)


def test_the_same_crowd_on_sqlalchemys_own_pool_meets_leftovers(two, services):
    counted = crowds(two, {"vic": (6, 100)}, {"vic": services["vic"].url}, default_pool=True)
    assert counted["leftover"] > 0


BEGUN_TOGETHER = """
import threading
from sqlalchemy import text
from stormplay import database, tenancy
start, done = threading.Barrier(8), []
def run():
    start.wait()
    done.append(len(tenancy.my_tenants()))
threads = [threading.Thread(target=run) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
with database.transaction(database.admin_url()) as connection:
    logins = connection.execute(text("SELECT count(*) FROM sec.login WHERE purpose = 'local'")).scalar_one()
    links = connection.execute(text("SELECT count(*) FROM pg_stat_activity WHERE usename ~ '^k_'")).scalar_one()
print(len(done), logins, links)
"""


def test_threads_that_begin_together_share_one_login_and_one_pool(two):
    before = ask("SELECT count(*) FROM sec.login WHERE purpose = 'local'")
    links = ask("SELECT count(*) FROM pg_stat_activity WHERE usename ~ '^k_'")
    ended = subprocess.run([sys.executable, "-c", BEGUN_TOGETHER], capture_output=True, text=True, check=True)
    done, logins, now = map(int, ended.stdout.split())
    assert (done, logins - before) == (8, 1)
    assert 1 <= now - links <= 4
    assert ended.stderr == ""
    assert ask("SELECT count(*) FROM sec.login WHERE purpose = 'local'") == before


def ask(query):
    with db.transaction(db.make_url(embedded.url("postgres"))) as connection:
        return connection.execute(text(query)).scalar_one()


# ---- PgBouncer, transaction mode, two connections to the server for each login


def as_deployed(sockets, port, users, reset):
    """The settings in docs/DEPLOY.md with this test's paths; without the reset after each transaction unless asked."""
    page = (Path(__file__).resolve().parents[1] / "docs" / "DEPLOY.md").read_text()
    text = re.search(r"^```ini\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[1]
    for old, new in (
        ("host=127.0.0.1", f"host={sockets}"),
        ("listen_port = 6432", f"listen_port = {port}\nunix_socket_dir ="),
        ("/etc/pgbouncer/userlist.txt", str(users)),
        ("query_wait_timeout = 10", "query_wait_timeout = 2"),
        ("server_reset_query_always = 1", f"server_reset_query_always = {int(reset)}"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@contextmanager
def bouncer(folder, logins, reset=False):
    """PgBouncer on a free port. Yields a function: a login's address -> the same login's address behind it."""
    program, place, port = debian.program("pgbouncer"), place_of(embedded.home()), free_port()
    folder.mkdir(mode=0o755)
    addresses = [make_url(login.url) for login in logins]
    users = folder / "userlist.txt"
    users.write_text("".join(f'"{each.username}" "{each.password}"\n' for each in addresses))
    users.chmod(0o600)
    settings = folder / "pgbouncer.ini"
    settings.write_text(as_deployed(place.sockets, port, users, reset))
    if place.account:
        for path in (folder, users, settings):
            shutil.chown(path, place.account)
    with (folder.parent / f"{folder.name}.log").open("w") as log:
        process = subprocess.Popen([program, settings], stdout=log, stderr=log, cwd="/", **as_account(place.account))
    try:
        await_port(port, process)
        yield lambda url: make_url(url).set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)
    finally:
        process.terminate()
        process.wait(10)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def await_port(port, process):
    deadline = time.monotonic() + 10
    while True:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def walkable(tmp_path):
    """A short folder that the database's account can reach, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="stormplay-bouncer-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def behind(walkable, services):
    """The same logins' addresses behind PgBouncer."""
    with bouncer(walkable / "one", services.values()) as address:
        yield {who: address(login.url) for who, login in services.items()}


@pytest.mark.parametrize("times", [30, pytest.param(100, marks=pytest.mark.long)])
def test_eight_clients_of_three_logins_behind_pgbouncer_see_no_wrong_tenant(two, behind, times):
    counted = crowds(two, {"ana": (2, times), "ben": (2, times), "vic": (4, 2 * times)}, behind)
    assert counted["chosen"] + counted["unchosen"] == 12 * times
    assert counted["forged"] > 1.5 * times
    assert (counted["wrong"], counted["foreign"]) == (0, 0)


def direct(url):
    """A client without a pool of its own: whatever it leaves behind stays on PgBouncer's connection."""
    link = psycopg2.connect(url)
    link.autocommit = True
    return link.cursor()


def backend(cursor):
    cursor.execute("SELECT pg_backend_pid(), session_user, nullif(current_setting('app.tenant_id', true), '')")
    return cursor.fetchone()


FORGED = "SELECT set_config('app.tenant_id', %s, false)"


def test_what_a_client_leaves_on_pgbouncers_connection_opens_nothing_to_the_next(two, behind, as_person, monkeypatch):
    hostile = direct(behind["ana"])
    hostile.execute(FORGED, (two.ids[two.ben],))
    left_on, who, _ = backend(hostile)

    next_one = direct(behind["ana"])
    assert backend(next_one) == (left_on, who, two.ids[two.ben]), "it is not the same connection: this proves nothing"
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="this tenant is not open to you"):
        next_one.execute("SELECT count(*) FROM properties")
    of_another = direct(behind["ben"])
    assert backend(of_another)[0] != left_on
    assert backend(of_another)[2] is None
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="no tenant is chosen"):
        of_another.execute("SELECT count(*) FROM properties")

    monkeypatch.setenv("STORMPLAY_DATABASE_URL", behind["ana"])  # and through the door all is as ever
    with tenancy.session(two.ana) as connection:
        assert connection.execute(text("SELECT count(*) FROM properties")).scalar_one() == 3
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() == left_on
    for cursor in (hostile, next_one, of_another):
        cursor.connection.close()


def test_a_member_of_both_gets_what_they_chose_not_what_was_left(two, behind, monkeypatch):
    one = direct(behind["vic"])
    monkeypatch.setenv("STORMPLAY_DATABASE_URL", behind["vic"])
    for left, wanted, homes in ((two.ben, two.ana, 3), (two.ana, two.ben, 5)):
        one.execute(FORGED, (two.ids[left],))
        with tenancy.session(wanted) as connection:
            assert connection.execute(text("SELECT count(*) FROM properties")).scalar_one() == homes
    one.connection.close()


def test_our_wipe_behind_pgbouncer_harms_nobody(two, behind, monkeypatch):
    """It reaches one of the login's two connections, between transactions; one that is in a transaction it cannot."""
    busy = psycopg2.connect(behind["vic"])
    monkeypatch.setenv("STORMPLAY_DATABASE_URL", behind["vic"])
    with busy.cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", (two.ids[two.ana],))
        held = backend(cursor)[0]
        for _ in range(10):
            with tenancy.session(two.ben) as connection:
                assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != held
                assert connection.execute(text("SELECT count(*) FROM properties")).scalar_one() == 5
        assert backend(cursor) == (held, *backend(cursor)[1:])
        cursor.execute("SELECT count(*) FROM properties")
        assert cursor.fetchone() == (3,)
    busy.close()


def test_a_reset_after_every_transaction_leaves_nothing_at_all(two, walkable, services):
    with bouncer(walkable / "always", services.values(), reset=True) as address:
        one, next_one = direct(address(services["vic"].url)), direct(address(services["vic"].url))
        one.execute(FORGED, (two.ids[two.ben],))
        left_on = backend(one)[0]
        assert backend(next_one) == (left_on, services["vic"].login, None)
        one.connection.close()
        next_one.connection.close()


def test_a_login_that_was_closed_is_shut_out_behind_pgbouncer_too(two, behind, services):
    one = direct(behind["ben"])
    one.execute("SELECT 1")
    broker.close_kernel(services["ben"].login)
    for _ in range(2):
        with pytest.raises(psycopg2.Error):
            direct(behind["ben"]).execute("SELECT 1")
    with pytest.raises(psycopg2.Error):
        one.execute("SELECT 1")
    assert backend(direct(behind["ana"]))[1] == services["ana"].login


if __name__ == "__main__":
    sys.stdout.write(json.dumps(crowd(json.loads(sys.argv[1]))))
