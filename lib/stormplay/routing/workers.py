"""Who solves the sub-problems: the calling thread, worker processes, or an executor the caller brings.

OR-Tools' Python wrapper holds the interpreter lock while it searches (measured with 9.15: two threads take twice as
long as one, and the main thread stands still for as long as a search lasts), so threads gain nothing. A fork is not
safe under a kernel's threads, and multiprocessing's spawn runs the caller's main module again. So a worker is a plain
`python subproblem.py`, spoken to over its pipes.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from stormplay.errors import StormplayError
from stormplay.routing import subproblem

_MOST_WORKERS = 8


def available_cores() -> int:
    """Cores that this process may use, at most 8."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _MOST_WORKERS)


class CallingThread(Executor):
    """Runs what is submitted at once, in the thread that submits it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run the call and return its finished future."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class WorkerProcesses(Executor):
    """Solves sub-problems in separate interpreters, which start working as soon as they have started up.

    Args:
        count: Number of processes.

    Raises:
        OSError: If no process can be started.
    """

    def __init__(self, count: int) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        self._idle: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="routing")
        self._lock, self._is_closing, self._spare = threading.Lock(), False, count
        try:
            for _ in range(count):
                self._processes.append(_start_worker())
                self._idle.put(self._processes[-1])
        except OSError:
            self.shutdown()
            raise

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Solve one sub-problem; `fn` must be `solve_subproblem`, which is all a worker knows."""
        if fn is not subproblem.solve_subproblem:
            raise ValueError("Worker processes only solve sub-problems.")
        return self._threads.submit(self._ask, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """End the processes at once; a sub-problem in progress goes without an answer."""
        with self._lock:
            self._is_closing = True
            for process in self._processes:
                process.kill()
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        for process in self._processes:
            _close(process)

    def _ask(self, problem: subproblem.Subproblem) -> list[list[int]]:
        process = self._idle.get()
        try:
            return _exchange(process, problem)
        except (EOFError, OSError, pickle.UnpicklingError):
            # Killed from outside, for lack of memory for example: this one question goes without an answer.
            process = self._replace(process)
            return []
        finally:
            self._idle.put(process)

    def _replace(self, ended: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._is_closing:
                return ended
            if self._spare == 0:
                raise StormplayError("Route planning's worker processes keep ending.", remedy="Try with workers=1.")
            self._spare -= 1
            ended.kill()
            _close(ended)
            started = _start_worker()
            self._processes[self._processes.index(ended)] = started
            return started


def _exchange(process: subprocess.Popen[bytes], problem: subproblem.Subproblem) -> list[list[int]]:
    assert process.stdin is not None and process.stdout is not None  # noqa: S101 - both are pipes
    pickle.dump(problem, process.stdin)
    process.stdin.flush()
    routes: list[list[int]] = pickle.load(process.stdout)  # noqa: S301 - a private pipe of our own child
    return routes


def _start_worker() -> subprocess.Popen[bytes]:
    # -P keeps this folder off the worker's path, where its `metric` or `plan` could shadow another package.
    return subprocess.Popen(
        [sys.executable, "-P", str(Path(subproblem.__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # An interrupt meant for the caller reaches the caller only, which then ends its workers.
        start_new_session=True,
    )


def _close(process: subprocess.Popen[bytes]) -> None:
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                # Bytes that a killed worker never read; nobody waits for them.
                continue
