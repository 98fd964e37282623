-- The Storm Play Score: what it is made of, kept in the transaction that changed it, and each change with its cause.
--
-- Statements on five tables note which storms they touched; one deferred trigger recounts each of these at the commit,
-- once, under the lock of its row. Only what was touched is counted again, and from the rows themselves: a sum of
-- differences would drift where two people change a home's uplift and its decision at once, and neither sees the other.
-- For the same reason a change of uplift notes the homes, and which storms these are in is asked at the commit, under a
-- lock of the company that whoever changes decisions shares.
--
-- Nobody writes a score: kernels may read. The functions below run as the owner, who is under the policy, so a
-- transaction can only move the scores of companies in which its person may write. An administrator has no login of
-- the kind that the policy asks for; the same functions under the administrator's name serve that hand alone.

SET LOCAL ROLE stormplay_owner;

-- The formula, here and in stormplay.score.formula; a test holds them together. Each component is from 0 to 1.
CREATE FUNCTION score_share(part bigint, whole bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN whole > 0 THEN least(part::float8 / whole::float8, 1::float8) ELSE 0::float8 END;
END;
CREATE FUNCTION score_lift(converted bigint, known bigint, control_converted bigint, control_known bigint)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN known > 0 AND control_known > 0 AND control_converted > 0
        THEN greatest(0::float8, least(1::float8,
            (converted::float8 / known::float8 - control_converted::float8 / control_known::float8)
            / (control_converted::float8 / control_known::float8)))
        ELSE 0::float8 END;
END;
CREATE FUNCTION score_quality(issues bigint, checks bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN checks > 0 THEN greatest(1::float8 - issues::float8 / checks::float8, 0::float8)
                ELSE 0::float8 END;
END;
CREATE FUNCTION score_points(coverage double precision, completion double precision, lift double precision,
                             quality double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT least(100::float8, 100::float8 * (0.30::float8 * coverage + 0.25::float8 * completion
                                             + 0.25::float8 * lift + 0.20::float8 * quality));
END;

-- One row a storm. What can be worked out from the counts is worked out by the table: it can say nothing else.
CREATE TABLE storm_scores (
    tenant_id         uuid NOT NULL DEFAULT sec.tenant(),
    storm_id          uuid NOT NULL,
    decided           bigint NOT NULL DEFAULT 0 CHECK (decided >= 0),  -- homes with a decision
    treat             bigint NOT NULL DEFAULT 0 CHECK (treat >= 0),
    hold_out          bigint NOT NULL DEFAULT 0 CHECK (hold_out >= 0),
    high_uplift       bigint NOT NULL DEFAULT 0 CHECK (high_uplift >= 0),  -- of the decided, uplift above 0.15
    completed         bigint NOT NULL DEFAULT 0 CHECK (completed >= 0),
    total             bigint NOT NULL DEFAULT 0 CHECK (total >= completed),
    treat_known       bigint NOT NULL DEFAULT 0 CHECK (treat_known >= 0),
    treat_converted   bigint NOT NULL DEFAULT 0 CHECK (treat_converted BETWEEN 0 AND treat_known),
    control_known     bigint NOT NULL DEFAULT 0 CHECK (control_known >= 0),
    control_converted bigint NOT NULL DEFAULT 0 CHECK (control_converted BETWEEN 0 AND control_known),
    checks            bigint NOT NULL DEFAULT 0 CHECK (checks >= 0),
    issues            bigint NOT NULL DEFAULT 0 CHECK (issues >= 0),
    policy_coverage   double precision NOT NULL GENERATED ALWAYS AS (score_share(treat, high_uplift)) STORED,
    route_completion  double precision NOT NULL GENERATED ALWAYS AS (score_share(completed, total)) STORED,
    conversion_lift   double precision NOT NULL
        GENERATED ALWAYS AS (score_lift(treat_converted, treat_known, control_converted, control_known)) STORED,
    data_quality      double precision NOT NULL GENERATED ALWAYS AS (score_quality(issues, checks)) STORED,
    score             double precision NOT NULL GENERATED ALWAYS AS (score_points(
        score_share(treat, high_uplift), score_share(completed, total),
        score_lift(treat_converted, treat_known, control_converted, control_known),
        score_quality(issues, checks))) STORED,
    cause             text NOT NULL,  -- of its last change, in words
    source            text NOT NULL,  -- the same by tables: what the database saw, whatever the words say
    changed_by        text NOT NULL,
    changed_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    computed_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, storm_id),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms
);

-- Only added to. It points at the score and not at the storm: whoever plans holds the storm's row for seconds.
CREATE TABLE score_history (
    tenant_id        uuid NOT NULL DEFAULT sec.tenant(),
    change_id        uuid NOT NULL DEFAULT uuidv7(),
    storm_id         uuid NOT NULL,
    score            double precision NOT NULL,
    policy_coverage  double precision NOT NULL,
    route_completion double precision NOT NULL,
    conversion_lift  double precision NOT NULL,
    data_quality     double precision NOT NULL,
    counts           jsonb NOT NULL,
    cause            text NOT NULL,
    source           text NOT NULL,
    changed_by       text NOT NULL,
    changed_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, change_id),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storm_scores
);
CREATE INDEX score_history_storm ON score_history (tenant_id, storm_id, changed_at);

-- So that a recount reads indexes and no rows.
CREATE INDEX jobs_storm_completed ON jobs (tenant_id, storm_id) WHERE status = 'completed' OR completed_at IS NOT NULL;
CREATE INDEX lead_uplift_high ON lead_uplift (tenant_id, property_id) WHERE expected_uplift > 0.15;

RESET ROLE;

-- Which storms a transaction touched, until its commit. No kernel reaches it. A row never outlives its transaction, so
-- nothing is lost with it when the server falls.
SET LOCAL ROLE stormplay_sec;
CREATE UNLOGGED TABLE sec.score_pending (
    transaction_id xid8 NOT NULL,
    tenant_id      uuid NOT NULL,
    storm_id       uuid NOT NULL,  -- all zeros: those that decided on the homes
    table_name     name NOT NULL,
    act            text NOT NULL CHECK (act IN ('added', 'changed', 'removed')),
    sign           text NOT NULL,  -- what the rows count as now, or did
    row_count      bigint NOT NULL,
    homes          uuid[],         -- whose uplift changed; NULL: so many that it is asked of every storm
    PRIMARY KEY (transaction_id, tenant_id, storm_id, table_name, act, sign)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON sec.score_pending TO stormplay_owner;
GRANT EXECUTE ON FUNCTION sec.my_name() TO stormplay_owner;
RESET ROLE;
-- Kernels may hold no advisory lock, so these two mean what they mean here and nobody else can stand in the way.
GRANT EXECUTE ON FUNCTION pg_advisory_xact_lock(bigint), pg_advisory_xact_lock_shared(bigint) TO stormplay_owner;

SET LOCAL ROLE stormplay_owner;

-- Note the storms of which a statement changed something that counts. TG_ARGV: the columns by which a row is known, and
-- what it counts as (NULL: not at all).
CREATE FUNCTION note_storm_scores() RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    side CONSTANT text := 'SELECT r.tenant_id, ' || TG_ARGV[0] || ', ' || TG_ARGV[1] || ' AS sign FROM ';
    of_homes CONSTANT boolean := TG_TABLE_NAME = 'lead_uplift';
BEGIN
    EXECUTE format($q$
        WITH gone AS (%1$s), came AS (%2$s),
        differs AS (
            SELECT *, CASE WHEN gone.tenant_id IS NULL THEN 'added' WHEN came.tenant_id IS NULL THEN 'removed'
                           ELSE 'changed' END AS act, coalesce(came.sign, gone.sign) AS counts_as
              FROM gone FULL JOIN came USING (tenant_id, %3$s) WHERE gone.sign IS DISTINCT FROM came.sign)
        INSERT INTO sec.score_pending AS p
        SELECT pg_current_xact_id(), tenant_id, %4$s, %6$L, act, counts_as, count(*), %5$s FROM differs
         GROUP BY tenant_id, %4$s, act, counts_as
        ON CONFLICT (transaction_id, tenant_id, storm_id, table_name, act, sign)
        DO UPDATE SET row_count = p.row_count + excluded.row_count,
                      homes = CASE WHEN p.row_count + excluded.row_count <= 1000 THEN p.homes || excluded.homes END$q$,
        side || CASE TG_OP WHEN 'INSERT' THEN 'new_rows r WHERE false' ELSE 'old_rows r' END,
        side || CASE TG_OP WHEN 'DELETE' THEN 'old_rows r WHERE false' ELSE 'new_rows r' END,
        TG_ARGV[0],
        CASE WHEN of_homes THEN $q$'00000000-0000-0000-0000-000000000000'::uuid$q$ ELSE 'storm_id' END,
        CASE WHEN of_homes THEN 'CASE WHEN count(*) <= 1000 THEN array_agg(property_id) END' ELSE 'NULL::uuid[]' END,
        TG_TABLE_NAME);
    RETURN NULL;
END $$;

-- A noted change in words, for where nobody gave better ones.
CREATE FUNCTION score_cause(table_name text, act text, sign text, n bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE table_name
        WHEN 'storms' THEN 'Storm added'
        WHEN 'quality_runs' THEN 'Data quality checked'
        WHEN 'jobs' THEN n || CASE n WHEN 1 THEN ' job ' ELSE ' jobs ' END
            || CASE act WHEN 'added' THEN 'added' WHEN 'removed' THEN 'taken back'
                        ELSE CASE sign WHEN 'completed' THEN 'completed' ELSE 'open again' END END
        WHEN 'policy_outcomes' THEN n || CASE n WHEN 1 THEN ' home ' ELSE ' homes ' END
            || CASE act WHEN 'removed' THEN 'without an outcome'
                        ELSE CASE sign WHEN 'true' THEN 'signed' ELSE 'did not sign' END END
        WHEN 'policy_decisions_log' THEN n || CASE n WHEN 1 THEN ' home ' ELSE ' homes ' END
            || CASE act WHEN 'removed' THEN 'undecided again'
                        ELSE CASE sign WHEN 'treat' THEN 'to be treated' WHEN 'hold_out' THEN 'held out'
                                       ELSE 'skipped' END END
        WHEN 'lead_uplift' THEN 'Uplift of ' || n || CASE n WHEN 1 THEN ' home' ELSE ' homes' END || ' changed'
        ELSE n || ' rows of ' || table_name || ' ' || act END;
END;

-- Count again what was touched of a storm, under the lock of its score; all of it where `touched` is NULL or the storm
-- has no score yet. Whoever waits for the lock counts after it, with a fresh snapshot, and so sees the other's rows.
CREATE FUNCTION recount_storm_score(tenant uuid, storm uuid, touched text[], words text, source text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp
-- Fresh tables have no statistics and the policy hides their size: the planner would take a storm for one row.
SET enable_nestloop = off SET work_mem = '64MB' SET jit = off AS $$
DECLARE
    was storm_scores;
    s storm_scores;
    is_new boolean := false;
    who text := coalesce(sec.my_name(), 'administrator');
BEGIN
    SELECT * INTO was FROM storm_scores x WHERE x.tenant_id = tenant AND x.storm_id = storm FOR UPDATE;
    IF NOT FOUND THEN
        IF NOT EXISTS (SELECT FROM storms x WHERE x.tenant_id = tenant AND x.storm_id = storm) THEN
            RETURN;  -- gone with all that was counted
        END IF;
        INSERT INTO storm_scores (tenant_id, storm_id, cause, source, changed_by) VALUES (tenant, storm, words, source, who)
        ON CONFLICT DO NOTHING;
        SELECT * INTO was FROM storm_scores x WHERE x.tenant_id = tenant AND x.storm_id = storm FOR UPDATE;
        is_new := true;
    END IF;
    s := was;
    IF touched IS NULL OR is_new THEN
        touched := '{policy_decisions_log,lead_uplift,jobs,policy_outcomes,quality_runs}';
    END IF;
    IF touched && '{policy_decisions_log}' THEN
        SELECT count(*), count(*) FILTER (WHERE d.decision = 'treat'), count(*) FILTER (WHERE d.decision = 'hold_out')
          INTO s.decided, s.treat, s.hold_out
          FROM policy_decisions_log d WHERE d.tenant_id = tenant AND d.storm_id = storm;
    END IF;
    IF touched && '{policy_decisions_log,lead_uplift}' THEN
        SELECT count(*) INTO s.high_uplift FROM policy_decisions_log d
          JOIN lead_uplift u ON u.tenant_id = d.tenant_id AND u.property_id = d.property_id
         WHERE d.tenant_id = tenant AND d.storm_id = storm AND u.tenant_id = tenant AND u.expected_uplift > 0.15;
    END IF;
    IF touched && '{jobs}' THEN
        SELECT count(*) INTO s.total FROM jobs j WHERE j.tenant_id = tenant AND j.storm_id = storm;
        SELECT count(*) INTO s.completed FROM jobs j WHERE j.tenant_id = tenant AND j.storm_id = storm
           AND (j.status = 'completed' OR j.completed_at IS NOT NULL);
    END IF;
    IF touched && '{policy_decisions_log,policy_outcomes}' THEN
        SELECT count(*) FILTER (WHERE d.decision = 'treat'),
               count(*) FILTER (WHERE d.decision = 'treat' AND o.actual_converted),
               count(*) FILTER (WHERE d.decision = 'hold_out'),
               count(*) FILTER (WHERE d.decision = 'hold_out' AND o.actual_converted)
          INTO s.treat_known, s.treat_converted, s.control_known, s.control_converted
          FROM policy_outcomes o JOIN policy_decisions_log d
            ON d.tenant_id = o.tenant_id AND d.storm_id = o.storm_id AND d.property_id = o.property_id
         WHERE o.tenant_id = tenant AND o.storm_id = storm AND d.tenant_id = tenant AND d.storm_id = storm
           AND o.actual_converted IS NOT NULL;
    END IF;
    IF touched && '{quality_runs}' THEN
        SELECT coalesce(max(q.checks), 0), coalesce(max(q.issues), 0) INTO s.checks, s.issues
          FROM (SELECT r.checks, r.issues FROM quality_runs r WHERE r.tenant_id = tenant AND r.storm_id = storm
                 ORDER BY r.made_at DESC, r.run_id DESC LIMIT 1) q;
    END IF;
    UPDATE storm_scores x
       SET decided = s.decided, treat = s.treat, hold_out = s.hold_out, high_uplift = s.high_uplift, total = s.total,
           completed = s.completed, treat_known = s.treat_known, treat_converted = s.treat_converted,
           control_known = s.control_known, control_converted = s.control_converted, checks = s.checks,
           issues = s.issues, computed_at = clock_timestamp()
     WHERE x.tenant_id = tenant AND x.storm_id = storm RETURNING x.* INTO s;
    -- That something can be measured now is a change too, even where it is 0.
    IF NOT is_new AND (s.policy_coverage, s.route_completion, s.conversion_lift, s.data_quality, s.high_uplift > 0,
                       s.total > 0, s.treat_known > 0 AND s.control_converted > 0, s.checks > 0)
                    = (was.policy_coverage, was.route_completion, was.conversion_lift, was.data_quality,
                       was.high_uplift > 0, was.total > 0, was.treat_known > 0 AND was.control_converted > 0,
                       was.checks > 0) THEN
        RETURN;  -- counted anew, and the same
    END IF;
    words := left(coalesce(nullif(btrim(regexp_replace(current_setting('app.score_cause', true), '[[:cntrl:]]+', ' ',
                                                       'g')), ''), words), 300);
    UPDATE storm_scores x SET cause = words, source = recount_storm_score.source, changed_by = who,
           changed_at = x.computed_at WHERE x.tenant_id = tenant AND x.storm_id = storm;
    INSERT INTO score_history (tenant_id, storm_id, score, policy_coverage, route_completion, conversion_lift,
                               data_quality, counts, cause, source, changed_by, changed_at)
    VALUES (tenant, storm, s.score, s.policy_coverage, s.route_completion, s.conversion_lift, s.data_quality,
            jsonb_build_object('decided', s.decided, 'treat', s.treat, 'hold_out', s.hold_out, 'high_uplift',
                s.high_uplift, 'completed', s.completed, 'total', s.total, 'treat_known', s.treat_known,
                'treat_converted', s.treat_converted, 'control_known', s.control_known, 'control_converted',
                s.control_converted, 'issues', s.issues, 'checks', s.checks),
            words, source, who, s.computed_at);
END $$;

-- At the commit: each storm that this transaction touched, once, and in one order for everybody, so that two
-- transactions that touched the same storms never wait for each other. The tenant of the session is said anew for each:
-- it may have been changed since, which gives no right, but would make the recount look elsewhere.
CREATE FUNCTION score_at_commit() RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    chosen text := current_setting('app.tenant_id', true);
    company record;
    per record;
BEGIN
    FOR company IN
        SELECT p.tenant_id, array_agg(p.table_name::text) AS tables FROM sec.score_pending p
         WHERE p.transaction_id = pg_current_xact_id() GROUP BY 1 ORDER BY 1
    LOOP
        PERFORM set_config('app.tenant_id', company.tenant_id::text, true);
        IF 'lead_uplift' = ANY (company.tables) THEN
            PERFORM pg_advisory_xact_lock(hashtextextended(company.tenant_id::text, 36));
        ELSIF 'policy_decisions_log' = ANY (company.tables) THEN
            PERFORM pg_advisory_xact_lock_shared(hashtextextended(company.tenant_id::text, 36));
        END IF;
        FOR per IN
            WITH noted AS (
                DELETE FROM sec.score_pending p WHERE p.transaction_id = pg_current_xact_id()
                    AND p.tenant_id = company.tenant_id RETURNING p.*),
            of_homes AS (
                SELECT d.storm_id, n.act, n.sign, count(*) AS row_count FROM noted n
                  JOIN policy_decisions_log d ON d.tenant_id = company.tenant_id AND d.property_id = ANY (n.homes)
                 WHERE n.table_name = 'lead_uplift' AND n.homes IS NOT NULL GROUP BY 1, 2, 3),
            of_all AS (
                SELECT s.storm_id, n.act, n.sign, n.row_count FROM noted n
                  JOIN storms s ON s.tenant_id = company.tenant_id
                 WHERE n.table_name = 'lead_uplift' AND n.homes IS NULL
                   AND EXISTS (SELECT FROM policy_decisions_log d WHERE d.tenant_id = s.tenant_id
                                  AND d.storm_id = s.storm_id)),
            touched AS (
                SELECT n.storm_id, n.table_name::text, n.act, n.sign, n.row_count FROM noted n
                 WHERE n.table_name <> 'lead_uplift'
                UNION ALL SELECT storm_id, 'lead_uplift', act, sign, row_count FROM of_homes
                UNION ALL SELECT storm_id, 'lead_uplift', act, sign, row_count FROM of_all)
            SELECT t.storm_id, array_agg(DISTINCT t.table_name) AS tables,
                   string_agg(score_cause(t.table_name, t.act, t.sign, t.row_count), ', '
                              ORDER BY t.table_name <> 'storms', t.table_name, t.act, t.sign) AS words,
                   string_agg(format('%s %s: %s %s', t.table_name, t.act, t.row_count, t.sign), '; '
                              ORDER BY t.table_name, t.act, t.sign) AS source
              FROM touched t GROUP BY 1 ORDER BY 1
        LOOP
            PERFORM recount_storm_score(company.tenant_id, per.storm_id, per.tables, per.words, per.source);
        END LOOP;
    END LOOP;
    PERFORM set_config('app.tenant_id', coalesce(chosen, ''), true);
    RETURN NULL;
END $$;

RESET ROLE;

-- Before the triggers: what a score is of rows that are there already.
CALL sec.protect('storm_scores', 'operator');
CALL sec.protect('score_history', 'operator');
SELECT recount_storm_score(s.tenant_id, s.storm_id, NULL, 'The score begins', 'storms') FROM storms s;

-- The triggers, each twice: for logins of kernels as the owner, for all others (administrators) as who migrates.
DO $$
DECLARE
    f text;
    hand record;
    what record;
    op text;
BEGIN
    FOREACH f IN ARRAY '{note_storm_scores,score_at_commit}'::text[] LOOP
        EXECUTE replace(pg_get_functiondef(('public.' || f || '()')::regprocedure), 'public.' || f,
                        'public.' || f || '_for_administrator');
        EXECUTE format('REVOKE EXECUTE ON FUNCTION public.%I() FROM PUBLIC', f || '_for_administrator');
    END LOOP;
    FOR hand IN SELECT * FROM (VALUES ('', $q$session_user ~ '^k_[0-9a-f]{32}$'$q$),
                                      ('_for_administrator', $q$session_user !~ '^k_[0-9a-f]{32}$'$q$)) h (suffix, test) LOOP
        FOR what IN SELECT * FROM (VALUES
            ('storms', 'storm_id', $q$'storm'::text$q$),
            ('policy_decisions_log', 'storm_id, property_id', 'r.decision'),
            ('lead_uplift', 'property_id', $q$CASE WHEN r.expected_uplift > 0.15 THEN 'high' END$q$),
            ('jobs', 'storm_id, property_id',
             $q$CASE WHEN r.status = 'completed' OR r.completed_at IS NOT NULL THEN 'completed' ELSE 'open' END$q$),
            ('policy_outcomes', 'storm_id, property_id', 'r.actual_converted::text'),
            ('quality_runs', 'storm_id, run_id', $q$r.issues || ' of ' || r.checks$q$)
        ) w (table_name, keys, sign) LOOP
            FOREACH op IN ARRAY '{INSERT,UPDATE,DELETE}'::text[] LOOP
                EXECUTE format('CREATE TRIGGER score_%1$s%2$s AFTER %3$s ON %4$s REFERENCING %5$s
                                FOR EACH STATEMENT WHEN (%6$s) EXECUTE FUNCTION note_storm_scores%2$s(%7$L, %8$L)',
                    lower(op), hand.suffix, op, what.table_name,
                    CASE op WHEN 'INSERT' THEN 'NEW TABLE AS new_rows' WHEN 'DELETE' THEN 'OLD TABLE AS old_rows'
                            ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END,
                    hand.test, what.keys, what.sign);
            END LOOP;
        END LOOP;
        EXECUTE format('CREATE CONSTRAINT TRIGGER at_commit%1$s AFTER INSERT ON sec.score_pending
                        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (%2$s)
                        EXECUTE FUNCTION score_at_commit%1$s()', hand.suffix, hand.test);
    END LOOP;
END $$;
