"""Where reports are published: a folder, or any place that fsspec has an address for, such as s3://bucket/reports.

In a folder files are renamed (`stormplay.reports.publishing`). A bucket knows no rename, so there the files of a run
are put under a prefix of their own, and `<name>.result.json`, which names them, is written last:

    <name>/<version>/<name>.ipynb, .html, .pdf    version: a digest of all that is in the report
    <name>.result.json                            `files` says each one's path, size and digest

A reader who begins with the result sees whole reports only. The version before stays, for who has just read the result
that names it; older ones go. The same report made again has the same paths.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit
from urllib.request import url2pathname

import fsspec  # type: ignore[import-untyped]

from stormplay import store
from stormplay.errors import BadInput, ReportFailed, StormplayError
from stormplay.reports import publishing
from stormplay.reports.publishing import FAILED, RESULT, Report

_EXPECTED = "Expected a folder, or an address such as s3://bucket/reports."


@dataclass(frozen=True)
class Folder:
    """A folder of this machine."""

    path: Path

    def __str__(self) -> str:
        """Its path, whole."""
        return str(self.path.resolve())

    def workshop(self, name: str) -> AbstractContextManager[Path]:
        """See `stormplay.reports.publishing.workshop`."""
        return publishing.workshop(self.path, name)

    def publish(
        self, made: Path, name: str, about: Mapping[str, Any], *, is_alone: bool
    ) -> tuple[Report, dict[str, Any]]:
        """See `stormplay.reports.publishing.publish`."""
        del is_alone  # its workshop sees to that
        return publishing.publish(made, self.path, name, about)

    def keep_aside(self, partial: Path, name: str) -> str | None:
        """See `stormplay.reports.publishing.keep_aside`."""
        aside = publishing.keep_aside(partial, self.path, name)
        return None if aside is None else str(aside)


@dataclass(frozen=True)
class Stored:
    """A file in a bucket."""

    bucket: Bucket
    path: str

    @property
    def name(self) -> str:
        """Its name without the prefix."""
        return self.path.rpartition("/")[2]

    def __str__(self) -> str:
        """Its address."""
        return f"{self.bucket}/{self.path}"

    def read_bytes(self) -> bytes:
        """What is in it."""
        with self.bucket.answering("read from"):
            return bytes(self.bucket.files.cat_file(self.bucket.inside(self.path)))


@dataclass(frozen=True)
class Bucket:
    """A place that fsspec has an address for.

    Attributes:
        url: The address, without a slash at its end.
        files: The file system.
        base: The path there.
    """

    url: str
    files: Any
    base: str

    def __str__(self) -> str:
        """Its address."""
        return self.url

    def inside(self, path: str) -> str:
        """The file system's own path of a file."""
        return f"{self.base}/{path}"

    @contextmanager
    def workshop(self, name: str) -> Iterator[Path]:
        """A folder of this machine to make a report in, held by one run; see `stormplay.reports.publishing`."""
        spool = Path(store.place("STORMPLAY_SPOOL", "spool")) / hashlib.sha256(self.url.encode()).hexdigest()[:16]
        with publishing.workshop(spool, name) as folder:
            yield folder

    def publish(
        self, made: Path, name: str, about: Mapping[str, Any], *, is_alone: bool
    ) -> tuple[Report, dict[str, Any]]:
        """Put the files under a prefix of their own and then the result that names them.

        Args:
            made: The workshop, with all files but the result.
            name: What the files are named after.
            about: The result, but for the files.
            is_alone: Whether nobody else can be publishing the same report, so that old versions may go.

        Returns:
            The report, and what its result says of each file.

        Raises:
            ReportFailed: The place did not take them. The last good result still names whole files.
        """
        endings = publishing.endings_in(made, name)
        files = {f"{name}{ending}": publishing.digest(made / f"{name}{ending}") for ending in endings}
        version = hashlib.sha256(publishing.as_result({**about, "files": files}).encode()).hexdigest()[:16]
        for file, told in files.items():
            told["path"] = f"{name}/{version}/{file}"
        with self.answering("written to"):
            before = self._version_before(name)
            for file, told in files.items():
                self._put(str(told["path"]), (made / file).read_bytes())
            self._put_at_once(f"{name}{RESULT}", publishing.as_result({**about, "files": files}).encode())
        if is_alone:
            with suppress(Exception):  # what is left over is taken away the next time
                self._tidy(name, {version, before})
        stored = {ending: Stored(self, str(files[f"{name}{ending}"]["path"])) for ending in endings}
        result = Stored(self, f"{name}{RESULT}")
        return Report(stored[".ipynb"], stored[".html"], result, stored.get(".pdf")), files

    def keep_aside(self, partial: Path, name: str) -> str | None:
        """Keep what there is of a notebook that failed. Returns where; None where there is nothing, or no room."""
        aside = Stored(self, f"{name}{FAILED}")
        try:
            self._put(aside.path, partial.read_bytes())
        except Exception:
            return None
        return str(aside)

    @contextmanager
    def answering(self, done: str) -> Iterator[None]:
        """Turn whatever a file system raises into a sentence: each has errors of its own."""
        try:
            yield
        except StormplayError:
            raise
        except Exception as error:
            said = " ".join(str(error).split())[:200]
            raise ReportFailed(
                f"The report could not be {done} {self.url}: {type(error).__name__}{f': {said}' if said else ''}.",
                remedy="See that the place is there and that this account may write to it; "
                "the last good report was left as it is.",
            ) from None

    def _put(self, path: str, data: bytes) -> None:
        try:
            self.files.pipe_file(self.inside(path), data)
        except FileNotFoundError:
            if not self._has_folders():
                raise  # a bucket is not made by the way
            self.files.makedirs(self.inside(path).rpartition("/")[0], exist_ok=True)
            self.files.pipe_file(self.inside(path), data)

    def _put_at_once(self, path: str, data: bytes) -> None:
        """A bucket shows an object when it is whole; elsewhere it is written aside and moved."""
        if self._has_folders():
            store.write(self.files, self.inside(path), data)
        else:
            self._put(path, data)

    def _has_folders(self) -> bool:
        return urlsplit(self.url).scheme in {"sftp", "ssh", "ftp", "smb", "hdfs", "webhdfs", "file", "local"}

    def _version_before(self, name: str) -> str | None:
        """The version that is named now; None where there is none, or nobody can read it."""
        try:
            told = json.loads(self.files.cat_file(self.inside(f"{name}{RESULT}")))
            return str(next(iter(told["files"].values()))["path"]).split("/")[1]
        except (FileNotFoundError, ValueError, LookupError, TypeError, StopIteration):
            return None

    def _tidy(self, name: str, kept: set[str | None]) -> None:
        self.files.invalidate_cache()
        with suppress(FileNotFoundError):
            self.files.rm_file(self.inside(f"{name}{FAILED}"))
        for path in self.files.ls(self.inside(name), detail=False):
            if str(path).rstrip("/").rpartition("/")[2] not in kept:
                self.files.rm(path, recursive=True)


Destination: TypeAlias = Folder | Bucket


def at(out: Path | str) -> Destination:
    """A destination by its path or address.

    Raises:
        BadInput: Nobody knows such an address, a package is missing for it, or it holds a password.
    """
    said = str(out)
    scheme, found, rest = said.partition("://")
    if isinstance(out, Path) or not found:
        return Folder(Path(said))
    if scheme in {"file", "local"}:
        return Folder(Path(url2pathname(rest)))
    url = f"{scheme}://{rest.rstrip('/')}"
    return Bucket(url, *opened(url))


def opened(address: str) -> tuple[Any, str]:
    """The file system of an address or path, and the path there without a slash at its end.

    Raises:
        BadInput: Nobody knows such an address, a package is missing for it, or it holds a password.
    """
    scheme, _, rest = address.partition("://")
    if "@" in rest.partition("/")[0] and ":" in rest.partition("@")[0]:
        raise BadInput(
            f"The address {scheme}://... holds a password.",
            "Expected one without.",
            "Give it to the environment or to the file that the package of this protocol reads.",
        )
    try:
        files, base = fsspec.core.url_to_fs(address)
    except ImportError as error:
        raise _no_package(scheme, error) from None
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise BadInput(f"{address} is no place for reports: {said}.", _EXPECTED) from None
    if not base.strip("/") and scheme != "memory":
        raise BadInput(f"{address} names no bucket.", _EXPECTED)
    return files, base.rstrip("/")


def _no_package(scheme: str, error: ImportError) -> BadInput:
    package = str(getattr(error.__cause__ or error, "name", "") or "").partition(".")[0]
    need = f"the package {package}, which is" if package else f"a package that is ({error})"
    return BadInput(
        f"{scheme}:// needs {need} not installed here.",
        remedy=f"Install it (pip install {package or 'it'}), or name a folder.",
    )
