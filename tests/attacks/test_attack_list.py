"""The list of attacks that we keep is played in full."""

from __future__ import annotations

from test_attacks import ATTACKS

# Shown without a naive world to fall in, with the reason, in test_ranks.py.
ELSEWHERE = {"SECURITY LABEL"}
LIST = {
    "forged setting", "none set", "empty string left after commit", "row_security off", "SET ROLE", "RESET ROLE",
    "SET SESSION AUTHORIZATION", "insert into another tenant's rows", "move to another tenant",
    "update another tenant's row", "delete another tenant's row", "MERGE", "upsert onto another tenant's row",
    "unique-violation oracle", "ON CONFLICT oracle", "foreign-key oracle", "cascade", "TRUNCATE", "trigger",
    "definer view", "matview", "error-raising WHERE", "EXPLAIN estimate and rows removed", "COPY both ways", "pg_dump",
    "LISTEN/NOTIFY", "advisory lock", "pg_stat_activity", "terminate backend", "ALTER ROLE of the login (VALID UNTIL)",
    "ALTER ROLE of the login (BYPASSRLS)", "ALTER ROLE of the login (CONNECTION LIMIT)",
    "ALTER ROLE of the login (SUPERUSER)", "large object", "temp table shadowing", "search_path redirect",
    "minting a login (sec.open_kernel)", "minting a login (sec.renew)", "minting a login (sec.find_person)",
    "minting a login (sec.password_hash)", "minting a login (sec.change_password)", "reading sec.*", "sequence", "DDL",
    "IMMUTABLE function plan cache", "prepared statement kept across a tenant change", "expired login", "closed login",
    "LOCK TABLE", "DO block", "upsert RETURNING old", "a new table whose author forgot the policy",
    "cursors WITH HOLD kept across a change of tenant", "savepoint tricks", "leaky operators and functions in WHERE",
    "security-barrier", "statistics", "pg_read_file/pg_ls_dir/COPY PROGRAM", "dblink/postgres_fdw", "CREATE FUNCTION",
    "GRANT to others", "ALTER DEFAULT PRIVILEGES", "COMMENT", "SECURITY LABEL", "pg_cancel_backend", "sizes",
    "a viewer writing each way", "an operator writing analyst/admin tables", "viewer in one company, admin in another",
    "tampering with the audit log", "reading another tenant's audit trail", "non-admin reading the trail",
    "a disabled person", "a removed member mid-session",
}  # fmt: skip


def test_every_attack_of_the_list_is_played():
    assert {attack.covers for attack in ATTACKS.values()} | ELSEWHERE >= LIST


def test_there_are_at_least_sixty():
    assert len(ATTACKS) >= 60
    assert len({attack.covers for attack in ATTACKS.values()}) >= 60
