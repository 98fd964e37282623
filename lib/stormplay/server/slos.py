"""What the server does for objectives, in a thread of its own: counts handed over, a turn of the watch, the outbox.

Nothing of it keeps a page waiting. Where the database does not answer, counts wait and the next turn asks again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from stormplay import logs
from stormplay.errors import StormplayError
from stormplay.server.metrics import Meters
from stormplay.slo import delivery, watching
from stormplay.slo.recording import PageView, Recorder

EVERY_S = 30.0
FOLD_EVERY_S = 3_600.0
END_S = 3.0  # that a stopping server waits for what is under way


class Slos:
    """Begins with the server and ends with it.

    Args:
        meters: Where figures are kept for Prometheus.
        log: Where the unexpected goes.
        every_s: Seconds between two turns.
    """

    def __init__(self, meters: Meters, log: logging.Logger, every_s: float = EVERY_S) -> None:
        self.recorder = Recorder()
        self._meters, self._log, self._every_s = meters, log, every_s
        self._stop = threading.Event()
        self._folded_s = float("-inf")
        self._is_deaf = False
        # A daemon: a webhook that does not answer must not keep the server from ending.
        self._thread = threading.Thread(target=self._turns, name="slos", daemon=True)

    def saw(self, view: PageView) -> None:
        """Take the time of a page."""
        self.recorder.add(view)
        self._meters.saw(view)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Take no further turn; hand over what was counted, if the database answers."""
        self._stop.set()
        self._thread.join(END_S)

    def _turns(self) -> None:
        while not self._stop.wait(self._every_s):
            self._safely(self._turn)
        self._safely(self.recorder.hand_over)

    def _turn(self) -> None:
        self.recorder.hand_over()
        self._meters.turned(watching.turn())
        self._meters.delivered(delivery.deliver())
        if time.monotonic() - self._folded_s > FOLD_EVERY_S:
            watching.fold()
            self._folded_s = time.monotonic()

    def _safely(self, act: Callable[[], object]) -> None:
        try:
            act()
        except StormplayError as error:
            if not self._is_deaf:
                self._log.warning("objectives could not be watched: %s", logs.plain(error))
            self._is_deaf = True
        except Exception:
            self._log.exception("objectives could not be watched")
        else:
            self._is_deaf = False
