"""Read the graph: from a value to its identity, from an identity to what belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.errors import BadInput
from stormplay.identity.components import widest
from stormplay.identity.kinds import PRIORITY, USES, Use, uses_of
from stormplay.identity.normal import normal

# An identity's own identifiers, and those that hang on it without joining: shared and blocked ones.
_MEMBERS = """
WITH wanted AS (
    SELECT identity_id FROM identifiers WHERE tenant_id = :tenant_id AND identifier_id = CAST(:id AS uuid)
), own AS (
    SELECT i.identifier_id FROM wanted w
      JOIN identifiers i ON i.tenant_id = :tenant_id AND i.identity_id = w.identity_id
), beside AS (
    SELECT l.to_id AS identifier_id FROM own JOIN identifier_links l ON l.tenant_id = :tenant_id
       AND l.from_id = own.identifier_id AND l.revoked_at IS NULL
), every AS (
    SELECT identifier_id FROM own UNION SELECT identifier_id FROM beside
)
SELECT i.identifier_id::text, i.identity_id::text, i.property_id::text, i.identifier_type, i.source, i.seen_at,
       i.held_apart, i.household_count, v.shown, v.is_masked, i.identity_id = w.identity_id AS is_own,
       p.address, p.city, p.zip_code, p.owner_name
  FROM every e JOIN identifiers i ON i.tenant_id = :tenant_id AND i.identifier_id = e.identifier_id
 CROSS JOIN wanted w
  JOIN identifier_values(ARRAY(SELECT identifier_id FROM every)) v ON v.identifier_id = i.identifier_id
  LEFT JOIN properties p ON p.tenant_id = :tenant_id AND p.property_id = i.property_id
 WHERE i.erased_at IS NULL AND (i.identity_id = w.identity_id OR i.held_apart IS NOT NULL)
"""

_TIES = """
SELECT l.from_id::text, l.to_id::text, CASE WHEN l.verified_at IS NULL THEN l.strength ELSE 1 END AS strength,
       l.rule, l.source, l.seen_at, l.verified_at
  FROM identifier_links l
 WHERE l.tenant_id = :tenant_id AND l.revoked_at IS NULL
   AND l.from_id = ANY (CAST(:ids AS uuid[])) AND l.to_id = ANY (CAST(:ids AS uuid[]))
 ORDER BY 3 DESC, 1, 2
"""
LINK_COLUMNS = ["from_id", "to_id", "strength", "rule", "source", "seen_at", "verified"]


def resolve(connection: Connection, kind: str, value: str) -> str | None:
    """See `IdentityGraph.resolve_identity`."""
    found = normal(kind, value)
    if found is None:
        return None
    row = connection.execute(
        text("SELECT identity_id::text, held_apart FROM known_identifiers(ARRAY[:kind], ARRAY[:value])"),
        {"kind": found.kind, "value": found.value},
    ).one_or_none()
    return None if row is None or row.held_apart is not None else str(row.identity_id)


def whose(connection: Connection, kind: str, value: str) -> list[str]:
    """See `IdentityGraph.whose`."""
    found = normal(kind, value)
    if found is None:
        return []
    rows = connection.execute(
        text("""SELECT DISTINCT coalesce(f.identity_id, k.identity_id)::text
                  FROM known_identifiers(ARRAY[:kind], ARRAY[:value]) k
                  LEFT JOIN identifier_links l ON k.held_apart IS NOT NULL AND l.to_id = k.identifier_id
                                              AND l.revoked_at IS NULL
                  LEFT JOIN identifiers f ON f.identifier_id = l.from_id ORDER BY 1"""),
        {"kind": found.kind, "value": found.value},
    )
    return list(rows.scalars())


@dataclass(frozen=True)
class Household:
    """An identity as it is opened.

    Attributes:
        identity_id: Its id of today; '' where there is no such identity.
        identifiers: As `IdentityGraph.get_identifiers` gives them.
        links: What ties them, in force: from_id, to_id, strength (0 to 1), rule, source, seen_at, verified.
    """

    identity_id: str
    identifiers: list[dict[str, Any]]
    links: pd.DataFrame

    @property
    def homes(self) -> list[str]:
        """The property_ids of its homes."""
        return [one["property_id"] for one in self.identifiers if one["property_id"] is not None]


def identifiers(connection: Connection, identity_id: str) -> list[dict[str, Any]]:
    """See `IdentityGraph.get_identifiers`."""
    return household(connection, identity_id).identifiers


def household(connection: Connection, identity_id: str) -> Household:
    """See `IdentityGraph.get_household`."""
    members = tenancy.frame(connection, _MEMBERS, {"id": identity_id})
    ties = tenancy.frame(connection, _TIES, {"ids": members["identifier_id"].tolist()})
    bonds = ties.assign(verified=ties["verified_at"].notna())[LINK_COLUMNS]
    if members.empty:
        return Household("", [], bonds)
    mine = str(members["identity_id"][members["is_own"]].iloc[0])
    sure = widest(mine, list(zip(ties["from_id"], ties["to_id"], ties["strength"], strict=True)))
    last: dict[Any, Any] = ties.groupby("to_id")[["seen_at", "verified_at"]].max().to_dict("index")
    found = [
        _told(row, sure.get(row["identifier_id"], 0.0), last.get(row["identifier_id"], {}))
        for row in members.to_dict("records")
    ]
    found.sort(key=lambda one: (PRIORITY.index(one["type"]), -one["strength"], one["identifier_id"]))
    return Household(mine, found, bonds)


def links(connection: Connection, identity_id: str) -> pd.DataFrame:
    """See `IdentityGraph.get_links`."""
    return household(connection, identity_id).links


def _told(row: Mapping[Any, Any], strength: float, last: Mapping[str, Any]) -> dict[str, Any]:
    joins, sure = pd.isna(row["held_apart"]), round(float(strength), 4)
    return {
        "type": row["identifier_type"],
        "value": row["shown"],
        "strength": sure,
        "uses": list(uses_of(row["identifier_type"], sure, joins)),
        "identifier_id": row["identifier_id"],
        "property_id": None if pd.isna(row["property_id"]) else row["property_id"],
        "address": place_of(row),
        "owner": "" if pd.isna(row["owner_name"]) else row["owner_name"],
        "source": row["source"],
        "seen_at": last.get("seen_at", row["seen_at"]),
        "verified": last.get("verified_at") is not None and not pd.isna(last.get("verified_at")),
        "masked": bool(row["is_masked"]),
        "joins": joins,
        "households": int(row["household_count"]),
    }


def place_of(row: Mapping[Any, Any]) -> str:
    """A home's address in one line; '' where the row has none."""
    return ", ".join(str(row[part]) for part in ("address", "city", "zip_code") if not pd.isna(row[part]))


def current(connection: Connection, identity_id: str) -> str:
    """The identity that an id of today or of before leads to.

    Raises:
        BadInput: There is no such identity.
    """
    found = connection.execute(
        text("SELECT identity_id::text FROM identifiers WHERE identifier_id = :id"), {"id": identity_id}
    ).scalar_one_or_none()
    if found is None:
        raise BadInput(f"There is no identity '{identity_id}'.", "Expected an id that this company's graph has given.")
    return str(found)


def usable(connection: Connection, identity_id: str, use: Use) -> list[dict[str, Any]]:
    """See `IdentityGraph.may`."""
    if use not in USES:
        raise BadInput(f"There is no use '{use}'.", f"Expected one of {', '.join(USES)}.")
    return [one for one in identifiers(connection, identity_id) if use in one["uses"]]
