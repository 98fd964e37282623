-- Who changed what. One entry a statement, made by triggers that a kernel can neither call nor take away, kept in
-- schema sec where no kernel reads or writes. Personal columns are named, their values are not repeated here.

SET LOCAL ROLE stormplay_sec;

CREATE TABLE sec.audit_entry (
    entry_id   uuid PRIMARY KEY DEFAULT uuidv7(),
    tenant_id  uuid NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    username   text NOT NULL,      -- the person's; or the database role, for an administrator's own hand
    purpose    text NOT NULL,      -- what the login was opened for
    table_name name NOT NULL,
    action     text NOT NULL CHECK (action IN ('insert', 'update', 'delete')),
    row_count  bigint NOT NULL,
    changes    jsonb               -- [{"key": {...}, "set": {column: [old, new]}}], for small statements
);
CREATE INDEX audit_entry_tenant ON sec.audit_entry (tenant_id, at);

-- Accounts, memberships and passwords: kept apart, since a person is nobody's tenant.
CREATE TABLE sec.account_entry (
    entry_id uuid PRIMARY KEY DEFAULT uuidv7(),
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor    text NOT NULL,
    act      text NOT NULL,
    subject  text NOT NULL,
    detail   jsonb NOT NULL DEFAULT '{}'
);

-- TG_ARGV: the key's columns without tenant_id.
CREATE FUNCTION sec.audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    small CONSTANT integer := 50;
    personal CONSTANT text[] := '{address,owner_name,phone,email,latitude,longitude,value,notes,claim_intel,photos}';
    who text := session_user;
    why text := 'administrator';
    rows_of text := CASE TG_OP WHEN 'DELETE' THEN 'old_rows' ELSE 'new_rows' END;
    per record;
    found_changes jsonb;
    keys text := '';
    same text := 'o.tenant_id = r.tenant_id';
    col text;
BEGIN
    SELECT p.username, l.purpose INTO who, why FROM sec.login l JOIN sec.person p ON p.person_id = l.person_id
     WHERE l.login = session_user;
    FOREACH col IN ARRAY TG_ARGV LOOP
        keys := keys || format(', %L, r.%I', col, col);
        same := same || format(' AND o.%I = r.%I', col, col);
    END LOOP;
    FOR per IN EXECUTE format('SELECT tenant_id, count(*) AS n FROM %I GROUP BY tenant_id', rows_of) LOOP
        found_changes := NULL;
        IF per.n <= small AND TG_OP = 'UPDATE' THEN
            EXECUTE format($q$
                SELECT jsonb_agg(jsonb_build_object('key', jsonb_build_object(%s), 'set', d.set))
                  FROM old_rows o JOIN new_rows r ON %s, LATERAL (
                    SELECT jsonb_object_agg(b.key, CASE WHEN b.key = ANY ($2) THEN to_jsonb('changed'::text)
                                                        ELSE jsonb_build_array(a.value, b.value) END) AS set
                      FROM jsonb_each(to_jsonb(r)) b JOIN jsonb_each(to_jsonb(o)) a ON a.key = b.key
                     WHERE a.value IS DISTINCT FROM b.value) d
                 WHERE r.tenant_id = $1 AND d.set IS NOT NULL$q$, substr(keys, 3), same)
               INTO found_changes USING per.tenant_id, personal;
        ELSIF per.n <= small THEN
            EXECUTE format('SELECT jsonb_agg(jsonb_build_object(''key'', jsonb_build_object(%s)))
                              FROM %I r WHERE r.tenant_id = $1', substr(keys, 3), rows_of)
               INTO found_changes USING per.tenant_id;
        END IF;
        INSERT INTO sec.audit_entry (tenant_id, username, purpose, table_name, action, row_count, changes)
        VALUES (per.tenant_id, coalesce(who, session_user), coalesce(why, 'administrator'), TG_TABLE_NAME,
                lower(TG_OP), per.n, found_changes);
    END LOOP;
    RETURN NULL;
END $$;

-- The log of the session's tenant, newest first, for its admins.
CREATE FUNCTION sec.audit_trail(since timestamptz, at_most integer)
RETURNS TABLE (at timestamptz, username text, purpose text, table_name text, action text, row_count bigint, changes jsonb)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT e.at, e.username, e.purpose, e.table_name::text, e.action, e.row_count, e.changes
      FROM sec.audit_entry e
     WHERE e.tenant_id = (SELECT sec.tenant_for('admin')) AND e.at >= since
     ORDER BY e.at DESC, e.entry_id DESC
     LIMIT least(at_most, 10000);
END;

RESET ROLE;

CREATE PROCEDURE sec.watch(target regclass) LANGUAGE plpgsql AS $$
DECLARE
    keys text;
    old name;
BEGIN
    SELECT string_agg(quote_literal(a.attname), ', ' ORDER BY k.at) INTO keys
      FROM pg_index i CROSS JOIN unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, at)
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
     WHERE i.indrelid = target AND i.indisprimary AND (a.attname <> 'tenant_id' OR i.indnatts = 1);
    FOR old IN SELECT tgname FROM pg_trigger WHERE tgrelid = target AND tgname LIKE 'audit_%' LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', old, target);
    END LOOP;
    EXECUTE format('CREATE TRIGGER audit_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows
                    FOR EACH STATEMENT EXECUTE FUNCTION sec.audit(%s)', target, keys);
    EXECUTE format('CREATE TRIGGER audit_update AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows
                    NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION sec.audit(%s)', target, keys);
    EXECUTE format('CREATE TRIGGER audit_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows
                    FOR EACH STATEMENT EXECUTE FUNCTION sec.audit(%s)', target, keys);
END $$;
REVOKE EXECUTE ON PROCEDURE sec.watch(regclass) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION sec.audit(), sec.audit_trail(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.audit_trail(timestamptz, integer) TO stormplay_kernel;
GRANT EXECUTE ON FUNCTION sec.audit() TO stormplay_owner;

CALL sec.protect('tenants', 'admin');
CALL sec.protect('storms', 'analyst', 'operator');
CALL sec.protect('properties', 'analyst');
CALL sec.protect('property_impacts', 'analyst');
CALL sec.protect('lead_uplift', 'analyst');
CALL sec.protect('policy_decisions_log', 'analyst');
CALL sec.protect('policy_outcomes', 'operator');
CALL sec.protect('suppressions', 'operator');
CALL sec.protect('routing_runs', 'operator');
CALL sec.protect('routes', 'operator');
CALL sec.protect('route_properties', 'operator');
CALL sec.protect('jobs', 'operator');
CALL sec.protect('nurture_sequences', 'operator');
CALL sec.protect('customer_journeys', 'operator');
CALL sec.protect('identifiers', 'analyst');
