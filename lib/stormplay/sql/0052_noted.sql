-- A route of which somebody has noted something is begun: its notes, photos and events stay with its jobs, so that a new
-- plan may not take them back.
SET LOCAL ROLE stormplay_owner;
CREATE OR REPLACE FUNCTION retire_planned_routes(storm uuid) RETURNS SETOF uuid LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    gone uuid[];
BEGIN
    -- Lock first: a job that is being started waits for us or makes its route stay.
    PERFORM FROM jobs j WHERE j.storm_id = storm FOR UPDATE;
    SELECT coalesce(array_agg(r.route_id), '{}') INTO gone FROM routes r
     WHERE r.storm_id = storm AND r.status = 'planned'
       AND NOT EXISTS (SELECT FROM jobs j WHERE j.tenant_id = r.tenant_id AND j.route_id = r.route_id
                          AND (j.status <> 'scheduled' OR j.completed_at IS NOT NULL OR j.row_version > 1));
    DELETE FROM jobs WHERE route_id = ANY (gone);
    DELETE FROM route_properties WHERE route_id = ANY (gone);
    DELETE FROM routes WHERE route_id = ANY (gone);
    RETURN QUERY SELECT unnest(gone);
END $$;
RESET ROLE;
