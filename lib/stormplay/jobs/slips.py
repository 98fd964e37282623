"""What a crew filled in without a network, read from CSV and checked row by row. Pure.

A slip says: at this time this job became that, and this was noted. Applying slips in any order and any number of
times ends in the same state, since a job's status is that of its latest event (`field.apply`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from stormplay.errors import BadInput, StormplayError
from stormplay.jobs.workflow import Workflow, check_note

MOST_ROWS = 5_000
MOST_BYTES = 5 * 1024 * 1024
NEEDED = ("job_id", "status", "new_status", "new_note")
_CLOCK_SKEW = timedelta(minutes=15)
# As the pack wrote it, as people type it, and as American spreadsheets save it.
_FORMATS = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%y %H:%M", "%m/%d/%Y %I:%M %p",
            "%m/%d/%Y %H:%M:%S")  # fmt: skip


@dataclass(frozen=True)
class Slip:
    """One row that says something.

    Attributes:
        line: The row's line in the file, the header being 1.
        job_id: Which job.
        before: The status that the crew saw.
        status: The status it became, or '' for none.
        note: What was noted, or ''.
        at: When, with its zone.
    """

    line: int
    job_id: str
    before: str
    status: str
    note: str
    at: datetime


@dataclass(frozen=True)
class Fault:
    """What is wrong with one row: its line and a sentence."""

    line: int
    sentence: str


def read(data: bytes, flow: Workflow, *, now: datetime, time_zone: str) -> tuple[list[Slip], list[Fault]]:
    """The slips of a file, and what is wrong with its rows.

    Args:
        data: The file; UTF-8 or what a spreadsheet on Windows writes; commas, semicolons or tabs.
        flow: The tenant's status machine.
        now: The present, with its zone; nothing was seen after it.
        time_zone: IANA name of the clock that a time without a zone was read from.

    Returns:
        Slips of the rows that say something, and faults; a file with faults is not to be applied.

    Raises:
        BadInput: It is no such file at all.
    """
    slips: list[Slip] = []
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    for line, row in _rows(data):
        if not (row["new_status"].strip() or row["new_note"].strip()):
            continue
        try:
            slip = _slip(line, row, flow, now, ZoneInfo(time_zone))
            if slip.job_id in seen:
                raise BadInput(f"The job stands in line {seen[slip.job_id]} too.", "Expected each job once.")
        except StormplayError as error:
            faults.append(Fault(line, str(error)))
        else:
            seen[slip.job_id] = line
            slips.append(slip)
    return slips, faults


def _rows(data: bytes) -> Iterable[tuple[int, dict[str, str]]]:
    if len(data) > MOST_BYTES:
        raise BadInput(f"The file has {len(data) / 2**20:.0f} MB.", f"Expected at most {MOST_BYTES // 2**20} MB.")
    text = _text(data)
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
        missing = [name for name in NEEDED if name not in names]
        if missing:
            raise BadInput(f"The file has no column '{missing[0]}'.", "Expected the CSV of a route pack, filled in.")
        reader.fieldnames = names
        found = [(reader.line_num, {name: row.get(name) or "" for name in names}) for row in reader]
    except csv.Error as error:
        raise BadInput(f"The file cannot be read as CSV: {error}.", "Save it again as CSV.") from None
    if len(found) > MOST_ROWS:
        raise BadInput(f"The file has {len(found):,} rows.", f"Expected at most {MOST_ROWS:,}.")
    return found


def _text(data: bytes) -> str:
    if b"\0" in data:
        raise BadInput("The file is no CSV.", "Expected text; save a spreadsheet as 'CSV UTF-8'.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _slip(line: int, row: Mapping[str, str], flow: Workflow, now: datetime, zone: ZoneInfo) -> Slip:
    try:
        job_id = str(UUID(row["job_id"].strip()))
    except ValueError:
        raise BadInput(f"'{row['job_id'][:40]}' is not the id of a job.", "Leave that column as it was.") from None
    before = row["status"].strip()
    wanted = re.sub(r"[\s-]+", "_", row["new_status"].strip().lower())
    if wanted:
        wanted = flow.check(before, _by_label(flow, wanted)).name
    note = row["new_note"].strip().removeprefix("'") if row["new_note"].startswith("'") else row["new_note"].strip()
    return Slip(line, job_id, before, wanted, check_note(note), _time(row, now, zone))


def _by_label(flow: Workflow, typed: str) -> str:
    """A status by its name, or by its label as people read it."""
    labels = {re.sub(r"[\s-]+", "_", status.label.lower()): name for name, status in flow.statuses.items()}
    return typed if typed in flow.statuses else labels.get(typed, typed)


def _time(row: Mapping[str, str], now: datetime, zone: ZoneInfo) -> datetime:
    """When it was seen; where the crew left that out, the moment the pack was made, which any later word outweighs."""
    typed = row.get("seen_at", "").strip() or row.get("as_of", "").strip()
    if not typed:
        raise BadInput("It does not say when that was.", "Expected seen_at such as 2021-05-03 14:10.")
    at = _parsed(typed)
    if at is None:
        raise BadInput(f"'{typed[:40]}' is not a time.", "Expected one such as 2021-05-03 14:10.")
    at = at if at.tzinfo else at.replace(tzinfo=zone)
    if at > now + _CLOCK_SKEW:
        raise BadInput(f"'{typed}' lies in the future.", "Expected when it was seen.")
    return at


def _parsed(typed: str) -> datetime | None:
    try:
        return datetime.fromisoformat(typed)
    except ValueError:
        pass
    for form in _FORMATS:
        try:
            return datetime.strptime(typed, form)
        except ValueError:
            continue
    return None
