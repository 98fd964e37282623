"""Dump, drop, restore: the same figures, the same rights, nothing live, and nothing lost where it goes wrong."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import psutil
import psycopg2
import pytest
from command import in_process
from copies import copy_server
from psycopg2 import sql
from sqlalchemy import text
from sqlalchemy.engine import make_url

from stormplay import RouteBuilder, StormPlayScore, accounts, backup, broker, demo, embedded, lint, migrations, tenancy
from stormplay import database as db
from stormplay.embedded.place import socket_folder
from stormplay.errors import BadInput, Conflict, DatabaseUnavailable, NotAllowed

PEOPLE = ("ana", "ben", "vic")
STORM = demo.MAIN_STORM


# ---- worlds


@pytest.fixture(scope="module")
def life(loaded_demo, tmp_path_factory):
    """A home with the demo, on which people have worked: routes, one begun, a refusal, a hostile login."""
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("life")
    patch.setenv("STORMPLAY_HOME", str(folder / ".stormplay"))
    patch.delenv("STORMPLAY_DATABASE_URL", raising=False)
    copy_server(loaded_demo, folder / ".stormplay")
    embedded.ensure_running()
    accounts.set_password("ben", "his own: pass\\word")
    accounts.add_member("ana", "lone-star", "admin")
    with as_person("ana"):
        routes = RouteBuilder("lone-star", STORM).generate_routes(time_limit_s=0.5)
        RouteBuilder("lone-star", STORM).assign_crew(routes[0].route_id, "Crew Alvarez")
        with tenancy.session("lone-star") as connection:
            connection.execute(text("UPDATE jobs SET status = 'completed', notes = 'two: tabs\t, ü' "
                                    "WHERE job_id = (SELECT min(job_id::text)::uuid FROM jobs)"))  # fmt: skip
    yield SimpleNamespace(folder=folder, file=folder / "one.backup")
    embedded.stop()
    shutil.rmtree(socket_folder(embedded.home()), ignore_errors=True)
    patch.undo()


@pytest.fixture(scope="module")
def taken(life):
    """A backup of it, and what was true when it was taken."""
    login = broker.open_kernel("ana")  # open while the backup is taken, and not of the quiet kind
    with psycopg2.connect(login.url) as link, link.cursor() as cursor:
        cursor.execute("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC")
    link.close()
    made = backup.dump(life.file)
    return SimpleNamespace(file=life.file, made=made, login=login, figures=figures(), rights=rights())


@contextmanager
def as_person(username):
    """Ask as a person, through a login of their own."""
    login = broker.open_kernel(username, purpose="test")
    os.environ["STORMPLAY_DATABASE_URL"] = login.url
    try:
        yield
    finally:
        db.engine(make_url(login.url)).dispose()
        del os.environ["STORMPLAY_DATABASE_URL"]
        broker.close_kernel(login.login)


@contextmanager
def other_database(name, superuser="postgres"):
    """A second database on the same server, configured as a team would configure theirs."""
    address = db.admin_url().set(database=name)
    on_server(f"CREATE DATABASE {name}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMPLAY_DATABASE_URL", address.set(username=superuser).render_as_string(hide_password=False))
        yield address
    db.engine(address).dispose()
    on_server(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def other_home(folder):
    """A machine where nothing of ours was before."""
    before = embedded.home()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMPLAY_HOME", str(folder / ".stormplay"))
        assert embedded.home() != before
        try:
            yield
        finally:
            patch.delenv("STORMPLAY_DATABASE_URL", raising=False)
            embedded.stop()
            shutil.rmtree(socket_folder(embedded.home()), ignore_errors=True)


def on_server(*statements):
    """Run as the superuser, beside all databases."""
    link = psycopg2.connect(embedded.url("postgres").replace("@/stormplay?", "@/postgres?"))
    link.autocommit = True
    with link.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        found = cursor.fetchall() if cursor.description else []
    link.close()
    return found


def ask(query, **values):
    with db.transaction(db.admin_url()) as connection:
        return [tuple(row) for row in connection.execute(text(query), values)]


def databases():
    return {name for (name,) in on_server("SELECT datname FROM pg_database")} - {"template0", "template1", "postgres"}


def in_use():
    """All databases, the very one that is in use, and some of its rows."""
    identity = on_server("SELECT oid FROM pg_database WHERE datname = 'stormplay'")
    return databases(), identity, ask("SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM sec.person)")


# ---- what must be the same


def figures():
    """Rows by table and tenant with a hash over what is in them, sums, ledgers, passwords and the audit log."""
    tables = ask("""SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n
                        ON n.oid = c.relnamespace WHERE n.nspname IN ('public', 'sec') AND c.relkind = 'r'
                       AND c.relname NOT IN ('login', 'login_right') ORDER BY 1""")
    rows = {
        table: ask(f"""SELECT coalesce(to_jsonb(t) ->> 'tenant_id', ''), count(*), md5(string_agg(t::text, '|'
                          ORDER BY t::text)) FROM {table} t GROUP BY 1 ORDER BY 1""")
        for (table,) in tables
    }
    hail = ask("SELECT tenant_id::text, sum(hail_in) FROM property_impacts GROUP BY 1 ORDER BY 1")
    return {"rows": rows, "hail": hail, "people": [entry.username for entry in accounts.people()]}


def seen_by(username, tenant):
    """What a person sees of a tenant: the ledger, for its admins the audit log, the score and its history."""
    with as_person(username):
        ledger = RouteBuilder(tenant, STORM).get_ledger().to_dict("records")
        score = StormPlayScore(tenant, STORM)
        scores = score.current(), score.history().astype(str).to_dict("records")
        with tenancy.session(tenant) as connection:
            return ledger, tenancy.audit_trail(connection, at_most=5).astype(str).to_dict("records"), scores


def rights():
    """Every right, policy, trigger, function and default of the database, by name, without kernels' logins."""
    by_name = {
        "relations": "SELECT oid::regclass::text, coalesce(relacl, acldefault('r', relowner))::text, relrowsecurity, "
        "relforcerowsecurity FROM pg_class "
        "WHERE relkind IN ('r', 'v')",
        "owners": "SELECT oid::regclass::text, relowner::regrole::text FROM pg_class "
        "WHERE relkind IN ('r', 'v', 'i') AND relnamespace <> 'pg_toast'::regnamespace",
        "columns": "SELECT attrelid::regclass::text, attname, attacl::text, attstattarget FROM pg_attribute "
        "WHERE attacl IS NOT NULL OR attstattarget IS NOT NULL",
        "functions": "SELECT oid::regprocedure::text, proacl::text, proowner::regrole::text, prosecdef, "
        "proconfig::text, md5(coalesce(pg_get_functiondef(oid), '')) FROM pg_proc WHERE prokind IN ('f', 'p')",
        "schemas": "SELECT nspname, nspacl::text, nspowner::regrole::text FROM pg_namespace "
        "WHERE nspname !~ '^pg_(toast|temp)'",
        "languages": "SELECT lanname, g.grantee::regrole::text, g.privilege_type FROM pg_language, "
        "aclexplode(coalesce(lanacl, acldefault('l', lanowner))) g WHERE lanpltrusted",
        "database": "SELECT g.grantee::regrole::text, g.privilege_type FROM pg_database, "
        "aclexplode(coalesce(datacl, acldefault('d', datdba))) g WHERE datname = current_database()",
        "policies": "SELECT * FROM pg_policies",
        "triggers": "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
        "constraints": "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint",
        "indexes": "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indexrelid::regclass::text !~ 'pg_toast'",
        "defaults": "SELECT defaclrole::regrole::text, defaclobjtype, defaclacl::text FROM pg_default_acl "
        "WHERE defaclrole::regrole::text !~ '^k_'",
    }
    return {name: sorted(map(repr, ask(query))) for name, query in by_name.items()}


def test_dump_drop_restore_same_figures(life, taken):
    sights = {who: seen_by(who, tenant) for who, tenant in (("ana", "lone-star"), ("vic", "trinity"))}
    before = figures()
    now = life.folder / "now.backup"
    made = backup.dump(now)
    assert made.tenants == 2
    assert f"2 companies, {made.rows:,} rows" in str(made)
    assert made.rows > 70_000
    assert sum(row[1] for rows in before["rows"].values() for row in rows) == made.rows

    on_server("DROP DATABASE stormplay WITH (FORCE)")
    with pytest.raises(DatabaseUnavailable):
        ask("SELECT 1")
    done = backup.restore(now)

    assert (done.tenants, done.rows, done.aside) == (2, made.rows, None)
    after = figures()
    assert after == before
    assert before["hail"][0][1] > 0
    assert {who: seen_by(who, tenant) for who, tenant in (("ana", "lone-star"), ("vic", "trinity"))} == sights
    ledger, trail, (score, changes) = sights["ana"]
    assert score.score > 0 and changes, "the score, and how it came to be, are those of before"
    assert sum(line["properties"] for line in ledger) > 2_000
    assert {entry["username"] for entry in trail} == {"ana"}
    for username in ("ana", "vic"):
        assert broker.check_password(username, demo.PASSWORD) is not None
    assert broker.check_password("ben", "his own: pass\\word") is not None
    assert broker.check_password("ben", demo.PASSWORD) is None
    with db.transaction(db.admin_url()) as connection:
        assert lint.faults(connection) == []


def test_every_right_is_in_force_again(taken):
    backup.restore(taken.file, replace=True)
    now = rights()
    for kind, found in taken.rights.items():
        assert now[kind] == found, kind
        assert found, kind
    assert any("pg_sleep(" in line and not re.search("[{,]=", line) for line in now["functions"])
    assert not any("'-'" in line for line in now["database"] + now["languages"]), "PUBLIC may do something"
    assert figures()["rows"] == taken.figures["rows"]


def test_nothing_live_travels(taken):
    backup.restore(taken.file, replace=True)
    assert ask("SELECT count(*) FROM sec.login") == [(0,)]
    assert on_server("SELECT count(*) FROM pg_roles WHERE rolname ~ '^k_'") == [(0,)]
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(taken.login.url)
    assert ask("SELECT count(*) FROM pg_default_acl WHERE defaclacl::text LIKE '%=r%'") == [(0,)]
    with zipfile.ZipFile(taken.file) as whole, whole.open("database.dump") as archive:
        assert taken.login.login.encode() not in whole.read("manifest.json")
        listed = subprocess.run([program("pg_restore"), "--list"], stdin=archive_file(archive), capture_output=True,
                                check=True)  # fmt: skip
        assert b"TABLE DATA sec person" in listed.stdout
        assert b"TABLE DATA sec login" not in listed.stdout


def archive_file(entry):
    copy = os.memfd_create("dump")
    with os.fdopen(os.dup(copy), "wb") as file:
        shutil.copyfileobj(entry, file)
    os.lseek(copy, 0, os.SEEK_SET)
    return copy


def program(name):
    from stormplay.embedded.place import place_of

    return place_of(embedded.home()).binaries / name


ATTACKS = {
    "another tenant by setting": "SELECT set_config('app.tenant_id', :other, true), (SELECT count(*) FROM properties)",
    "a row for another tenant": "INSERT INTO properties (tenant_id, address) VALUES (:other, 'x')",
    "a row moved": "UPDATE properties SET tenant_id = :other",
    "delete": "DELETE FROM properties",
    "truncate": "TRUNCATE properties",
    "temporary table": "CREATE TEMP TABLE planted (a int)",
    "table": "CREATE TABLE planted (a int)",
    "memberships": "SELECT * FROM sec.membership",
    "passwords": "SELECT password_hash FROM sec.person",
    "audit log": "DELETE FROM sec.audit_entry",
    "mint": "SELECT sec.open_kernel('ben', interval '1 hour', 'x')",
    "superuser": "SET SESSION AUTHORIZATION postgres",
    "the owner": "SET ROLE stormplay_owner",
    "anonymous block": "DO $$ BEGIN END $$",
    "advisory lock": "SELECT pg_advisory_lock(1)",
    "large object": "SELECT lo_create(0)",
    "signal": "SELECT pg_notify('x', 'y')",
    "activity": "SELECT * FROM pg_stat_activity",
    "row security off": "ALTER TABLE properties DISABLE ROW LEVEL SECURITY",
}


@pytest.fixture(scope="module")
def restored(taken):
    backup.restore(taken.file, replace=True)
    return dict(ask("SELECT slug, tenant_id::text FROM sec.tenant_entry"))


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_are_refused_after_a_restore(restored, attack):
    with as_person("ana"), pytest.raises(NotAllowed), tenancy.session("lone-star") as connection:
        assert connection.execute(text("SELECT count(*) FROM properties")).scalar_one() == 6_000
        values = {"other": restored["trinity"]} if ":other" in ATTACKS[attack] else {}
        connection.execute(text(ATTACKS[attack]), values)


def test_a_person_sees_their_own_company_after_a_restore(restored):
    with as_person("ana"):
        assert list(tenancy.my_tenants()["slug"]) == ["lone-star"]
        with pytest.raises(BadInput, match="no tenant 'trinity' open to you"), tenancy.session("trinity"):
            pass
    assert broker.reap() == 0
    with db.transaction(db.broker_url()) as connection, pytest.raises(Exception, match="permission denied"):
        connection.execute(text("SELECT * FROM public.properties"))


# ---- where it goes wrong


def cut(file, target):
    target.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flipped(file, target):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    target.write_bytes(content)


def without_manifest(file, target):
    rewritten(file, target, manifest=None)


def rewritten(file, target, manifest):
    """The same archive with another manifest; None takes it away."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w") as new:
        new.writestr("database.dump", old.read("database.dump"))
        if manifest is not None:
            new.writestr("manifest.json", json.dumps(manifest(json.loads(old.read("manifest.json")))))


DAMAGED = {
    "cut off": cut,
    "one bit flipped": flipped,
    "empty": lambda _file, target: target.touch(),
    "something else": lambda _file, target: target.write_text("SELECT 1;"),
    "another zip": without_manifest,
    "a manifest of another kind": lambda file, target: rewritten(file, target, lambda _: {"format": 1, "rows": 3}),
    "not there": lambda _file, _target: None,
    "a folder": lambda _file, target: target.mkdir(),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_file_is_a_sentence_and_nothing_is_lost(taken, tmp_path, kind):
    before = in_use()
    DAMAGED[kind](taken.file, target := tmp_path / "damaged.backup")
    with pytest.raises(BadInput, match=r"is damaged|cannot be read") as caught:
        backup.restore(target, replace=True)
    assert str(target) in str(caught.value)
    assert in_use() == before


REFUSED = {
    "rows missing": (lambda m: m["counts"]["public.jobs"].popitem(), "public.jobs has other rows"),
    "a table too many": (lambda m: m["counts"].update({"public.planted": {"": 1}}), "public.planted has other rows"),
    "later Stormplay": (lambda m: m["migrations"].append("9999_future.sql"), "later Stormplay.*9999_future"),
    "later PostgreSQL": (lambda m: m.update(server=190_001), "PostgreSQL 19"),
    "later format": (lambda m: m.update(format=2), "format 2"),
    "a right for everybody": (lambda m: m["database"].append(["PUBLIC", "TEMPORARY"]), "everybody may make temporary"),
    "an injected right": (lambda m: m["database"].append(["PUBLIC", "ALL ON SCHEMA sec TO PUBLIC --"]), "is no right"),
    "a membership": (
        lambda m: m["members"].append(["stormplay_owner", "stormplay_broker", "ADMIN f, INHERIT t, SET t"]),
        "role stormplay_broker in stormplay_owner is a member",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_backup_that_is_not_right_is_never_published(taken, tmp_path, kind):
    before = in_use()
    change, sentence = REFUSED[kind]

    def changed(manifest):
        change(manifest)
        return manifest

    rewritten(taken.file, target := tmp_path / "wrong.backup", changed)
    try:
        with pytest.raises(BadInput, match=sentence):
            backup.restore(target, replace=True)
    finally:
        on_server("REVOKE stormplay_owner FROM stormplay_broker")
    assert in_use() == before


def test_a_database_with_a_fault_is_not_restored(taken, tmp_path):
    faulty = tmp_path / "faulty.backup"
    with other_database("faulty"):
        backup.restore(taken.file)
        with db.transaction(db.admin_url()) as connection:
            connection.execute(text("ALTER TABLE jobs NO FORCE ROW LEVEL SECURITY"))
        backup.dump(faulty)
    before = in_use()
    with pytest.raises(BadInput, match="jobs has row security off or not forced"):
        backup.restore(faulty, replace=True)
    assert in_use() == before


def test_rows_are_put_aside_only_when_asked(taken, tmp_path):
    with tenancy_of("ana", "lone-star") as connection:
        connection.execute(text("INSERT INTO properties (address) VALUES ('1 Later Street')"))
    before = in_use()
    with pytest.raises(Conflict, match=r"holds rows already.*--replace"):
        backup.restore(taken.file)
    assert in_use() == before

    done = backup.restore(taken.file, replace=True)
    assert done.aside in databases()
    assert done.aside in backup.asides()
    assert ask("SELECT count(*) FROM properties WHERE address = '1 Later Street'") == [(0,)]
    with pytest.raises(psycopg2.OperationalError, match="not currently accepting connections"):
        psycopg2.connect(embedded.url("postgres").replace("@/stormplay?", f"@/{done.aside}?"))
    # The way back, as the page on deployment gives it.
    on_server(f"ALTER DATABASE {done.aside} ALLOW_CONNECTIONS true")
    link = psycopg2.connect(embedded.url("postgres").replace("@/stormplay?", f"@/{done.aside}?"))
    with link.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM properties WHERE address = '1 Later Street'")
        assert cursor.fetchone() == (1,)
    link.close()
    with pytest.raises(BadInput, match="No database 'stormplay' was put aside"):
        backup.drop_aside("stormplay")
    for name in backup.asides():
        backup.drop_aside(name)
    assert databases() == {"stormplay"}


@contextmanager
def tenancy_of(username, tenant):
    with as_person(username), tenancy.session(tenant) as connection:
        yield connection


KILLED = """
import os, signal, sys
from pathlib import Path
from stormplay import backup
def die(what, share):
    if what.startswith(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[3] == "restore":
    backup.restore(Path(sys.argv[1]), replace=True, progress=die)
else:
    backup.dump(Path(sys.argv[1]), progress=die)
"""


@pytest.mark.parametrize("moment", ["Reading the rows", "Checking", "Changing places"])
def test_a_restore_that_is_killed_changes_nothing(taken, moment):
    before = in_use()[1:]
    ended = subprocess.run([sys.executable, "-c", KILLED, taken.file, moment, "restore"], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert in_use()[1:] == before
    assert len(databases()) > 1, "it was killed before there was anything to leave behind"
    for name in backup.asides():  # whatever begins next tidies up
        backup.drop_aside(name)
    assert databases() == {"stormplay"}


def test_a_dump_that_is_killed_leaves_no_backup(taken, tmp_path):
    target = tmp_path / "killed.backup"
    ended = subprocess.run([sys.executable, "-c", KILLED, target, "Writing", "dump"], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not target.exists()
    backup.dump(target)
    assert sorted(tmp_path.iterdir()) == [target]


def test_a_restore_goes_on_while_people_come_and_go(taken):
    login = broker.open_kernel("vic")
    stop, came = threading.Event(), []

    def knock():
        while not stop.is_set():
            for url in (login.url, embedded.url("stormplay_broker")):
                try:
                    psycopg2.connect(url).close()
                    came.append(url)
                except psycopg2.Error:
                    pass

    people = [threading.Thread(target=knock) for _ in range(2)]
    for person in people:
        person.start()
    try:
        done = backup.restore(taken.file, replace=True)
    finally:
        stop.set()
        for person in people:
            person.join()
    assert login.url in came
    assert figures()["rows"] == taken.figures["rows"]
    backup.drop_aside(done.aside)


def test_one_restore_at_a_time(taken):
    link = psycopg2.connect(embedded.url("postgres").replace("@/stormplay?", "@/postgres?"))
    with link.cursor() as cursor:
        from stormplay.backup.restoring import _LOCK

        cursor.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        with pytest.raises(Conflict, match="Another restore is running"):
            backup.restore(taken.file, replace=True)
    link.close()


# ---- the file


def test_the_file_is_the_owners_alone_and_never_overwrites(taken, tmp_path):
    target = tmp_path / "my.backup"
    before = os.umask(0)
    try:
        backup.dump(target)
    finally:
        os.umask(before)
    assert target.stat().st_mode & 0o777 == 0o600
    written = target.stat()
    with pytest.raises(BadInput, match=r"is there already.*--force"):
        backup.dump(target)
    assert target.stat() == written
    backup.dump(target, force=True)
    assert target.stat().st_ino != written.st_ino
    with pytest.raises(BadInput, match="is a folder"):
        backup.dump(tmp_path, force=True)
    with pytest.raises(BadInput, match="cannot be written: No such file"):
        backup.dump(tmp_path / "nowhere" / "my.backup")
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_in_the_way_is_not_followed(taken, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "my.backup.half").symlink_to(victim)
    with pytest.raises(BadInput, match="cannot be written"):
        backup.dump(tmp_path / "my.backup")
    assert victim.read_text() == "mine"


def test_two_dumps_to_one_name(taken, tmp_path):
    target = tmp_path / "my.backup"
    with (tmp_path / "my.backup.half").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match=r"Another process is writing my\.backup"):
            backup.dump(target)
    backup.dump(target)


def test_the_password_is_nowhere_to_be_read(taken, tmp_path):
    password = make_url(embedded.url("postgres")).password.encode()
    seen, stop = [], threading.Event()

    def watch():
        while not stop.is_set():
            for child in psutil.Process().children(recursive=True):
                try:
                    folder = Path(f"/proc/{child.pid}")
                    if b"pg_dump" in (command := (folder / "cmdline").read_bytes()):
                        seen.append(command + (folder / "environ").read_bytes())
                except OSError:
                    pass

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        backup.dump(tmp_path / "my.backup")
    finally:
        stop.set()
        watcher.join()
    assert any(b"--snapshot=" in each and b"PGPASSFILE=/dev/fd/" in each for each in seen)
    assert not any(password in each for each in seen)


def test_a_dump_is_one_moment_while_people_write(taken, tmp_path):
    target, stop, written = tmp_path / "busy.backup", threading.Event(), []
    login = broker.open_kernel("ana")
    tenant = ask("SELECT tenant_id::text FROM sec.tenant_entry WHERE slug = 'lone-star'")[0][0]

    def write():
        link = psycopg2.connect(login.url)
        with link.cursor() as cursor:
            while not stop.is_set():
                cursor.execute("SELECT set_config('app.tenant_id', %s, true)", (tenant,))
                cursor.execute("INSERT INTO properties (address) VALUES ('1 Busy Street')")
                link.commit()
                written.append(1)
        link.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        before = len(written)
        made = backup.dump(target)
        during = len(written) - before
    finally:
        stop.set()
        writer.join()
    assert during > 3
    done = backup.restore(target, replace=True)  # it counts every table against the list of that moment
    assert done.rows == made.rows
    backup.drop_aside(done.aside)


# ---- elsewhere


def test_into_a_home_where_nothing_was(taken, tmp_path):
    with other_home(tmp_path):
        done = backup.restore(taken.file)
        assert (done.made_roles, done.aside) == ((), None)
        assert databases() == {"stormplay"}
        assert figures() == taken.figures
        now = rights()
        assert {kind for kind in now if now[kind] != taken.rights[kind]} == set()
        with db.transaction(db.admin_url()) as connection:
            query = """SELECT datname FROM pg_database WHERE datname <> 'template0'
                          AND has_database_privilege('public', datname, 'CONNECT, TEMP')"""
            assert connection.execute(text(query)).scalars().all() == [], "open to whom nothing was given"
        assert seen_by("ana", "lone-star")[0]
        assert broker.check_password("ana", demo.PASSWORD) is not None
        assert migrations.migrate() == []


def test_from_a_server_with_other_superusers_and_a_password_of_signs(taken, tmp_path):
    target = tmp_path / "boss.backup"
    password = "a:b\\c@d/é %"
    on_server(sql.SQL("CREATE ROLE boss SUPERUSER LOGIN PASSWORD {}").format(sql.Literal(password)),
              "CREATE ROLE reporting NOLOGIN")  # fmt: skip
    try:
        with other_database("theirs") as address, pytest.MonkeyPatch.context() as patch:
            url = address.set(username="boss", password=password)
            patch.setenv("STORMPLAY_DATABASE_URL", url.render_as_string(hide_password=False))
            migrations.migrate()
            accounts.add_tenant("theirs", "Theirs Roofing")
            with db.transaction(db.admin_url()) as connection:
                connection.execute(text("GRANT CONNECT ON DATABASE theirs TO reporting"))
            backup.dump(target)
            db.engine(url).dispose()
            patch.setenv("STORMPLAY_DATABASE_URL", embedded_broker("theirs"))
            with pytest.raises(NotAllowed, match="need a superuser"):
                backup.dump(tmp_path / "broker.backup")
        with other_home(tmp_path), pytest.MonkeyPatch.context() as patch:
            patch.setenv("STORMPLAY_DATABASE_URL", embedded.ensure_running())  # a team's server: not ours to configure
            done = backup.restore(target)
            assert done.tenants == 1
            assert set(done.made_roles) == {"stormplay_broker", "stormplay_lake", "stormplay_trino"}
            assert re.search("Give a password to .*stormplay_broker", str(done))
            assert ask("SELECT proowner::regrole::text FROM pg_proc WHERE proname = 'protect'") == [("boss",)]
            assert on_server("SELECT rolcanlogin, rolsuper FROM pg_roles WHERE rolname = 'boss'") == [(False, False)]
            assert ask("SELECT has_database_privilege('reporting', current_database(), 'CONNECT')") == [(True,)]
            with db.transaction(db.admin_url()) as connection:
                assert lint.faults(connection) == []
    finally:
        on_server("DROP ROLE boss", "DROP ROLE reporting")


@pytest.mark.parametrize(("version", "used"), [("15.18", False), ("18.6", True)])
def test_programs_older_than_the_server_are_not_used(taken, tmp_path, monkeypatch, version, used):
    on_path = tmp_path / "bin"
    on_path.mkdir()
    fake = on_path / "pg_dump"
    fake.write_text(f"""#!/bin/sh
        [ "$1" = --version ] && echo "pg_dump (PostgreSQL) {version}" && exit
        touch "{tmp_path}/used"
        exec "{program("pg_dump")}" "$@"
    """)
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{on_path}:{os.environ['PATH']}")
    with monkeypatch.context() as server:
        server.setattr("stormplay.backup.programs._DEBIAN", tmp_path)  # whatever this machine has
        server.setenv("STORMPLAY_DATABASE_URL", embedded.url("postgres"))
        backup.dump(tmp_path / "my.backup")
    assert (tmp_path / "used").exists() == used


def embedded_broker(name):
    return embedded.url("stormplay_broker").replace("@/stormplay?", f"@/{name}?")


def test_an_older_backup_is_brought_up_to_date(taken, tmp_path):
    older = tmp_path / "sql"
    older.mkdir()
    for one in migrations.files()[:4]:
        (older / one.name).write_text(one.sql)
    target = tmp_path / "old.backup"
    with other_database("older") as address:
        migrations.migrate(address, older)
        with db.transaction(address) as connection:
            connection.execute(text("INSERT INTO sec.tenant_entry (slug, org_name) VALUES ('old', 'Old Roofing')"))
        backup.dump(target)
    with other_database("newer") as address:
        assert backup.restore(target).tenants == 1
        assert migrations.migrate(address) == []
        assert ask("SELECT slug FROM sec.tenant_entry") == [("old",)]


def test_a_database_that_is_not_ours_is_not_dumped(taken, tmp_path):
    with other_database("foreign_one"), pytest.raises(BadInput, match="not one of Stormplay"):
        backup.dump(tmp_path / "foreign.backup")
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_somebody_elses_is_put_aside_whole(taken):
    with other_database("foreign_two") as address:
        with db.transaction(address) as connection:
            connection.execute(text("CREATE TABLE theirs AS SELECT 42 AS answer"))
        with pytest.raises(Conflict, match="holds rows already"):
            backup.restore(taken.file)
        done = backup.restore(taken.file, replace=True)
        backup.drop_aside(done.aside)


def test_no_answer_is_a_sentence(taken, tmp_path, monkeypatch):
    monkeypatch.setenv("STORMPLAY_DATABASE_URL", "postgresql://x:geheim@127.0.0.1:1/none")
    for act in (lambda: backup.dump(tmp_path / "x"), lambda: backup.restore(taken.file)):
        with pytest.raises(DatabaseUnavailable, match="does not answer") as caught:
            act()
        assert "geheim" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_progress_is_told_and_grows(taken, tmp_path):
    told = []
    backup.dump(tmp_path / "x", progress=lambda what, share: told.append((what, share)))
    assert told[0] == ("Counting the rows", 0.0)
    assert told[-1] == ("Backup written", 1.0)
    del told[:]
    backup.restore(tmp_path / "x", replace=True, progress=lambda what, share: told.append((what, share)))
    assert [share for _, share in told] == sorted(share for _, share in told)
    assert told[-1] == ("Restored", 1.0)


# ---- every night


def test_each_night_is_proved_before_an_older_one_goes(taken, tmp_path, monkeypatch):
    folder = tmp_path / "nights"
    folder.mkdir()
    nights = [folder / f"stormplay-2026010{day}T031500Z.backup" for day in range(1, 5)]
    for night in nights:
        shutil.copy(taken.file, night)
    (folder / "mine.backup").write_text("not one of these")
    before = in_use()
    told = in_process("backup", "--keep", "3", folder, home=embedded.home())
    assert told.returncode == 0, told.stderr
    assert told.stdout.endswith("It was restored beside the database and proved. 2 older ones were removed.\n")
    *kept, newest = backup.kept_in(folder)
    assert kept == nights[2:]
    assert (folder / "mine.backup").exists(), "whatever else is there is somebody's"
    assert in_use() == before, "it was proved beside the database, and nothing is left of that"
    assert abs(backup.taken_at(newest).timestamp() - time.time()) < 60
    assert newest.stat().st_mode & 0o777 == 0o600

    def spoiled(target, **given):
        made = backup.dump(target, **given)
        rewritten(target, tmp_path / "other", one_row_more)
        shutil.move(tmp_path / "other", target)
        return made

    monkeypatch.setattr("stormplay.backup.rotating.dump", spoiled)
    monkeypatch.setattr("stormplay.backup.rotating.datetime", Later)
    with pytest.raises(BadInput, match="has other rows than its list says"):
        backup.keep(1, folder)
    assert len(backup.kept_in(folder)) == 3, "one that cannot be proved counts for nothing, and none goes for it"
    assert len(list(folder.glob("*.refused"))) == 1
    assert in_use() == before
    for most in (0, -1, 10_001):
        with pytest.raises(BadInput, match="cannot be kept"):
            backup.keep(most, folder)
    for wrong in (("backup",), ("backup", "--keep", "2", "--force", folder)):
        assert in_process(*wrong, home=embedded.home()).returncode == 2, wrong


class Later(datetime):
    """Another second of another day, so that the name is another."""

    @classmethod
    def now(cls, tz=None):
        return datetime(2030, 1, 1, tzinfo=tz)


def one_row_more(manifest):
    manifest["counts"]["public.jobs"][next(iter(manifest["counts"]["public.jobs"]))] += 1
    return manifest


def test_wherever_a_backup_is_cut_off_it_is_refused(taken, tmp_path):
    whole, before = taken.file.read_bytes(), in_use()
    target = tmp_path / "cut.backup"
    for share in (0.0, 0.001, 0.3, 0.9, 0.999, 0.999_99):
        target.write_bytes(whole[: int(len(whole) * share)])
        for act in (backup.restore, backup.verify, backup.taken_at):
            with pytest.raises(BadInput, match="damaged, or not a backup"):
                act(target)
    assert in_use() == before
