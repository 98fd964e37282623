"""What the server does again and again beside its pages, each in a thread of its own: usage, objectives, history.

Nothing of it keeps a page waiting, and nothing of it ends the server. Where the database does not answer, the next turn
asks again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from stormplay import logs
from stormplay.errors import StormplayError

END_S = 3.0  # that a stopping server waits for a turn under way; each keeps what it does in transactions


class Periodic:
    """A turn, and the next one some time after its end. One of its own fills in `turn`.

    Args:
        what: What to say when a turn fails, such as "usage could not be summed up".
        log: Where it is said: once, until a turn is whole again.
        every_s: Seconds between two turns; 0: never.
        first_s: Seconds before the first one; None: as between two.
    """

    def __init__(self, what: str, log: logging.Logger, every_s: float, first_s: float | None = None) -> None:
        self._what, self._log, self._every_s = what, log, every_s
        self._first_s = every_s if first_s is None else first_s
        self._stopping = threading.Event()
        self._is_deaf = False  # the last turn failed
        # A daemon: a webhook or a database that does not answer must not keep the server from ending.
        self._thread = threading.Thread(target=self._go_on, name=type(self).__name__.lower(), daemon=True)

    @property
    def is_stopping(self) -> bool:
        """Whether the server ends, so that a long turn had better do so too."""
        return self._stopping.is_set()

    def turn(self) -> None:
        """Do it once."""
        raise NotImplementedError

    def last(self) -> None:
        """What remains to be done when no turn comes any more."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Take no further turn, and wait for a short while until the one that is being taken has ended."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(END_S)

    def _go_on(self) -> None:
        pause_s = self._first_s
        while not self._stopping.wait(pause_s if self._every_s > 0 else None):
            self._safely(self.turn)
            pause_s = self._every_s
        self._safely(self.last)

    def _safely(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # whatever it is, the server goes on
            if not self._is_deaf:
                if isinstance(error, StormplayError):
                    self._log.warning("%s: %s", self._what, logs.plain(error))
                else:
                    self._log.exception(self._what)
            self._is_deaf = True
        else:
            self._is_deaf = False
