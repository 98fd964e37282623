"""Usage summed up, storage measured once a day and warnings given, while the server runs.

What is billed does not wait for this: usage is counted where it is caused, and a bill reads what is not summed up yet.
A turn that the database does not answer is made up by the next one.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from tornado.ioloop import PeriodicCallback

from stormplay import logs
from stormplay.billing import metering

if TYPE_CHECKING:
    from stormplay.server.kernels import Kernels

EVERY_S = 600.0


class Metering:
    """Meters all companies every ten minutes, in a thread.

    Args:
        kernels: Whose threads it uses.
        log: Where it says that the database did not answer, once for each time.
    """

    def __init__(self, kernels: Kernels, log: logging.Logger) -> None:
        self._kernels, self._log = kernels, log
        self._turns = PeriodicCallback(self._turn, EVERY_S * 1000)
        self._one_turn = asyncio.Lock()
        self._is_deaf = False

    def start(self) -> None:
        """Begin; the first turn comes after ten minutes."""
        self._turns.start()

    async def stop(self) -> None:
        """Take no further turn, and wait for the end of the one that is being taken."""
        self._turns.stop()
        async with self._one_turn:
            pass

    async def _turn(self) -> None:
        async with self._one_turn:
            try:
                await self._kernels.off_loop(metering.meter_all)
            except Exception as error:  # whatever it is, the server goes on
                if not self._is_deaf:
                    self._log.warning("usage could not be summed up: %s", logs.plain(error))
                self._is_deaf = True
            else:
                self._is_deaf = False
