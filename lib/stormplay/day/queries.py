"""The SQL of a plan that is changed on its day."""

OPEN_STOPS = """
SELECT r.route_id, r.route_name, r.run_id, r.visit_type, rp.property_id, rp.sequence_order, p.latitude, p.longitude,
       coalesce(j.status <> 'scheduled' OR j.completed_at IS NOT NULL, false) AS is_begun, j.status_since,
       r.status = 'done' OR bool_and(coalesce(j.status = 'completed' OR j.completed_at IS NOT NULL, false))
                                OVER (PARTITION BY r.route_id) AS is_done
  FROM routes r
  JOIN route_properties rp ON rp.tenant_id = r.tenant_id AND rp.route_id = r.route_id
  JOIN properties p ON p.tenant_id = rp.tenant_id AND p.property_id = rp.property_id
  LEFT JOIN jobs j ON j.tenant_id = p.tenant_id AND j.property_id = p.property_id AND j.storm_id = r.storm_id
 WHERE r.tenant_id = :tenant_id AND r.storm_id = :storm_id
   AND (CAST(:route_id AS uuid) IS NULL OR r.route_id = CAST(:route_id AS uuid))
 ORDER BY length(r.route_name), r.route_name, r.route_id, rp.sequence_order
"""

# The route, and the job as it is, of one stop.
STOP = """
SELECT r.route_id::text, r.route_name, r.property_count, rp.sequence_order, p.address, j.status
  FROM jobs j
  JOIN routes r ON r.tenant_id = j.tenant_id AND r.route_id = j.route_id
  JOIN route_properties rp ON rp.tenant_id = j.tenant_id AND rp.route_id = j.route_id AND rp.property_id = j.property_id
  JOIN properties p ON p.tenant_id = j.tenant_id AND p.property_id = j.property_id
 WHERE j.storm_id = :storm_id AND j.property_id = CAST(:property_id AS uuid)
"""

ASKED = "SELECT run_id::text, parameters FROM routing_runs WHERE run_id = ANY (CAST(:runs AS uuid[]))"

# Whoever begins a stop of the route meanwhile waits for us. Returns how many of them are begun.
HOLD = """
SELECT count(*) FILTER (WHERE held.status <> 'scheduled' OR held.completed_at IS NOT NULL)
  FROM (SELECT status, completed_at FROM jobs WHERE route_id = CAST(:route_id AS uuid) FOR UPDATE) held
"""

SHIFT = """
UPDATE route_properties SET sequence_order = sequence_order + :by
 WHERE route_id = CAST(:route_id AS uuid) AND sequence_order >= :number
"""

ORDER = """
UPDATE route_properties rp SET sequence_order = x.number
  FROM unnest(CAST(:homes AS uuid[]), CAST(:numbers AS int[])) AS x(home, number)
 WHERE rp.route_id = CAST(:route_id AS uuid) AND rp.property_id = x.home AND rp.sequence_order <> x.number
"""

PLACES = """
SELECT rp.property_id, rp.sequence_order, p.latitude, p.longitude
  FROM route_properties rp JOIN properties p ON p.tenant_id = rp.tenant_id AND p.property_id = rp.property_id
 WHERE rp.tenant_id = :tenant_id AND rp.route_id = CAST(:route_id AS uuid)
   AND p.latitude IS NOT NULL AND p.longitude IS NOT NULL
 ORDER BY rp.property_id
"""

MEASURED = """
UPDATE routes r SET property_count = m.stops, avg_uplift = m.uplift, distance_m = :distance_m,
       drive_minutes = :drive_minutes, road_distance_m = :road_distance_m, travel_source = :travel_source
  FROM (SELECT count(*) AS stops, avg(lu.expected_uplift) AS uplift FROM route_properties rp
          LEFT JOIN lead_uplift lu ON lu.tenant_id = rp.tenant_id AND lu.property_id = rp.property_id
         WHERE rp.tenant_id = :tenant_id AND rp.route_id = CAST(:route_id AS uuid)) m
 WHERE r.tenant_id = :tenant_id AND r.route_id = CAST(:route_id AS uuid)
"""
