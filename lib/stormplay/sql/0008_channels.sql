-- Ways to learn of another tenant's rows without being shown one, and ways to stay after being thrown out.
--
-- 1. Order. PostgreSQL tries cheap leakproof conditions before the policy, and runs (SELECT ...) only when the first
--    row gets that far. So WHERE email >= 'm', with index scans switched off, told whether any company has such an
--    address: by the refusal that came or did not, or by a side effect in a second condition; bit by bit, its text.
--    Cure: an equality that costs next to nothing stands first in what may be read, so no condition with a value in
--    it is tried on a foreign row. The ordinary equality stays beside it, for the indexes.
-- 2. Statistics. EXPLAIN estimates from all companies' rows; a search for where an estimate bends reads single
--    values: a company's name, the latitude of a home. Cure: statistics of ids alone.
-- 3. Other databases of this server. What hardening took from everybody is still there in them; a login that leaves
--    an object there cannot be dropped, and one such login stopped all ending and reaping.

-- uuid's own equality under a name of ours: here its cost may be set. Its estimate is 'nearly all rows' (nlikesel),
-- since the equality beside it says how many.
CREATE FUNCTION sec.same(uuid, uuid) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
    COST 1e-30 AS 'uuid_eq';
CREATE FUNCTION sec.differs(uuid, uuid) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
    COST 1e-30 AS 'uuid_ne';
CREATE OPERATOR sec.=== (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = sec.same, NEGATOR = OPERATOR(sec.!==),
    RESTRICT = nlikesel);
CREATE OPERATOR sec.!== (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = sec.differs, NEGATOR = OPERATOR(sec.===),
    RESTRICT = likesel);
REVOKE EXECUTE ON FUNCTION sec.same(uuid, uuid), sec.differs(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.same(uuid, uuid) TO stormplay_kernel, stormplay_owner;

-- Lock a tenant table. Every new one calls this in its own migration; the catalogue lint finds who did not.
--   adds     least role that may insert
--   changes  least role that may update, and in whose name the owner's functions may delete
CREATE OR REPLACE PROCEDURE sec.protect(target regclass, adds text, changes text DEFAULT NULL) LANGUAGE plpgsql AS $$
DECLARE
    may_change text := coalesce(changes, adds);
    old name;
BEGIN
    FOR old IN SELECT polname FROM pg_policy WHERE polrelid = target LOOP
        EXECUTE format('DROP POLICY %I ON %s', old, target);
    END LOOP;
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY reads ON %s FOR SELECT USING (tenant_id OPERATOR(sec.===) (SELECT sec.tenant())
                    AND tenant_id = (SELECT sec.tenant()))', target);
    EXECUTE format('CREATE POLICY adds ON %s FOR INSERT WITH CHECK (tenant_id = (SELECT sec.tenant_for(%L)))',
                   target, adds);
    EXECUTE format('CREATE POLICY changes ON %1$s FOR UPDATE USING (tenant_id = (SELECT sec.tenant_for(%2$L)))
                    WITH CHECK (tenant_id = (SELECT sec.tenant_for(%2$L)))', target, may_change);
    EXECUTE format('CREATE POLICY removes ON %s FOR DELETE USING (tenant_id = (SELECT sec.tenant_for(%L)))',
                   target, may_change);
    EXECUTE format('GRANT SELECT ON %s TO stormplay_kernel', target);
    CALL sec.veil(target);
    CALL sec.watch(target);
END $$;

-- No statistics of anything but ids: neither from now on nor those that were gathered before.
CREATE PROCEDURE sec.veil(target regclass) LANGUAGE plpgsql AS $$
DECLARE
    col record;
BEGIN
    FOR col IN SELECT n.nspname, c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                 JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE c.oid = target AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid <> 'uuid'::regtype LOOP
        EXECUTE format('ALTER TABLE %s ALTER %I SET STATISTICS 0', target, col.attname);
        PERFORM pg_clear_attribute_stats(col.nspname, col.relname, col.attname, false);
    END LOOP;
END $$;
REVOKE EXECUTE ON PROCEDURE sec.veil(regclass) FROM PUBLIC;

DO $$
DECLARE
    target regclass;
BEGIN
    FOR target IN SELECT polrelid FROM pg_policy WHERE polname = 'reads' LOOP
        EXECUTE format('ALTER POLICY reads ON %s USING (tenant_id OPERATOR(sec.===) (SELECT sec.tenant())
                        AND tenant_id = (SELECT sec.tenant()))', target);
        CALL sec.veil(target);
    END LOOP;
END $$;

-- pg_temp is searched first where it is not named.
ALTER FUNCTION retire_planned_routes(uuid) SET search_path = pg_catalog, public, pg_temp;

-- The physical successor of any row, and bytes in the write-ahead log: neither is a kernel's business.
REVOKE EXECUTE ON FUNCTION pg_catalog.currtid2(text, tid) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_logical_emit_message(boolean, text, text, boolean),
    pg_catalog.pg_logical_emit_message(boolean, text, bytea, boolean) FROM PUBLIC;

-- A server that is ours alone lets nobody into its two other databases. On a shared one that is its administrator's
-- to decide; the lint says so.
DO $$
DECLARE
    other name;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_database
                    WHERE datname NOT IN (current_database(), 'postgres', 'template0', 'template1')) THEN
        FOR other IN SELECT datname FROM pg_database WHERE datname IN ('postgres', 'template1')
                        AND datname <> current_database() LOOP
            EXECUTE format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', other);
        END LOOP;
    END IF;
END $$;

-- End a login: first its right, then its connections, then the role. Safe to call twice. A role that owns something
-- in another database cannot be dropped: it stays, without a right and without a way in.
CREATE OR REPLACE FUNCTION sec.close_kernel(gone name) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_one boolean;
BEGIN
    DELETE FROM sec.login l WHERE l.login = gone RETURNING true INTO found_one;
    IF gone ~ '^k_[0-9a-f]{32}$' AND EXISTS (SELECT FROM pg_roles r WHERE r.rolname = gone) THEN
        EXECUTE format('ALTER ROLE %I NOLOGIN', gone);
        PERFORM pg_terminate_backend(a.pid) FROM pg_stat_activity a WHERE a.usename = gone;
        EXECUTE format('DROP OWNED BY %I', gone);
        BEGIN
            EXECUTE format('DROP ROLE %I', gone);
        EXCEPTION WHEN dependent_objects_still_exist THEN
            RAISE WARNING 'role % stays: it owns something in another database', gone;
        END;
    END IF;
    RETURN coalesce(found_one, false);
END $$;
