"""The process that forks warm kernels: it holds imports and nothing else.

Run by path, as `python -P nursery.py FD`, so that nothing of the web server is imported. FD is one end of a pair of
sockets; each byte on it brings the end of a pipe and asks for a child. The child alone reads who it is from that pipe,
so what one kernel knows never enters the memory that the next one is forked from. Where the pipe ends, the server is
gone, and the kernel ends itself; where the sockets end, the nursery ends with all its kernels.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import random
import resource
import select
import signal
import socket
import sys
import tempfile
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

# What a page's kernel imports before its last cell is done. OR-Tools and numba are not here: only a kernel that
# plans routes needs them, and it loads them while bisection works.
WARM = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.debugger",  # unused on a page, but a kernel imports it before it answers: 0.3 s
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "sqlite3",
    "tornado.platform.asyncio",
    "anywidget",
    "folium",
    "ipywidgets",
    "pandas",
    "psycopg2.extras",
    "scipy.spatial",
    "sqlalchemy.dialects.postgresql.psycopg2",
    "stormplay.attribution.engine",
    "stormplay.charts.credits",
    "stormplay.charts.effects",
    "stormplay.charts.journeys",
    "stormplay.charts.networks",
    "stormplay.charts.scores",
    "stormplay.controls",
    "stormplay.experiments.experiment",
    "stormplay.identity.graph",
    "stormplay.maps",
    "stormplay.policy",
    "stormplay.profiles",
    "stormplay.registry",
    "stormplay.routes",
    "stormplay.score.storm",
    "stormplay.storms",
    "stormplay.tenancy",
    "stormplay.uplift.scorer",
)
KERNEL, NURSERY = "sp-kernel", "sp-nursery"  # names in a list of processes: all have the same command line
LENGTH = 4  # bytes of a number on a wire, big-endian
READY = b"r"  # said once, when all is imported
_LAUNCHER = "ipykernel_launcher"


def main() -> NoReturn:
    """Import, fork until the server is gone, and in each child be a kernel."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    for name in WARM:
        importlib.import_module(name)
    launcher = find_spec(_LAUNCHER)
    if (threads := len(os.listdir("/proc/self/task"))) > 1:  # noqa: PTH208 - a number is wanted
        sys.exit(f"No kernel is forked: an import has started {threads - 1} threads.")
    gc.collect()
    gc.freeze()  # else the collector would write to, and so copy, pages that all kernels share
    _call_yourself(NURSERY)
    control.send(READY)
    line = tend(control)
    become(line, str(launcher.origin if launcher else _LAUNCHER))
    from ipykernel.kernelapp import IPKernelApp  # noqa: PLC0415 - imported long ago, and for kernels alone

    # 1: no poller, `_end_with` sees to it. ipywidgets, where it is imported in a kernel, makes itself known to it.
    IPKernelApp.launch_instance(parent_handle=1, extensions=["ipywidgets"])
    sys.exit()


def tend(control: socket.socket) -> int:
    """Fork a child whenever one is asked for, and bury those that have ended.

    Returns:
        In a child alone: the end of its pipe. All other files are closed, and it leads a session of its own.
    """
    alive: dict[int, int] = {}  # by file that tells of their end
    wanted = select.poll()
    wanted.register(control, select.POLLIN)
    while True:
        for ready, _ in wanted.poll():
            if ready in alive:
                wanted.unregister(ready)
                _bury(ready, alive.pop(ready))
                continue
            asked, files, _, _ = socket.recv_fds(control, 1, 1, socket.MSG_CMSG_CLOEXEC)
            if not asked:
                for handle, pid in alive.items():
                    _bury(handle, pid)
                sys.exit()
            if not (pid := _fork()):
                control.close()
                _leave_behind(files[0])
                return files[0]
            os.close(files[0])
            if handle := _answer(control, pid):
                alive[handle] = pid
                wanted.register(handle, select.POLLIN)


def _fork() -> int:
    try:
        return os.fork()
    except OSError as error:
        sys.stderr.write(f"No kernel could be forked: {error.strerror}\n")
        return -1


def _answer(control: socket.socket, pid: int) -> int:
    """Tell the server the child's number, with a file that stands for this very process; 0 where there is none.

    Returns:
        The file; 0 where there is no child.
    """
    handle = os.pidfd_open(pid) if pid > 0 else 0
    try:
        socket.send_fds(control, [max(0, pid).to_bytes(LENGTH, "big")], [handle] if handle else [])
    except OSError:
        return handle  # the server is gone, as the next turn finds out
    return handle


def _bury(handle: int, pid: int) -> None:
    """End a kernel and what it left running in its group. Its number is not given away before."""
    os.close(handle)
    _kill(pid)
    os.waitpid(pid, 0)


def _kill(pid: int) -> None:
    for end in (os.killpg, os.kill):  # it may not lead its group yet
        try:
            end(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _leave_behind(kept: int) -> None:
    os.setsid()
    _call_yourself(KERNEL)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - numbers are wanted
        if int(name) > 2 and int(name) != kept:
            try:
                os.close(int(name))
            except OSError:
                continue  # the list's own


def _call_yourself(name: str) -> None:
    Path("/proc/self/comm").write_text(name, encoding="ascii")


def become(line: int, launcher: str) -> None:
    """Take on what the server says: environment, folder, arguments, memory. Nothing of before is kept.

    Args:
        line: The end of the pipe that tells.
        launcher: `sys.argv[0]`, as if it had been started by `python -m ipykernel_launcher`.
    """
    own = read_message(line)
    os.environ.clear()
    os.environ.update(own["environment"])
    time.tzset()
    tempfile.tempdir = None
    os.chdir(own["folder"])
    sys.argv[:] = [launcher, *own["arguments"]]
    packages = [at for at, path in enumerate(sys.path) if path.endswith(("site-packages", "dist-packages"))]
    sys.path.insert(packages[0] if packages else 0, "")  # where IPython puts it, unless it was started with -P
    forget_the_dice()
    if most := own["memory_bytes"]:
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    threading.Thread(target=_end_with, args=(line,), daemon=True, name="server-watch").start()


def read_message(line: int) -> dict[str, Any]:
    """One message from a pipe: its length, then JSON. Where the pipe ends instead, so does this process."""
    length = int.from_bytes(_read(line, LENGTH), "big")
    found: dict[str, Any] = json.loads(_read(line, length))
    return found


def _read(line: int, count: int) -> bytes:
    read = b""
    while len(read) < count:
        if not (more := os.read(line, count - len(read))):
            os._exit(1)
        read += more
    return read


def forget_the_dice() -> None:
    """Begin all generators of random numbers anew; those that a fork copies would draw alike in every kernel."""
    import numpy as np  # noqa: PLC0415 - for kernels alone

    random.seed()
    np.random.seed()  # the old one, which modules share; new ones begin anew by themselves


def _end_with(line: int) -> None:
    """End this process and its group with the server, whatever it is doing."""
    os.read(line, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
