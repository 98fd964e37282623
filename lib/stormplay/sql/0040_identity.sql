-- Who is who: every identifier once, what ties two of them together, and which ones are one identity.
--
--   identifiers         a node: one normalised value of one type. identity_id is the oldest identifier of its component,
--                       so an id that once named an identity always leads to what it became, and a merge that is taken
--                       back gives both their ids again.
--   identifier_links    an edge: two identifiers were seen together, or somebody or a model says they belong together
--   identity_events     merges, separations, erasures and exports: who, when, by which rule, before and after; ids only
--   identity_proposals  pairs that a person has to decide on. A no is remembered: those two are never one identity again
--   identity_blocked    values that stand for nobody, beside the shipped ones
--   identity_gates      one row a tenant: whoever writes the graph holds it, so writers follow one another
--
-- Values are read through the functions below, which show them as the role may see them: a viewer's are masked.

SET LOCAL ROLE stormplay_sec;
-- The role of who asks in the session's tenant; NULL for nobody.
CREATE FUNCTION sec.my_role() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.role FROM sec.login_right r
     WHERE r.login = session_user AND r.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
       AND r.is_open AND r.expires_at > clock_timestamp();
END;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION sec.my_role() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.my_role(), sec.my_name() TO stormplay_owner;

-- The audit log's list of personal columns is a table now, so that a migration can add its own. Columns that are made
-- from personal ones were not on it: address_key repeated an address that was changed.
SET LOCAL ROLE stormplay_sec;
CREATE TABLE sec.personal_column (name name PRIMARY KEY);
INSERT INTO sec.personal_column VALUES ('address'), ('owner_name'), ('phone'), ('email'), ('latitude'), ('longitude'),
    ('value'), ('notes'), ('claim_intel'), ('photos'), ('address_key'), ('digest'), ('thumbnail'), ('file_name'),
    ('shown'), ('household_key');
RESET ROLE;
DO $$
BEGIN  -- the function as it is, but for where it looks
    EXECUTE regexp_replace(pg_get_functiondef('sec.audit()'::regprocedure), 'personal CONSTANT text\[\] := ''[^'']*''',
                           'personal CONSTANT text[] := ARRAY(SELECT name::text FROM sec.personal_column)');
    IF pg_get_functiondef('sec.audit()'::regprocedure) NOT LIKE '%sec.personal_column%' THEN
        RAISE 'sec.audit() is not as it was';
    END IF;
END $$;

-- Nodes. The rows that were there are sightings: a value once for every home.
ALTER TABLE identifiers
    ALTER value TYPE text COLLATE "C",  -- so that a beginning can be looked up in the index
    ALTER value DROP NOT NULL,          -- erased
    ADD COLUMN shown           text,    -- as a person reads it
    ADD COLUMN identity_id     uuid,
    ADD COLUMN household_key   text,    -- of a home, and of a name with its address: which place it is
    ADD COLUMN household_count integer NOT NULL DEFAULT 0 CHECK (household_count >= 0),
    ADD COLUMN held_apart      text CHECK (held_apart IN ('blocked', 'shared')),  -- why it joins nobody
    ADD COLUMN digest          text,    -- of the home's own columns when they were last read
    ADD COLUMN erased_at       timestamptz;

CREATE TABLE identifier_links (
    tenant_id      uuid NOT NULL DEFAULT sec.tenant(),
    link_id        uuid NOT NULL DEFAULT uuidv7(),
    from_id        uuid NOT NULL,
    to_id          uuid NOT NULL CHECK (to_id <> from_id),
    strength       double precision NOT NULL CHECK (strength BETWEEN 0 AND 1),
    rule           text NOT NULL,  -- 'seen together', 'alike', 'a person'
    source         text NOT NULL,
    seen_at        timestamptz NOT NULL DEFAULT now(),
    verified_at    timestamptz,
    made_by        text NOT NULL,
    made_at        timestamptz NOT NULL DEFAULT now(),
    revoked_at     timestamptz,
    revoked_by     text,
    revoked_reason text,
    PRIMARY KEY (tenant_id, link_id),
    UNIQUE (tenant_id, from_id, to_id, rule),  -- so what was revoked is not made again by the next import
    FOREIGN KEY (tenant_id, from_id) REFERENCES identifiers,
    FOREIGN KEY (tenant_id, to_id) REFERENCES identifiers,
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
ALTER TABLE identifier_links OWNER TO stormplay_owner;
CREATE INDEX identifier_links_to ON identifier_links (tenant_id, to_id);

INSERT INTO identifiers (tenant_id, property_id, identifier_type, value, source, seen_at)
SELECT i.tenant_id, i.property_id, 'property_id', i.property_id::text, 'book', min(i.seen_at) FROM identifiers i
 WHERE i.property_id IS NOT NULL AND NOT EXISTS (SELECT FROM identifiers p WHERE p.tenant_id = i.tenant_id
       AND p.property_id = i.property_id AND p.identifier_type = 'property_id')
 GROUP BY i.tenant_id, i.property_id;
WITH node AS (
    SELECT DISTINCT ON (tenant_id, identifier_type, value) tenant_id, identifier_type, value, identifier_id
      FROM identifiers ORDER BY tenant_id, identifier_type, value, identifier_id
)
INSERT INTO identifier_links (tenant_id, from_id, to_id, strength, rule, source, seen_at, made_by)
SELECT i.tenant_id, home.identifier_id, node.identifier_id, 0.95, 'seen together', min(i.source), min(i.seen_at), 'migration'
  FROM identifiers i JOIN node USING (tenant_id, identifier_type, value)
  JOIN node home ON home.tenant_id = i.tenant_id AND home.identifier_type = 'property_id'
                AND home.value = i.property_id::text
 WHERE i.identifier_type <> 'property_id'
 GROUP BY i.tenant_id, home.identifier_id, node.identifier_id;
DELETE FROM identifiers i USING identifiers older
 WHERE older.tenant_id = i.tenant_id AND older.identifier_type = i.identifier_type AND older.value = i.value
   AND older.identifier_id < i.identifier_id;
UPDATE identifiers SET identity_id = identifier_id,
    property_id = CASE WHEN identifier_type = 'property_id' THEN property_id END,
    shown = CASE WHEN value ~ '^\+1\d{10}$' THEN regexp_replace(value, '^\+1(...)(...)(....)$', '(\1) \2-\3') ELSE value END;

ALTER TABLE identifiers
    ALTER identity_id SET NOT NULL,
    ADD CHECK (identifier_type IN ('property_id', 'claim', 'crm_id', 'name_address', 'email', 'phone', 'device')),
    ADD CHECK ((identifier_type = 'property_id') = (property_id IS NOT NULL)),
    ADD CHECK ((value IS NULL) = (erased_at IS NOT NULL) AND (value IS NULL) = (shown IS NULL)),
    ADD FOREIGN KEY (tenant_id, identity_id) REFERENCES identifiers;
DROP INDEX identifiers_value;
CREATE UNIQUE INDEX identifiers_value ON identifiers (tenant_id, identifier_type, value);
CREATE INDEX identifiers_identity ON identifiers (tenant_id, identity_id);
CREATE UNIQUE INDEX identifiers_home ON identifiers (tenant_id, property_id);

SET LOCAL ROLE stormplay_owner;

CREATE TABLE identity_events (
    tenant_id uuid NOT NULL DEFAULT sec.tenant(),
    event_id  uuid NOT NULL DEFAULT uuidv7(),
    kind      text NOT NULL CHECK (kind IN ('merged', 'separated', 'erased', 'exported')),
    rule      text NOT NULL,
    reason    text NOT NULL DEFAULT '',
    before    jsonb NOT NULL DEFAULT '{}',  -- identity_id to its identifier_ids
    after     jsonb NOT NULL DEFAULT '{}',
    links     jsonb NOT NULL DEFAULT '[]',  -- link_ids that were made or revoked
    undoes    uuid,                         -- the event that this one takes back
    made_by   text NOT NULL,
    made_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, event_id),
    FOREIGN KEY (tenant_id, undoes) REFERENCES identity_events
);
CREATE INDEX identity_events_made ON identity_events (tenant_id, made_at);

CREATE TABLE identity_proposals (
    tenant_id   uuid NOT NULL DEFAULT sec.tenant(),
    proposal_id uuid NOT NULL DEFAULT uuidv7(),
    one_id      uuid NOT NULL,
    other_id    uuid NOT NULL,
    strength    double precision NOT NULL CHECK (strength BETWEEN 0 AND 1),
    rule        text NOT NULL,
    evidence    jsonb NOT NULL DEFAULT '{}',  -- what agrees and what does not; no values
    state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'yes', 'no')),
    made_at     timestamptz NOT NULL DEFAULT now(),
    decided_by  text,
    decided_at  timestamptz,
    reason      text,
    PRIMARY KEY (tenant_id, proposal_id),
    UNIQUE (tenant_id, one_id, other_id),
    FOREIGN KEY (tenant_id, one_id) REFERENCES identifiers,
    FOREIGN KEY (tenant_id, other_id) REFERENCES identifiers,
    CHECK (one_id < other_id),
    CHECK ((state = 'waiting') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL))
);
CREATE INDEX identity_proposals_other ON identity_proposals (tenant_id, other_id);

CREATE TABLE identity_blocked (
    tenant_id       uuid NOT NULL DEFAULT sec.tenant(),
    identifier_type text NOT NULL,
    value           text NOT NULL,  -- normalised
    reason          text NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
    made_by         text NOT NULL,
    made_at         timestamptz NOT NULL DEFAULT now(),
    lifted_at       timestamptz,
    PRIMARY KEY (tenant_id, identifier_type, value)
);

CREATE TABLE identity_gates (
    tenant_id  uuid NOT NULL DEFAULT sec.tenant() REFERENCES tenants,
    settled_at timestamptz,  -- NULL: the graph as a whole waits to be worked out
    nightly_at timestamptz,
    PRIMARY KEY (tenant_id)
);

ALTER TABLE tenants ADD COLUMN identity_rules jsonb;  -- NULL: the ones that are shipped

-- What a viewer sees of a value: enough to recognise it, not to use it.
CREATE FUNCTION masked(kind text, shown text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN kind = 'property_id' THEN shown
        WHEN kind = 'phone' AND shown ~ '^\(\d{3}\) \d{3}-\d{4}$' THEN left(shown, 6) || '***-**' || right(shown, 2)
        WHEN kind = 'phone' THEN left(shown, 3) || ' ***' || right(shown, 2)
        WHEN kind = 'email' THEN left(shown, 1) || '***@' || split_part(shown, '@', 2)
        WHEN kind = 'name_address' THEN '***' || substr(shown, position(',' IN shown))
        ELSE '***' || CASE WHEN length(shown) > 8 THEN right(shown, 3) ELSE '' END END;
END;

-- Which identifiers have these values: exactly, so anybody of the tenant may ask.
CREATE FUNCTION known_identifiers(kinds text[], wanted text[])
RETURNS TABLE (place bigint, identifier_id uuid, identity_id uuid, held_apart text)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT w.place, i.identifier_id, i.identity_id, i.held_apart
      FROM unnest(kinds, wanted) WITH ORDINALITY AS w (kind, value, place)
      JOIN identifiers i ON i.identifier_type = w.kind AND i.value = w.value COLLATE "C"
     WHERE i.tenant_id = (SELECT sec.tenant());
END;

-- The values of identifiers, as who asks may see them.
CREATE FUNCTION identifier_values(ids uuid[])
RETURNS TABLE (identifier_id uuid, value text, shown text, is_masked boolean)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT i.identifier_id,
           CASE WHEN may.see OR i.identifier_type = 'property_id' THEN i.value END,
           CASE WHEN may.see THEN i.shown ELSE masked(i.identifier_type, i.shown) END,
           NOT may.see AND i.identifier_type <> 'property_id'
      FROM identifiers i CROSS JOIN (SELECT coalesce(sec.my_role(), 'viewer') <> 'viewer' AS see) may
     WHERE i.tenant_id = (SELECT sec.tenant()) AND i.identifier_id = ANY (ids);
END;

-- Add what is not there yet, in the order given. Whoever calls holds the tenant's gate.
CREATE FUNCTION add_identifiers(kinds text[], wanted text[], shown_as text[], homes uuid[], households text[],
                                sources text[]) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER
BEGIN ATOMIC
    WITH wish AS (
        SELECT w.* FROM unnest(kinds, wanted, shown_as, homes, households, sources)
               WITH ORDINALITY AS w (kind, value, shown, home, household, source, place)
    ), fresh AS (
        SELECT uuidv7() AS id, f.* FROM (
            SELECT w.* FROM wish w WHERE NOT EXISTS (SELECT FROM identifiers i
                WHERE i.tenant_id = (SELECT sec.tenant()) AND i.identifier_type = w.kind
                  AND i.value = w.value COLLATE "C") ORDER BY w.place) f
    ), added AS (
        INSERT INTO identifiers (tenant_id, identifier_id, identity_id, property_id, identifier_type, value, shown,
                                 household_key, source)
        SELECT (SELECT sec.tenant()), id, id, home, kind, value, shown, household, source FROM fresh
        RETURNING 1
    )
    SELECT count(*) FROM added;
END;

-- Homes whose columns are not as they were when they were last read, by id: what the graph has to take in.
CREATE FUNCTION unread_homes(after_id uuid, at_most integer)
RETURNS TABLE (property_id uuid, owner_name text, address text, city text, zip_code text, phone text, email text,
               digest text)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT h.* FROM (
        SELECT p.property_id, p.owner_name, p.address, p.city, p.zip_code, p.phone, p.email,
               md5(jsonb_build_array(p.owner_name, p.address, p.city, p.zip_code, p.phone, p.email)::text) AS digest
          FROM properties p
         WHERE p.tenant_id = (SELECT sec.tenant()) AND (after_id IS NULL OR p.property_id > after_id)) h
      LEFT JOIN identifiers i ON i.tenant_id = (SELECT sec.tenant()) AND i.property_id = h.property_id
     WHERE i.digest IS DISTINCT FROM h.digest AND i.erased_at IS NULL
     ORDER BY h.property_id LIMIT at_most;
END;

RESET ROLE;

CALL sec.protect('identifiers', 'operator');
CALL sec.protect('identifier_links', 'operator');
CALL sec.protect('identity_events', 'operator');
CALL sec.protect('identity_proposals', 'operator');
CALL sec.protect('identity_blocked', 'analyst');
CALL sec.protect('identity_gates', 'operator');
CALL sec.veil('tenants');

REVOKE SELECT, INSERT ON identifiers FROM stormplay_kernel;
REVOKE UPDATE (property_id, seen_at) ON identifiers FROM stormplay_kernel;
GRANT SELECT (tenant_id, identifier_id, property_id, identifier_type, source, seen_at, identity_id, household_key,
    household_count, held_apart, erased_at) ON identifiers TO stormplay_kernel;
GRANT UPDATE (identity_id, household_key, household_count, held_apart, digest, seen_at) ON identifiers
    TO stormplay_kernel;
GRANT INSERT ON identifier_links, identity_events, identity_proposals, identity_blocked, identity_gates
    TO stormplay_kernel;
GRANT UPDATE (strength, seen_at, verified_at, revoked_at, revoked_by, revoked_reason) ON identifier_links
    TO stormplay_kernel;
GRANT UPDATE (strength, evidence, state, decided_by, decided_at, reason) ON identity_proposals TO stormplay_kernel;
GRANT UPDATE (reason, made_by, made_at, lifted_at) ON identity_blocked TO stormplay_kernel;
GRANT UPDATE (settled_at, nightly_at) ON identity_gates TO stormplay_kernel;
GRANT UPDATE (identity_rules) ON tenants TO stormplay_kernel;
REVOKE EXECUTE ON FUNCTION masked(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION known_identifiers(text[], text[]), identifier_values(uuid[]), unread_homes(uuid, integer),
    add_identifiers(text[], text[], text[], uuid[], text[], text[]) TO stormplay_kernel;
