"""Numbered SQL files, applied in order, each once, all or nothing.

`sql/NNNN_name.sql` is applied in its own transaction under an advisory lock, and its checksum is kept. A file
that was applied and then edited stops everything: a database must be what its files say.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import URL, Connection

from stormplay import database, embedded
from stormplay.errors import BadInput, DatabaseUnavailable, MigrationChanged

_LOCK = 5_230_418  # any number, the same for all who migrate
_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")


@dataclass(frozen=True)
class Migration:
    """One file: its number, name, text, and the SHA-256 of the text."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def files(folder: Path | None = None) -> list[Migration]:
    """The migrations in a folder (default: the package's), in order.

    Raises:
        BadInput: A name does not fit `NNNN_name.sql`, or two files share a number.
    """
    source = folder if folder is not None else resources.files("stormplay") / "sql"
    found = []
    for path in sorted(source.iterdir(), key=lambda item: item.name):
        if not path.name.endswith(".sql"):
            continue
        match = _NAME.match(path.name)
        if not match:
            raise BadInput(f"{path.name} is not a migration's name.", "Expected NNNN_name.sql.")
        found.append(Migration(int(match[1]), path.name, path.read_text()))
    numbers = [one.number for one in found]
    if len(set(numbers)) != len(numbers):
        raise BadInput("Two migrations share a number.", remedy="Give the newer one the next free number.")
    return found


def migrate(address: URL | None = None, folder: Path | None = None) -> list[str]:
    """Bring a database up to date.

    Args:
        address: A superuser's address; default the configured database's.
        folder: Where the SQL files are; default the package's.

    Returns:
        The names of the files applied now; empty when it was up to date.

    Raises:
        MigrationChanged: An applied file was edited or is gone.
        DatabaseUnavailable: Nothing answers, or the server is older than PostgreSQL 18.
    """
    target = address or database.admin_url()
    wanted = files(folder)
    applied_now: list[str] = []
    while True:
        with database.transaction(target) as connection:
            _prepare(connection)
            applied = _applied(connection)
            _check(wanted, applied)
            waiting = [one for one in wanted if one.number not in applied]
            if not waiting:
                break
            _apply(connection, waiting[0])
            applied_now.append(waiting[0].name)
    if address is None and database.is_embedded():
        _set_broker_password(target)
    return applied_now


def _prepare(connection: Connection) -> None:
    version = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    if version < database.SERVER_VERSION:
        raise DatabaseUnavailable(
            f"The server is PostgreSQL {version}.",
            f"Expected {database.SERVER_VERSION} or later.",
            "Upgrade it, or unset STORMPLAY_DATABASE_URL to use the embedded one.",
        )
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    connection.execute(
        text("""CREATE TABLE IF NOT EXISTS public.schema_migrations (
            number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now())""")
    )


def _applied(connection: Connection) -> dict[int, tuple[str, str]]:
    rows = connection.execute(text("SELECT number, name, checksum FROM public.schema_migrations"))
    return {number: (name, checksum) for number, name, checksum in rows}


def _check(wanted: list[Migration], applied: dict[int, tuple[str, str]]) -> None:
    known = {one.number: one for one in wanted}
    for number, (name, checksum) in sorted(applied.items()):
        if number not in known or known[number].checksum != checksum:
            raise MigrationChanged(
                f"Migration {name} was applied to this database and has been changed since.",
                "An applied migration stays as it was.",
                "Put the file back, and write the change as a new migration.",
            )
    latest = max(applied, default=0)
    for one in wanted:
        if one.number not in applied and one.number < latest:
            raise MigrationChanged(
                f"Migration {one.name} comes before one that was already applied.",
                "Migrations are applied in the order of their numbers.",
                "Give it the next free number.",
            )


def _apply(connection: Connection, one: Migration) -> None:
    # The driver's own cursor: a colon or a percent sign in the file is SQL, not a parameter.
    cursor = connection.connection.cursor()
    # Rows that are there already may be counted into a new table whose constraints wait for the commit; while they
    # wait, the rest of the file may not alter that table. Asked at once they hold nothing up.
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    cursor.execute(one.sql)
    cursor.execute("RESET ROLE")
    connection.execute(
        text("INSERT INTO public.schema_migrations (number, name, checksum) VALUES (:number, :name, :checksum)"),
        {"number": one.number, "name": one.name, "checksum": one.checksum},
    )


def _set_broker_password(target: URL) -> None:
    from psycopg2 import sql  # noqa: PLC0415

    password = json.loads((embedded.home() / "secrets.json").read_text())["stormplay_broker"]
    statement = sql.SQL("ALTER ROLE stormplay_broker PASSWORD {}").format(sql.Literal(password))
    with database.transaction(target) as connection:
        connection.connection.cursor().execute(statement)
