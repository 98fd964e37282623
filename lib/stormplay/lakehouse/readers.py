"""The two ways into the lake: over a Trino server, or straight to Iceberg's files with DuckDB.

Both leave out what is another company's or another storm's by values that are bound, never by text put together.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from stormplay.errors import HistoryUnavailable
from stormplay.lakehouse.places import NAMESPACE, Trino

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

EVENTS = ("events", "events_late")  # on time, and behind the watermark: together they are the history
Span = tuple[datetime, datetime]

_FIELDS = (
    "event_id", "event_type", "property_id", "job_id", "sii_score", "value_cents", "event_at", "recorded_at",
    "partition", "offset",
)  # fmt: skip
# The job knows a second delivery for a week; after that it writes it again, and here it is left out.
_ONCE = """
    SELECT *, row_number() OVER (PARTITION BY event_id ORDER BY recorded_at, "partition", "offset") AS delivery
      FROM ({})
"""
_QUOTED = ", ".join(f'"{field}"' for field in _FIELDS)
_OF_STORM = "tenant_id = ? AND storm_id = ? AND event_at >= ? AND event_at < ?"
_TRINO = f"""
    SELECT event_id, event_type, property_id, job_id, sii_score, value_cents,
           CAST(to_unixtime(event_at) * 1000 AS bigint) AS event_at
      FROM ({_ONCE.format(" UNION ALL ".join(f"SELECT {_QUOTED} FROM {table} WHERE {_OF_STORM}" for table in EVENTS))})
     WHERE delivery = 1 ORDER BY 7, 1
"""  # noqa: S608 - of own words; values are bound
_DUCKDB = f"""
    SELECT event_id, event_type, property_id, job_id, sii_score, value_cents, event_at
      FROM ({_ONCE.format(" UNION ALL ".join(f"SELECT * FROM {table}" for table in EVENTS))})
     WHERE delivery = 1 ORDER BY event_at, event_id
"""  # noqa: S608


def from_trino(server: Trino, tenant_id: str, storm_id: str, span: Span) -> pd.DataFrame:
    """The events of one storm, over Trino, as the person whom the server's address names."""
    import requests  # noqa: PLC0415
    from trino.exceptions import Error  # noqa: PLC0415

    try:
        with server.connect() as connection:
            cursor = connection.cursor()
            cursor.execute(_TRINO, (tenant_id, storm_id, *span) * len(EVENTS))
            found = pd.DataFrame(cursor.fetchall(), columns=[str(column[0]) for column in cursor.description])
    except (Error, requests.RequestException) as error:
        raise _unavailable("Trino", error) from error
    return found.assign(event_at=pd.to_datetime(found["event_at"].astype("int64"), unit="ms", utc=True))


def from_iceberg(catalog: Catalog, tenant_id: str, storm_id: str, span: Span) -> pd.DataFrame:
    """The events of one storm, from the files that Iceberg's catalog names."""
    import duckdb  # noqa: PLC0415
    from pyiceberg.expressions import And, EqualTo, GreaterThanOrEqual, LessThan  # noqa: PLC0415

    wanted = And(
        EqualTo("tenant_id", tenant_id), EqualTo("storm_id", storm_id),
        GreaterThanOrEqual("event_at", span[0].isoformat()), LessThan("event_at", span[1].isoformat()),
    )  # fmt: skip
    with _answering(), duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        for name in EVENTS:
            scan = catalog.load_table((NAMESPACE, name)).scan(row_filter=wanted, selected_fields=_FIELDS)
            engine.register(name, scan.to_arrow())
        found: pd.DataFrame = engine.sql(_DUCKDB).to_arrow_table().to_pandas()
        return found


@contextmanager
def _answering() -> Iterator[None]:
    from pyiceberg.exceptions import NoSuchTableError  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    try:
        yield
    except (NoSuchTableError, DBAPIError, OSError) as error:
        raise _unavailable("The Iceberg catalog", error) from error


def _unavailable(who: str, error: Exception) -> HistoryUnavailable:
    return HistoryUnavailable(
        f"{who} did not give the history: {type(error).__name__}.",
        "Expected a server that answers and tables made by 'stormplay lakehouse create'.",
        "Try again, or ask your administrator; without a lake's address the history is read from Postgres.",
    )
