-- The treatment policy: each run of it with its ledger, what it changed, and the sum that must hold on every storm,
-- eligible = treated + held out + skipped. policy_decisions_log keeps the decision in force, one row a home and storm.

SET LOCAL ROLE stormplay_owner;

ALTER TABLE tenants ADD COLUMN policy_rules jsonb;  -- NULL: the ones that are shipped

-- By which salt, and at which share, a storm's control group was drawn: said once, by its first run. Nobody may change
-- it, and every run of the storm points here with both, so a second draw within a storm has no place to be written.
CREATE TABLE policy_draws (
    tenant_id     uuid NOT NULL DEFAULT sec.tenant(),
    storm_id      uuid NOT NULL,
    salt          text NOT NULL CHECK (length(salt) <= 200),
    holdout_share double precision NOT NULL CHECK (holdout_share >= 0 AND holdout_share < 1),
    drawn_by      text NOT NULL,
    drawn_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, storm_id),
    UNIQUE (tenant_id, storm_id, salt, holdout_share),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms
);

-- Each press of 'Apply', and what every decision of the storm was after it.
CREATE TABLE policy_runs (
    tenant_id     uuid NOT NULL DEFAULT sec.tenant(),
    run_id        uuid NOT NULL DEFAULT uuidv7(),
    storm_id      uuid NOT NULL,
    run_number    integer NOT NULL CHECK (run_number > 0),  -- of the storm, from 1
    rules         jsonb NOT NULL,
    salt          text NOT NULL,
    holdout_share double precision NOT NULL,
    model_version text NOT NULL,  -- whose uplift it looked at; several where there were several
    eligible      bigint NOT NULL,
    treated       bigint NOT NULL CHECK (treated >= 0),
    held_out      bigint NOT NULL CHECK (held_out >= 0),
    skipped       bigint NOT NULL CHECK (skipped >= 0),
    changed       bigint NOT NULL CHECK (changed BETWEEN 0 AND eligible),  -- rows that were added or became different
    ledger        jsonb NOT NULL,
    made_by       text NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, run_id),
    UNIQUE (tenant_id, storm_id, run_number),
    FOREIGN KEY (tenant_id, storm_id, salt, holdout_share)
        REFERENCES policy_draws (tenant_id, storm_id, salt, holdout_share),
    CHECK (eligible = treated + held_out + skipped)
);

-- What a home's decision was before it became what it is. With the row in force the trail is whole; a first decision
-- has nothing before it. Only added to, by a trigger, whoever writes.
CREATE TABLE policy_decision_changes (
    tenant_id          uuid NOT NULL DEFAULT sec.tenant(),
    decision_id        uuid NOT NULL,  -- whose storm and home are repeated here
    storm_id           uuid NOT NULL,
    property_id        uuid NOT NULL,
    run_id             uuid,  -- NULL: not by a run
    from_decision      text NOT NULL,
    to_decision        text NOT NULL,
    from_reason        text NOT NULL,
    to_reason          text NOT NULL,
    from_model_version text NOT NULL,
    to_model_version   text NOT NULL,
    from_decided_at    timestamptz NOT NULL,
    changed_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, decision_id, changed_at),
    FOREIGN KEY (tenant_id, decision_id) REFERENCES policy_decisions_log
);
CREATE INDEX policy_decision_changes_home ON policy_decision_changes (tenant_id, storm_id, property_id);

-- How many homes of a storm have which decision, kept by a trigger in the transaction that changes one, whichever way
-- it comes. So the sum is a constraint of every storm, also of one whose rows were loaded without the policy.
CREATE TABLE policy_balances (
    tenant_id  uuid NOT NULL DEFAULT sec.tenant(),
    storm_id   uuid NOT NULL,
    eligible   bigint NOT NULL,
    treated    bigint NOT NULL CHECK (treated >= 0),
    held_out   bigint NOT NULL CHECK (held_out >= 0),
    skipped    bigint NOT NULL CHECK (skipped >= 0),
    changes    bigint NOT NULL DEFAULT 1,  -- statements that touched it: which of them was the last of a transaction
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, storm_id),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms,
    CHECK (eligible = treated + held_out + skipped)
);

ALTER TABLE policy_decisions_log ADD COLUMN run_id uuid;  -- the run that decided it; NULL: loaded without one

-- The balance, moved by what a statement added and took away. A storm that has none yet is counted whole: its rows may
-- have been loaded past all triggers.
CREATE FUNCTION balance_decisions() RETURNS trigger LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    added CONSTANT text := 'SELECT tenant_id, storm_id, decision, 1 AS n FROM new_rows';
    taken CONSTANT text := 'SELECT tenant_id, storm_id, decision, -1 AS n FROM old_rows';
    per record;
BEGIN
    FOR per IN EXECUTE format($q$
        SELECT tenant_id, storm_id, sum(n) AS eligible, coalesce(sum(n) FILTER (WHERE decision = 'treat'), 0) AS treated,
               coalesce(sum(n) FILTER (WHERE decision = 'hold_out'), 0) AS held_out,
               coalesce(sum(n) FILTER (WHERE decision = 'skip'), 0) AS skipped
          FROM (%s) d GROUP BY 1, 2 ORDER BY 1, 2$q$,
        CASE TG_OP WHEN 'INSERT' THEN added WHEN 'DELETE' THEN taken ELSE added || ' UNION ALL ' || taken END)
    LOOP
        UPDATE policy_balances b
           SET eligible = b.eligible + per.eligible, treated = b.treated + per.treated,
               held_out = b.held_out + per.held_out, skipped = b.skipped + per.skipped,
               changes = b.changes + 1, changed_at = clock_timestamp()
         WHERE b.tenant_id = per.tenant_id AND b.storm_id = per.storm_id;
        CONTINUE WHEN FOUND;
        INSERT INTO policy_balances AS b (tenant_id, storm_id, eligible, treated, held_out, skipped)
        SELECT per.tenant_id, per.storm_id, count(*), count(*) FILTER (WHERE d.decision = 'treat'),
               count(*) FILTER (WHERE d.decision = 'hold_out'), count(*) FILTER (WHERE d.decision = 'skip')
          FROM policy_decisions_log d WHERE d.tenant_id = per.tenant_id AND d.storm_id = per.storm_id
        -- Somebody else began the same storm in this moment: then ours come on top.
        ON CONFLICT (tenant_id, storm_id) DO UPDATE
           SET eligible = b.eligible + per.eligible, treated = b.treated + per.treated,
               held_out = b.held_out + per.held_out, skipped = b.skipped + per.skipped,
               changes = b.changes + 1, changed_at = clock_timestamp();
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER balance_insert AFTER INSERT ON policy_decisions_log REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION balance_decisions();
CREATE TRIGGER balance_update AFTER UPDATE ON policy_decisions_log REFERENCING OLD TABLE AS old_rows
    NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION balance_decisions();
CREATE TRIGGER balance_delete AFTER DELETE ON policy_decisions_log REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION balance_decisions();

-- At the commit: the balance is what the rows say, and the newest run says the same. A storm that never had a run is
-- asked for its rows alone. The rows are counted once a transaction, at the last change of the balance.
CREATE FUNCTION prove_balance() RETURNS trigger LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    balance policy_balances;
    counted bigint[];
    said bigint[];
BEGIN
    SELECT b.* INTO balance FROM policy_balances b WHERE b.tenant_id = NEW.tenant_id AND b.storm_id = NEW.storm_id;
    IF NOT FOUND THEN  -- no decision at all, or another tenant was chosen since
        RAISE EXCEPTION USING ERRCODE = 'SP003', MESSAGE = 'this storm has no decisions that could be counted',
            HINT = 'One transaction decides in one company.';
    END IF;
    said := ARRAY[balance.eligible, balance.treated, balance.held_out, balance.skipped];
    IF TG_TABLE_NAME = 'policy_balances' THEN
        IF balance.changes <> NEW.changes::bigint THEN
            RETURN NULL;
        END IF;
        SELECT ARRAY[count(*), count(*) FILTER (WHERE d.decision = 'treat'),
                     count(*) FILTER (WHERE d.decision = 'hold_out'), count(*) FILTER (WHERE d.decision = 'skip')]
          INTO counted FROM policy_decisions_log d
         WHERE d.tenant_id = NEW.tenant_id AND d.storm_id = NEW.storm_id;
        IF counted <> said THEN
            RAISE EXCEPTION USING ERRCODE = 'SP003', MESSAGE = format(
                'the balance of this storm does not hold: eligible, treated, held out and skipped are %s, and %s are'
                ' written down', array_to_string(counted, ', '), array_to_string(said, ', '));
        END IF;
    END IF;
    SELECT ARRAY[r.eligible, r.treated, r.held_out, r.skipped] INTO counted FROM policy_runs r
     WHERE r.tenant_id = NEW.tenant_id AND r.storm_id = NEW.storm_id ORDER BY r.run_number DESC LIMIT 1;
    IF FOUND AND counted <> said THEN
        RAISE EXCEPTION USING ERRCODE = 'SP003', MESSAGE = format(
            'the newest run of the treatment policy says eligible, treated, held out and skipped are %s, and they'
            ' would be %s', array_to_string(counted, ', '), array_to_string(said, ', ')),
            HINT = 'Decide by TreatmentPolicy.apply(): it writes the run with the decisions.';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER prove AFTER INSERT OR UPDATE ON policy_balances DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION prove_balance();
CREATE CONSTRAINT TRIGGER prove AFTER INSERT OR UPDATE ON policy_runs DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION prove_balance();

-- A run that is named is one of this storm. Asked once a statement and not, by a foreign key, a hundred thousand times.
CREATE FUNCTION know_run() RETURNS trigger LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT tenant_id, storm_id, run_id FROM new_rows WHERE run_id IS NOT NULL) n
                WHERE NOT EXISTS (SELECT FROM policy_runs r WHERE r.tenant_id = n.tenant_id AND r.run_id = n.run_id
                                     AND r.storm_id = n.storm_id)) THEN
        RAISE foreign_key_violation USING MESSAGE = 'a decision names a run that its storm has not';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER run_insert AFTER INSERT ON policy_decisions_log REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION know_run();
CREATE TRIGGER run_update AFTER UPDATE ON policy_decisions_log REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION know_run();

-- The trail.
CREATE FUNCTION keep_decision_changes() RETURNS trigger LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO policy_decision_changes (tenant_id, decision_id, storm_id, property_id, run_id, from_decision,
                to_decision, from_reason, to_reason, from_model_version, to_model_version, from_decided_at)
    SELECT o.tenant_id, o.decision_id, o.storm_id, o.property_id, n.run_id, o.decision, n.decision, o.reason, n.reason,
           o.model_version, n.model_version, o.decided_at
      FROM old_rows o JOIN new_rows n ON n.tenant_id = o.tenant_id AND n.decision_id = o.decision_id
     WHERE (o.decision, o.reason, o.model_version) IS DISTINCT FROM (n.decision, n.reason, n.model_version);
    RETURN NULL;
END $$;
CREATE TRIGGER trail_update AFTER UPDATE ON policy_decisions_log REFERENCING OLD TABLE AS old_rows
    NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION keep_decision_changes();

RESET ROLE;

-- Not as the owner: rows that are there already are counted, and the owner is under the policy.
INSERT INTO policy_balances (tenant_id, storm_id, eligible, treated, held_out, skipped)
SELECT tenant_id, storm_id, count(*), count(*) FILTER (WHERE decision = 'treat'),
       count(*) FILTER (WHERE decision = 'hold_out'), count(*) FILTER (WHERE decision = 'skip')
  FROM policy_decisions_log GROUP BY 1, 2;

CALL sec.protect('policy_draws', 'analyst');
CALL sec.protect('policy_runs', 'analyst');
CALL sec.protect('policy_decision_changes', 'analyst');
CALL sec.protect('policy_balances', 'analyst');
GRANT INSERT ON policy_draws, policy_runs, policy_decision_changes, policy_balances TO stormplay_kernel;
GRANT UPDATE (eligible, treated, held_out, skipped, changes, changed_at) ON policy_balances TO stormplay_kernel;
GRANT UPDATE (decision, reason, model_version, decided_at, run_id) ON policy_decisions_log TO stormplay_kernel;
GRANT UPDATE (policy_rules) ON tenants TO stormplay_kernel;

-- New columns of old tables tell nothing through the planner either.
CALL sec.veil('tenants');
CALL sec.veil('policy_decisions_log');
