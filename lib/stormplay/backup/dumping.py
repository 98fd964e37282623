"""Write a backup while people work: one moment of the database, its rows counted in the very same moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import IO, cast

from stormplay import database
from stormplay.backup import inventory
from stormplay.backup.archive import Manifest, Progress, in_words, pack, writing
from stormplay.backup.programs import running
from stormplay.errors import BadInput

_LOCK_WAIT_MS = 60_000  # a migration in the way is told of, not waited for without end


@dataclass(frozen=True)
class Backup:
    """A backup that was written: where, its size, what is in it, and how long it took."""

    path: Path
    size_bytes: int
    tenants: int
    rows: int
    seconds: float

    def __str__(self) -> str:
        held = in_words(self.tenants, self.rows)
        return f"{self.path}: {held}, {self.size_bytes / 1e6:,.1f} MB, {self.seconds:.1f} s."


def dump(target: Path, *, force: bool = False, progress: Progress | None = None) -> Backup:
    """Write the configured or embedded database to one file.

    Every tenant's rows, accounts with their password hashes, memberships, the audit log, policies and rights are in
    it. Live logins are not. The file is as confidential as the database: only its owner may read it.

    Args:
        target: The file; it gets this name when it is whole.
        force: Whether a file of that name may be replaced.
        progress: Called with what is being done and the share done, 0 to 1.

    Raises:
        BadInput: The file is there already or cannot be written, or the database is not one of Stormplay.
        Conflict: Another process writes the same file.
        NotAllowed: The database login is no superuser.
        DatabaseUnavailable: Nothing answers, or pg_dump is missing or failed.
    """
    start, report = perf_counter(), progress or (lambda _what, _share: None)
    address = database.admin_url()
    with writing(target, force=force) as file:
        with inventory.connected(address) as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            report("Counting the rows", 0.0)
            manifest = _described(cursor)
            cursor.execute("SELECT pg_export_snapshot()")
            options = (
                "--format=custom",
                f"--snapshot={cursor.fetchone()[0]}",
                *(f"--exclude-table-data={name}" for name in inventory.LIVE),
                f"--lock-wait-timeout={_LOCK_WAIT_MS}",
            )
            with running("pg_dump", address, *options) as process:
                pack(file, manifest, cast(IO[bytes], process.stdout), report)
        size = file.seek(0, 2)
    report("Backup written", 1.0)
    return Backup(target, size, manifest.tenants, manifest.rows, perf_counter() - start)


def _described(cursor: inventory.Cursor) -> Manifest:
    cursor.execute(
        "SELECT to_regclass('public.schema_migrations') IS NOT NULL AND to_regclass('sec.login') IS NOT NULL"
    )
    if not cursor.fetchone()[0]:
        raise BadInput("The database is not one of Stormplay.", remedy="Check STORMPLAY_DATABASE_URL.")
    cursor.execute("SELECT name FROM public.schema_migrations ORDER BY number")
    names = [name for (name,) in cursor.fetchall()]
    return Manifest(
        taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
        server=cursor.connection.server_version,
        migrations=names,
        counts=inventory.counts(cursor),
        roles=inventory.roles(cursor),
        members=inventory.members(cursor),
        database=inventory.database_rights(cursor),
        languages=inventory.language_rights(cursor),
    )
