"""The changes of the storm on screen, gathered for a page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from uuid import UUID

from stormplay import tenancy
from stormplay.errors import DatabaseUnavailable, StormplayError
from stormplay.live.hearing import EVERYTHING, subscribe

INTERVAL_S = 0.5  # between two calls of a page, at least
SETTLE_S = 1.0  # until a page that has just been read is read again: it is still being opened


class Gathering:
    """Hands what is noted to a call: at once, then at most once an interval, all that came meanwhile together.

    A call that takes long is never doubled: the next one waits for it, and after it as long as it took.

    Args:
        call: Takes the names that were noted; must not raise.
    """

    def __init__(self, call: Callable[[frozenset[str]], Awaitable[None]]) -> None:
        self._call = call
        self._waiting: set[str] = set()
        self._wake = asyncio.Event()

    def note(self, name: str) -> None:
        """Note a name for the next call."""
        self._waiting.add(name)
        self._wake.set()

    async def run(self) -> None:
        """Call for as long as this runs."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._wake.wait()
            self._wake.clear()
            noted, self._waiting = frozenset(self._waiting), set()
            began = clock()
            await self._call(noted)
            took = clock() - began
            await asyncio.sleep(max(INTERVAL_S - took, took))


class Live:
    """Calls a page when something of its storm has changed: at once, then at most twice a second.

    Without a running event loop, as in a report, it does nothing.

    Args:
        tenant, storm: Slug or id of each; None: nothing is chosen yet. `EVERYTHING` in place of the storm: all of them.
        on_change: Called in the event loop with the names of the tables that changed; `EVERYTHING` is among them a
            second after the beginning, and at once after each interruption. What it returns is awaited, where it can
            be. What it raises ends nothing; the sentence goes to `said`.
        on_state: Called whenever `state`, `changed_at` or `said` is another.

    Attributes:
        state: 'off', 'live', 'paused' (reconnecting) or 'stopped'.
        changed_at: When the last change was shown, in seconds since 1970; None: none yet.
        said: What is wrong, in a sentence; ''.
    """

    def __init__(
        self,
        tenant: str | UUID | None,
        storm: str | UUID | None,
        on_change: Callable[[frozenset[str]], Awaitable[None] | None],
        on_state: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_change, self._on_state = on_change, on_state
        self.state, self.said = "off", ""
        self.changed_at: float | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._tenant: str | UUID | None = None
        self._storm: str | UUID | None = None
        self.follow(tenant, storm)

    def follow(self, tenant: str | UUID | None, storm: str | UUID | None) -> None:
        """Another company or storm is on screen from now on; None: nothing is.

        Whoever reads another storm of the company before misses nothing and is told of nothing: what is committed
        meanwhile is heard after this.
        """
        self._storm = storm
        if (
            storm is not None
            and tenant == self._tenant
            and self._tasks
            and not any(task.done() for task in self._tasks)
        ):
            return
        self.close()
        self._tenant = tenant
        if tenant is None or storm is None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        gathering = Gathering(lambda changed: self._call(changed, gathering))
        self._tasks = [loop.create_task(self._hear(tenant, gathering)), loop.create_task(gathering.run())]

    def close(self) -> None:
        """Stop listening."""
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self._now("off")

    async def _hear(self, tenant: str | UUID, gathering: Gathering) -> None:
        storm: str | UUID | None = None
        storm_id: str | None = None
        is_open = False
        try:
            async with aclosing(subscribe(tenant, lambda: self._now("paused"))) as changes:
                async for change in changes:
                    if self._storm is not None and (storm_id is None or storm != self._storm):
                        storm = self._storm
                        storm_id = await asyncio.to_thread(_storm_id, tenant, storm)
                    self._now("live")
                    if not is_open:  # what changed between the page's reading and now; what comes is told at once
                        is_open = True
                        asyncio.get_running_loop().call_later(SETTLE_S, gathering.note, change.of)
                    elif storm_id is None or change.storm in (None, storm_id):
                        gathering.note(change.of)
        except StormplayError as error:
            self._now("stopped", f"Live updates have stopped. {error}")
        except Exception:  # a page without live updates is a page still
            self._now("stopped", "Live updates have stopped. Reload the page to begin them again.")

    async def _call(self, changed: frozenset[str], gathering: Gathering) -> None:
        try:
            returned = self._on_change(changed)
            if returned is not None:
                await returned
        except DatabaseUnavailable:  # it has just gone, or is not quite back; what was missed is not known
            asyncio.get_running_loop().call_later(INTERVAL_S, gathering.note, EVERYTHING)
        except StormplayError as error:
            self._now(self.state, f"A change could not be shown. {error}")
        except Exception:  # of the page's own; the next change is another attempt
            self._now(self.state, "A change could not be shown. Reload the page to see what is in force.")
        else:
            if changed != {EVERYTHING}:
                self.changed_at = time.time()
            if self.state == "live":
                self.said = ""
            self._on_state()

    def _now(self, state: str, said: str = "") -> None:
        if (state, said) != (self.state, self.said):
            self.state, self.said = state, said
            self._on_state()


def _storm_id(tenant: str | UUID, storm: str | UUID) -> str | None:
    """The id of a storm; None for all, and where the database has just gone. In a thread, so that no page waits."""
    if storm == EVERYTHING:
        return None
    wanted = tenancy.as_uuid(storm)
    if wanted is not None:
        return str(wanted)
    try:
        with tenancy.session(tenant) as connection:
            return tenancy.storm_id(connection, storm)
    except DatabaseUnavailable:
        return None
