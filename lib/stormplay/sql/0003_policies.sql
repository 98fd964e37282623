-- The lock: one policy, the same words, on every tenant table; forced, so that the owner is under it too.
-- A new table calls sec.protect in its own migration; a catalogue test fails where one did not.

CREATE PROCEDURE sec.protect(target regclass) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY tenant ON %s USING (tenant_id = (SELECT sec.tenant()))
                    WITH CHECK (tenant_id = (SELECT sec.tenant()))', target);
    EXECUTE format('GRANT SELECT ON %s TO stormplay_kernel', target);
END $$;
REVOKE EXECUTE ON PROCEDURE sec.protect(regclass) FROM PUBLIC;

CALL sec.protect('tenants');
CALL sec.protect('storms');
CALL sec.protect('properties');
CALL sec.protect('property_impacts');
CALL sec.protect('lead_uplift');
CALL sec.protect('policy_decisions_log');
CALL sec.protect('policy_outcomes');
CALL sec.protect('suppressions');
CALL sec.protect('routing_runs');
CALL sec.protect('routes');
CALL sec.protect('route_properties');
CALL sec.protect('jobs');
CALL sec.protect('nurture_sequences');
CALL sec.protect('customer_journeys');
CALL sec.protect('identifiers');

-- What a kernel may write: new rows, and columns that are not keys. No DELETE, TRUNCATE, TRIGGER, REFERENCES.
GRANT INSERT ON properties, property_impacts, lead_uplift, policy_decisions_log, policy_outcomes, suppressions,
    routing_runs, routes, route_properties, jobs, nurture_sequences, customer_journeys, identifiers
    TO stormplay_kernel;
-- A storm's id is always made by the database: it is what streams and scores are addressed by.
GRANT INSERT (tenant_id, slug, name, status, event_date) ON storms TO stormplay_kernel;
GRANT UPDATE (org_name, time_zone, depot_latitude, depot_longitude) ON tenants TO stormplay_kernel;
GRANT UPDATE (name, status) ON storms TO stormplay_kernel;
GRANT UPDATE (address, city, zip_code, latitude, longitude, owner_name, phone, email, time_zone, roof_age_years,
    roof_material, roof_area_sqft, home_value_cents) ON properties TO stormplay_kernel;
GRANT UPDATE (hail_in, sii_score, updated_at) ON property_impacts TO stormplay_kernel;
GRANT UPDATE (storm_id, expected_uplift, next_best_action, model_version, scored_at) ON lead_uplift TO stormplay_kernel;
GRANT UPDATE (actual_converted, value_cents, observed_at) ON policy_outcomes TO stormplay_kernel;
GRANT UPDATE (lifted_at) ON suppressions TO stormplay_kernel;
GRANT UPDATE (route_name, status, crew_name, assigned_at) ON routes TO stormplay_kernel;
GRANT UPDATE (status, notes, photos, claim_intel, completed_at, updated_at) ON jobs TO stormplay_kernel;
GRANT UPDATE (sequence_type, scheduled_at, status) ON nurture_sequences TO stormplay_kernel;
GRANT UPDATE (property_id, seen_at) ON identifiers TO stormplay_kernel;
