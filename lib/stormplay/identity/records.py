"""What the nightly model compares: one record a home, and one for every identity that has no home yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.identity import contacts, places
from stormplay.identity.comparisons import FIELDS
from stormplay.identity.kinds import PRIORITY
from stormplay.identity.matching import squeezed

_HOMES = """
SELECT i.identifier_id::text, i.identity_id::text, p.owner_name, p.address, p.city, p.zip_code, p.phone, p.email
  FROM identifiers i JOIN properties p ON p.tenant_id = i.tenant_id AND p.property_id = i.property_id
 WHERE i.tenant_id = :tenant_id AND i.erased_at IS NULL ORDER BY i.identifier_id
"""

# Leads: identities in which there is no home, with what is known of them.
_LEADS = """
WITH housed AS (
    SELECT DISTINCT identity_id FROM identifiers WHERE tenant_id = :tenant_id AND property_id IS NOT NULL
), lone AS (
    SELECT i.identifier_id, i.identity_id, i.identifier_type FROM identifiers i
      LEFT JOIN housed h ON h.identity_id = i.identity_id
     WHERE i.tenant_id = :tenant_id AND h.identity_id IS NULL AND i.held_apart IS NULL AND i.erased_at IS NULL
)
SELECT l.identifier_id::text, l.identity_id::text, l.identifier_type, v.value
  FROM lone l JOIN identifier_values(ARRAY(SELECT identifier_id FROM lone)) v ON v.identifier_id = l.identifier_id
"""


def read(connection: Connection) -> pd.DataFrame:
    """The tenant's records: identifier_id (the record's most telling one), identity_id, and `comparisons.FIELDS`.

    A telephone number or e-mail address that joins nobody (blocked, or an office's) is left out: it says nothing.
    """
    homes = of_homes(tenancy.bulk_frame(connection, _HOMES))
    leads = _leads(tenancy.bulk_frame(connection, _LEADS))
    found = homes if leads.empty else pd.concat([homes, leads], ignore_index=True)
    for kind in ("phone", "email"):
        silent = _silent(connection, kind, found[kind].dropna().unique().tolist())
        found[kind] = found[kind].where(~found[kind].isin(silent))
    return found.assign(**{field: squeezed(found[field]) for field in FIELDS})


def of_homes(homes: pd.DataFrame) -> pd.DataFrame:
    """Homes as records, in one spelling: owner_name, address, city, zip_code, phone and email become
    `comparisons.FIELDS`; other columns stay."""
    columns = ["owner_name", "address", "city", "zip_code", "phone", "email"]
    written = homes[columns].astype(object).where(homes[columns].notna(), None)
    rows = [_record(*row) for row in written.itertuples(index=False, name=None)]
    kept = homes.drop(columns=columns).reset_index(drop=True)
    return pd.concat([kept, pd.DataFrame(rows, columns=list(FIELDS), dtype=object)], axis=1)


def _record(owner: str | None, address: str | None, city: str | None, zip_code: str | None, phone: str | None,
            email: str | None) -> tuple[str | None, ...]:  # fmt: skip
    where = places.address(address or "", city, zip_code)
    given, surname = places.name(owner or "")
    at = (where.number, where.street, where.unit, where.city, where.zip_code) if where else ("",) * 5
    return (given, surname, *at, None, contacts.phone(phone) if phone else None,
            contacts.email(email) if email else None)  # fmt: skip


def _leads(found: pd.DataFrame) -> pd.DataFrame:
    rank = found["identifier_type"].map({kind: number for number, kind in enumerate(PRIORITY)})
    ordered = found.assign(rank=rank).sort_values(["identity_id", "rank", "identifier_id"])
    rows = [_lead(group.to_dict("records")) for _, group in ordered.groupby("identity_id")]
    told = [row for row in rows if any(row[field] for field in ("surname", "phone", "email"))]
    return pd.DataFrame(told, columns=["identifier_id", "identity_id", *FIELDS], dtype=object)


def _lead(members: Iterable[Mapping[Any, Any]]) -> dict[str, str | None]:
    """One record of an identity's values; of two of a kind the first."""
    row: dict[str, str | None] = dict.fromkeys(FIELDS)
    for one in members:
        row.setdefault("identifier_id", one["identifier_id"])
        row.setdefault("identity_id", one["identity_id"])
        kind, value = one["identifier_type"], one["value"] or ""
        if kind in ("phone", "email") and row[kind] is None:
            row[kind] = value
        elif kind == "name_address" and row["surname"] is None:
            row |= _taken_apart(value)
    return row


def _taken_apart(value: str) -> dict[str, str | None]:
    """'TORRES ANA|3213 CLERESTORY LN|76137' in its parts."""
    who, line, area = [*value.split("|"), "", ""][:3]
    surname, _, given = who.partition(" ")
    number, _, street = line.partition(" ")
    return {"surname": surname, "given": given, "number": number, "street": street,
            "zip_code" if area.isdigit() else "city": area}  # fmt: skip


def _silent(connection: Connection, kind: str, values: list[str]) -> set[str]:
    """Those of the values that join nobody."""
    rows = connection.execute(
        text("SELECT place FROM known_identifiers(:kinds, :wanted) WHERE held_apart IS NOT NULL"),
        {"kinds": [kind] * len(values), "wanted": values},
    )
    return {values[place - 1] for place in rows.scalars()}
