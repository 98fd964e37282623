"""What the server does for objectives: counts handed over, a turn of the watch, the outbox.

Where the database does not answer, counts wait for the next turn.
"""

from __future__ import annotations

import logging
import time

from stormplay.server.metrics import Meters
from stormplay.server.periodic import Periodic
from stormplay.slo import delivery, watching
from stormplay.slo.recording import PageView, Recorder

EVERY_S = 30.0
FOLD_EVERY_S = 3_600.0


class Slos(Periodic):
    """Begins with the server and ends after the last page, whose time it takes too.

    Args:
        meters: Where figures are kept for Prometheus.
        log: Where the unexpected goes.
        every_s: Seconds between two turns.
    """

    def __init__(self, meters: Meters, log: logging.Logger, every_s: float = EVERY_S) -> None:
        super().__init__("objectives could not be watched", log, every_s)
        self.recorder = Recorder()
        self._meters = meters
        self._folded_s = float("-inf")

    def saw(self, view: PageView) -> None:
        """Take the time of a page."""
        self.recorder.add(view)
        self._meters.saw(view)

    def turn(self) -> None:
        """Hand over what was counted, judge it, tell of alerts, and once an hour fold what is old."""
        self.recorder.hand_over()
        self._meters.turned(watching.turn())
        self._meters.delivered(delivery.deliver())
        if time.monotonic() - self._folded_s > FOLD_EVERY_S:
            watching.fold()
            self._folded_s = time.monotonic()

    def last(self) -> None:
        """Hand over what was counted since, if the database answers."""
        self.recorder.hand_over()
