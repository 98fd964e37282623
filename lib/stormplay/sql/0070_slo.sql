-- Objectives of a company's services, what was measured, alerts, and who is told.
--
--   slo_objectives  what a company has promised itself instead of the defaults
--   slo_counts      good and all events of a service by minute; by hour once they are seven hours old
--   slo_alerts      one row a spell of trouble: cause, next action, opened, acknowledged, closed
--   slo_contacts    who is told, by webhook or mail; no kernel reads an address
--   slo_outbox      what is to be told, and what came of it
--
-- Who measures counts, through a function or a trigger that takes the company from the fact itself: a page from its
-- person's membership, a report and a plan from their own rows, the stream from the storms that it reads. A kernel can
-- say one thing alone, that a plan of its own company has failed. No name and no address is in a count.

SET LOCAL ROLE stormplay_owner;

CREATE TABLE slo_objectives (
    tenant_id uuid NOT NULL DEFAULT sec.tenant(),
    service   text NOT NULL CHECK (service IN ('page_time', 'route_generation', 'report_success', 'report_freshness',
                                               'data_freshness', 'stream_lag')),
    target    double precision NOT NULL CHECK (target BETWEEN 0.5 AND 0.9999),  -- share of good events
    threshold double precision CHECK (threshold > 0),  -- in the service's unit; NULL where it has none
    is_on     boolean NOT NULL DEFAULT true,
    set_by    text NOT NULL DEFAULT '',
    set_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, service)
);

CREATE TABLE slo_counts (
    tenant_id uuid NOT NULL DEFAULT sec.tenant(),
    service   text NOT NULL,
    bucket_at timestamptz NOT NULL,
    good      bigint NOT NULL CHECK (good >= 0),
    total     bigint NOT NULL CHECK (total >= good),
    PRIMARY KEY (tenant_id, service, bucket_at)
);

CREATE TABLE slo_alerts (
    tenant_id       uuid NOT NULL DEFAULT sec.tenant(),
    alert_id        uuid NOT NULL DEFAULT uuidv7(),
    service         text NOT NULL,
    severity        text NOT NULL CHECK (severity IN ('urgent', 'soon')),
    rule            text NOT NULL,       -- such as '14.4x over 1 h and 5 min'
    cause           text NOT NULL,       -- what was measured, in a sentence
    next_action     text NOT NULL,
    burn            double precision NOT NULL,  -- over the rule's long window, when it opened or became urgent
    bad             bigint NOT NULL,
    total           bigint NOT NULL,
    opened_at       timestamptz NOT NULL,
    quiet_since     timestamptz,         -- since when no rule holds
    closed_at       timestamptz CHECK (closed_at >= opened_at),
    acknowledged_at timestamptz,
    acknowledged_by text,
    PRIMARY KEY (tenant_id, alert_id)
);
CREATE UNIQUE INDEX slo_alerts_open ON slo_alerts (tenant_id, service) WHERE closed_at IS NULL;

CREATE TABLE slo_contacts (
    tenant_id  uuid NOT NULL DEFAULT sec.tenant(),
    contact_id uuid NOT NULL DEFAULT uuidv7(),
    channel    text NOT NULL CHECK (channel IN ('webhook', 'mail')),
    address    text NOT NULL CHECK (length(address) BETWEEN 3 AND 2000),
    shown      text NOT NULL DEFAULT '',  -- as much of it as everybody may know; a trigger's, as are the next two
    added_by   text NOT NULL DEFAULT '',
    added_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    removed_at timestamptz,
    PRIMARY KEY (tenant_id, contact_id)
);

CREATE TABLE slo_outbox (
    tenant_id   uuid NOT NULL DEFAULT sec.tenant(),
    message_id  uuid NOT NULL DEFAULT uuidv7(),
    alert_id    uuid NOT NULL,
    contact_id  uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('opened', 'urgent', 'closed')),
    status      text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'sent', 'kept aside')),
    attempts    integer NOT NULL DEFAULT 0,
    next_try_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    made_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at    timestamptz CHECK ((ended_at IS NULL) = (status = 'waiting')),
    said        text,                    -- what the other side answered last
    PRIMARY KEY (tenant_id, message_id),
    FOREIGN KEY (tenant_id, alert_id) REFERENCES slo_alerts,
    FOREIGN KEY (tenant_id, contact_id) REFERENCES slo_contacts
);
CREATE INDEX slo_outbox_waiting ON slo_outbox (tenant_id, next_try_at) WHERE status = 'waiting';

RESET ROLE;

CALL sec.protect('slo_objectives', 'admin');
CALL sec.protect('slo_counts', 'admin');
CALL sec.protect('slo_alerts', 'admin', 'operator');
CALL sec.protect('slo_contacts', 'admin');
CALL sec.protect('slo_outbox', 'admin');
GRANT INSERT (tenant_id, service, target, threshold, is_on) ON slo_objectives TO stormplay_kernel;
GRANT UPDATE (target, threshold, is_on) ON slo_objectives TO stormplay_kernel;
GRANT UPDATE (acknowledged_at) ON slo_alerts TO stormplay_kernel;
-- A webhook's address is a key to somebody's channel, and a mail's is a person's.
REVOKE SELECT ON slo_contacts FROM stormplay_kernel;
GRANT SELECT (tenant_id, contact_id, channel, shown, added_by, added_at, removed_at) ON slo_contacts TO stormplay_kernel;
GRANT INSERT (tenant_id, channel, address) ON slo_contacts TO stormplay_kernel;
GRANT UPDATE (removed_at) ON slo_contacts TO stormplay_kernel;
-- Counts are not written down a second time: a minute's count is what happened. Another hand on them is.
DO $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT g.tgname, pg_get_triggerdef(g.oid) AS words FROM pg_trigger g
                 WHERE g.tgrelid = 'slo_counts'::regclass AND g.tgname LIKE 'audit\_%' LOOP
        EXECUTE format('DROP TRIGGER %I ON slo_counts', made.tgname);
        EXECUTE replace(made.words, 'EXECUTE FUNCTION', 'WHEN (current_user = session_user) EXECUTE FUNCTION');
    END LOOP;
END $$;
CALL sec.announce('slo_alerts', by_storm => false);
CALL sec.announce('slo_objectives', by_storm => false);

-- Who set what, who acknowledged, who is told: from the login, whatever a statement says.
CREATE FUNCTION sec.sign_slo() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who text := coalesce(sec.my_name(), '');
BEGIN
    IF TG_TABLE_NAME = 'slo_objectives' THEN
        NEW.set_by := who;
        NEW.set_at := clock_timestamp();
    ELSIF TG_TABLE_NAME = 'slo_contacts' AND TG_OP = 'INSERT' THEN
        NEW.added_by := who;
        NEW.shown := CASE NEW.channel
            WHEN 'mail' THEN left(NEW.address, 1) || '...@' || split_part(NEW.address, '@', 2)
            ELSE coalesce(substring(NEW.address FROM '^[a-z]+://(?:[^/?#@]*@)?([^/?#@]+)'), 'a webhook') END;
    ELSIF TG_TABLE_NAME = 'slo_contacts' THEN
        NEW.removed_at := coalesce(OLD.removed_at, clock_timestamp());
    ELSIF NEW.acknowledged_at IS DISTINCT FROM OLD.acknowledged_at THEN
        IF OLD.acknowledged_at IS NOT NULL THEN
            RAISE insufficient_privilege USING MESSAGE = format('this alert is acknowledged already, by %s',
                                                                OLD.acknowledged_by);
        END IF;
        NEW.acknowledged_at := clock_timestamp();
        NEW.acknowledged_by := who;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER signed BEFORE INSERT OR UPDATE ON slo_objectives FOR EACH ROW EXECUTE FUNCTION sec.sign_slo();
CREATE TRIGGER signed BEFORE INSERT OR UPDATE ON slo_contacts FOR EACH ROW EXECUTE FUNCTION sec.sign_slo();
CREATE TRIGGER signed BEFORE UPDATE ON slo_alerts FOR EACH ROW EXECUTE FUNCTION sec.sign_slo();

SET LOCAL ROLE stormplay_sec;

-- The services and their defaults, as `stormplay.slo.objectives` has them (a test compares).
CREATE TABLE sec.slo_service (
    service   text PRIMARY KEY,
    target    double precision NOT NULL,
    threshold double precision
);
INSERT INTO sec.slo_service VALUES
    ('page_time', 0.99, 5), ('route_generation', 0.99, NULL), ('report_success', 0.99, NULL),
    ('report_freshness', 0.99, 26), ('data_freshness', 0.99, 15), ('stream_lag', 0.995, 10000);

-- Batches of counts that were taken, so that one which is handed over again counts once.
CREATE TABLE sec.slo_batch (
    batch_id uuid PRIMARY KEY,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- When who measures by looking has looked last.
CREATE TABLE sec.slo_beat (
    service text PRIMARY KEY,
    beat_at timestamptz NOT NULL
);

RESET ROLE;

-- ---- measuring

-- The threshold in force. NULL: the service has none, or the company has switched it off.
CREATE FUNCTION sec.slo_threshold(tenant uuid, wanted text) RETURNS double precision
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE WHEN coalesce(o.is_on, true) THEN coalesce(o.threshold, s.threshold) END
      FROM sec.slo_service s LEFT JOIN public.slo_objectives o ON o.tenant_id = tenant AND o.service = s.service
     WHERE s.service = wanted;
$$;

-- Add to a bucket. What comes late goes where the others of its time are.
CREATE FUNCTION sec.count_slo(tenant uuid, of_service text, at timestamptz, more_good bigint, more bigint) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    INSERT INTO public.slo_counts AS c (tenant_id, service, bucket_at, good, total)
    VALUES (tenant, of_service, date_trunc(
        CASE WHEN at < clock_timestamp() - interval '7 hours' THEN 'hour' ELSE 'minute' END, at, 'UTC'), more_good, more)
    ON CONFLICT (tenant_id, service, bucket_at) DO UPDATE
       SET good = c.good + excluded.good, total = c.total + excluded.total;
$$;

-- One look at a time, whoever looks again: what somebody saw that was bad stays bad.
CREATE FUNCTION sec.look_slo(tenant uuid, of_service text, at timestamptz, is_good boolean) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    INSERT INTO public.slo_counts AS c (tenant_id, service, bucket_at, good, total)
    VALUES (tenant, of_service, at, is_good::integer, 1)
    ON CONFLICT (tenant_id, service, bucket_at) DO UPDATE SET good = least(c.good, excluded.good)
     WHERE c.good > excluded.good AND c.total = 1;
$$;

-- Views of pages, by the server: [{person, tenant, at, seconds, outcome}], 'whole', 'failed' or 'left'. Who left before
-- the threshold was nobody whom we kept waiting. The company is one of the person's own: the
-- one that the page was asked for, or the only one. A batch counts once, however often it is handed over.
-- Returns how many were counted.
CREATE FUNCTION sec.count_pages(batch uuid, pages jsonb) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    one record;
    n integer := 0;
BEGIN
    DELETE FROM sec.slo_batch b WHERE b.taken_at < clock_timestamp() - interval '7 days';
    INSERT INTO sec.slo_batch (batch_id) VALUES (batch) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    FOR one IN
        WITH given AS (
            SELECT * FROM jsonb_to_recordset(pages)
                AS g (person text, tenant text, at timestamptz, seconds double precision, outcome text)
             WHERE g.at BETWEEN clock_timestamp() - interval '7 days' AND clock_timestamp() + interval '5 minutes'),
        theirs AS (
            SELECT g.*, (SELECT array_agg(t.tenant_id) FROM sec.person p
                           JOIN sec.membership m ON m.person_id = p.person_id
                           JOIN sec.tenant_entry t ON t.tenant_id = m.tenant_id
                          WHERE p.username = g.person AND (g.tenant IN ('', t.slug, t.tenant_id::text))) AS found
              FROM given g)
        SELECT f.found[1] AS tenant_id, date_trunc('minute', f.at) AS at, count(*) AS total,
               count(*) FILTER (WHERE f.outcome = 'whole' AND f.seconds <= t.most) AS good
          FROM theirs f CROSS JOIN LATERAL (SELECT sec.slo_threshold(f.found[1], 'page_time') AS most OFFSET 0) t
         WHERE cardinality(f.found) = 1 AND t.most IS NOT NULL AND (f.outcome <> 'left' OR f.seconds > t.most)
         GROUP BY 1, 2 ORDER BY 1, 2
    LOOP
        PERFORM sec.count_slo(one.tenant_id, 'page_time', one.at, one.good, one.total);
        n := n + one.total;
    END LOOP;
    RETURN n;
END $$;

-- A report that has ended; one that somebody stopped is neither good nor bad. In the transaction that ends it.
CREATE FUNCTION sec.count_report() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sec.count_slo(NEW.tenant_id, 'report_success', NEW.ended_at, (NEW.status = 'fresh')::integer, 1);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER slo_counted AFTER UPDATE ON report_runs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.status = 'running' AND NEW.status <> 'running'
          AND NOT (NEW.status = 'killed' AND coalesce(NEW.error, '') LIKE 'The report was stopped.%'))
    EXECUTE FUNCTION sec.count_report();

-- A plan that was made. Deferred, so that a company's count is held for an instant and not while a plan is stored.
CREATE FUNCTION sec.count_plan() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sec.count_slo(NEW.tenant_id, 'route_generation', clock_timestamp(), 1, 1);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER slo_counted AFTER INSERT ON routing_runs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION sec.count_plan();

-- A plan that was not, though nothing was wrong with what was asked: told by who tried, of the session's company.
CREATE FUNCTION sec.count_failed_plan() RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT sec.count_slo(sec.tenant_for('operator'), 'route_generation', clock_timestamp(), 0, 1);
$$;

-- How far the stream is behind, by the stream: events that wait, of each storm that it reads. One look a minute.
CREATE FUNCTION sec.look_at_stream(storms uuid[], waiting bigint[]) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one record;
    n integer := 0;
BEGIN
    INSERT INTO sec.slo_beat AS b VALUES ('stream_lag', clock_timestamp())
    ON CONFLICT (service) DO UPDATE SET beat_at = excluded.beat_at;
    FOR one IN
        SELECT s.tenant_id, sum(g.waiting) AS waiting, sec.slo_threshold(s.tenant_id, 'stream_lag') AS most
          FROM unnest(storms, waiting) AS g (storm_id, waiting) JOIN sec.storm_entry s ON s.storm_id = g.storm_id
         GROUP BY s.tenant_id ORDER BY s.tenant_id
    LOOP
        IF one.most IS NOT NULL THEN
            PERFORM sec.look_slo(one.tenant_id, 'stream_lag', date_trunc('minute', clock_timestamp()),
                                 one.waiting <= one.most);
            n := n + 1;
        END IF;
    END LOOP;
    RETURN n;
END $$;

-- What nobody does but is so: whether reports and beliefs are fresh (every five minutes), and whether a stream that has
-- not said goodbye is silent (every minute; its login is still there, and for three minutes it has looked at nothing).
--   a report counts where it was made on two days of the last 28 at least, for a storm that is not closed
--   beliefs count where the stream has brought something in the last week
CREATE FUNCTION sec.look_at_slo() RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    at CONSTANT timestamptz := clock_timestamp();
    five CONSTANT timestamptz := date_bin('5 minutes', at, timestamptz 'epoch');
    n integer := 0;
BEGIN
    SELECT count(sec.look_slo(x.tenant_id, 'report_freshness', five, x.is_good)) INTO n FROM (
        SELECT f.tenant_id, bool_and(f.last_good >= at - t.hours * interval '1 hour') AS is_good
          FROM (SELECT r.tenant_id, max(r.ended_at) AS last_good FROM public.report_runs r
                  JOIN public.storms s ON s.tenant_id = r.tenant_id AND s.storm_id = r.storm_id
                 WHERE r.status = 'fresh' AND r.started_at > at - interval '28 days' AND s.status <> 'closed'
                 GROUP BY r.tenant_id, r.storm_id, r.notebook, r.destination
                HAVING count(DISTINCT date_trunc('day', r.started_at, 'UTC')) >= 2) f
         CROSS JOIN LATERAL (SELECT sec.slo_threshold(f.tenant_id, 'report_freshness') AS hours OFFSET 0) t
         WHERE t.hours IS NOT NULL
         GROUP BY f.tenant_id ORDER BY f.tenant_id) x;
    n := n + (SELECT count(sec.look_slo(x.tenant_id, 'data_freshness', five, x.is_good)) FROM (
        SELECT p.tenant_id, bool_and(NOT EXISTS (
                   SELECT FROM public.stream_events e
                    WHERE e.tenant_id = p.tenant_id AND e.storm_id = p.storm_id
                      AND e.transaction_id >= coalesce(r.done_until, '0'::xid8)
                      AND e.event_type = 'property_impacted' AND NOT e.is_superseded
                      AND e.applied_at < at - t.minutes * interval '1 minute')) AS is_good
          FROM (SELECT DISTINCT q.tenant_id, q.storm_id FROM public.stream_positions q
                 WHERE q.told_at > at - interval '7 days') p
          LEFT JOIN public.stream_rescores r ON r.tenant_id = p.tenant_id AND r.storm_id = p.storm_id
         CROSS JOIN LATERAL (SELECT sec.slo_threshold(p.tenant_id, 'data_freshness') AS minutes OFFSET 0) t
         WHERE t.minutes IS NOT NULL
         GROUP BY p.tenant_id ORDER BY p.tenant_id) x);
    IF EXISTS (SELECT FROM sec.slo_beat b WHERE b.service = 'stream_lag' AND b.beat_at < at - interval '3 minutes')
       AND EXISTS (SELECT FROM sec.login l WHERE l.purpose = 'service stream'
                      AND l.opened_at < at - interval '3 minutes' AND l.expires_at > at) THEN
        n := n + (SELECT count(sec.look_slo(x.tenant_id, 'stream_lag', date_trunc('minute', at), false)) FROM (
            SELECT DISTINCT c.tenant_id FROM public.slo_counts c
             WHERE c.service = 'stream_lag' AND c.bucket_at > at - interval '1 day' ORDER BY 1) x
             WHERE sec.slo_threshold(x.tenant_id, 'stream_lag') IS NOT NULL);
    END IF;
    RETURN n;
END $$;

-- ---- judging: the numbers for who judges, and what came of it

-- Of each company and service what was counted in the last 5 min, 30 min, 1 h, 6 h, 3 days and 28 days, with the
-- objective in force and how severe the open alert is. Numbers alone. NULL: as of now.
CREATE FUNCTION sec.slo_windows(as_of timestamptz)
RETURNS TABLE (tenant_id uuid, service text, target double precision, threshold double precision, is_on boolean,
               good bigint[], total bigint[], open_severity text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH moment AS (SELECT coalesce(as_of, clock_timestamp()) AS at),
    counted AS (
        SELECT k.tenant_id, k.service,
               ARRAY[coalesce(sum(k.good) FILTER (WHERE k.bucket_at > m.at - interval '5 min'), 0),
                     coalesce(sum(k.good) FILTER (WHERE k.bucket_at > m.at - interval '30 min'), 0),
                     coalesce(sum(k.good) FILTER (WHERE k.bucket_at > m.at - interval '1 hour'), 0),
                     coalesce(sum(k.good) FILTER (WHERE k.bucket_at > m.at - interval '6 hours'), 0),
                     coalesce(sum(k.good) FILTER (WHERE k.bucket_at > m.at - interval '3 days'), 0),
                     coalesce(sum(k.good), 0)]::bigint[] AS good,
               ARRAY[coalesce(sum(k.total) FILTER (WHERE k.bucket_at > m.at - interval '5 min'), 0),
                     coalesce(sum(k.total) FILTER (WHERE k.bucket_at > m.at - interval '30 min'), 0),
                     coalesce(sum(k.total) FILTER (WHERE k.bucket_at > m.at - interval '1 hour'), 0),
                     coalesce(sum(k.total) FILTER (WHERE k.bucket_at > m.at - interval '6 hours'), 0),
                     coalesce(sum(k.total) FILTER (WHERE k.bucket_at > m.at - interval '3 days'), 0),
                     coalesce(sum(k.total), 0)]::bigint[] AS total
          FROM moment m JOIN public.slo_counts k ON k.bucket_at > m.at - interval '28 days' AND k.bucket_at <= m.at
         GROUP BY k.tenant_id, k.service)
    SELECT coalesce(c.tenant_id, a.tenant_id), s.service, coalesce(o.target, s.target),
           coalesce(o.threshold, s.threshold), coalesce(o.is_on, true),
           coalesce(c.good, '{0,0,0,0,0,0}'), coalesce(c.total, '{0,0,0,0,0,0}'), a.severity
      FROM counted c
      FULL JOIN (SELECT x.tenant_id, x.service, x.severity FROM public.slo_alerts x WHERE x.closed_at IS NULL) a
           ON a.tenant_id = c.tenant_id AND a.service = c.service
      JOIN sec.slo_service s ON s.service = coalesce(c.service, a.service)
      LEFT JOIN public.slo_objectives o ON o.tenant_id = coalesce(c.tenant_id, a.tenant_id) AND o.service = s.service
     ORDER BY 1, 2;
$$;

-- A message to each contact of the company.
CREATE FUNCTION sec.tell_contacts(tenant uuid, alert uuid, of_kind text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    INSERT INTO public.slo_outbox (tenant_id, alert_id, contact_id, kind)
    SELECT tenant, alert, c.contact_id, of_kind FROM public.slo_contacts c
     WHERE c.tenant_id = tenant AND c.removed_at IS NULL ORDER BY c.contact_id;
$$;

-- A rule holds. Returns what that changed: 'opened', 'urgent' (it was less so), or '' (it is known).
CREATE FUNCTION sec.open_slo_alert(tenant uuid, of_service text, how_severe text, by_rule text, why text, to_do text,
                                   how_fast double precision, of_bad bigint, of_total bigint, as_of timestamptz)
RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    at CONSTANT timestamptz := coalesce(as_of, clock_timestamp());
    known public.slo_alerts;
    made uuid;
BEGIN
    INSERT INTO public.slo_alerts (tenant_id, service, severity, rule, cause, next_action, burn, bad, total, opened_at)
    VALUES (tenant, of_service, how_severe, by_rule, why, to_do, how_fast, of_bad, of_total, at)
    ON CONFLICT (tenant_id, service) WHERE closed_at IS NULL DO NOTHING RETURNING alert_id INTO made;
    IF made IS NOT NULL THEN
        PERFORM sec.tell_contacts(tenant, made, 'opened');
        RETURN 'opened';
    END IF;
    SELECT * INTO known FROM public.slo_alerts a
     WHERE a.tenant_id = tenant AND a.service = of_service AND a.closed_at IS NULL FOR UPDATE;
    IF known.severity = 'soon' AND how_severe = 'urgent' THEN
        UPDATE public.slo_alerts a SET severity = how_severe, rule = by_rule, cause = why, next_action = to_do,
               burn = how_fast, bad = of_bad, total = of_total, quiet_since = NULL
         WHERE a.tenant_id = tenant AND a.alert_id = known.alert_id;
        PERFORM sec.tell_contacts(tenant, known.alert_id, 'urgent');
        RETURN 'urgent';
    END IF;
    UPDATE public.slo_alerts a SET quiet_since = NULL
     WHERE a.tenant_id = tenant AND a.alert_id = known.alert_id AND a.quiet_since IS NOT NULL;
    RETURN '';
END $$;

-- No rule holds: an open alert is closed after half an hour of that, one that is not urgent after six hours, so that one
-- spell of trouble is one alert.
-- Returns whether it was closed now.
CREATE FUNCTION sec.quiet_slo_alert(tenant uuid, of_service text, as_of timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    at CONSTANT timestamptz := coalesce(as_of, clock_timestamp());
    known public.slo_alerts;
BEGIN
    SELECT * INTO known FROM public.slo_alerts a
     WHERE a.tenant_id = tenant AND a.service = of_service AND a.closed_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF known.quiet_since IS NULL THEN
        UPDATE public.slo_alerts a SET quiet_since = at WHERE a.tenant_id = tenant AND a.alert_id = known.alert_id;
        RETURN false;
    END IF;
    IF known.quiet_since > at - (CASE known.severity WHEN 'urgent' THEN interval '30 min' ELSE interval '6 hours' END) THEN
        RETURN false;
    END IF;
    UPDATE public.slo_alerts a SET closed_at = at WHERE a.tenant_id = tenant AND a.alert_id = known.alert_id;
    PERFORM sec.tell_contacts(tenant, known.alert_id, 'closed');
    RETURN true;
END $$;

-- ---- telling

-- The oldest messages that are due, for who delivers; held for two minutes, so that another one does not deliver them
-- too, and theirs again where who took them has not said what came of it.
CREATE FUNCTION sec.take_slo_messages(at_most integer)
RETURNS TABLE (tenant_id uuid, message_id uuid, attempts integer, kind text, channel text, address text, company text,
               alert_id uuid, service text, severity text, rule text, cause text, next_action text,
               opened_at timestamptz, closed_at timestamptz, made_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH due AS MATERIALIZED (
            SELECT m.tenant_id, m.message_id FROM public.slo_outbox m
             WHERE m.status = 'waiting' AND m.next_try_at <= clock_timestamp()
             ORDER BY m.next_try_at LIMIT at_most FOR UPDATE SKIP LOCKED),
        taken AS (
            UPDATE public.slo_outbox m SET attempts = m.attempts + 1, next_try_at = clock_timestamp() + interval '2 minutes'
              FROM due d WHERE m.tenant_id = d.tenant_id AND m.message_id = d.message_id RETURNING m.*)
        SELECT t.tenant_id, t.message_id, t.attempts, t.kind, c.channel, c.address, e.org_name, a.alert_id, a.service,
               a.severity, a.rule, a.cause, a.next_action, a.opened_at, a.closed_at, t.made_at
          FROM taken t
          JOIN public.slo_contacts c ON c.tenant_id = t.tenant_id AND c.contact_id = t.contact_id
          JOIN public.slo_alerts a ON a.tenant_id = t.tenant_id AND a.alert_id = t.alert_id
          JOIN sec.tenant_entry e ON e.tenant_id = t.tenant_id
         ORDER BY t.made_at, t.message_id;
END $$;

-- What came of a message: 'sent', 'kept aside', or 'waiting' for another try in so long.
CREATE FUNCTION sec.end_slo_message(tenant uuid, message uuid, how text, words text, again_in interval) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE public.slo_outbox m
       SET status = how, said = left(words, 500),
           next_try_at = CASE how WHEN 'waiting' THEN clock_timestamp() + again_in ELSE m.next_try_at END,
           ended_at = CASE WHEN how <> 'waiting' THEN clock_timestamp() END
     WHERE m.tenant_id = tenant AND m.message_id = message AND m.status = 'waiting';
    RETURN FOUND;
END $$;

-- ---- keeping

-- Minutes that are older than the longest window that asks for minutes become hours. Returns how many rows went.
CREATE FUNCTION sec.fold_slo() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    before CONSTANT timestamptz := date_trunc('hour', clock_timestamp() - interval '7 hours', 'UTC');
    n bigint;
BEGIN
    WITH gone AS (
        DELETE FROM public.slo_counts c
         WHERE c.bucket_at < before AND c.bucket_at <> date_trunc('hour', c.bucket_at, 'UTC') RETURNING c.*),
    hours AS (
        INSERT INTO public.slo_counts AS c (tenant_id, service, bucket_at, good, total)
        SELECT g.tenant_id, g.service, date_trunc('hour', g.bucket_at, 'UTC'), sum(g.good), sum(g.total)
          FROM gone g GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (tenant_id, service, bucket_at) DO UPDATE
           SET good = c.good + excluded.good, total = c.total + excluded.total)
    SELECT count(*) INTO n FROM gone;
    RETURN n;
END $$;

-- Forget counts, closed alerts and their messages that are older. Returns how many rows.
CREATE FUNCTION sec.retire_slo(older_than interval) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    before CONSTANT timestamptz := clock_timestamp() - older_than;
    gone bigint;
    n bigint := 0;
BEGIN
    IF older_than IS NULL OR older_than < interval '29 days' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'counts are kept for 29 days at least',
            HINT = 'A budget looks back over 28.';
    END IF;
    DELETE FROM public.slo_counts c WHERE c.bucket_at < before;
    GET DIAGNOSTICS n = ROW_COUNT;
    DELETE FROM public.slo_outbox m USING public.slo_alerts a
     WHERE a.tenant_id = m.tenant_id AND a.alert_id = m.alert_id AND a.closed_at < before;
    GET DIAGNOSTICS gone = ROW_COUNT;
    n := n + gone;
    DELETE FROM public.slo_alerts a WHERE a.closed_at < before;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN n + gone;
END $$;

REVOKE EXECUTE ON FUNCTION sec.sign_slo(), sec.slo_threshold(uuid, text),
    sec.count_slo(uuid, text, timestamptz, bigint, bigint), sec.look_slo(uuid, text, timestamptz, boolean),
    sec.count_pages(uuid, jsonb), sec.count_report(), sec.count_plan(), sec.count_failed_plan(),
    sec.look_at_stream(uuid[], bigint[]), sec.look_at_slo(), sec.slo_windows(timestamptz),
    sec.tell_contacts(uuid, uuid, text), sec.quiet_slo_alert(uuid, text, timestamptz),
    sec.open_slo_alert(uuid, text, text, text, text, text, double precision, bigint, bigint, timestamptz),
    sec.take_slo_messages(integer), sec.end_slo_message(uuid, uuid, text, text, interval), sec.fold_slo(),
    sec.retire_slo(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.count_failed_plan() TO stormplay_kernel;
GRANT EXECUTE ON FUNCTION sec.look_at_stream(uuid[], bigint[]) TO stormplay_stream;
GRANT EXECUTE ON FUNCTION sec.count_pages(uuid, jsonb), sec.look_at_slo(), sec.slo_windows(timestamptz),
    sec.quiet_slo_alert(uuid, text, timestamptz),
    sec.open_slo_alert(uuid, text, text, text, text, text, double precision, bigint, bigint, timestamptz),
    sec.take_slo_messages(integer), sec.end_slo_message(uuid, uuid, text, text, interval), sec.fold_slo(),
    sec.retire_slo(interval) TO stormplay_broker;
