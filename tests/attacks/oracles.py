"""Attacks that want to learn of a foreign row without being shown it: by what is refused, estimated, counted, timed."""

from __future__ import annotations

import re
import string

import psycopg2
from campaign import MARK, NOTHING, Side, attack, explained, runs, sees

SCAN_ALL = "SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off"
ADDRESS = "rival-7@homes.test"  # a home of the rival's
NOBODYS = "nobody-7@homes.test"


def said(side: Side, connection, statement: str, **values: object) -> str:
    """What a statement answers: its rows, or the refusal; the transaction goes on."""
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT s")
        try:
            cursor.execute(statement, side.facts | values)
            answer = f"{cursor.rowcount} {cursor.fetchall() if cursor.description else ''}"
        except psycopg2.Error as error:
            answer = str(error.pgcode)
        cursor.execute("ROLLBACK TO s")
    return answer


def _differs(side: Side, statement: str, **answers: tuple[object, object]) -> bool:
    """Whether two guesses, one right and one wrong, are answered differently."""
    connection = side.connect()
    right, wrong = ({key: pair[at] for key, pair in answers.items()} for at in (0, 1))
    return said(side, connection, statement, **right) != said(side, connection, statement, **wrong)


# Keys. --------------------------------------------------------------------------------------------------------------
@attack("unique-violation oracle", NOTHING)
def unique_violation(side: Side) -> bool:
    ids = side.facts["other_home"], side.facts["guess"]
    return _differs(side, "INSERT INTO properties (property_id, address) VALUES (%(id)s, 'x')", id=ids)


@attack("ON CONFLICT oracle", NOTHING)
def on_conflict(side: Side) -> bool:
    ids = side.facts["other_home"], side.facts["guess"]
    return _differs(side, "INSERT INTO properties (property_id, address) VALUES (%(id)s, 'x') ON CONFLICT DO NOTHING",
                    id=ids)  # fmt: skip


@attack("unique name of a storm", NOTHING, covers="unique-violation oracle")
def unique_slug(side: Side) -> bool:
    statement = "INSERT INTO storms (slug, name, event_date) VALUES (%(slug)s, 'x', now())"
    return _differs(side, statement, slug=(side.facts["other_slug"], "nobodys-storm"))


@attack("foreign-key oracle", NOTHING)
def foreign_key(side: Side) -> bool:
    statement = "INSERT INTO jobs (storm_id, property_id) VALUES (%(own_storm)s, %(id)s)"
    return _differs(side, statement, id=(side.facts["other_home"], side.facts["guess"]))


@attack("upsert RETURNING old", NOTHING)
def upsert_returning_old(side: Side) -> bool:
    key = "property_id" if side.is_naive else "tenant_id, property_id"
    connection = side.connect("owner")
    found = side.run(connection, f"""INSERT INTO properties (property_id, address) VALUES (%(other_home)s, 'x')
        ON CONFLICT ({key}) DO UPDATE SET address = 'x' RETURNING old.*""")  # fmt: skip
    connection.rollback()
    return MARK in repr(found)


@attack("the tenant of a storm, by its id", NOTHING, covers="foreign-key oracle")
def tenant_of_storm(side: Side) -> bool:
    ids = side.facts["other_storm"], side.facts["guess"]
    return _differs(side, "SELECT sec.tenant_of_storm(%(id)s)", id=ids)


# Conditions that see a row before the lock does. --------------------------------------------------------------------
@attack("error-raising WHERE", NOTHING)
def error_raising(side: Side) -> bool:
    """The cast of a text names the text that it could not cast."""
    relation = "my_properties" if side.is_naive else "properties"
    connection = side.connect()
    try:
        found = side.run(connection, f"SELECT count(*) FROM {relation} WHERE phone::bigint > 0")
    except psycopg2.Error as error:
        return MARK in str(error)
    assert found == [(6,)]
    return False


@attack("leaky operators and functions in WHERE", NOTHING)
def leaky_functions(side: Side) -> bool:
    """Division by zero for the row that is looked for."""
    relation = "my_properties" if side.is_naive else "properties"
    statement = f"SELECT count(*) FROM {relation} WHERE 1 / (CASE WHEN email = %(email)s THEN 0 ELSE 1 END) = 1"
    return _differs(side, statement, email=(ADDRESS, NOBODYS))


@attack("security-barrier", NOTHING)
def no_barrier(side: Side) -> bool:
    """A condition of side effects, which notes the value that it was last tried on."""
    relation = "my_properties" if side.is_naive else "properties"
    connection = side.connect()
    side.run(connection, f"SELECT count(*) FROM {relation} WHERE set_config('x.seen', phone, true) <> ''")
    return MARK in repr(side.run(connection, "SELECT current_setting('x.seen')"))


# Leakproof operators are tried before the policy, if they cost less; the second condition runs only if the first held.
FIRST = "email = ANY (%(emails)s) AND zip_code = ANY (ARRAY[(SELECT set_config('x.seen', 'yes', false))])"
CHEAP = {
    "SELECT": f"SELECT count(*) FROM properties p WHERE {FIRST}",
    "outer join": f"SELECT count(*) FROM storms s LEFT JOIN properties p ON {FIRST}",
    "subquery": f"SELECT (SELECT count(*) FROM properties p WHERE {FIRST}) FROM storms",
    "FOR UPDATE": f"SELECT * FROM properties p WHERE {FIRST} FOR UPDATE",
    "UPDATE": f"UPDATE properties p SET city = city WHERE {FIRST}",
    "MERGE": f"MERGE INTO properties p USING (SELECT 1) s ON {FIRST} WHEN MATCHED THEN UPDATE SET city = city",
    "INSERT SELECT": f"INSERT INTO properties (address) SELECT address FROM properties p WHERE {FIRST}",
}
SETTINGS = ("RESET cpu_operator_cost", "SET cpu_operator_cost = 0", "SET cpu_operator_cost = '1e300'",
            "SET cpu_operator_cost = '1e-300'", "SET plan_cache_mode = force_generic_plan",
            "SET debug_parallel_query = on", "SET from_collapse_limit = 1")  # fmt: skip


def _side_effect(side: Side, statement: str) -> bool:
    connection = side.connect()
    noted = {}
    for setting in SETTINGS:
        for email in (ADDRESS, NOBODYS):
            side.run(connection, SCAN_ALL, setting, "SELECT set_config('x.seen', 'no', false)")
            with connection.cursor() as cursor:
                cursor.execute(statement, {"emails": [email]})
            noted[setting, email] = side.run(connection, "SELECT current_setting('x.seen')")
        connection.rollback()
    return any(noted[setting, ADDRESS] != noted[setting, NOBODYS] for setting in SETTINGS)


for kind, condition in CHEAP.items():
    attack(f"cheap condition tried first, told by a side effect: {kind}", NOTHING,
           "leaky operators and functions in WHERE")(lambda side, condition=condition: _side_effect(side, condition))  # fmt: skip


@attack("cheap condition tried first, told by the refusal", NOTHING, covers="none set")
def by_refusal(side: Side) -> bool:
    """With no tenant chosen, the policy refuses, but only when a row gets as far as the policy."""
    connection = side.connect(tenant=None)
    side.run(connection, SCAN_ALL)
    statement = "SELECT count(*) FROM lead_uplift WHERE next_best_action = ANY (%(it)s)"
    return said(side, connection, statement, it=["RIVAL visit"]) != said(side, connection, statement, it=["nothing"])


@attack("cheap condition tried first, told by EXPLAIN", NOTHING, covers="EXPLAIN estimate and rows removed")
def never_executed(side: Side) -> bool:
    """A part of the plan that was never executed."""
    connection = side.connect()
    side.run(connection, SCAN_ALL)
    plans = [explained(side, connection, "(ANALYZE, TIMING OFF, BUFFERS OFF) SELECT count(*) FROM properties WHERE email = ANY (%s) "
                       "AND zip_code = ANY (ARRAY[(SELECT current_setting('x.y', true))])", [email])
             for email in (ADDRESS, NOBODYS)]  # fmt: skip
    return len({plan.count("never executed") for plan in plans}) == 2


@attack("a whole value, letter by letter", NOTHING, covers="leaky operators and functions in WHERE")
def letter_by_letter(side: Side) -> bool:
    """The rival's first phone, read by its ranges alone."""
    connection = side.connect()
    side.run(connection, SCAN_ALL)

    def any_between(low: str, high: str) -> bool:
        side.run(connection, "SELECT set_config('x.seen', 'no', false)")
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM properties WHERE phone >= ANY (%s) AND phone < ANY (%s) AND zip_code = "
                           "ANY (ARRAY[(SELECT set_config('x.seen', 'yes', false))])", ([low], [high]))  # fmt: skip
        return side.run(connection, "SELECT current_setting('x.seen')") == [("yes",)]

    text = ""
    while len(text) < len(MARK):
        letters = [c for c in string.ascii_uppercase if any_between(text + c, text + c + "\x7f")]
        if not letters:
            return False
        text += letters[0]
    return text == MARK


# The planner. -------------------------------------------------------------------------------------------------------
def estimate(side: Side, connection, condition: str, *values: object) -> int:
    """The planner's number of rows; joined with a hundred thousand, so that no share of a row is rounded away."""
    many = "SELECT FROM properties CROSS JOIN generate_series(1, 100000)"
    plan = explained(side, connection, f"{many} WHERE {condition}", *values)
    return int(re.search(r"rows=(\d+)", plan)[1])


@attack("EXPLAIN estimate", NOTHING, covers="EXPLAIN estimate and rows removed")
def estimated(side: Side) -> bool:
    connection = side.connect()
    columns = {"owner_name": "RIVAL Owner", "city": "RIVAL City", "zip_code": "99501", "phone": "RIVAL 3"}
    return any(
        estimate(side, connection, f"{column} = %s", value) != estimate(side, connection, f"{column} = %s", "nobody")
        for column, value in columns.items()
    )


@attack("a bend in the estimates", NOTHING, covers="statistics")
def bend(side: Side) -> bool:
    """Where homes are: the share of rows beyond a line falls where some lie."""
    connection = side.connect()
    return len({estimate(side, connection, "latitude > %s", north) for north in (35.0, 45.4, 50.0)}) > 1


@attack("EXPLAIN rows removed", NOTHING, covers="EXPLAIN estimate and rows removed")
def rows_removed(side: Side) -> bool:
    connection = side.connect()
    told = []
    for settings in ("SET enable_seqscan = off", "RESET enable_seqscan;" + SCAN_ALL):
        side.run(connection, settings)
        for note in ("RIVAL note", "nobody's note"):
            plan = explained(side, connection, "(ANALYZE, TIMING OFF) SELECT * FROM jobs WHERE notes = %s", note)
            told.append(re.findall(r"(?:Removed by|actual rows=|Index Searches|Heap Blocks).*", plan))
    return told[0] != told[1] or told[2] != told[3]


sees("statistics", NOTHING, "SELECT * FROM pg_stats WHERE tablename = 'properties'", who="owner")
sees("extended statistics", NOTHING, "SELECT * FROM pg_stats_ext", covers="statistics", who="owner")
runs("statistics as they are stored", "^42501", "SELECT * FROM pg_statistic", covers="statistics", control="admin")
runs("statistics of one's own", "^42501", "CREATE STATISTICS mine ON city, zip_code FROM properties",
     covers="statistics", who="owner")  # fmt: skip
runs("statistics forged", "^42501", "SELECT pg_clear_relation_stats('public', 'properties')", covers="statistics",
     who="owner")  # fmt: skip

# Numbers that count over all companies. -----------------------------------------------------------------------------


@attack("sequence", NOTHING)
def sequence(side: Side) -> bool:
    connection = side.connect()
    known = side.run(connection, "SELECT last_value FROM pg_sequences WHERE schemaname NOT LIKE 'pg\\_%%'")
    return bool(known)


runs("sequence of one's own", "^42501", "CREATE SEQUENCE mine", covers="sequence")
for what, call in {
    "sizes": "pg_relation_size('properties')", "sizes, with indexes": "pg_total_relation_size('properties')",
    "sizes, of the database": "pg_database_size(current_database())", "sizes, of a table": "pg_table_size('jobs')",
    "sizes, where the file is": "pg_relation_filepath('properties')",
}.items():  # fmt: skip
    runs(what, "^42501 .*permission denied for function", f"SELECT {call}", covers="sizes")
runs("the physical successor of a row", "^42501", "SELECT currtid2('properties', '(0,1)')", covers="sizes")
runs("counts of rows written and dead", "^42501", "SELECT * FROM pg_stat_user_tables", covers="statistics")
