"""From every released schema version, with rows in it, to the newest: no row is lost or changed, every lock is shut.

One database climbs. At each version a company of its own is written into it, with what that version has room for of
the rows that people's work leaves in every table (`test_every_table` makes them, those of the newest migration too).
What was written at version k has then gone through all that comes after k, which is what an upgrade from k does.
"""

from __future__ import annotations

import json
import re

import psycopg2
import pytest
from psycopg2 import sql
from sqlalchemy import text
from test_every_table import made

from stormplay import database as db
from stormplay import embedded, lint, migrations

UUID = re.compile(r"\b([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-)([0-9a-f]{12})\b")
PEOPLE, LIVE = "sec.person", ("sec.login", "sec.login_right")
MOST = 60  # rows of a table

# What a migration changes in rows that are there, on purpose. Anything else must be as it was written.
CHANGED: dict[str, set[str]] = {}

# Schema, table, its columns without those that are worked out, its key.
CATALOGUE = """
SELECT n.nspname || '.' || c.relname,
       (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''),
       (SELECT array_agg(a.attname::text) FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid
           AND a.attnum = ANY (i.indkey) WHERE i.indrelid = c.oid AND i.indisprimary)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND n.nspname IN ('public', 'sec')
   AND (c.oid = to_regclass('sec.person')
        OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'))
 ORDER BY c.relname <> 'person', 1"""


@pytest.fixture(scope="module")
def company(database, tmp_path_factory):
    """Rows of every table of one company in which people have worked: table -> rows as objects; and the people."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMPLAY_PICTURES", str(tmp_path_factory.mktemp("pictures")))
        tenant = made(tmp_path_factory.mktemp("work"))["id"]
    with db.transaction(db.admin_url()) as connection:
        found = {
            table: connection.execute(
                text(f"SELECT to_jsonb(t) FROM {table} t WHERE tenant_id = :tenant LIMIT {MOST}"), {"tenant": tenant}
            ).scalars().all()
            for table, _, _ in connection.execute(text(CATALOGUE))
            if table not in (PEOPLE, *LIVE)
        }  # fmt: skip
        people = connection.execute(text("SELECT to_jsonb(p) FROM sec.person p WHERE NOT is_service")).scalars().all()
    return {table: rows for table, rows in found.items() if rows}, people


@pytest.fixture
def scratch(database):
    """A cursor in an empty database of this test's own, and its address."""
    admin = db.admin_url()
    on_server("DROP DATABASE IF EXISTS climbing WITH (FORCE)", "CREATE DATABASE climbing")
    address = admin.set(database="climbing")
    link = psycopg2.connect(embedded.url("postgres").replace("@/stormplay?", "@/climbing?"))
    link.autocommit = True
    with link.cursor() as cursor:
        yield cursor, address
    link.close()
    db.engine(address).dispose()
    on_server("DROP DATABASE climbing WITH (FORCE)")


def on_server(*statements):
    link = psycopg2.connect(embedded.url("postgres").replace("@/stormplay?", "@/postgres?"))
    link.autocommit = True
    with link.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    link.close()


def of_version(row, version, people):
    """The same row of another company: each id is another one, in the same order, but for those of people."""
    told = json.dumps(row)
    told = UUID.sub(lambda id_: id_[0] if id_[0] in people else f"{id_[1]}{int(id_[2], 16) ^ version << 36:012x}", told)
    found = json.loads(told)
    if "slug" in found and "org_name" in found:
        found["slug"] = f"v{version}-{found['slug']}"[:40]
    return found


def write(cursor, table, columns, rows):
    """Put rows in, whatever their triggers would say. Returns those that this version has room for and has not yet."""
    if not rows:
        return []
    names = sql.SQL(", ").join(sql.Identifier(name) for name in columns if name in rows[0])
    target = sql.Identifier(*table.split("."))
    query = sql.SQL("INSERT INTO {0} ({1}) SELECT {1} FROM jsonb_populate_recordset(NULL::{0}, %s)")
    try:
        cursor.execute(query.format(target, names), (json.dumps(rows),))
    except (psycopg2.IntegrityError, psycopg2.errors.InvalidTextRepresentation):
        return [kept for row in rows for kept in write(cursor, table, columns, [row])] if len(rows) > 1 else []
    return rows


def fill(cursor, version, rows, people):
    """Write a company at this version. Returns table -> (key, columns, rows as they are now)."""
    known = {each["person_id"] for each in people}
    cursor.execute("SET session_replication_role = replica")
    cursor.execute(CATALOGUE)
    written = {}
    for table, columns, key in cursor.fetchall():
        there = people if table == PEOPLE else [of_version(row, version, known) for row in rows.get(table, [])]
        if kept := write(cursor, table, columns, there):
            written[table] = key, columns, stored(cursor, table, key, columns, kept)
    cursor.execute("RESET session_replication_role")
    return written


def stored(cursor, table, key, columns, rows):
    """The rows of these keys as the database has them now, with these columns alone: key -> row."""
    target, names = sql.Identifier(*table.split(".")), sql.SQL(" AND ").join(
        sql.SQL("t.{0} = r.{0}").format(sql.Identifier(name)) for name in key
    )  # fmt: skip
    query = sql.SQL("SELECT to_jsonb(t) FROM {0} t JOIN jsonb_populate_recordset(NULL::{0}, %s) r ON {1}")
    cursor.execute(query.format(target, names), (json.dumps([{name: row[name] for name in key} for row in rows]),))
    found = [row for (row,) in cursor.fetchall()]
    return {tuple(row[name] for name in key): {name: row[name] for name in columns if name in row} for row in found}


def test_from_every_version_with_rows_in_it(company, scratch, tmp_path):
    rows, people = company
    cursor, address = scratch
    every, written = migrations.files(), {}
    for one in every:
        (tmp_path / one.name).write_text(one.sql)
        assert migrations.migrate(address, tmp_path) == [one.name]
        cursor.execute("SELECT to_regclass('public.jobs') IS NOT NULL")
        if cursor.fetchone()[0]:
            written[one.number] = fill(cursor, one.number, rows, people)

    assert [number for number in written if number] == [one.number for one in every if one.number >= 2]
    oldest, newest = written[min(written)], written[max(written)]
    assert {"public.properties", "public.jobs", "public.storms"} <= set(oldest)
    filled = {number: sum(len(before) for _, _, before in tables.values()) for number, tables in written.items()}
    assert filled[max(filled)] == sum(map(len, rows.values())), "the newest version has room for all of it"
    assert min(filled.values()) > 250, "and the oldest for most"
    assert set(newest) - {PEOPLE} == set(rows), "at the newest version every table that people's work fills was filled"
    for number, tables in written.items():
        for table, (key, columns, before) in tables.items():
            now = stored(cursor, table, key, columns, list(before.values()))
            assert now.keys() == before.keys(), f"of {table}, written at version {number}, rows are lost"
            for id_, row in before.items():
                differs = {name for name in row if now[id_].get(name) != row[name]} - CHANGED.get(table, set())
                assert not differs, f"{table}, written at version {number}: {differs}"
    with db.transaction(address) as connection:
        assert lint.faults(connection) == []
    assert migrations.migrate(address) == []
