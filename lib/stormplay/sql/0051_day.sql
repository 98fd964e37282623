-- A plan that is changed on its day: one stop more where it changes least, one taken back, the rest in a shorter order.
-- And a third kind of visit: the meeting with the insurer's adjuster on the roof.

ALTER TABLE routes DROP CONSTRAINT routes_visit_type_check;
ALTER TABLE routes ADD CONSTRAINT routes_visit_type_check CHECK (visit_type IN ('knock', 'inspection', 'adjuster'));

-- Asked at the end of a statement, so that one statement can move all later stops by one.
ALTER TABLE route_properties DROP CONSTRAINT route_properties_tenant_id_route_id_sequence_order_key;
ALTER TABLE route_properties ADD CONSTRAINT route_properties_tenant_id_route_id_sequence_order_key
    UNIQUE (tenant_id, route_id, sequence_order) DEFERRABLE INITIALLY IMMEDIATE;

GRANT UPDATE (sequence_order) ON route_properties TO stormplay_kernel;
GRANT UPDATE (property_count, avg_uplift, distance_m, drive_minutes, road_distance_m, travel_source) ON routes
    TO stormplay_kernel;

-- Take one stop off its route, with its job: only where nobody has begun it and nothing is noted of it. Returns the
-- route, or NULL where there is nothing that may be taken off. Under the policy, since the owner is (FORCE).
SET LOCAL ROLE stormplay_owner;
CREATE FUNCTION take_stop_off(storm uuid, home uuid) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    gone jobs%ROWTYPE;
BEGIN
    -- Lock first: a job that is being started waits for us, or stays.
    SELECT j.* INTO gone FROM jobs j WHERE j.storm_id = storm AND j.property_id = home FOR UPDATE;
    IF gone.route_id IS NULL OR gone.status <> 'scheduled' OR gone.completed_at IS NOT NULL OR gone.notes IS NOT NULL
       OR gone.photos <> '[]' OR gone.claim_intel <> '{}'
       OR EXISTS (SELECT FROM job_events e WHERE e.tenant_id = gone.tenant_id AND e.job_id = gone.job_id)
       OR EXISTS (SELECT FROM job_notes n WHERE n.tenant_id = gone.tenant_id AND n.job_id = gone.job_id)
       OR EXISTS (SELECT FROM job_photos p WHERE p.tenant_id = gone.tenant_id AND p.job_id = gone.job_id) THEN
        RETURN NULL;
    END IF;
    DELETE FROM jobs j WHERE j.tenant_id = gone.tenant_id AND j.job_id = gone.job_id;
    DELETE FROM route_properties s WHERE s.tenant_id = gone.tenant_id AND s.route_id = gone.route_id
       AND s.property_id = home;
    RETURN gone.route_id;
END $$;
GRANT EXECUTE ON FUNCTION take_stop_off(uuid, uuid) TO stormplay_kernel;
RESET ROLE;
