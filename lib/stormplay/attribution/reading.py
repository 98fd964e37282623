"""The touches and outcomes of a storm, home by home: the only reader of customer_journeys for credit."""

from __future__ import annotations

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
    try:
        wanted = UUID(str(property_id))
    except ValueError:
        raise BadInput(f"'{property_id}' is no property id.", "Expected a UUID.") from None
    return tenancy.frame(connection, _TOUCHES, {"storm_id": storm_id, "property_id": wanted})


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
