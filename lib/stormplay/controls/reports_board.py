"""The live page of reports: every section is a widget, kept in step with what is chosen and what is run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets

from stormplay.controls import markup
from stormplay.controls import reports_sections as sections
from stormplay.controls.asking import look_again, show, top
from stormplay.controls.guard import Message, checked
from stormplay.controls.live import KeptHtml
from stormplay.controls.record import Recorded
from stormplay.controls.reports_desk import Files, History, Rerun
from stormplay.controls.reports_state import Desk, Reports, Sources, totals
from stormplay.controls.score_chip import ScoreChip
from stormplay.controls.selectors import Selectors


class ReportsBoard:
    """One storm's reports with controls. Made by `reports_page`.

    Attributes:
        reports: What is now shown; None where nothing could be opened.
        message: Where the page says what went wrong with a choice.
        past, files, rerun: The history; downloads; running one again.
    """

    def __init__(self, sources: Sources, asked: Mapping[str, Any], complaints: list[str], chip: ScoreChip) -> None:
        self._sources, self._asked, self._chip = sources, dict(asked), chip
        self._desk: Desk | None = None
        self.reports: Reports | None = None
        self.message = Message()
        self._answer, self._latest = widgets.HTML(), KeptHtml()
        self._choice = widgets.VBox([])
        self.again = look_again(self._look_again, self.message)
        self.past, self.files = History(self.message), Files()
        self.rerun = Rerun(checked(self.message)(self._look_again), self._lock)
        self._selectors: Selectors | None = None
        checked(self.message)(self._start)()
        checked(self.message)(lambda: self._draw(from_start=True))()
        if complaints:
            self.message.error(" ".join([*complaints, self.message.text]).strip())

    # ---- sections

    def header(self) -> widgets.Widget:
        """Show the Storm Play Score."""
        return self._chip.widget

    def answer(self) -> widgets.Widget:
        """Say whether every report is fresh, and what to do about those that are not."""
        return top(self.message, self._answer)

    def choose(self) -> widgets.Widget:
        """Choose company and storm."""
        return widgets.VBox([self._choice, widgets.Box([self.again])])

    def latest(self) -> widgets.Widget:
        """Show each report with its last good run, and hand out its files."""
        return widgets.VBox([self._latest, self.files.widget])

    def run(self) -> widgets.Widget:
        """Run a report again."""
        return self.rerun.widget

    def history(self) -> widgets.Widget:
        """List what was run and how it ended."""
        return self.past.widget

    def recorded(self) -> Recorded:
        """Return the numbers of the page; empty where nothing could be opened."""
        return Recorded(totals(self.reports) if self.reports else {})

    # ---- choosing

    def _start(self) -> None:
        self._selectors = Selectors(self._sources.tenants(), self._sources.storms, self._chosen, self.message)
        self._choice.children = (self._selectors.widget,)
        self._selectors.begin(str(self._asked["tenant"]), str(self._asked["storm"]))
        self._open(self._selectors.tenant, self._selectors.storm)

    def _chosen(self, tenant: str, storm: str | None) -> None:
        self.message.clear()
        try:
            self._open(tenant, storm)
        finally:
            self._draw(from_start=True)  # after a failure too: the former choice must not stay in view

    def _open(self, tenant: str | None, storm: str | None) -> None:
        self._desk, self.reports = None, None
        self.past.pager.page = 1
        if tenant is not None and storm is not None:
            self._desk, self.reports = self._sources.open(tenant, storm)

    def _look_again(self) -> None:
        if self.reports is not None:
            self.message.clear()
            self._desk, self.reports = self._sources.open(self.reports.tenant, self.reports.storm)
            self._draw()

    def _lock(self, locked: bool) -> None:
        self.again.disabled = locked
        if self._selectors is not None:
            self._selectors.lock(locked)

    # ---- drawing

    def _draw(self, *, from_start: bool = False) -> None:
        reports = self.reports
        self._chip.show(self._selectors if reports else None)
        show(self.again, reports is not None)
        if reports is None:
            none_yet = self._selectors is not None and self._selectors.tenant and not len(self._selectors.storms)
            self._answer.value = markup.empty(sections.NO_STORM) if none_yet else ""
            self._latest.value = ""
        else:
            self._answer.value, self._latest.value = sections.answer(reports), sections.latest(reports)
        self.files.show(self._desk, reports)
        self.rerun.show(self._desk, reports, from_start=from_start)
        self.past.show(self._desk, reports)
