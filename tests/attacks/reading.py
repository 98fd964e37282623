"""Attacks that want to be shown another company's rows."""

from __future__ import annotations

import os
import subprocess
import time

import psycopg2
from campaign import MARK, NOTHING, Side, attack, runs, sees

from stormplay import embedded
from stormplay.embedded.place import place_of

FORGE = "SELECT set_config('app.tenant_id', %(foreign)s, true)"
ALL = "SELECT * FROM properties"
CLOSED = "^42501 .*this tenant is not open to you"
UNCHOSEN = "^42501 .*no tenant is chosen"

# The setting. -------------------------------------------------------------------------------------------------------
sees("forged setting", CLOSED, FORGE, ALL)
sees("forged setting for the whole session", CLOSED, "SELECT set_config('app.tenant_id', %(foreign)s, false)", ALL,
     covers="forged setting")  # fmt: skip
sees("setting forged inside the statement", CLOSED, covers="forged setting",
     *["SELECT p.* FROM (SELECT set_config('app.tenant_id', %(foreign)s, true) OFFSET 0) f, properties p"])  # fmt: skip
sees("none set", UNCHOSEN, "SELECT * FROM storms", tenant=None)


@attack("setting forged while connecting", CLOSED, covers="forged setting")
def forged_while_connecting(side: Side) -> bool:
    connection = side.connect(tenant=None, options=f"-c app.tenant_id={side.facts['foreign']}")
    return MARK in repr(side.run(connection, ALL))


@attack("empty string left after commit", UNCHOSEN)
def empty_string_left(side: Side) -> bool:
    connection = side.connect(tenant=None)
    side.run(connection, "SELECT set_config('app.tenant_id', %(own)s, true)")
    connection.commit()
    assert side.run(connection, "SELECT current_setting('app.tenant_id', true)") == [("",)]
    return MARK in repr(side.run(connection, "SELECT * FROM storms"))


sees("savepoint tricks", CLOSED, "SAVEPOINT a", FORGE, ALL + " LIMIT 3")


# Who one is. --------------------------------------------------------------------------------------------------------
sees("row_security off", "^42501 .*affected by row-level security", "SET row_security = off", ALL, who="owner")
sees("SET ROLE", "^42501", "SET ROLE {owner_role}", ALL)
sees("SET ROLE by set_config", "^42501", "SELECT set_config('role', %(owner_name)s, false)", ALL, covers="SET ROLE")
sees("RESET ROLE", NOTHING, "RESET ROLE", ALL, who="role_pool")
sees("SET SESSION AUTHORIZATION", "^42501", "SET SESSION AUTHORIZATION {superuser}", ALL, who="pool")
sees("RESET SESSION AUTHORIZATION", NOTHING, "RESET SESSION AUTHORIZATION", ALL, who="pool",
     covers="SET SESSION AUTHORIZATION")  # fmt: skip
sees("SESSION AUTHORIZATION by set_config", "^42501", covers="SET SESSION AUTHORIZATION", who="pool",
     *["SELECT set_config('session_authorization', %(superuser_name)s, false)", ALL])  # fmt: skip

# What was made for convenience. ----------------------------------------------------------------------------------------
EVERY_VIEW = """SELECT format('TABLE %%I.%%I', schemaname, name) FROM (
    SELECT schemaname, viewname AS name, 'v' AS kind FROM pg_views UNION ALL
    SELECT schemaname, matviewname, 'm' FROM pg_matviews) v
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND kind = {kind}
      AND has_table_privilege(format('%%I.%%I', schemaname, name), 'SELECT')"""


def _through_views(side: Side, kind: str) -> bool:
    connection = side.connect()
    found = [side.run(connection, statement) for (statement,) in side.run(connection, EVERY_VIEW.format(kind=kind))]
    return MARK in repr(found)


attack("definer view", NOTHING)(lambda side: _through_views(side, "'v'"))
attack("matview", NOTHING)(lambda side: _through_views(side, "'m'"))
runs("a view of one's own", "^42501", "CREATE VIEW mine AS SELECT * FROM properties", covers="definer view")
runs("a materialised view of one's own", "^42501", "CREATE MATERIALIZED VIEW mine AS SELECT 1", covers="matview")


@attack("a new table whose author forgot the policy", "^42501 .*permission denied for table forgotten")
def forgotten_policy(side: Side) -> bool:
    side.asked("DROP TABLE IF EXISTS forgotten")
    side.asked(f"SET ROLE {side.facts['owner_role']}; CREATE TABLE forgotten (tenant_id uuid, body text); "
               f"INSERT INTO forgotten VALUES ('{side.facts['foreign']}', 'RIVAL body')"
               + ("; GRANT ALL ON forgotten TO PUBLIC; RESET ROLE" if side.is_naive else "; RESET ROLE"))  # fmt: skip
    try:
        return MARK in repr(side.run(side.connect(), "SELECT * FROM forgotten"))
    finally:
        side.close()
        side.asked("DROP TABLE forgotten")


# What a session keeps. ----------------------------------------------------------------------------------------------
@attack("IMMUTABLE function plan cache", NOTHING)
def immutable_plan(side: Side) -> bool:
    """A plan made in one company and used in another, by somebody who is in both (with us a viewer of the first)."""
    connection = side.connect("both", "foreign")
    side.run(connection, "SET plan_cache_mode = force_generic_plan", "PREPARE kept AS TABLE nurture_sequences",
             "EXECUTE kept", "SELECT set_config('app.tenant_id', %(own)s, false)")  # fmt: skip
    found = side.run(connection, "EXECUTE kept")
    assert found, "it finds nothing at all"
    return MARK in repr(found)


@attack("prepared statement kept across a tenant change", CLOSED)
def kept_statement(side: Side) -> bool:
    """Prepared in the own company, used in the other."""
    connection = side.connect()
    side.run(connection, "PREPARE kept AS TABLE properties", *["EXECUTE kept"] * 7, FORGE)
    return MARK in repr(side.run(connection, "EXECUTE kept"))


@attack("cursors WITH HOLD kept across a change of tenant", CLOSED)
def held_cursor(side: Side) -> bool:
    """Its rows are read when the transaction ends, and by then another tenant is chosen."""
    connection = side.connect()
    side.run(connection, "DECLARE held CURSOR WITH HOLD FOR TABLE properties", FORGE)
    connection.commit()
    return MARK in repr(side.run(connection, "FETCH ALL FROM held"))


sees("cursor opened in one company and read in another", CLOSED, "DECLARE c CURSOR FOR TABLE properties", FORGE,
     "FETCH ALL FROM c", covers="cursors WITH HOLD kept across a change of tenant")  # fmt: skip

# In bulk. -----------------------------------------------------------------------------------------------------------


@attack("COPY out", NOTHING, covers="COPY both ways")
def copy_out(side: Side) -> bool:
    class Heap(list):
        write = list.append

    heap = Heap()
    with side.connect("owner").cursor() as cursor:
        cursor.copy_expert("COPY properties TO STDOUT", heap)
    assert heap, "own rows are copied"
    return MARK in repr(heap)


runs("COPY to a file of the server", "^42501", "COPY properties TO '/tmp/properties.csv.part'", covers="COPY both ways",
     who="attacker", control="admin")  # fmt: skip


@attack("pg_dump", "^42501 .*permission denied|row-level security")
def dump(side: Side) -> bool:
    program = place_of(embedded.home()).binaries / "pg_dump"
    done = subprocess.run(
        [str(program), "--data-only", "--table=properties", f"--dbname={side.urls['owner']}"],
        capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]}, timeout=30,
    )  # fmt: skip
    if done.returncode:
        raise psycopg2.errors.InsufficientPrivilege(f"42501 {done.stderr}")  # the program tells no SQLSTATE
    return MARK in done.stdout


@attack("LISTEN/NOTIFY", NOTHING)
def listen(side: Side) -> bool:
    """Who guesses a channel's name hears what it carries: every word of the schema, and the rival's ids, are tried."""
    connection, victim = side.connect(), side.connect("victim", "foreign")
    connection.autocommit = True
    words = ["jobs", "routes", "properties", "stormplay", "changes", "events", "refresh"]
    for channel in [*words, *side.facts.values()]:
        side.run(connection, f'LISTEN "{channel[:60]}"')
    side.run(victim, "UPDATE jobs SET status = 'won' WHERE job_id = %(other_job)s")
    victim.commit()
    deadline = time.monotonic() + 0.2
    while not connection.notifies and time.monotonic() < deadline:
        connection.poll()
        time.sleep(0.01)
    side.run(victim, "UPDATE jobs SET status = 'scheduled' WHERE job_id = %(other_job)s")
    victim.commit()
    return any(MARK in told.payload for told in connection.notifies)


# Through text that is run. ------------------------------------------------------------------------------------------
runs("DO block", "^42501 .*language plpgsql", "DO $$ BEGIN PERFORM 1; END $$")
