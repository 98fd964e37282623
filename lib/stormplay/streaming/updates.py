"""What the stream applies to a storm, for whoever follows it: every event once, in the order of the commits.

A transaction that began earlier may commit later, so neither a time nor a number of the row says what is new. What is
new is what this look sees and the last one did not: each look keeps its snapshot, and the next asks the ledger for the
transactions that were not in it. So nothing is missed or told twice, also where somebody's transaction goes on for
minutes, or the server was started anew in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from stormplay import live, tenancy
from stormplay.errors import DatabaseUnavailable

LONGEST_WAIT_S = 30.0
"""Between two looks where nothing was told; a NOTIFY can be left out where its queue is full."""
RETRY_S = 0.2

_FIRST = "SELECT pg_current_snapshot()::text"

# The snapshot of a statement is that of its rows; a row of the first part is always there, to carry it.
_NEW = """
SELECT s.snapshot::text, e.event_id, e.event_type AS type, e.property_id::text, e.job_id::text, e.sii_score,
       e.value_cents, e.is_superseded, e.event_at, e.applied_at
  FROM (SELECT pg_current_snapshot() AS snapshot) s
  LEFT JOIN LATERAL (
       SELECT * FROM stream_events e
        WHERE e.tenant_id = :tenant_id AND e.storm_id = :storm_id
          AND e.transaction_id >= pg_snapshot_xmin(CAST(:seen AS pg_snapshot))
          AND NOT pg_visible_in_snapshot(e.transaction_id, CAST(:seen AS pg_snapshot))
       OFFSET 0) e ON true
 ORDER BY e.applied_at, e.event_id
"""

_SINCE = """
SELECT pg_current_snapshot()::text AS snapshot, e.event_id, e.event_type AS type, e.property_id::text, e.job_id::text,
       e.sii_score, e.value_cents, e.is_superseded, e.event_at, e.applied_at
  FROM (SELECT 1) one LEFT JOIN stream_events e ON e.tenant_id = :tenant_id AND e.storm_id = :storm_id
   AND e.applied_at >= :since
 ORDER BY e.applied_at, e.event_id
"""


async def stream_storm_updates(storm_id: str | UUID, since: datetime | None = None) -> AsyncGenerator[dict[str, Any]]:
    """Follow a storm: yield every event that the stream applies to it, from now on, until one stops listening.

    Args:
        storm_id: The storm's id.
        since: Begin with what was applied from this moment on; None: from now on.

    Yields:
        event_id, type, property_id or job_id (None where the type has none), sii_score, value (dollars), is_superseded
        (something newer was known, so it changed nothing), event_at (when it happened), applied_at.

    Raises:
        UnknownStorm: No storm of that id is open to this person.
        UnknownTenant: The company is no longer open to this person.
    """
    tenant_id = await asyncio.to_thread(tenancy.tenant_of_storm, storm_id)
    storm = str(tenancy.as_uuid(storm_id))
    seen, found = await _look(tenant_id, storm, None, since)
    for event in found:
        yield event
    async with aclosing(_wakings(tenant_id, storm)) as wakings:
        async for _ in wakings:
            seen, found = await _look(tenant_id, storm, seen, None)
            for event in found:
                yield event


async def _wakings(tenant_id: str, storm: str) -> AsyncGenerator[None]:
    """Wake whenever something may be new: a NOTIFY of this storm's events, a new connection, or a long silence."""
    async with aclosing(live.subscribe(tenant_id)) as changes:
        waiting = asyncio.ensure_future(anext(changes))
        try:
            while True:
                done, _ = await asyncio.wait({waiting}, timeout=LONGEST_WAIT_S)
                if done:
                    change = waiting.result()
                    waiting = asyncio.ensure_future(anext(changes))
                    if change.of not in ("stream_events", live.EVERYTHING) or change.storm not in (storm, None):
                        continue
                yield
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)


async def _look(tenant_id: str, storm: str, seen: str | None, since: datetime | None
                ) -> tuple[str, list[dict[str, Any]]]:  # fmt: skip
    """One look, tried until the database answers. What it returns is all or nothing, so a failed look costs nothing."""
    while True:
        try:
            return await asyncio.to_thread(_read, tenant_id, storm, seen, since)
        except (DatabaseUnavailable, DBAPIError):
            await asyncio.sleep(RETRY_S)


def _read(tenant_id: str, storm: str, seen: str | None, since: datetime | None) -> tuple[str, list[dict[str, Any]]]:
    with tenancy.session(tenant_id) as connection:
        values: dict[str, Any] = {"tenant_id": tenant_id, "storm_id": storm}
        if seen is not None:
            rows = connection.execute(text(_NEW), values | {"seen": seen}).mappings().all()
        elif since is not None:
            rows = connection.execute(text(_SINCE), values | {"since": since}).mappings().all()
        else:
            return str(connection.execute(text(_FIRST)).scalar_one()), []
    found = [dict(row) for row in rows if row["event_id"] is not None]
    for event in found:
        del event["snapshot"]
        cents = event.pop("value_cents")
        event["value"] = None if cents is None else cents / 100
    return str(rows[0]["snapshot"]), found
