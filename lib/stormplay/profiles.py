"""What a household has done with us: storms, signatures, dollars, channels, and what it has said no to.

A profile is worked out when it is asked for, from the homes that are the identity's at that moment: after a merge or
its taking back it is right at once, and there is nothing to bring up to date.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict
from uuid import UUID

import pandas as pd

from stormplay import tenancy
from stormplay.errors import BadInput

# Named steps, so that a person can print the query and run any part of it.
PROFILES = """
WITH asked AS (            -- an id of before a merge leads to what it became
    SELECT a.id AS asked_id, i.identity_id FROM unnest(CAST(:ids AS uuid[])) AS a (id)
      JOIN identifiers i ON i.tenant_id = :tenant_id AND i.identifier_id = a.id
), household AS (
    SELECT DISTINCT identity_id FROM asked
), home AS (
    SELECT w.identity_id, i.property_id FROM household w
      JOIN identifiers i ON i.tenant_id = :tenant_id AND i.identity_id = w.identity_id
     WHERE i.property_id IS NOT NULL
), touch AS (
    SELECT h.identity_id, j.storm_id, coalesce(nullif(btrim(j.channel), ''), 'unnamed') AS channel, j."timestamp"
      FROM home h JOIN customer_journeys j ON j.tenant_id = :tenant_id AND j.property_id = h.property_id
), outcome AS (
    SELECT h.identity_id, o.storm_id, o.actual_converted, o.value_cents, o.observed_at
      FROM home h JOIN policy_outcomes o ON o.tenant_id = :tenant_id AND o.property_id = h.property_id
), job AS (
    SELECT h.identity_id, j.storm_id, j.completed_at
      FROM home h JOIN jobs j ON j.tenant_id = :tenant_id AND j.property_id = h.property_id
), storm AS (              -- hit by it, decided on, visited, touched, or with an outcome
    SELECT h.identity_id, i.storm_id
      FROM home h JOIN property_impacts i ON i.tenant_id = :tenant_id AND i.property_id = h.property_id
    UNION
    SELECT h.identity_id, d.storm_id
      FROM home h JOIN policy_decisions_log d ON d.tenant_id = :tenant_id AND d.property_id = h.property_id
    UNION SELECT identity_id, storm_id FROM touch
    UNION SELECT identity_id, storm_id FROM outcome
    UNION SELECT identity_id, storm_id FROM job
), seen AS (               -- moments at which somebody of us and of them met
    SELECT identity_id, "timestamp" AS at FROM touch
    UNION ALL SELECT identity_id, completed_at FROM job WHERE completed_at IS NOT NULL
    UNION ALL SELECT identity_id, observed_at FROM outcome WHERE actual_converted
), refusal AS (
    SELECT h.identity_id, s.channel, min(s.suppressed_at) AS since, array_agg(DISTINCT s.property_id::text) AS homes,
           (array_agg(s.reason ORDER BY s.suppressed_at DESC, s.suppression_id DESC))[1] AS reason
      FROM home h JOIN suppressions s ON s.tenant_id = :tenant_id AND s.property_id = h.property_id
     WHERE s.suppressed_at <= now() AND (s.lifted_at IS NULL OR s.lifted_at > now())
     GROUP BY h.identity_id, s.channel
), homes AS (
    SELECT identity_id, array_agg(property_id::text ORDER BY property_id) AS properties FROM home GROUP BY identity_id
), storms AS (
    SELECT identity_id, count(*) AS total_storms FROM storm GROUP BY identity_id
), outcomes AS (
    SELECT identity_id, count(*) FILTER (WHERE actual_converted) AS total_conversions,
           coalesce(sum(value_cents) FILTER (WHERE actual_converted), 0)::bigint AS lifetime_value_cents,
           count(*) FILTER (WHERE actual_converted IS NULL) AS pending
      FROM outcome GROUP BY identity_id
), channels AS (
    SELECT identity_id, jsonb_agg(jsonb_build_array(channel, n) ORDER BY n DESC, channel) AS channels
      FROM (SELECT identity_id, channel, count(*) AS n FROM touch GROUP BY identity_id, channel) AS each
     GROUP BY identity_id
), moments AS (
    SELECT identity_id, min(at) AS first_seen, max(at) AS last_seen FROM seen GROUP BY identity_id
), consent AS (
    SELECT identity_id, jsonb_agg(jsonb_build_array(channel, extract(epoch FROM since), reason, to_jsonb(homes))
                                  ORDER BY channel <> 'all', channel) AS consent
      FROM refusal GROUP BY identity_id
)
SELECT a.asked_id::text, a.identity_id::text, total_storms, total_conversions, lifetime_value_cents, pending,
       first_seen, last_seen, channels, consent, properties
  FROM asked a
  LEFT JOIN homes USING (identity_id) LEFT JOIN storms USING (identity_id) LEFT JOIN outcomes USING (identity_id)
  LEFT JOIN channels USING (identity_id) LEFT JOIN moments USING (identity_id) LEFT JOIN consent USING (identity_id)
"""

# The same over homes that need not be one household yet.
_ONE_HOUSEHOLD = """
WITH asked AS (
    SELECT CAST(:id AS uuid) AS asked_id, CAST(:id AS uuid) AS identity_id
), home AS (
    SELECT CAST(:id AS uuid) AS identity_id, p.property_id FROM properties p
     WHERE p.tenant_id = :tenant_id AND p.property_id = ANY (CAST(:homes AS uuid[]))
), touch AS ("""
OF_HOMES = _ONE_HOUSEHOLD + PROFILES.split("), touch AS (", 1)[1]

# Of so many and more, tables are read whole and joined by hash; of fewer, row by row through their keys.
MANY = 500


class Refusal(TypedDict):
    """A no that is in force: `channel` ('all' or one), since when, the newest reason, and for which homes."""

    channel: str
    since: datetime
    reason: str
    properties: list[str]


class Profile(TypedDict):
    """What a household has done with us.

    `lifetime_value` is in dollars, `lifetime_value_cents` exact; `channels` tells touches by channel, the most used
    first; `pending` counts outcomes not known yet; `first_seen` and `last_seen` are of touches, visits done and
    signatures (None: none of them); `consent` is what is suppressed now, so an empty list is no refusal.
    """

    identity_id: str
    total_storms: int
    total_conversions: int
    lifetime_value: float
    lifetime_value_cents: int
    pending: int
    first_seen: datetime | None
    last_seen: datetime | None
    channels: dict[str, int]
    consent: list[Refusal]
    properties: list[str]


class BehavioralProfileService:
    """The profiles of one company's households.

    Args:
        tenant: The tenant's slug or id; a selection, never an authority.

    Raises:
        UnknownTenant: No such tenant is open to this person.
        DatabaseUnavailable: Nothing answers.
    """

    def __init__(self, tenant: str | UUID) -> None:
        self.tenant = tenant
        with tenancy.session(tenant):
            pass  # a tenant that is not open is refused here, not at the first question

    def get_profile(self, identity_id: str | UUID) -> Profile | None:
        """The profile of a household as it is now.

        Args:
            identity_id: As `IdentityGraph` gives it; also one of before a merge.

        Returns:
            See `Profile`. Storms are those that hit a home of theirs, or in which one was decided on, touched, visited
            or has an outcome; signatures count by home and storm. None where there is no such identity.

        Raises:
            BadInput: That is no id.
        """
        return self.get_profiles([identity_id]).get(str(_id(identity_id)))

    def of_homes(self, property_ids: Iterable[str | UUID]) -> Profile:
        """The profile that these homes would have, were they one household: to look at before a merge.

        Args:
            property_ids: Homes of the tenant; others are passed over.

        Raises:
            BadInput: One of them is no id.
        """
        named = {"homes": [str(_id(one)) for one in property_ids], "id": str(UUID(int=0))}
        with tenancy.session(self.tenant) as connection:
            row = tenancy.frame(connection, OF_HOMES, named).iloc[0]
        return _profile({str(name): value for name, value in row.items()})

    def get_profiles(self, identity_ids: Iterable[str | UUID]) -> dict[str, Profile]:
        """The profiles of many households, in one query.

        Args:
            identity_ids: As `IdentityGraph` gives them, in any number.

        Returns:
            {the id that was asked for: its profile}, in the order asked; ids of no identity are left out.

        Raises:
            BadInput: One of them is no id.
        """
        ids = list(dict.fromkeys(str(_id(one)) for one in identity_ids))
        if not ids:
            return {}
        read = tenancy.bulk_frame if len(ids) >= MANY else tenancy.frame
        with tenancy.session(self.tenant) as connection:
            rows = read(connection, PROFILES, {"ids": ids}).to_dict("records")
        found = {str(row["asked_id"]): _profile({str(name): value for name, value in row.items()}) for row in rows}
        return {one: found[one] for one in ids if one in found}


def _profile(row: Mapping[str, Any]) -> Profile:
    cents = _whole(row["lifetime_value_cents"])
    return Profile(
        identity_id=row["identity_id"],
        total_storms=_whole(row["total_storms"]),
        total_conversions=_whole(row["total_conversions"]),
        lifetime_value=cents / 100,
        lifetime_value_cents=cents,
        pending=_whole(row["pending"]),
        first_seen=_moment(row["first_seen"]),
        last_seen=_moment(row["last_seen"]),
        channels={str(channel): int(n) for channel, n in row["channels"] or []},
        consent=[
            Refusal(channel=channel, since=datetime.fromtimestamp(since, UTC), reason=reason, properties=homes)
            for channel, since, reason, homes in row["consent"] or []
        ],
        properties=list(row["properties"] or []),
    )


def _whole(number: Any) -> int:
    """A count; an identity without rows has none to join."""
    return 0 if pd.isna(number) else int(number)


def _moment(value: Any) -> datetime | None:
    return None if pd.isna(value) else pd.Timestamp(value).tz_convert("UTC").to_pydatetime()


def _id(value: str | UUID) -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        raise BadInput(f"'{value}' is no identity id.", "Expected an id that IdentityGraph has given.") from None
