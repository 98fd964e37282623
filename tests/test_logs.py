"""The shape of a line, and what never is on one: whoever logs, and whatever is handed over."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg2.errors
import pytest
from command import in_process
from hypothesis import given
from hypothesis import strategies as st

from stormplay import embedded, logs
from stormplay.errors import BadInput, DatabaseUnavailable, ReportFailed

sys.path.insert(0, str(Path(__file__).parent / "reports"))

PERSONAL = ("Jane Roe", "12 Elm Street", "jane.roe@example.org", "(817) 555-0142", "817-555-0142", "hunter2-secret")
log = logging.getLogger("stormplay.test")


@contextmanager
def writing(**environment):
    """What this process writes to standard error from now on; afterwards it writes nothing of ours any more."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("STORMPLAY_LOG_FORMAT", "STORMPLAY_LOG_LEVEL", "STORMPLAY_LOGS"):
            patch.delenv(name, raising=False)
        for name, value in environment.items():
            patch.setenv(name, str(value))
        patch.setattr(sys, "stderr", said)
        before = logging.getLogger().level
        try:
            logs.configure("test")
            yield said
        finally:
            while logs._handlers:
                logging.getLogger().removeHandler(ours := logs._handlers.pop())
                ours.close()
            logging.getLogger().setLevel(before)


def test_a_line_is_one_object_with_what_is_bound_to_it():
    with writing() as said:
        with logs.bound(request="abc123", person="0b8e6f3c"):
            log.warning("held up for %d s", 3, extra={"address": "10.0.0.1", "seconds": 3, "owner_name": "Jane Roe"})
        log.info("afterwards")
    first, second = map(json.loads, said.getvalue().splitlines())
    assert first.pop("at").endswith("Z")
    assert first == {"level": "warning", "service": "test", "event": "held up for 3 s", "request": "abc123",
                     "person": "0b8e6f3c", "logger": "stormplay.test", "address": "10.0.0.1", "seconds": 3}  # fmt: skip
    assert "request" not in second and second["event"] == "afterwards"


def fails():
    try:
        raise psycopg2.errors.UniqueViolation(f"Key (phone)=({PERSONAL[3]}) of {PERSONAL[0]} already exists.")
    except psycopg2.Error as error:
        raise KeyError(f"{PERSONAL[0]}, {PERSONAL[1]}") from error


def test_an_exception_is_told_by_kind_and_place_and_nothing_it_says():
    with writing() as said:
        try:
            fails()
        except KeyError:
            log.exception("a home could not be read")
    (line,) = map(json.loads, said.getvalue().splitlines())
    assert line["exception"].startswith("Traceback: tests/test_logs.py:")
    assert line["exception"].endswith(" in fails: KeyError, from UniqueViolation")
    assert not [one for one in PERSONAL if one in said.getvalue()]


def test_which_errors_speak_for_themselves():
    assert logs.plain(DatabaseUnavailable("The database does not answer.")) == "The database does not answer."
    for error in (
        BadInput("'Jane Roe' is no number."),
        ReportFailed("bad failed: KeyError: Jane Roe"),
        ValueError("x"),
    ):
        assert logs.plain(error) == type(error).__name__


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("mail to jane.roe+x@mail.example.org now", "mail to [e-mail] now"),
        ("call (817) 555-0142 or +1 817.555.0142", "call [telephone] or [telephone]"),
        ("GET /voila/render/score.ipynb?find=Elm+Street HTTP", "GET /voila/render/score.ipynb?[query] HTTP"),
        ("postgresql://ana:pass@word@host/db", "postgresql://[login]@host/db"),
        ("password=hunter2-secret", "password=[secret]"),
        ("one\nTwo\r\n\x1b[31mred\x1b[0m\u2028end", "one Two red end"),
        ("kernel 0b8e6f3c-2a4d-4c59-9c1a-5a7d1f0e9b11 of 2026-11-28", "kernel 0b8e6f3c-2a4d-4c59-9c1a-5a7d1f0e9b11 "
         "of 2026-11-28"),
        ("12,345,678 rows in 123.456 s from 127.0.0.1", "12,345,678 rows in 123.456 s from 127.0.0.1"),
    ],
)  # fmt: skip
def test_what_looks_personal_is_taken_out(text, kept):
    assert " ".join(logs.scrubbed(text).split()) == kept


@given(st.text(max_size=60), st.sampled_from(PERSONAL[2:5]))
def test_wherever_it_stands_and_whatever_is_around_it(around, personal):
    found = logs.scrubbed(f"{around} {personal} {around}")
    assert personal not in found
    assert len(found.splitlines()) <= 1


def test_on_a_terminal_it_is_words_and_nobody_can_forge_a_line():
    with writing(STORMPLAY_LOG_FORMAT="text") as said:
        log.warning("no such page: %s", "x\n2026-01-01 00:00:00 warning test: forged")
        log.info("not on a terminal")
        logging.getLogger(logs.DOORS).info("signed in", extra={"address": "10.0.0.1"})
    first, second = said.getvalue().splitlines()
    assert first[19:] == " warning test: no such page: x 2026-01-01 00:00:00 warning test: forged"
    assert second.endswith("info    test: signed in address=10.0.0.1")


def test_levels_and_words_that_are_none():
    with writing(STORMPLAY_LOG_LEVEL="error") as said:
        log.warning("not told")
        log.error("told")
    assert len(said.getvalue().splitlines()) == 1
    for name, value in (("STORMPLAY_LOG_FORMAT", "xml"), ("STORMPLAY_LOG_LEVEL", "loud")):
        with pytest.raises(BadInput, match=f"{name} is '{value}'. Expected"), writing(**{name: value}):
            pass


def test_files_are_turned_and_their_owners_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "FILE_BYTES", 20_000)
    before = os.umask(0)
    try:
        with writing(STORMPLAY_LOGS=tmp_path / "logs"), ThreadPoolExecutor(4) as many:
            list(many.map(lambda number: log.info("line %d", number), range(600)))
    finally:
        os.umask(before)
    files = sorted((tmp_path / "logs").iterdir())
    assert [path.name for path in files] == ["test.jsonl", *(f"test.jsonl.{n}" for n in range(1, len(files)))]
    assert 2 < len(files) <= 1 + logs.FILES_KEPT
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    lines = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    assert {line["event"] for line in lines} == {f"line {number}" for number in range(600)}, "each whole, none twice"
    assert len(lines) == 600


def test_a_folder_that_cannot_be_written_is_said_and_nothing_else_stops(tmp_path):
    (tmp_path / "file").write_text("")
    with writing(STORMPLAY_LOGS=tmp_path / "file" / "logs") as said:
        log.warning("all the same")
    first, second = said.getvalue().splitlines()
    assert first.startswith("No log is kept in ") and json.loads(second)["event"] == "all the same"


def test_a_report_that_quotes_a_person_is_logged_without_them(database, tmp_path):
    from small import AGED, RECORDED, notebook

    notebook(tmp_path, "told", AGED, RECORDED)
    notebook(tmp_path, "quotes", f"raise KeyError('{PERSONAL[0]}, {PERSONAL[2]}')")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stormplay.cli.headless.notebooks_folder", lambda: tmp_path)
        from world import make_world

        world = make_world(treat=2, hold_out=1, skip=1, suppressed=0, without_place=1)
        subject = ("--tenant", world.tenant, "--storm", world.storm, "--out", tmp_path / "out")
        kept = {"STORMPLAY_LOGS": tmp_path / "logs"}
        well = in_process("report", "told", *subject, home=embedded.home(), **kept)
        bad = in_process("report", "quotes", *subject, home=embedded.home(), **kept)
    assert (well.returncode, well.stderr, bad.returncode) == (0, "", 1)
    said = (tmp_path / "logs" / "report.jsonl").read_text()
    made, failed = [line for line in map(json.loads, said.splitlines()) if "a report was" in line["event"]]
    assert (made["event"], made["notebook"], made["storm"]) == ("a report was made", "told", world.storm_id)
    assert (failed["event"], failed["notebook"]) == ("a report was not made: ReportFailed", "quotes")
    assert made["run"] != failed["run"]
    assert not [one for one in (*PERSONAL, world.tenant) if one in said]
