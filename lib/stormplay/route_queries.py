"""The queries of `RouteBuilder`: routes in force, their stops, and the newest plans."""

ROUTES = """
SELECT r.route_id, r.run_id, r.route_name, r.zip_code, r.property_count, r.avg_uplift, r.distance_m, r.drive_minutes,
       r.road_distance_m, r.travel_source, r.crew_name, r.visit_type, r.created_at,
       CASE WHEN r.status <> 'planned' THEN r.status
            WHEN work.begun = 0 THEN 'planned'
            WHEN work.completed = work.jobs THEN 'done'
            ELSE 'started' END AS status,
       work.completed AS completed_count
  FROM routes r
 CROSS JOIN LATERAL (
       SELECT count(*) AS jobs,
              count(*) FILTER (WHERE j.status <> 'scheduled' OR j.completed_at IS NOT NULL OR j.row_version > 1)
                  AS begun,
              count(*) FILTER (WHERE j.status = 'completed' OR j.completed_at IS NOT NULL) AS completed
         FROM jobs j WHERE j.tenant_id = r.tenant_id AND j.route_id = r.route_id) work
 WHERE r.tenant_id = :tenant_id AND r.storm_id = :storm_id
 ORDER BY length(r.route_name), r.route_name
"""

# The newest plan, and the one before.
RUNS = """
SELECT run_id, route_count, distance_m,
       CASE WHEN row_number() OVER (ORDER BY made_at DESC, run_id DESC) = 1 THEN replaced_plan END AS replaced_plan
  FROM routing_runs
 WHERE tenant_id = :tenant_id AND storm_id = :storm_id ORDER BY made_at DESC, run_id DESC LIMIT 2
"""

# What the newest plan was asked for.
MADE_WITH = """
SELECT parameters FROM routing_runs WHERE storm_id = :storm_id ORDER BY made_at DESC, run_id DESC LIMIT 1
"""

STOPS = """
SELECT rp.route_id::text AS route_id, rp.property_id::text AS property_id, rp.sequence_order,
       p.address, p.city, p.zip_code, p.owner_name, p.latitude, p.longitude,
       lu.expected_uplift, i.hail_in, i.sii_score AS sii, j.status AS job_status,
       EXISTS (SELECT FROM suppressions s WHERE s.tenant_id = p.tenant_id AND s.property_id = p.property_id
                  AND s.channel IN ('all', 'door') AND s.lifted_at IS NULL) AS do_not_knock
  FROM routes r
  JOIN route_properties rp ON rp.tenant_id = r.tenant_id AND rp.route_id = r.route_id
  JOIN properties p ON p.tenant_id = rp.tenant_id AND p.property_id = rp.property_id
  LEFT JOIN lead_uplift lu ON lu.tenant_id = p.tenant_id AND lu.property_id = p.property_id
  LEFT JOIN property_impacts i ON i.tenant_id = p.tenant_id AND i.property_id = p.property_id
                              AND i.storm_id = r.storm_id
  LEFT JOIN jobs j ON j.tenant_id = p.tenant_id AND j.property_id = p.property_id AND j.storm_id = r.storm_id
 WHERE r.tenant_id = :tenant_id AND r.storm_id = :storm_id
   AND (CAST(:route_id AS uuid) IS NULL OR r.route_id = CAST(:route_id AS uuid))
 ORDER BY length(r.route_name), r.route_name, rp.sequence_order
"""
