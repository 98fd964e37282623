"""What is done beside the batches and never keeps them waiting: in threads, with connections of their own. A chore that
fails is done at its next turn; none ends the stream.

    the login       renewed before it ends
    lag             told to Prometheus and to whoever watches, and once a minute to the companies' objectives
    dead letters    tried again where somebody has asked for it
    beliefs         scored anew for homes whose impact has changed; takes longest, so it has a thread of its own
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from stormplay.errors import StormplayError
from stormplay.streaming import dependents, letters, objectives
from stormplay.streaming.metrics import Meters
from stormplay.streaming.service import Service
from stormplay.streaming.source import Source

EVERY_S = 1.0
BELIEFS_EVERY_S = 5.0
LOOK_EVERY_S = 30.0  # a minute's look is one, whoever takes it; a minute without one is silence

_log = logging.getLogger("stormplay.stream")


class Chores:
    """Does them until it is told to leave.

    Args:
        service: As whom the database is asked.
        source: Whose lag is told.
        meters: Where figures are kept.
        is_first: Whether this is the first of several workers: it alone looks after letters and beliefs.
    """

    def __init__(self, service: Service, source: Source, meters: Meters, *, is_first: bool = True) -> None:
        self.lag = 0
        self._service, self._source, self._meters = service, source, meters
        self._look_s = 0.0
        self._leaving = threading.Event()
        quick = [self._tell_lag, service.renew, *([self._replay] if is_first else [])]
        self._threads = [self._thread("stream-chores", EVERY_S, quick)]
        if is_first:
            self._threads.append(self._thread("stream-beliefs", BELIEFS_EVERY_S, [self._rescore]))

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def leave(self, timeout_s: float) -> None:
        """Begin no further chore; wait a while for the quick ones. A scoring that is cut off leaves all of it due."""
        self._leaving.set()
        self._threads[0].join(timeout_s)

    def _thread(self, name: str, every_s: float, chores: Sequence[Callable[[], None]]) -> threading.Thread:
        return threading.Thread(target=self._turns, args=(every_s, chores), name=name, daemon=True)

    def _turns(self, every_s: float, chores: Sequence[Callable[[], None]]) -> None:
        while not self._leaving.wait(every_s):
            for chore in chores:
                if not self._leaving.is_set():
                    _safely(chore)

    def _tell_lag(self) -> None:
        found = self._source.lag()
        self.lag = self._meters.show_lag(found)
        self._meters.rebalances.set(self._source.rebalances)
        self._meters.rebuilt.set(self._source.rebuilt)

        if time.monotonic() >= self._look_s:
            with self._service.transaction() as connection:
                objectives.look(connection, found)
            self._look_s = time.monotonic() + LOOK_EVERY_S

    def _replay(self) -> None:
        with self._service.transaction() as connection:
            taken = letters.take_replays(connection)
        self._meters.replayed.inc(taken)

    def _rescore(self) -> None:
        with self._service.transaction() as connection:
            found = dependents.due(connection)
        for tenant_id, storm_id in found:
            if not self._leaving.is_set():
                _safely(lambda: self._rescore_one(tenant_id, storm_id))  # noqa: B023 - called at once

    def _rescore_one(self, tenant_id: str, storm_id: str) -> None:
        self._meters.rescored.inc(dependents.rescore(tenant_id, storm_id, address=self._service.address))


def _safely(chore: Callable[[], None]) -> None:
    try:
        chore()
    except StormplayError as error:
        _log.warning("%s", error)
    except Exception:
        _log.exception("A chore has failed; it is done at its next turn.")
