"""Lists of jobs: pages, places for a map, and those that nobody has moved for too long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy.engine import Connection

from stormplay import clock, exports, tenancy
from stormplay.jobs.workflow import Workflow
from stormplay.ordering import Order, order_by


@dataclass(frozen=True)
class Wanted:
    """Which jobs.

    Attributes:
        address: How the address begins, or a whole property id; '' for any.
        route_id: On this route; None: any.
        crew: Of this crew's routes; '' for those without a crew; None: any.
        statuses: In one of these; None: any.
    """

    address: str = ""
    route_id: str | None = None
    crew: str | None = None
    statuses: tuple[str, ...] | None = None


_COLUMNS = """j.job_id, j.property_id, j.route_id, r.route_name, r.crew_name, p.address, p.zip_code, p.latitude,
       p.longitude, j.status, j.status_since, j.row_version, lu.expected_uplift"""
_HOMES = """
  FROM jobs j
  JOIN properties p ON p.tenant_id = j.tenant_id AND p.property_id = j.property_id
"""
_FROM = f"""{_HOMES}  LEFT JOIN routes r ON r.tenant_id = j.tenant_id AND r.route_id = j.route_id
"""
_UPLIFT = "  LEFT JOIN lead_uplift lu ON lu.tenant_id = j.tenant_id AND lu.property_id = j.property_id\n"
_USUAL = "r.route_name NULLS LAST, p.address_key, j.job_id"
_KNOWN = {"address": "p.address_key", "zip": "p.zip_code", "route": "r.route_name", "crew": "r.crew_name",
          "status": "j.status", "days": "(now() - j.status_since)", "uplift": "lu.expected_uplift"}  # fmt: skip
MOST_LISTED = 50_000  # of one CSV


def page(
    connection: Connection, storm_id: str, wanted: Wanted, *, limit: int, skip: int, order: Order = None
) -> pd.DataFrame:
    """One page, by route and address where no order is chosen; see `JobReader.find`."""
    where, values = _where(storm_id, wanted)
    uplift = _UPLIFT if order is not None and order[0] == "uplift" else ""
    ordered = f"{uplift} {where} ORDER BY {order_by(order, _KNOWN, _USUAL, 'j.job_id')} LIMIT :n OFFSET :skip"
    # The page first, what is told of its rows after it: a hundred lookups instead of a hundred thousand.
    query = f"""
        WITH page AS (SELECT j.job_id, row_number() OVER () AS place FROM (SELECT j.job_id {_FROM} {ordered}) j)
        SELECT {_COLUMNS} FROM page JOIN jobs j ON j.tenant_id = :tenant_id AND j.job_id = page.job_id
          JOIN properties p ON p.tenant_id = j.tenant_id AND p.property_id = j.property_id
          LEFT JOIN routes r ON r.tenant_id = j.tenant_id AND r.route_id = j.route_id
        {_UPLIFT} ORDER BY page.place"""  # noqa: S608 - own words only
    return tenancy.frame(connection, query, {**values, "n": limit, "skip": skip})


def as_csv(connection: Connection, flow: Workflow, storm_id: str, wanted: Wanted, order: Order = None) -> str:
    """What all pages list together as safe CSV, at most the first 50,000."""
    found = page(connection, storm_id, wanted, limit=MOST_LISTED, skip=0, order=order)
    found["status_label"] = [flow.label(str(status)) for status in found["status"]]
    found["status_since"] = [moment.isoformat() for moment in found["status_since"]]
    return exports.to_csv(found.drop(columns=["job_id", "row_version"]))


def count(connection: Connection, storm_id: str, wanted: Wanted) -> int:
    """How many there are."""
    where, values = _where(storm_id, wanted)
    joins = _FROM if wanted.address or wanted.crew is not None else " FROM jobs j "
    return int(tenancy.frame(connection, f"SELECT count(*) AS n {joins} {where}", values)["n"].iloc[0])


def places(connection: Connection, storm_id: str, wanted: Wanted) -> pd.DataFrame:
    """All of them, for a map."""
    where, values = _where(storm_id, wanted)
    query = f"""SELECT j.job_id::text, j.property_id::text, p.latitude, p.longitude, j.status, p.address
                {_FROM if wanted.crew is not None else _HOMES} {where} ORDER BY j.job_id"""
    return tenancy.bulk_frame(connection, query, values)


def stuck(connection: Connection, flow: Workflow, storm_id: str, limit: int) -> pd.DataFrame:
    """Jobs that have been in their status for too long; see `JobReader.get_stuck`."""
    patience = {status.name: status.stale_after_days for status in flow.statuses.values()
                if status.stale_after_days is not None and not status.ends}  # fmt: skip
    query = """
        WITH patience AS (SELECT * FROM unnest(CAST(:names AS text[]), CAST(:days AS int[])) AS x(status, allowed)),
        late AS (
            SELECT j.job_id, j.property_id, j.route_id, j.status, j.status_since, x.allowed,
                   extract(epoch FROM CAST(:now AS timestamptz) - j.status_since) / 86400 AS days
              FROM jobs j JOIN patience x ON x.status = j.status
             WHERE j.tenant_id = :tenant_id AND j.storm_id = :storm_id
               AND NOT EXISTS (SELECT FROM storms s WHERE s.tenant_id = :tenant_id AND s.storm_id = :storm_id
                                  AND s.status = 'closed')
               AND j.status_since < CAST(:now AS timestamptz) - make_interval(days => x.allowed)),
        shown AS (SELECT *, count(*) OVER () AS total FROM late ORDER BY days - allowed DESC, job_id LIMIT :n)
        SELECT s.job_id, s.property_id, p.address, r.route_name, r.crew_name, s.status, s.status_since, s.days,
               s.allowed AS allowed_days, s.total
          FROM shown s JOIN properties p ON p.tenant_id = :tenant_id AND p.property_id = s.property_id
          LEFT JOIN routes r ON r.tenant_id = :tenant_id AND r.route_id = s.route_id
         ORDER BY s.days - s.allowed DESC, s.job_id"""
    values = {"storm_id": storm_id, "names": list(patience), "days": list(patience.values()), "n": limit,
              "now": clock.now()}  # fmt: skip
    found = tenancy.frame(connection, query, values)
    days = found["days"].astype(float)
    allowed = found["allowed_days"].astype(float)
    made = found.drop(columns="total").assign(days=days, overdue_days=days - allowed)
    made["why"] = [_why(flow, str(row["status"]), float(row["days"]), int(row["allowed_days"]), row["crew_name"])
                   for row in made.to_dict("records")]  # fmt: skip
    made.attrs["total"] = int(found["total"].iloc[0]) if len(found) else 0
    return made


def _why(flow: Workflow, status: str, days: float, allowed: int, crew: object) -> str:
    who = f"{crew} has it" if isinstance(crew, str) and crew else "no crew has it"
    unit = "day" if allowed == 1 else "days"
    following = [flow.label(name) for name in flow.legal(status)][:3]
    after = f" Next may be: {', '.join(following)}." if following else ""
    return f"{flow.label(status)} for {days:.0f} days, where {allowed} {unit} are usual; {who}.{after}"


def _where(storm_id: str, wanted: Wanted) -> tuple[str, dict[str, Any]]:
    """The condition and its values. What nobody asked for is not in it, or no plan could make use of that."""
    parts, values = ["WHERE j.tenant_id = :tenant_id AND j.storm_id = :storm_id"], {"storm_id": storm_id}
    told: dict[str, Any] = dict(values)
    if wanted.route_id is not None:
        parts.append("AND j.route_id = CAST(:route_id AS uuid)")
        told["route_id"] = wanted.route_id
    if wanted.crew is not None:
        parts.append("AND coalesce(r.crew_name, '') = :crew")
        told["crew"] = wanted.crew
    if wanted.statuses is not None:
        parts.append("AND j.status = ANY (CAST(:statuses AS text[]))")
        told["statuses"] = list(wanted.statuses)
    if (one := tenancy.as_uuid(wanted.address.strip())) is not None:
        parts.append("AND j.property_id = CAST(:property_id AS uuid)")
        told["property_id"] = str(one)
    elif key := search_key(wanted.address):
        # A prefix as a range: LIKE is not leakproof and would lose its index under row security.
        parts.append('AND p.address_key COLLATE "C" >= :begin AND p.address_key COLLATE "C" < :end')
        told |= {"begin": key, "end": key + "\U0010ffff"}
    return " ".join(parts), told


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
