"""Files: folders that must be there, secrets that must be closed, and the last backup."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from stormplay import backup, database, embedded, store
from stormplay.doctor.finding import UNKNOWN, WARNING, WELL, WRONG, Finding, Situation
from stormplay.errors import BadInput

_DUE_H, _OVERDUE_H = 26.0, 7 * 24.0
_KEPT = (("Pictures", "STORMPLAY_PICTURES", "pictures"), ("Models", "STORMPLAY_MODELS", "models"))


def folders(_: Situation) -> Iterator[Finding]:
    """Whether what is kept beside the database can be written."""
    for what, variable, folder in _KEPT:
        place = store.place(variable, folder)
        if "://" in place:
            yield Finding(UNKNOWN, f"{what} are kept at a distance ({place.split('://')[0]}); it was not asked.")
            continue
        path = Path(place)
        there = next(one for one in (path, *path.parents) if one.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            yield Finding(WRONG, f"{what} cannot be kept: {there} is no folder that this account may write.",
                          f"Give it to this account, or name another folder in {variable}.")  # fmt: skip
        else:
            yield Finding(WELL, f"{what} are kept in a folder that this account may write.")


def secrets(at: Situation) -> Iterator[Finding]:
    """Whether passwords and backups are readable by their owner alone."""
    open_ = [path for path in _confidential(at) if path.stat().st_mode & 0o077]
    for path in open_:
        yield Finding(WRONG, f"{path} can be read by others on this machine (mode {path.stat().st_mode & 0o777:o}).",
                      f"chmod go= '{path}', and change the passwords in it if others have accounts here.")  # fmt: skip
    if not open_:
        yield Finding(WELL, "Files with secrets are readable by their owner alone.")


def _confidential(at: Situation) -> Iterator[Path]:
    if database.is_embedded():
        yield from (path for path in (embedded.home() / "secrets.json",) if path.exists())
        yield from (embedded.home() / "logs").glob("*.jsonl*")
    if at.server_env.exists():
        yield at.server_env
    yield from backup.kept_in(backup.folder())


def last_backup(at: Situation) -> Finding:
    """How old the last backup is, as far as this machine knows."""
    folder = backup.folder()
    found = backup.kept_in(folder)
    how = "Every night: 'stormplay backup --keep 14' with STORMPLAY_BACKUPS naming the folder."
    if not found:
        return Finding(WARNING, f"There is no backup in {folder}.", how)
    try:
        taken_at = backup.taken_at(found[-1])
    except BadInput:
        return Finding(WRONG, f"The last backup, {found[-1].name}, is not whole.", "Take another: 'stormplay backup'.")
    hours = (at.now() - taken_at).total_seconds() / 3600
    said = f"The last of {len(found)} backups is {hours:,.0f} hours old."
    if hours > _DUE_H:
        return Finding(WRONG if hours > _OVERDUE_H else WARNING, said, how)
    return Finding(WELL, said)
