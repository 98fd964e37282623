-- The two arms of a storm, kept apart by the database: who is held out is on no route, job or contact, and nobody
-- changes the arm. Whichever way a row comes: the product, a statement typed in a notebook, an administrator's import.
--
-- Two at once. Whoever adds a job, stop or contact holds the storm's row for KEY SHARE (a foreign key does so anyway)
-- and then looks for a hold-out; whoever holds out takes the row FOR UPDATE and then looks for a job, stop or contact.
-- The two locks exclude each other, and each looks after it has its own, with a fresh snapshot: so one sees the other.
--
--   SP001  a home of the control group would be visited or contacted
--   SP002  an arm would be changed
--   SP003  eligible = treated + held out + skipped would not hold (0033)

SET LOCAL ROLE stormplay_owner;

-- Every way in which a home is worked on for a storm, and whether it has begun. A contact without a storm counts for
-- every open one while it is to come.
CREATE VIEW storm_work WITH (security_invoker = true) AS
SELECT j.tenant_id, j.storm_id, j.property_id, 'job' AS what,
       j.status <> 'scheduled' OR j.completed_at IS NOT NULL AS has_begun
  FROM jobs j
UNION ALL
SELECT r.tenant_id, r.storm_id, s.property_id, 'route',
       r.status <> 'planned' OR EXISTS (SELECT FROM jobs j WHERE j.tenant_id = r.tenant_id AND j.route_id = r.route_id
                                           AND (j.status <> 'scheduled' OR j.completed_at IS NOT NULL))
  FROM routes r JOIN route_properties s ON s.tenant_id = r.tenant_id AND s.route_id = r.route_id
UNION ALL
SELECT n.tenant_id, n.storm_id, n.property_id, 'nurture sequence', n.status = 'done'
  FROM nurture_sequences n WHERE n.storm_id IS NOT NULL
UNION ALL
SELECT n.tenant_id, s.storm_id, n.property_id, 'nurture sequence', false
  FROM nurture_sequences n JOIN storms s ON s.tenant_id = n.tenant_id AND s.status <> 'closed'
 WHERE n.storm_id IS NULL AND n.status IN ('scheduled', 'due', 'paused')
UNION ALL
SELECT b.tenant_id, b.storm_id, b.property_id, 'contact', b.handed_at IS NOT NULL FROM nurture_outbox b;

-- A login that changes the tenant in the middle of a statement would have its rows checked against another's; and a
-- snapshot from before the lock would not see what was committed meanwhile.
CREATE FUNCTION be_sure_of_tenant(of_rows uuid[]) RETURNS void LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE insufficient_privilege USING MESSAGE = 'a transaction here is READ COMMITTED',
            HINT = 'Another kind would not see who was held out meanwhile.';
    END IF;
    IF row_security_active('storms') AND of_rows <> ARRAY[sec.tenant()] THEN
        RAISE insufficient_privilege USING MESSAGE = 'a statement writes in the one tenant that it began with';
    END IF;
END $$;

-- On tables that a home can be worked on by. Statement: what was added. Row: whose keys were changed.
CREATE FUNCTION keep_controls_out() RETURNS trigger LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    source text := CASE TG_TABLE_NAME || ' ' || TG_LEVEL
        WHEN 'route_properties STATEMENT' THEN 'SELECT x.tenant_id, r.storm_id, x.property_id FROM new_rows x
            JOIN routes r ON r.tenant_id = x.tenant_id AND r.route_id = x.route_id'
        WHEN 'route_properties ROW' THEN 'SELECT r.tenant_id, r.storm_id, ($1).property_id FROM routes r
            WHERE r.tenant_id = ($1).tenant_id AND r.route_id = ($1).route_id'
        WHEN 'routes ROW' THEN 'SELECT x.tenant_id, ($1).storm_id, x.property_id FROM route_properties x
            WHERE x.tenant_id = ($1).tenant_id AND x.route_id = ($1).route_id'
        ELSE CASE TG_LEVEL WHEN 'ROW' THEN 'SELECT ($1).tenant_id, ($1).storm_id, ($1).property_id'
                           ELSE 'SELECT tenant_id, storm_id, property_id FROM new_rows' END END;
    tenants uuid[];
    found_one record;
BEGIN
    EXECUTE format('SELECT array_agg(DISTINCT tenant_id) FROM (%s) x', source) INTO tenants USING NEW;
    IF tenants IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM be_sure_of_tenant(tenants);
    EXECUTE format('SELECT FROM storms s WHERE EXISTS (SELECT FROM (%s) x WHERE x.tenant_id = s.tenant_id
                       AND (x.storm_id = s.storm_id OR x.storm_id IS NULL AND s.status <> ''closed''))
                     ORDER BY s.tenant_id, s.storm_id FOR KEY SHARE', source) USING NEW;
    EXECUTE format('SELECT d.property_id, s.name FROM (%s) x
                      JOIN policy_decisions_log d ON d.tenant_id = x.tenant_id AND d.property_id = x.property_id
                       AND d.decision = ''hold_out''
                      JOIN storms s ON s.tenant_id = d.tenant_id AND s.storm_id = d.storm_id
                     WHERE x.storm_id = d.storm_id OR x.storm_id IS NULL AND s.status <> ''closed''
                     ORDER BY 1 LIMIT 1', source) INTO found_one USING NEW;
    IF found_one.property_id IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SP001', MESSAGE = format(
            'this home is in the control group of the storm ''%s'': %s', found_one.name, found_one.property_id),
            HINT = 'It is not visited and not contacted, so that we know what visits are worth.';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER controls_insert AFTER INSERT ON jobs REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION keep_controls_out();
CREATE TRIGGER controls_insert AFTER INSERT ON route_properties REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION keep_controls_out();
CREATE TRIGGER controls_insert AFTER INSERT ON nurture_sequences REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION keep_controls_out();
CREATE TRIGGER controls_insert AFTER INSERT ON nurture_outbox REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION keep_controls_out();
-- Keys are changed by an administrator alone; a status is changed all day and asks nothing here.
CREATE TRIGGER controls_update AFTER UPDATE OF tenant_id, storm_id, property_id ON jobs
    FOR EACH ROW EXECUTE FUNCTION keep_controls_out();
CREATE TRIGGER controls_update AFTER UPDATE OF tenant_id, route_id, property_id ON route_properties
    FOR EACH ROW EXECUTE FUNCTION keep_controls_out();
CREATE TRIGGER controls_update AFTER UPDATE OF tenant_id, storm_id, property_id ON nurture_sequences
    FOR EACH ROW EXECUTE FUNCTION keep_controls_out();
CREATE TRIGGER controls_update AFTER UPDATE OF tenant_id, storm_id, property_id ON nurture_outbox
    FOR EACH ROW EXECUTE FUNCTION keep_controls_out();
CREATE TRIGGER controls_update AFTER UPDATE OF tenant_id, storm_id ON routes
    FOR EACH ROW EXECUTE FUNCTION keep_controls_out();

-- The other way round, and the arms: what a decision may become.
CREATE FUNCTION keep_arms() RETURNS trigger LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    -- Decisions that are new or different, with what they were before; another home or storm is a new one.
    moved CONSTANT text := CASE TG_OP
        WHEN 'INSERT' THEN 'SELECT n.*, NULL::text AS before FROM new_rows n WHERE n.decision = ''hold_out'''
        ELSE 'SELECT n.*, CASE WHEN (o.storm_id, o.property_id) = (n.storm_id, n.property_id) THEN o.decision END AS before
                FROM new_rows n LEFT JOIN old_rows o ON o.tenant_id = n.tenant_id AND o.decision_id = n.decision_id
               WHERE (o.storm_id, o.property_id, o.decision) IS DISTINCT FROM (n.storm_id, n.property_id, n.decision)' END;
    tenants uuid[];
    found_one record;
BEGIN
    EXECUTE format('SELECT array_agg(DISTINCT tenant_id) FROM (%s) m', moved) INTO tenants;
    IF tenants IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM be_sure_of_tenant(tenants);
    EXECUTE format('SELECT FROM storms s WHERE EXISTS (SELECT FROM (%s) m WHERE m.tenant_id = s.tenant_id
                       AND m.storm_id = s.storm_id) ORDER BY s.tenant_id, s.storm_id FOR UPDATE', moved);
    EXECUTE format('SELECT m.property_id, s.name, w.what FROM (%s) m
                      JOIN storm_work w ON w.tenant_id = m.tenant_id AND w.storm_id = m.storm_id
                       AND w.property_id = m.property_id
                      JOIN storms s ON s.tenant_id = m.tenant_id AND s.storm_id = m.storm_id
                     WHERE m.decision = ''hold_out'' ORDER BY 1 LIMIT 1', moved) INTO found_one;
    IF found_one.property_id IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SP001', MESSAGE = format(
            'this home cannot be in the control group of the storm ''%s'', since it has a %s: %s',
            found_one.name, found_one.what, found_one.property_id),
            HINT = 'Who was visited or contacted, or is going to be, is no control.';
    END IF;
    IF TG_OP = 'INSERT' THEN
        RETURN NULL;
    END IF;
    -- Before it was skipped, it may have had an arm: that one it had, and no other.
    EXECUTE format('SELECT m.property_id, s.name, m.decision, coalesce(c.from_decision, m.before) AS before FROM (%s) m
                      JOIN storms s ON s.tenant_id = m.tenant_id AND s.storm_id = m.storm_id
                      LEFT JOIN policy_decision_changes c ON c.tenant_id = m.tenant_id AND c.storm_id = m.storm_id
                       AND c.property_id = m.property_id AND c.from_decision NOT IN (''skip'', m.decision)
                     WHERE m.decision <> ''skip''
                       AND (m.before NOT IN (''skip'', m.decision) OR c.property_id IS NOT NULL)
                     ORDER BY 1 LIMIT 1', moved) INTO found_one;
    IF found_one.property_id IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SP002', MESSAGE = format(
            'this home was drawn as ''%s'' for the storm ''%s'' and cannot become ''%s'': %s',
            found_one.before, found_one.name, found_one.decision, found_one.property_id),
            HINT = 'An arm is drawn once a storm; changed by hand, the arms could not be compared.';
    END IF;
    EXECUTE format('SELECT m.property_id, s.name, w.what FROM (%s) m
                      JOIN (SELECT tenant_id, storm_id, property_id, what FROM storm_work WHERE has_begun
                             UNION ALL SELECT tenant_id, storm_id, property_id, ''known outcome'' FROM policy_outcomes) w
                        ON w.tenant_id = m.tenant_id AND w.storm_id = m.storm_id AND w.property_id = m.property_id
                      JOIN storms s ON s.tenant_id = m.tenant_id AND s.storm_id = m.storm_id
                     WHERE m.decision = ''skip'' AND m.before <> ''skip'' ORDER BY 1 LIMIT 1', moved) INTO found_one;
    IF found_one.property_id IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SP002', MESSAGE = format(
            'this home of the storm ''%s'' has a %s and keeps its decision: %s',
            found_one.name, found_one.what, found_one.property_id),
            HINT = 'Whoever leaves an arm after the work began takes the result with them.';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER arms_insert AFTER INSERT ON policy_decisions_log REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION keep_arms();
CREATE TRIGGER arms_update AFTER UPDATE ON policy_decisions_log REFERENCING OLD TABLE AS old_rows
    NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION keep_arms();

RESET ROLE;

GRANT SELECT ON storm_work TO stormplay_kernel;
GRANT EXECUTE ON FUNCTION be_sure_of_tenant(uuid[]) TO stormplay_kernel;
