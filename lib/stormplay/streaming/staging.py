"""The events of one company as arrays of one statement: its rows alone are ever in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from stormplay.streaming.events import Event

Values = dict[str, Any]


def array(values: Iterable[object]) -> str:
    """Numbers, ids and moments as the text of a PostgreSQL array; None is NULL."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def texts(values: Iterable[str | None]) -> str:
    """Texts of any signs as the text of a PostgreSQL array; None is NULL."""
    return "{" + ",".join(["NULL" if value is None else quoted(value) for value in values]) + "}"


def quoted(value: str) -> str:
    """One text as an element of such an array."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def moments(values: Iterable[datetime]) -> str:
    """Moments with their zone as the text of a PostgreSQL array."""
    return "{" + ",".join([f'"{value.isoformat()}"' for value in values]) + "}"


def columns(tenant_id: str, events: Sequence[Event]) -> Values:
    """What every statement about events is given: tenant_id, place, storm_id, event_id, subject, at."""
    return {
        "tenant_id": tenant_id,
        "place": array([event.place for event in events]),
        "storm_id": array([event.storm_id for event in events]),
        "event_id": texts([event.event_id for event in events]),
        "subject": array([event.subject for event in events]),
        "at": moments([event.at for event in events]),
    }


def ask(connection: Connection, statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement, straight from the driver.

    SQLAlchemy reads a statement's names each time; here that would be a tenth of a batch.
    """
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement, values)
        return list(cursor.fetchall()) if cursor.description else []
    finally:
        cursor.close()
