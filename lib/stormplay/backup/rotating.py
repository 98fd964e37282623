"""Backups that are taken again and again: each proved before an older one goes."""

from __future__ import annotations

import json
import os
import re
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from stormplay import embedded
from stormplay.backup.archive import Progress
from stormplay.backup.dumping import Backup, dump
from stormplay.backup.restoring import verify
from stormplay.errors import BadInput

MOST = 10_000
# Only files of this name are ever counted or taken away; whatever else is in the folder is somebody's.
_NAME = re.compile(r"stormplay-\d{8}T\d{6}Z\.backup")


@dataclass(frozen=True)
class Kept:
    """A backup that was written and proved, and the older ones that went for it."""

    backup: Backup
    removed: tuple[Path, ...]

    def __str__(self) -> str:
        gone = len(self.removed)
        went = f" {gone} older {'one was' if gone == 1 else 'ones were'} removed." if gone else ""
        return f"{self.backup} It was restored beside the database and proved.{went}"


def folder() -> Path:
    """Where such backups are: `STORMPLAY_BACKUPS`, or `backups` beside the embedded database's data."""
    return Path(os.environ.get("STORMPLAY_BACKUPS") or embedded.home() / "backups")


def kept_in(where: Path) -> list[Path]:
    """The backups in a folder, the oldest first."""
    if not where.is_dir():
        return []
    return sorted(path for path in where.iterdir() if _NAME.fullmatch(path.name) and path.is_file())


def taken_at(file: Path) -> datetime:
    """When a backup was taken, as it says itself; its rows are not read.

    Raises:
        BadInput: It is no backup, or is cut off.
    """
    try:
        with zipfile.ZipFile(file) as whole:
            return datetime.fromisoformat(json.loads(whole.read("manifest.json"))["taken_at"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise BadInput(f"{file} is damaged, or not a backup of Stormplay.") from error


def keep(most: int, where: Path | None = None, progress: Progress | None = None) -> Kept:
    """Write a backup under its time's name, prove it, and only then take the oldest away.

    A backup that cannot be proved is left beside the others as `<name>.refused`, and none of them goes.

    Args:
        most: How many are kept, this one among them.
        where: The folder, made if missing; default `folder()`.
        progress: Called with what is being done and the share done, 0 to 1.

    Raises:
        BadInput: `most` is no number of backups, or the folder cannot be written, or the backup was not proved.
        NotAllowed, Conflict, DatabaseUnavailable: As `dump` and `verify`.
    """
    if not 1 <= most <= MOST:
        raise BadInput(f"{most} backups cannot be kept.", f"Expected 1 to {MOST:,}.")
    where, report = where or folder(), progress or (lambda _what, _share: None)
    try:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{where} cannot be made: {error.strerror}.", remedy="Choose another folder.") from None
    target = where / f"stormplay-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.backup"
    made = dump(target, progress=lambda what, share: report(what, share / 2))
    try:
        verify(target, progress=lambda what, share: report(what, 0.5 + share / 2))
    except BadInput:
        target.replace(target.with_name(target.name + ".refused"))
        raise
    removed = tuple(kept_in(where)[:-most])
    for old in removed:
        old.unlink()
    return Kept(made, removed)
