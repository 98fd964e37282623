"""Whoever asks a nursery for children: starts it, and starts it again where it has ended."""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from stormplay.forking.environment import nursery_environment
from stormplay.forking.wire import LENGTH, write_message

PATIENCE_S = 15.0  # for an answer
START_S = 120.0  # for its imports: two seconds, but a busy machine takes long, and none that begins anew is sooner
END_S = 5.0
LONGEST_PAUSE_S = 60.0
_UNKNOWN = -1  # how a child ended is known to the nursery alone


def can_fork() -> bool:
    """Whether children can be forked here. Elsewhere a fork without an exec is not safe with all libraries."""
    return sys.platform == "linux" and hasattr(os, "pidfd_open")


class Fork:
    """A forked child, with as much of `subprocess.Popen` as a provisioner needs.

    It stands for this very process: a number that has been given to another one is never signalled. Whoever drops it
    ends the child, for the child ends when its line does.

    Args:
        pid: Its number.
        handle: A file that stands for the process (a pidfd).
        line: The pipe on which it learns who it is.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int, handle: int, line: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._files = [handle, line]
        self._ended = select.poll()
        self._ended.register(handle, select.POLLIN)

    @property
    def line(self) -> int:
        """Our end of its line, open until it is known to have ended."""
        return self._files[1]

    def tell(self, identity: dict[str, Any]) -> None:
        """Say who it is. Raises OSError where it has ended."""
        write_message(self._files[1], identity)

    def poll(self) -> int | None:
        """None while it runs."""
        if self.returncode is None and self._ended.poll(0):
            self.returncode = _UNKNOWN
            self._close()
        return self.returncode

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait for its end, so long at most. Returns None where it still runs."""
        if self.returncode is None:
            self._ended.poll(None if seconds is None else 1_000 * seconds)
        return self.poll()

    def send_signal(self, number: int) -> None:
        """Signal it; harmless where it has ended."""
        if self.poll() is None:
            try:
                signal.pidfd_send_signal(self._files[0], number)
            except ProcessLookupError:
                self.poll()

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _close(self) -> None:
        while self._files:
            os.close(self._files.pop())

    def __del__(self) -> None:
        self._close()


class Nursery:
    """Warm children, as long as there is a nursery; after each one that was lost the pause is longer.

    One thread at a time may ask.

    Args:
        script: What the nursery runs; it calls `stormplay.forking.children.born`.
        log: Where its end is noted.
    """

    def __init__(self, script: Path, log: logging.Logger) -> None:
        self._script, self._log = script, log
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lost, self._not_before_s, self._is_closed = 0, 0.0, False
        self._is_up, self._started_s = False, 0.0

    def at_hand(self) -> socket.socket | None:
        """Start the nursery where none runs, unless the last one was lost a moment ago."""
        if self._process is not None and self._process.poll() is not None:
            self._lose(f"ended by itself ({self._process.returncode})")
        if self._control is None and not self._is_closed and time.monotonic() >= self._not_before_s:
            try:
                self._start()
            except OSError as error:
                self._lose(f"could not be started: {error.strerror}")
        return self._control

    def _start(self) -> None:
        self._is_up, self._started_s = False, time.monotonic()
        self._control, theirs = socket.socketpair()
        self._control.settimeout(PATIENCE_S)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(self._script), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env=nursery_environment(os.environ),
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for whoever asks, who then ends it
            )

    def take_over(self, other: Nursery) -> None:
        """Go on with the process that another one has started."""
        self._process, self._control, self._started_s = other._process, other._control, other._started_s
        other._process = other._control = None

    def child(self, identity: dict[str, Any]) -> Fork | None:
        """A warm child that knows `identity`, or None where none can be had now."""
        if (control := self.at_hand()) is None or not self._greeted(control):
            return None
        theirs, ours = self._line()
        try:
            socket.send_fds(control, [b"k"], [theirs])
            answer, files, _, _ = socket.recv_fds(control, LENGTH, 1, socket.MSG_CMSG_CLOEXEC)
        except OSError as error:
            self._lose(str(error) or type(error).__name__)
            answer, files = b"", []
        finally:
            os.close(theirs)
        if not files:
            os.close(ours)
            if self._control is not None and not answer:
                self._lose("said nothing")
            return None
        return self._told(Fork(int.from_bytes(answer, "big"), files[0], ours), identity)

    def _line(self) -> tuple[int, int]:
        """A new line to a child: its end and ours."""
        return os.pipe()

    def _greeted(self, control: socket.socket) -> bool:
        """Whether it has all its imports. One that is slow is not begun anew: it would only be slow again."""
        try:
            self._is_up = self._is_up or bool(control.recv(1))
        except TimeoutError:
            if time.monotonic() < self._started_s + START_S:
                return False
        except OSError as error:
            self._log.debug("the nursery does not greet: %s", error)
        if not self._is_up:
            self._lose("did not start")
        return self._is_up

    def _told(self, fork: Fork, identity: dict[str, Any]) -> Fork | None:
        try:
            fork.tell(identity)
        except OSError:
            return None
        self._lost = 0
        return fork

    def _lose(self, why: str) -> None:
        """Do without this nursery. The children that it has forked go on."""
        self._lost += 1
        pause_s = min(LONGEST_PAUSE_S, 2.0 ** (self._lost - 1))
        self._not_before_s = time.monotonic() + pause_s
        self._log.warning("the nursery is lost (%s): for %.0f s all start cold", why, pause_s)
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._control is not None:
            self._control.close()
        self._process = self._control = None

    def end(self) -> None:
        """End the nursery, and with it every child that it has forked. Harmless where it has ended."""
        self._is_closed = True
        if self._control is None or self._process is None:
            return
        self._control.close()
        if not self._is_up:
            self._process.kill()  # it has no children, and hears nothing while it imports
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = self._control = None
