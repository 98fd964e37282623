"""Getting the kernel ready without anybody waiting for it: compiled once by a process of its own, loaded by a thread.

The first compilation takes about 6 s of one core, loading what is on the shelf 0.5 s, most of it numba's import. Run
as `python -m stormplay.routing.readiness`, this compiles and ends.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from stormplay.routing.machine import shelf

_LOOK_EVERY_S = 0.02
_loader: tuple[int, threading.Thread] | None = None
_guard = threading.Lock()
_compiler: subprocess.Popen[bytes] | None = None


def begin() -> threading.Thread:
    """Begin to get the kernel ready in this process, if nobody has; returns the thread that does."""
    global _loader  # noqa: PLW0603 - one kernel a process
    with _guard:
        if _loader is None or _loader[0] != os.getpid():  # a thread does not come along into a forked child
            _loader = os.getpid(), threading.Thread(target=_load, name="routing-kernel")
            _loader[1].start()
        return _loader[1]


def wait(seconds: float, goes_on: Callable[[], bool] = lambda: True) -> bool:
    """Whether the kernel is ready, waiting so long at most and while `goes_on`."""
    loader, end_s = begin(), time.perf_counter() + seconds
    while loader.is_alive() and goes_on() and (left_s := end_s - time.perf_counter()) > 0:
        loader.join(min(_LOOK_EVERY_S, left_s))
    return not loader.is_alive()


def is_compiled() -> bool:
    """Whether the machine code is on the shelf."""
    return (shelf.folder() / shelf.READY).exists()


def compile_apart() -> subprocess.Popen[bytes] | None:
    """Begin to compile in a process of its own, unless that is done. It goes on where this one ends."""
    if is_compiled():
        return None
    settings = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", __name__],
        env=settings, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,  # an interrupt meant for the caller does not undo the work
    )  # fmt: skip


def prepare() -> None:
    """Begin to compile beside what this process does, unless that is done. Nobody waits for it here."""
    global _compiler  # noqa: PLW0603 - held, so that it is not taken for lost while it runs
    _compiler = compile_apart()


def compile_here() -> None:
    """Compile in this process and mark the shelf complete; one process at a time, the others find it done."""
    with (shelf.folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_compiled():
            try_out()
            (shelf.folder() / shelf.READY).touch()


def try_out() -> None:
    """Call everything compiled, and what is slow to import, once on two stops."""
    import numpy as np  # noqa: PLC0415 - after whoever starts the thread has imported it

    from stormplay.routing import nearest, region  # noqa: PLC0415
    from stormplay.routing.machine.ring import SPHERE, Rules  # noqa: PLC0415

    two = region.Region(
        np.arange(2), np.array([1, 2, 2]), np.zeros(3, np.intp), np.eye(2, 3) * 1000.0, np.zeros((3, 3)),
        np.zeros((3, 3)), np.zeros(8, np.int32), np.full(2, 1414.0), np.ones(2, np.int64), np.zeros(2), np.zeros(2),
        np.array([[1], [0]], np.int32), np.zeros((1, 1)), np.full(3, np.inf),
        np.zeros(3, np.intp), np.zeros(2, np.intp), np.zeros(3, np.intp),
        Rules(SPHERE, False, False, False, True, False, 2, 2, 2), region.Work(region.Heat(1.0, 0.1), 10, 60.0, 1),
    )  # fmt: skip
    nearest.near_stops(two.points, 1)  # imports scipy's trees
    region.work(two)
    region.ordered(two, 2)


def _load() -> None:
    compiler = compile_apart()
    while compiler is not None and compiler.poll() is None:
        if not threading.main_thread().is_alive():
            return  # the interpreter is leaving, and waits for this thread only
        time.sleep(_LOOK_EVERY_S)
    try_out()


if __name__ == "__main__":
    os.nice(5)  # what it was begun beside goes first
    compile_here()
