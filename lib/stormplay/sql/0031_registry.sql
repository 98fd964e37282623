-- The model registry: which model made a number. What a model is for, each of its versions with what it saw and how
-- well it did, and who was made champion by whom and why. Nothing here is ever changed or removed but the purpose.

SET LOCAL ROLE stormplay_owner;

CREATE TABLE models (
    tenant_id  uuid NOT NULL DEFAULT sec.tenant() REFERENCES tenants,
    model_name text NOT NULL CHECK (model_name ~ '^[a-z][a-z0-9-]{0,39}$'),
    purpose    text NOT NULL CHECK (length(purpose) BETWEEN 1 AND 500),
    made_by    text NOT NULL DEFAULT sec.my_name(),
    made_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, model_name)
);

CREATE TABLE model_versions (
    tenant_id        uuid NOT NULL DEFAULT sec.tenant(),
    model_name       text NOT NULL,
    version          integer NOT NULL CHECK (version > 0),
    model_version    text NOT NULL CHECK (length(model_version) BETWEEN 1 AND 80),  -- as numbers name it: 'uplift@3'
    source           text NOT NULL CHECK (source IN ('trained', 'planted')),
    params           jsonb NOT NULL DEFAULT '{}',
    metrics          jsonb NOT NULL DEFAULT '{}',
    data_fingerprint text NOT NULL DEFAULT '',   -- SHA-256 of what the model saw
    code_version     text NOT NULL,
    feature_names    jsonb NOT NULL DEFAULT '[]',
    trained_on       jsonb NOT NULL DEFAULT '{}',
    artifact         text,                       -- the file's place below the company's folder in the store
    artifact_sha256  text CHECK (artifact_sha256 ~ '^[0-9a-f]{64}$'),
    signature        text NOT NULL CHECK (signature ~ '^[0-9a-f]{64}$'),  -- HMAC-SHA256 over all of the above
    note             text NOT NULL DEFAULT '' CHECK (length(note) <= 2000),
    made_by          text NOT NULL DEFAULT sec.my_name(),
    made_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, model_name, version),
    UNIQUE (tenant_id, model_version),
    FOREIGN KEY (tenant_id, model_name) REFERENCES models,
    CHECK ((artifact IS NULL) = (artifact_sha256 IS NULL)),
    CHECK ((source = 'planted') = (artifact IS NULL))
);

-- Every move of an alias. The newest is in force; two who move at once meet at its number, and one of them is told.
CREATE TABLE model_aliases (
    tenant_id    uuid NOT NULL DEFAULT sec.tenant(),
    model_name   text NOT NULL,
    alias        text NOT NULL CHECK (alias IN ('champion', 'challenger')),
    move_number  integer NOT NULL CHECK (move_number > 0),
    act          text NOT NULL CHECK (act IN ('promote', 'roll_back')),
    from_version integer,  -- NULL: there was none before
    to_version   integer NOT NULL,
    reason       text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    moved_by     text NOT NULL DEFAULT sec.my_name(),
    moved_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, model_name, alias, move_number),
    FOREIGN KEY (tenant_id, model_name, from_version) REFERENCES model_versions,
    FOREIGN KEY (tenant_id, model_name, to_version) REFERENCES model_versions,
    CHECK ((from_version IS NULL) = (move_number = 1))
);

RESET ROLE;

CALL sec.protect('models', 'analyst');
CALL sec.protect('model_versions', 'analyst');
CALL sec.protect('model_aliases', 'analyst');
-- Who and when are the database's to say.
GRANT INSERT (tenant_id, model_name, purpose) ON models TO stormplay_kernel;
GRANT UPDATE (purpose) ON models TO stormplay_kernel;
GRANT INSERT (tenant_id, model_name, version, model_version, source, params, metrics, data_fingerprint, code_version,
    feature_names, trained_on, artifact, artifact_sha256, signature, note) ON model_versions TO stormplay_kernel;
GRANT INSERT (tenant_id, model_name, alias, move_number, act, from_version, to_version, reason) ON model_aliases
    TO stormplay_kernel;

-- Fitted models are kept outside the database, where others may write: each is signed with its company's key, which
-- the database gives to the company's analysts and admins alone.
ALTER TABLE sec.tenant_entry ADD COLUMN model_key bytea NOT NULL
    DEFAULT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');
SET LOCAL ROLE stormplay_sec;
CREATE FUNCTION sec.model_key() RETURNS bytea LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT t.model_key FROM sec.tenant_entry t WHERE t.tenant_id = (SELECT sec.tenant_for('analyst'));
END;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION sec.model_key() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.model_key() TO stormplay_kernel;
