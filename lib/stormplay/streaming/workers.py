"""Consumers as processes: one in this process, or several that are forked from it and started again where they end.

A process that is told to stop (SIGTERM, SIGINT) finishes or rolls back its batch and ends with 0 within `END_S`
seconds: where something holds it up for longer it just ends, for a batch that was cut off has not happened.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from stormplay import logs
from stormplay.errors import StormplayError
from stormplay.streaming import consumer
from stormplay.streaming.consumer import END_S, Progress
from stormplay.streaming.metrics import Meters
from stormplay.streaming.settings import Settings

_LONGEST_PAUSE_S = 10.0

_log = logging.getLogger("stormplay.stream")


def run_here(
    settings: Settings,
    *,
    once: bool = False,
    number: int = 0,
    metrics_port: int | None = None,
    tell: Callable[[Progress], None] | None = None,
) -> Progress:
    """Consume in this process, in its main thread, until it is told to stop.

    Args:
        settings: Of this worker (`Settings.of_worker`).
        once: End when all is applied that was there at the beginning.
        number: Which of several workers this is, from 0.
        metrics_port: Port on loopback for Prometheus; None: none.
        tell: Called about once a second with how far it has come.

    Raises:
        PortTaken: The port for metrics is in use.
        Busy, BadInput, BrokerUnavailable: As `consumer.run`.
    """
    stop = stop_on_signals()
    meters = Meters()
    if metrics_port is not None:
        meters.serve(metrics_port)
    return consumer.run(settings, stop, once=once, is_first=number == 0, meters=meters, tell=tell)


def stop_on_signals(*, is_hard: bool = True) -> threading.Event:
    """An event that SIGTERM and SIGINT set; `END_S` seconds later the process has ended in any case, if `is_hard`."""
    stop = threading.Event()

    def told(*_: object) -> None:
        if not stop.is_set():
            stop.set()
            if not is_hard:
                return
            hard = threading.Timer(END_S - 0.5, os._exit, [0])
            hard.daemon = True
            hard.start()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, told)
    return stop


def run_many(settings: Settings, count: int, *, metrics_port: int | None = None) -> None:
    """Keep several consumers at work until told to stop. Worker n serves its metrics at the port given plus n.

    Raises:
        StormplayError: The first worker could not begin.
    """
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    working: dict[int, int] = {}  # process -> number of its worker
    pause_s = dict.fromkeys(range(count), 0.1)
    due = dict.fromkeys(range(count), 0.0)
    while not stop.is_set():
        for number in sorted(set(range(count)) - set(working.values())):
            if time.monotonic() >= due[number]:
                working[_fork(settings, number, metrics_port)] = number
                due[number] = time.monotonic() + pause_s[number]
                pause_s[number] = min(2 * pause_s[number], _LONGEST_PAUSE_S)
        for process in [one for one in working if os.waitpid(one, os.WNOHANG)[0]]:
            _log.warning("Worker %d has ended; it is started again.", working.pop(process))
        stop.wait(0.1)
    _end(set(working))


def _fork(settings: Settings, number: int, metrics_port: int | None) -> int:
    process = os.fork()  # nothing has begun a thread here
    if process:
        return process
    code = 1
    try:
        logs.configure_fork(f"stream-{number}")
        logs.bind(worker=str(number))
        run_here(
            settings.of_worker(number),
            number=number,
            metrics_port=None if metrics_port is None else metrics_port + number,
        )
        code = 0
    except StormplayError as error:
        sys.stderr.write(f"Worker {number}: {error}\n")
        code = error.exit_code
    except BaseException:
        _log.exception("Worker %d has failed.", number)
    finally:
        os._exit(code)


def _end(processes: set[int]) -> None:
    for process in processes:
        os.kill(process, signal.SIGTERM)
    deadline = time.monotonic() + END_S
    while processes and time.monotonic() < deadline:
        processes -= {one for one in processes if os.waitpid(one, os.WNOHANG)[0]}
        time.sleep(0.02)
    for process in processes:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
