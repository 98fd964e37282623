"""The embedded server in real processes: shared, stopped by the last, kills survived, permissions left alone."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg2
import pytest

from stormplay import embedded
from stormplay.embedded import place as place_module

USE = "from stormplay import embedded; embedded.ensure_running(); print('ready', flush=True); input()"


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A home of its own for one test, deep and with spaces in its path."""
    home = tmp_path / ("deep " * 8).strip() / ("folder" * 10) / ".stormplay"
    monkeypatch.setenv("STORMPLAY_HOME", str(home))
    monkeypatch.delenv("STORMPLAY_DATABASE_URL", raising=False)
    yield home
    embedded.stop()
    shutil.rmtree(embedded.place.socket_folder(home), ignore_errors=True)


def start_user(home: Path, *become: str, **more) -> subprocess.Popen:
    user = subprocess.Popen(
        [*become, sys.executable, "-c", USE],
        env={**os.environ, "STORMPLAY_HOME": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )
    assert user.stdout.readline() == "ready\n", user.stderr.read()
    return user


def server_pid(home: Path) -> int:
    data = place_module.place_of(home).data
    return int((data / "postmaster.pid").read_text().split()[0])


def is_alive(pid: int) -> bool:
    try:
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def answers() -> bool:
    with psycopg2.connect(embedded.url("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone() == (1,)


def test_two_processes_share_one_server_and_the_last_one_stops_it(fresh):
    first = start_user(fresh)
    pid = server_pid(fresh)
    second = start_user(fresh)
    assert server_pid(fresh) == pid
    first.communicate("\n")
    assert is_alive(pid), "the server must outlive the first of two users"
    second.communicate("\n")
    assert not is_alive(pid), "the last user must stop the server"


def test_the_server_survives_a_kill_of_its_parent_and_is_found_again(fresh):
    user = start_user(fresh)
    pid = server_pid(fresh)
    user.send_signal(signal.SIGKILL)
    user.communicate()
    time.sleep(0.1)
    assert is_alive(pid)
    embedded.ensure_running()
    assert server_pid(fresh) == pid
    assert answers()


def test_a_stale_lock_that_names_a_living_stranger_is_no_obstacle(fresh):
    start_user(fresh).communicate("\n")
    data = place_module.place_of(fresh).data
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n0\n5432\n\n\n\nready\n")
        embedded.ensure_running()
        assert answers()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_killed_server_recovers_its_rows(fresh):
    embedded.ensure_running()
    connection = psycopg2.connect(embedded.url("postgres"))
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept AS SELECT 41 + 1 AS answer")
    pid = server_pid(fresh)
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    embedded.ensure_running()
    with psycopg2.connect(embedded.url("postgres")) as again, again.cursor() as cursor:
        cursor.execute("SELECT answer FROM kept")
        assert cursor.fetchone() == (42,)


def test_a_set_up_that_was_killed_half_way_is_done_again(fresh):
    half = place_module.place_of(fresh).data
    half.mkdir(parents=True)
    (half / "left-over").touch()
    embedded.ensure_running()
    assert answers()


def test_no_password_no_entry(fresh):
    embedded.ensure_running()
    with pytest.raises(psycopg2.OperationalError, match=r"password authentication failed|no password supplied"):
        psycopg2.connect(embedded.url_for("postgres", "guess"))


def test_secrets_are_for_the_owner_alone(fresh):
    embedded.ensure_running()
    assert (fresh / "secrets.json").stat().st_mode & 0o077 == 0
    assert place_module.place_of(fresh).data.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root steps down to another account")
def test_root_below_a_closed_folder_changes_no_permission(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    home = closed / "project" / ".stormplay"
    folders = [tmp_path, *tmp_path.parents]
    before = [folder.stat().st_mode for folder in folders]
    start_user(home).communicate("\n")
    assert closed.stat().st_mode & 0o777 == 0o700
    assert [folder.stat().st_mode for folder in folders] == before
    shutil.rmtree(place_module.place_of(home).data.parent, ignore_errors=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_an_ordinary_user_runs_it_too():
    account = pwd.getpwnam("nobody")
    home = Path(f"/var/tmp/stormplay-test-{os.getpid()}")
    home.mkdir(mode=0o755)
    os.chown(home, account.pw_uid, account.pw_gid)
    become = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    reachable = subprocess.run(["/usr/bin/env", "test", "-x", sys.executable], user=account.pw_uid, check=False)
    if reachable.returncode:  # a Python below a closed home: may pass folders, and is an ordinary user otherwise
        become += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    try:
        user = start_user(home / ".stormplay", *become, cwd="/")
        assert (home / ".stormplay" / "postgres" / "PG_VERSION").read_text().strip() == "18"
        assert Path(f"/proc/{server_pid(home / '.stormplay')}").stat().st_uid == account.pw_uid
        assert user.communicate("\n")[1] == ""
    finally:
        shutil.rmtree(home)
