"""What is known of each home before it is decided whether to visit it, and what came of it.

One row a home of a storm, as SQL in named steps. 'Before' is one moment for a whole storm, the same for both arms: the
first decision, touch or outcome of that storm, or now where there is none. What was written down later (a refusal at
the door, a contract) is not seen, so it cannot tell who was visited. Columns of the home itself (age and kind of roof)
carry no date; they are taken as they are now, and the check for leaks looks at them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from stormplay import bulk, tenancy
from stormplay.uplift.actions import CHANNELS
from stormplay.uplift.encoding import Floats

FEATURES = (
    "hail_in",
    "sii_score",
    "roof_age_years",
    "roof_material",
    "roof_area_sqft",
    "home_value_usd",
    "earlier_storms",
    "earlier_hail_in",
    "earlier_visits",
    "earlier_signed",
    "channels_refused",
)

OLDEST_ROOF_YEARS = 100
"""A roof said to be older is taken as one of unknown age."""

_STEPS = """
WITH this AS (              -- the storm in question
    SELECT storm_id, event_date FROM storms WHERE tenant_id = :tenant_id AND storm_id = :storm_id
), earlier AS (             -- the storms before it
    SELECT s.storm_id FROM storms s, this WHERE s.tenant_id = :tenant_id AND s.event_date < this.event_date
), hit AS (                 -- its homes: whoever lies in the modelled swath
    SELECT property_id, hail_in, sii_score FROM property_impacts
     WHERE tenant_id = :tenant_id AND storm_id = :storm_id
), known_until AS (         -- what was known later than this is not looked at
    SELECT least(CAST(:now AS timestamptz),
                 (SELECT min(decided_at) FROM policy_decisions_log
                   WHERE tenant_id = :tenant_id AND storm_id = :storm_id),
                 (SELECT min("timestamp") FROM customer_journeys
                   WHERE tenant_id = :tenant_id AND storm_id = :storm_id),
                 (SELECT min(observed_at) FROM policy_outcomes
                   WHERE tenant_id = :tenant_id AND storm_id = :storm_id)) AS moment
), hail_before AS (         -- earlier storms over the same roof
    SELECT property_id, count(*) AS storms, max(hail_in) AS hail_in FROM property_impacts
     WHERE tenant_id = :tenant_id AND storm_id IN (SELECT storm_id FROM earlier) GROUP BY property_id
), chosen_before AS (       -- chosen for a visit in earlier storms
    SELECT property_id, count(*) AS visits FROM policy_decisions_log
     WHERE tenant_id = :tenant_id AND storm_id IN (SELECT storm_id FROM earlier) AND decision = 'treat'
       AND decided_at < (SELECT moment FROM known_until) GROUP BY property_id
), signed_before AS (       -- and what is known to have come of it
    SELECT property_id, count(*) AS contracts FROM policy_outcomes
     WHERE tenant_id = :tenant_id AND storm_id IN (SELECT storm_id FROM earlier) AND actual_converted
       AND observed_at < (SELECT moment FROM known_until) GROUP BY property_id
), refused_before AS (      -- ways of contact that the owner had refused by then
    SELECT property_id, count(DISTINCT channel) AS channels FROM suppressions
     WHERE tenant_id = :tenant_id AND suppressed_at < (SELECT moment FROM known_until)
       AND (lifted_at IS NULL OR lifted_at >= (SELECT moment FROM known_until)) GROUP BY property_id
)"""

_COLUMNS = """p.property_id::text AS property_id, hit.hail_in, hit.sii_score,
       CASE WHEN p.roof_age_years BETWEEN 0 AND :oldest THEN p.roof_age_years END AS roof_age_years,
       p.roof_material, p.roof_area_sqft, p.home_value_cents / 100 AS home_value_usd,
       coalesce(hail_before.storms, 0) AS earlier_storms, hail_before.hail_in AS earlier_hail_in,
       coalesce(chosen_before.visits, 0) AS earlier_visits, coalesce(signed_before.contracts, 0) AS earlier_signed,
       coalesce(refused_before.channels, 0) AS channels_refused"""

_JOINS = """JOIN properties p ON p.tenant_id = :tenant_id AND p.property_id = hit.property_id
  LEFT JOIN hail_before ON hail_before.property_id = hit.property_id
  LEFT JOIN chosen_before ON chosen_before.property_id = hit.property_id
  LEFT JOIN signed_before ON signed_before.property_id = hit.property_id
  LEFT JOIN refused_before ON refused_before.property_id = hit.property_id"""

TRAINING = f"""{_STEPS}, arms AS (            -- both arms, whose outcome is known
    SELECT d.property_id, (d.decision = 'treat')::int AS treated, o.actual_converted::int AS signed
      FROM policy_decisions_log d
      JOIN policy_outcomes o ON o.tenant_id = :tenant_id AND o.storm_id = :storm_id AND o.property_id = d.property_id
     WHERE d.tenant_id = :tenant_id AND d.storm_id = :storm_id AND d.decision IN ('treat', 'hold_out')
       AND o.actual_converted IS NOT NULL
)
SELECT {_COLUMNS}, arms.treated, arms.signed
  FROM hit JOIN arms ON arms.property_id = hit.property_id
  {_JOINS}
 ORDER BY p.property_id
"""  # noqa: S608 - own words

# Consent and contacts are those of now: they decide what is done next, not what the home is like.
SCORING = f"""{_STEPS}, refuses AS (         -- per home the ways of contact it refuses now, as bits
    SELECT property_id, bit_or(1 << (array_position(CAST(:channels AS text[]), channel) - 1)) AS channels
      FROM suppressions WHERE tenant_id = :tenant_id AND suppressed_at <= :now
       AND (lifted_at IS NULL OR lifted_at > :now) GROUP BY property_id
)
SELECT {_COLUMNS}, (length(translate(p.phone, translate(p.phone, '0123456789', ''), '')) >= 7)::int AS has_phone,
       (position('@' IN p.email) > 1)::int AS has_email, coalesce(refuses.channels, 0) AS refuses
  FROM hit
  {_JOINS}
  LEFT JOIN refuses ON refuses.property_id = hit.property_id
 WHERE CAST(:homes AS uuid[]) IS NULL OR p.property_id = ANY (CAST(:homes AS uuid[]))
"""  # noqa: S608 - own words

_ARMS = """
SELECT s.storm_id::text, s.slug, s.event_date, count(*) FILTER (WHERE d.decision = 'treat') AS treated,
       count(*) FILTER (WHERE d.decision = 'treat' AND o.actual_converted IS NOT NULL) AS treated_known,
       count(*) FILTER (WHERE d.decision = 'hold_out') AS held,
       count(*) FILTER (WHERE d.decision = 'hold_out' AND o.actual_converted IS NOT NULL) AS held_known
  FROM policy_decisions_log d
  JOIN storms s ON s.tenant_id = d.tenant_id AND s.storm_id = d.storm_id
  LEFT JOIN policy_outcomes o ON o.tenant_id = d.tenant_id AND o.storm_id = d.storm_id
   AND o.property_id = d.property_id
 WHERE d.tenant_id = :tenant_id AND d.decision IN ('treat', 'hold_out')
 GROUP BY s.storm_id, s.slug, s.event_date ORDER BY s.event_date, s.slug
"""


@dataclass(frozen=True)
class Past:
    """Homes of storms whose outcome is known.

    Attributes:
        features: One row a home and storm, the columns of `FEATURES`.
        treated, signed: Per row.
        storm: Per row the storm's slug.
        property_id: Per row.
    """

    features: pd.DataFrame
    treated: NDArray[np.bool_]
    signed: Floats
    storm: pd.Series
    property_id: pd.Series

    def fingerprint(self) -> str:
        """SHA-256 of all that a model sees of these rows, and of which homes they are; the same for the same data."""
        order = np.lexsort((self.property_id.to_numpy(), self.storm.to_numpy()))
        seen = {**{name: self.features[name] for name in self.features}, "treated": pd.Series(self.treated),
                "signed": pd.Series(self.signed), "storm": self.storm, "property_id": self.property_id}  # fmt: skip
        digest = hashlib.sha256(json.dumps([*seen, len(order)]).encode())
        for values in seen.values():
            digest.update(_plain_bytes(values.iloc[order]))
        return digest.hexdigest()


@dataclass(frozen=True)
class Present:
    """Homes of a storm, to be scored.

    Attributes:
        property_id: Per home.
        features: The columns of `FEATURES`.
        has_phone, has_email: Per home.
        refused: Per channel of `actions.CHANNELS`, which homes refuse it now.
    """

    property_id: pd.Series
    features: pd.DataFrame
    has_phone: NDArray[np.bool_]
    has_email: NDArray[np.bool_]
    refused: dict[str, NDArray[np.bool_]]

    def __len__(self) -> int:
        return len(self.property_id)


def arms(connection: Connection) -> pd.DataFrame:
    """How many homes each storm has in each arm, and of how many the outcome is known.

    Returns:
        One row a storm, oldest first: storm_id, slug, event_date, treated, treated_known, held, held_known.
    """
    return tenancy.bulk_frame(connection, _ARMS)


def past(connection: Connection, storms: Sequence[tuple[str, str]], now: datetime) -> Past:
    """The homes of storms with a known outcome.

    Args:
        connection: An open session.
        storms: Id and slug of each.
        now: The moment taken for the present.
    """
    parts = [_read(connection, TRAINING, storm_id, now).assign(storm=slug) for storm_id, slug in storms]
    rows = pd.concat(parts, ignore_index=True)
    return Past(_features(rows), rows["treated"].to_numpy() == 1, rows["signed"].to_numpy(dtype=np.float64),
                rows["storm"], rows["property_id"])  # fmt: skip


def present(connection: Connection, storm_id: str, now: datetime, homes: Sequence[str] | None = None) -> Present:
    """The homes in a storm's swath: every one, or those of these ids."""
    wanted = None if homes is None else bulk.array_text(homes)
    rows = _read(connection, SCORING, storm_id, now, channels=list(CHANNELS), homes=wanted)
    bits = rows["refuses"].to_numpy(dtype=np.int64)
    refused = {channel: (bits >> place) % 2 == 1 for place, channel in enumerate(CHANNELS)}
    return Present(rows["property_id"], _features(rows), rows["has_phone"].to_numpy() == 1,
                   rows["has_email"].to_numpy() == 1, refused)  # fmt: skip


def _read(connection: Connection, query: str, storm_id: str, now: datetime, **more: object) -> pd.DataFrame:
    values = {"storm_id": storm_id, "now": now, "oldest": OLDEST_ROOF_YEARS, **more}
    return bulk.copy_frame(connection, query, values)


def _features(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns in their order; of a column without a value nobody can see whether it held words."""
    table = rows[list(FEATURES)]
    return table.assign(roof_material=table["roof_material"].astype(object).where(table["roof_material"].notna(), None))


def _plain_bytes(values: pd.Series) -> bytes:
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isnan(numbers), np.nan, numbers + 0.0).astype("<f8").tobytes()
    return "\0".join("\1" if pd.isna(value) else str(value) for value in values).encode()
