"""Each check of `stormplay doctor` is proved by a fault that was planted; what is well is said to be."""

from __future__ import annotations

import json
import socket
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from command import in_process
from sqlalchemy import text
from sqlalchemy.engine import make_url

from stormplay import backup, broker, doctor, embedded
from stormplay import database as db
from stormplay.doctor import machine

SECRETS = ("hailstorm-1", "geheim-4711")


@pytest.fixture
def look(database, tmp_path, monkeypatch):
    """Look with a planted situation; returns what a check says. Nothing of this machine's own is in the way."""
    monkeypatch.setenv("STORMPLAY_BACKUPS", str(tmp_path / "backups"))
    monkeypatch.setattr(
        "stormplay.reports.pdf.chromium", lambda: sys.executable
    )  # prints its version, as Chromium does
    lock = tmp_path / "tested.lock"
    lock.write_text("structlog==" + machine.importlib.metadata.version("structlog") + " \\\n    --hash=sha256:0\n")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    def at(**given):
        usual = {"port": port, "lock": lock, "least_memory": 1, "tight_memory": 2, "least_disk": 1, "tight_disk": 2}
        return doctor.examine(doctor.Situation(**{**usual, "server_env": tmp_path / "server.env", **given}))

    return at


def of(found, check):
    said = [one for one in found if one.check == check]
    assert said, f"nothing was said of {check}"
    return said


def wrong(found, check, state="wrong"):
    """The one finding of a check, which is not well, and says what to do."""
    (one,) = of(found, check)
    assert one.state == state, one
    assert one.remedy, one
    return one.said


@contextmanager
def planted(*statements, undo):
    """A fault in the database, committed, since the doctor has a connection of its own; and taken back."""
    with db.transaction(db.admin_url()) as connection:
        for statement in statements:
            connection.execute(text(statement))
    try:
        yield
    finally:
        with db.transaction(db.admin_url()) as connection:
            connection.execute(text(undo))


def test_where_all_is_well_each_check_says_so(look, tmp_path):
    written(tmp_path / "backups", hours=3)
    found = look()
    # Other tests of this worker have streamed on the same database; who is at work there is asked below.
    assert [one for one in found if one.state in ("wrong", "warning") and one.check != "stream"] == []
    assert {one.check for one in found} == set(doctor.CHECKS)
    assert {one.check for one in found if one.state == "unknown"} <= {"kafka", "stream"}
    assert all(one.said.endswith(".") for one in found)


# ---- the machine


def test_an_old_python(look, monkeypatch):
    monkeypatch.setattr(machine, "OLDEST_PYTHON", (9, 0))
    assert "This is Python 3" in wrong(look(), "python")


def test_other_libraries_than_were_tested(look, tmp_path):
    lock = tmp_path / "other.lock"
    lock.write_text("structlog==0.1.0 \\\n    --hash=sha256:0\nno-such-thing==1.0\n")
    assert "structlog" in wrong(look(lock=lock), "libraries")
    lock.write_text("no-such-thing==1.0\nonly-there==2.0 ; sys_platform == 'win32'\n")
    assert wrong(look(lock=lock), "libraries", "warning").startswith("Not installed: no-such-thing.")
    (one,) = of(look(lock=tmp_path / "none.lock"), "libraries")
    assert one.state == "unknown"


def test_memory_and_disk_that_run_out(look, tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       8000000 kB\nMemAvailable:    200000 kB\n")
    limits = {"meminfo": meminfo, "least_memory": 10**8, "tight_memory": 10**9}
    assert wrong(look(**limits), "memory", "warning") == "205 MB of memory can be had."
    wrong(look(**limits | {"least_memory": 10**9}), "memory")
    assert "are free for the database" in wrong(look(tight_disk=10**18), "disk", "warning")
    wrong(look(tight_disk=10**18, least_disk=10**18), "disk")


def test_a_browser_that_is_not_there_or_does_not_start(look, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("STORMPLAY_CHROMIUM", "/nonexistent/chromium")
    assert "which cannot be run" in wrong(look(), "browser", "warning")
    monkeypatch.setenv("STORMPLAY_CHROMIUM", "/bin/false")
    assert "does not start" in wrong(look(), "browser")


class Stranger(BaseHTTPRequestHandler):
    answer: tuple[int, str] = (200, "Somebody")

    def do_GET(self):
        self.send_response_only(self.answer[0])
        self.send_header("Server", self.answer[1])
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [
        ((200, "Somebody"), "wrong", "Somebody else listens on port"),
        ((503, "Stormplay"), "wrong", "says that it is not ready"),
        ((200, "Stormplay"), "well", "Stormplay answers on port"),
    ],
)
def test_a_port_that_is_taken(look, answer, state, said):
    with HTTPServer(("127.0.0.1", 0), type("Handler", (Stranger,), {"answer": answer})) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        (one,) = of(look(port=server.server_port), "port")
        server.shutdown()
    assert (one.state, said in one.said) == (state, True), one


# ---- files


def test_a_folder_that_cannot_be_written(look, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("STORMPLAY_PICTURES", str(tmp_path / "file" / "pictures"))
    found = [one for one in of(look(), "folders") if one.state == "wrong"]
    assert [one.said.startswith("Pictures cannot be kept") for one in found] == [True]
    monkeypatch.setenv("STORMPLAY_PICTURES", "s3://photos-of-us/geheim-4711")
    assert "geheim-4711" not in str(look())


def test_secrets_that_others_may_read(look, tmp_path):
    secrets = embedded.home() / "secrets.json"
    secrets.chmod(0o644)
    try:
        assert "can be read by others" in wrong(look(), "secrets")
    finally:
        secrets.chmod(0o600)
    (tmp_path / "server.env").write_text("STORMPLAY_DATABASE_URL=postgresql://b:geheim-4711@x/y")
    (tmp_path / "server.env").chmod(0o640)
    assert "server.env" in wrong(look(), "secrets")
    assert "geheim-4711" not in str(look())


def written(folder, hours, whole=True):
    """A file as a backup of so many hours ago; only its manifest is read."""
    import zipfile

    folder.mkdir(exist_ok=True)
    at = datetime.now(UTC) - timedelta(hours=hours)
    path = folder / f"stormplay-{at:%Y%m%dT%H%M%SZ}.backup"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("manifest.json", json.dumps({"taken_at": at.isoformat()}))
    if not whole:
        path.write_bytes(path.read_bytes()[:-30])
    path.chmod(0o600)
    return path


def test_no_backup_an_old_one_and_a_broken_one(look, tmp_path):
    folder = tmp_path / "backups"
    assert "There is no backup in" in wrong(look(), "backup", "warning")
    oldest = written(folder, hours=24 * 8)
    assert "192 hours old" in wrong(look(), "backup")
    written(folder, hours=30)
    assert "The last of 2 backups is 30 hours old." in wrong(look(), "backup", "warning")
    newest = written(folder, hours=1, whole=False)
    assert f"{newest.name}, is not whole" in wrong(look(), "backup")
    newest.unlink()
    oldest.chmod(0o644)
    assert oldest.name in wrong(look(), "secrets")
    assert backup.kept_in(folder)[0] == oldest


# ---- the database


def test_no_database(look, monkeypatch, tmp_path):
    monkeypatch.setenv("STORMPLAY_DATABASE_URL", "postgresql://somebody:geheim-4711@127.0.0.1:1/none")
    found = look()
    assert "does not answer" in wrong(found, "database")
    assert {one.state for one in found if one.check in ("migrations", "hardening", "roles", "clock")} == {"unknown"}
    assert "geheim-4711" not in str(found)
    monkeypatch.setenv("STORMPLAY_DATABASE_URL", "mysql://geheim-4711@x")
    assert "is not a database address" in wrong(look(), "database")
    monkeypatch.delenv("STORMPLAY_DATABASE_URL")
    monkeypatch.setenv("STORMPLAY_HOME", str(tmp_path / "empty"))
    assert "no database here yet" in wrong(look(), "database")
    assert not (tmp_path / "empty").exists(), "the doctor makes none"


def test_an_older_server(look, monkeypatch):
    monkeypatch.setattr(db, "SERVER_VERSION", 99)
    assert "PostgreSQL 18" in wrong(look(), "database")


MIGRATIONS = {
    "missing": ("DELETE FROM schema_migrations WHERE number = 72", "1 of"),
    "changed": ("UPDATE schema_migrations SET checksum = 'x' WHERE number = 4", "0004_hardening.sql was changed"),
    "ahead": ("INSERT INTO schema_migrations VALUES (9999, '9999_later.sql', 'x')", "ahead of this program"),
}


@pytest.mark.parametrize("fault", MIGRATIONS)
def test_migrations_that_are_not_ours(look, fault):
    statement, said = MIGRATIONS[fault]
    with db.transaction(db.admin_url()) as connection:
        connection.execute(text("CREATE TABLE sec.kept_aside AS SELECT * FROM schema_migrations"))
    undo = ("DELETE FROM schema_migrations; INSERT INTO schema_migrations SELECT * FROM sec.kept_aside; "
            "DROP TABLE sec.kept_aside")  # fmt: skip
    with planted(statement, undo=undo):
        assert said in wrong(look(), "migrations")


def test_what_the_broker_can_see_it_says_and_what_not_too(look, monkeypatch):
    monkeypatch.setenv("STORMPLAY_DATABASE_URL", embedded.url("stormplay_broker"))
    found = look()
    assert of(found, "migrations")[0].state == "well"
    assert of(found, "roles")[0].state == "well"
    assert of(found, "hardening")[0].state == "unknown"
    monkeypatch.setattr(broker, "schema_number", lambda: 66)
    assert "this program is made for" in wrong(look(), "migrations")
    monkeypatch.setattr(broker, "schema_number", lambda: 9999)
    assert "ahead" in wrong(look(), "migrations")


def test_a_broker_that_can_do_too_little_or_too_much(look):
    with planted("ALTER ROLE stormplay_broker NOLOGIN", undo="ALTER ROLE stormplay_broker LOGIN"):
        assert "cannot sign in" in wrong(look(), "roles")
    with planted("ALTER ROLE stormplay_broker BYPASSRLS", undo="ALTER ROLE stormplay_broker NOBYPASSRLS"):
        found = look()
        assert "can read every company's rows" in wrong(found, "roles")
        assert "can pass row security by" in wrong(found, "hardening"), "the lint says so too"


def test_a_table_without_its_lock(look):
    with planted("ALTER TABLE jobs NO FORCE ROW LEVEL SECURITY", undo="ALTER TABLE jobs FORCE ROW LEVEL SECURITY"):
        assert "Jobs has row security off or not forced." in wrong(look(), "hardening")


def test_a_clock_that_is_wrong(look):
    def off(seconds):
        return {"now": lambda: datetime.now(UTC) + timedelta(seconds=seconds)}

    assert "behind the database's" in wrong(look(**off(-20)), "clock", "warning")
    assert "ahead of the database's" in wrong(look(**off(300)), "clock")
    later = "UPDATE schema_migrations SET applied_at = applied_at + interval '1 year' WHERE number = 1"
    with planted(later, undo=later.replace("+", "-")):
        assert "it was set back" in wrong(look(), "clock")


# ---- the stream


def test_kafka_that_is_not_there_and_that_is_no_kafka(look, monkeypatch):
    monkeypatch.setenv("STORMPLAY_KAFKA", "127.0.0.1:1")
    assert "No Kafka broker answers at 127.0.0.1:1." in wrong(look(), "kafka")
    monkeypatch.setenv("STORMPLAY_KAFKA", "no address at all")
    wrong(look(), "kafka")


def test_a_stream_that_is_not_at_work(look, monkeypatch):
    monkeypatch.setenv("STORMPLAY_KAFKA", "127.0.0.1:1")
    assert "No worker of the stream is at work." in wrong(look(), "stream", "warning")
    login = broker.open_service("stream", 60)
    link = db.engine(make_url(login.url)).connect()
    try:
        (one,) = of(look(), "stream")
        assert (one.state, one.said[:34]) == ("well", "1 worker of the stream is at work,")
    finally:
        link.close()
        db.engine(make_url(login.url)).dispose()
        broker.close_kernel(login.login)


# ---- as a whole


def test_a_check_that_fails_keeps_none_of_the_others_up(look, monkeypatch):
    def breaks(_):
        raise KeyError("Jane Roe, 12 Elm Street")

    monkeypatch.setattr(doctor.examining, "WITHIN", {**doctor.examining.WITHIN, "roles": breaks})
    monkeypatch.setattr(doctor.examining, "BEFORE", {**doctor.examining.BEFORE, "disk": breaks})
    found = look()
    assert wrong(found, "disk") == wrong(found, "roles") == "This could not be looked at: KeyError."
    assert of(found, "clock")[0].state == "well"
    assert "Jane" not in str(found)


def test_the_command_its_json_and_its_exit_codes(look, monkeypatch, tmp_path):
    home = embedded.home()
    calm = {"STORMPLAY_BACKUPS": tmp_path / "backups"}
    lock = tmp_path / "tested.lock"
    usual = doctor.Situation
    monkeypatch.setattr(doctor, "Situation", lambda **given: usual(
        lock=lock, least_memory=1, tight_memory=2, least_disk=1, tight_disk=2, **given))  # fmt: skip
    port = ("--port", str(free_port()))
    told = in_process("doctor", *port, home=home, **calm)
    assert told.returncode == 0, told.stdout
    assert "warning   backup       There is no backup in" in told.stdout
    assert "To mend it: Every night:" in told.stdout
    assert in_process("doctor", "--strict", *port, home=home, **calm).returncode == 3
    lock.write_text("structlog==0.1.0\n")
    answer = in_process("doctor", "--json", *port, home=home, **calm)
    assert answer.returncode == 1
    read = json.loads(answer.stdout)
    assert read["exit_code"] == 1
    assert {one["check"] for one in read["findings"]} == set(doctor.CHECKS)
    assert [one["check"] for one in read["findings"] if one["state"] == "wrong"] == ["libraries"]
    known = json.loads((home / "secrets.json").read_text()).values()
    assert not [secret for secret in (*known, *SECRETS) if secret in told.stdout + answer.stdout]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
