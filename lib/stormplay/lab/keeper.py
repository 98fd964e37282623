"""The process around JupyterLab: takes it in, waits for it, and ends all that it started.

Run as `python -m stormplay.lab.keeper`; a line of JSON on standard input is its order, and the end of standard input
means: end JupyterLab. So a lab whose server was killed ends too. It holds no database connection and no secret but
what it hands on: the environment of JupyterLab, which is the person's own, and JupyterLab's settings with its token.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from stormplay.lab import room

GRACE_S = 8.0
_IS_LINUX = sys.platform.startswith("linux")
_HEARD = (signal.SIGCHLD, signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def main() -> NoReturn:
    """Take in JupyterLab as ordered and stay until its end; the exit code is JupyterLab's."""
    order = json.loads(_line(0))
    os.umask(0o077)
    if order["namespaces"]:
        try:
            room.leave_the_others()
        except OSError:
            say(namespaces=False)
            sys.exit(1)
        if first := os.fork():  # the new process namespace begins with the next process, and ends with it
            os.close(0)
            sys.exit(_code(os.waitpid(first, 0)[1]))
        try:
            room.furnish(order["account"], order["needed"], order["folder"], order["hidden"])
        except OSError:
            say(namespaces=False)
            sys.exit(1)
    if _IS_LINUX:
        room.adopt_orphans()
    sys.exit(_keep(_start(order)))


def say(**message: Any) -> None:
    """Tell the server something: one line of JSON on standard output."""
    os.write(1, json.dumps(message).encode() + b"\n")


def _start(order: dict[str, Any]) -> int:
    """Start JupyterLab; its settings come by a pipe, so that no list of processes shows them."""
    read, write = os.pipe()
    child = os.fork()
    if child:
        os.close(read)
        os.write(write, json.dumps(order["settings"]).encode() + b"\n")
        os.close(write)
        return child
    try:
        _become(order)
        os.dup2(read, 0)
        os.execve(sys.executable, order["command"], order["environment"])  # noqa: S606 - no shell is wanted
    except OSError as error:
        say(failed=error.strerror or str(error))
    finally:
        os._exit(1)


def _become(order: dict[str, Any]) -> None:
    if order["account"] is not None:
        room.step_down(order["account"])
        for path in (*order["needed"], order["folder"]):
            if closed := room.closed_at(path):
                say(closed=closed, path=path)
                os._exit(1)
    if _IS_LINUX:
        room.end_with_parent(signal.SIGKILL)
    os.chdir(order["folder"])


def _keep(child: int) -> int:
    """Wait for JupyterLab, or for the word to end it. Returns its exit code when nothing of it is left."""
    heard = _hear()
    deadline_s, ears = float("inf"), [0, heard]
    while True:
        if (code := _reaped(child)) is not None:
            _end_the_rest()
            return code
        wait_s = None if deadline_s == float("inf") else max(0.0, deadline_s - time.monotonic())
        ready, _, _ = select.select(ears, [], [], wait_s)
        if time.monotonic() >= deadline_s:
            os.kill(child, signal.SIGKILL)
            deadline_s = float("inf")
        signals = set(os.read(heard, 512)) - {signal.SIGCHLD} if heard in ready else set()
        if 0 in ready or signals:
            ears, deadline_s = [heard], min(deadline_s, time.monotonic() + GRACE_S)
            os.kill(child, signal.SIGTERM)


def _hear() -> int:
    """A pipe that receives the number of each signal as a byte."""
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told)
    for number in _HEARD:
        signal.signal(number, lambda *_: None)
    return heard


def _reaped(child: int) -> int | None:
    """Bury the dead, also the adopted ones. Returns JupyterLab's exit code once it is among them."""
    code = None
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            if found[0] == child:
                code = _code(found[1])
    return code


def _end_the_rest() -> None:
    """End what JupyterLab left behind; children of the killed become ours, so again until there are none."""
    while _IS_LINUX and (left := _children()):
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def _children() -> list[int]:
    me, found = str(os.getpid()), []
    for each in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = each.read_text().rpartition(")")[2].split()[:2]
            if parent == me and state != "Z":
                found.append(int(each.parent.name))
    return found


def _code(status: int) -> int:
    return os.waitstatus_to_exitcode(status) & 0xFF


def _line(descriptor: int) -> bytes:
    """One line, and not a byte more."""
    read = bytearray()
    while not read.endswith(b"\n") and (byte := os.read(descriptor, 1)):
        read += byte
    return bytes(read)


if __name__ == "__main__":
    main()
