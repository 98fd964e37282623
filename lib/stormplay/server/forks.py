"""The server's side of the nursery: warm kernels, asked for in a thread of their own."""

from __future__ import annotations

import asyncio
import atexit
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from stormplay.forking import Fork, Nursery, can_fork

_SCRIPT = Path(__file__).with_name("nursery.py")
_begun: list[Nursery] = []


def begin() -> None:
    """Start the nursery of the first `Forks` of this process before there is a server: its imports take seconds."""
    if can_fork():
        early = Nursery(_SCRIPT, logging.getLogger(__name__))
        early.at_hand()
        _begun.append(early)
        atexit.register(early.end)  # whoever fails before leaves nothing behind


class Forks(Nursery):
    """Warm kernels, as long as there is a nursery; after each one that was lost the pause is longer.

    Args:
        log: Where its end is noted.
    """

    def __init__(self, log: logging.Logger) -> None:
        super().__init__(_SCRIPT, log)
        if _begun:
            self.take_over(_begun.pop())
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="nursery")  # one question at a time

    async def ready(self) -> None:
        """Start the nursery where none runs, unless the last one was lost a moment ago."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self.at_hand)

    async def fork(self, identity: dict[str, Any]) -> Fork | None:
        """A warm kernel that knows `identity`, or None where none can be had now."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.child, identity)

    async def close(self) -> None:
        """End the nursery, and with it every kernel that it has forked. Harmless where it has ended."""
        if self._is_closed:
            return
        await asyncio.get_running_loop().run_in_executor(self._thread, self.end)
        self._thread.shutdown()
