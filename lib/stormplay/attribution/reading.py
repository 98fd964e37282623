"""The touches and outcomes of a storm, home by home: the only reader of customer_journeys for credit."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import pandas as pd
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.errors import BadInput

# A journey ends with the signature: a touch after it did not earn it. One after a no still counts, since the no
# stands in spite of it; left out, channels that are used late would only ever be seen to convert.
HOMES = """
WITH outcome AS (          -- what is known of a home: signed, not signed, or pending (missing)
    SELECT property_id, actual_converted, observed_at, value_cents FROM policy_outcomes
     WHERE tenant_id = :tenant_id AND storm_id = :storm_id
), touch AS (
    SELECT j.property_id, coalesce(nullif(btrim(j.channel), ''), 'unnamed') AS channel, j."timestamp", j.touch_id,
           coalesce(o.actual_converted AND j."timestamp" > o.observed_at, false) AS is_late
      FROM customer_journeys j LEFT JOIN outcome o ON o.property_id = j.property_id
     WHERE j.tenant_id = :tenant_id AND j.storm_id = :storm_id
), journey AS (
    SELECT property_id, count(*) FILTER (WHERE is_late) AS late_touches,
           array_agg(channel ORDER BY "timestamp", touch_id) FILTER (WHERE NOT is_late) AS path,
           array_agg(CAST(extract(epoch FROM "timestamp") / 86400 AS float8) ORDER BY "timestamp", touch_id)
               FILTER (WHERE NOT is_late) AS days
      FROM touch GROUP BY property_id
), decided AS (
    SELECT property_id, decision FROM policy_decisions_log WHERE tenant_id = :tenant_id AND storm_id = :storm_id
)
SELECT coalesce(j.property_id, o.property_id)::text AS property_id, j.path, j.days,
       coalesce(j.late_touches, 0) AS late_touches, o.actual_converted, o.value_cents, d.decision
  FROM journey j FULL JOIN outcome o ON o.property_id = j.property_id
  LEFT JOIN decided d ON d.property_id = coalesce(j.property_id, o.property_id)
 ORDER BY 1
"""

_ABOUT = """
SELECT s.slug, t.org_name, t.is_synthetic,
       greatest((SELECT max("timestamp") FROM customer_journeys WHERE tenant_id = :tenant_id AND storm_id = :storm_id),
                (SELECT max(observed_at) FROM policy_outcomes WHERE tenant_id = :tenant_id AND storm_id = :storm_id))
           AS as_of
  FROM storms s JOIN tenants t ON t.tenant_id = s.tenant_id
 WHERE s.tenant_id = :tenant_id AND s.storm_id = :storm_id
"""

_TOUCHES = """
SELECT coalesce(nullif(btrim(j.channel), ''), 'unnamed') AS channel, j."timestamp",
       NOT coalesce(o.actual_converted AND j."timestamp" > o.observed_at, false) AS is_counted
  FROM customer_journeys j
  LEFT JOIN policy_outcomes o ON o.tenant_id = j.tenant_id AND o.storm_id = j.storm_id AND o.property_id = j.property_id
 WHERE j.tenant_id = :tenant_id AND j.storm_id = :storm_id AND j.property_id = :property_id
 ORDER BY j."timestamp", j.touch_id
"""

_HOUSEHOLD = """
WITH home AS (
    SELECT property_id, address FROM properties
     WHERE tenant_id = :tenant_id AND property_id = ANY (CAST(:ids AS uuid[]))
), outcome AS (
    SELECT o.property_id, o.storm_id, o.actual_converted, o.observed_at, o.value_cents
      FROM home h JOIN policy_outcomes o ON o.tenant_id = :tenant_id AND o.property_id = h.property_id
), touch AS (
    SELECT j.property_id, j.storm_id, coalesce(nullif(btrim(j.channel), ''), 'unnamed') AS channel, j."timestamp",
           j.touch_id
      FROM home h JOIN customer_journeys j ON j.tenant_id = :tenant_id AND j.property_id = h.property_id
)
SELECT s.slug AS storm, s.name AS storm_name, s.event_date, h.property_id::text, h.address, t.channel, t."timestamp",
       CASE WHEN t.touch_id IS NOT NULL
            THEN NOT coalesce(o.actual_converted AND t."timestamp" > o.observed_at, false) END AS is_counted,
       o.actual_converted, CASE WHEN o.actual_converted IS NOT NULL THEN o.observed_at END AS observed_at,
       CAST(o.value_cents AS float8) / 100 AS value
  FROM touch t FULL JOIN outcome o ON o.property_id = t.property_id AND o.storm_id = t.storm_id
  JOIN home h ON h.property_id = coalesce(t.property_id, o.property_id)
  JOIN storms s ON s.tenant_id = :tenant_id AND s.storm_id = coalesce(t.storm_id, o.storm_id)
 ORDER BY s.event_date DESC, s.slug, h.address, h.property_id, t."timestamp", t.touch_id
"""


def homes(connection: Connection, storm_id: str) -> pd.DataFrame:
    """Every home of a storm with a touch or an outcome.

    Returns:
        property_id; path and days (of each touch, since 1970; both None where there is no touch that counts);
        late_touches (after the signature); actual_converted (None: pending); value_cents; decision.
    """
    return tenancy.bulk_frame(connection, HOMES, {"storm_id": storm_id})


def about(connection: Connection, storm_id: str) -> pd.Series:
    """slug, org_name, is_synthetic, as_of: the newest touch or outcome (NaT: none) of a storm."""
    return tenancy.frame(connection, _ABOUT, {"storm_id": storm_id}).iloc[0]


def touches(connection: Connection, storm_id: str, property_id: str | UUID) -> pd.DataFrame:
    """channel, timestamp and is_counted of one home's touches, in order of time.

    Raises:
        BadInput: That is no property id.
    """
    return tenancy.frame(connection, _TOUCHES, {"storm_id": storm_id, "property_id": _property_id(property_id)})


def household(connection: Connection, property_ids: Iterable[str | UUID]) -> pd.DataFrame:
    """See `AttributionEngine.journeys_of`."""
    ids = [_property_id(one) for one in property_ids]
    return tenancy.frame(connection, _HOUSEHOLD, {"ids": ids})


def _property_id(value: str | UUID) -> str:
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise BadInput(f"'{value}' is no property id.", "Expected a UUID.") from None


def journeys(found: pd.DataFrame) -> pd.DataFrame:
    """The homes that were touched and whose outcome is known, as `credits` takes them.

    Args:
        found: What `homes` gave.

    Returns:
        By property_id: path, conversions and nulls (1 and 0, or 0 and 1), value (dollars, of what was signed), days.
    """
    known = found[found["path"].notna() & found["actual_converted"].notna()]
    converted = known["actual_converted"].astype(bool).to_numpy()
    cents = pd.to_numeric(known["value_cents"]).fillna(0).to_numpy(dtype=float)
    return pd.DataFrame(
        {
            "path": known["path"].to_numpy(),
            "conversions": converted.astype("int64"),
            "nulls": (~converted).astype("int64"),
            "value": cents * converted / 100,
            "days": known["days"].to_numpy(),
        },
        index=pd.Index(known["property_id"], dtype=object, name="property_id"),
    )
