"""PostgreSQL's own programs for dump and restore: which ones, and how they learn the password.

The password goes to them in a file without a name (already unlinked when it is written), of which they inherit the
open handle. So it is in no argument and no environment, which other processes can list, and a kill leaves nothing
on disk.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sqlalchemy.engine import URL

from stormplay import database
from stormplay.backup.inventory import plain
from stormplay.embedded.place import wheel_install
from stormplay.errors import DatabaseUnavailable

_DEBIAN = Path("/usr/lib/postgresql")


@contextmanager
def running(program: str, address: URL | None, *arguments: str, files: tuple[IO[bytes], ...] = (),
            stdin: int | None = subprocess.DEVNULL) -> Iterator[subprocess.Popen[bytes]]:  # fmt: skip
    """A program of PostgreSQL while it runs; ended with the block when it has not ended by itself.

    Args:
        program: `pg_dump` or `pg_restore`.
        address: The database, with password; None where it needs none.
        arguments: Further arguments.
        files: Open files that it may read as /dev/fd/N.
        stdin: As in `subprocess.Popen`.

    Raises:
        DatabaseUnavailable: It is not installed in the server's version, or it failed; with what it said last.
    """
    with tempfile.TemporaryFile() as said, _password_file(address) as (secret, environment):
        target = [] if address is None else ["--no-password", f"--dbname={plain(address)}"]
        command = [str(_find(program)), *target, *arguments]
        handles = [file.fileno() for file in (*files, *secret)]
        with subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=said, env=environment,
                              pass_fds=handles) as process:  # fmt: skip
            try:
                yield process
                code = process.wait()
            except BaseException:
                process.kill()
                raise
        if code:
            raise _failed(program, said)


def _failed(program: str, said: IO[bytes]) -> DatabaseUnavailable:
    said.seek(0)
    lines = [line for line in said.read().decode(errors="replace").splitlines() if "error:" in line]
    why = lines[0].partition("error:")[2].strip() if lines else "it gave no reason"
    return DatabaseUnavailable(f"{program} failed: {why.rstrip('.')}.")


@contextmanager
def _password_file(address: URL | None) -> Iterator[tuple[list[IO[bytes]], dict[str, str]]]:
    """A password file without a name, and an environment that names its handle and no secret."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME") or name.startswith("PG")}
    if address is None or address.password is None:  # then libpq finds it where its owner keeps it
        yield [], kept
        return
    with tempfile.TemporaryFile() as file:
        escaped = str(address.password).replace("\\", "\\\\").replace(":", "\\:")
        file.write(f"*:*:*:*:{escaped}\n".encode())
        file.seek(0)
        kept.pop("PGPASSWORD", None)
        yield [file], kept | {"PGPASSFILE": f"/dev/fd/{file.fileno()}"}


def _find(program: str) -> Path:
    """The wheel's program for the embedded server; elsewhere one of the system's, which also speaks TLS.

    Raises:
        DatabaseUnavailable: None of the server's version was found.
    """
    if database.is_embedded():
        return wheel_install() / "bin" / program
    found = [path for path in _candidates(program) if _major(path) >= database.SERVER_VERSION]
    if not found:
        raise DatabaseUnavailable(
            f"No {program} of PostgreSQL {database.SERVER_VERSION} or later was found.",
            remedy=f"Install postgresql-client-{database.SERVER_VERSION}, or: pip install 'stormplay[embedded]'.",
        )
    return max(found, key=_major) if found[0].is_relative_to(_DEBIAN) else found[0]


def _candidates(program: str) -> Iterator[Path]:
    # Debian's /usr/bin/pg_dump is a wrapper that takes the version of a local cluster, which may be an older one.
    yield from _DEBIAN.glob(f"*/bin/{program}")
    if named := shutil.which(program):
        yield Path(named)
    try:
        yield wheel_install() / "bin" / program
    except DatabaseUnavailable:
        return


def _major(path: Path) -> int:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if found else 0
