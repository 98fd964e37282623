"""What may go wrong with a report goes wrong in a sentence, and the last good one stays."""

from __future__ import annotations

import json
import os
import resource
import threading
import time

import pytest
from small import AGED, RECORDED, SUBJECT, notebook, outputs, runs

from stormplay import database as db
from stormplay import embedded, reports
from stormplay.errors import ReportFailed, ReportTimedOut

GOOD = (AGED, RECORDED, "1 + 1")
NAME = "act-lone-star-2021-04-28"
ENDS = {".ipynb", ".html", ".result.json"}


@pytest.fixture
def good(demo, tmp_path):
    """A report that is there already."""
    made = reports.run(notebook(tmp_path, "act", *GOOD), SUBJECT, tmp_path / "out")
    before = {path: path.read_bytes() for path in (made.notebook, made.html, made.result)}
    yield made
    assert {path: path.read_bytes() for path in before} == before, "the last good report stays"
    assert not list((tmp_path / "out").glob(".making-*"))


def last_run():
    return runs("lone-star", 1).iloc[0]


@pytest.mark.parametrize("failing", range(len(GOOD) + 1))
def test_a_cell_that_raises_leaves_what_was_done_until_then(good, tmp_path, failing):
    cells = [*GOOD[:failing], "raise ValueError('no such roof')", *GOOD[failing:]]
    with pytest.raises(ReportFailed, match=rf"^act failed in cell {failing + 3}: ValueError: no such roof") as caught:
        reports.run(notebook(tmp_path, "act", *cells), SUBJECT, tmp_path / "out")
    aside = tmp_path / "out" / f"{NAME}.failed.ipynb"
    assert str(aside) in str(caught.value)
    assert [out.ename for out in outputs(aside) if out.output_type == "error"] == ["ValueError"]
    assert (last_run()["status"], last_run()["error"]) == ("failed", str(caught.value))
    same = reports.Terms(as_of=reports.moment(json.loads(good.result.read_text())["as_of"]))
    again = reports.run(notebook(tmp_path, "act", *GOOD), SUBJECT, tmp_path / "out", terms=same)
    assert not aside.exists() and again == good


HANGS = {
    "a cell that sleeps": "import time\ntime.sleep(60)",
    "a cell in C that holds the interpreter": "import re\nre.match('(a+)+$', 'a' * 60 + 'b')",
    "a cell that hears no signal": "import signal, time\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\ntime.sleep(60)",
}


@pytest.mark.parametrize("how", HANGS)
def test_what_hangs_is_ended(good, tmp_path, how):
    path = notebook(tmp_path, "act", "'done before'", HANGS[how])
    began_s = time.monotonic()
    with pytest.raises(ReportTimedOut, match=r"took longer than 1\.2 seconds and was ended"):
        reports.run(path, SUBJECT, tmp_path / "out", terms=reports.Terms(timeout_s=1.2))
    assert time.monotonic() - began_s < 4
    assert outputs(tmp_path / "out" / f"{NAME}.failed.ipynb")[0]["data"]["text/plain"] == "'done before'"
    assert last_run()["status"] == "timed out"


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("import os\nos._exit(0)", "ended without a word"),
        ("import ctypes\nctypes.string_at(0)", "ended without a word .Fatal Python error: Segmentation fault"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "ended without a word"),
        ("exit()\n", "act failed in cell 3"),
        ("raise SystemExit(0)", "act failed in cell 3"),
        ("input()", "act failed in cell 3"),
        ("def broken(:", "SyntaxError"),
        ("raise ExceptionGroup('several', [ValueError('one')])", "ExceptionGroup"),
    ],
)
def test_a_notebook_that_ends_early_is_no_report(good, tmp_path, source, sentence):
    with pytest.raises(ReportFailed, match=sentence):
        reports.run(notebook(tmp_path, "act", source, "'never'"), SUBJECT, tmp_path / "out")


def full_disk(most):
    """The most that a file may hold from now on, for this process."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def test_a_disk_that_is_full_while_the_notebook_runs(good, tmp_path):
    grows = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (4_000, 4_000))\n'x' * 10_000"
    with pytest.raises(ReportFailed, match="could not be written: File too large"):
        reports.run(notebook(tmp_path, "act", grows, "1"), SUBJECT, tmp_path / "out")
    assert last_run()["status"] == "failed"


def test_a_disk_that_is_full_when_it_is_published(good, tmp_path):
    path = notebook(tmp_path, "act", *GOOD, "3")
    full_disk(100)
    try:
        with pytest.raises(ReportFailed, match=r"could not be written to .*File too large.*last good report"):
            reports.run(path, SUBJECT, tmp_path / "out")
    finally:
        full_disk(resource.RLIM_INFINITY)
    assert last_run()["status"] == "failed"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(demo, tmp_path):
    (tmp_path / "out").mkdir(mode=0o500)
    with pytest.raises(ReportFailed, match="could not be written to"):
        reports.run(notebook(tmp_path, "act", *GOOD), SUBJECT, tmp_path / "out")


WAITS = """\
import pathlib, time
from sqlalchemy import text
from stormplay import tenancy
with tenancy.session(tenant) as connection:
    before = connection.execute(text("SELECT count(*) FROM storms")).scalar_one()
    tries = pathlib.Path({folder!r}) / "tries"
    with tries.open("a") as log:
        log.write("x")
    while tries.read_text() == "x" and not tries.with_name("restarted").exists():
        time.sleep(0.02)
    after = connection.execute(text("SELECT count(*) FROM storms")).scalar_one()
before, after"""


def test_a_database_that_is_restarted_in_the_middle_costs_another_try(demo, tmp_path):
    """In the transaction that is open just then; the second try finds it again, with a new login and a new lock."""
    path = notebook(tmp_path, "waits", WAITS.format(folder=str(tmp_path)), *GOOD)
    restarting = threading.Thread(target=restart, args=(tmp_path,))
    restarting.start()
    made = reports.run(path, SUBJECT, tmp_path / "out", terms=reports.Terms(timeout_s=30, pause_s=0.2))
    restarting.join()
    assert outputs(made.notebook)[0]["data"]["text/plain"] == "(3, 3)"
    assert (tmp_path / "tries").read_text() == "xx"
    assert (last_run()["status"], last_run()["attempts"]) == ("fresh", 2)


def restart(folder):
    while not (folder / "tries").exists():
        time.sleep(0.02)
    stop_at_once()
    embedded.ensure_running()
    (folder / "restarted").touch()


def stop_at_once():
    """As a crash does it: no session is asked."""
    with db.transaction(db.admin_url()) as connection:
        pid = int(connection.exec_driver_sql("SELECT pg_read_file('postmaster.pid', 0, 20)").scalar_one().split()[0])
    os.kill(pid, 3)  # SIGQUIT: immediate shutdown
    while os.path.exists(f"/proc/{pid}"):  # noqa: PTH110 - a process, no file
        time.sleep(0.02)


def test_nothing_but_a_lost_database_is_tried_again(demo, tmp_path):
    count = f"with open({str(tmp_path / 'tries')!r}, 'a') as log:\n    log.write('x')\n1 / 0"
    with pytest.raises(ReportFailed, match="ZeroDivisionError"):
        reports.run(notebook(tmp_path, "act", count), SUBJECT, tmp_path / "out")
    assert (tmp_path / "tries").read_text() == "x"
