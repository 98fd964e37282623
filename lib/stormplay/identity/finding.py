"""Find a household by a whole value of any type, or by how one begins; and tell households apart in a few words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.identity.kinds import PRIORITY
from stormplay.identity.lookup import place_of
from stormplay.identity.normal import Normal, normal
from stormplay.identity.suggesting import Suggestion, label, suggest

MOST_SHARED = 50  # households of one shared value that are listed
_CODES = ("claim", "crm_id", "device")  # whatever is typed may be one of these, so it may mean something else as well

# Every type that the typed text may be a whole value of, asked at once. What joins nobody leads to all
# that it was seen with.
_WHOLE = """
WITH typed AS (
    SELECT k.place, k.identifier_id, k.identity_id, k.held_apart FROM known_identifiers(:kinds, :wanted) k
), meant AS (
    SELECT place, identifier_id, held_apart, identity_id FROM typed WHERE held_apart IS NULL
    UNION
    SELECT t.place, t.identifier_id, t.held_apart, o.identity_id FROM typed t
      JOIN identifier_links l ON l.tenant_id = :tenant_id AND l.to_id = t.identifier_id AND l.revoked_at IS NULL
      JOIN identifiers o ON o.tenant_id = :tenant_id AND o.identifier_id = l.from_id
     WHERE t.held_apart IS NOT NULL
    UNION  -- the id of an identity, also of one of before a merge
    SELECT :n_kinds + 1, i.identifier_id, NULL, i.identity_id FROM identifiers i
     WHERE i.tenant_id = :tenant_id AND i.identifier_id = CAST(:id AS uuid)
)
SELECT m.place, m.held_apart, m.identity_id::text, v.shown, p.address, p.city, p.zip_code, p.owner_name FROM meant m
  JOIN identifier_values(ARRAY(SELECT identifier_id FROM meant)) v ON v.identifier_id = m.identifier_id
  LEFT JOIN LATERAL (
       SELECT p.address, p.city, p.zip_code, p.owner_name FROM identifiers h
         JOIN properties p ON p.tenant_id = :tenant_id AND p.property_id = h.property_id
        WHERE h.tenant_id = :tenant_id AND h.identity_id = m.identity_id ORDER BY h.identifier_id LIMIT 1) p ON true
 ORDER BY m.place, m.identity_id LIMIT :n
"""

_BRIEFS = """
WITH members AS (
    SELECT i.identifier_id, i.identity_id, i.identifier_type, i.property_id FROM identifiers i
     WHERE i.tenant_id = :tenant_id AND i.identity_id = ANY (CAST(:ids AS uuid[])) AND i.erased_at IS NULL
)
SELECT m.identity_id::text, m.identifier_type, v.shown, p.address, p.city, p.zip_code, p.owner_name FROM members m
  JOIN identifier_values(ARRAY(SELECT identifier_id FROM members)) v ON v.identifier_id = m.identifier_id
  LEFT JOIN properties p ON p.tenant_id = :tenant_id AND p.property_id = m.property_id
 ORDER BY m.identifier_id
"""


@dataclass(frozen=True)
class Found:
    """What a look-up found.

    Attributes:
        typed: What was looked for.
        households: Those that the whole value stands for first, then those of which a value begins so.
        whole: How many of them the whole value stands for.
        apart: '' where it stands for a household; 'shared' or 'blocked' where it joins nobody, and `households` are
            those that it was seen with.
        shown: The value that joins nobody, as this person may see it.
    """

    typed: str
    households: list[Suggestion] = field(default_factory=list)
    whole: int = 0
    apart: str = ""
    shown: str = ""

    @property
    def the_one(self) -> str:
        """The identity that is meant; '' where none or several may be."""
        meant = self.households[: self.whole] or self.households
        return meant[0].identity_id if len({one.identity_id for one in meant}) == 1 and not self.apart else ""


@dataclass(frozen=True)
class Brief:
    """A household in a few words, as this person may see it.

    Attributes:
        identity_id: Its identity.
        homes: Addresses.
        owners: Names.
        values: By type of identifier, without homes: the values.
        identifiers: How many belong to it.
    """

    identity_id: str
    homes: list[str]
    owners: list[str]
    values: dict[str, list[str]]
    identifiers: int

    @property
    def label(self) -> str:
        """What it is called: its first home and owner, or else its most telling value."""
        telling = next(
            (found[0] for kind in PRIORITY if (found := self.values.get(kind))), "a household without values"
        )
        return label(*(part[0] if part else "" for part in (self.homes, self.owners))) or telling


def look_up(connection: Connection, typed: str, limit: int) -> Found:
    """See `IdentityGraph.look_up`."""
    wanted = _readings(typed)
    rows = tenancy.frame(connection, _WHOLE, _asked(wanted))
    kinds = [*(one.kind for one in wanted), "id"]
    whole: dict[str, Suggestion] = {}
    for row in rows.to_dict("records"):
        whole.setdefault(str(row["identity_id"]), _suggestion(kinds[int(row["place"]) - 1], row))
    certain = any(one.kind not in _CODES for one in whole.values())
    others = [] if certain else [one for one in suggest(connection, typed, limit) if one.identity_id not in whole]
    apart = rows[rows["held_apart"].notna()]
    households = [*whole.values(), *others]
    if apart.empty or len(apart) < len(rows):
        return Found(typed, households, len(whole))
    return Found(typed, households, len(whole), str(apart["held_apart"].iloc[0]), str(apart["shown"].iloc[0]))


def _asked(wanted: list[Normal]) -> dict[str, object]:
    ids = [one.value for one in wanted if one.kind == "property_id"]
    return {"kinds": [one.kind for one in wanted], "wanted": [one.value for one in wanted], "n_kinds": len(wanted),
            "id": ids[0] if ids else None, "n": MOST_SHARED}  # fmt: skip


def briefs(connection: Connection, identity_ids: Collection[str]) -> dict[str, Brief]:
    """See `IdentityGraph.briefs`."""
    rows = tenancy.frame(connection, _BRIEFS, {"ids": list(identity_ids)})
    found = {}
    for identity, group in rows.groupby("identity_id", sort=False):
        others = group[group["identifier_type"] != "property_id"]
        found[str(identity)] = Brief(
            str(identity),
            [place for place in map(place_of, group.to_dict("records")) if place],
            list(dict.fromkeys(group["owner_name"].dropna())),
            {str(kind): values["shown"].tolist() for kind, values in others.groupby("identifier_type")},
            len(group),
        )
    return found


def _readings(typed: str) -> list[Normal]:
    """The typed text as a value of every type that it may be one of."""
    return [one for kind in PRIORITY if (one := normal(kind, typed)) is not None]


def _suggestion(kind: str, row: Mapping[Any, Any]) -> Suggestion:
    place, owner = place_of(row), "" if pd.isna(row["owner_name"]) else str(row["owner_name"])
    return Suggestion(str(row["identity_id"]), kind, label(place, owner) or str(row["shown"]), str(row["shown"]))
