"""The nursery's side: import, fork whenever it is asked, and bury; and what a child does first.

A nursery is run by path, as `python -P FILE FD`. FD is one end of a pair of sockets; each byte on it brings the end of
a pipe and asks for a child. The child alone reads who it is from that pipe, so what one child knows never enters the
memory that the next one is forked from. Where the pipe ends, whoever asked is gone, and the child ends itself; where
the sockets end, the nursery ends with all its children.
"""

from __future__ import annotations

import gc
import importlib
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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stormplay.forking.wire import LENGTH, READY, read_message


def born(
    control_file: int, modules: Sequence[str], *, nursery: str, child: str, rehearse: Callable[[], object] | None = None
) -> int:
    """Import, then fork until nobody asks any more.

    Args:
        control_file: The nursery's end of the sockets.
        modules: What a child is to have imported when it begins; none may start a thread.
        nursery, child: Names in a list of processes, of at most 15 letters: all have the same command line.
        rehearse: Called after the imports, for what is made at the first use and then kept.

    Returns:
        In a child alone: the end of its pipe.
    """
    control = socket.socket(fileno=control_file)
    control.set_inheritable(False)
    for name in modules:
        importlib.import_module(name)
    if rehearse is not None:
        rehearse()
    if (threads := len(os.listdir("/proc/self/task"))) > 1:  # noqa: PTH208 - a number is wanted
        sys.exit(f"Nothing is forked: an import has started {threads - 1} threads.")
    gc.collect()
    gc.freeze()  # else the collector would write to, and so copy, pages that all children share
    _call_yourself(nursery)
    control.send(READY)
    line = _tend(control)
    _leave_behind(line, child)
    return line


def _tend(control: socket.socket) -> int:
    """Fork a child whenever one is asked for, and bury those that have ended.

    Returns:
        In a child alone: the end of its pipe.
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
                return files[0]
            os.close(files[0])
            if handle := _answer(control, pid):
                alive[handle] = pid
                wanted.register(handle, select.POLLIN)


def _fork() -> int:
    try:
        return os.fork()
    except OSError as error:
        sys.stderr.write(f"No child could be forked: {error.strerror}\n")
        return -1


def _answer(control: socket.socket, pid: int) -> int:
    """Tell whoever asked the child's number, with a file that stands for this very process; 0 where there is none.

    Returns:
        The file; 0 where there is no child.
    """
    handle = os.pidfd_open(pid) if pid > 0 else 0
    try:
        socket.send_fds(control, [max(0, pid).to_bytes(LENGTH, "big")], [handle] if handle else [])
    except OSError:
        return handle  # who asked is gone, as the next turn finds out
    return handle


def _bury(handle: int, pid: int) -> None:
    """End a child and what it left running in its group. Its number is not given away before."""
    os.close(handle)
    _kill(pid)
    os.waitpid(pid, 0)


def _kill(pid: int) -> None:
    for end in (os.killpg, os.kill):  # it may not lead its group yet
        try:
            end(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _leave_behind(kept: int, name: str) -> None:
    os.setsid()
    _call_yourself(name)
    for file in os.listdir("/proc/self/fd"):  # noqa: PTH208 - numbers are wanted
        if int(file) > 2 and int(file) != kept:
            try:
                os.close(int(file))
            except OSError:
                continue  # the list's own


def _call_yourself(name: str) -> None:
    Path("/proc/self/comm").write_text(name, encoding="ascii")


def become(line: int, launcher: str) -> dict[str, Any]:
    """Take on what the asker says: environment, folder, arguments, memory. Nothing of before is kept.

    Args:
        line: The end of the pipe that tells.
        launcher: `sys.argv[0]`, as if it had been started by `python -m`.

    Returns:
        All that was said.
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
    threading.Thread(target=_end_with, args=(line,), daemon=True, name="asker-watch").start()
    return own


def forget_the_dice() -> None:
    """Begin all generators of random numbers anew; those that a fork copies would draw alike in every child."""
    import numpy as np  # noqa: PLC0415 - for kernels alone

    random.seed()
    np.random.seed()  # the old one, which modules share; new ones begin anew by themselves


def _end_with(line: int) -> None:
    """End this process and its group with the asker, whatever it is doing."""
    os.read(line, 1)
    os.killpg(0, signal.SIGKILL)
