"""Keeps the stand-in broker for as long as somebody uses it; run by path, `python -S -P FILE LOCK COMMAND ...`.

Each user holds a shared lock on one file, which the kernel drops with the process, however it ends. Whoever gets the
exclusive lock is alone: then the broker ends. It also ends, and so does the keeper, where the broker ends by itself.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import sys

END_S = 10.0
_PR_SET_PDEATHSIG = 1


def keep(lock: str, command: list[str]) -> int:
    """Run the broker until nobody uses it. Returns its exit code."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_end_with_keeper) as broker:  # noqa: PLW1509
        signal.signal(signal.SIGCHLD, lambda *_: os._exit(1))
        signal.signal(signal.SIGTERM, lambda *_: broker.terminate())
        with open(lock, "a") as users:  # noqa: PTH123 - a keeper imports as little as it can
            fcntl.flock(users, fcntl.LOCK_EX)  # kept until we end: who comes meanwhile waits, and starts another
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            broker.terminate()
            try:
                return broker.wait(END_S)
            except subprocess.TimeoutExpired:
                broker.kill()
                return broker.wait()


def _end_with_keeper() -> None:
    """Have the kernel end the broker where the keeper is killed. One thread alone is here, so this is safe."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(keep(sys.argv[1], sys.argv[2:]))
