"""What happened in a storm, event by event: one frame, whichever of three places it is read from.

Who asks is settled before anything is read: a session of the company is opened and the storm looked up in it, so that
the database refuses whoever is no member. Only then are events read, those of this company and this storm alone. What
else keeps one company's events from another is in docs/SECURITY.md, 'The lake'.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import pandas as pd

from stormplay import tenancy
from stormplay.errors import BadInput
from stormplay.lakehouse import places

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

COLUMNS = {
    "event_id": "str",
    "event_type": "str",
    "property_id": "str",
    "job_id": "str",
    "sii_score": "float64",
    "value_cents": "Int64",
    "event_at": "datetime64[ms, UTC]",
}
_BEGINNING, _END = datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)

# Times are compared as they are given out. Text in the order of its characters, as everywhere else, not of a language.
_POSTGRES = """
    SELECT event_id, event_type, property_id::text AS property_id, job_id::text AS job_id, sii_score, value_cents,
           date_trunc('milliseconds', event_at) AS event_at
      FROM stream_events
     WHERE tenant_id = :tenant_id AND storm_id = :storm
       AND date_trunc('milliseconds', event_at) >= :since AND date_trunc('milliseconds', event_at) < :until
     ORDER BY date_trunc('milliseconds', event_at), event_id COLLATE "C"
"""


def event_history(
    tenant: str | UUID, storm: str | UUID, since: datetime | None = None, until: datetime | None = None
) -> pd.DataFrame:
    """The events of a storm, in the order in which they happened.

    Read over Trino where `STORMPLAY_TRINO` is set, from Iceberg's files where `STORMPLAY_ICEBERG_CATALOG` is, and from
    Postgres where neither is: the same columns, types and order. The lake has all events that were well-formed, and
    Postgres those that it could apply: one of a home that nobody knows is in the lake alone.

    Args:
        tenant: The company's slug or id.
        storm: The storm's slug or id.
        since: The earliest moment, with a zone; None for the storm's first event.
        until: The first moment that is left out, with a zone; None for all there is.

    Returns:
        One row an event: event_id, event_type (`property_impacted`, `job_completed`, `conversion`), property_id,
        job_id, sii_score (0 to 100), value_cents, event_at (UTC, milliseconds). What a type does not have is missing.

    Raises:
        UnknownTenant, UnknownStorm: There is none of that name open to this person.
        BadInput: A moment has no zone, or the environment names a place that cannot be one.
        HistoryUnavailable: The lake does not answer.
    """
    span = (_moment("since", since or _BEGINNING), _moment("until", until or _END))
    with tenancy.session(tenant) as connection:
        tenant_id, storm_id = str(connection.info["tenant_id"]), tenancy.storm_id(connection, storm)
        server = places.trino()
        if server is None and not places.has_catalog():
            return shaped(_from_postgres(connection, storm_id, span))
    from stormplay.lakehouse import readers  # noqa: PLC0415 - who has no lake waits for none of its libraries

    if server is not None:
        return shaped(readers.from_trino(server, tenant_id, storm_id, span))
    return shaped(readers.from_iceberg(places.catalog(), tenant_id, storm_id, span))


def shaped(found: pd.DataFrame) -> pd.DataFrame:
    """The columns in their order and types, whatever a reader's library made of them."""
    return found[list(COLUMNS)].astype(COLUMNS).reset_index(drop=True)


def _from_postgres(connection: Connection, storm_id: str, span: tuple[datetime, datetime]) -> pd.DataFrame:
    return tenancy.bulk_frame(connection, _POSTGRES, {"storm": storm_id, "since": span[0], "until": span[1]})


def _moment(name: str, value: datetime) -> datetime:
    if value.tzinfo is None:
        raise BadInput(f"'{name}' is {value.isoformat()}, of no zone.", "Expected a moment with one, such as UTC.")
    return value.astimezone(UTC)
