"""Files under their names: all of a report's, each of them whole, or none; the last good ones stay until then."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from stormplay.errors import Busy, ReportFailed

RESULT = ".result.json"
FAILED = ".failed.ipynb"


class File(Protocol):
    """A published file, on a disk or in a bucket; as text it is its path or address."""

    @property
    def name(self) -> str:
        """Its name without the folder."""
        ...

    def read_bytes(self) -> bytes:
        """What is in it."""
        ...


@dataclass(frozen=True)
class Report:
    """The files of a report.

    Attributes:
        notebook: The executed notebook.
        html: One page that opens without a network.
        result: What a program reads: recorded numbers, parameters, versions, and the digest of each other file.
        pdf: The page on paper; None where none was asked for.
    """

    notebook: File
    html: File
    result: File
    pdf: File | None = None


class Taker(Protocol):
    """Takes published reports further: a mail server, another place."""

    def take(self, report: Report) -> None:
        """Take one; raises HandOverFailed where it does not."""


@contextmanager
def workshop(out: Path, name: str) -> Iterator[Path]:
    """A folder beside the reports, for one run of one of them; what a run that was killed left there is thrown away.

    Raises:
        Busy: Another run of the report is at work in it.
        ReportFailed: It cannot be made.
    """
    folder = out / f".making-{name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _no_room(error, out) from None
    try:
        _hold(held, folder, name)
        _empty(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)
        with suppress(OSError):
            out.rmdir()  # only where it is empty: nothing was published


def _hold(held: int, folder: Path, name: str) -> None:
    """Whoever ends, ends holding it. Another one may have taken it away since it was opened."""
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_it = os.fstat(held).st_ino == folder.stat().st_ino
    except (BlockingIOError, FileNotFoundError):
        is_it = False
    if not is_it:
        os.close(held)
        raise busy(name)


def busy(name: str) -> Busy:
    """The sentence for a report that somebody else is making."""
    return Busy(f"The report {name} is being made by another run.", remedy="Wait for it to end.")


def _empty(folder: Path) -> None:
    for each in folder.iterdir():
        shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()


def publish(made: Path, out: Path, name: str, about: Mapping[str, Any]) -> tuple[Report, dict[str, Any]]:
    """Give the files of a folder their names, the one that vouches for the others last.

    Args:
        made: The workshop, with all files but the result.
        out: The folder for reports, on the same disk.
        name: What the files are named after.
        about: The result, but for the files' digests.

    Returns:
        The report, and the digest of each of its files, the result among them.

    Raises:
        ReportFailed: There is no room, or the folder may not be written to. Nothing has changed.
    """
    endings = endings_in(made, name)
    try:
        digests = {f"{name}{ending}": digest(made / f"{name}{ending}") for ending in endings}
        result = made / f"{name}{RESULT}"
        result.write_text(as_result({**about, "files": digests}), encoding="utf-8")
        vouching = digest(result)
        for ending in (*endings, RESULT):
            _on_disk(made / f"{name}{ending}")
        for ending in (*endings, RESULT):
            (made / f"{name}{ending}").replace(out / f"{name}{ending}")
        if ".pdf" not in endings:
            (out / f"{name}.pdf").unlink(missing_ok=True)  # of an older run
        (out / f"{name}{FAILED}").unlink(missing_ok=True)
        _on_disk(out)
    except OSError as error:
        raise _no_room(error, out) from None
    paths = {ending: out / f"{name}{ending}" for ending in endings}
    told = digests | {result.name: vouching}
    return Report(paths[".ipynb"], paths[".html"], out / result.name, paths.get(".pdf")), told


def endings_in(made: Path, name: str) -> list[str]:
    """How the names of a report's files end, but for the result."""
    return [".ipynb", ".html", *([".pdf"] if (made / f"{name}.pdf").exists() else [])]


def as_result(about: Mapping[str, Any]) -> str:
    """The text of a result."""
    return json.dumps(about, indent=2, sort_keys=True) + "\n"


def keep_aside(partial: Path, out: Path, name: str) -> Path | None:
    """Keep what there is of a notebook that failed. Returns where; None where there is nothing, or no room."""
    aside = out / f"{name}{FAILED}"
    try:
        partial.replace(aside)
    except OSError:
        return None
    return aside


def digest(path: Path) -> dict[str, Any]:
    """What a result says of a file."""
    data = path.read_bytes()
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _on_disk(path: Path) -> None:
    """Wait until a file or folder would outlast a power cut."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _no_room(error: OSError, out: Path) -> ReportFailed:
    return ReportFailed(
        f"The report could not be written to {out}: {error.strerror or error}.",
        remedy="Make room, or choose another folder; the last good report was left as it is.",
    )
