"""What leaves with a crew, and what comes back: a route pack to take along, a filled-in file to hand in."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from stormplay import packs
from stormplay.controls import jobs_sections, markup
from stormplay.controls.guard import Message
from stormplay.controls.jobs_state import State, Tracker
from stormplay.controls.live import KeptHtml, Upload
from stormplay.controls.work import Report, Work
from stormplay.errors import BadInput

ABOUT = ("One file for a route, or for everything a crew has that is not finished: the list to print, the same as "
         "PDF, QR codes and links for a phone, GPX, KML, GeoJSON, a calendar, a CSV to fill in offline.")  # fmt: skip
BACK = ("Fill in new_status, new_note and seen_at in the pack's CSV, then hand it in here. Nothing of a file with a "
        "mistake is applied, and the same file twice changes nothing.")  # fmt: skip
FAULTS_SHOWN = 50


class PackDesk:
    """Makes packs and takes filled-in files.

    Args:
        came_back: Called after a file changed jobs, so that the rest of the page follows.

    Attributes:
        widget: What is displayed.
        work: The making of a pack.
    """

    def __init__(self, came_back: Callable[[], None]) -> None:
        self._came_back = came_back
        self._tracker: Tracker | None = None
        self.choice = widgets.Dropdown(description="For", style={"description_width": "3.5em"},
                                       layout={"width": "min(26em, 100%)"})  # fmt: skip
        self.day = widgets.DatePicker(description="Day", style={"description_width": "3.5em"})
        self.work = Work("Make the pack", self._make, self._made)
        self.file, self.report = widgets.HTML(), KeptHtml()
        self.message = Message()
        self.upload = Upload(self._take, label="Hand in a filled-in CSV", accept=".csv,text/csv", most_mb=5)
        row = widgets.Box([self.choice, self.day, self.work.button]).add_class("sp-row")
        row.layout = widgets.Layout(display="flex", flex_flow="row wrap", align_items="center", grid_gap="8px")
        self.form = widgets.VBox([row, self.work.running, self.work.message.widget, self.file])
        self.back = widgets.VBox([widgets.HTML(f'<h3 class="sp-h4">What comes back</h3>{markup.note(BACK)}'),
                                  self.upload, self.report])  # fmt: skip
        self.nothing = widgets.HTML(markup.empty(jobs_sections.NO_JOBS))
        self.widget = widgets.VBox([widgets.HTML(markup.note(ABOUT)), self.nothing, self.form, self.back])

    def show(self, tracker: Tracker | None, state: State | None) -> None:
        """Offer what the storm has."""
        if tracker is not self._tracker:
            self.file.value = self.report.value = ""
            self.work.message.clear()
        self._tracker = tracker
        options = [] if state is None else _options(state)
        chosen = self.choice.value
        self.choice.options = options
        values = [value for _, value in options]
        self.choice.value = chosen if chosen in values else next(iter(values), None)
        self.form.layout.display, self.nothing.layout.display = (None, "none") if options else ("none", None)
        self.back.layout.display = None if options and state is not None and state.may_write else "none"

    def lean(self, route_id: str) -> None:
        """Choose the route that the page is about; '' and what is not there leave the choice."""
        wanted = "route", route_id
        if wanted in [value for _, value in self.choice.options]:
            self.choice.value = wanted

    def _make(self, report: Report) -> tuple[str, int, bytes]:
        """Runs in a thread."""
        if self._tracker is None or self.choice.value is None:
            raise BadInput(jobs_sections.NO_JOBS)
        kind, key = self.choice.value
        report(0.1, "Reading the stops")
        chosen: dict[str, Any] = {"route_id": key} if kind == "route" else {"crew": key}
        pack = self._tracker.get_pack(day=self.day.value, **chosen)
        report(0.3, f"Writing the files for {markup.count(len(pack.stops), 'stop')}")
        return f"{pack.file_stem}.zip", len(pack.stops), packs.to_zip(pack)

    def _made(self, made: tuple[str, int, bytes]) -> str:
        name, stops, data = made
        encoded = base64.b64encode(data).decode("ascii")
        shown = markup.text(name)
        self.file.value = (f'<a class="sp-button sp-primary" download="{shown}" '
                           f'href="data:application/zip;base64,{encoded}">Download the pack</a>')  # fmt: skip
        return f"The pack has {markup.count(stops, 'stop')} and {len(data) / 1024:,.0f} KB."

    def _take(self, name: str, data: bytes) -> str:
        if self._tracker is None:
            raise BadInput(jobs_sections.NO_JOBS)
        self.report.value = ""
        applied = self._tracker.import_csv(data)
        if applied.faults:
            self.report.value = _table(
                "Nothing was applied. Mend these lines and hand the file in again.", applied.faults
            )
            raise BadInput(f"{markup.count(len(applied.faults), 'line')} cannot be applied; nothing was changed.")
        if applied.outweighed:
            self.report.value = _table("Kept in the trail, but something newer was known:", applied.outweighed)
        self._came_back()
        again = " It had been handed in before." if applied.again else ""
        return f"{markup.count(applied.changed, 'job')} changed by {markup.count(applied.rows, 'line')}.{again}"


def _options(state: State) -> list[tuple[str, tuple[str, str]]]:
    routes = state.routes[state.routes["key"].notna()]
    crews = sorted({str(name) for name in routes["crew_name"].dropna()})
    return [*((f"{crew}: all that is not finished", ("crew", crew)) for crew in crews),
            *((str(row["name"]), ("route", str(row["key"]))) for row in routes.to_dict("records"))]  # fmt: skip


def _table(said: str, faults: Any) -> str:
    rows = [[fault.line, fault.sentence] for fault in faults[:FAULTS_SHOWN]]
    more = markup.note(f"The first {FAULTS_SHOWN} of {len(faults):,}.") if len(faults) > FAULTS_SHOWN else ""
    return markup.note(said) + markup.table(["Line", "Why"], rows, numeric=(0,)) + more
