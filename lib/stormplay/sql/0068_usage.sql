-- Usage: what a company had done, counted in the transaction that did it.
--
--   usage_events      one row a fact that is billed: what was measured, a key by which it counts once, how much, when
--   usage_hourly      the same by hour (UTC) and by day of the company's billing time zone
--   billing_accounts  in which time zone a company's month begins and ends
--
-- Triggers on the tables in which the work ends write usage_events. So what is billed is what was committed, no page, kernel
-- or analyst can add, change or leave out any of it, and what is done twice under one key is counted once.
--
--   reports            a run that ended fresh                                              key: the run
--   routed_stops       homes that come on a route of a storm for the first time            key: storm and transaction
--   scored_properties  homes whose uplift was written, storm by storm                      key: storm and transaction
--   active_users       a person who changed something in a month                           key: month and person
--   stream_events      events new in the ledger of a storm                                 key: storm and transaction
--   storage_bytes      rows and pictures, measured once a day                              key: day

SET LOCAL ROLE stormplay_owner;

CREATE TABLE billing_accounts (
    tenant_id uuid PRIMARY KEY REFERENCES tenants,
    time_zone text NOT NULL
);

-- No foreign key: the rows that it comes from have one, and the stream counts twenty times a second.
CREATE TABLE usage_events (
    tenant_id   uuid NOT NULL,
    meter       text COLLATE "C" NOT NULL CHECK (meter IN ('reports', 'routed_stops', 'scored_properties',
                                                           'active_users', 'stream_events', 'storage_bytes')),
    event_key   text COLLATE "C" NOT NULL CHECK (length(event_key) BETWEEN 1 AND 200),
    quantity    bigint NOT NULL CHECK (quantity >= 0),
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    detail      jsonb,
    PRIMARY KEY (tenant_id, meter, event_key)
);
CREATE INDEX usage_events_occurred ON usage_events (tenant_id, meter, occurred_at);

CREATE TABLE usage_hourly (
    tenant_id   uuid NOT NULL,
    meter       text COLLATE "C" NOT NULL,
    hour        timestamptz NOT NULL,  -- its beginning
    day         date NOT NULL,         -- in the billing time zone; where a day begins within an hour, the hour has two rows
    quantity    bigint NOT NULL CHECK (quantity >= 0),
    event_count bigint NOT NULL CHECK (event_count > 0),
    rolled_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, meter, hour, day)
);
CREATE INDEX usage_hourly_day ON usage_hourly (tenant_id, day);

RESET ROLE;

CALL sec.protect('billing_accounts', 'admin');
CALL sec.protect('usage_events', 'admin');
CALL sec.protect('usage_hourly', 'admin');

-- These books are not written down a second time where their own functions write them; any other hand is.
DO $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT g.tgrelid::regclass AS target, g.tgname, pg_get_triggerdef(g.oid) AS words FROM pg_trigger g
                 WHERE g.tgrelid IN ('usage_events'::regclass, 'usage_hourly'::regclass) AND g.tgname LIKE 'audit\_%' LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', made.tgname, made.target);
        EXECUTE replace(made.words, 'EXECUTE FUNCTION', $q$WHEN (pg_trigger_depth() = 0
            AND current_setting('app.usage_hand', true) IS DISTINCT FROM 'rollup') EXECUTE FUNCTION$q$);
    END LOOP;
END $$;

-- Every company has its account from its first row on, in the time zone that it is made with.
CREATE FUNCTION sec.time_zone_or_ours(zone text) RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM now() AT TIME ZONE zone;
    RETURN coalesce(zone, 'America/Chicago');
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN 'America/Chicago';
END $$;
CREATE FUNCTION sec.open_billing_account() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.billing_accounts (tenant_id, time_zone)
    SELECT n.tenant_id, sec.time_zone_or_ours(n.time_zone) FROM new_rows n ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER open_billing_account AFTER INSERT ON tenants REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sec.open_billing_account();
INSERT INTO billing_accounts (tenant_id, time_zone)
SELECT t.tenant_id, sec.time_zone_or_ours(t.time_zone) FROM tenants t;

SET LOCAL ROLE stormplay_sec;
-- Hours that have changed since they were last summed up. Only added to by who counts, with no key: so nobody who works
-- waits for somebody else. An hour stands here as often as something was counted in it.
CREATE TABLE sec.usage_pending (
    tenant_id uuid NOT NULL,
    meter     text COLLATE "C" NOT NULL,
    hour      timestamptz NOT NULL
);
CREATE INDEX usage_pending_tenant ON sec.usage_pending (tenant_id);

-- Homes that were on a route of a storm. By ids alone: ten thousand of them are written with a plan.
CREATE TABLE sec.routed_home (
    tenant_id   uuid NOT NULL,
    storm_id    uuid NOT NULL,
    property_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, storm_id, property_id)
);
RESET ROLE;

CREATE FUNCTION sec.usage_hour(moment timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT date_bin('1 hour'::interval, moment, '2000-01-01 00:00:00+00'::timestamptz);
END;

-- The meters. ---------------------------------------------------------------------------------------------------------
-- Each function runs as who migrates, since the policy asks for a login of a person and reports are noted without one.
-- It reads nothing but the rows that the statement has written, each of which its own policy has let through.

CREATE FUNCTION sec.meter_reports() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH kept AS (
        INSERT INTO public.usage_events (tenant_id, meter, event_key, quantity, occurred_at, detail)
        SELECT n.tenant_id, 'reports', n.run_id::text, 1, n.ended_at, jsonb_build_object('notebook', n.notebook)
          FROM new_rows n WHERE n.status = 'fresh'
        ON CONFLICT DO NOTHING RETURNING tenant_id, meter, sec.usage_hour(occurred_at) AS hour)
    INSERT INTO sec.usage_pending SELECT DISTINCT k.tenant_id, k.meter, k.hour FROM kept k;
    RETURN NULL;
END $$;
CREATE TRIGGER meter_insert AFTER INSERT ON report_runs REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sec.meter_reports();
CREATE TRIGGER meter_update AFTER UPDATE ON report_runs REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sec.meter_reports();

-- A plan is written in parts, and so is a scoring: those of one transaction are one event. The moment stands in the key
-- beside the number of the transaction, which begins anew in a restored database. A home counts once for a storm,
-- however often the storm is planned anew: so a plan that somebody makes again for want of an answer costs nothing.
-- (Nested loops would read the written rows once for each route.)
CREATE FUNCTION sec.meter_routed_stops() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
BEGIN
    WITH fresh AS (
        INSERT INTO sec.routed_home (tenant_id, storm_id, property_id)
        SELECT n.tenant_id, r.storm_id, n.property_id
          FROM (SELECT DISTINCT d.tenant_id, d.route_id FROM new_rows d) d
         CROSS JOIN LATERAL (SELECT x.storm_id FROM public.routes x
                              WHERE x.tenant_id = d.tenant_id AND x.route_id = d.route_id LIMIT 1) r
          JOIN new_rows n ON n.tenant_id = d.tenant_id AND n.route_id = d.route_id
        ON CONFLICT DO NOTHING RETURNING tenant_id, storm_id),
    kept AS (
        INSERT INTO public.usage_events AS e (tenant_id, meter, event_key, quantity, occurred_at)
        SELECT f.tenant_id, 'routed_stops', concat_ws(':', f.storm_id, extract(epoch FROM now()), pg_current_xact_id()),
               count(*), now()
          FROM fresh f GROUP BY f.tenant_id, f.storm_id
        ON CONFLICT (tenant_id, meter, event_key) DO UPDATE SET quantity = e.quantity + excluded.quantity
        RETURNING e.tenant_id, e.meter, sec.usage_hour(e.occurred_at) AS hour)
    INSERT INTO sec.usage_pending SELECT DISTINCT k.tenant_id, k.meter, k.hour FROM kept k;
    RETURN NULL;
END $$;
CREATE TRIGGER meter_insert AFTER INSERT ON route_properties REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sec.meter_routed_stops();

CREATE FUNCTION sec.meter_scored_properties() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH kept AS (
        INSERT INTO public.usage_events AS e (tenant_id, meter, event_key, quantity, occurred_at)
        SELECT n.tenant_id, 'scored_properties',
               concat_ws(':', coalesce(n.storm_id::text, 'none'), extract(epoch FROM now()), pg_current_xact_id()),
               count(*), now()
          FROM new_rows n GROUP BY n.tenant_id, n.storm_id
        ON CONFLICT (tenant_id, meter, event_key) DO UPDATE SET quantity = e.quantity + excluded.quantity
        RETURNING e.tenant_id, e.meter, sec.usage_hour(e.occurred_at) AS hour)
    INSERT INTO sec.usage_pending SELECT DISTINCT k.tenant_id, k.meter, k.hour FROM kept k;
    RETURN NULL;
END $$;
CREATE TRIGGER meter_insert AFTER INSERT ON lead_uplift REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sec.meter_scored_properties();
CREATE TRIGGER meter_update AFTER UPDATE ON lead_uplift REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sec.meter_scored_properties();

CREATE FUNCTION sec.meter_stream_events() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH kept AS (
        INSERT INTO public.usage_events AS e (tenant_id, meter, event_key, quantity, occurred_at)
        SELECT n.tenant_id, 'stream_events', concat_ws(':', n.storm_id, extract(epoch FROM now()), pg_current_xact_id()),
               count(*), now()
          FROM new_rows n GROUP BY n.tenant_id, n.storm_id
        ON CONFLICT (tenant_id, meter, event_key) DO UPDATE SET quantity = e.quantity + excluded.quantity
        RETURNING e.tenant_id, e.meter, sec.usage_hour(e.occurred_at) AS hour)
    INSERT INTO sec.usage_pending SELECT DISTINCT k.tenant_id, k.meter, k.hour FROM kept k;
    RETURN NULL;
END $$;
CREATE TRIGGER meter_insert AFTER INSERT ON stream_events REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sec.meter_stream_events();

-- Whoever changes something of a company stands in the audit log; from there a person is active in that month. Who only
-- reads is not, and neither is a service nor the administrator.
CREATE FUNCTION sec.meter_active_users() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who uuid;
    which text;
BEGIN
    SELECT p.person_id INTO who FROM sec.login l JOIN sec.person p ON p.person_id = l.person_id
     WHERE l.login = session_user AND NOT p.is_service;
    IF who IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT to_char(now() AT TIME ZONE a.time_zone, 'YYYY-MM') || ':' || who INTO which
      FROM public.billing_accounts a WHERE a.tenant_id = NEW.tenant_id;
    -- Asked first: as a rule it is there, and an insert would wait for whoever inserts the same.
    IF which IS NULL OR EXISTS (SELECT FROM public.usage_events e WHERE e.tenant_id = NEW.tenant_id
                                   AND e.meter = 'active_users' AND e.event_key = which) THEN
        RETURN NULL;
    END IF;
    WITH kept AS (
        INSERT INTO public.usage_events (tenant_id, meter, event_key, quantity, occurred_at)
        VALUES (NEW.tenant_id, 'active_users', which, 1, now())
        ON CONFLICT DO NOTHING RETURNING tenant_id, meter, sec.usage_hour(occurred_at) AS hour)
    INSERT INTO sec.usage_pending SELECT k.tenant_id, k.meter, k.hour FROM kept k;
    RETURN NULL;
END $$;
CREATE TRIGGER meter_person AFTER INSERT ON sec.audit_entry FOR EACH ROW EXECUTE FUNCTION sec.meter_active_users();

-- How much is kept for each company today: its rows as the database stores them, and its pictures. Once a day of its own
-- time zone; a company measured already is left alone. Our own books of usage are not the company's. Returns companies.
CREATE FUNCTION sec.measure_storage() RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET app.usage_hand = 'rollup' AS $$
DECLARE
    due uuid[];
    every_row text;
    n integer;
BEGIN
    SELECT array_agg(a.tenant_id) INTO due FROM public.billing_accounts a
     WHERE NOT EXISTS (SELECT FROM public.usage_events e WHERE e.tenant_id = a.tenant_id AND e.meter = 'storage_bytes'
                          AND e.event_key = to_char(now() AT TIME ZONE a.time_zone, 'YYYY-MM-DD'));
    IF due IS NULL THEN
        RETURN 0;
    END IF;
    SELECT string_agg(format('SELECT r.tenant_id, sum(pg_column_size(r.*))::bigint AS size FROM public.%I r
                               WHERE r.tenant_id = ANY ($1) GROUP BY 1', c.relname), ' UNION ALL ' ORDER BY c.relname)
      INTO every_row
      FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid AND t.attname = 'tenant_id'
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
       AND c.relname !~ '^(usage_|billing_|invoice|subscriptions$|slo_)';
    EXECUTE format($q$
        WITH kept_rows AS (SELECT k.tenant_id, sum(k.size)::bigint AS size FROM (%s) k GROUP BY 1),
        pictures AS (SELECT p.tenant_id, sum(p.size_bytes)::bigint AS size FROM public.job_photos p
                      WHERE p.tenant_id = ANY ($1) GROUP BY 1),
        kept AS (
            INSERT INTO public.usage_events (tenant_id, meter, event_key, quantity, occurred_at, detail)
            SELECT a.tenant_id, 'storage_bytes', to_char(now() AT TIME ZONE a.time_zone, 'YYYY-MM-DD'),
                   coalesce(r.size, 0) + coalesce(p.size, 0), now(),
                   jsonb_build_object('rows', coalesce(r.size, 0), 'pictures', coalesce(p.size, 0))
              FROM public.billing_accounts a LEFT JOIN kept_rows r USING (tenant_id) LEFT JOIN pictures p USING (tenant_id)
             WHERE a.tenant_id = ANY ($1)
            ON CONFLICT DO NOTHING RETURNING tenant_id, meter, sec.usage_hour(occurred_at) AS hour)
        INSERT INTO sec.usage_pending SELECT k.tenant_id, k.meter, k.hour FROM kept k$q$, every_row) USING due;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;

-- The rollup. ---------------------------------------------------------------------------------------------------------
-- Takes the hours that are pending and sums each up anew from its events: nothing is added to what was there, so done
-- twice it is the same, and where it is ended half-way all of it is still pending. One at a time: who summed up before
-- somebody else's event must not write after them. Returns how many hours.
CREATE FUNCTION sec.roll_up_usage() RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET app.usage_hand = 'rollup' AS $$
DECLARE
    tenants uuid[];
    meters text[];
    hours timestamptz[];
BEGIN
    PERFORM pg_advisory_xact_lock(68);
    WITH gone AS (DELETE FROM sec.usage_pending p RETURNING p.tenant_id, p.meter, p.hour),
    due AS (SELECT DISTINCT g.tenant_id, g.meter, g.hour FROM gone g)
    SELECT array_agg(d.tenant_id), array_agg(d.meter), array_agg(d.hour) INTO tenants, meters, hours FROM due d;
    DELETE FROM public.usage_hourly h USING unnest(tenants, meters, hours) AS d (tenant_id, meter, hour)
     WHERE h.tenant_id = d.tenant_id AND h.meter = d.meter AND h.hour = d.hour;
    INSERT INTO public.usage_hourly (tenant_id, meter, hour, day, quantity, event_count)
    SELECT d.tenant_id, d.meter, d.hour, s.day, s.quantity, s.event_count
      FROM unnest(tenants, meters, hours) AS d (tenant_id, meter, hour)
      JOIN public.billing_accounts a ON a.tenant_id = d.tenant_id
     CROSS JOIN LATERAL (
           SELECT (e.occurred_at AT TIME ZONE a.time_zone)::date AS day, sum(e.quantity)::bigint AS quantity,
                  count(*) AS event_count
             FROM public.usage_events e
            WHERE e.tenant_id = d.tenant_id AND e.meter = d.meter
              AND e.occurred_at >= d.hour AND e.occurred_at < d.hour + interval '1 hour' GROUP BY 1) s;
    RETURN coalesce(cardinality(hours), 0);
END $$;

-- What a company used, by day of its billing time zone, from a day to before another: summed up where it is, and from the
-- events themselves where it is not yet. So it is exact at every moment.
CREATE FUNCTION sec.usage_days(tenant uuid, first_day date, end_day date)
RETURNS TABLE (meter text, day date, quantity bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH pending AS MATERIALIZED (
        SELECT DISTINCT p.meter, p.hour FROM sec.usage_pending p WHERE p.tenant_id = tenant),
    found AS (
        SELECT h.meter, h.day, h.quantity FROM public.usage_hourly h
         WHERE h.tenant_id = tenant AND h.day >= first_day AND h.day < end_day
           AND (h.meter, h.hour) NOT IN (SELECT p.meter, p.hour FROM pending p)
        UNION ALL
        SELECT p.meter, s.day, s.quantity FROM pending p
          JOIN public.billing_accounts a ON a.tenant_id = tenant
         CROSS JOIN LATERAL (
               SELECT (e.occurred_at AT TIME ZONE a.time_zone)::date AS day, sum(e.quantity)::bigint AS quantity
                 FROM public.usage_events e
                WHERE e.tenant_id = tenant AND e.meter = p.meter
                  AND e.occurred_at >= p.hour AND e.occurred_at < p.hour + interval '1 hour' GROUP BY 1) s
         WHERE s.day >= first_day AND s.day < end_day)
    SELECT f.meter, f.day, sum(f.quantity)::bigint FROM found f GROUP BY 1, 2 ORDER BY 1, 2;
$$;

-- The same for the company of the session, for its members.
CREATE FUNCTION sec.my_usage(first_day date, end_day date) RETURNS TABLE (meter text, day date, quantity bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM sec.usage_days((SELECT sec.tenant()), first_day, end_day);
$$;

-- A fact from outside these tables, such as one that another system counted, for the administrator: under a key, once.
-- Whether it was new.
CREATE FUNCTION sec.record_usage(tenant uuid, of_meter text, key text, amount bigint, at timestamptz, about jsonb)
RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.usage_events (tenant_id, meter, event_key, quantity, occurred_at, detail)
    VALUES (tenant, of_meter, key, amount, at, about) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO sec.usage_pending VALUES (tenant, of_meter, sec.usage_hour(at));
    RETURN true;
END $$;

-- Put older events together, one an hour and day: what they sum up to stays, and with it all that was ever billed, also where
-- an event of that hour comes later still. Kept singly for 400 days at least, since an event that comes a second time is
-- known by its key. Returns how many rows are gone.
CREATE FUNCTION sec.retire_usage(older_than interval) RETURNS bigint LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET app.usage_hand = 'rollup' AS $$
DECLARE
    before CONSTANT timestamptz := sec.usage_hour(clock_timestamp() - older_than);
    n bigint;
BEGIN
    IF older_than IS NULL OR older_than < interval '400 days' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'single events of usage are kept for 400 days at least',
            HINT = 'An event that comes a second time is known by its key.';
    END IF;
    PERFORM pg_advisory_xact_lock(68);
    WITH gone AS (
        DELETE FROM public.usage_events e WHERE e.occurred_at < before AND e.event_key NOT LIKE 'sum:%'
        RETURNING e.tenant_id, e.meter, e.quantity, e.occurred_at, e.recorded_at),
    sums AS (
        INSERT INTO public.usage_events AS e (tenant_id, meter, event_key, quantity, occurred_at, recorded_at)
        SELECT g.tenant_id, g.meter,
               concat_ws(':', 'sum', extract(epoch FROM sec.usage_hour(g.occurred_at)),
                         (g.occurred_at AT TIME ZONE a.time_zone)::date),
               sum(g.quantity)::bigint, min(g.occurred_at), max(g.recorded_at)
          FROM gone g JOIN public.billing_accounts a ON a.tenant_id = g.tenant_id
         GROUP BY 1, 2, 3
        ON CONFLICT (tenant_id, meter, event_key) DO UPDATE SET quantity = e.quantity + excluded.quantity
        RETURNING 1)
    SELECT (SELECT count(*) FROM gone) - (SELECT count(*) FROM sums) INTO n;
    RETURN n;
END $$;

REVOKE EXECUTE ON FUNCTION sec.open_billing_account(), sec.time_zone_or_ours(text), sec.usage_hour(timestamptz), sec.meter_reports(),
    sec.meter_routed_stops(), sec.meter_scored_properties(), sec.meter_stream_events(), sec.meter_active_users(),
    sec.measure_storage(), sec.roll_up_usage(), sec.usage_days(uuid, date, date), sec.my_usage(date, date),
    sec.record_usage(uuid, text, text, bigint, timestamptz, jsonb), sec.retire_usage(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.measure_storage(), sec.roll_up_usage(), sec.retire_usage(interval) TO stormplay_broker;
GRANT EXECUTE ON FUNCTION sec.my_usage(date, date) TO stormplay_kernel;
