"""What a crew takes along: the stops of a route or of a crew's day, read as a pack."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import clock, tenancy
from stormplay.errors import UnknownRoute
from stormplay.packs import Pack, stops_of

_STOPS = """
SELECT rp.property_id, j.job_id, r.route_name, r.crew_name, p.address, p.city, p.zip_code, p.latitude, p.longitude,
       coalesce(j.status, 'scheduled') AS status,
       EXISTS (SELECT FROM suppressions s WHERE s.tenant_id = :tenant_id AND s.property_id = p.property_id
                  AND s.channel IN ('all', 'door') AND s.lifted_at IS NULL) AS do_not_knock
  FROM routes r
  JOIN route_properties rp ON rp.tenant_id = r.tenant_id AND rp.route_id = r.route_id
  JOIN properties p ON p.tenant_id = rp.tenant_id AND p.property_id = rp.property_id
  LEFT JOIN jobs j ON j.tenant_id = p.tenant_id AND j.property_id = p.property_id AND j.storm_id = r.storm_id
 WHERE r.tenant_id = :tenant_id AND r.storm_id = :storm_id
   AND ((CAST(:route_id AS uuid) IS NOT NULL AND r.route_id = CAST(:route_id AS uuid))
     OR (CAST(:route_id AS uuid) IS NULL AND r.crew_name = :crew AND r.status <> 'done'))
 ORDER BY length(r.route_name), r.route_name, rp.sequence_order
"""


def pack(connection: Connection, storm_id: str, *, route_id: str | None, crew: str | None, day: date | None) -> Pack:
    """The pack of a route or of a crew's routes that are not finished; see `JobReader.get_pack`."""
    query = "SELECT org_name, time_zone, depot_latitude, depot_longitude, is_synthetic FROM tenants"
    company = connection.execute(text(query)).one()
    now = clock.now().astimezone(ZoneInfo(str(company.time_zone)))
    values: dict[str, Any] = {"storm_id": storm_id, "route_id": route_id, "crew": crew}
    rows = tenancy.frame(connection, _STOPS, values)
    if rows.empty:
        what = f"route '{route_id}'" if route_id else f"route of crew '{crew}' that is not finished"
        raise UnknownRoute(f"The storm has no {what}.", "Expected one of get_routes() with stops on it.")
    whose = sorted({str(name) for name in rows["crew_name"].dropna()})
    wanted = day or now.date()
    depot = None if company.depot_latitude is None else (company.depot_latitude, company.depot_longitude)
    return Pack(
        company=str(company.org_name),
        title=str(rows["route_name"].iloc[0]) if route_id else str(crew),
        crew=", ".join(whose),
        day=wanted,
        as_of=now.replace(microsecond=0),
        stops=stops_of(rows),
        depot=depot,
        is_synthetic=bool(company.is_synthetic),
    )
