"""How long a page took: from its request until the browser has drawn all of it, told once for each visit.

The browser says when it has drawn everything, and is believed only after all was sent to it; the clock is the
server's. Where it never says so, what counts is when the last part was sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from stormplay import errors
from stormplay.slo.recording import REFUSALS, PageView


class Timing:
    """The time of one visit.

    Args:
        tell: Takes the view, once; never waits.
        person: User name of whoever looks.
        tenant: The company that the page was asked for; '' where none was named.
        passed_s: Seconds since the request came.
    """

    def __init__(self, tell: Callable[[PageView], None], person: str, tenant: str, passed_s: float = 0.0) -> None:
        self._tell, self._person, self._tenant = tell, person, tenant[:80]
        self._asked_s = time.monotonic() - passed_s
        self._at = datetime.now(UTC) - timedelta(seconds=passed_s)
        self._told_s: float | None = None
        self._is_over = False

    def told(self, outcome: str) -> None:
        """All was sent to the browser.

        Args:
            outcome: Of the notebook's run: 'whole', 'failed' or 'refused'.
        """
        if outcome == "whole":
            self._told_s = self._told_s or time.monotonic()
        else:
            self._end(outcome)

    def drawn(self) -> None:
        """The browser says that it has drawn all of it."""
        if self._told_s is not None:
            self._end("whole", time.monotonic())

    def failed(self) -> None:
        """There was no page."""
        self._end("failed")

    def gone(self, why: str, outcome: str) -> None:
        """The visit has ended.

        Args:
            why: One word, as the page is told.
            outcome: Of the notebook's run; '' where it had not ended.
        """
        if self._told_s is not None:
            self._end("whole", self._told_s)
        elif why == "stopped":
            self._end("refused")  # the server's administrator has ended it
        elif outcome == "failed" or (why == "died" and not outcome):
            self._end("failed")
        else:
            self._end("refused" if outcome else "left")

    def _end(self, outcome: str, at_s: float | None = None) -> None:
        if self._is_over:
            return
        self._is_over = True
        if outcome != "refused":
            seconds = (at_s or time.monotonic()) - self._asked_s
            self._tell(PageView(self._person, self._tenant, self._at.isoformat(), round(seconds, 3), outcome))


def outcome_of(error_name: str) -> str:
    """What a cell's error means for the page: 'refused' where what was asked for cannot be, else 'failed'."""
    kind = getattr(errors, error_name, None)
    return "refused" if isinstance(kind, type) and issubclass(kind, REFUSALS) else "failed"
