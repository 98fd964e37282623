-- A report run again from a page. A page's kernel may mint no login and write no history, so it leaves a request here;
-- the server takes it, and makes the report under a login of whoever asked.
--
--   report_requests  one row a press of the button, and what came of it
--
-- A request names a storm and a notebook and nothing else: where the report goes and with which parameters is read from
-- the last run of it, which only the runner writes. Who asks is known from the login. The server learns what it has to
-- make, and reads no other row.

SET LOCAL ROLE stormplay_owner;

CREATE TABLE report_requests (
    tenant_id    uuid NOT NULL DEFAULT sec.tenant(),
    request_id   uuid NOT NULL DEFAULT uuidv7(),
    storm_id     uuid NOT NULL,
    notebook     text NOT NULL CHECK (notebook ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$'),
    username     text NOT NULL DEFAULT '',  -- who asked, and whose rights the run has; a trigger's
    asked_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    is_cancelled boolean NOT NULL DEFAULT false,
    status       text NOT NULL DEFAULT 'asked'
        CHECK (status IN ('asked', 'taken', 'made', 'busy', 'failed', 'cancelled')),
    taken_at     timestamptz,
    ended_at     timestamptz CHECK ((ended_at IS NULL) = (status IN ('asked', 'taken'))),
    said         text,                      -- what came of it, in a sentence
    PRIMARY KEY (tenant_id, request_id),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms
);
CREATE INDEX report_requests_asked ON report_requests (tenant_id, request_id) WHERE status = 'asked';

RESET ROLE;

CALL sec.protect('report_requests', 'operator');
GRANT INSERT (tenant_id, storm_id, notebook) ON report_requests TO stormplay_kernel;
GRANT UPDATE (is_cancelled) ON report_requests TO stormplay_kernel;

CREATE FUNCTION sec.sign_report_request() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT p.username INTO NEW.username FROM sec.login l JOIN sec.person p ON p.person_id = l.person_id
     WHERE l.login = session_user;
    NEW.username := coalesce(NEW.username, '');  -- an administrator is nobody's person
    RETURN NEW;
END $$;
REVOKE EXECUTE ON FUNCTION sec.sign_report_request() FROM PUBLIC;
CREATE TRIGGER signed BEFORE INSERT ON report_requests FOR EACH ROW EXECUTE FUNCTION sec.sign_report_request();

-- The oldest request of the last minute that nobody has taken, with how its report was made the last time: by the last
-- good run, or where there is none by the last one. No row: there is none. Whoever asked has stopped waiting for an
-- older one.
CREATE FUNCTION sec.take_report_request()
RETURNS TABLE (tenant_id uuid, request_id uuid, storm_id uuid, tenant text, storm text, notebook text, username text,
               parameters jsonb, destination text, is_pdf boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    one public.report_requests;
BEGIN
    SELECT * INTO one FROM public.report_requests x
     WHERE x.status = 'asked' AND NOT x.is_cancelled AND x.asked_at > clock_timestamp() - interval '1 minute'
     ORDER BY x.request_id LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE public.report_requests x SET status = 'taken', taken_at = clock_timestamp()
     WHERE x.tenant_id = one.tenant_id AND x.request_id = one.request_id;
    RETURN QUERY
        SELECT one.tenant_id, one.request_id, one.storm_id, e.slug::text, s.slug::text, one.notebook, one.username,
               coalesce(last.parameters, '{}'::jsonb), last.destination,
               EXISTS (SELECT FROM jsonb_object_keys(coalesce(last.files, '{}'::jsonb)) k WHERE k LIKE '%.pdf')
          FROM sec.tenant_entry e
          JOIN public.storms s ON s.tenant_id = e.tenant_id AND s.storm_id = one.storm_id
          LEFT JOIN LATERAL (
               SELECT r.parameters, r.destination, r.files FROM public.report_runs r
                WHERE r.tenant_id = one.tenant_id AND r.storm_id = one.storm_id AND r.notebook = one.notebook
                ORDER BY (r.status = 'fresh') DESC, r.run_id DESC LIMIT 1) last ON true
         WHERE e.tenant_id = one.tenant_id;
END $$;

-- Whether whoever asked has changed their mind.
CREATE FUNCTION sec.is_report_cancelled(tenant uuid, request uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT coalesce((SELECT x.is_cancelled FROM public.report_requests x
                      WHERE x.tenant_id = tenant AND x.request_id = request), true);
$$;

-- What came of a request that was taken: once. Requests of a quarter ago are forgotten with it.
CREATE FUNCTION sec.end_report_request(tenant uuid, request uuid, status text, said text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    DELETE FROM public.report_requests x
     WHERE x.tenant_id = tenant AND x.asked_at < clock_timestamp() - interval '90 days';
    UPDATE public.report_requests x
       SET status = end_report_request.status, said = end_report_request.said, ended_at = clock_timestamp()
     WHERE x.tenant_id = tenant AND x.request_id = request AND x.status = 'taken';
    RETURN FOUND;
END $$;

REVOKE EXECUTE ON FUNCTION sec.take_report_request(), sec.is_report_cancelled(uuid, uuid),
    sec.end_report_request(uuid, uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.take_report_request(), sec.is_report_cancelled(uuid, uuid),
    sec.end_report_request(uuid, uuid, text, text) TO stormplay_broker;
