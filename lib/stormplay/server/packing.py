"""Static files compressed once, at the first request for each, in a folder that ends with the process.

Pages and answers to questions are not compressed: what an attacker can put beside a secret would show it by its size.
Files hold no secret.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import tempfile
from contextlib import suppress
from functools import cached_property
from pathlib import Path

KINDS = frozenset({".css", ".js", ".json", ".svg", ".txt", ".map", ".html"})
LEAST_BYTES = 1_400  # one packet
LEVEL = 9  # 0.1 s for the largest, once a server


class Packed:
    """Compressed copies of files."""

    def __init__(self) -> None:
        self._packing: dict[str, asyncio.Task[None]] = {}

    @cached_property
    def _folder(self) -> Path:
        self._kept = tempfile.TemporaryDirectory(prefix="stormplay-static-")
        return Path(self._kept.name)

    def hold(self, name: str, text: str) -> Path:
        """Keep a text that is in no file. Returns the folder in which it is a file now."""
        folder = self._folder / "held"
        folder.mkdir(exist_ok=True)
        if not (folder / name).is_file():
            (folder / name).write_text(text, encoding="utf-8")
        return folder

    def find(self, file: Path) -> Path | None:
        """The compressed copy of a file as it is now; None where there is none."""
        copy = self._copy(file)
        return copy if copy.is_file() else None

    async def pack(self, folder: Path, path: str) -> None:
        """Compress a file of a folder beside the loop, unless that was done, is not worth it, or it is elsewhere."""
        try:
            file = (folder / path).resolve()
            if file.suffix not in KINDS or not file.is_relative_to(folder.resolve()) or not file.is_file():
                return
        except (OSError, ValueError):  # no file can have such a name
            return
        copy = self._copy(file)
        if file.stat().st_size < LEAST_BYTES or copy.is_file():
            return
        if copy.name not in self._packing:
            made = asyncio.get_running_loop().create_task(asyncio.to_thread(_compress, file, copy))
            self._packing[copy.name] = made
            made.add_done_callback(lambda _: self._packing.pop(copy.name, None))
        with suppress(OSError):  # no room for a copy: the file itself is sent
            await asyncio.shield(self._packing[copy.name])  # others may wait for it

    def _copy(self, file: Path) -> Path:
        file = file.resolve()
        told = f"{file}\0{file.stat().st_mtime_ns}"
        return self._folder / f"{hashlib.sha256(told.encode()).hexdigest()[:24]}.gz"


def _compress(file: Path, copy: Path) -> None:
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # what lies long in such a place may be swept away
    half = copy.with_suffix(".half")
    half.write_bytes(gzip.compress(file.read_bytes(), LEVEL, mtime=0))
    half.replace(copy)
