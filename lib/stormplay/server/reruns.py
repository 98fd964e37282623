"""Reports that people ask for on the page Reports: taken from the database, made in processes of their own.

A page's kernel can mint no login and write no history. It leaves a request under its person's login; here it becomes
`reports.make` under a fresh login of that person, for the storm and notebook of the request alone. Nothing is asked of
the database while nobody has that page open.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from stormplay import database
from stormplay.errors import BadInput, Busy, Cancelled, DatabaseUnavailable, StormplayError
from stormplay.server.book import Shelf
from stormplay.server.periodic import Periodic

if TYPE_CHECKING:
    from stormplay.server.kernels import Kernels

PAGE = "reports"  # the notebook whose readers may ask
EVERY_S = 0.5
AT_ONCE, MOST = 2, 12  # made at a time; taken at a time, those that wait for their turn among them
_UNEXPECTED = "Something went wrong on the server. Your administrator finds it in the server's log."


@dataclass(frozen=True)
class Request:
    """A report that somebody wants once more, as the database hands it to the server."""

    tenant_id: str
    request_id: str
    storm_id: str
    tenant: str
    storm: str
    notebook: str
    username: str
    parameters: dict[str, Any]
    destination: str | None
    is_pdf: bool
    stop: Event = field(default_factory=Event)


class Reruns(Periodic):
    """Makes what is asked for, two at a time, while pages go on.

    Args:
        kernels: The kernels of all visits: who has the page open.
        shelf: The notebooks.
        out: The folder for a report that was never made before.
        log: Where the unexpected goes.
    """

    def __init__(self, kernels: Kernels, shelf: Shelf, out: Path, log: logging.Logger) -> None:
        super().__init__("no wish for a report could be taken", log, EVERY_S)
        self._kernels, self._shelf, self._out = kernels, shelf, out
        self._makers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="rerun")
        self._held: dict[str, Request] = {}

    def stop(self) -> None:
        """Take none any more, and stop those that are being made."""
        super().stop()
        for one in list(self._held.values()):
            one.stop.set()
        self._makers.shutdown()

    def turn(self) -> None:
        """Take what is asked for and stop what is no longer wanted, while somebody has the page open."""
        is_wanted = any(visit.run.name == PAGE for visit in list(self._kernels.visits.values()))
        if not (is_wanted or self._held):
            return
        for one in list(self._held.values()):
            if not one.stop.is_set() and _is_cancelled(one):
                one.stop.set()
        while len(self._held) < MOST and not self.is_stopping and (found := _take()) is not None:
            self._held[found.request_id] = found
            self._makers.submit(self._make, found)

    def _make(self, one: Request) -> None:
        """Runs in a thread; nothing that happens here reaches another request."""
        try:
            status, said = self._outcome(lambda: self._made(one))
            _end(one, status, said)
        except Exception:
            self._log.exception("what came of a report could not be told")
        finally:
            self._held.pop(one.request_id, None)

    def _outcome(self, make: Callable[[], str]) -> tuple[str, str]:
        try:
            return "made", make()
        except Cancelled as error:
            return "cancelled", str(error)
        except Busy as error:
            return "busy", str(error)
        except StormplayError as error:
            return "failed", str(error)
        except Exception:
            self._log.exception("a report that was asked for could not be made")
            return "failed", _UNEXPECTED

    def _made(self, one: Request) -> str:
        from stormplay import reports  # noqa: PLC0415 - a server whose reports nobody asks for need not know how
        from stormplay.reports import orders, workers  # noqa: PLC0415

        if one.stop.is_set():
            raise Cancelled("The report was not begun.", remedy="The last good one was left as it is.")
        if self._shelf.find(one.notebook) is None:
            raise BadInput(f"This server has no notebook '{one.notebook}'.")
        path = self._shelf.folder / f"{one.notebook}.ipynb"
        out = _folder(one.destination, self._out)
        order = orders.again(
            path, (one.tenant, one.tenant_id), (one.storm, one.storm_id), one.parameters, out, one.username
        )
        made = reports.make(order, reports.Terms(retries=1, is_pdf=one.is_pdf), workers.Stoppable(one.stop))
        return f"{made.html.name} was made anew."


def _folder(destination: str | None, otherwise: Path) -> Path:
    """Where the last run was published, which is where people look for it."""
    if destination is None:
        return otherwise
    if "://" in destination:
        raise BadInput(
            f"This report is published at {destination}.",
            remedy="Run it there, with 'stormplay report', or by the schedule that does.",
        )
    return Path(destination)


def _take() -> Request | None:
    with database.transaction(database.broker_url()) as connection:
        row = connection.execute(text("SELECT * FROM sec.take_report_request()")).mappings().one_or_none()
    if row is None:
        return None
    ids = {name: str(row[name]) for name in ("tenant_id", "request_id", "storm_id")}
    return Request(**{**row, **ids})


def _is_cancelled(one: Request) -> bool:
    with database.transaction(database.broker_url()) as connection:
        query = text("SELECT sec.is_report_cancelled(CAST(:tenant AS uuid), CAST(:request AS uuid))")
        names = {"tenant": one.tenant_id, "request": one.request_id}
        return bool(connection.execute(query, names).scalar_one())


def _end(one: Request, status: str, said: str) -> None:
    query = text("SELECT sec.end_report_request(CAST(:tenant AS uuid), CAST(:request AS uuid), :status, :said)")
    names = {"tenant": one.tenant_id, "request": one.request_id, "status": status, "said": said}
    try:
        with database.transaction(database.broker_url()) as connection:
            connection.execute(query, names)
    except DatabaseUnavailable as error:
        logging.getLogger(__name__).warning("what came of a report could not be told: %s", error)
