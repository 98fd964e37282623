"""Attacks that want to change another company's rows, or to hinder its work on them."""

from __future__ import annotations

import io

import psycopg2
from campaign import NOTHING, Side, attack, changes, runs
from reading import CLOSED, FORGE

CHECKED = "^42501 .*new row violates row-level security policy"
DENIED = "^42501 .*permission denied for table"

INSERT = """INSERT INTO jobs (tenant_id, storm_id, property_id, notes)
            VALUES (%(foreign)s, %(other_storm)s, %(other_home)s, 'x')"""
UPDATE = "UPDATE properties SET address = 'x' WHERE property_id = %(other_home)s"

# Insert, move. Without forging first: what a forgotten WITH CHECK lets through. -------------------------------------
changes("insert into another tenant's rows", CHECKED, INSERT)
changes("insert after forging", CLOSED, FORGE, INSERT, covers="insert into another tenant's rows")
changes("insert that forges on its way", CLOSED, covers="insert into another tenant's rows",
        *["INSERT INTO properties (tenant_id, address) SELECT %(foreign)s, 'x' FROM "
          "(SELECT set_config('app.tenant_id', %(foreign)s, true) OFFSET 0) f"])  # fmt: skip
changes("insert by MERGE", CHECKED, covers="MERGE",
        *["MERGE INTO jobs USING (SELECT 1) s ON false WHEN NOT MATCHED THEN INSERT (tenant_id, storm_id, property_id) "
          "VALUES (%(foreign)s, %(other_storm)s, %(other_home)s)"])  # fmt: skip
changes("insert by a statement that also reads", CHECKED, covers="insert into another tenant's rows",
        *[f"WITH i AS ({INSERT} RETURNING 1) SELECT * FROM i"])  # fmt: skip
changes("move to another tenant", DENIED, "UPDATE jobs SET tenant_id = %(foreign)s")
changes("move by MERGE", DENIED, covers="move to another tenant",
        *["MERGE INTO jobs j USING (SELECT 1) s ON j.job_id = %(own_job)s WHEN MATCHED THEN "
          "UPDATE SET tenant_id = %(foreign)s"], who="owner")  # fmt: skip
changes("a job at another tenant's home", "^23503", covers="foreign-key oracle", of=("own",),
        *["INSERT INTO jobs (storm_id, property_id) VALUES (%(own_storm)s, %(other_home)s)"])  # fmt: skip

# Update, delete. ----------------------------------------------------------------------------------------------------
changes("update another tenant's row", CLOSED, FORGE, UPDATE)
changes("update by MERGE", CLOSED, FORGE, covers="MERGE",
        *["MERGE INTO properties p USING (SELECT %(other_home)s::uuid AS id) s ON p.property_id = s.id "
          "WHEN MATCHED THEN UPDATE SET address = 'merged'"])  # fmt: skip
changes("update by MERGE of whatever does not match", CLOSED, FORGE, covers="MERGE",
        *["MERGE INTO properties p USING (SELECT uuidv7() AS id) s ON p.property_id = s.id "
          "WHEN NOT MATCHED BY SOURCE THEN UPDATE SET address = 'merged'"])  # fmt: skip
changes("update where a cursor stands", CLOSED, FORGE, "DECLARE c CURSOR FOR SELECT * FROM properties FOR UPDATE",
        "FETCH c", "UPDATE properties SET address = 'x' WHERE CURRENT OF c", covers="update another tenant's row")  # fmt: skip
changes("update by a statement that only reads", CLOSED, FORGE, f"WITH u AS ({UPDATE} RETURNING 1) SELECT 1",
        covers="update another tenant's row")  # fmt: skip
changes("rename the rival's company", CLOSED, FORGE, "UPDATE tenants SET org_name = 'Out of business'",
        covers="update another tenant's row")  # fmt: skip
changes("delete another tenant's row", DENIED, FORGE, "DELETE FROM properties WHERE property_id = %(other_home)s")
changes("delete by MERGE", DENIED, FORGE, covers="MERGE",
        *["MERGE INTO properties p USING (SELECT 1) s ON p.city <> '' WHEN MATCHED THEN DELETE"])  # fmt: skip
changes("cascade", DENIED, "DELETE FROM storms WHERE storm_id = %(own_storm)s")
changes("TRUNCATE", DENIED, "TRUNCATE jobs")
changes("TRUNCATE with all that hangs on it", DENIED, "TRUNCATE properties CASCADE", covers="TRUNCATE")
changes("routes taken back by the rival's storm", NOTHING, "SELECT retire_planned_routes(%(other_storm)s)",
        covers="delete another tenant's row")  # fmt: skip
changes("routes taken back after forging", CLOSED, covers="delete another tenant's row",
        *[FORGE, "SELECT retire_planned_routes(%(other_storm)s)"])  # fmt: skip
changes("a stop taken off the rival's route", NOTHING, "SELECT take_stop_off(%(other_storm)s, %(other_home)s)",
        covers="delete another tenant's row")  # fmt: skip
changes("a stop taken off after forging", CLOSED, covers="delete another tenant's row",
        *[FORGE, "SELECT take_stop_off(%(other_storm)s, %(other_home)s)"])  # fmt: skip


# Upsert. ------------------------------------------------------------------------------------------------------------
def _upsert(side: Side, who: str, *first: str) -> bool:
    key = "property_id" if side.is_naive else "tenant_id, property_id"
    before, connection = side.rows("foreign"), side.connect(who)
    side.run(connection, *first, f"""INSERT INTO properties (tenant_id, property_id, address)
        VALUES (%(foreign)s, %(other_home)s, 'x') ON CONFLICT ({key}) DO UPDATE SET address = 'taken'""")  # fmt: skip
    connection.commit()
    return side.rows("foreign") != before


attack("upsert onto another tenant's row", CHECKED)(lambda side: _upsert(side, "owner"))
attack("upsert after forging", CLOSED, "upsert onto another tenant's row")(
    lambda side: _upsert(side, "attacker", FORGE)
)


@attack("COPY in", "^0A000", covers="COPY both ways")
def copy_in(side: Side) -> bool:
    before, connection = side.rows("foreign"), side.connect("owner")
    line = io.StringIO(f"{side.facts['foreign']}\t9 Copied Street\n")
    with connection.cursor() as cursor:
        cursor.copy_expert("COPY properties (tenant_id, address) FROM STDIN", line)
    connection.commit()
    return side.rows("foreign") != before


# In the way of others. ----------------------------------------------------------------------------------------------
def _victim_is_stuck(side: Side, statement: str) -> bool:
    try:
        side.run(side.connect("victim", "foreign"), statement)
    except psycopg2.errors.LockNotAvailable:
        return True
    return False


def _hinders(name: str, refused: str, *statements: str, covers: str | None = None, work: str) -> None:
    def act(side: Side) -> bool:
        connection = side.connect()
        side.run(connection, *statements)
        stuck = _victim_is_stuck(side, work)
        connection.rollback()
        return stuck

    attack(name, refused, covers)(act)


_hinders("LOCK TABLE", DENIED, "LOCK TABLE properties IN ACCESS EXCLUSIVE MODE", work="SELECT count(*) FROM properties")
_hinders("LOCK TABLE against writers", DENIED, "LOCK TABLE jobs IN SHARE MODE", covers="LOCK TABLE",
         work="UPDATE jobs SET notes = notes WHERE job_id = %(other_job)s")  # fmt: skip
_hinders("rows of others locked", CLOSED, FORGE, "SELECT * FROM jobs FOR UPDATE", covers="LOCK TABLE",
         work="UPDATE jobs SET notes = notes WHERE job_id = %(other_job)s")  # fmt: skip

# A hand in what others do later. ------------------------------------------------------------------------------------
OWNER = "^42501 .*must be owner|^42501 .*permission denied"
runs("trigger", OWNER, "CREATE TRIGGER mine BEFORE UPDATE ON jobs EXECUTE FUNCTION "
     "suppress_redundant_updates_trigger()")  # fmt: skip
runs("rule", OWNER, "CREATE RULE mine AS ON UPDATE TO jobs DO INSTEAD NOTHING", covers="trigger", who="owner")
runs("trigger taken away", OWNER, "ALTER TABLE properties DISABLE TRIGGER audit_update", covers="trigger", who="owner")
