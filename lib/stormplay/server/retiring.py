"""Once a day the server lets go what is older than it is kept (`stormplay.retention`)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from stormplay import logs, retention

if TYPE_CHECKING:
    from stormplay.server.kernels import Kernels

FIRST_S = 600.0  # not while everybody signs in after a restart
_log = logging.getLogger("stormplay.server.retention")


class Retirement:
    """One turn a day, while pages go on.

    Args:
        kernels: Whose threads it uses.
        every_s: Seconds between two turns; 0: never.
    """

    def __init__(self, kernels: Kernels, every_s: float) -> None:
        self._kernels, self._every_s = kernels, every_s
        self._turns: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        if self._every_s > 0:
            self._turns = asyncio.get_running_loop().create_task(self._go_on())

    def stop(self) -> None:
        """Take no further turn. One that is being taken ends by itself: each kind is a transaction."""
        if self._turns is not None:
            self._turns.cancel()

    async def _go_on(self) -> None:
        await asyncio.sleep(min(FIRST_S, self._every_s))
        while True:
            await self._kernels.off_loop(_turn)
            await asyncio.sleep(self._every_s)


def _turn() -> None:
    """Runs in a thread; what fails today is done tomorrow, and keeps no other kind up."""
    for rule in retention.RULES:
        try:
            (done,) = retention.retire(is_real=True, rules=[rule])
        except Exception as error:
            # Whatever it is, the server goes on.
            _log.warning("%s could not be let go: %s", rule.what, logs.plain(error))
        else:
            if done.count:
                _log.info("%s let go", rule.what, extra={"count": done.count})
