-- The nurture loop: what is planned, what may not be, and what was handed over. Ids only: names, numbers and addresses
-- stay in properties and are read when a contact is handed over.

SET LOCAL ROLE stormplay_owner;

ALTER TABLE tenants ADD COLUMN nurture_rules jsonb;  -- NULL: the ones that are shipped

-- Sequences of steps that a company wrote itself; the shipped ones are in the code.
CREATE TABLE nurture_plans (
    tenant_id     uuid NOT NULL DEFAULT sec.tenant(),
    sequence_type text NOT NULL CHECK (sequence_type ~ '^[a-z][a-z0-9_]{0,39}$'),
    title         text NOT NULL CHECK (length(title) BETWEEN 1 AND 80),
    steps         jsonb NOT NULL,
    messages      jsonb NOT NULL DEFAULT '{}',
    updated_by    text NOT NULL,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, sequence_type)
);

-- One row per storm: whether its nurture runs. Whoever schedules holds it, so that two do not at once.
CREATE TABLE nurture_gates (
    tenant_id  uuid NOT NULL DEFAULT sec.tenant(),
    storm_id   uuid NOT NULL,
    state      text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'paused', 'stopped')),
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, storm_id),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms
);

-- The draw of the standing holdout, once a home, both arms: who was held back, and who could be contacted.
CREATE TABLE nurture_draws (
    tenant_id   uuid NOT NULL DEFAULT sec.tenant(),
    property_id uuid NOT NULL,
    is_held     boolean NOT NULL,
    salt        text NOT NULL,
    share       double precision NOT NULL CHECK (share BETWEEN 0 AND 1),
    drawn_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, property_id),
    FOREIGN KEY (tenant_id, property_id) REFERENCES properties
);

-- Each press of 'Schedule' that added something, with its steps, its rules and where every candidate went.
CREATE TABLE nurture_runs (
    tenant_id     uuid NOT NULL DEFAULT sec.tenant(),
    run_id        uuid NOT NULL DEFAULT uuidv7(),
    storm_id      uuid NOT NULL,
    sequence_type text NOT NULL,
    begins_at     timestamptz NOT NULL,
    steps         jsonb NOT NULL,
    rules         jsonb NOT NULL,
    ledger        jsonb NOT NULL,
    made_by       text NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, run_id),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms
);
CREATE INDEX nurture_runs_storm ON nurture_runs (tenant_id, storm_id, made_at);

-- A row of nurture_sequences is one step for one home. The contract's own columns stand alone too.
--   scheduled   waits for its time          due      in the outbox, waits to be handed over or acknowledged
--   paused      held by a person            done     acknowledged
--   stopped     by a conversion or person   refused  a rule said no when its time came
ALTER TABLE nurture_sequences
    ADD COLUMN run_id      uuid,
    ADD COLUMN begins_at   timestamptz,
    ADD COLUMN step_number integer CHECK (step_number > 0),
    ADD COLUMN channel     text CHECK (channel IN ('door', 'call', 'text', 'email', 'mail')),
    ADD COLUMN message     text,
    ADD COLUMN delay_s     bigint CHECK (delay_s >= 0),
    ADD COLUMN reason      text,
    ADD COLUMN updated_at  timestamptz NOT NULL DEFAULT now();
-- The same step of the same start is never there twice.
CREATE UNIQUE INDEX nurture_sequences_once
    ON nurture_sequences (tenant_id, property_id, storm_id, sequence_type, begins_at, step_number);
CREATE INDEX nurture_sequences_pending ON nurture_sequences (tenant_id, storm_id, scheduled_at)
    WHERE status IN ('scheduled', 'due', 'paused');

-- What is handed over to whoever calls, sends or visits: at least once, and always with the same key.
CREATE TABLE nurture_outbox (
    tenant_id       uuid NOT NULL DEFAULT sec.tenant(),
    idempotency_key uuid NOT NULL,  -- the step's own sequence_id
    storm_id        uuid NOT NULL,
    property_id     uuid NOT NULL,
    channel         text NOT NULL CHECK (channel IN ('door', 'call', 'text', 'email', 'mail')),
    message         text NOT NULL,
    due_at          timestamptz NOT NULL,  -- not before
    attempts        integer NOT NULL DEFAULT 0,
    handed_at       timestamptz,           -- the last time
    leased_until    timestamptz,
    acknowledged_at timestamptz,
    refused_at      timestamptz,
    refused_reason  text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, idempotency_key),
    FOREIGN KEY (tenant_id, idempotency_key) REFERENCES nurture_sequences,
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms,
    FOREIGN KEY (tenant_id, property_id) REFERENCES properties,
    CHECK ((refused_at IS NULL) = (refused_reason IS NULL))
);
-- One home, one contact under way: two senders at once cannot break the cap.
CREATE UNIQUE INDEX nurture_outbox_open ON nurture_outbox (tenant_id, property_id)
    WHERE acknowledged_at IS NULL AND refused_at IS NULL;
CREATE INDEX nurture_outbox_due ON nurture_outbox (tenant_id, storm_id, due_at)
    WHERE acknowledged_at IS NULL AND refused_at IS NULL;

-- Who signs is not asked again, whoever writes the outcome: every pending step of the home stops with it.
CREATE FUNCTION stop_nurture_of_converted() RETURNS trigger LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE nurture_outbox b SET refused_at = now(), refused_reason = 'converted' FROM new_rows n
     WHERE n.actual_converted AND b.tenant_id = n.tenant_id AND b.property_id = n.property_id
       AND b.acknowledged_at IS NULL AND b.refused_at IS NULL;
    UPDATE nurture_sequences s SET status = 'stopped', reason = 'converted', updated_at = now() FROM new_rows n
     WHERE n.actual_converted AND s.tenant_id = n.tenant_id AND s.property_id = n.property_id
       AND s.status IN ('scheduled', 'due', 'paused');
    RETURN NULL;
END $$;
CREATE TRIGGER nurture_insert AFTER INSERT ON policy_outcomes REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION stop_nurture_of_converted();
CREATE TRIGGER nurture_update AFTER UPDATE ON policy_outcomes REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION stop_nurture_of_converted();

RESET ROLE;

-- Not as the owner: rows that are there already are checked, and the owner is under the policy.
ALTER TABLE nurture_sequences ADD FOREIGN KEY (tenant_id, run_id) REFERENCES nurture_runs;

CALL sec.protect('nurture_plans', 'analyst');
CALL sec.protect('nurture_gates', 'operator');
CALL sec.protect('nurture_draws', 'operator');
CALL sec.protect('nurture_runs', 'operator');
CALL sec.protect('nurture_outbox', 'operator');
GRANT INSERT ON nurture_plans, nurture_gates, nurture_draws, nurture_runs, nurture_outbox TO stormplay_kernel;
GRANT UPDATE (title, steps, messages, updated_by, updated_at) ON nurture_plans TO stormplay_kernel;
GRANT UPDATE (state, changed_by, changed_at) ON nurture_gates TO stormplay_kernel;
GRANT UPDATE (reason, updated_at) ON nurture_sequences TO stormplay_kernel;
GRANT UPDATE (due_at, attempts, handed_at, leased_until, acknowledged_at, refused_at, refused_reason)
    ON nurture_outbox TO stormplay_kernel;
GRANT UPDATE (nurture_rules) ON tenants TO stormplay_kernel;

-- New columns of old tables tell nothing through the planner either.
CALL sec.veil('tenants');
CALL sec.veil('nurture_sequences');
