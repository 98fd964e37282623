"""What is read of jobs: one job with all that is known, lists by page, progress."""

from __future__ import annotations

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

_LIST = """
SELECT j.job_id, j.property_id, j.route_id, r.route_name, r.crew_name, p.address, p.zip_code, p.latitude, p.longitude,
       j.status, j.status_since, j.row_version, lu.expected_uplift
  FROM jobs j
  JOIN properties p ON p.tenant_id = j.tenant_id AND p.property_id = j.property_id
  LEFT JOIN routes r ON r.tenant_id = j.tenant_id AND r.route_id = j.route_id
  LEFT JOIN lead_uplift lu ON lu.tenant_id = j.tenant_id AND lu.property_id = j.property_id
 WHERE j.storm_id = :storm_id
   AND (CAST(:route_id AS uuid) IS NULL OR j.route_id = CAST(:route_id AS uuid))
   AND (CAST(:statuses AS text[]) IS NULL OR j.status = ANY (CAST(:statuses AS text[])))
"""
# A prefix as a range: LIKE is not leakproof and would lose its index under row security.
_BEGINS = """ AND p.address_key COLLATE "C" >= :begin AND p.address_key COLLATE "C" < :end"""
_ORDER = " ORDER BY r.route_name NULLS LAST, p.address_key, j.job_id LIMIT :n OFFSET :skip"


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


def page(connection: Connection, storm_id: str, *, route_id: str | None, statuses: list[str] | None, address: str,
         limit: int, skip: int) -> pd.DataFrame:  # fmt: skip
    """Jobs of a storm, by route and address; `address` is how it begins, in any case and spacing."""
    key = search_key(address)
    values = {"storm_id": storm_id, "route_id": route_id, "statuses": statuses, "n": limit, "skip": skip,
              "begin": key, "end": key + "\U0010ffff"}  # fmt: skip
    return tenancy.frame(connection, _LIST + (_BEGINS if key else "") + _ORDER, values)


def search_key(address: str) -> str:
    """What `properties.address_key` holds for an address.

    >>> search_key("  1204, Oak-Ridge  Dr.")
    '1204 oak ridge dr '
    """
    kept = "".join(sign if sign.isascii() and sign.isalnum() else " " for sign in address.lower())
    spaced = " ".join(kept.split(" "))
    while "  " in spaced:
        spaced = spaced.replace("  ", " ")
    return spaced.lstrip(" ")


def trail(connection: Connection, job_id: str) -> pd.DataFrame:
    """What happened to a job, newest first: at, who, what ('status' or 'note'), text."""
    return tenancy.frame(
        connection,
        """SELECT happened_at AS at, said_by AS who, 'status' AS what, to_status AS text FROM job_events
            WHERE job_id = :id
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
        completion_pct (100 * ended / total).
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
               count(*) FILTER (WHERE j.completed_at IS NOT NULL OR j.status = 'completed') AS completed, {reached}
          FROM jobs j LEFT JOIN routes r ON r.tenant_id = j.tenant_id AND r.route_id = j.route_id
         WHERE j.storm_id = :storm_id GROUP BY 1 ORDER BY 2"""  # noqa: S608 - own words only
    found = tenancy.bulk_frame(connection, query, {"storm_id": storm_id, "ends": flow.names(ends=True)})
    return found.assign(completion_pct=100.0 * found["ended"] / found["total"])
