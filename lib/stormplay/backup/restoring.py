"""Restore a backup: built beside the database in use, proved, and only then put in its place.

The new database (`building`) changes places with the old one in one transaction. Whatever goes wrong before that leaves
the database in use as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from psycopg2 import errors, sql
from sqlalchemy.engine import URL

from stormplay import database, migrations
from stormplay.backup import inventory
from stormplay.backup.archive import Archive, Manifest, Progress, in_words
from stormplay.backup.building import close_others, create, fill, make_roles, prove
from stormplay.errors import BadInput, Conflict, DatabaseUnavailable

_LOCK = 5_230_419  # one restore at a time on a server
_ASIDE = re.compile(r"stormplay_before_\d{20}")
_UNFINISHED = re.compile(r"stormplay_restore_\d{20}")
_ATTEMPTS = 3


@dataclass(frozen=True)
class Restored:
    """What a restore did.

    Attributes:
        tenants: Companies that are back.
        rows: Rows that are back.
        aside: Name of the database that was there before, closed to everybody; None where it held nothing.
        made_roles: Roles that the server did not have, and that still need a password to log in.
        seconds: How long it took.
    """

    tenants: int
    rows: int
    aside: str | None
    made_roles: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        said = f"Restored {in_words(self.tenants, self.rows)} in {self.seconds:.1f} s."
        if self.aside:
            said += f" What was there before is kept as {self.aside}."
        if self.made_roles:
            said += f" Give a password to {', '.join(self.made_roles)}: ALTER ROLE ... PASSWORD '...'."
        return said


def restore(source: Path, *, replace: bool = False, progress: Progress | None = None) -> Restored:
    """Put a backup in the place of the configured or embedded database.

    Args:
        source: A file that `dump` wrote. It is trusted as the database itself is: what is in it is run.
        replace: Whether a database that holds rows may be put aside, under another name.
        progress: Called with what is being done and the share done, 0 to 1.

    Raises:
        BadInput: The file is damaged, no backup, from a later Stormplay or PostgreSQL, or did not pass the checks.
        Conflict: The database holds rows and `replace` was not said, or another restore is running.
        NotAllowed: The database login is no superuser.
        DatabaseUnavailable: Nothing answers, or pg_restore is missing or failed.
    """
    start, report = perf_counter(), progress or (lambda _what, _share: None)
    report("Reading the backup", 0.0)
    archive = Archive(source)
    try:
        address = database.admin_url()
        with _alone(address) as server:
            _check_fits(archive.manifest, server)
            if _occupied(server, address) and not replace:
                raise Conflict(
                    "The database holds rows already.",
                    "A backup is restored into an empty one.",
                    "Say --replace to put the present one aside; it is kept under another name.",
                )
            made_roles = make_roles(server, archive.manifest)
            close_others(server, address.database or "")
            aside = _rebuilt(server, address, archive, report)
    finally:
        archive.close()
    _finish(address)
    report("Restored", 1.0)
    manifest = archive.manifest
    without_password = () if database.is_embedded() else tuple(made_roles)
    return Restored(manifest.tenants, manifest.rows, aside, without_password, perf_counter() - start)


def asides() -> list[str]:
    """The databases that restores have put aside, oldest first."""
    with _alone(database.admin_url()) as server:
        return sorted(_named(server, _ASIDE))


def drop_aside(name: str) -> None:
    """Drop a database that a restore has put aside. There is no way back.

    Raises:
        BadInput: There is none of that name.
    """
    with _alone(database.admin_url()) as server:
        there = sorted(_named(server, _ASIDE))
        if name not in there:
            raise BadInput(f"No database '{name}' was put aside.", f"There is {', '.join(there) or 'none'}.")
        _drop(server, name)


@contextmanager
def _alone(address: URL) -> Iterator[inventory.Cursor]:
    """A cursor beside all databases, held by one restore at a time. What a killed one left behind goes."""
    with inventory.connected(address.set(database="postgres"), autocommit=True) as server:
        server.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,))
        if not server.fetchone()[0]:
            raise Conflict("Another restore is running on this server.", remedy="Wait until it has ended.")
        for left in _named(server, _UNFINISHED):
            _drop(server, left)
        yield server


def _named(server: inventory.Cursor, pattern: re.Pattern[str]) -> list[str]:
    server.execute("SELECT datname FROM pg_database")
    return [name for (name,) in server.fetchall() if pattern.fullmatch(name)]


def _drop(server: inventory.Cursor, name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _check_fits(manifest: Manifest, server: inventory.Cursor) -> None:
    have = server.connection.server_version // 10_000
    if max(manifest.server // 10_000, database.SERVER_VERSION) > have:
        raise BadInput(
            f"This backup is from PostgreSQL {manifest.server // 10_000}.",
            f"This server is PostgreSQL {have}.",
            "Restore it into the same or a later one.",
        )
    unknown = set(manifest.migrations) - {one.name for one in migrations.files()}
    if unknown:
        raise BadInput(
            f"This backup is from a later Stormplay (it has {min(unknown)}).",
            remedy="Upgrade Stormplay first.",
        )


def verify(source: Path, progress: Progress | None = None) -> Manifest:
    """Restore a backup of this server beside the database in use, prove it, and drop it again; nothing else changes.

    Returns:
        What the backup says about itself, all of which was found to be so.

    Raises:
        BadInput, Conflict, NotAllowed, DatabaseUnavailable: As `restore`.
    """
    report, address = progress or (lambda _what, _share: None), database.admin_url()
    report("Reading the backup", 0.0)
    archive = Archive(source)
    try:
        with _alone(address) as server:
            _check_fits(archive.manifest, server)
            beside = address.set(database=f"stormplay_restore_{datetime.now(UTC):%Y%m%d%H%M%S%f}")
            try:
                create(server, beside.database or "", address.database or "")
                fill(beside, archive, report)
                report("Checking", 0.75)
                prove(beside, archive.manifest)
            finally:
                database.engine(beside).dispose()
                _drop(server, beside.database or "")
    finally:
        archive.close()
    report("Proved", 1.0)
    return archive.manifest


def _occupied(server: inventory.Cursor, address: URL) -> bool:
    """Whether there is a database of that name with a row in it, ours or not."""
    server.execute("SELECT FROM pg_database WHERE datname = %s", (address.database,))
    if not server.rowcount:
        return False
    try:
        with inventory.connected(address) as cursor:
            return _has_rows(cursor)
    except DatabaseUnavailable:  # broken, or closed: no reason to throw it away
        return True


def _has_rows(cursor: inventory.Cursor) -> bool:
    for schema, name, _ in inventory.tables(cursor):
        if f"{schema}.{name}" in (*inventory.LIVE, "public.schema_migrations"):
            continue
        cursor.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(sql.Identifier(schema, name)))
        if cursor.rowcount:
            return True
    return False


def _rebuilt(server: inventory.Cursor, address: URL, archive: Archive, report: Progress) -> str | None:
    """Build the new database beside the old one, prove it, publish it. Returns the old one's new name, if kept."""
    now = f"{datetime.now(UTC):%Y%m%d%H%M%S%f}"
    name, aside = f"stormplay_restore_{now}", f"stormplay_before_{now}"
    beside = address.set(database=name)
    try:
        create(server, name, address.database or "")
        fill(beside, archive, report)
        report("Checking", 0.75)
        prove(beside, archive.manifest)
        report("Changing places", 0.95)
        moved = _publish(server, address, name, aside)
    except BaseException:
        database.engine(beside).dispose()
        _drop(server, name)
        raise
    return aside if moved and _kept(server, address, aside) else None


def _kept(server: inventory.Cursor, address: URL, aside: str) -> bool:
    """Close the old one to everybody if there is a row in it, or drop it. Returns whether it was kept."""
    if not _occupied(server, address.set(database=aside)):
        _drop(server, aside)
        return False
    server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(aside)))
    return True


def _publish(server: inventory.Cursor, address: URL, name: str, aside: str) -> bool:
    """Let the two change places in one transaction. Returns whether there was an old one."""
    old = address.database or ""
    server.execute("SELECT FROM pg_database WHERE datname = %s", (old,))
    if not server.rowcount:
        _rename(server, name, old)
        return False
    database.engine(address).dispose()
    for attempt in range(1, _ATTEMPTS + 1):
        _end_logins(address)
        _end_connections(server, (old, name))
        try:
            _swap(server, old, name, aside)
        except errors.ObjectInUse:  # somebody came in between; from the rename on nobody can
            if attempt == _ATTEMPTS:
                raise DatabaseUnavailable(
                    "The database is in use without a pause.", remedy="Stop the server, then restore again."
                ) from None
        else:
            return True
    return False


def _swap(server: inventory.Cursor, old: str, name: str, aside: str) -> None:
    server.execute("BEGIN")
    try:
        _rename(server, old, aside)
        _rename(server, name, old)
        server.execute("COMMIT")
    except BaseException:
        server.execute("ROLLBACK")
        raise


def _rename(server: inventory.Cursor, old: str, new: str) -> None:
    server.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new)))


def _end_logins(address: URL) -> None:
    """End what is live while it can still be tidied up: a role with rights in a closed database could not go."""
    with suppress(DatabaseUnavailable), inventory.connected(address) as cursor:  # where it is broken, so be it
        cursor.execute("SELECT to_regprocedure('sec.close_kernel(name)') IS NOT NULL")
        if cursor.fetchone()[0]:
            cursor.execute("SELECT sec.close_kernel(login) FROM sec.login")
            cursor.connection.commit()


def _end_connections(server: inventory.Cursor, names: tuple[str, ...]) -> None:
    server.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = ANY (%s)", (list(names),)
    )


def _finish(address: URL) -> None:
    """The embedded broker's password, and the logins of the time before."""
    if database.is_embedded():
        migrations.migrate()
    with suppress(DatabaseUnavailable), inventory.connected(address) as cursor:  # the server reaps too, when it starts
        cursor.execute("SELECT sec.reap()")
        cursor.connection.commit()
