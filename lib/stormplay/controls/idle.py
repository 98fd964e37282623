"""What waits until the page is quiet: what a reader may want next, and what comes of words still being typed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from stormplay.controls.guard import sentence_of

QUIET_S = 1.0  # after which whoever has just opened something has it
TYPING_S = 0.5  # between two keys; who waits longer wants to see what it comes to
_running: set[asyncio.Task[None]] = set()  # a loop holds its tasks weakly


def when_idle(pieces: Iterable[Callable[[], object]]) -> None:
    """Do each piece later; it must not touch a widget. Where no page is live, nothing is done."""
    waiting = list(pieces)
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    if waiting:
        task = loop.create_task(_do(waiting))
        _running.add(task)
        task.add_done_callback(_running.discard)


async def _do(pieces: Iterable[Callable[[], object]]) -> None:
    await asyncio.sleep(QUIET_S)
    for piece in pieces:
        try:
            await asyncio.to_thread(piece)
        except Exception as error:
            sentence_of(error)  # logged; whoever wants it is told then
            return


class OnceStill:
    """An act that waits until whoever types has paused; it is done at once where no page is live.

    Args:
        act: What to do; its failures are its own.
    """

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act
        self._timer: asyncio.TimerHandle | None = None

    def wait(self) -> None:
        """Something was typed: begin to wait anew."""
        self.forget()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._act()
            return
        self._timer = loop.call_later(TYPING_S, self._act)

    def forget(self) -> None:
        """Do not do it any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
