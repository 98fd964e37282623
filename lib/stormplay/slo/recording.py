"""Counts of what was measured, handed to the database in batches.

A database that does not answer is when pages fail, so counts wait here until it does. A batch has a name of its own
and counts once, whether or not its first try was committed before the line was lost.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from stormplay import database, tenancy
from stormplay.errors import BadInput, Busy, Cancelled, Conflict, NotAllowed, StormplayError

MOST_WAITING = 50_000  # views; older ones are forgotten first
_MOST_OF_A_BATCH = 500
# Whoever asked for what cannot be has been answered; anything else that goes wrong is a failure.
REFUSALS = (BadInput, NotAllowed, Conflict, Busy, Cancelled)
_COUNT = text("SELECT sec.count_pages(CAST(:batch AS uuid), CAST(:pages AS jsonb))")

log = logging.getLogger("stormplay.slo")


@dataclass(frozen=True)
class PageView:
    """One page that somebody has opened.

    Attributes:
        person: User name of whoever looked, as the server knows it; it is not kept.
        tenant: The company that the page was asked for, slug or id; '' where none was named.
        at: When it was asked for, ISO 8601 with a zone.
        seconds: From the request until all of it was drawn, or until it failed or was given up.
        outcome: 'whole', 'failed', or 'left' (whoever asked did not wait for it).
    """

    person: str
    tenant: str
    at: str
    seconds: float
    outcome: str


class Recorder:
    """Gathers page views and hands them over; safe for threads."""

    def __init__(self) -> None:
        self._waiting: deque[PageView] = deque(maxlen=MOST_WAITING)
        self._batch: tuple[str, list[PageView]] | None = None
        self._handing = threading.Lock()

    def add(self, view: PageView) -> None:
        """Take a view; never waits."""
        self._waiting.append(view)

    @property
    def waiting(self) -> int:
        """Views that are not in the database yet."""
        batch = self._batch
        return len(self._waiting) + (len(batch[1]) if batch else 0)

    def hand_over(self) -> int:
        """Count all that wait. Returns how many views were of a company's member and so were counted.

        Raises:
            DatabaseUnavailable: Nothing answers; what waits goes on waiting, under the same name.
        """
        counted = 0
        with self._handing:
            while self._batch or self._waiting:
                name, views = self._batch = self._batch or (str(uuid.uuid4()), self._taken())
                values = {"batch": name, "pages": json.dumps([asdict(one) for one in views])}
                with database.transaction(database.broker_url()) as connection:
                    counted += int(connection.execute(_COUNT, values).scalar_one())
                self._batch = None
        return counted

    def _taken(self) -> list[PageView]:
        found: list[PageView] = []
        while self._waiting and len(found) < _MOST_OF_A_BATCH:
            found.append(self._waiting.popleft())
        return found


@contextmanager
def measured(tenant: str | UUID) -> Iterator[None]:
    """Count a plan of routes that fails in here. One that is made is counted by the database, with the plan."""
    try:
        yield
    except REFUSALS:
        raise
    except Exception:
        failed_plan(tenant)
        raise


def failed_plan(tenant: str | UUID) -> None:
    """Count a plan of routes that failed though nothing was wrong with what was asked; from within a kernel.

    It never makes things worse: where the database does not answer, the failure is not counted.
    """
    with suppress(StormplayError, SQLAlchemyError):
        with tenancy.session(tenant) as connection:
            connection.execute(text("SELECT sec.count_failed_plan()"))
        log.info("a plan that failed was counted")
