-- The tables of the contract. tenant_id leads every key, so no row can point across tenants, a unique
-- constraint tells nothing of another tenant, and the schema can be distributed by tenant as it is.
-- Units are in the names; money is integer cents. Ids are uuidv7.

SET LOCAL ROLE stormplay_owner;
ALTER DEFAULT PRIVILEGES FOR ROLE stormplay_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE TABLE tenants (
    tenant_id       uuid PRIMARY KEY DEFAULT sec.tenant(),
    slug            text NOT NULL,
    org_name        text NOT NULL,
    time_zone       text NOT NULL DEFAULT 'America/Chicago',
    depot_latitude  double precision CHECK (depot_latitude BETWEEN -90 AND 90),
    depot_longitude double precision CHECK (depot_longitude BETWEEN -180 AND 180),
    is_synthetic    boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CHECK ((depot_latitude IS NULL) = (depot_longitude IS NULL))
);

CREATE TABLE storms (
    tenant_id  uuid NOT NULL DEFAULT sec.tenant() REFERENCES tenants,
    storm_id   uuid NOT NULL DEFAULT uuidv7(),
    slug       text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name       text NOT NULL,
    status     text NOT NULL DEFAULT 'active' CHECK (status IN ('watching', 'active', 'closed')),
    event_date date NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, storm_id),
    UNIQUE (tenant_id, slug)
);
CREATE TRIGGER register AFTER INSERT ON storms FOR EACH ROW EXECUTE FUNCTION sec.register_storm();

CREATE TABLE properties (
    tenant_id        uuid NOT NULL DEFAULT sec.tenant() REFERENCES tenants,
    property_id      uuid NOT NULL DEFAULT uuidv7(),
    address          text NOT NULL,
    city             text,
    zip_code         text,
    latitude         double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude        double precision CHECK (longitude BETWEEN -180 AND 180),
    owner_name       text,
    phone            text,
    email            text,
    time_zone        text,
    roof_age_years   double precision,
    roof_material    text,
    roof_area_sqft   double precision,
    home_value_cents bigint,
    is_synthetic     boolean NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, property_id)
);
CREATE INDEX properties_zip_code ON properties (tenant_id, zip_code);

-- What the storm is modelled to have done at a property. Modelled: nobody has looked at this roof.
CREATE TABLE property_impacts (
    tenant_id   uuid NOT NULL DEFAULT sec.tenant(),
    storm_id    uuid NOT NULL,
    property_id uuid NOT NULL,
    hail_in     double precision NOT NULL CHECK (hail_in >= 0),
    sii_score   double precision NOT NULL CHECK (sii_score BETWEEN 0 AND 100),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, storm_id, property_id),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms,
    FOREIGN KEY (tenant_id, property_id) REFERENCES properties
);

-- The belief in force about a property: one row each.
CREATE TABLE lead_uplift (
    tenant_id        uuid NOT NULL DEFAULT sec.tenant(),
    property_id      uuid NOT NULL,
    storm_id         uuid,
    expected_uplift  double precision NOT NULL CHECK (expected_uplift BETWEEN -1 AND 1),
    next_best_action text NOT NULL,
    model_version    text NOT NULL,
    scored_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, property_id),
    FOREIGN KEY (tenant_id, property_id) REFERENCES properties,
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms
);
CREATE INDEX lead_uplift_expected ON lead_uplift (tenant_id, expected_uplift DESC);

-- One decision per property and storm. Eligible = treat + hold_out + skip.
CREATE TABLE policy_decisions_log (
    tenant_id   uuid NOT NULL DEFAULT sec.tenant(),
    decision_id uuid NOT NULL DEFAULT uuidv7(),
    storm_id    uuid NOT NULL,
    property_id uuid NOT NULL,
    decision    text NOT NULL CHECK (decision IN ('treat', 'hold_out', 'skip')),
    reason      text NOT NULL,
    model_version text NOT NULL,
    decided_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, decision_id),
    UNIQUE (tenant_id, storm_id, property_id),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms,
    FOREIGN KEY (tenant_id, property_id) REFERENCES properties
);
CREATE INDEX policy_decisions_log_property ON policy_decisions_log (tenant_id, property_id);

CREATE TABLE policy_outcomes (
    tenant_id        uuid NOT NULL DEFAULT sec.tenant(),
    storm_id         uuid NOT NULL,
    property_id      uuid NOT NULL,
    actual_converted boolean,
    value_cents      bigint CHECK (value_cents >= 0),
    observed_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, storm_id, property_id),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms,
    FOREIGN KEY (tenant_id, property_id) REFERENCES properties
);
CREATE INDEX policy_outcomes_property ON policy_outcomes (tenant_id, property_id);

-- One ledger of 'no' over all channels. A row binds from its time on, until it is lifted.
CREATE TABLE suppressions (
    tenant_id      uuid NOT NULL DEFAULT sec.tenant(),
    suppression_id uuid NOT NULL DEFAULT uuidv7(),
    property_id    uuid NOT NULL,
    channel        text NOT NULL CHECK (channel IN ('all', 'door', 'call', 'text', 'email', 'mail')),
    reason         text NOT NULL,
    suppressed_at  timestamptz NOT NULL DEFAULT now(),
    lifted_at      timestamptz,
    PRIMARY KEY (tenant_id, suppression_id),
    FOREIGN KEY (tenant_id, property_id) REFERENCES properties
);
CREATE INDEX suppressions_property ON suppressions (tenant_id, property_id, channel);

-- Each press of 'Generate routes' that was kept, with its ledger and the plan that it replaced.
CREATE TABLE routing_runs (
    tenant_id     uuid NOT NULL DEFAULT sec.tenant(),
    run_id        uuid NOT NULL DEFAULT uuidv7(),
    storm_id      uuid NOT NULL,
    parameters    jsonb NOT NULL,
    ledger        jsonb NOT NULL,
    replaced_plan jsonb NOT NULL DEFAULT '[]',
    route_count   integer NOT NULL,
    distance_m    double precision NOT NULL,
    seconds       double precision NOT NULL,
    made_by       text NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, run_id),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms
);
CREATE INDEX routing_runs_storm ON routing_runs (tenant_id, storm_id, made_at);

CREATE TABLE routes (
    tenant_id      uuid NOT NULL DEFAULT sec.tenant(),
    route_id       uuid NOT NULL DEFAULT uuidv7(),
    storm_id       uuid NOT NULL,
    run_id         uuid,
    route_name     text NOT NULL,
    zip_code       text,
    property_count integer NOT NULL CHECK (property_count > 0),
    avg_uplift     double precision,
    distance_m     double precision CHECK (distance_m >= 0),
    drive_minutes  double precision CHECK (drive_minutes >= 0),
    visit_type     text NOT NULL DEFAULT 'knock' CHECK (visit_type IN ('knock', 'inspection')),
    status         text NOT NULL DEFAULT 'planned' CHECK (status IN ('planned', 'started', 'done')),
    crew_name      text CHECK (length(crew_name) BETWEEN 1 AND 80),
    assigned_at    timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, route_id),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms,
    FOREIGN KEY (tenant_id, run_id) REFERENCES routing_runs
);
CREATE INDEX routes_storm ON routes (tenant_id, storm_id);

CREATE TABLE route_properties (
    tenant_id      uuid NOT NULL DEFAULT sec.tenant(),
    route_id       uuid NOT NULL,
    property_id    uuid NOT NULL,
    sequence_order integer NOT NULL CHECK (sequence_order > 0),
    PRIMARY KEY (tenant_id, route_id, property_id),
    UNIQUE (tenant_id, route_id, sequence_order),
    FOREIGN KEY (tenant_id, route_id) REFERENCES routes,
    FOREIGN KEY (tenant_id, property_id) REFERENCES properties
);
CREATE INDEX route_properties_property ON route_properties (tenant_id, property_id);

CREATE TABLE jobs (
    tenant_id    uuid NOT NULL DEFAULT sec.tenant(),
    job_id       uuid NOT NULL DEFAULT uuidv7(),
    storm_id     uuid NOT NULL,
    route_id     uuid,
    property_id  uuid NOT NULL,
    status       text NOT NULL DEFAULT 'scheduled',
    notes        text,
    photos       jsonb NOT NULL DEFAULT '[]',
    claim_intel  jsonb NOT NULL DEFAULT '{}',
    completed_at timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, job_id),
    UNIQUE (tenant_id, storm_id, property_id),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms,
    FOREIGN KEY (tenant_id, route_id) REFERENCES routes,
    FOREIGN KEY (tenant_id, property_id) REFERENCES properties
);
CREATE INDEX jobs_route ON jobs (tenant_id, route_id);
CREATE INDEX jobs_property ON jobs (tenant_id, property_id);

CREATE TABLE nurture_sequences (
    tenant_id     uuid NOT NULL DEFAULT sec.tenant(),
    sequence_id   uuid NOT NULL DEFAULT uuidv7(),
    property_id   uuid NOT NULL,
    storm_id      uuid,
    sequence_type text NOT NULL,
    scheduled_at  timestamptz NOT NULL,
    status        text NOT NULL DEFAULT 'scheduled',
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, sequence_id),
    FOREIGN KEY (tenant_id, property_id) REFERENCES properties,
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms
);
CREATE INDEX nurture_sequences_due ON nurture_sequences (tenant_id, scheduled_at);

CREATE TABLE customer_journeys (
    tenant_id   uuid NOT NULL DEFAULT sec.tenant(),
    touch_id    uuid NOT NULL DEFAULT uuidv7(),
    property_id uuid NOT NULL,
    storm_id    uuid NOT NULL,
    channel     text NOT NULL,
    "timestamp" timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, touch_id),
    FOREIGN KEY (tenant_id, storm_id) REFERENCES storms,
    FOREIGN KEY (tenant_id, property_id) REFERENCES properties
);
CREATE INDEX customer_journeys_property ON customer_journeys (tenant_id, property_id, storm_id, "timestamp");

CREATE TABLE identifiers (
    tenant_id       uuid NOT NULL DEFAULT sec.tenant(),
    identifier_id   uuid NOT NULL DEFAULT uuidv7(),
    property_id     uuid,
    identifier_type text NOT NULL,
    value           text NOT NULL,
    source          text NOT NULL,
    seen_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, identifier_id),
    FOREIGN KEY (tenant_id, property_id) REFERENCES properties
);
CREATE INDEX identifiers_value ON identifiers (tenant_id, identifier_type, value);

-- Row estimates of a personal column would tell its values through EXPLAIN.
ALTER TABLE properties ALTER address SET STATISTICS 0, ALTER owner_name SET STATISTICS 0,
    ALTER phone SET STATISTICS 0, ALTER email SET STATISTICS 0;
ALTER TABLE identifiers ALTER value SET STATISTICS 0;
ALTER TABLE jobs ALTER notes SET STATISTICS 0, ALTER claim_intel SET STATISTICS 0, ALTER photos SET STATISTICS 0;
ALTER TABLE routes ALTER crew_name SET STATISTICS 0;

-- Take back what nobody has begun: routes that are planned and whose jobs are all still scheduled, with their
-- stops and jobs. A kernel may delete nothing else. Under the policy, since the owner is (FORCE).
CREATE FUNCTION retire_planned_routes(storm uuid) RETURNS SETOF uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE
    gone uuid[];
BEGIN
    -- Lock first: a job that is being started waits for us or makes its route stay.
    PERFORM FROM jobs j WHERE j.storm_id = storm FOR UPDATE;
    SELECT coalesce(array_agg(r.route_id), '{}') INTO gone FROM routes r
     WHERE r.storm_id = storm AND r.status = 'planned'
       AND NOT EXISTS (SELECT FROM jobs j WHERE j.tenant_id = r.tenant_id AND j.route_id = r.route_id
                          AND (j.status <> 'scheduled' OR j.completed_at IS NOT NULL));
    DELETE FROM jobs WHERE route_id = ANY (gone);
    DELETE FROM route_properties WHERE route_id = ANY (gone);
    DELETE FROM routes WHERE route_id = ANY (gone);
    RETURN QUERY SELECT unnest(gone);
END $$;
GRANT EXECUTE ON FUNCTION retire_planned_routes(uuid) TO stormplay_kernel;

RESET ROLE;
