"""Where compiled code is kept: beside the source where whoever set Stormplay up has put it, else in a private folder.

Loading machine code is running it. So it is read from two places only: a folder beside the source files, which are
trusted as much already, and a folder in the home of this process's user that nobody else can enter. No environment
variable has a say: whoever starts a kernel may set those. A folder's name says what it was made from and for, so
another version of anything uses another folder.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import platform
import shutil
import stat
import sys
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_SOURCES = ("compiled.py", "dice.py", "kernel.py", "legs.py", "recreate.py", "ring.py", "ruin.py", "tidy.py")
READY = "ready"
"""File that says that everything in its folder is complete."""


@cache
def stamp() -> str:
    """What the machine code depends on: its sources, Python, the compiler, the processor."""
    parts = [(_HERE / name).read_bytes() for name in _SOURCES]
    parts += [sys.version.encode(), version("numba").encode(), version("llvmlite").encode(), _processor()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


@cache
def folder() -> Path:
    """The folder to read from and write to, which exists."""
    name = f"machine-{stamp()}"
    beside, private = _HERE / "__pycache__" / name, home() / ".cache" / "stormplay" / name
    for place in (beside, private):
        if (place / READY).exists() and is_trusted(place):
            return place
    for place in (beside, private):
        if _make(place) and is_trusted(place) and os.access(place, os.W_OK):
            return place
    return _passing()


def is_trusted(place: Path) -> bool:
    """Whether only its owner can write there, and the owner is this user, root, or the owner of our source."""
    try:
        found = place.lstat()
    except OSError:
        return False
    owners = {os.geteuid(), 0, Path(__file__).stat().st_uid}
    return stat.S_ISDIR(found.st_mode) and found.st_uid in owners and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def home() -> Path:
    """The home of this process's user by the system's own book, not by its environment."""
    import pwd  # noqa: PLC0415 - not on every system, and only needed here

    try:
        return Path(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError:  # a user without an entry, as containers have them
        return Path(tempfile.gettempdir()) / f"nobody-{os.geteuid()}"


def _make(place: Path) -> bool:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.mkdir(mode=0o755 if place.is_relative_to(_HERE) else 0o700, exist_ok=True)
    except OSError:
        return False
    return True


def _passing() -> Path:
    """A folder for this process alone, where no lasting one can be had."""
    place = Path(tempfile.mkdtemp(prefix="stormplay-machine-"))
    atexit.register(_take_away, place, os.getpid())
    return place


def _take_away(place: Path, maker: int) -> None:
    if os.getpid() == maker:  # and not a child that was forked off
        shutil.rmtree(place, ignore_errors=True)


def _processor() -> bytes:
    try:
        lines = Path("/proc/cpuinfo").read_bytes().splitlines()
    except OSError:
        return platform.processor().encode()
    told = [line for line in lines if line.startswith((b"model name", b"flags", b"Features"))]
    return platform.machine().encode() + b"\n".join(told[:2])
