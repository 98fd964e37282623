-- Changes told to the pages that show them: NOTIFY with ids alone; who hears one reads again under their own rights.
--
-- LISTEN can be refused to no login. So each company has a channel of its own whose name nobody can guess, handed to
-- its members alone (sec.live_channel), and another one as soon as somebody is thrown out: the old channel is told
-- once that it has ended, members ask for the new one, and who is a member no more hears nothing.
--
-- A payload is {"storm": id or null, "of": table}. Equal ones of one transaction are told once, after its commit.

SET LOCAL ROLE stormplay_sec;

-- Apart from sec.tenant_entry, whose row is locked by who takes a company away: that one goes on to the memberships,
-- and who ends a membership would come from there.
CREATE TABLE sec.live_channel (
    tenant_id uuid PRIMARY KEY REFERENCES sec.tenant_entry ON DELETE CASCADE,
    channel   text NOT NULL DEFAULT 'live_' || replace(gen_random_uuid()::text, '-', '')
);
INSERT INTO sec.live_channel (tenant_id) SELECT t.tenant_id FROM sec.tenant_entry t;

CREATE FUNCTION sec.open_channel() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO sec.live_channel (tenant_id) VALUES (NEW.tenant_id);
    RETURN NULL;
END $$;
CREATE TRIGGER open_channel AFTER INSERT ON sec.tenant_entry FOR EACH ROW EXECUTE FUNCTION sec.open_channel();

CREATE FUNCTION sec.live_channel() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT c.channel FROM sec.live_channel c WHERE c.tenant_id = (SELECT sec.tenant());
END;

-- Another channel for each company that somebody has left, in one order for everybody.
CREATE FUNCTION sec.change_channels() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    left_by uuid[];
    per record;
BEGIN
    IF TG_OP = 'DELETE' THEN
        SELECT array_agg(DISTINCT o.tenant_id) INTO left_by FROM old_rows o;
    ELSE
        SELECT array_agg(DISTINCT m.tenant_id) INTO left_by
          FROM old_rows o JOIN new_rows n ON n.person_id = o.person_id JOIN sec.membership m ON m.person_id = o.person_id
         WHERE o.disabled_at IS NULL AND n.disabled_at IS NOT NULL;
    END IF;
    FOR per IN SELECT c.tenant_id, c.channel FROM sec.live_channel c WHERE c.tenant_id = ANY (left_by)
                ORDER BY c.tenant_id FOR NO KEY UPDATE LOOP
        UPDATE sec.live_channel c SET channel = DEFAULT WHERE c.tenant_id = per.tenant_id;
        PERFORM pg_notify(per.channel, '{"storm": null, "of": "live_channel"}');
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER change_channels AFTER DELETE ON sec.membership REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sec.change_channels();
CREATE TRIGGER change_channels AFTER UPDATE ON sec.person REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sec.change_channels();

-- Tell which storms a statement has touched. A queue that somebody lets run full would refuse the commit, so where it
-- is half full, nothing is told: a page that does not move by itself is less harm than work that cannot be saved.
CREATE FUNCTION sec.announce_storms() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_notify(c.channel, format('{"storm": "%s", "of": "%s"}', t.storm_id, TG_TABLE_NAME))
           FROM (SELECT DISTINCT r.tenant_id, r.storm_id FROM touched r) t
           JOIN sec.live_channel c ON c.tenant_id = t.tenant_id;
    END IF;
    RETURN NULL;
END $$;

-- The same for a table that knows no storm.
CREATE FUNCTION sec.announce_companies() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_notify(c.channel, format('{"storm": null, "of": "%s"}', TG_TABLE_NAME))
           FROM (SELECT DISTINCT r.tenant_id FROM touched r) t
           JOIN sec.live_channel c ON c.tenant_id = t.tenant_id;
    END IF;
    RETURN NULL;
END $$;

RESET ROLE;

GRANT EXECUTE ON FUNCTION pg_catalog.pg_notify(text, text) TO stormplay_sec;
REVOKE EXECUTE ON FUNCTION sec.open_channel(), sec.live_channel(), sec.change_channels(), sec.announce_storms(),
    sec.announce_companies() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.live_channel() TO stormplay_kernel;

-- Have a table's changes told. A new table of which a page shows something calls this in its own migration.
CREATE PROCEDURE sec.announce(target regclass, by_storm boolean DEFAULT true) LANGUAGE plpgsql AS $$
DECLARE
    op text;
BEGIN
    FOREACH op IN ARRAY '{INSERT,UPDATE,DELETE}'::text[] LOOP
        EXECUTE format('CREATE TRIGGER announce_%s AFTER %s ON %s REFERENCING %s TABLE AS touched
                        FOR EACH STATEMENT EXECUTE FUNCTION sec.announce_%s()', lower(op), op, target,
                       CASE op WHEN 'DELETE' THEN 'OLD' ELSE 'NEW' END,
                       CASE WHEN by_storm THEN 'storms' ELSE 'companies' END);
    END LOOP;
END $$;
REVOKE EXECUTE ON PROCEDURE sec.announce(regclass, boolean) FROM PUBLIC;

CALL sec.announce('storms');
CALL sec.announce('storm_scores');
CALL sec.announce('property_impacts');
CALL sec.announce('policy_decisions_log');
CALL sec.announce('policy_outcomes');
CALL sec.announce('lead_uplift', by_storm => false);  -- a home's, whichever storms it was in
CALL sec.announce('routes');
CALL sec.announce('jobs');
CALL sec.announce('report_runs');
CALL sec.announce('report_requests');
CALL sec.announce('stream_events');
CALL sec.announce('stream_dead_letters');
CALL sec.announce('stream_positions');
