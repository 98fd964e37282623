-- What each role may write. The right is asked in the same expression that names the tenant, so that no statement
-- can show one tenant to the question of the role and another to the rows.
--
--   viewer    reads
--   operator  runs the day: routes, jobs, nurture, suppressions, journeys, outcomes; opens and closes a storm
--   analyst   also storms, properties, identifiers, impacts, uplift, decisions
--   admin     also the company's settings, and reads the audit log

DROP PROCEDURE sec.protect(regclass);

SET LOCAL ROLE stormplay_sec;

-- The refusal, with its reason. VOLATILE, so that it is never taken for a constant and raised while planning.
CREATE FUNCTION sec.refuse(needed text) RETURNS uuid LANGUAGE plpgsql VOLATILE PARALLEL SAFE AS $$
DECLARE
    has text;
BEGIN
    SELECT m.role INTO has FROM sec.login l JOIN sec.membership m ON m.person_id = l.person_id
     WHERE l.login = session_user AND l.expires_at > clock_timestamp()
       AND m.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid;
    IF has IS NOT NULL AND needed <> 'viewer' THEN
        RAISE insufficient_privilege
            USING MESSAGE = format('your role in this company is %s, and this needs %s', has, needed);
    END IF;
    RETURN sec.refuse();
END $$;

-- Like sec.tenant(), for who holds at least this role there.
CREATE FUNCTION sec.tenant_for(needed text) RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(
        (SELECT m.tenant_id
           FROM sec.login l
           JOIN sec.membership m ON m.person_id = l.person_id
           JOIN sec.person p ON p.person_id = l.person_id
          WHERE l.login = session_user
            AND l.expires_at > clock_timestamp()
            AND p.disabled_at IS NULL
            AND m.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
            AND m.role = ANY (CASE needed WHEN 'viewer' THEN ARRAY['viewer', 'operator', 'analyst', 'admin']
                                         WHEN 'operator' THEN ARRAY['operator', 'analyst', 'admin']
                                         WHEN 'analyst' THEN ARRAY['analyst', 'admin']
                                         WHEN 'admin' THEN ARRAY['admin'] END)),
        sec.refuse(needed));
END;

RESET ROLE;

-- Lock a tenant table. Every new one calls this in its own migration; the catalogue lint finds who did not.
--   adds     least role that may insert
--   changes  least role that may update, and in whose name the owner's functions may delete
CREATE PROCEDURE sec.protect(target regclass, adds text, changes text DEFAULT NULL) LANGUAGE plpgsql AS $$
DECLARE
    may_change text := coalesce(changes, adds);
    old name;
BEGIN
    FOR old IN SELECT polname FROM pg_policy WHERE polrelid = target LOOP
        EXECUTE format('DROP POLICY %I ON %s', old, target);
    END LOOP;
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY reads ON %s FOR SELECT USING (tenant_id = (SELECT sec.tenant()))', target);
    EXECUTE format('CREATE POLICY adds ON %s FOR INSERT WITH CHECK (tenant_id = (SELECT sec.tenant_for(%L)))',
                   target, adds);
    EXECUTE format('CREATE POLICY changes ON %1$s FOR UPDATE USING (tenant_id = (SELECT sec.tenant_for(%2$L)))
                    WITH CHECK (tenant_id = (SELECT sec.tenant_for(%2$L)))', target, may_change);
    EXECUTE format('CREATE POLICY removes ON %s FOR DELETE USING (tenant_id = (SELECT sec.tenant_for(%L)))',
                   target, may_change);
    EXECUTE format('GRANT SELECT ON %s TO stormplay_kernel', target);
    CALL sec.watch(target);
END $$;
REVOKE EXECUTE ON PROCEDURE sec.protect(regclass, text, text) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION sec.tenant_for(text), sec.refuse(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.tenant_for(text) TO stormplay_kernel, stormplay_owner;
