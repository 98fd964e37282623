"""What is read of jobs: one job with all that is known, lists by page, progress."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.jobs.workflow import DEFAULT, REACHES, Workflow

_JOB = """
SELECT j.job_id, j.storm_id, j.route_id, j.property_id, j.status, j.notes, j.photos, j.claim_intel, j.completed_at,
       j.status_since, j.updated_at, j.row_version, j.furthest, r.route_name, r.crew_name, p.address, p.city,
       p.zip_code, p.owner_name, p.phone, p.latitude, p.longitude, p.roof_age_years, p.roof_material, p.is_synthetic,
       lu.expected_uplift, lu.next_best_action, i.hail_in, i.sii_score AS sii,
       EXISTS (SELECT FROM suppressions s WHERE s.property_id = p.property_id AND s.channel IN ('all', 'door')
                  AND s.lifted_at IS NULL) AS do_not_knock
  FROM jobs j
  JOIN properties p ON p.tenant_id = j.tenant_id AND p.property_id = j.property_id
  LEFT JOIN lead_uplift lu ON lu.tenant_id = p.tenant_id AND lu.property_id = p.property_id
  LEFT JOIN property_impacts i ON i.tenant_id = p.tenant_id AND i.property_id = p.property_id
                              AND i.storm_id = j.storm_id
  LEFT JOIN routes r ON r.tenant_id = j.tenant_id AND r.route_id = j.route_id
 WHERE j.storm_id = :storm_id AND {key} = CAST(:value AS uuid)
"""


def workflow(connection: Connection) -> Workflow:
    """The tenant's status machine, or the one that is shipped."""
    own = connection.execute(text("SELECT job_workflow FROM tenants")).scalar_one()
    return DEFAULT if own is None else Workflow.from_json(own)


def job(connection: Connection, storm_id: str, *, property_id: str = "", job_id: str = "", lock: bool = False,
        ) -> dict[str, Any] | None:  # fmt: skip
    """One job by property or by its own id, with its property; None where there is none.

    Args:
        connection: An open session.
        storm_id: The storm.
        property_id, job_id: One of them.
        lock: Whether to keep others from changing it until the transaction ends.
    """
    key, value = ("j.property_id", property_id) if property_id else ("j.job_id", job_id)
    query = _JOB.format(key=key) + (" FOR UPDATE OF j" if lock else "")
    row = connection.execute(text(query), {"storm_id": storm_id, "value": value}).mappings().one_or_none()
    if row is None:
        return None
    found = dict(row)
    for name in ("job_id", "storm_id", "route_id", "property_id"):
        found[name] = None if found[name] is None else str(found[name])
    return found


@dataclass(frozen=True)
class Setting:
    """Where and when a storm's jobs are.

    Attributes:
        event_date: The storm's day.
        time_zone: IANA name of the company's clock.
        depot: Latitude and longitude where crews start; None where it is not known.
    """

    event_date: date
    time_zone: str
    depot: tuple[float, float] | None


def setting(connection: Connection, storm_id: str) -> Setting:
    """The storm's day, the company's clock and depot."""
    query = """SELECT s.event_date, t.time_zone, t.depot_latitude, t.depot_longitude
                 FROM storms s, tenants t WHERE s.storm_id = :id"""
    row = connection.execute(text(query), {"id": storm_id}).one()
    depot = None if row.depot_latitude is None else (float(row.depot_latitude), float(row.depot_longitude))
    return Setting(row.event_date, str(row.time_zone), depot)


def trail(connection: Connection, job_id: str) -> pd.DataFrame:
    """What happened to a job, newest first: at, who, what ('status', 'taken back' or 'note'), text."""
    return tenancy.frame(
        connection,
        """SELECT happened_at AS at, said_by AS who,
                  CASE WHEN undone_at IS NULL THEN 'status' ELSE 'taken back' END AS what, to_status AS text
             FROM job_events WHERE job_id = :id AND source <> 'before'
           UNION ALL
           SELECT noted_at, author, 'note', notes FROM job_notes WHERE job_id = :id
            ORDER BY at DESC""",
        {"id": job_id},
    )


def progress(connection: Connection, flow: Workflow, storm_id: str, by: str) -> pd.DataFrame:
    """How far jobs are: one row per route or per crew, or one for the storm.

    Args:
        connection: An open session.
        flow: The tenant's status machine.
        storm_id: The storm.
        by: 'route', 'crew' or 'storm'.

    Returns:
        key, name, total, ended, completed, knocked, contacted, inspected, signed (jobs that ever came so far) and
        completion_pct (100 * ended / total), crew_name (of a route), as_of (when one of them last changed).
    """
    key, name = {
        "route": ("j.route_id::text", "max(r.route_name)"),
        "crew": ("coalesce(r.crew_name, '')", "coalesce(max(r.crew_name), 'no crew yet')"),
        "storm": ("''", "'all jobs'"),
    }[by]
    reached = ", ".join(
        f"count(*) FILTER (WHERE j.furthest = ANY (ARRAY{list(REACHES[at:])})) AS {reach}"
        for at, reach in enumerate(REACHES) if at
    )  # fmt: skip
    query = f"""
        SELECT {key} AS key, {name} AS name, count(*) AS total,
               count(*) FILTER (WHERE j.status = ANY (CAST(:ends AS text[]))) AS ended,
               count(*) FILTER (WHERE j.completed_at IS NOT NULL OR j.status = 'completed') AS completed, {reached},
               max(r.crew_name) AS crew_name, max(j.updated_at) AS as_of
          FROM jobs j LEFT JOIN routes r ON r.tenant_id = j.tenant_id AND r.route_id = j.route_id
         WHERE j.storm_id = :storm_id GROUP BY 1 ORDER BY length({name}), 2"""  # noqa: S608 - own words only
    found = tenancy.bulk_frame(connection, query, {"storm_id": storm_id, "ends": flow.names(ends=True)})
    return found.assign(completion_pct=100.0 * found["ended"] / found["total"])
