"""The new database of a restore: made under another name, filled in one transaction, proved.

Its rows must be as many as the manifest says, and `stormplay.lint` must find no fault in it.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from typing import IO, cast

from psycopg2 import sql
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from stormplay import database, lint, migrations
from stormplay.backup import inventory
from stormplay.backup.archive import Archive, Manifest, Progress
from stormplay.backup.programs import running
from stormplay.errors import BadInput

_OPTIONS = re.compile(r"ADMIN [tf], INHERIT [tf], SET [tf]")


def make_roles(server: inventory.Cursor, manifest: Manifest) -> list[str]:
    """Roles live beside all databases, so no dump of one has them. Those that exist stay as they are."""
    server.execute("SELECT rolname FROM pg_roles")
    there = {name for (name,) in server.fetchall()}
    missing = [name for name in manifest.roles if name not in there]
    for name in missing:
        attributes = [sql.SQL(word) for word in manifest.roles[name] if word in ("LOGIN", "CREATEROLE")]
        server.execute(sql.SQL("CREATE ROLE {} ").format(sql.Identifier(name)) + sql.SQL(" ").join(attributes))
    for role, member, options in manifest.members:
        if _OPTIONS.fullmatch(options):
            words = options.replace(" t", " TRUE").replace(" f", " FALSE")
            statement = sql.SQL("GRANT {} TO {} WITH " + words).format(sql.Identifier(role), sql.Identifier(member))
            server.execute(statement)
    return [name for name in missing if "LOGIN" in manifest.roles[name]]


def close_others(server: inventory.Cursor, name: str) -> None:
    """Let nobody into the other databases of a server that is ours alone, as migration 8 does; no dump has that."""
    server.execute(
        """SELECT datname FROM pg_database WHERE datname NOT LIKE ALL (%s) AND datname <> %s""",
        (["template%", "stormplay\\_before\\_%", "stormplay\\_restore\\_%"], name),
    )
    if {other for (other,) in server.fetchall()} <= {"postgres"}:
        for other in ("postgres", "template1"):
            if other != name:
                server.execute(
                    sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(other))
                )


def create(server: inventory.Cursor, name: str, old: str) -> None:
    """An empty database, closed to everybody, that belongs to whom the old one belongs to."""
    server.execute("SELECT datdba::regrole::text FROM pg_database WHERE datname = %s", (old,))
    owner = server.fetchone()
    server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name)))
    server.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    if owner:
        statement = sql.SQL("ALTER DATABASE {} OWNER TO " + owner[0]).format(sql.Identifier(name))
        server.execute(statement)


def fill(beside: URL, archive: Archive, report: Progress) -> None:
    """Everything in the archive in one transaction.

    Raises:
        DatabaseUnavailable: pg_restore is missing or failed.
    """
    # The list goes to a file: a pipe that nobody reads while the archive is fed is full after 64 kB, and both wait.
    with tempfile.TemporaryFile() as told:
        listing = ("--list", f"--file=/dev/fd/{told.fileno()}")
        with running("pg_restore", None, *listing, files=(told,), stdin=subprocess.PIPE) as process:
            archive.feed(cast(IO[bytes], process.stdin), lambda _what, _share: None)
        told.seek(0)
        listed = told.read().decode().splitlines()
    # Default rights that a kernel's login gave to what it might have made: its role is gone, the name means nobody.
    wanted = [line for line in listed if not (" DEFAULT ACL " in line and inventory.KERNEL.search(line))]
    with tempfile.TemporaryFile() as chosen:
        chosen.write("\n".join(wanted).encode() + b"\n")
        chosen.seek(0)
        options = ("--single-transaction", "--exit-on-error", f"--use-list=/dev/fd/{chosen.fileno()}")
        with running("pg_restore", beside, *options, files=(chosen,), stdin=subprocess.PIPE) as process:
            archive.feed(cast(IO[bytes], process.stdin), report)


def prove(beside: URL, manifest: Manifest) -> None:
    """Count, give back the rights that the dump has not, bring up to date, and lint.

    Raises:
        BadInput: Rows are missing or too many, or the catalogue has a fault.
        MigrationChanged: It was migrated by files that differ from ours.
    """
    with inventory.connected(beside) as cursor:
        have = inventory.counts(cursor)
        wrong = sorted(name for name in have.keys() | manifest.counts if have.get(name) != manifest.counts.get(name))
        if wrong:
            raise _refused(f"{wrong[0]} has other rows than its list says")
        _give_rights(cursor, beside, manifest)
        cursor.connection.commit()
    try:
        migrations.migrate(beside)
        with database.transaction(beside) as connection:
            faults = lint.faults(connection)
    except DBAPIError as error:
        raise _refused(str(error.orig).partition("\n")[0]) from error
    if faults:
        raise _refused(faults[0])
    with inventory.connected(beside, autocommit=True) as cursor:
        cursor.execute("ANALYZE")  # until autovacuum comes by, every plan would be made for empty tables
    database.engine(beside).dispose()


def _refused(why: str) -> BadInput:
    return BadInput(f"The backup was not put in place: {why}.", "Nothing was changed.", "Take an older backup.")


def _give_rights(cursor: inventory.Cursor, beside: URL, manifest: Manifest) -> None:
    objects = [("DATABASE", beside.database or "", manifest.database)]
    objects += [("LANGUAGE", name, rights) for name, rights in manifest.languages.items()]
    for kind, name, rights in objects:
        subject = sql.SQL(kind + " {}").format(sql.Identifier(name))
        cursor.execute(sql.SQL("REVOKE ALL ON {} FROM PUBLIC").format(subject))
        for grantee, privilege in rights:
            if not privilege.isalpha():
                raise _refused(f"'{privilege}' is no right")
            to = sql.SQL("PUBLIC") if grantee == "PUBLIC" else sql.Identifier(grantee)
            cursor.execute(sql.SQL("GRANT " + privilege + " ON {} TO {}").format(subject, to))
