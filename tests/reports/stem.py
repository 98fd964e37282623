"""A process that holds all imports of the runner and of its workers, and forks a runner whenever it is asked.

The runner is what `stormplay report` is: threads, logins, locks, and a nursery with workers. Only the nursery is
forked instead of started anew: it would import for seconds, and a test that kills twenty runners has no minute.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
from pathlib import Path

import pandas  # noqa: F401 - what a runner asks for in its middle, and a child would import each time

from stormplay import reports
from stormplay.forking.children import become, born
from stormplay.forking.wire import write_message
from stormplay.reports import html, nursery, workers


class Forked:
    """As much of `subprocess.Popen` as a nursery needs."""

    def __init__(self, pid):
        self.pid, self.returncode = pid, None

    def poll(self):
        if self.returncode is None and os.waitpid(self.pid, os.WNOHANG)[0]:
            self.returncode = 0
        return self.returncode

    def wait(self, _seconds=None):
        if self.returncode is None:
            os.waitpid(self.pid, 0)
            self.returncode = 0
        return self.returncode

    def kill(self):
        os.kill(self.pid, 9)


def start(self):
    """In the place of `Nursery._start`."""
    self._control, theirs = socket.socketpair()
    self._control.settimeout(15)
    self._started_s = 0.0
    if pid := os.fork():
        theirs.close()
        self._process = Forked(pid)
        return
    try:
        os.setsid()
        self._control.close()
        line = born(theirs.detach(), (), nursery="sp-reports", child="sp-report")
        request = become(line, "nursery")
        child = sys.modules["stormplay.reports.child"]
        child.quiet(Path(request["folder"]))
        write_message(line, child.answer(request["report"]))
    finally:
        os._exit(0)  # whatever happens, it is no runner


def run(notebooks, out):
    """Make all reports of both companies. The exit code is the number of those that are missing."""
    workers._ReportNursery._start = start
    terms = reports.Terms(as_of=reports.moment("2021-05-03T06:00Z"), pause_s=0.2)
    reports.get_ready(terms)  # before there is a connection that the nursery would inherit
    wanted = reports.planned(notebooks, {}, out, "vic", terms, storms=["2021-04-28"])
    summary = reports.make_all(wanted, terms, at_once=2)
    for one in summary.missing:
        sys.stderr.write(f"{one.error}\n")
    sys.stderr.flush()
    workers.shared().close()
    os._exit(len(summary.missing))


def say(number):
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def main():
    for name in nursery.WARM:
        importlib.import_module(name)
    html.rehearse()
    out, *notebooks = map(Path, sys.argv[1:])
    for _ in sys.stdin:
        if not (pid := os.fork()):
            os.setsid()
            run(notebooks, out)
        say(pid)
        say(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    main()
