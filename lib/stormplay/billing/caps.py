"""Work that would pass the cap of a company's plan, refused before it begins.

The cap is held by the database (`sec.check_cap`): for reports where a run is noted, for routes here, once it is known
how many homes a plan would be for. Nothing is stopped half-way, and the stream is never refused: its events are kept,
and warned of.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from stormplay import bulk, database
from stormplay.errors import CapReached

if TYPE_CHECKING:
    import pandas as pd

_CHECK = "SELECT sec.check_my_stops(CAST(:storm AS uuid), CAST(:homes AS uuid[]))"


def check_stops(connection: Connection, storm_id: str, homes: pd.Series[Any]) -> None:
    """See that a plan of these homes is within what the company may use this month.

    Args:
        connection: A session of the company.
        storm_id: The storm.
        homes: Their ids; those that were on a route of this storm before count no more.

    Raises:
        CapReached: It is not.
    """
    with said():
        connection.execute(text(_CHECK), {"storm": storm_id, "homes": bulk.array_text(homes)})


@contextmanager
def said() -> Iterator[None]:
    """Say a cap that the database held as a sentence.

    Raises:
        CapReached: It held one.
    """
    try:
        yield
    except DBAPIError as error:
        if database.sqlstate(error) != "SP005" or error.orig is None:
            raise
        diag = error.orig.diag  # type: ignore[attr-defined]
        words = str(diag.message_primary)
        raise CapReached(f"{words[:1].upper()}{words[1:]}.", remedy=diag.message_hint or "") from None
