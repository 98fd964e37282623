"""The live page of a company's health: every section is a widget, kept in step with what is chosen and what happens."""

from __future__ import annotations

import ipywidgets as widgets

from stormplay.controls import health_sections as sections
from stormplay.controls import markup
from stormplay.controls.asking import FileWhenWanted, row, show, top
from stormplay.controls.by_storm import ByStorm
from stormplay.controls.following import read_beside
from stormplay.controls.guard import checked
from stormplay.controls.health_alerts import Alerts
from stormplay.controls.health_papers import Invoices
from stormplay.controls.health_state import Sources, View, Wellness, totals
from stormplay.controls.live import KeptHtml
from stormplay.controls.query import Asked
from stormplay.controls.record import Recorded
from stormplay.controls.score_chip import ScoreChip
from stormplay.controls.work import Report, Work
from stormplay.errors import BadInput

DRAWN = ("answer", "quality", "services", "usage", "people", "companies")


class HealthBoard(ByStorm):
    """One company's health with controls. Made by `health_page`.

    Attributes:
        view: What is now shown; None where nothing could be opened.
        work: The checks of the chosen storm's data, run now.
        csv: The dimensions as a file.
        alerts: Says that the reader sees to an alert.
        papers: Past invoices as files.
    """

    def __init__(self, sources: Sources, asked: Asked, chip: ScoreChip) -> None:
        super().__init__(sources, asked, chip)
        self._sources = sources
        self._source: Wellness | None = None
        self.view: View | None = None
        self._html = {name: KeptHtml() for name in DRAWN}
        self.csv = FileWhenWanted(markup.note("The dimensions as a file that is safe in a spreadsheet."))
        self.work = Work("Check the data now", self._check, self._checked, self._checking)
        show(self.work.cancel_button, False)  # one transaction of seconds: there is nothing to stop half way
        self._reason = widgets.HTML()
        self.alerts = Alerts(self._look_again)
        self.papers = Invoices()
        self._begin()
        chip.following.also(self._follow)

    # ---- sections

    def answer(self) -> widgets.Widget:
        """Say whether the company is well, and what to do first."""
        return top(self.message, self._html["answer"], *self._chip.following.marks)

    def choose(self) -> widgets.Widget:
        """Choose company and storm, and take the dimensions along."""
        return widgets.VBox([self._choice, widgets.Box([self.again]), self.csv.widget])

    def quality(self) -> widgets.Widget:
        """Show what the checks of the chosen storm's data found, and run them."""
        return widgets.VBox([
            self._html["quality"], row(self.work.button), self._reason, self.work.running, self.work.message.widget,
        ])  # fmt: skip

    def services(self) -> widgets.Widget:
        """Show what was promised and what was kept, and see to alerts."""
        return widgets.VBox([self._html["services"], self.alerts.widget])

    def usage(self) -> widgets.Widget:
        """Show what was used of what the plan includes, the bill so far, and the invoices."""
        return widgets.VBox([self._html["usage"], self.papers.widget])

    def people(self) -> widgets.Widget:
        """Show who is active and whose account is stale."""
        return self._html["people"]

    def companies(self) -> widgets.Widget:
        """Put the companies beside each other in which the reader is admin."""
        return self._html["companies"]

    def recorded(self) -> Recorded:
        """Return the numbers of the page; empty where nothing could be opened."""
        return Recorded(totals(self.view) if self.view else {})

    # ---- choosing

    def _open(self, tenant: str | None, storm: str | None, asked: Asked | None) -> None:
        self._source, self.view = None, None
        if tenant is not None:
            self._source, self.view = self._sources.open(tenant, storm)

    def _look_again(self) -> None:
        if self.view is not None:
            self.message.clear()
            self._open(self.view.tenant, self.view.storm or None, None)
            self._draw()

    async def _follow(self, changed: frozenset[str]) -> None:
        source = self._source
        if source is None:
            return
        found = await read_beside(lambda: self.view, lambda view: self._sources.again(source, view))
        if found is not None and self._source is source:
            self.view = found
            self._draw_view(found)

    # ---- checking the data

    def _check(self, report: Report) -> str:
        source, view = self._source, self.view
        if source is None or view is None or not view.storm:
            raise BadInput("No storm is open.", "", "Choose a company and a storm first.")
        report(0.5, "Asking every check …")
        found = source.run_checks(view.storm)
        issues = int(found["issues"].sum())
        return f"{len(found)} checks were asked: {markup.count(issues, 'issue')} in {view.storm_name}."

    def _checked(self, said: str) -> str:
        return said

    def _checking(self, running: bool) -> None:
        self._lock_choice(running)
        if not running:
            checked(self.message)(self._look_again)()
        self._enable(running)

    def _enable(self, running: bool = False) -> None:
        view = self.view
        show(self.work.button, view is not None and bool(view.storm))
        self.work.button.disabled = running or view is None or not view.may_check
        self._reason.value = markup.note(sections.READ_ONLY) if view and view.storm and not view.may_check else ""
        show(self._reason, bool(self._reason.value))

    # ---- drawing

    def _draw(self, *, from_start: bool = False) -> None:
        if from_start:
            self.work.message.clear()
        view = self.view
        self._chip.show(self._selectors if view is not None and view.storm else None)
        if view is not None and not view.storm:  # a company without a storm has news too
            self._chip.following.choose(None, None)
        for widget in (self.again, self.csv.widget, *(self._html[name] for name in DRAWN[1:])):
            show(widget, view is not None)
        self.csv.offer(self._file if view is not None else None)
        if view is None:
            for widget in self._html.values():
                widget.value = ""
            self.alerts.show(None, None)
            self.papers.show(None, None)
            self._enable()
            return
        self._draw_view(view)
        self._html["companies"].value = sections.companies(view)

    def _draw_view(self, view: View) -> None:
        for name in ("answer", "quality", "services", "usage", "people"):
            self._html[name].value = getattr(sections, name)(view)
        self.alerts.show(self._source, view)
        self.papers.show(self._source, view)
        self._enable(self.work.is_running)

    def _file(self) -> str:
        source, view = self._source, self.view
        if source is None or view is None:
            raise BadInput("No company is open.", "", "Choose one first.")
        return markup.download("Download the CSV", f"health-{view.health.tenant}.csv", source.export_csv())
