"""The live pieces of the page of reports: the history with its filters, a report's files, and running one again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
import pandas as pd

from stormplay.controls import markup
from stormplay.controls import reports_sections as sections
from stormplay.controls.asking import FileWhenWanted, Pager, button, row, show
from stormplay.controls.guard import Message, checked
from stormplay.controls.live import PickTable
from stormplay.controls.reports_state import STATUSES, Desk, Reports
from stormplay.controls.work import Report, Work
from stormplay.errors import BadInput, Busy, Cancelled, ReportFailed
from stormplay.parameters import Scalar

PAGE = 25
ANY = ""
LOOK_S = 0.4  # between two looks at what has come of a request
TAKEN_WITHIN_S = 20.0  # a server that is there takes a request within a second
STOPPED_WITHIN_S = 15.0
LONGEST_S = 1_500.0  # a report may take ten minutes, and once more where the database was lost
_LOOK = {"style": {"description_width": "5.5em"}, "layout": {"width": "min(26em, 100%)"}}


class History:
    """The runs that match, a page at a time; one can be picked to read all of it.

    Args:
        message: Where the page says what went wrong.
        filtered: Called after another filter was chosen.

    Attributes:
        widget: What is displayed.
        notebook, status: The filters.
        table, pager, run, csv: The rows now shown; which of them; the picked one; all of them as a file.
    """

    def __init__(self, message: Message, filtered: Callable[[], object] = lambda: None) -> None:
        self._filtered_by = filtered
        self._desk: Desk | None = None
        self._found = pd.DataFrame()
        self._name = ""
        self._quiet = False
        self.notebook = widgets.Dropdown(description="Report", options=[("All reports", ANY)], **_LOOK)
        self.status = widgets.Dropdown(
            description="Status", options=[("All statuses", ANY), *((each, each) for each in STATUSES)], **_LOOK
        )
        self.table = PickTable(columns=sections.COLUMNS, label="Runs", has_search=False, asks=True)
        self.pager = Pager(PAGE, self.draw, message)
        self.run = widgets.HTML()
        self.csv = FileWhenWanted(markup.note("All runs that match, as a file that is safe in a spreadsheet."))
        for field in (self.notebook, self.status):
            field.observe(checked(message)(lambda _: self._filtered()), "value")
        self.table.observe(checked(message)(lambda _: self._filtered()), "order")
        self.table.observe(checked(message)(lambda change: self._picked(change["new"])), "selected")
        filters = row(self.notebook, self.status)
        self.widget = widgets.VBox([filters, self.table, self.pager.widget, self.run, self.csv.widget])

    def show(self, desk: Desk | None, reports: Reports | None) -> None:
        """Be about a storm."""
        self._desk = desk
        self._name = "" if reports is None else f"reports-{reports.tenant}-{reports.storm}"
        names = [] if reports is None else [one.notebook for one in reports.standings]
        kept = self.notebook.value
        self._quiet = True
        try:
            self.notebook.options = [("All reports", ANY), *((name, name) for name in names)]
            self.notebook.value = kept if kept in names else ANY
        finally:
            self._quiet = False
        show(self.widget, reports is not None)
        self.draw()

    def take(self, notebook: str, status: str) -> None:
        """Filter as an address asks; what there is not filters nothing."""
        known = [[value for _, value in box.options] for box in (self.notebook, self.status)]
        self.notebook.value = notebook if notebook in known[0] else ANY
        self.status.value = status if status in known[1] else ANY

    def choices(self) -> dict[str, Scalar]:
        """The filters, as an address names them."""
        return {"report": str(self.notebook.value), "status": str(self.status.value)}

    def draw(self) -> None:
        """Read and show the page of the history."""
        self.run.value = ""
        self.csv.offer(None if self._desk is None else self._file)
        if self._desk is None:
            self._found = pd.DataFrame()
            return
        wanted = {"notebook": str(self.notebook.value), "status": str(self.status.value)}
        self.pager.over(self._desk.count_runs(**wanted))
        at = self.pager.rows
        self._found = self._desk.get_runs(**wanted, limit=PAGE, skip=at.start, order=self.table.ordered)
        self.table.empty = sections.NO_MATCH if any(wanted.values()) else sections.NO_RUN
        self.table.show(*sections.table_rows(self._found))

    def _filtered(self) -> None:
        if not self._quiet:
            self.pager.page = 1
            self.draw()
            self._filtered_by()

    def _picked(self, run_id: str) -> None:
        hit = self._found[self._found["run_id"].astype(str) == run_id] if len(self._found) else self._found
        self.run.value = sections.run(dict(hit.iloc[0])) if len(hit) else ""

    def _file(self) -> str:
        if self._desk is None:
            raise BadInput("No storm is open.", "", "Choose a company and a storm first.")
        text = self._desk.export_runs_csv(str(self.notebook.value), str(self.status.value))
        return markup.download("Download the CSV", f"{self._name}.csv", text)


class Files:
    """The files of each report's last good run, fetched when wanted.

    Attributes:
        widget: What is displayed.
        choice, button, links: Which report; fetches its files; what came of it.
        message: Where a failure is told.
    """

    def __init__(self) -> None:
        self._desk: Desk | None = None
        self.message = Message()
        self.choice = widgets.Dropdown(description="Files of", **_LOOK)
        self.button = button("Get the files")
        self.links = widgets.HTML()
        self.button.on_click(checked(self.message)(lambda _: self._fetch()))
        self.choice.observe(checked(self.message)(lambda _: self._forget()), "value")
        self.widget = widgets.VBox([row(self.choice, self.button), self.message.widget, self.links])

    def show(self, desk: Desk | None, reports: Reports | None) -> None:
        """Offer what the storm has; files that were fetched before are taken away, since they may be out of date."""
        self._desk = desk
        good = [] if reports is None else [one for one in reports.standings if one.good is not None]
        kept, runs = self.choice.label, {one.notebook: str((one.good or {})["run_id"]) for one in good}
        self.choice.options = list(runs.items())
        self.choice.value = runs.get(str(kept), next(iter(runs.values()), None))
        self._forget()
        show(self.widget, bool(good))

    def _forget(self) -> None:
        self.message.clear()
        self.links.value = ""

    def _fetch(self) -> None:
        self._forget()
        if self._desk is None or self.choice.value is None:
            raise BadInput("No report has been made yet.", "", "Run one first.")
        found = self._desk.get_files(str(self.choice.value))
        if not found:
            raise BadInput("This run does not say which files it has published.", "", "Run the report again.")
        ready = [
            markup.download(f"{one.label} ({_size(len(one.data))})", one.name, one.data, one.mime)
            for one in found if one.data is not None
        ]  # fmt: skip
        missing = "".join(markup.note(f"{one.label}: {one.said}") for one in found if one.data is None)
        self.links.value = (f'<p class="sp-links">{" ".join(ready)}</p>' if ready else "") + missing


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MB" if count >= 2**20 else f"{max(1, count // 1024):,} KB"


class Rerun:
    """Runs a report again: asks the server, follows it, can take it back.

    Args:
        changed: Called after a run, so that the page is read anew.
        lock: Called with True before and False after it.

    Attributes:
        widget: What is displayed.
        choice, work: Which report; its making.
        reason: Why it cannot be pressed.
    """

    def __init__(self, changed: Callable[[], None], lock: Callable[[bool], None]) -> None:
        self._changed, self._lock = changed, lock
        self._desk: Desk | None = None
        self._reports: Reports | None = None
        self._busy = False
        self.choice = widgets.Dropdown(description="Report", **_LOOK)
        self.work = Work("Run it again", self._run, self._done, self._running)
        self.reason = widgets.HTML()
        self.widget = widgets.VBox([
            row(self.choice, self.work.button), self.reason, self.work.running, self.work.message.widget,
        ])  # fmt: skip

    def show(self, desk: Desk | None, reports: Reports | None, *, from_start: bool = False) -> None:
        """Be about a storm; `from_start` forgets what was said before."""
        self._desk, self._reports = desk, reports
        if from_start:
            self.work.message.clear()
        kept, names = self.choice.value, [] if reports is None else [one.notebook for one in reports.standings]
        worst = [] if reports is None else [one.notebook for one in reports.of("failed since", "too old", "never made")]
        self.choice.options = names
        self.choice.value = kept if kept in names and not from_start else next(iter([*worst, *names]), None)
        show(self.widget, reports is not None)
        self._enable()

    def _enable(self) -> None:
        may = self._reports is not None and self._reports.may_run
        self.work.button.disabled = not may or not self.choice.options or self._busy
        self.choice.disabled = self._busy
        self.reason.value = "" if may or self._reports is None else markup.note(sections.READ_ONLY)
        show(self.reason, bool(self.reason.value))

    def _running(self, running: bool) -> None:
        self._busy = running
        self._lock(running)
        self._enable()
        if not running:
            self._changed()

    # ---- in a thread

    def _run(self, report: Report) -> str:
        desk, notebook = self._desk, self.choice.value
        if desk is None or self._reports is None or notebook is None:
            raise BadInput("No storm is open.", "", "Choose a company and a storm first.")
        before = self._reports.standing(str(notebook))
        usual_s = float(before.good["seconds"] or 0) if before is not None and before.good is not None else 0.0
        request = desk.request(str(notebook))
        told = self._followed(desk, request, str(notebook), max(2.0, usual_s), report)
        said = str(told["said"] or "")
        if told["status"] == "made":
            return said
        raise {"busy": Busy, "cancelled": Cancelled}.get(str(told["status"]), ReportFailed)(said)

    def _followed(self, desk: Desk, request: str, notebook: str, usual_s: float, report: Report) -> dict[str, Any]:
        began_s, stopped_s = time.monotonic(), None
        while True:
            told = desk.get_request(request)
            past_s = time.monotonic() - began_s
            if told["status"] not in ("asked", "taken"):
                return told
            if told["status"] == "asked" and past_s > TAKEN_WITHIN_S:
                desk.cancel(request)
                raise ReportFailed(
                    "No server has taken the request, so it was withdrawn.",
                    remedy="Reports are run from a page that 'stormplay up' serves, or with 'stormplay report'.",
                )
            if past_s > LONGEST_S:
                raise ReportFailed("The server has not said what came of it.", remedy="Look at the history below.")
            waits = "Waiting for the server" if told["status"] == "asked" else f"Making {notebook}"
            share = past_s / (past_s + usual_s)  # never quite there; half way when it has taken as long as usual
            if not report(min(0.97, share), f"{waits}, {past_s:.0f} s") and stopped_s is None:
                desk.cancel(request)
                stopped_s = time.monotonic()
            if stopped_s is not None and time.monotonic() - stopped_s > STOPPED_WITHIN_S:
                raise Cancelled("The server was asked to stop.", remedy="The history says how the run ended.")
            if stopped_s is not None and told["status"] == "asked":
                raise Cancelled("The report was not begun.", remedy="The last good one was left as it is.")
            time.sleep(LOOK_S)

    def _done(self, said: str) -> str:
        return said
