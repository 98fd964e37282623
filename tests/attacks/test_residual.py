"""What is known to leak all the same: for each, what is learnt, and that it is no value of anybody's row.

RESIDUAL is the list that docs/SECURITY.md gives reasons for.
"""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

import psycopg2
import pytest
from campaign import MARK, explained
from oracles import SCAN_ALL, estimate

RESIDUAL = {
    "totals": "How many rows and pages a table has over all companies (pg_class, EXPLAIN's removed rows).",
    "whether something is there at all": "Whether any company has a row where a column is empty, a yes/no is yes, or a "
    "JSON key is there: conditions without a value cost nothing and are tried first. Never a value, never whose.",
    "shares by id": "Ids, found where EXPLAIN's estimates bend, and about how many rows belong to each. An id opens "
    "nothing and names nobody.",
    "logins": "How many database logins are open, their random names, and when they end (pg_roles). Never whose.",
    "catalogue": "Names of databases, tables, columns and functions, and the source of functions.",
    "counters": "How much is written in all (transaction numbers, position in the write-ahead log).",
    "channels": "Two logins that agree on a channel may talk by NOTIFY, and who knows a channel may send to it.",
    "a view once opened": "A cursor or statement that began before a right was taken away ends with what it saw.",
    "time": "A login may keep the server busy, or hold a table's definition still while its transaction is open.",
}
SEEN: set[str] = set()


@pytest.fixture
def attacker(ours):
    yield ours.connect()
    ours.close()


def shows(name):
    SEEN.add(name)
    assert name in RESIDUAL
    return lambda test: test


@shows("totals")
def test_totals(ours, attacker):
    ours.asked("ANALYZE properties")
    told = ours.run(attacker, "SELECT reltuples FROM pg_class WHERE oid = 'properties'::regclass")[0][0]
    assert told == ours.asked("SELECT count(*) FROM properties")[0][0]
    ours.run(attacker, SCAN_ALL)
    text = explained(ours, attacker, "(ANALYZE, TIMING OFF) SELECT * FROM properties")
    assert int(re.search(r"Rows Removed by Filter: (\d+)", text)[1]) == told - 6
    assert MARK not in text


@shows("whether something is there at all")
def test_whether_something_is_there_at_all(ours, attacker):
    ours.run(attacker, SCAN_ALL)
    note = "CASE WHEN {} THEN (SELECT set_config('x.seen', 'yes', false)) IS NOT NULL END"

    def is_anywhere(table, condition):
        ours.run(attacker, "SELECT set_config('x.seen', 'no', false)")
        ours.run(attacker, f"SELECT FROM {table} WHERE {note.format(condition)}")
        return ours.run(attacker, "SELECT current_setting('x.seen')") == [("yes",)]

    ours.asked(
        """UPDATE jobs SET claim_intel = '{"carrier": "RIVAL Mutual"}' WHERE job_id = %s""", ours.facts["other_job"]
    )
    try:
        assert is_anywhere("jobs", "claim_intel['carrier'] IS NOT NULL")
        assert not is_anywhere("jobs", "claim_intel['nothing of the kind'] IS NOT NULL")
        # With a value in the condition, or a company, it is tried on own rows alone.
        assert not is_anywhere("jobs", "claim_intel['carrier'] = '\"RIVAL Mutual\"'")
        assert not is_anywhere("jobs", f"tenant_id = '{ours.facts['foreign']}' AND claim_intel['carrier'] IS NOT NULL")
        assert not is_anywhere("jobs", "notes = 'RIVAL note'")
        assert is_anywhere("jobs", "notes = 'Own note'")
    finally:
        ours.asked("UPDATE jobs SET claim_intel = '{}' WHERE job_id = %s", ours.facts["other_job"])


@shows("shares by id")
def test_shares_by_id(ours, attacker):
    def share(condition, value):
        return estimate(ours, attacker, f"tenant_id {condition} %s", value)

    # The most that statistics ever tell: of a company as large as all others together, from all rows.
    ours.asked(
        "INSERT INTO properties (tenant_id, address) SELECT %s, 'RIVAL large' FROM generate_series(1, 20000)",
        ours.facts["foreign"],
    )
    try:
        for statement in ("SET default_statistics_target = 10000", "ANALYZE properties"):
            ours.asked(statement)
        # The id of the rival's company lies between two guesses that are answered differently.
        number = UUID(ours.facts["foreign"]).int
        assert share("<", str(UUID(int=number - 1))) != share("<", str(UUID(int=number + 1)))
        assert share("=", ours.facts["foreign"]) > share("=", ours.facts["guess"])
    finally:
        ours.asked("RESET default_statistics_target")
        ours.asked("DELETE FROM properties WHERE address = 'RIVAL large'")
        ours.asked("ANALYZE properties")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="not open to you"):
        ours.run(attacker, "SELECT set_config('app.tenant_id', %(foreign)s, true)", "TABLE properties")
    attacker.rollback()
    kept = ours.asked("SELECT DISTINCT a.atttypid::regtype::text FROM pg_statistic s JOIN pg_attribute a ON attrelid = "
                      "starelid AND attnum = staattnum WHERE starelid IN (SELECT oid FROM pg_class WHERE relnamespace = "
                      "'public'::regnamespace AND relkind = 'r' AND relname <> 'schema_migrations')")  # fmt: skip
    assert kept == [("uuid",)], "the planner knows nothing but ids"


@shows("logins")
def test_logins(ours, attacker):
    rows = ours.run(attacker, "SELECT rolname, rolvaliduntil FROM pg_roles WHERE rolname LIKE 'k\\_%%'")
    assert (ours.facts["victim_login"],) in [row[:1] for row in rows]
    assert all(re.fullmatch("k_[0-9a-f]{32}", name) for name, _ in rows)
    told = repr(ours.run(attacker, "SELECT * FROM pg_roles") + ours.run(attacker, "SELECT * FROM pg_auth_members"))
    assert ours.facts["rival"] not in told
    assert MARK not in told


@shows("catalogue")
def test_catalogue(ours, attacker):
    names = ours.run(attacker, "SELECT relname FROM pg_class UNION SELECT datname FROM pg_database UNION "
                     "SELECT prosrc FROM pg_proc")  # fmt: skip
    assert ("properties",) in names
    assert MARK not in repr(names)
    assert ours.facts["foreign_slug"] not in repr(names)


@shows("counters")
def test_counters(ours, attacker):
    attacker.autocommit = True
    asks = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn, pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
    before = ours.run(attacker, asks)[0]
    ours.asked("UPDATE jobs SET notes = notes WHERE job_id = %s", ours.facts["other_job"])
    after = ours.run(attacker, asks)[0]
    assert all(later > earlier for earlier, later in zip(before, after, strict=True))


@shows("channels")
def test_channels(ours, attacker):
    listener = ours.connect("victim", "foreign")
    listener.autocommit = attacker.autocommit = True
    ours.run(listener, "LISTEN agreed")
    ours.run(attacker, "NOTIFY agreed, 'what one knows anyway'")
    ours.run(listener, "SELECT 1")
    assert [told.payload for told in listener.notifies] == ["what one knows anyway"]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ours.run(attacker, "SELECT pg_notify('agreed', address) FROM properties")  # no payload out of rows


@shows("a view once opened")
def test_a_view_once_opened(ours):
    connection = ours.connect("both", "foreign")
    person = "(SELECT person_id FROM sec.login WHERE login = %s)"
    login = re.search("k_[0-9a-f]{32}", ours.urls["both"])[0]
    ours.run(connection, "DECLARE c CURSOR FOR TABLE properties", "FETCH c")
    ours.asked(
        f"DELETE FROM sec.membership WHERE tenant_id = %s AND person_id = {person}", ours.facts["foreign"], login
    )
    try:
        assert len(ours.run(connection, "FETCH ALL FROM c")) == 29, "rows that were open to them when they began"
        with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="not open to you"):
            ours.run(connection, "TABLE properties")
    finally:
        ours.close()
        ours.asked(f"INSERT INTO sec.membership SELECT {person}, %s, 'admin'", login, ours.facts["foreign"])


@shows("time")
def test_time(ours, attacker):
    ours.run(attacker, "SELECT count(*) FROM properties")
    ours.asked("SET lock_timeout = '100ms'")
    try:
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            ours.asked("ALTER TABLE properties ADD planted text")
    finally:
        ours.asked("RESET lock_timeout")
    victim = ours.connect("victim", "foreign")
    ours.run(victim, "UPDATE properties SET city = city")  # work goes on
    victim.rollback()


def test_each_residual_leak_is_shown():
    assert set(RESIDUAL) == SEEN


def test_the_page_about_security_names_them_all():
    page = (Path(__file__).resolve().parents[2] / "docs" / "SECURITY.md").read_text()
    for name in RESIDUAL:
        assert f"| {name} |" in page
