"""The live page of reports: every section is a widget, kept in step with what is chosen and what is run."""

from __future__ import annotations

import ipywidgets as widgets

from stormplay.controls import reports_sections as sections
from stormplay.controls.asking import show, top
from stormplay.controls.by_storm import ByStorm
from stormplay.controls.guard import checked
from stormplay.controls.live import KeptHtml
from stormplay.controls.query import Asked
from stormplay.controls.record import Recorded
from stormplay.controls.reports_desk import Files, History, Rerun
from stormplay.controls.reports_state import Desk, Reports, Sources, totals
from stormplay.controls.score_chip import ScoreChip
from stormplay.parameters import Scalar


class ReportsBoard(ByStorm):
    """One storm's reports with controls. Made by `reports_page`.

    Attributes:
        reports: What is now shown; None where nothing could be opened.
        past, files, rerun: The history; downloads; running one again.
    """

    NO_STORM = sections.NO_STORM

    def __init__(self, sources: Sources, asked: Asked, chip: ScoreChip) -> None:
        super().__init__(sources, asked, chip)
        self._sources = sources
        self._desk: Desk | None = None
        self.reports: Reports | None = None
        self._answer, self._latest = widgets.HTML(), KeptHtml()
        self.past, self.files = History(self.message, self._tell), Files()
        self.rerun = Rerun(checked(self.message)(self._look_again), self._lock_choice)
        self._begin()

    # ---- sections

    def answer(self) -> widgets.Widget:
        """Say whether every report is fresh, and what to do about those that are not."""
        return top(self.message, self._answer)

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

    def _open(self, tenant: str | None, storm: str | None, asked: Asked | None) -> None:
        self._desk, self.reports = None, None
        self.past.pager.page = 1
        if tenant is not None and storm is not None:
            self._desk, self.reports = self._sources.open(tenant, storm)

    def _look_again(self) -> None:
        if self.reports is not None:
            self.message.clear()
            self._desk, self.reports = self._sources.open(self.reports.tenant, self.reports.storm)
            self._draw()

    def _take(self, asked: Asked) -> None:
        self.past.take(str(asked["report"]), str(asked["status"]))

    def _choices(self) -> dict[str, Scalar]:
        return self.past.choices()

    # ---- drawing

    def _draw(self, *, from_start: bool = False) -> None:
        reports = self.reports
        self._chip.show(self._selectors if reports else None)
        show(self.again, reports is not None)
        if reports is None:
            self._answer.value = self._nothing
            self._latest.value = ""
        else:
            self._answer.value, self._latest.value = sections.answer(reports), sections.latest(reports)
        self.files.show(self._desk, reports)
        self.rerun.show(self._desk, reports, from_start=from_start)
        self.past.show(self._desk, reports)
