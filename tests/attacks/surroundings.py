"""Attacks by what a database offers beside tables: locks, sessions, files, code, names, other databases."""

from __future__ import annotations

import psycopg2
from campaign import MARK, NOTHING, Side, attack, runs, sees

CALL = "^42501 .*permission denied for function"
FILE = "^42501 "
CREATE = "^42501 .*permission denied for schema public"
OWNER = "^42501 .*must be owner"
TEMP = "^42501 .*permission denied to create temporary tables"
FIND = "SELECT pid FROM pg_stat_activity WHERE application_name = 'rival' AND usename = current_user"


# Sessions of others. ------------------------------------------------------------------------------------------------
def _victim_pid(side: Side):
    victim = side.connect("victim", "foreign", "-c application_name=rival")
    return victim, side.run(victim, "SELECT pg_backend_pid(), 'RIVAL query'")[0][0]


@attack("pg_stat_activity", CALL)
def activity(side: Side) -> bool:
    _victim_pid(side)
    return MARK in repr(side.run(side.connect(), "SELECT query FROM pg_stat_activity"))


@attack("terminate backend", "^42501 .*permission denied to terminate process")
def terminate(side: Side) -> bool:
    """The number of the process is given: guessing one is easy."""
    victim, pid = _victim_pid(side)
    connection = side.connect()
    side.run(connection, f"SELECT pg_terminate_backend({pid}, 2000)")
    try:
        side.run(victim, "SELECT 1")
    except psycopg2.OperationalError:
        return True
    return False


@attack("pg_cancel_backend", "^42501 .*permission denied to cancel query")
def cancel(side: Side) -> bool:
    _victim, pid = _victim_pid(side)
    return side.run(side.connect(), f"SELECT pg_cancel_backend({pid})") == [(True,)]


runs("locks of others", CALL, "SELECT * FROM pg_locks", covers="pg_stat_activity")
runs("who waits for whom", CALL, "SELECT pg_blocking_pids(1)", covers="pg_stat_activity")
runs("signal through pg_notify", CALL, "SELECT pg_notify('jobs', 'forged')", covers="LISTEN/NOTIFY")
runs(
    "snapshot handed over",
    CALL,
    "SELECT pg_export_snapshot()",
    covers="cursors WITH HOLD kept across a change of tenant",
)


@attack("advisory lock", CALL)
def advisory(side: Side) -> bool:
    side.run(side.connect(), "SELECT pg_advisory_lock(5230418)")
    return side.run(side.connect("victim", "foreign"), "SELECT pg_try_advisory_lock(5230418)") == [(False,)]


# Places beside the tables. ------------------------------------------------------------------------------------------
@attack("large object", CALL)
def large_object(side: Side) -> bool:
    made = side.asked("SELECT lo_from_bytea(0, 'RIVAL photo')")[0][0]
    try:
        if side.is_naive:
            side.asked(f"ALTER LARGE OBJECT {made} OWNER TO {side.facts['app_role']}")
        return MARK in repr(bytes(side.run(side.connect(), f"SELECT lo_get({made})")[0][0]))
    finally:
        side.close()
        side.asked(f"SELECT lo_unlink({made})")


runs("a large object of one's own", CALL, "SELECT lo_creat(-1)", covers="large object")
sees("temp table shadowing", TEMP, "CREATE TEMP TABLE membership_now AS SELECT %(foreign)s::uuid AS tenant_id",
     "SELECT * FROM may_see(%(foreign)s)")  # fmt: skip
runs("a temporary view", TEMP, "CREATE TEMP VIEW properties AS SELECT 1", covers="temp table shadowing")
sees("search_path redirect", "^42501 .*permission denied for database", "CREATE SCHEMA evil",
     "CREATE TABLE evil.membership_now AS SELECT %(foreign)s::uuid AS tenant_id", "SET search_path = evil, public",
     "SELECT * FROM may_see(%(foreign)s)")  # fmt: skip
runs("a table in a schema that is searched", CREATE, "CREATE TABLE membership_then (tenant_id uuid)",
     covers="search_path redirect")  # fmt: skip

# Files, programs and servers. As a control, the administrator: nobody gives these to an application. ---------------
for what, statement in {
    "pg_read_file": "SELECT pg_read_file('PG_VERSION')",
    "pg_ls_dir": "SELECT pg_ls_dir('.')",
    "pg_stat_file": "SELECT pg_stat_file('PG_VERSION')",
    "COPY PROGRAM": "COPY (SELECT 1) TO PROGRAM 'cat > /dev/null'",
    "settings of the server": "SELECT * FROM pg_hba_file_rules",
}.items():
    runs(what, FILE, statement, control="admin", covers="pg_read_file/pg_ls_dir/COPY PROGRAM")
runs("a program's output read in", FILE, "COPY jobs (notes) FROM PROGRAM 'true'", control="admin",
     covers="pg_read_file/pg_ls_dir/COPY PROGRAM")  # fmt: skip
runs("dblink", "^42501 .*permission denied to create extension", "CREATE EXTENSION dblink", control="admin",
     covers="dblink/postgres_fdw")  # fmt: skip
runs("postgres_fdw", "^42501 .*permission denied to create extension", "CREATE EXTENSION postgres_fdw", control="admin",
     covers="dblink/postgres_fdw")  # fmt: skip
runs("a trusted extension", "^42501 .*permission denied to create extension", "CREATE EXTENSION pg_trgm",
     control="owner", covers="dblink/postgres_fdw")  # fmt: skip

# Code. --------------------------------------------------------------------------------------------------------------
runs("CREATE FUNCTION", "^42501 .*permission denied for (schema|language)",
     "CREATE FUNCTION leak(text) RETURNS boolean LANGUAGE sql COST 0.0001 AS 'SELECT true'")  # fmt: skip
runs("CREATE FUNCTION in plpgsql", "^42501 .*permission denied for (schema|language)", covers="CREATE FUNCTION",
     *["CREATE FUNCTION leak(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%%', $1; "
       "RETURN true; END $$"])  # fmt: skip
runs("CREATE OPERATOR", CREATE, "CREATE OPERATOR public.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)",
     covers="CREATE FUNCTION")  # fmt: skip
runs("CREATE AGGREGATE", CREATE, "CREATE AGGREGATE mine (int) (SFUNC = int4pl, STYPE = int)", covers="CREATE FUNCTION")

# Definitions. -------------------------------------------------------------------------------------------------------
for what, statement in {
    "row security taken off": "ALTER TABLE properties DISABLE ROW LEVEL SECURITY",
    "row security no more forced": "ALTER TABLE properties NO FORCE ROW LEVEL SECURITY",
    "a policy of one's own": "CREATE POLICY mine ON properties USING (true)",
    "a table taken over": "ALTER TABLE properties OWNER TO CURRENT_USER",
    "a column added": "ALTER TABLE properties ADD note text",
    "an index of one's own": "CREATE INDEX mine ON properties (email)",
    "a table dropped": "DROP TABLE lead_uplift",
    "statistics switched on": "ALTER TABLE properties ALTER phone SET STATISTICS 100",
}.items():
    runs(what, OWNER, statement, covers="DDL", who="owner")
runs("DDL", CREATE, "CREATE TABLE mine AS SELECT * FROM properties")
runs("COMMENT", OWNER, "COMMENT ON TABLE properties IS 'mine'", who="owner")
runs("REINDEX", "^42501", "REINDEX TABLE properties", covers="DDL", who="owner")
runs("publication", "^42501 .*permission denied for database", "CREATE PUBLICATION mine FOR TABLE properties",
     covers="DDL", who="owner")  # fmt: skip


# Rights given on. ---------------------------------------------------------------------------------------------------
def _gives(name: str, refused: str, *statements: str, covers: str | None = None, who: str = "owner") -> None:
    """Succeeds where the catalogue is another one afterwards."""

    def act(side: Side) -> bool:
        asks = "SELECT (SELECT relacl FROM pg_class WHERE oid = 'properties'::regclass)::text, (SELECT count(*) FROM pg_default_acl)"
        connection = side.connect(who)
        before = side.run(connection, asks)
        side.run(connection, *statements)
        after = side.run(connection, asks)
        side.settle(connection)
        return before != after

    attack(name, refused, covers)(act)


_gives("GRANT to others", NOTHING, "GRANT SELECT ON properties TO PUBLIC")  # a warning, and nothing is granted
_gives("ALTER DEFAULT PRIVILEGES", "^42501 .*permission denied to change default privileges",
       "ALTER DEFAULT PRIVILEGES FOR ROLE {owner_role} GRANT SELECT ON TABLES TO PUBLIC")  # fmt: skip
runs("membership given on", "^42501 .*permission denied to grant role", "GRANT {owner_role} TO {own_login}",
     covers="GRANT to others", control="admin")  # fmt: skip


# Another database of the same server. -------------------------------------------------------------------------------
@attack("pinned in another database", "permission denied for database", covers="ALTER DEFAULT PRIVILEGES")
def pinned(side: Side) -> bool:
    """What a login leaves in a database that it has no business in keeps it from being dropped."""
    elsewhere = side.urls["elsewhere"]
    connection = psycopg2.connect(elsewhere)
    side.opened.append(connection)
    with connection.cursor() as cursor:
        cursor.execute("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC")
        cursor.execute("SELECT count(*) FROM pg_default_acl")
        kept = cursor.fetchall()
    connection.rollback()
    return kept != [(0,)]
