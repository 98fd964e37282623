-- Events of a storm as they happen: applied once, or kept aside with the reason.
--
--   stream_events        one row an event that was taken: the ledger by which a second delivery is known
--   stream_dead_letters  one row a message that was not: as it came, why, and what came of its replay
--   stream_positions     how far a storm's topic has been read, and how far it goes
--
-- The consumer is a service: a person without password whom nobody can sign in as, who works for every company under
-- the same policies as everybody else. It alone may write here, so that no analyst's statement can say that an event
-- has been applied. Offsets belong to no company: they are kept in schema sec and move through a function that
-- refuses a consumer who is behind another (fencing).

ALTER TABLE sec.person ADD is_service boolean NOT NULL DEFAULT false,
    ADD CHECK (NOT is_service OR password_hash IS NULL);

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stormplay_stream') THEN
        CREATE ROLE stormplay_stream NOLOGIN;
    END IF;
END $$;
GRANT stormplay_stream TO stormplay_sec WITH ADMIN OPTION, INHERIT FALSE, SET FALSE;
GRANT USAGE ON SCHEMA sec TO stormplay_stream;

SET LOCAL ROLE stormplay_owner;

CREATE TABLE stream_events (
    tenant_id      uuid NOT NULL DEFAULT sec.tenant(),
    storm_id       uuid NOT NULL,
    event_id       text COLLATE "C" NOT NULL CHECK (length(event_id) BETWEEN 1 AND 200),
    event_type     text NOT NULL CHECK (event_type IN ('property_impacted', 'job_completed', 'conversion')),
    property_id    uuid,
    job_id         uuid,
    sii_score      double precision,
    value_cents    bigint,
    event_at       timestamptz NOT NULL,   -- when it happened, as the event says, else as its record does
    is_superseded  boolean NOT NULL DEFAULT false,  -- something newer was known, so it changed nothing
    applied_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),  -- so that readers can follow in the order of commits
    PRIMARY KEY (tenant_id, storm_id, event_id)
);
-- None of these begins like the key: of a table whose size it does not know yet, the planner would take the smaller one
-- to look an event up, and read the whole storm.
CREATE INDEX stream_events_order ON stream_events (tenant_id, transaction_id);
CREATE INDEX stream_events_applied ON stream_events (tenant_id, applied_at);

CREATE TABLE stream_dead_letters (
    tenant_id   uuid NOT NULL DEFAULT sec.tenant(),
    letter_id   uuid NOT NULL DEFAULT uuidv7(),
    storm_id    uuid NOT NULL,
    topic       text NOT NULL,
    partition   integer NOT NULL CHECK (partition >= 0),
    "offset"    bigint NOT NULL CHECK ("offset" >= 0),
    reason      text NOT NULL CHECK (reason IN ('malformed', 'unknown type', 'invalid', 'too large', 'unknown property',
                                                'unknown job', 'illegal transition', 'held out', 'late', 'refused')),
    said        text NOT NULL,          -- the reason in a sentence: what was wrong, what was expected
    event_id    text,                   -- where it could be read
    event_type  text,
    payload     bytea NOT NULL,         -- as it came, up to a limit
    event_at    timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    status      text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'replayed', 'discarded')),
    settled_at  timestamptz,
    settled_by  text,
    attempts    integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),  -- replays that were refused again
    replay_asked_at timestamptz CHECK (replay_asked_at IS NULL OR status <> 'discarded'),  -- the service takes it then
    replay_asked_by text,
    PRIMARY KEY (tenant_id, letter_id),
    UNIQUE (tenant_id, topic, partition, "offset"),
    CHECK ((settled_at IS NULL) = (status = 'open')),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms
);
CREATE INDEX stream_dead_letters_open ON stream_dead_letters (tenant_id, storm_id, received_at) WHERE status = 'open';
CREATE INDEX stream_dead_letters_asked ON stream_dead_letters (tenant_id, replay_asked_at)
    WHERE status = 'open' AND replay_asked_at IS NOT NULL;

CREATE TABLE stream_positions (
    tenant_id   uuid NOT NULL DEFAULT sec.tenant(),
    storm_id    uuid NOT NULL,
    partition   integer NOT NULL CHECK (partition >= 0),
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    end_offset  bigint NOT NULL CHECK (end_offset >= 0),  -- as the broker told last
    told_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, storm_id, partition),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms
);

-- Up to where the beliefs of a storm rest on its events. What is due are rows of the ledger from there on: a marker
-- that each batch makes by itself, in its own transaction.
CREATE TABLE stream_rescores (
    tenant_id     uuid NOT NULL DEFAULT sec.tenant(),
    storm_id      uuid NOT NULL,
    done_until    xid8 NOT NULL,       -- events of transactions before this one are in the beliefs
    homes         bigint NOT NULL DEFAULT 0,
    model_version text,                -- NULL: the company has no champion, so nothing could be scored
    rescored_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, storm_id),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms
);

-- The time of the event that made an impact what it is; NULL: it was modelled.
ALTER TABLE property_impacts ADD COLUMN event_at timestamptz;
-- Room in each page for the next word about its homes, which then needs no new entry in the index.
ALTER TABLE property_impacts SET (fillfactor = 80);

-- A storm that is named is one of this company. Asked once a statement: a foreign key would ask a thousand times a
-- batch, and wait for whoever holds a storm's row.
CREATE FUNCTION know_streamed_storm() RETURNS trigger LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT tenant_id, storm_id FROM new_rows) n
                WHERE NOT EXISTS (SELECT FROM storms s WHERE s.tenant_id = n.tenant_id AND s.storm_id = n.storm_id)) THEN
        RAISE foreign_key_violation USING MESSAGE = 'an event names a storm that its company has not';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER know_storm AFTER INSERT ON stream_events REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION know_streamed_storm();

RESET ROLE;

CALL sec.protect('stream_events', 'analyst');
CALL sec.protect('stream_dead_letters', 'operator');
CALL sec.protect('stream_positions', 'analyst');
CALL sec.protect('stream_rescores', 'analyst');
GRANT INSERT ON stream_events, stream_dead_letters, stream_positions, stream_rescores TO stormplay_stream;
GRANT UPDATE (next_offset, end_offset, told_at) ON stream_positions TO stormplay_stream;
GRANT UPDATE (done_until, homes, model_version, rescored_at) ON stream_rescores TO stormplay_stream;
GRANT UPDATE (event_at) ON property_impacts TO stormplay_stream;
GRANT UPDATE (attempts, reason, said, settled_at, settled_by, replay_asked_by) ON stream_dead_letters TO stormplay_stream;
-- The service's own books are not written down a second time: the ledger is what happened, and by whom. What it does
-- to the company's other tables is in the audit log like anybody's, and so is another hand on these.
DO $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT g.tgrelid::regclass AS target, g.tgname, pg_get_triggerdef(g.oid) AS words FROM pg_trigger g
                 WHERE g.tgrelid IN ('stream_events'::regclass, 'stream_positions'::regclass)
                   AND g.tgname IN ('audit_insert', 'audit_update') LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', made.tgname, made.target);
        EXECUTE replace(made.words, 'EXECUTE FUNCTION',
                        $q$WHEN (NOT pg_has_role(session_user, 'stormplay_stream', 'USAGE')) EXECUTE FUNCTION$q$);
    END LOOP;
END $$;
-- What it does elsewhere is kept by the statement and not row by row: which rows, and why, the ledger and the trail say.
DO $$
DECLARE
    was text := pg_get_functiondef('sec.audit()'::regprocedure);
    is_now text := replace(was, 'small CONSTANT integer := 50;', 'small CONSTANT integer :=
        CASE WHEN pg_has_role(session_user, ''stormplay_stream'', ''USAGE'') THEN 0 ELSE 50 END;');
BEGIN
    IF is_now = was THEN
        RAISE 'sec.audit() is not as it was';
    END IF;
    EXECUTE is_now;
END $$;
-- Who reads a letter may discard it, or ask for its replay; the trigger below signs both, and lets nobody but the
-- service say that something was replayed.
GRANT UPDATE (status, replay_asked_at) ON stream_dead_letters TO stormplay_kernel;
CALL sec.veil('property_impacts');

CREATE FUNCTION sec.sign_dead_letter() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF session_user !~ '^k_[0-9a-f]{32}$' OR pg_has_role(session_user, 'stormplay_stream', 'USAGE') THEN
        RETURN NEW;  -- an administrator's own hand, or the service
    END IF;
    IF OLD.status <> 'open' AND NEW IS DISTINCT FROM OLD THEN
        RAISE insufficient_privilege USING MESSAGE = format('this letter is %s already', OLD.status);
    END IF;
    IF NEW.status = 'replayed' THEN
        RAISE insufficient_privilege USING MESSAGE = 'a letter is replayed by the stream alone',
            HINT = 'Ask for its replay.';
    END IF;
    NEW.settled_by := NULL;
    NEW.settled_at := NULL;
    IF NEW.status = 'discarded' THEN
        NEW.settled_by := coalesce(sec.my_name(), '');
        NEW.settled_at := clock_timestamp();
        NEW.replay_asked_at := NULL;
    END IF;
    IF NEW.replay_asked_at IS DISTINCT FROM OLD.replay_asked_at THEN
        NEW.replay_asked_by := CASE WHEN NEW.replay_asked_at IS NOT NULL THEN coalesce(sec.my_name(), '') END;
        NEW.replay_asked_at := CASE WHEN NEW.replay_asked_at IS NOT NULL THEN clock_timestamp() END;
    END IF;
    RETURN NEW;
END $$;
REVOKE EXECUTE ON FUNCTION sec.sign_dead_letter() FROM PUBLIC;
CREATE TRIGGER signed BEFORE UPDATE ON stream_dead_letters FOR EACH ROW EXECUTE FUNCTION sec.sign_dead_letter();

-- A cause may say '{what}' where the database's own words belong: one transaction of the stream changes the scores of
-- several storms, each for a reason of its own.
DO $$
DECLARE
    was text := pg_get_functiondef('public.recount_storm_score(uuid, uuid, text[], text, text)'::regprocedure);
    is_now text := replace(was, $q$current_setting('app.score_cause', true)$q$,
                           $q$replace(current_setting('app.score_cause', true), '{what}', words)$q$);
BEGIN
    IF is_now = was THEN
        RAISE 'recount_storm_score() is not as it was';
    END IF;
    EXECUTE is_now;
END $$;

SET LOCAL ROLE stormplay_sec;

-- Where a group's reading of a partition stands. No company's row: the topic's name alone, and a number.
CREATE TABLE sec.stream_offset (
    group_id    text NOT NULL,
    topic       text NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    moved_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (group_id, topic, partition)
);

-- Messages of topics that are no storm's: no company may see them, so the administrator does.
CREATE TABLE sec.stream_stray (
    topic       text NOT NULL,
    partition   integer NOT NULL,
    "offset"    bigint NOT NULL,
    said        text NOT NULL,
    payload     bytea NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (topic, partition, "offset")
);

-- The service, and its place in every company: those that there are, and each new one.
INSERT INTO sec.person (username, display_name, is_service) VALUES ('stormplay-stream', 'Event stream', true);
INSERT INTO sec.membership (person_id, tenant_id, role)
SELECT p.person_id, t.tenant_id, 'analyst' FROM sec.person p, sec.tenant_entry t WHERE p.is_service;
CREATE FUNCTION sec.admit_services() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO sec.membership (person_id, tenant_id, role)
    SELECT p.person_id, NEW.tenant_id, 'analyst' FROM sec.person p WHERE p.is_service;
    RETURN NULL;
END $$;
CREATE TRIGGER admit_services AFTER INSERT ON sec.tenant_entry FOR EACH ROW EXECUTE FUNCTION sec.admit_services();


-- Nobody is a service by a password, a proxy or a hub: the functions that ask who somebody is know persons alone.
CREATE OR REPLACE FUNCTION sec.password_hash(name text, OUT person_id uuid, OUT display_name text, OUT hash text)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT p.person_id, p.display_name, p.password_hash FROM sec.person p
     WHERE p.username = name AND p.disabled_at IS NULL AND NOT p.is_service;
END;
CREATE OR REPLACE FUNCTION sec.find_person(name text, OUT person_id uuid, OUT display_name text)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT p.person_id, p.display_name FROM sec.person p
     WHERE p.username = name AND p.disabled_at IS NULL AND NOT p.is_service;
END;
CREATE OR REPLACE FUNCTION sec.change_password(name text, old_hash text, new_hash text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER
BEGIN ATOMIC
    WITH changed AS (
        UPDATE sec.person p SET password_hash = new_hash
         WHERE p.username = name AND p.password_hash = old_hash AND p.disabled_at IS NULL AND NOT p.is_service
        RETURNING p.username),
    noted AS (
        INSERT INTO sec.account_entry (actor, act, subject)
        SELECT c.username, 'changed the password', c.username FROM changed c)
    SELECT EXISTS (SELECT FROM changed);
END;
CREATE OR REPLACE FUNCTION sec.open_kernel(person text, ttl interval, purpose text DEFAULT 'kernel',
                                           OUT login name, OUT password text, OUT expires_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who uuid;
BEGIN
    SELECT p.person_id INTO who FROM sec.person p
     WHERE p.username = person AND p.disabled_at IS NULL AND NOT p.is_service;
    IF who IS NULL THEN
        RAISE invalid_authorization_specification USING MESSAGE = 'no open account of that name';
    END IF;
    SELECT * INTO login, password, expires_at FROM sec.mint(who, ttl, purpose);
END $$;

-- One login of a person or service; for the two functions that have checked whose.
CREATE FUNCTION sec.mint(who uuid, ttl interval, purpose text, OUT login name, OUT password text,
                         OUT expires_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF ttl <= interval '0' OR ttl > interval '24 hours' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'a login lives for more than 0 and at most 24 hours';
    END IF;
    login := 'k_' || replace(gen_random_uuid()::text, '-', '');
    password := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
    expires_at := clock_timestamp() + ttl;
    EXECUTE format('CREATE ROLE %I LOGIN PASSWORD %L VALID UNTIL %L CONNECTION LIMIT 8', login, password, expires_at);
    EXECUTE format('GRANT stormplay_kernel TO %I WITH INHERIT TRUE, SET FALSE', login);
    EXECUTE format('GRANT %I TO stormplay_sec WITH INHERIT TRUE, SET FALSE', login);
    INSERT INTO sec.login VALUES (login, who, purpose, clock_timestamp(), expires_at);
END $$;

-- A login of a built-in service, with the rights that it has beside a kernel's. Renewed and ended like any other.
CREATE FUNCTION sec.open_service(service text, ttl interval,
                                 OUT login name, OUT password text, OUT expires_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who uuid;
BEGIN
    SELECT p.person_id INTO who FROM sec.person p
     WHERE p.username = 'stormplay-' || service AND p.disabled_at IS NULL AND p.is_service;
    IF who IS NULL THEN
        RAISE invalid_authorization_specification USING MESSAGE = 'no open service of that name';
    END IF;
    SELECT * INTO login, password, expires_at FROM sec.mint(who, ttl, 'service ' || service);
    EXECUTE format('GRANT stormplay_stream TO %I WITH INHERIT TRUE, SET FALSE', login);
END $$;

-- Which companies these storms are of; of others' storms, and of those that there are not, nothing.
CREATE FUNCTION sec.tenants_of_storms(storms uuid[]) RETURNS TABLE (storm_id uuid, tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.storm_id, s.tenant_id FROM sec.storm_entry s
      JOIN sec.login_right r ON r.tenant_id = s.tenant_id AND r.login = session_user AND r.is_open
       AND r.expires_at > clock_timestamp()
     WHERE s.storm_id = ANY (storms);
END;

CREATE FUNCTION sec.stream_offsets(of_group text) RETURNS TABLE (topic text, partition integer, next_offset bigint)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT o.topic, o.partition, o.next_offset FROM sec.stream_offset o WHERE o.group_id = of_group
     ORDER BY o.topic, o.partition;
END;

-- Move offsets, all or none: each from where the caller believes it to be (NULL: nowhere yet). Who comes second waits
-- for the first and is refused then, so of two consumers of one partition one alone applies a batch.
CREATE FUNCTION sec.move_stream_offset(of_group text, topics text[], partitions integer[], expected bigint[],
                                       moved bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stood record;
    n bigint;
BEGIN
    WITH given AS (
        SELECT g.* FROM unnest(topics, partitions, expected, moved) AS g (topic, partition, expected, moved)),
    first_ones AS (
        INSERT INTO sec.stream_offset AS o (group_id, topic, partition, next_offset)
        SELECT of_group, g.topic, g.partition, g.moved FROM given g WHERE g.expected IS NULL
         ORDER BY g.topic, g.partition
        ON CONFLICT DO NOTHING RETURNING 1),
    held AS MATERIALIZED (
        SELECT o.topic, o.partition, o.next_offset FROM sec.stream_offset o
          JOIN given g ON g.topic = o.topic AND g.partition = o.partition AND g.expected IS NOT NULL
         WHERE o.group_id = of_group ORDER BY o.topic, o.partition FOR UPDATE OF o),
    others AS (
        UPDATE sec.stream_offset o SET next_offset = g.moved, moved_at = clock_timestamp()
          FROM given g JOIN held h ON h.topic = g.topic AND h.partition = g.partition AND h.next_offset = g.expected
         WHERE o.group_id = of_group AND o.topic = g.topic AND o.partition = g.partition RETURNING 1)
    SELECT (SELECT count(*) FROM first_ones) + (SELECT count(*) FROM others) INTO n;
    IF n <> cardinality(topics) THEN
        SELECT g.topic, g.partition, g.expected, o.next_offset INTO stood
          FROM unnest(topics, partitions, expected) AS g (topic, partition, expected)
          LEFT JOIN sec.stream_offset o ON o.group_id = of_group AND o.topic = g.topic AND o.partition = g.partition
         WHERE o.next_offset IS DISTINCT FROM g.expected LIMIT 1;
        RAISE EXCEPTION USING ERRCODE = 'SP004', MESSAGE = format(
            'partition %s of %s stands at %s and not at %s', stood.partition, stood.topic,
            coalesce(stood.next_offset::text, 'no offset'), coalesce(stood.expected::text, 'no offset')),
            HINT = 'Another consumer of this group has moved it.';
    END IF;
END $$;

CREATE FUNCTION sec.keep_stray(topics text[], partitions integer[], offsets bigint[], said text[], payloads bytea[])
RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept integer;
BEGIN
    INSERT INTO sec.stream_stray (topic, partition, "offset", said, payload)
    SELECT left(g.topic, 300), g.partition, g."offset", left(g.said, 500), substr(g.payload, 1, 16384)
      FROM unnest(topics, partitions, offsets, said, payloads) AS g (topic, partition, "offset", said, payload)
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS kept = ROW_COUNT;
    RETURN kept;
END $$;

-- For the administrator: what came under names that are no storm's, newest first.
CREATE FUNCTION sec.stream_strays(at_most integer)
RETURNS TABLE (topic text, partition integer, "offset" bigint, said text, payload bytea, received_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT s.topic, s.partition, s."offset", s.said, s.payload, s.received_at FROM sec.stream_stray s
     ORDER BY s.received_at DESC, s.topic, s.partition, s."offset" DESC LIMIT at_most;
END;

RESET ROLE;

-- In which companies somebody waits for a replay: the service looks there alone.
CREATE FUNCTION sec.stream_asked() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT DISTINCT d.tenant_id FROM public.stream_dead_letters d
     WHERE d.status = 'open' AND d.replay_asked_at IS NOT NULL ORDER BY 1;
$$;

-- The storms of which something was applied that no belief rests on yet.
CREATE FUNCTION sec.stream_due() RETURNS TABLE (tenant_id uuid, storm_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT p.tenant_id, p.storm_id
      FROM (SELECT x.tenant_id, x.storm_id, max(x.told_at) AS told_at FROM public.stream_positions x GROUP BY 1, 2) p
      LEFT JOIN public.stream_rescores r ON r.tenant_id = p.tenant_id AND r.storm_id = p.storm_id
       AND r.done_until <= pg_snapshot_xmax(pg_current_snapshot())
       -- Of a storm of which nothing came for an hour, all is done: its company's ledger need not be read again.
     WHERE p.told_at > coalesce(r.rescored_at, '-infinity') - interval '1 hour'
       AND EXISTS (SELECT FROM public.stream_events e WHERE e.tenant_id = p.tenant_id AND e.storm_id = p.storm_id
                      AND e.transaction_id >= coalesce(r.done_until, '0'::xid8)
                      AND e.event_type = 'property_impacted' AND NOT e.is_superseded);
$$;

-- Forget what is older, of all companies: the ledger, letters that are settled, strays. Returns how many rows.
-- The ledger is what a second delivery is known by. A record that the broker still has can come again (an offset set
-- back, a producer that repeats itself), so the ledger is kept for longer than the broker keeps records: a week by
-- Kafka's default. Less than a month is refused here, and who lets the broker keep more says more here too.
CREATE FUNCTION sec.retire_stream(older_than interval) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    before CONSTANT timestamptz := clock_timestamp() - older_than;
    gone bigint;
    n bigint := 0;
BEGIN
    IF older_than IS NULL OR older_than < interval '30 days' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'the ledger of the stream is kept for 30 days at least',
            HINT = 'A record that the broker still has and the ledger has not would be applied twice.';
    END IF;
    DELETE FROM public.stream_events e WHERE e.applied_at < before;
    GET DIAGNOSTICS n = ROW_COUNT;
    DELETE FROM public.stream_dead_letters d WHERE d.status <> 'open' AND d.settled_at < before;
    GET DIAGNOSTICS gone = ROW_COUNT;
    n := n + gone;
    DELETE FROM sec.stream_stray s WHERE s.received_at < before;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN n + gone;
END $$;

REVOKE EXECUTE ON FUNCTION sec.admit_services(), sec.mint(uuid, interval, text), sec.open_service(text, interval),
    sec.tenants_of_storms(uuid[]), sec.stream_offsets(text), sec.stream_asked(), sec.stream_due(),
    sec.retire_stream(interval),
    sec.move_stream_offset(text, text[], integer[], bigint[], bigint[]), sec.stream_strays(integer),
    sec.keep_stray(text[], integer[], bigint[], text[], bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.open_service(text, interval), sec.retire_stream(interval) TO stormplay_broker;
GRANT EXECUTE ON FUNCTION sec.tenants_of_storms(uuid[]) TO stormplay_kernel;
GRANT EXECUTE ON FUNCTION sec.stream_offsets(text), sec.stream_asked(), sec.stream_due(),
    sec.move_stream_offset(text, text[], integer[], bigint[], bigint[]),
    sec.keep_stray(text[], integer[], bigint[], text[], bytea[]) TO stormplay_stream;
