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
    event_id       text NOT NULL CHECK (length(event_id) BETWEEN 1 AND 200),
    event_type     text NOT NULL CHECK (event_type IN ('property_impacted', 'job_completed', 'conversion')),
    property_id    uuid,
    job_id         uuid,
    sii_score      double precision,
    value_cents    bigint,
    event_at       timestamptz NOT NULL,   -- when it happened, as the event says, else as its record does
    is_superseded  boolean NOT NULL DEFAULT false,  -- something newer was known, so it changed nothing
    applied_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),  -- so that readers can follow in the order of commits
    PRIMARY KEY (tenant_id, storm_id, event_id),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms
);
CREATE INDEX stream_events_order ON stream_events (tenant_id, storm_id, transaction_id);
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
    attempts    integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    PRIMARY KEY (tenant_id, letter_id),
    UNIQUE (tenant_id, topic, partition, "offset"),
    CHECK ((settled_at IS NULL) = (status = 'open')),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms
);
CREATE INDEX stream_dead_letters_open ON stream_dead_letters (tenant_id, storm_id, received_at) WHERE status = 'open';

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

RESET ROLE;

CALL sec.protect('stream_events', 'analyst');
CALL sec.protect('stream_dead_letters', 'operator');
CALL sec.protect('stream_positions', 'analyst');
GRANT INSERT ON stream_events, stream_dead_letters, stream_positions TO stormplay_stream;
GRANT UPDATE (next_offset, end_offset, told_at) ON stream_positions TO stormplay_stream;
-- Who reads a letter may settle it (discard), and the service, when a replay has been applied.
GRANT UPDATE (status, settled_at, settled_by, attempts, reason, said) ON stream_dead_letters TO stormplay_kernel;

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

RESET ROLE;
REVOKE EXECUTE ON FUNCTION sec.admit_services() FROM PUBLIC;
