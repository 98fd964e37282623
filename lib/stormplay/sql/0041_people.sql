-- Finding a person by what one remembers of them, and forgetting a person who asks for it.
--
-- What is forgotten may not come back by the next import. The value itself is gone, so a hash of it is kept, keyed with
-- a secret of the company's that no kernel can read or use: who holds the hashes can try no telephone numbers on them.

-- Search keys, as address_key is one.
SET LOCAL ROLE stormplay_owner;
ALTER TABLE properties
    ADD COLUMN owner_key text GENERATED ALWAYS AS (lower(regexp_replace(owner_name, '[^A-Za-z0-9]+', ' ', 'g'))) STORED,
    ADD COLUMN surname_key text
        GENERATED ALWAYS AS (lower(substring(owner_name FROM '([A-Za-z0-9]+)[^A-Za-z0-9]*$'))) STORED;
CREATE INDEX properties_owner_key ON properties (tenant_id, owner_key COLLATE "C");
CREATE INDEX properties_surname_key ON properties (tenant_id, surname_key COLLATE "C");

CREATE TABLE identity_erased (
    tenant_id       uuid NOT NULL DEFAULT sec.tenant(),
    value_hash      text NOT NULL,
    identifier_type text NOT NULL,
    erased_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, value_hash)
);

-- Identifiers whose value begins so. A viewer has to know the whole value: else its signs could be found one by one.
CREATE FUNCTION identifiers_beginning(kind text, beginning text, at_most integer)
RETURNS TABLE (identifier_id uuid, identity_id uuid, held_apart text, shown text)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT i.identifier_id, i.identity_id, i.held_apart,
           CASE WHEN may.see THEN i.shown ELSE masked(i.identifier_type, i.shown) END
      FROM identifiers i CROSS JOIN (SELECT coalesce(sec.my_role(), 'viewer') <> 'viewer' AS see) may
     WHERE i.tenant_id = (SELECT sec.tenant()) AND i.identifier_type = kind
       AND i.value >= beginning COLLATE "C" AND i.value < beginning || U&'\FFFF' COLLATE "C"
       AND (may.see OR i.value = beginning COLLATE "C")
     ORDER BY i.value LIMIT at_most;
END;
RESET ROLE;
CALL sec.protect('identity_erased', 'admin');
CALL sec.veil('properties');
GRANT EXECUTE ON FUNCTION identifiers_beginning(text, text, integer) TO stormplay_kernel;

INSERT INTO sec.personal_column VALUES ('owner_key'), ('surname_key');
ALTER TABLE sec.tenant_entry ADD COLUMN erasure_key bytea NOT NULL
    DEFAULT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');
SET LOCAL ROLE stormplay_sec;
CREATE FUNCTION sec.erased_hash(kind text, value text) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT encode(sha256(t.erasure_key || sha256(t.erasure_key || convert_to(kind || ':' || value, 'UTF8'))), 'hex')
      FROM sec.tenant_entry t WHERE t.tenant_id = (SELECT sec.tenant());
END;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION sec.erased_hash(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.erased_hash(text, text) TO stormplay_owner;

SET LOCAL ROLE stormplay_owner;

-- As before, but for what was erased.
CREATE OR REPLACE FUNCTION add_identifiers(kinds text[], wanted text[], shown_as text[], homes uuid[],
                                           households text[], sources text[]) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER
BEGIN ATOMIC
    WITH forgotten AS (
        SELECT EXISTS (SELECT FROM identity_erased e WHERE e.tenant_id = (SELECT sec.tenant())) AS anybody
    ), wish AS (
        SELECT w.* FROM unnest(kinds, wanted, shown_as, homes, households, sources)
               WITH ORDINALITY AS w (kind, value, shown, home, household, source, place)
    ), fresh AS (
        SELECT uuidv7() AS id, f.* FROM (
            SELECT w.* FROM wish w WHERE NOT EXISTS (SELECT FROM identifiers i
                WHERE i.tenant_id = (SELECT sec.tenant()) AND i.identifier_type = w.kind
                  AND i.value = w.value COLLATE "C")
               AND CASE WHEN (SELECT anybody FROM forgotten) THEN NOT EXISTS (SELECT FROM identity_erased e
                    WHERE e.tenant_id = (SELECT sec.tenant()) AND e.value_hash = sec.erased_hash(w.kind, w.value))
                   ELSE true END
             ORDER BY w.place) f
    ), added AS (
        INSERT INTO identifiers (tenant_id, identifier_id, identity_id, property_id, identifier_type, value, shown,
                                 household_key, source)
        SELECT (SELECT sec.tenant()), id, id, home, kind, value, shown, household, source FROM fresh
        RETURNING 1
    )
    SELECT count(*) FROM added;
END;

-- A telephone number and an e-mail address as a book has them, for comparison with what was erased.
CREATE FUNCTION plain_phone(written text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT '+1' || right(regexp_replace(split_part(lower(written), 'x', 1), '\D', '', 'g'), 10);
END;

CREATE FUNCTION keep_erased_out() RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    -- Its own update comes by here too; and an administrator's hand is no import.
    IF pg_trigger_depth() > 1 OR sec.my_role() IS NULL
       OR NOT EXISTS (SELECT FROM identity_erased e WHERE e.tenant_id = (SELECT sec.tenant())) THEN
        RETURN NULL;
    END IF;
    WITH hashed AS (
        SELECT n.property_id, sec.erased_hash('phone', plain_phone(n.phone)) AS phone,
               sec.erased_hash('email', lower(btrim(n.email))) AS email,
               sec.erased_hash('owner', n.property_id || lower(regexp_replace(n.owner_name, '[^A-Za-z0-9]+', ' ', 'g')))
               AS owner
          FROM new_rows n WHERE n.tenant_id = (SELECT sec.tenant())
    ), gone AS (
        SELECT h.property_id,
               EXISTS (SELECT FROM identity_erased e WHERE e.tenant_id = (SELECT sec.tenant()) AND e.value_hash = h.phone) AS phone,
               EXISTS (SELECT FROM identity_erased e WHERE e.tenant_id = (SELECT sec.tenant()) AND e.value_hash = h.email) AS email,
               EXISTS (SELECT FROM identity_erased e WHERE e.tenant_id = (SELECT sec.tenant()) AND e.value_hash = h.owner) AS owner
          FROM hashed h
    )
    UPDATE properties p SET phone = CASE WHEN NOT g.phone THEN p.phone END,
           email = CASE WHEN NOT g.email THEN p.email END, owner_name = CASE WHEN NOT g.owner THEN p.owner_name END
      FROM gone g WHERE p.property_id = g.property_id AND (g.phone OR g.email OR g.owner);
    RETURN NULL;
END $$;
CREATE TRIGGER erased_insert AFTER INSERT ON properties REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION keep_erased_out();
CREATE TRIGGER erased_update AFTER UPDATE ON properties REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION keep_erased_out();

-- Forget a person: whatever tells who they are is emptied, whatever is counted stays. Homes, decisions, jobs, outcomes
-- and journeys keep their rows and ids; links stay, since they tie ids alone. What others share (an office's number) is
-- theirs too: only the tie to it goes. For admins. Returns how many of each were emptied.
CREATE FUNCTION erase_identity(wanted uuid, why text, with_address boolean) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    mine uuid := sec.tenant_for('admin');
    whole uuid;
    nodes uuid[];
    homes uuid[];
    their_jobs uuid[];
    done jsonb := '{}';
    n bigint;
BEGIN
    SELECT identity_id INTO whole FROM identifiers WHERE tenant_id = mine AND identifier_id = wanted;
    IF whole IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(identifier_id), coalesce(array_agg(property_id) FILTER (WHERE property_id IS NOT NULL), '{}')
      INTO nodes, homes FROM identifiers WHERE tenant_id = mine AND identity_id = whole;
    SELECT coalesce(array_agg(job_id), '{}') INTO their_jobs FROM jobs WHERE tenant_id = mine AND property_id = ANY (homes);

    INSERT INTO identity_erased (tenant_id, value_hash, identifier_type)
    SELECT DISTINCT ON (hash) mine, hash, kind FROM (
        SELECT identifier_type AS kind, sec.erased_hash(identifier_type, value) AS hash FROM identifiers
         WHERE tenant_id = mine AND identifier_id = ANY (nodes) AND identifier_type <> 'property_id' AND value IS NOT NULL
        UNION ALL SELECT 'email', sec.erased_hash('email', shown) FROM identifiers
         WHERE tenant_id = mine AND identifier_id = ANY (nodes) AND identifier_type = 'email' AND value IS NOT NULL
        UNION ALL SELECT 'email', sec.erased_hash('email', lower(btrim(email))) FROM properties
         WHERE tenant_id = mine AND property_id = ANY (homes)
        UNION ALL SELECT 'owner', sec.erased_hash('owner', property_id || owner_key) FROM properties
         WHERE tenant_id = mine AND property_id = ANY (homes)) h
     WHERE hash IS NOT NULL
    ON CONFLICT DO NOTHING;

    UPDATE identifier_links l SET revoked_at = now(), revoked_by = sec.my_name(), revoked_reason = 'erased'
      FROM identifiers o WHERE l.tenant_id = mine AND l.from_id = ANY (nodes) AND l.revoked_at IS NULL
       AND o.tenant_id = mine AND o.identifier_id = l.to_id AND o.identity_id <> whole;
    UPDATE identifier_links SET revoked_reason = 'erased' WHERE tenant_id = mine AND revoked_reason IS NOT NULL
       AND (from_id = ANY (nodes) OR to_id = ANY (nodes));
    UPDATE identifiers SET value = NULL, shown = NULL, household_key = NULL, digest = NULL, erased_at = now()
     WHERE tenant_id = mine AND identifier_id = ANY (nodes) AND identifier_type <> 'property_id' AND erased_at IS NULL;
    GET DIAGNOSTICS n = ROW_COUNT;
    done := done || jsonb_build_object('identifiers', n);
    UPDATE properties SET owner_name = NULL, phone = NULL, email = NULL,
           address = CASE WHEN with_address THEN 'erased' ELSE address END,
           latitude = CASE WHEN NOT with_address THEN latitude END,
           longitude = CASE WHEN NOT with_address THEN longitude END
     WHERE tenant_id = mine AND property_id = ANY (homes);
    GET DIAGNOSTICS n = ROW_COUNT;
    done := done || jsonb_build_object('homes', n);
    UPDATE identifiers SET digest = NULL, household_key = CASE WHEN NOT with_address THEN household_key END
     WHERE tenant_id = mine AND property_id = ANY (homes);
    UPDATE jobs SET notes = NULL, claim_intel = '{}', photos = '[]', row_version = row_version + 1, updated_at = now()
     WHERE tenant_id = mine AND job_id = ANY (their_jobs);
    GET DIAGNOSTICS n = ROW_COUNT;
    done := done || jsonb_build_object('jobs', n);
    UPDATE job_notes SET notes = 'erased ' || note_id WHERE tenant_id = mine AND job_id = ANY (their_jobs);
    GET DIAGNOSTICS n = ROW_COUNT;
    done := done || jsonb_build_object('notes', n);
    WITH gone AS (
        UPDATE job_photos SET thumbnail = '', file_name = 'erased', removed_at = coalesce(removed_at, now())
         WHERE tenant_id = mine AND job_id = ANY (their_jobs) RETURNING sha256
    )
    SELECT count(*), done || jsonb_build_object('photos', count(*), 'files', coalesce(jsonb_agg(DISTINCT sha256)
             FILTER (WHERE NOT EXISTS (SELECT FROM job_photos o WHERE o.tenant_id = mine AND o.sha256 = gone.sha256
                                          AND o.job_id <> ALL (their_jobs))), '[]'))
      INTO n, done FROM gone;
    -- There is nothing left to call or write to, and no consent to do so.
    INSERT INTO suppressions (tenant_id, property_id, channel, reason)
    SELECT mine, home, channel, 'erased: the person asked to be forgotten'
      FROM unnest(homes) home CROSS JOIN unnest(ARRAY['call', 'text', 'email']) channel
     WHERE NOT EXISTS (SELECT FROM suppressions s WHERE s.tenant_id = mine AND s.property_id = home
                          AND s.channel IN ('all', channel) AND s.lifted_at IS NULL);
    UPDATE identity_events SET reason = '' WHERE tenant_id = mine AND reason <> ''
       AND (after ? whole::text OR before ? whole::text);
    UPDATE identity_proposals SET reason = NULL WHERE tenant_id = mine AND reason IS NOT NULL
       AND (one_id = ANY (nodes) OR other_id = ANY (nodes));
    INSERT INTO identity_events (tenant_id, kind, rule, reason, before, made_by)
    VALUES (mine, 'erased', 'a person', why, jsonb_build_object(whole, to_jsonb(nodes)), sec.my_name());
    RETURN done;
END $$;
GRANT EXECUTE ON FUNCTION erase_identity(uuid, text, boolean) TO stormplay_kernel;

RESET ROLE;
