"""Warm processes that make one report each, and the hand that ends them: what hangs is killed, in C code too."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from stormplay.errors import REPORT_STOPPED, Cancelled, ReportFailed, ReportTimedOut
from stormplay.forking import Nursery, can_fork, kernel_environment
from stormplay.forking.wire import receive, write_message

STOPPED = REPORT_STOPPED
_SCRIPT = Path(__file__).with_name("nursery.py")


@dataclass(frozen=True)
class Identity:
    """Who the process of a report is.

    Attributes:
        database_url: Its own short-lived login.
        person: Whose, for display.
        more: What else it is told, as names of its environment.
    """

    database_url: str
    person: str
    more: Mapping[str, str]

    def environment(self) -> dict[str, str]:
        """All that it knows: names on a list, its login, and what it is told."""
        return kernel_environment(os.environ, self.more, database_url=self.database_url, username=self.person)


class Maker(Protocol):
    """Makes reports somewhere."""

    def make(self, report: Mapping[str, Any], identity: Identity, timeout_s: float) -> dict[str, Any]:
        """Make one, as `Workers.make` does."""


class _Process(Protocol):
    def kill(self) -> None: ...

    def wait(self) -> int | None: ...


class Workers:
    """Makes reports in processes of their own; may be asked by several threads at once."""

    def __init__(self) -> None:
        self._nursery = _ReportNursery(_SCRIPT, logging.getLogger(__name__)) if can_fork() else None
        self._asking = threading.Lock()

    def warm_up(self) -> None:
        """Begin to import, while the asker does something else."""
        if self._nursery is not None:
            with self._asking:
                self._nursery.at_hand()

    def make(
        self,
        report: Mapping[str, Any],
        identity: Identity,
        timeout_s: float,
        stop: threading.Event | None = None,
    ) -> dict[str, Any]:
        """Make a report.

        Args:
            report: What `child.answer` is to do; `folder` is the process's own.
            identity: Who the process is.
            timeout_s: Seconds after which it is ended.
            stop: Set by whoever does not want it any more.

        Returns:
            The answer.

        Raises:
            ReportTimedOut: It took too long.
            ReportFailed: It ended without a word.
            Cancelled: It was stopped.
        """
        folder = str(report["folder"])
        told = {"environment": identity.environment(), "folder": folder, "arguments": [], "memory_bytes": 0,
                "report": dict(report)}  # fmt: skip
        process, line = self._forked(told) or _cold(told)
        until_s = time.monotonic() + timeout_s
        try:
            with _ended_by(stop, process):
                said = receive(line, until_s)
        finally:
            process.kill()
            process.wait()
            with suppress(OSError):
                os.close(line)
        if said is None and stop is not None and stop.is_set():
            raise Cancelled(STOPPED, remedy="The last good one was left as it is.")
        if said is None and time.monotonic() >= until_s:
            raise ReportTimedOut(f"The report took longer than {timeout_s:g} seconds and was ended.",
                                 remedy="Give it more with --timeout, or see why it waits.")  # fmt: skip
        if said is None:
            raise ReportFailed(f"The report's process ended without a word{_last_words(Path(folder))}.")
        return said

    def close(self) -> None:
        """End all processes, whatever they do."""
        if self._nursery is not None:
            with self._asking:
                self._nursery.end()

    def _forked(self, told: dict[str, Any]) -> tuple[_Process, int] | None:
        if self._nursery is None:
            return None
        with self._asking:
            fork = self._nursery.child(told)
        return (fork, os.dup(fork.line)) if fork is not None else None


class Stoppable:
    """Makes reports on this machine until somebody does not want them any more.

    Args:
        stop: Set by whoever that is; then Cancelled is raised, and the last good report stays.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def make(self, report: Mapping[str, Any], identity: Identity, timeout_s: float) -> dict[str, Any]:
        """Make one, as `Workers.make` does."""
        return shared().make(report, identity, timeout_s, self._stop)


@contextmanager
def _ended_by(stop: threading.Event | None, process: _Process) -> Iterator[None]:
    """Meanwhile end a process as soon as somebody wants it stopped."""
    over = threading.Event()

    def watch(wanted: threading.Event) -> None:
        while not over.is_set():
            if wanted.wait(0.1):
                process.kill()
                return

    watching = threading.Thread(target=watch, args=(stop,), daemon=True, name="report-stop") if stop else None
    if watching is not None:
        watching.start()
    try:
        yield
    finally:
        over.set()
        if watching is not None:
            watching.join()


class _ReportNursery(Nursery):
    """Its children answer on the line on which they are told who they are."""

    def _line(self) -> tuple[int, int]:
        theirs, ours = socket.socketpair()
        return theirs.detach(), ours.detach()


class _Cold(subprocess.Popen[bytes]):
    """A process that imports all by itself, where no warm one can be had; what it has started ends with it."""

    def kill(self) -> None:
        """End it and its group."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)


def _cold(told: dict[str, Any]) -> tuple[_Process, int]:
    theirs, ours = socket.socketpair()
    with theirs:
        process = _Cold(
            [sys.executable, "-P", str(_SCRIPT), str(theirs.fileno()), "cold"],
            stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env=told["environment"], start_new_session=True,
        )  # fmt: skip
    line = ours.detach()
    with suppress(OSError):
        write_message(line, told)
    return process, line


def _last_words(folder: Path) -> str:
    try:
        said = (folder / "log.txt").read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    first = next((line for line in said if line.startswith("Fatal Python error")), said[-1] if said else "")
    return f" ({first.strip()[:200]})" if first else ""


@cache
def shared() -> Workers:
    """The workers of this process: warm from the first report on. They end with the process."""
    made = Workers()
    atexit.register(made.close)
    return made
