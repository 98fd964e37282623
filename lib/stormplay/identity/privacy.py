"""What is known of a person, told to them; and a person forgotten who asks for it. For admins, and written down.

Forgetting empties what tells who somebody is and keeps what is counted: homes, jobs, outcomes and journeys keep their
rows. The database does it in one piece (`erase_identity` in 0041_people.sql) and lets nothing of it come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.errors import BadInput
from stormplay.identity import lookup
from stormplay.identity.writing import hold
from stormplay.jobs import album

# Tables that hang on a home or on a home's job, whoever adds one later.
_TABLES = """
SELECT c.relname AS table_name, bool_or(a.attname = 'property_id') AS has_home FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname IN ('property_id', 'job_id')
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'identifiers'
 GROUP BY c.relname ORDER BY c.relname
"""
_ROWS = "SELECT to_jsonb(t) - 'tenant_id' - 'thumbnail' AS row FROM {table} t WHERE t.tenant_id = :tenant_id AND {mine}"
_OF_HOMES = "t.property_id = ANY (CAST(:homes AS uuid[]))"
_OF_JOBS = """t.job_id IN (SELECT j.job_id FROM jobs j WHERE j.tenant_id = :tenant_id
    AND j.property_id = ANY (CAST(:homes AS uuid[])))"""


def export(connection: Connection, identity_id: str) -> dict[str, Any]:
    """See `IdentityGraph.export_person`."""
    connection.execute(text("SELECT sec.tenant_for('admin')"))
    known = lookup.identifiers(connection, identity_id)
    if not known:
        raise _unknown(identity_id)
    homes = [one["property_id"] for one in known if one["type"] == "property_id"]
    told: dict[str, Any] = {
        "identity_id": lookup.current(connection, identity_id),
        "identifiers": [_plain(one) for one in known],
    }
    for table, has_home in tenancy.frame(connection, _TABLES).itertuples(index=False, name=None):
        query = _ROWS.format(table=table, mine=_OF_HOMES if has_home else _OF_JOBS)
        rows = tenancy.frame(connection, query, {"homes": homes})["row"].tolist()
        if rows:
            told[table] = rows
    _write_down(connection, "exported", told["identity_id"], [one["identifier_id"] for one in known])
    return told


def _plain(one: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in one.items()}


def _write_down(connection: Connection, kind: str, identity: str, identifiers: list[str]) -> None:
    who = connection.execute(text("SELECT sec.my_name()")).scalar_one()
    tenancy.insert(connection, "identity_events", pd.DataFrame([{
        "event_id": str(uuid4()), "kind": kind, "rule": "a person", "before": {identity: identifiers}, "made_by": who,
    }]))  # fmt: skip


def erase(connection: Connection, identity_id: str, reason: str, with_address: bool) -> dict[str, int]:
    """See `IdentityGraph.erase_person`."""
    hold(connection)
    done = connection.execute(
        text("SELECT erase_identity(CAST(:id AS uuid), :why, :address)"),
        {"id": identity_id, "why": reason, "address": with_address},
    ).scalar_one()
    if done is None:
        raise _unknown(identity_id)
    album.destroy(connection, done.pop("files"))
    return {str(what): int(count) for what, count in done.items()}


def _unknown(identity_id: str) -> BadInput:
    return BadInput(f"There is no identity '{identity_id}'.", "Expected an id that this company's graph has given.")
