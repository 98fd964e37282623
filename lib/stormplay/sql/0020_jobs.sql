-- Jobs that people work on: what happened in order, who said what, pictures, and a number that tells of each change.

SET LOCAL ROLE stormplay_owner;

ALTER TABLE jobs ADD COLUMN row_version integer NOT NULL DEFAULT 1;
ALTER TABLE jobs ADD COLUMN status_since timestamptz NOT NULL DEFAULT now();
ALTER TABLE jobs ADD COLUMN furthest text NOT NULL DEFAULT 'none'
    CHECK (furthest IN ('none', 'knocked', 'contacted', 'inspected', 'signed'));
CREATE INDEX jobs_storm_status ON jobs (tenant_id, storm_id, status);
ALTER TABLE tenants ADD COLUMN job_workflow jsonb;  -- NULL: the one that is shipped

-- A search key: what a person types, small and without signs, so that text comparison (leakproof) can use an index.
ALTER TABLE properties ADD COLUMN address_key text NOT NULL
    GENERATED ALWAYS AS (lower(regexp_replace(address, '[^A-Za-z0-9]+', ' ', 'g'))) STORED;
ALTER TABLE properties ALTER address_key SET STATISTICS 0;
CREATE INDEX properties_address_key ON properties (tenant_id, address_key COLLATE "C");

-- What happened to a job, in order. Never changed, but for the mark of what was taken back.
CREATE TABLE job_events (
    tenant_id   uuid NOT NULL DEFAULT sec.tenant(),
    event_id    uuid NOT NULL DEFAULT uuidv7(),
    job_id      uuid NOT NULL,
    from_status text NOT NULL,
    to_status   text NOT NULL,
    reach       text NOT NULL,
    said_by     text NOT NULL,
    source      text NOT NULL DEFAULT 'page',
    happened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    undone_at   timestamptz,  -- taken back at once by who had said it
    PRIMARY KEY (tenant_id, event_id),
    UNIQUE (tenant_id, job_id, happened_at, to_status),  -- the same file again tells nothing new
    FOREIGN KEY (tenant_id, job_id) REFERENCES jobs
);

-- Notes with author and time. Never overwritten.
CREATE TABLE job_notes (
    tenant_id uuid NOT NULL DEFAULT sec.tenant(),
    note_id   uuid NOT NULL DEFAULT uuidv7(),
    job_id    uuid NOT NULL,
    notes     text NOT NULL CHECK (length(notes) BETWEEN 1 AND 5000),
    author    text NOT NULL,
    noted_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    digest    text NOT NULL GENERATED ALWAYS AS (md5(notes)) STORED,
    PRIMARY KEY (tenant_id, note_id),
    UNIQUE (tenant_id, job_id, noted_at, digest),
    FOREIGN KEY (tenant_id, job_id) REFERENCES jobs
);
ALTER TABLE job_notes ALTER notes SET STATISTICS 0, ALTER digest SET STATISTICS 0;

-- Pictures. The bytes are in the store, under their hash; here is what they are.
CREATE TABLE job_photos (
    tenant_id      uuid NOT NULL DEFAULT sec.tenant(),
    photo_id       uuid NOT NULL DEFAULT uuidv7(),
    job_id         uuid NOT NULL,
    sha256         text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    media_type     text NOT NULL,
    thumbnail      bytea NOT NULL,  -- small, so that lists need no store
    width_px       integer NOT NULL CHECK (width_px > 0),
    height_px      integer NOT NULL CHECK (height_px > 0),
    size_bytes     bigint NOT NULL CHECK (size_bytes > 0),
    shot           text NOT NULL DEFAULT 'other',
    file_name      text NOT NULL,
    keeps_location boolean NOT NULL DEFAULT false,
    taken_at       timestamptz,
    added_by       text NOT NULL,
    added_at       timestamptz NOT NULL DEFAULT now(),
    removed_at     timestamptz,
    PRIMARY KEY (tenant_id, photo_id),
    UNIQUE (tenant_id, job_id, sha256),
    FOREIGN KEY (tenant_id, job_id) REFERENCES jobs
);

-- Files that came back from the field: each is applied once, whole or not at all.
CREATE TABLE field_imports (
    tenant_id   uuid NOT NULL DEFAULT sec.tenant(),
    import_id   uuid NOT NULL DEFAULT uuidv7(),
    storm_id    uuid NOT NULL,
    sha256      text NOT NULL,
    row_count   integer NOT NULL,
    changed     integer NOT NULL,
    imported_by text NOT NULL,
    imported_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, import_id),
    UNIQUE (tenant_id, storm_id, sha256),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms
);

RESET ROLE;

-- Of jobs from before there was a trail: what their status says.
UPDATE jobs SET status_since = coalesce(completed_at, updated_at),
    furthest = CASE status WHEN 'completed' THEN 'inspected' WHEN 'no_answer' THEN 'knocked'
        WHEN 'inspected' THEN 'inspected' WHEN 'damage_documented' THEN 'inspected' WHEN 'signed' THEN 'signed' WHEN 'past_rescission' THEN 'signed'
        WHEN 'contacted' THEN 'contacted' WHEN 'lost' THEN 'contacted' WHEN 'do_not_return' THEN 'contacted' ELSE 'none' END;

CALL sec.protect('job_events', 'operator');
CALL sec.protect('job_notes', 'operator');
CALL sec.protect('job_photos', 'operator');
CALL sec.protect('field_imports', 'operator');
GRANT INSERT ON job_events, job_notes, job_photos, field_imports TO stormplay_kernel;
GRANT UPDATE (undone_at) ON job_events TO stormplay_kernel;
GRANT UPDATE (shot, removed_at) ON job_photos TO stormplay_kernel;
GRANT UPDATE (row_version, status_since, furthest) ON jobs TO stormplay_kernel;
GRANT UPDATE (job_workflow) ON tenants TO stormplay_kernel;

-- Pictures are kept outside the database, in a folder or bucket that several companies share; so each company's are
-- encrypted with a key that the database gives to its members alone.
ALTER TABLE sec.tenant_entry ADD COLUMN picture_key bytea NOT NULL
    DEFAULT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');
SET LOCAL ROLE stormplay_sec;
CREATE FUNCTION sec.picture_key() RETURNS bytea LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT t.picture_key FROM sec.tenant_entry t WHERE t.tenant_id = (SELECT sec.tenant());
END;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION sec.picture_key() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.picture_key() TO stormplay_kernel;

-- New columns of old tables tell nothing through the planner either.
CALL sec.veil('tenants');
CALL sec.veil('jobs');
CALL sec.veil('properties');
