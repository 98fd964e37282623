"""A filled-in file, row by row: what fits, what does not, and what a spreadsheet makes of it."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormplay.errors import BadInput
from stormplay.jobs import DEFAULT
from stormplay.jobs.slips import read

NOW = datetime(2021, 5, 3, 22, 0, tzinfo=UTC)
JOB = str(uuid4())


def file(*rows, delimiter=",", encoding="utf-8"):
    columns = ["stop", "job_id", "address", "status", "as_of", "new_status", "new_note", "seen_at"]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, delimiter=delimiter, restval="")
    writer.writeheader()
    writer.writerows(
        {"job_id": JOB, "status": "scheduled", "as_of": "2021-05-03T06:00:00+00:00", **row} for row in rows
    )
    return text.getvalue().encode(encoding)


def slips(data):
    return read(data, DEFAULT, now=NOW, time_zone="America/Chicago")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_row_that_says_something_is_a_slip(delimiter, encoding):
    data = file({"new_status": "no_answer", "new_note": "Gate café, 2nd; ring", "seen_at": "2021-05-03 14:10"},
                {"job_id": str(uuid4())}, delimiter=delimiter, encoding=encoding)  # fmt: skip
    (slip,), faults = slips(data)
    assert faults == []
    assert (slip.line, slip.status, slip.note) == (2, "no_answer", "Gate café, 2nd; ring")
    assert slip.at == datetime(2021, 5, 3, 19, 10, tzinfo=UTC), "as the clock on the wall says"


@pytest.mark.parametrize("typed", ["No answer", "NO ANSWER", "no-answer", " no_answer "])
def test_a_status_may_be_typed_as_people_read_it(typed):
    (slip,), _ = slips(file({"new_status": typed}))
    assert slip.status == "no_answer"


@pytest.mark.parametrize(
    "typed", ["2021-05-03 14:10", "2021-05-03T14:10:00-05:00", "5/3/2021 14:10", "5/3/21 14:10", "05/03/2021 02:10 PM"]
)
def test_a_time_may_be_written_as_spreadsheets_write_it(typed):
    (slip,), _ = slips(file({"new_note": "x", "seen_at": typed}))
    assert slip.at == datetime(2021, 5, 3, 19, 10, tzinfo=UTC)


def test_without_a_time_it_is_the_packs():
    (slip,), _ = slips(file({"new_note": "x"}))
    assert slip.at == datetime(2021, 5, 3, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"job_id": "7", "new_note": "x"}, "'7' is not the id of a job"),
        ({"new_status": "flown"}, "There is no status 'flown'"),
        ({"status": "signed", "new_status": "completed"}, "cannot become 'Completed'"),
        ({"new_note": "x", "seen_at": "yesterday"}, "'yesterday' is not a time"),
        ({"new_note": "x", "seen_at": "2031-01-01 10:00"}, "lies in the future"),
        ({"new_note": "x", "as_of": ""}, "does not say when"),
        ({"new_note": "x" * 5_001}, "5,001 signs"),
    ],
)
def test_a_row_that_does_not_fit_is_named_with_its_line(row, sentence):
    found, faults = slips(file({"job_id": str(uuid4()), "new_note": "fine"}, row))
    assert len(found) == 1
    (fault,) = faults
    assert fault.line == 3
    assert sentence in fault.sentence


def test_a_job_that_stands_twice_is_a_fault():
    _, faults = slips(file({"new_note": "a"}, {"new_note": "b"}))
    assert [(fault.line, fault.sentence) for fault in faults] == [
        (3, "The job stands in line 2 too. Expected each job once.")
    ]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "no column 'job_id'"),
        (b"a,b\n1,2\n", "no column 'job_id'"),
        (b"PK\x03\x04\0\0", "save a spreadsheet as 'CSV UTF-8'"),
        (b'job_id,status,new_status,new_note\n"a', "cannot be read as CSV"),
        (b"x" * (5 * 1024 * 1024 + 1), "Expected at most 5 MB"),
    ],
)
def test_what_is_no_such_file_is_a_sentence(data, sentence):
    with pytest.raises(BadInput, match=sentence):
        slips(data)


@given(st.binary(max_size=300))
def test_anything_at_all_is_a_sentence_or_slips(noise):
    try:
        found, _ = slips(b"job_id,status,new_status,new_note\n" + noise)
    except BadInput as error:
        assert str(error)
    else:
        assert isinstance(found, list)
