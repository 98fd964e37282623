"""A page that follows what others commit: what it listens by, the quiet mark that says so, and what is read again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

import ipywidgets as widgets

from stormplay.controls import markup

EVERYTHING = "*"
Step = Callable[[frozenset[str]], Awaitable[None]]
H = TypeVar("H")
T = TypeVar("T")
_MOST_READS = 3  # of one change, where the reader changes the page meanwhile


class Listener(Protocol):
    """What a page needs of a `stormplay.live.Live`."""

    @property
    def state(self) -> str: ...  # noqa: D102
    @property
    def said(self) -> str: ...  # noqa: D102
    @property
    def changed_at(self) -> float | None: ...  # noqa: D102
    def follow(self, tenant: str | None, storm: str | None) -> None: ...  # noqa: D102


class MakeListener(Protocol):
    """Makes a `Listener` that listens to nothing yet, such as `stormplay.live.Live`."""

    def __call__(  # noqa: D102
        self, tenant: None, storm: None, on_change: Step, on_state: Callable[[], None]
    ) -> Listener: ...


class Following:
    """Keeps a page in step with what is committed elsewhere.

    Args:
        live: Makes what listens; None: the page moves only when somebody presses something.

    Attributes:
        marks: The widget with the quiet word 'Live', or that updates are paused or have stopped; none where nothing
            listens.
    """

    def __init__(self, live: MakeListener | None) -> None:
        self._mark = widgets.HTML().add_class("sp-live-place")
        self.marks = [self._mark] if live is not None else []
        self._steps: list[Step] = []
        self._of: tuple[str | None, str | None] = None, None
        self._live: Listener | None = None
        if live is not None:
            self._live = live(None, None, self._follow, self._draw)

    def also(self, step: Step) -> None:
        """Call this too with the names of the tables that changed; it may read in a thread and then draws."""
        self._steps.append(step)

    def choose(self, tenant: str | None, storm: str | None) -> None:
        """Follow another storm; None: nothing is open."""
        if self._live is not None and (tenant, storm) != self._of:
            self._of = tenant, storm
            self._live.follow(tenant, storm)

    async def _follow(self, changed: frozenset[str]) -> None:
        for step in self._steps:
            await step(changed)

    def _draw(self) -> None:
        if self._live is not None:  # it may tell before it is here
            self._mark.value = told(self._live.state, self._live.said, self._live.changed_at)


def told(state: str, said: str, changed_at: float | None) -> str:
    """The mark of a page that follows, as HTML."""
    if state == "off":
        return ""
    if state == "stopped" or said:
        return _mark("bad", said)
    if state == "paused":
        return _mark("warn", "Live updates paused, reconnecting …")
    if changed_at is None:
        return _mark("good", "Live")
    return _mark("good", f"Live · last change shown at {datetime.fromtimestamp(changed_at, UTC):%H:%M:%S} UTC")


def _mark(tone: str, words: str) -> str:
    return f'<p class="sp-note sp-live sp-{tone}"><i class="sp-live-dot"></i>{markup.text(words)}</p>'


async def read_beside(held: Callable[[], H | None], read: Callable[[H], T]) -> T | None:
    """Read in a thread, so that the page stays alive; again where the reader has changed it meanwhile.

    Args:
        held: Gives what the page holds; another object: it has been read anew, and what the thread brings may be older.
        read: Reads what is now in place of what is held; must not touch a widget.

    Returns:
        What was read; None where the page holds nothing, or was changed each time.
    """
    for _ in range(_MOST_READS):
        before = held()
        if before is None:
            return None
        found = await asyncio.to_thread(read, before)
        if held() is before:
            return found
    return None
