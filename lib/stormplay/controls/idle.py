"""What a reader may want next, made ready once the page is quiet: in a thread, one piece after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from stormplay.controls.guard import sentence_of

QUIET_S = 1.0  # after which whoever has just opened something has it
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
