"""No condition with a value in it is tried on a foreign row: the lock stands first, whatever stands beside it."""

from __future__ import annotations

import itertools

import pytest
from oracles import SCAN_ALL, SETTINGS

FIRST = "(tenant_id OPERATOR(sec.===) (InitPlan "
SAMPLES = {
    "text": "'x'", "uuid": "'00000000-0000-0000-0000-000000000001'", "double precision": "1.5", "bigint": "7",
    "integer": "7", "date": "'2021-04-28'", "timestamp with time zone": "'2021-04-28'",
    "jsonb": "'{\"a\": 1}'",
    "bytea": "'\\\\x00'",
    "xid8": "'7'",
}  # fmt: skip
COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'schema_migrations'
       AND a.attnum > 0 AND NOT a.attisdropped AND has_column_privilege('stormplay_kernel', c.oid, a.attnum, 'SELECT')
     ORDER BY 1, 2"""
OPERATORS = """
    SELECT DISTINCT format_type(o.oprleft, NULL), format_type(o.oprright, NULL), o.oprname
      FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
     WHERE p.proleakproof AND o.oprresult = 'boolean'::regtype AND o.oprnamespace = 'pg_catalog'::regnamespace"""


@pytest.fixture(scope="module")
def conditions(ours):
    """Every leakproof operator that PostgreSQL has, on every column that it fits, in four shapes."""
    operators = ours.asked(OPERATORS)
    found = []
    for table, column, kind in ours.asked(COLUMNS):
        if kind == "boolean":  # 'a yes/no is yes' is in the list of what is known to leak
            continue
        assert kind in SAMPLES, f"no sample of {kind}"
        for left, right, name in operators:
            if left == kind and right in SAMPLES:
                value = f"{SAMPLES[right]}::{right}"
                found += [(table, f'"{column}" {name} {value}'), (table, f'"{column}" {name} ANY (ARRAY[{value}])'),
                          (table, f'NOT "{column}" {name} ALL (ARRAY[{value}])'),
                          (table, f"""CASE WHEN "{column}" {name} {value} THEN (SELECT current_user) = 'x' END""")]  # fmt: skip
    assert len({text.split()[1] for _, text in found}) >= 6
    return found


def filters(side, connection, table, condition):
    rows = side.run(connection, f"EXPLAIN SELECT tenant_id FROM {table} WHERE {condition}".replace("%", "%%"))
    return [line.split("Filter: ", 1)[1] for (line,) in rows if " Filter: " in line and "One-Time" not in line]


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_lock_is_tried_first(ours, conditions, setting):
    connection = ours.connect()
    ours.run(connection, SCAN_ALL, setting)
    # All of them once, and under each other setting every seventh.
    chosen = conditions if setting == SETTINGS[0] else itertools.islice(conditions, 0, None, 7)
    tried = 0
    try:
        for table, condition in chosen:
            for found in filters(ours, connection, table, condition):
                tried += 1
                assert found.lstrip("(").startswith(FIRST.lstrip("(")), f"{table}: {condition}: {found}"
    finally:
        ours.close()
    assert tried > 200
