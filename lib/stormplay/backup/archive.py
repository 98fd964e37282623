"""The file of a backup: a zip of pg_dump's own archive and a manifest, with a checksum over each.

Nothing in it is compressed twice. By hand: `unzip FILE`, then `pg_restore` reads `database.dump`.
"""

from __future__ import annotations

import fcntl
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from stormplay.errors import BadInput, Conflict

Progress = Callable[[str, float], None]
Rights = dict[str, list[tuple[str, str]]]

FORMAT = 1
_MANIFEST, _DUMP = "manifest.json", "database.dump"
_BLOCK = 1 << 20  # bytes


@dataclass(frozen=True)
class Manifest:
    """What a backup says about itself.

    Attributes:
        format: Of this file.
        taken_at: When, ISO 8601 with time zone.
        server: Version of the PostgreSQL it came from, such as 180006.
        migrations: Names of the migrations it was at.
        counts: Table -> tenant_id ('' where a table has none) -> rows.
        roles: Role -> its attributes, of those that are ours (LOGIN, CREATEROLE); others are named alone.
        members: Rows of (role, member, options) among our roles.
        database: (grantee, privilege) on the database itself, which pg_dump leaves out.
        languages: Trusted language -> its (grantee, privilege), which pg_dump leaves out in part.
    """

    taken_at: str
    server: int
    migrations: list[str]
    counts: dict[str, dict[str, int]]
    roles: dict[str, list[str]]
    members: list[tuple[str, str, str]]
    database: list[tuple[str, str]]
    languages: Rights
    format: int = field(default=FORMAT)

    @property
    def rows(self) -> int:
        """All rows in it."""
        return sum(sum(tenants.values()) for tenants in self.counts.values())

    @property
    def tenants(self) -> int:
        """The companies in it."""
        return sum(self.counts["sec.tenant_entry"].values())


def in_words(tenants: int, rows: int) -> str:
    """What is in a backup, for people.

    >>> in_words(2, 76985)
    '2 companies, 76,985 rows'
    """
    return f"{tenants} {'company' if tenants == 1 else 'companies'}, {rows:,} rows"


@contextmanager
def writing(target: Path, *, force: bool) -> Iterator[IO[bytes]]:
    """A file that gets its name when it is whole, readable by its owner alone.

    Args:
        target: Its name; until the end it is `<name>.half`.
        force: Whether a file of that name may be replaced.

    Raises:
        BadInput: There is such a file, or its folder is not there or not writable.
        Conflict: Another process writes the same file.
    """
    _check_free(target, force)
    half = target.with_name(target.name + ".half")
    try:
        handle = os.open(half, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BadInput(f"{half} cannot be written: {error.strerror}.", remedy="Choose another folder.") from None
    with os.fdopen(handle, "r+b") as file:
        _take(file, half)
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            _check_free(target, force)
            half.replace(target)
        except BaseException:
            half.unlink(missing_ok=True)
            raise


def _check_free(target: Path, force: bool) -> None:
    if target.is_dir():
        raise BadInput(f"{target} is a folder.", "Expected the name of a file to write.")
    if target.exists() and not force:
        raise BadInput(f"{target} is there already.", remedy="Choose another name, or say --force to replace it.")


def _take(file: IO[bytes], half: Path) -> None:
    """Be the only one who writes it; what a killed run left in it goes."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mine = half.stat().st_ino == os.fstat(file.fileno()).st_ino
    except (BlockingIOError, FileNotFoundError):
        mine = False
    if not mine:
        raise Conflict(f"Another process is writing {half.stem}.", remedy="Wait for it, or choose another name.")
    os.fchmod(file.fileno(), 0o600)
    file.truncate()


def pack(file: IO[bytes], manifest: Manifest, stream: IO[bytes], progress: Progress) -> None:
    """Write the manifest, and pg_dump's archive as it comes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as whole:
        whole.writestr(_MANIFEST, json.dumps(asdict(manifest), indent=1))
        with whole.open(_DUMP, "w", force_zip64=True) as entry:
            written = 0
            while block := stream.read(_BLOCK):
                entry.write(block)
                written += len(block)
                progress(f"Writing, {written / 1e6:,.0f} MB", 0.2)


class Archive:
    """A backup that was found whole.

    Attributes:
        manifest: What it says about itself.
    """

    def __init__(self, source: Path) -> None:
        """Read it once from end to end.

        Raises:
            BadInput: It is not there, is no backup, is damaged, or was written by a later Stormplay.
        """
        try:
            self._zip = zipfile.ZipFile(source)
            if self._zip.testzip() is not None:
                raise zipfile.BadZipFile
            self.manifest = _manifest(json.loads(self._zip.read(_MANIFEST)))
            self._size = max(1, self._zip.getinfo(_DUMP).file_size)
        except OSError as error:
            raise BadInput(f"{source} cannot be read: {error.strerror or error}.") from None
        except (zipfile.BadZipFile, KeyError, ValueError, TypeError, NotImplementedError, EOFError) as error:
            raise _not_whole(source) from error

    def feed(self, sink: IO[bytes], progress: Progress) -> None:
        """Write pg_dump's archive to a program, as far as it wants it."""
        fed = 0
        try:
            with self._zip.open(_DUMP) as entry, sink:
                while block := entry.read(_BLOCK):
                    sink.write(block)
                    fed += len(block)
                    progress("Reading the rows", 0.1 + 0.6 * fed / self._size)
        except BrokenPipeError:
            pass  # it has read what it needs, or says itself why not

    def close(self) -> None:
        """Let go of the file."""
        self._zip.close()


def _manifest(found: Any) -> Manifest:
    if found["format"] != FORMAT:
        raise BadInput(
            f"This backup is of format {found['format']}.",
            f"This Stormplay reads format {FORMAT}.",
            "Use the Stormplay that wrote it, or a later one.",
        )
    return Manifest(**found)


def _not_whole(source: Path) -> BadInput:
    return BadInput(
        f"{source} is damaged, or not a backup of Stormplay.",
        "Nothing was changed.",
        "Take another copy of it, or an older backup.",
    )
