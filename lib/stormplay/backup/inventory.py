"""What is in a database beside its archive: rows by table and tenant, roles, and the rights pg_dump leaves out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import make_dsn
from sqlalchemy.engine import URL

from stormplay import database
from stormplay.backup.archive import Rights
from stormplay.errors import DatabaseUnavailable, NotAllowed

LIVE = ("sec.login", "sec.login_right")  # whose rows never travel
KERNEL = re.compile(r"k_[0-9a-f]{32}")

_TABLES = """
    SELECT n.nspname, c.relname, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid
                                            AND a.attname = 'tenant_id' AND NOT a.attisdropped)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1, 2"""

# Whoever owns or holds anything in this database. The first superuser is in no list of dependencies.
_ROLES = r"""
    SELECT r.rolname, r.rolcanlogin, r.rolcreaterole FROM pg_roles r
     WHERE r.rolname !~ '^pg_' AND (r.rolname LIKE 'stormplay\_%' OR r.oid = 10 OR r.rolname = current_user
        OR r.oid IN (SELECT d.refobjid FROM pg_shdepend d JOIN pg_database b ON b.datname = current_database()
                      WHERE d.refclassid = 'pg_authid'::regclass AND (d.dbid = b.oid
                         OR d.classid = 'pg_database'::regclass AND d.objid = b.oid)))"""

_MEMBERS = r"""
    SELECT r.rolname, w.rolname,
           format('ADMIN %s, INHERIT %s, SET %s', m.admin_option, m.inherit_option, m.set_option)
      FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles w ON w.oid = m.member
     WHERE r.rolname LIKE 'stormplay\_%' AND w.rolname LIKE 'stormplay\_%' ORDER BY 1, 2"""

_GRANTED = """
    SELECT coalesce(r.rolname, 'PUBLIC'), g.privilege_type
      FROM {} CROSS JOIN LATERAL aclexplode({}) g LEFT JOIN pg_roles r ON r.oid = g.grantee
     WHERE {} AND g.grantee <> {} ORDER BY 1, 2"""

Cursor = Any  # psycopg2's, whose stubs say nothing of adapted rows


@contextmanager
def connected(address: URL, *, autocommit: bool = False) -> Iterator[Cursor]:
    """A cursor on a connection of its own; one transaction, rolled back unless it is told to commit.

    Raises:
        NotAllowed: The login is no superuser, who alone reads every tenant's rows.
        DatabaseUnavailable: Nothing answers, there is no such database, or it refused a statement.
    """
    try:
        link = psycopg2.connect(plain(address), password=address.password)
    except psycopg2.OperationalError as error:
        raise database.unavailable(error) from None
    try:
        link.autocommit = autocommit
        with link.cursor() as cursor:
            _check_superuser(cursor)
            link.commit()
            yield cursor
    except psycopg2.Error as error:
        raise DatabaseUnavailable(f"The database refused that: {str(error).partition(chr(10))[0]}.") from error
    finally:
        link.close()


def plain(address: URL) -> str:
    """An address without its password, as libpq's `key=value` words: no sign needs a code in them."""
    words = {name: word if isinstance(word, str) else ",".join(word) for name, word in address.query.items()}
    given = {"host": address.host, "user": address.username, "dbname": address.database}
    words |= {name: word for name, word in given.items() if word}
    return make_dsn(**words, **({"port": str(address.port)} if address.port else {}))


def _check_superuser(cursor: Cursor) -> None:
    cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    if not cursor.fetchone()[0]:
        raise NotAllowed(
            "Backup and restore need a superuser of the database.",
            "A tenant's rows are closed to everybody else.",
            "Set STORMPLAY_DATABASE_URL to one for this command.",
        )


def tables(cursor: Cursor) -> list[tuple[str, str, bool]]:
    """Schema, name, and whether it has a tenant_id, of every table."""
    cursor.execute(_TABLES)
    return list(cursor.fetchall())


def counts(cursor: Cursor) -> dict[str, dict[str, int]]:
    """Table -> tenant_id ('' where it has none) -> rows."""
    found = {}
    for schema, name, by_tenant in tables(cursor):
        if f"{schema}.{name}" in LIVE:
            continue
        key = sql.SQL("tenant_id::text" if by_tenant else "''")
        cursor.execute(sql.SQL("SELECT {}, count(*) FROM {} GROUP BY 1").format(key, sql.Identifier(schema, name)))
        found[f"{schema}.{name}"] = dict(cursor.fetchall())
    return found


def roles(cursor: Cursor) -> dict[str, list[str]]:
    """Role -> attributes. A kernel's login is not among them: it dies with its kernel."""
    cursor.execute(_ROLES)
    found = {}
    for name, can_login, can_make_roles in cursor.fetchall():
        if KERNEL.fullmatch(name):
            continue
        ours = name.startswith("stormplay_")
        has = [word for word, given in (("LOGIN", can_login), ("CREATEROLE", can_make_roles)) if given and ours]
        found[name] = has
    return found


def members(cursor: Cursor) -> list[tuple[str, str, str]]:
    """(role, member, options) among our roles."""
    cursor.execute(_MEMBERS)
    return list(cursor.fetchall())


def database_rights(cursor: Cursor) -> list[tuple[str, str]]:
    """(grantee, privilege) on the database itself, beside its owner's."""
    cursor.execute(_GRANTED.format("pg_database b", "coalesce(b.datacl, acldefault('d', b.datdba))",
                                   "b.datname = current_database()", "b.datdba"))  # fmt: skip
    return _without_kernels(cursor.fetchall())


def language_rights(cursor: Cursor) -> Rights:
    """Trusted language -> (grantee, privilege) beside its owner's."""
    cursor.execute("SELECT lanname FROM pg_language WHERE lanpltrusted ORDER BY 1")
    found = {}
    for (name,) in cursor.fetchall():
        cursor.execute(_GRANTED.format("pg_language l", "coalesce(l.lanacl, acldefault('l', l.lanowner))",
                                       "l.lanname = %s", "l.lanowner"), (name,))  # fmt: skip
        found[name] = _without_kernels(cursor.fetchall())
    return found


def _without_kernels(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [row for row in rows if not KERNEL.fullmatch(row[0])]
