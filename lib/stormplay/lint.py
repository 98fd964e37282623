"""A lint of the database's catalogue: what must be true of every table, whoever wrote it.

Each check is one query that lists its faults; no rows, no fault. `make test` plants a fault for each.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.engine import Connection

# The lock, as PostgreSQL prints it back: who may read, and who of these may write.
_MINE = "( SELECT sec.tenant() AS tenant)"
_READ = f"((tenant_id OPERATOR(sec.===) {_MINE}) AND (tenant_id = {_MINE}))"
_WRITE = r"^\(tenant_id = \( SELECT sec\.tenant_for\('(operator|analyst|admin)'::text\) AS tenant_for\)\)$"

_TABLES = """tenant_table AS (
    SELECT c.oid, c.relname, c.relowner, c.relrowsecurity, c.relforcerowsecurity FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'schema_migrations')"""

CHECKS: dict[str, str] = {
    # First, since much of what follows would be its consequence.
    "role {} is a member of one that it should not be": """
        SELECT m.member::regrole || ' in ' || m.roleid::regrole FROM pg_auth_members m
         WHERE m.roleid::regrole::text IN ('stormplay_owner', 'stormplay_sec', 'stormplay_broker')
            OR m.roleid::regrole::text = 'stormplay_kernel' AND m.member::regrole::text NOT LIKE 'k\\_%'
               AND m.member <> 'stormplay_sec'::regrole
            OR m.roleid::regrole::text = 'stormplay_stream' AND m.member <> 'stormplay_sec'::regrole
               AND (m.member::regrole::text NOT LIKE 'k\\_%' OR EXISTS (
                    SELECT FROM sec.login l JOIN sec.person p USING (person_id)
                     WHERE l.login = m.member::regrole::name AND NOT p.is_service))""",
    "{} has no tenant_id that is uuid and NOT NULL": f"""WITH {_TABLES}
        SELECT relname FROM tenant_table t WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid
           AND a.attname = 'tenant_id' AND a.attnotnull AND a.atttypid = 'uuid'::regtype)""",
    "{} has row security off or not forced": f"""WITH {_TABLES}
        SELECT relname FROM tenant_table WHERE NOT (relrowsecurity AND relforcerowsecurity)""",
    "{} has not exactly the four policies of sec.protect": f"""WITH {_TABLES}
        SELECT t.relname FROM tenant_table t LEFT JOIN pg_policy p ON p.polrelid = t.oid GROUP BY t.oid, t.relname
        HAVING string_agg(p.polcmd::text, '' ORDER BY p.polcmd) IS DISTINCT FROM 'adrw' OR NOT bool_and(
            p.polpermissive AND p.polroles = '{{0}}'
            AND CASE p.polcmd WHEN 'r' THEN pg_get_expr(p.polqual, p.polrelid) = :read
                              WHEN 'a' THEN pg_get_expr(p.polwithcheck, p.polrelid) ~ :write
                              WHEN 'w' THEN pg_get_expr(p.polqual, p.polrelid) ~ :write
                                   AND pg_get_expr(p.polqual, p.polrelid) = pg_get_expr(p.polwithcheck, p.polrelid)
                              ELSE pg_get_expr(p.polqual, p.polrelid) ~ :write END)""",
    "changes of {} are not all kept in the audit log": f"""WITH {_TABLES}
        SELECT t.relname FROM tenant_table t LEFT JOIN pg_trigger g ON g.tgrelid = t.oid AND g.tgenabled = 'O'
           AND g.tgfoid = 'sec.audit'::regproc AND g.tgtype & 1 = 0
         GROUP BY t.relname HAVING coalesce(bit_or(g.tgtype & 28), 0) <> 28""",
    "index {} does not begin with tenant_id": f"""WITH {_TABLES}
        SELECT i.indexrelid::regclass::text FROM pg_index i JOIN tenant_table t ON t.oid = i.indrelid
          JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'tenant_id' WHERE i.indkey[0] <> a.attnum""",
    "{} has no primary key": f"""WITH {_TABLES}
        SELECT relname FROM tenant_table t
         WHERE NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary)""",
    "foreign key {} can point across tenants": f"""WITH {_TABLES}
        SELECT k.conname FROM pg_constraint k JOIN tenant_table t ON t.oid = k.conrelid
          LEFT JOIN pg_attribute mine ON mine.attrelid = k.conrelid AND mine.attname = 'tenant_id'
          LEFT JOIN pg_attribute theirs ON theirs.attrelid = k.confrelid AND theirs.attname = 'tenant_id'
         WHERE k.contype = 'f' AND (k.conkey[1] <> mine.attnum OR k.confkey[1] IS DISTINCT FROM theirs.attnum)""",
    "{} belongs to another role than stormplay_owner": f"""WITH {_TABLES}
        SELECT relname FROM tenant_table WHERE relowner <> 'stormplay_owner'::regrole""",
    "{} is granted and should not be": f"""WITH {_TABLES}
        SELECT t.relname || ': ' || g.privilege_type || ' to ' || g.grantee::regrole FROM tenant_table t
          JOIN pg_class c ON c.oid = t.oid CROSS JOIN aclexplode(c.relacl) g
         WHERE g.grantee <> c.relowner
           AND (g.grantee <> 'stormplay_kernel'::regrole OR g.privilege_type NOT IN ('SELECT', 'INSERT'))
           AND (g.grantee <> 'stormplay_stream'::regrole OR g.privilege_type <> 'INSERT'
                OR t.relname NOT LIKE 'stream\\_%')""",
    "a kernel may say what the stream has done: {}": f"""WITH {_TABLES}
        SELECT t.relname || '.' || a.attname FROM tenant_table t JOIN pg_attribute a ON a.attrelid = t.oid
         WHERE t.relname LIKE 'stream\\_%' AND a.attnum > 0 AND NOT a.attisdropped
           AND (has_column_privilege('stormplay_kernel', t.oid, a.attnum, 'INSERT')
             OR has_column_privilege('stormplay_kernel', t.oid, a.attnum, 'UPDATE')
                AND (t.relname, a.attname) NOT IN (('stream_dead_letters', 'status'),
                                                   ('stream_dead_letters', 'replay_asked_at')))""",
    "a key is granted for update: {}": f"""WITH {_TABLES}
        SELECT t.relname || '.' || a.attname FROM tenant_table t JOIN pg_attribute a ON a.attrelid = t.oid
         CROSS JOIN aclexplode(a.attacl) g WHERE g.privilege_type = 'UPDATE' AND (a.attname = 'tenant_id'
            OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid
                AND i.indisprimary AND a.attnum = ANY (i.indkey)))""",
    "{} has statistics, and is no id": f"""WITH {_TABLES}
        SELECT t.relname || '.' || a.attname FROM tenant_table t JOIN pg_attribute a ON a.attrelid = t.oid
          LEFT JOIN pg_statistic s ON s.starelid = t.oid AND s.staattnum = a.attnum
         WHERE a.attnum > 0 AND NOT a.attisdropped AND a.atttypid <> 'uuid'::regtype
           AND (a.attstattarget IS DISTINCT FROM 0 OR s.starelid IS NOT NULL)""",
    "view {} runs with its owner's rights": """
        SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND (c.relkind = 'm'
            OR c.relkind = 'v' AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false))""",
    "sequence {} counts over all tenants": """
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'""",
    "function {} may be called by everybody": """
        SELECT p.oid::regprocedure::text FROM pg_proc p
         WHERE p.pronamespace IN ('public'::regnamespace, 'sec'::regnamespace)
           AND has_function_privilege('public', p.oid, 'EXECUTE')""",
    "a kernel may call {}": """
        SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'sec'::regnamespace
           AND p.proname NOT IN ('tenant', 'tenant_for', 'my_tenants', 'my_name', 'tenant_of_storm',
                                 'tenants_of_storms', 'audit_trail', 'same', 'picture_key', 'model_key', 'live_channel',
                                  'count_failed_plan', 'tenant_people', 'my_usage', 'check_my_stops')
           AND has_function_privilege('stormplay_kernel', p.oid, 'EXECUTE')""",
    "a kernel or the broker may read {}": """
        SELECT c.oid::regclass::text
          FROM pg_class c, unnest(ARRAY['stormplay_kernel', 'stormplay_broker', 'stormplay_stream']) who
         WHERE c.relnamespace = 'sec'::regnamespace AND c.relkind IN ('r', 'v', 'm')
           AND has_any_column_privilege(who, c.oid, 'SELECT, INSERT, UPDATE')""",
    "the first condition of a policy, {}, is not what it was": """
        SELECT 'sec.same' WHERE NOT EXISTS (SELECT FROM pg_proc WHERE oid = to_regprocedure('sec.same(uuid, uuid)')
           AND prosrc = 'uuid_eq' AND proleakproof AND procost < 1e-20)""",
    "definer function {} looks for names where others may put theirs": """
        SELECT p.oid::regprocedure::text FROM pg_proc p
         WHERE p.pronamespace IN ('public'::regnamespace, 'sec'::regnamespace) AND p.prosecdef AND p.prosqlbody IS NULL
           AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c
                            WHERE c = 'search_path=""' OR c LIKE 'search_path=%, pg_temp')""",
    "role {} can pass row security by": """
        SELECT rolname FROM pg_roles WHERE rolname LIKE 'stormplay%' AND (rolsuper OR rolbypassrls)""",
    "everybody may {}": """
        SELECT 'make temporary tables' WHERE has_database_privilege('public', current_database(), 'TEMP')
        UNION ALL SELECT 'create in schema public' WHERE has_schema_privilege('public', 'public', 'CREATE')
        UNION ALL SELECT 'write ' || lanname FROM pg_language WHERE lanname IN ('plpgsql', 'sql')
                     AND has_language_privilege('public', oid, 'USAGE')
        UNION ALL SELECT 'call ' || p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace
                     AND (p.proname ~ '^pg_(try_)?advisory_|^lo_' OR p.proname IN ('pg_notify', 'pg_stat_get_activity'))
                     AND has_function_privilege('public', p.oid, 'EXECUTE')""",
}


def faults(connection: Connection) -> list[str]:
    """Every fault of the catalogue as a sentence; empty when there are none.

    Args:
        connection: An administrator's connection.
    """
    found = []
    for sentence, query in CHECKS.items():
        parameters = {name: value for name, value in (("read", _READ), ("write", _WRITE)) if f":{name}" in query}
        found += [sentence.format(name) for name in connection.execute(text(query), parameters).scalars()]
    return found
