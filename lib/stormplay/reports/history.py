"""Who has run what and how it ended, kept in the database; and one run of a report at a time.

Only a process that may mint logins writes here: the runner. Where reports are made from within a kernel, nothing is
kept, and the folder alone says that a report is being made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from stormplay import database
from stormplay.billing import caps
from stormplay.reports.orders import Order
from stormplay.reports.publishing import busy

_LOCKS = 64  # connections that hold one each

_BEGIN = """
SELECT sec.begin_report(:login, :tenant_id, :storm_id, :notebook, :destination, CAST(:values AS jsonb), :as_of)
"""
_END = """
SELECT sec.end_report(:tenant_id, :run_id, :status, :seconds, :attempts, :row_count, :data_as_of,
                      CAST(:versions AS jsonb), CAST(:files AS jsonb), :error)
"""


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Attributes:
        status: 'fresh', 'failed', 'timed out' or 'stale'.
        seconds: From its first try to its end.
        attempts: Tries.
        row_count: Rows that its queries read; None: unknown.
        data_as_of: How old its data were; None: unknown.
        versions: Of code, schema, notebook and models.
        files: What was published, with digests.
        error: A sentence, or None.
    """

    status: str
    seconds: float
    attempts: int
    row_count: int | None = None
    data_as_of: datetime | None = None
    versions: Mapping[str, Any] | None = None
    files: Mapping[str, Any] | None = None
    error: str | None = None


def is_kept() -> bool:
    """Whether this process keeps the history, rather than being somebody's kernel."""
    return database.is_embedded() or not str(database.configured_url().username).startswith("k_")


def destination(order: Order) -> str:
    """Where a report is published, in the words of its lock and its history."""
    return str(order.out)


@contextmanager
def locked(order: Order) -> Iterator[Callable[[], None]]:
    """Be the only run of a report, as long as this transaction lasts: a run that is killed holds nothing.

    Yields:
        Asks whether the lock still holds; raises DatabaseUnavailable where the connection was lost, and the lock
        with it.

    Raises:
        Busy: Another run holds it.
        DatabaseUnavailable: Nothing answers.
    """
    engine = database.engine(database.broker_url(), pool_size=_LOCKS)
    with _answering():
        connection = engine.connect()
    try:
        with _answering():
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            subject = {"tenant": order.tenant_id, "storm": order.storm_id, "notebook": order.notebook.stem,
                       "out": destination(order)}  # fmt: skip
            query = text("SELECT sec.lock_report(CAST(:tenant AS uuid), CAST(:storm AS uuid), :notebook, :out)")
            is_ours = connection.execute(query, subject).scalar_one()
        if not is_ours:
            raise busy(order.name)

        def holds() -> None:
            with _answering():
                connection.execute(text("SELECT 1"))

        yield holds
    finally:
        with suppress(DBAPIError):  # where the connection is lost, so is the lock
            connection.close()


@contextmanager
def _answering() -> Iterator[None]:
    """Like `database.answering`, also for how a server that is just ending says so."""
    try:
        yield
    except DBAPIError as error:
        if error.connection_invalidated or isinstance(error, OperationalError):
            raise database.unavailable(error.orig) from None
        raise


def begin(order: Order, login: str, as_of: datetime) -> str:
    """Note that a run begins, and that earlier ones which never said how they ended were killed. Returns its id.

    Raises:
        CapReached: The company's plan allows no more reports this month; nothing was begun.
    """
    values = {
        "login": login,
        "tenant_id": order.tenant_id,
        "storm_id": order.storm_id,
        "notebook": order.notebook.stem,
        "destination": destination(order),
        "values": json.dumps(dict(order.values)),
        "as_of": as_of,
    }
    with caps.said(), database.transaction(database.broker_url()) as connection:
        return str(connection.execute(text(_BEGIN), values).scalar_one())


def end(order: Order, run_id: str, ending: Ending) -> None:
    """Note how a run ended."""
    values = vars(ending) | {
        "tenant_id": order.tenant_id,
        "run_id": run_id,
        "versions": None if ending.versions is None else json.dumps(ending.versions),
        "files": None if ending.files is None else json.dumps(ending.files),
    }
    with database.transaction(database.broker_url()) as connection:
        connection.execute(text(_END), values)


def retire(days: int) -> int:
    """Forget runs that began so many days ago, but for the last good one of each report. Returns how many."""
    with database.transaction(database.broker_url()) as connection:
        query = text("SELECT sec.retire_reports(:older)")
        return int(connection.execute(query, {"older": timedelta(days=days)}).scalar_one())
