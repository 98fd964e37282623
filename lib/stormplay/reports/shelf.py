"""Files that a run has published, handed out only as what they were: by name and digest, from the run's own folder."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_BYTES = 16 * 2**20  # more does not go through a page
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,300}")
_KINDS = {
    ".html": ("HTML page", "text/html"),
    ".pdf": ("PDF", "application/pdf"),
    ".ipynb": ("Executed notebook", "application/x-ipynb+json"),
    ".result.json": ("result.json", "application/json"),
}


@dataclass(frozen=True)
class ReportFile:
    """A published file.

    Attributes:
        name: Its name.
        label: What it is, in a word or two.
        mime: Its media type.
        data: Its bytes; None where it is not handed out.
        said: Why not, in a sentence; '' where it is.
    """

    name: str
    label: str
    mime: str
    data: bytes | None
    said: str = ""


def files(destination: str, told: Mapping[str, Any]) -> list[ReportFile]:
    """The files of a run, in the order in which people want them.

    Args:
        destination: The folder that the run was published in, as its row says.
        told: Its files by name, each with `sha256` and `bytes`, likewise.
    """
    order = list(_KINDS)
    known = [(_ending(name), name, about) for name, about in told.items() if _ending(name)]
    return [
        _file(destination, name, ending, about)
        for ending, name, about in sorted(known, key=lambda one: (order.index(one[0]), one[1]))
    ]


def _ending(name: str) -> str:
    """Which kind of file a name is of; '' for none, and for whatever is not a plain name."""
    if not _NAME.fullmatch(name):
        return ""
    return next((ending for ending in _KINDS if name.endswith(ending)), "")


def _file(destination: str, name: str, ending: str, about: Any) -> ReportFile:
    label, mime = _KINDS[ending]
    where = f"It was published in {destination}."
    size, digest = int(about.get("bytes", -1)), str(about.get("sha256", ""))
    if "://" in destination or not Path(destination).is_absolute():
        return ReportFile(name, label, mime, None, f"{where} This server does not read there.")
    if size > MOST_BYTES:
        return ReportFile(name, label, mime, None, f"{where} It has {size / 2**20:,.0f} MB, too many for a page.")
    try:
        data = _read(Path(destination) / name, size)
    except OSError as error:
        return ReportFile(name, label, mime, None, f"{where} It cannot be read here: {error.strerror or error}.")
    if data is None or hashlib.sha256(data).hexdigest() != digest:
        said = f"{where} What is there now is not what this run has published, so it is not handed out."
        return ReportFile(name, label, mime, None, said)
    return ReportFile(name, label, mime, data)


def _read(path: Path, size: int) -> bytes | None:
    """A plain file of that size; None where it is something else. No link is followed, and nothing is waited for."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(file, "rb") as opened:
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode) or about.st_size != size:
            return None
        return opened.read(size + 1)
