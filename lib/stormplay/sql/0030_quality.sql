-- Data quality: each run of the checks over a storm's homes, and what each check counted. The score reads the newest
-- run of its storm: data quality = 1 - issues / checks, where a check is one rule asked of one record.

SET LOCAL ROLE stormplay_owner;

CREATE TABLE quality_runs (
    tenant_id uuid NOT NULL DEFAULT sec.tenant(),
    run_id    uuid NOT NULL DEFAULT uuidv7(),
    storm_id  uuid NOT NULL,
    checks    bigint NOT NULL CHECK (checks >= 0),
    issues    bigint NOT NULL CHECK (issues BETWEEN 0 AND checks),
    seconds   double precision NOT NULL CHECK (seconds >= 0),
    made_by   text NOT NULL,
    made_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, run_id),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms
);
CREATE INDEX quality_runs_storm ON quality_runs (tenant_id, storm_id, made_at DESC);

CREATE TABLE quality_results (
    tenant_id  uuid NOT NULL DEFAULT sec.tenant(),
    run_id     uuid NOT NULL,
    check_name text NOT NULL,
    checked    bigint NOT NULL CHECK (checked >= 0),
    issues     bigint NOT NULL CHECK (issues BETWEEN 0 AND checked),
    examples   jsonb NOT NULL DEFAULT '[]',  -- ids of a few records at fault; never their contents
    PRIMARY KEY (tenant_id, run_id, check_name),
    FOREIGN KEY (tenant_id, run_id) REFERENCES quality_runs
);

RESET ROLE;

CALL sec.protect('quality_runs', 'operator');
CALL sec.protect('quality_results', 'operator');
GRANT INSERT ON quality_runs, quality_results TO stormplay_kernel;
