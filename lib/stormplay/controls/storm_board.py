"""The live page of a storm that comes in: it moves by itself, and nobody need touch it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import ipywidgets as widgets
import pandas as pd

from stormplay import charts
from stormplay.controls import storm_sections as sections
from stormplay.controls.asking import show, top
from stormplay.controls.by_storm import ByStorm
from stormplay.controls.following import EVERYTHING
from stormplay.controls.guard import checked
from stormplay.controls.live import ChartFrame, KeptHtml
from stormplay.controls.query import Asked
from stormplay.controls.record import Recorded
from stormplay.controls.score_chip import ScoreChip
from stormplay.controls.storm_letters import Letters
from stormplay.controls.storm_map import StormMap
from stormplay.controls.storm_state import Desk, Sources, Storm, counted, totals
from stormplay.errors import StormplayError

TICK_S = 5.0  # without news too: what came within the last minute grows less, and silence becomes a state
CHART_S = 2.0  # between two drawings of the chart

Found = tuple[Storm, pd.DataFrame]


class StormBoard(ByStorm):
    """One storm as it comes in, with controls. Made by `storm_live`.

    Attributes:
        storm: What is now shown; None where nothing could be opened.
        map, chart, letters: The homes; events a minute; what could not be applied.
    """

    NO_STORM = sections.NO_STORM

    def __init__(self, sources: Sources, asked: Asked, chip: ScoreChip) -> None:
        super().__init__(sources, asked, chip)
        self._sources = sources
        self._desk: Desk | None = None
        self.storm: Storm | None = None
        self._html = {name: KeptHtml() for name in ("answer", "score", "feed", "positions")}
        self.map, self.chart = StormMap(), ChartFrame()
        self.letters = Letters(checked(self.message)(self._settled))
        self._charted_s = 0.0
        self._turn = asyncio.Lock()
        self._ticks: asyncio.Task[None] | None = None
        self._begin()
        chip.following.also(self._changed)
        with suppress(RuntimeError):  # no event loop: a page that is built in a test
            self._ticks = asyncio.get_running_loop().create_task(self._tick())

    # ---- sections

    def answer(self) -> widgets.Widget:
        """Say what the storm is doing, whether we keep up, and what could not be applied."""
        return top(self.message, *self._chip.following.marks, self._html["answer"])

    def where(self) -> widgets.Widget:
        """Show the homes, coloured by modelled hail."""
        return self.map

    def score(self) -> widgets.Widget:
        """Show what it does to the Storm Play Score."""
        return self._html["score"]

    def reading(self) -> widgets.Widget:
        """Show events a minute, and how far they are read."""
        return widgets.VBox([self.chart, self._html["positions"]])

    def newest(self) -> widgets.Widget:
        """List the newest events."""
        return self._html["feed"]

    def not_applied(self) -> widgets.Widget:
        """List what could not be applied, and settle it."""
        return self.letters.widget

    def recorded(self) -> Recorded:
        """Return the numbers of the page; empty where nothing could be opened."""
        return Recorded(totals(self.storm) if self.storm else {})

    # ---- choosing

    def _open(self, tenant: str | None, storm: str | None, asked: Asked | None) -> None:
        self._desk, self.storm = None, None
        if tenant is not None and storm is not None:
            self._desk, homes, self.storm = self._sources.open(tenant, storm)
            self.map.begin(homes)

    def _look_again(self) -> None:
        if self.storm is not None:
            self.message.clear()
            self._open(self.storm.tenant, self.storm.storm, None)
            self._draw()

    def _settled(self) -> None:
        """Letters were settled on this page: what others would be told is read at once."""
        if self._desk is not None and self.storm is not None:
            self._show(self._read(self._desk, self.storm), with_letters=True)

    # ---- moving by itself

    async def _changed(self, tables: frozenset[str]) -> None:
        """Something of this storm was committed."""
        await self._follow(with_letters=bool(tables & {EVERYTHING, "stream_dead_letters"}))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            with suppress(StormplayError):  # what follows changes says what is wrong, and tries again
                await self._follow(with_letters=False)

    async def _follow(self, *, with_letters: bool) -> None:
        """Read in a thread, so that the page stays alive, and show it; never twice at once."""
        async with self._turn:
            desk, storm = self._desk, self.storm
            if desk is None or storm is None:
                return
            found = await asyncio.to_thread(self._read, desk, storm)
            if desk is self._desk:  # else another storm was chosen meanwhile
                self._show(found, with_letters=with_letters)

    def _read(self, desk: Desk, storm: Storm) -> Found:
        return self._sources.again(desk, storm), desk.get_changes()

    def _show(self, found: Found, *, with_letters: bool) -> None:
        known, changes = found
        before = self.storm
        self.map.change(changes)
        self.storm = storm = known.with_homes(counted(self.map.homes["sii_score"]))
        self._draw_figures(storm)
        if with_letters or before is None or before.stream.open_letters != storm.stream.open_letters:
            self.letters.show(self._desk, storm)

    # ---- drawing

    def _draw(self, *, from_start: bool = False) -> None:
        storm = self.storm
        self._chip.show(self._selectors if storm else None)
        for widget in (self.map, self.chart, self.again, self.letters.widget):
            show(widget, storm is not None)
        self.letters.show(self._desk, storm)
        if storm is None:
            for widget in self._html.values():
                widget.value = ""
            self._html["answer"].value = self._nothing
            return
        self._charted_s = 0.0
        self._draw_figures(storm)

    def _draw_figures(self, storm: Storm) -> None:
        for name in ("answer", "score", "feed", "positions"):
            self._html[name].value = getattr(sections, name)(storm)
        now = storm.stream.at.timestamp()
        if now - self._charted_s >= CHART_S:
            self._charted_s = now
            self.chart.show(charts.events_a_minute(storm.stream.minutes))
