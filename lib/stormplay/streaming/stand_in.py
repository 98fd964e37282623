"""The development stand-in for Kafka: one broker per project folder, shared by every command that uses it.

It is noida-db's binary with its Kafka service alone, on loopback, with its data under the hidden folder
(`embedded.home()`). It is for the demo and for tests: it has one node and one author, and a crash can lose what it
has acknowledged. Where events matter, `STORMPLAY_KAFKA` names an Apache Kafka.

Life: the first command that needs it starts it, each holds a shared lock while it lives, and when the last one has
ended, however it ended, the broker ends too (`keeper`).
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from stormplay import embedded
from stormplay.errors import BadInput, BrokerUnavailable

_BOOT_S = 15.0
_held: dict[Path, IO[str]] = {}  # hidden folder -> its lock, for the life of this process and its forks


def ensure_running() -> str:
    """Start the stand-in unless it runs, and keep it for the life of this process and of those forked from it.

    Returns:
        Its address, host:port.

    Raises:
        BadInput: It is not installed, and no Kafka is configured.
        BrokerUnavailable: It did not start.
    """
    home = embedded.home()
    room = home / "broker"
    room.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (room / "start.lock").open("a") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        if home not in _held:
            users = (room / "users.lock").open("a")
            fcntl.flock(users, fcntl.LOCK_SH)  # waits for a keeper that is just ending its broker
            _held[home] = users
        port = _known_port(room)
        if port is None or not _answers(port):
            port = _start(room, port)
    return f"127.0.0.1:{port}"


def leave() -> None:
    """Use it no longer; it ends when nobody does."""
    if (users := _held.pop(embedded.home(), None)) is not None:
        users.close()


def _start(room: Path, port_before: int | None) -> int:
    program = _program()
    for wanted in (port_before or 0, 0, 0):  # the port of before where it is free, so that others find it again
        chosen = _free(wanted)
        if chosen is not None and _boots(room, program, chosen):
            (room / "address.json").write_text(json.dumps({"port": chosen}))
            return chosen
    raise BrokerUnavailable(
        "The development broker did not start.",
        remedy=f"Its log is {room / 'server.log'}. Or set STORMPLAY_KAFKA to the servers of a Kafka.",
    )


def _boots(room: Path, program: Path, port: int) -> bool:
    keeper = Path(__file__).with_name("keeper.py")
    command = [str(program), "start", "--data-dir", str(room / "data"), "--host", "127.0.0.1"]
    command += ["--only", "kafka", "--kafka-port", str(port)]
    with (room / "server.log").open("a") as log:
        keeping = subprocess.Popen(
            [sys.executable, "-S", "-P", str(keeper), str(room / "users.lock"), *command],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + _BOOT_S
    while time.monotonic() < deadline and keeping.poll() is None:
        if _answers(port):
            keeping.returncode = 0  # it outlives us: nobody waits for it
            return True
        time.sleep(0.02)
    keeping.terminate()
    return False


def _program() -> Path:
    found = importlib.util.find_spec("noida_db")
    if found is None or found.origin is None:
        raise BadInput(
            "No Kafka is configured and the development broker is not installed.",
            "Set STORMPLAY_KAFKA to the servers of a Kafka, host:port,",
            "or install the extra: pip install 'stormplay[streaming]'.",
        )
    program = Path(found.origin).with_name("noida-db")
    if not program.stat().st_mode & 0o100:
        program.chmod(0o755)  # a wheel may lose it
    return program


def _known_port(room: Path) -> int | None:
    try:
        return int(json.loads((room / "address.json").read_text())["port"])
    except (OSError, ValueError, KeyError):
        return None


def _free(port: int) -> int | None:
    try:
        with socket.create_server(("127.0.0.1", port)) as probe:
            return int(probe.getsockname()[1])
    except OSError:
        return None


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False
