"""Find a household by what one remembers: how its address, owner, telephone number or e-mail address begins."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.errors import BadInput
from stormplay.identity.lookup import place_of

FEWEST_SIGNS = 2
_LAST = "\uffff"  # after every sign that a key can have

# Each search is a range of one key, which PostgreSQL may look up in an index under row security; LIKE it may not.
_HOMES = """
SELECT i.identity_id::text, p.address, p.city, p.zip_code, p.owner_name
  FROM properties p LEFT JOIN identifiers i ON i.tenant_id = :tenant_id AND i.property_id = p.property_id
 WHERE p.tenant_id = :tenant_id AND p.{key} COLLATE "C" >= :begins AND p.{key} COLLATE "C" < :ends
 ORDER BY p.{key} COLLATE "C", p.property_id LIMIT :n
"""

_VALUES = """
WITH found AS (
    SELECT * FROM identifiers_beginning(:kind, :begins, :n)
), whose AS (
    SELECT f.shown, f.identity_id FROM found f WHERE f.held_apart IS NULL
    UNION
    SELECT f.shown, o.identity_id FROM found f
      JOIN identifier_links l ON l.tenant_id = :tenant_id AND l.to_id = f.identifier_id AND l.revoked_at IS NULL
      JOIN identifiers o ON o.tenant_id = :tenant_id AND o.identifier_id = l.from_id
     WHERE f.held_apart IS NOT NULL
)
SELECT w.identity_id::text, w.shown, p.address, p.city, p.zip_code, p.owner_name FROM whose w
  LEFT JOIN LATERAL (
       SELECT p.address, p.city, p.zip_code, p.owner_name FROM identifiers h
         JOIN properties p ON p.tenant_id = :tenant_id AND p.property_id = h.property_id
        WHERE h.tenant_id = :tenant_id AND h.identity_id = w.identity_id ORDER BY h.identifier_id LIMIT 1) p ON true
 ORDER BY w.shown, w.identity_id LIMIT :n
"""


@dataclass(frozen=True)
class Suggestion:
    """One household that may be meant.

    Attributes:
        identity_id: Its identity.
        kind: What was found: 'address', 'name', or a type of identifier such as 'phone'.
        label: What to show: the address, and whose.
        matched: The value that begins as was typed, as this person may see it.
    """

    identity_id: str
    kind: str
    label: str
    matched: str


def suggest(connection: Connection, typed: str, limit: int) -> list[Suggestion]:
    """See `IdentityGraph.suggest`."""
    if not 1 <= limit <= 100:
        raise BadInput(f"limit is {limit!r}.", "Expected a whole number from 1 to 100.")
    found: list[Suggestion] = []
    for kind, query, begins in _searches(typed):
        if len(found) < limit:
            named = {"begins": begins, "ends": begins + _LAST, "n": limit, "kind": kind}
            rows = tenancy.frame(connection, query, named)
            found += [_told(kind, row) for _, row in rows.iterrows() if not pd.isna(row["identity_id"])]
    first = {(one.identity_id, one.kind): one for one in reversed(found)}
    return sorted(first.values(), key=found.index)[:limit]


def _searches(typed: str) -> list[tuple[str, str, str]]:
    """What to look for: kind, query, and how the key begins; the likeliest first."""
    text = " ".join(typed.split())
    key = " ".join(re.sub(r"[^a-z0-9]+", " ", text.lower()).split())
    digits = re.sub(r"\D", "", text)
    if len(key.replace(" ", "")) < FEWEST_SIGNS:
        return []
    phone = ("phone", _VALUES, "+1" + digits.removeprefix("1"))
    address = ("address", _HOMES.format(key="address_key"), key)
    if len(digits) >= 3 and not re.search(r"[A-Za-z]", text):
        return [phone, address]
    named = [("name", _HOMES.format(key=column), key) for column in ("owner_key", "surname_key")]
    email = ("email", _VALUES, text.lower())
    if "@" in text:
        return [email]
    return [address, *named] if text[0].isdigit() else [*named, email, address]


def _told(kind: str, row: pd.Series) -> Suggestion:
    place, owner = place_of(row.to_dict()), "" if pd.isna(row["owner_name"]) else str(row["owner_name"])
    matched = str(row.get("shown", owner if kind == "name" else place))
    return Suggestion(str(row["identity_id"]), kind, label(place, owner) or matched, matched)


def label(place: str, owner: str) -> str:
    """What a household is called: where, and whose."""
    return " · ".join(filter(None, (place, owner)))
