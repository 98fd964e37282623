-- Reports: what was run for whom, from what data, and how it ended.
--
--   report_runs  one row a run, also of those that failed, were stale or ran out of time
--
-- The runner alone writes here, through the functions below, so that nobody's notebook can say that a report was fresh.
-- It names the login that it has minted for the run, and no row is made for a company that this login is not open to.

SET LOCAL ROLE stormplay_owner;

CREATE TABLE report_runs (
    tenant_id   uuid NOT NULL DEFAULT sec.tenant(),
    run_id      uuid NOT NULL DEFAULT uuidv7(),
    storm_id    uuid NOT NULL,
    notebook    text NOT NULL CHECK (notebook ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$'),
    destination text NOT NULL,           -- the folder that it is published in
    parameters  jsonb NOT NULL,
    as_of       timestamptz NOT NULL,    -- the moment that its pages speak of
    username    text NOT NULL,           -- whose rights it had
    status      text NOT NULL DEFAULT 'running'
        CHECK (status IN ('running', 'fresh', 'failed', 'timed out', 'stale', 'killed')),
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at    timestamptz CHECK ((ended_at IS NULL) = (status = 'running')),
    seconds     double precision CHECK (seconds >= 0),
    attempts    integer CHECK (attempts >= 1),
    row_count   bigint CHECK (row_count >= 0),  -- rows that its queries read
    data_as_of  timestamptz,             -- how old its data were, as its page says
    versions    jsonb,                   -- of code, schema, notebook and models
    files       jsonb,                   -- what was published: name to SHA-256
    error       text,                    -- a sentence
    PRIMARY KEY (tenant_id, run_id),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms
);
CREATE INDEX report_runs_subject ON report_runs (tenant_id, storm_id, notebook, started_at);
CREATE INDEX report_runs_started ON report_runs (tenant_id, started_at);

RESET ROLE;

CALL sec.protect('report_runs', 'operator');

-- One run of a report at a time: held until the transaction ends, and so never by a runner that was killed.
CREATE FUNCTION sec.lock_report(tenant uuid, storm uuid, notebook text, destination text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_try_advisory_xact_lock(hashtextextended(concat_ws(chr(10), tenant, storm, notebook, destination), 60));
$$;

-- A run begins. Whoever holds the report's lock knows that no earlier run of it goes on, whatever its row says.
CREATE FUNCTION sec.begin_report(run_login name, tenant uuid, storm uuid, notebook text, destination text,
                                 parameters jsonb, as_of timestamptz) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    who text;
    made uuid;
BEGIN
    SELECT p.username INTO who FROM sec.login_right r JOIN sec.person p ON p.person_id = r.person_id
     WHERE r.login = run_login AND r.tenant_id = tenant AND r.is_open AND r.expires_at > clock_timestamp();
    IF who IS NULL THEN
        RAISE insufficient_privilege USING MESSAGE = 'this tenant is not open to the login of the run';
    END IF;
    UPDATE public.report_runs x SET status = 'killed', ended_at = clock_timestamp(),
           error = 'It was ended from outside, or its machine went down.'
     WHERE x.tenant_id = tenant AND x.storm_id = storm AND x.notebook = begin_report.notebook
       AND x.destination = begin_report.destination AND x.status = 'running';
    INSERT INTO public.report_runs (tenant_id, storm_id, notebook, destination, parameters, as_of, username)
    VALUES (tenant, storm, begin_report.notebook, begin_report.destination, begin_report.parameters,
            begin_report.as_of, who)
    RETURNING run_id INTO made;
    RETURN made;
END $$;

-- A run has ended: once, and never a second time.
CREATE FUNCTION sec.end_report(tenant uuid, run uuid, status text, seconds double precision, attempts integer,
                               row_count bigint, data_as_of timestamptz, versions jsonb, files jsonb, error text)
RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    UPDATE public.report_runs x
       SET status = end_report.status, ended_at = clock_timestamp(), seconds = end_report.seconds,
           attempts = end_report.attempts, row_count = end_report.row_count, data_as_of = end_report.data_as_of,
           versions = end_report.versions, files = end_report.files, error = end_report.error
     WHERE x.tenant_id = tenant AND x.run_id = run AND x.status = 'running';
    RETURN FOUND;
END $$;

-- Forget runs that began so long ago; the last good run of each report stays. Returns how many.
CREATE FUNCTION sec.retire_reports(older_than interval) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    n integer;
BEGIN
    IF older_than < interval '1 day' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'runs are kept for a day at least';
    END IF;
    DELETE FROM public.report_runs x
     WHERE x.started_at < clock_timestamp() - older_than AND x.status <> 'running'
       AND (x.status <> 'fresh' OR EXISTS (
            SELECT FROM public.report_runs y WHERE y.tenant_id = x.tenant_id AND y.storm_id = x.storm_id
               AND y.notebook = x.notebook AND y.destination = x.destination AND y.status = 'fresh'
               AND y.run_id > x.run_id));
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;

REVOKE EXECUTE ON FUNCTION
    sec.lock_report(uuid, uuid, text, text),
    sec.begin_report(name, uuid, uuid, text, text, jsonb, timestamptz),
    sec.end_report(uuid, uuid, text, double precision, integer, bigint, timestamptz, jsonb, jsonb, text),
    sec.retire_reports(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    sec.lock_report(uuid, uuid, text, text),
    sec.begin_report(name, uuid, uuid, text, text, jsonb, timestamptz),
    sec.end_report(uuid, uuid, text, double precision, integer, bigint, timestamptz, jsonb, jsonb, text),
    sec.retire_reports(interval) TO stormplay_broker;
