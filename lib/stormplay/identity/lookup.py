"""Read the graph: from a value to its identity, from an identity to what belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.errors import BadInput
from stormplay.identity.components import widest
from stormplay.identity.kinds import PRIORITY, USED_FOR, USES, Use
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
       i.held_apart, i.household_count, v.shown, v.is_masked, i.identity_id = w.identity_id AS is_own
  FROM every e JOIN identifiers i ON i.tenant_id = :tenant_id AND i.identifier_id = e.identifier_id
 CROSS JOIN wanted w
  JOIN identifier_values(ARRAY(SELECT identifier_id FROM every)) v ON v.identifier_id = i.identifier_id
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


def identifiers(connection: Connection, identity_id: str) -> list[dict[str, Any]]:
    """See `IdentityGraph.get_identifiers`."""
    members = tenancy.frame(connection, _MEMBERS, {"id": identity_id})
    if members.empty:
        return []
    ties = tenancy.frame(connection, _TIES, {"ids": members["identifier_id"].tolist()})
    sure = widest(members["identity_id"][members["is_own"]].iloc[0],
                  list(zip(ties["from_id"], ties["to_id"], ties["strength"], strict=True)))  # fmt: skip
    last: dict[Any, Any] = ties.groupby("to_id")[["seen_at", "verified_at"]].max().to_dict("index")
    found = [
        _told(row, sure.get(row["identifier_id"], 0.0), last.get(row["identifier_id"], {}))
        for row in members.to_dict("records")
    ]
    return sorted(found, key=lambda one: (PRIORITY.index(one["type"]), -one["strength"], one["identifier_id"]))


def links(connection: Connection, identity_id: str) -> pd.DataFrame:
    """See `IdentityGraph.get_links`."""
    members = tenancy.frame(connection, _MEMBERS, {"id": identity_id})
    ties = tenancy.frame(connection, _TIES, {"ids": members["identifier_id"].tolist()})
    return ties.assign(verified=ties["verified_at"].notna())[LINK_COLUMNS]


def _told(row: Mapping[Any, Any], strength: float, last: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": row["identifier_type"],
        "value": row["shown"],
        "strength": round(float(strength), 4),
        "identifier_id": row["identifier_id"],
        "property_id": row["property_id"],
        "source": row["source"],
        "seen_at": last.get("seen_at", row["seen_at"]),
        "verified": last.get("verified_at") is not None and not pd.isna(last.get("verified_at")),
        "masked": bool(row["is_masked"]),
        "joins": row["held_apart"] is None,
        "households": int(row["household_count"]),
    }


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
    found = identifiers(connection, identity_id)
    return [one for one in found if one["joins"] and one["type"] in USED_FOR[use] and one["strength"] >= USES[use]]
