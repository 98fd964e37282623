"""The changes of the storm on screen, gathered for a page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from uuid import UUID

from stormplay import tenancy
from stormplay.errors import StormplayError
from stormplay.live.hearing import subscribe

INTERVAL_S = 0.5  # between two calls of a page, at least


class Live:
    """Calls a page when something of its storm has changed: at once, then at most twice a second.

    Changes that come meanwhile are gathered. A call that takes long is never doubled: the next one waits for it, and
    after it as long as it took. Without a running event loop, as in a report, it does nothing.

    Args:
        tenant, storm: Slug or id of each; None: nothing is chosen yet.
        on_change: Called in the event loop with the names of the tables that changed; contains `EVERYTHING` at the
            beginning and after each interruption. What it returns is awaited, where it can be. What it raises ends
            nothing; the sentence goes to `said`.
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
        self._waiting: set[str] = set()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.follow(tenant, storm)

    def follow(self, tenant: str | UUID | None, storm: str | UUID | None) -> None:
        """Another company or storm is on screen from now on; None: nothing is."""
        self.close()
        if tenant is None or storm is None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._waiting, self._wake = set(), asyncio.Event()
        self._tasks = [loop.create_task(self._hear(tenant, storm)), loop.create_task(self._tell())]

    def close(self) -> None:
        """Stop listening."""
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self._now("off")

    async def _hear(self, tenant: str | UUID, storm: str | UUID) -> None:
        storm_id = None
        try:
            async with aclosing(subscribe(tenant, lambda: self._now("paused"))) as changes:
                async for change in changes:
                    if storm_id is None:
                        storm_id = await asyncio.to_thread(_storm_id, tenant, storm)
                    self._now("live")
                    if change.storm in (None, storm_id):
                        self._waiting.add(change.of)
                        self._wake.set()
        except StormplayError as error:
            self._now("stopped", f"Live updates have stopped. {error}")
        except Exception:  # a page without live updates is a page still
            self._now("stopped", "Live updates have stopped. Reload the page to begin them again.")

    async def _tell(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            changed, self._waiting = frozenset(self._waiting), set()
            began = time.monotonic()
            await self._call(changed)
            took = time.monotonic() - began
            await asyncio.sleep(max(INTERVAL_S - took, took))

    async def _call(self, changed: frozenset[str]) -> None:
        try:
            returned = self._on_change(changed)
            if returned is not None:
                await returned
        except StormplayError as error:
            self._now(self.state, f"A change could not be shown. {error}")
        except Exception:  # of the page's own; the next change is another attempt
            self._now(self.state, "A change could not be shown. Reload the page to see what is in force.")
        else:
            self.changed_at = time.time()
            self.said = ""
            self._on_state()

    def _now(self, state: str, said: str = "") -> None:
        if (state, said) != (self.state, self.said):
            self.state, self.said = state, said
            self._on_state()


def _storm_id(tenant: str | UUID, storm: str | UUID) -> str:
    """Asked in a thread: the page must not stand still while the database is away."""
    wanted = tenancy.as_uuid(storm)
    if wanted is not None:
        return str(wanted)
    with tenancy.session(tenant) as connection:
        return tenancy.storm_id(connection, storm)
