"""Once a day the server lets go what is older than it is kept (`stormplay.retention`)."""

from __future__ import annotations

import logging

from stormplay import logs, retention
from stormplay.server.periodic import Periodic

FIRST_S = 600.0  # not while everybody signs in after a restart
_log = logging.getLogger("stormplay.server.retention")


class Retirement(Periodic):
    """One turn a day, while pages go on. A turn under way may be broken off: each kind is a transaction.

    Args:
        every_s: Seconds between two turns; 0: never.
    """

    def __init__(self, every_s: float) -> None:
        super().__init__("old history could not be let go", _log, every_s, min(FIRST_S, every_s))

    def turn(self) -> None:
        """Let go what is old; what fails today is done tomorrow, and keeps no other kind up."""
        for rule in retention.RULES:
            if self.is_stopping:
                return
            try:
                (done,) = retention.retire(is_real=True, rules=[rule])
            except Exception as error:
                # Whatever it is, the server goes on.
                _log.warning("%s could not be let go: %s", rule.what, logs.plain(error))
            else:
                if done.count:
                    _log.info("%s let go", rule.what, extra={"count": done.count})
