-- The score of a storm whose events come in: counted at most twice a second and not at every batch.
--
-- A batch of a thousand events spends an eighth of its time on counting jobs and outcomes that the next batch counts
-- again. So the stream's own transactions leave what they touched in a table, logged like any other, and settle_scores()
-- counts it, company by company. Everybody else's score is never stale, as before. Whoever counts first tells the cause:
-- where a person's change is committed between a batch and its settling, the person's count has the batch's rows too.

SET LOCAL ROLE stormplay_sec;

-- No kernel reaches it. No foreign key: the entry of a company is locked by whoever takes it away.
CREATE TABLE sec.score_later (
    note_id    uuid NOT NULL DEFAULT uuidv7() PRIMARY KEY,  -- a sequence would be shown to everybody
    tenant_id  uuid NOT NULL,
    storm_id   uuid NOT NULL,
    table_name name NOT NULL,
    act        text NOT NULL,
    sign       text NOT NULL,
    row_count  bigint NOT NULL
);
CREATE INDEX score_later_company ON sec.score_later (tenant_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON sec.score_later TO stormplay_owner;

-- The companies with something to count that the caller works for. What is left of companies that are gone goes here.
CREATE FUNCTION sec.scores_due() RETURNS SETOF uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM sec.score_later l WHERE NOT EXISTS (SELECT FROM sec.tenant_entry t WHERE t.tenant_id = l.tenant_id);
    RETURN QUERY SELECT DISTINCT l.tenant_id FROM sec.score_later l
      JOIN sec.login_right r ON r.tenant_id = l.tenant_id AND r.login = session_user AND r.is_open
       AND r.expires_at > clock_timestamp() ORDER BY 1;
END $$;
REVOKE EXECUTE ON FUNCTION sec.scores_due() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.scores_due() TO stormplay_stream;

SET LOCAL ROLE stormplay_owner;

-- Count what the stream has touched of the company that this transaction chose; how many storms that were. Rows that
-- another settling holds are counted by it.
CREATE FUNCTION settle_scores() RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    company CONSTANT uuid := sec.tenant();
    per record;
    n integer := 0;
BEGIN
    FOR per IN
        WITH free AS MATERIALIZED (
            SELECT l.note_id FROM sec.score_later l WHERE l.tenant_id = company FOR UPDATE SKIP LOCKED),
        noted AS (DELETE FROM sec.score_later l USING free WHERE l.note_id = free.note_id RETURNING l.*),
        touched AS (
            SELECT x.storm_id, x.table_name::text, x.act, x.sign, sum(x.row_count)::bigint AS row_count FROM noted x
             GROUP BY 1, 2, 3, 4)
        SELECT t.storm_id, array_agg(DISTINCT t.table_name) AS tables,
               string_agg(score_cause(t.table_name, t.act, t.sign, t.row_count), ', '
                          ORDER BY t.table_name, t.act, t.sign) AS words,
               string_agg(format('%s %s: %s %s', t.table_name, t.act, t.row_count, t.sign), '; '
                          ORDER BY t.table_name, t.act, t.sign) AS source
          FROM touched t GROUP BY 1 ORDER BY 1
    LOOP
        PERFORM recount_storm_score(company, per.storm_id, per.tables, per.words, per.source);
        n := n + 1;
    END LOOP;
    RETURN n;
END $$;
REVOKE EXECUTE ON FUNCTION settle_scores() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION settle_scores() TO stormplay_stream;

-- The stream alone may leave its count for later: anybody else who says so is counted at once.
DO $$
DECLARE
    was text := pg_get_functiondef('public.score_at_commit()'::regprocedure);
    is_now text := replace(was, E'BEGIN\n    FOR company IN', $q$BEGIN
    IF current_setting('app.score_later', true) = 'on' AND pg_has_role(session_user, 'stormplay_stream', 'USAGE') THEN
        WITH noted AS (
            DELETE FROM sec.score_pending p WHERE p.transaction_id = pg_current_xact_id()
               AND p.table_name IN ('jobs', 'policy_outcomes') RETURNING p.*)
        INSERT INTO sec.score_later (tenant_id, storm_id, table_name, act, sign, row_count)
        SELECT n.tenant_id, n.storm_id, n.table_name, n.act, n.sign, n.row_count FROM noted n;
    END IF;
    FOR company IN$q$);
BEGIN
    IF is_now = was THEN
        RAISE 'score_at_commit() is not as it was';
    END IF;
    EXECUTE is_now;
END $$;

RESET ROLE;

-- An upsert fires the triggers of both its acts, and one of them has nothing to say as a rule: asked before the query is
-- put together, that costs nothing.
DO $$
DECLARE
    f text;
    was text;
    is_now text;
BEGIN
    FOREACH f IN ARRAY '{note_storm_scores,note_storm_scores_for_administrator}'::text[] LOOP
        was := pg_get_functiondef(('public.' || f || '()')::regprocedure);
        is_now := replace(was, E'BEGIN\n    EXECUTE', $q$BEGIN
    IF TG_OP = 'DELETE' THEN
        IF NOT EXISTS (SELECT FROM old_rows) THEN
            RETURN NULL;
        END IF;
    ELSIF NOT EXISTS (SELECT FROM new_rows) THEN
        RETURN NULL;
    END IF;
    EXECUTE$q$);
        IF is_now = was THEN
            RAISE '%() is not as it was', f;
        END IF;
        EXECUTE is_now;
    END LOOP;
END $$;
