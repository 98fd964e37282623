"""Find a job: filters, a page of the list, the pages before and after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import ipywidgets as widgets
import pandas as pd

from stormplay.controls import jobs_sections, markup
from stormplay.controls.guard import Message, checked
from stormplay.controls.jobs_state import State, Tracker, page_of
from stormplay.controls.live import PickTable
from stormplay.errors import BadInput
from stormplay.parameters import Scalar

PAGE = 50
ANY = ""
_TALL = {"height": "40px", "width": "auto"}
_LOOK = {"style": {"description_width": "5.5em"}, "layout": {"width": "min(25em, 100%)"}}


@dataclass(frozen=True)
class Listed:
    """One page of the list as it was read: the page's number, how many match the filters, its rows."""

    number: int
    total: int
    found: pd.DataFrame

    @staticmethod
    def read(tracker: Tracker, wanted: dict[str, Any], number: int) -> Listed:
        """Read a page; where there are fewer, the last one."""
        total = tracker.count(**filters_of(wanted))
        number, _ = page_of(total, PAGE, number)
        return Listed(number, total, tracker.find(**wanted, limit=PAGE, skip=PAGE * (number - 1)))


def filters_of(asked: dict[str, Any]) -> dict[str, Any]:
    """Which jobs, whatever their order."""
    return {name: value for name, value in asked.items() if name != "order"}


class JobList:
    """The jobs that match, a page at a time; the database filters and counts them.

    Args:
        message: Where the page says what went wrong.
        find: What to look for at first.
        filtered: Called after another filter was chosen and the list drawn.
        picked: Called with the `job_id` of a picked row, or ''.

    Attributes:
        widget: What is displayed.
        address, status, route: The filters.
        table: The rows now shown.
    """

    def __init__(
        self, message: Message, find: str, filtered: Callable[[], None], picked: Callable[[str], None]
    ) -> None:
        self._message, self._on_filtered = message, filtered
        self._tracker: Tracker | None = None
        self._state: State | None = None
        self._found, self._number, self._quiet = pd.DataFrame(), 1, False
        self.address = widgets.Text(description="Find", placeholder="Address, or property id", value=find,
                                    continuous_update=False, **_LOOK)  # fmt: skip
        self.status = widgets.Dropdown(description="Status", options=[("All statuses", ANY)], **_LOOK)
        self.route = widgets.Dropdown(description="Route", options=[("All routes", ANY)], **_LOOK)
        self.table = PickTable(self._file, columns=jobs_sections.COLUMNS, label="Jobs", has_search=False, asks=True)
        self._pager = widgets.HTML(layout={"width": "auto"}).add_class("sp-pages")
        self._before = widgets.Button(description="Previous", layout=dict(_TALL))
        self._after = widgets.Button(description="Next", layout=dict(_TALL))
        for field in (self.address, self.status, self.route):
            field.observe(checked(message)(lambda _: self._filtered()), "value")
        self._before.on_click(checked(message)(lambda _: self._turn(-1)))
        self._after.on_click(checked(message)(lambda _: self._turn(1)))
        self.table.observe(checked(message)(lambda _: self._ordered()), "order")
        self.table.observe(checked(message)(lambda change: None if self._quiet else picked(change["new"])), "selected")
        filters = widgets.Box([self.address, self.status, self.route]).add_class("sp-filters")
        filters.layout = widgets.Layout(display="flex", flex_flow="row wrap", grid_gap="8px")
        turning = widgets.Box([self._before, self._after, self._pager]).add_class("sp-row")
        turning.layout = widgets.Layout(display="flex", flex_flow="row wrap", align_items="center", grid_gap="8px")
        self.widget = widgets.VBox([filters, self.table, turning])

    @property
    def only(self) -> str:
        """The `job_id` of the one job that matches; '' where there are none or several."""
        return str(self._found["job_id"].iloc[0]) if len(self._found) == 1 else ""

    def home_of(self, job_id: str) -> str:
        """The property_id of a job on this page of the list; '' where it is not on it."""
        row = self._found[self._found["job_id"].astype(str) == job_id] if len(self._found) else self._found
        return str(row["property_id"].iloc[0]) if len(row) else ""

    def wanted(self) -> dict[str, Any]:
        """The filters, as `JobTracker.find` takes them."""
        return {"address": self.address.value.strip(), "route_id": self.route.value or None,
                "statuses": [self.status.value] if self.status.value else None}  # fmt: skip

    def take(self, find: str, status: str, route: str) -> None:
        """Filter as an address asks; what the storm does not have filters nothing."""
        known = [[value for _, value in box.options] for box in (self.status, self.route)]
        new = find, status if status in known[0] else ANY, route if route in known[1] else ANY
        if new == tuple(self.choices().values()):
            return
        self._quiet = True
        try:
            self.address.value, self.status.value, self.route.value = new
        finally:
            self._quiet = False
        self._filtered()

    def choices(self) -> dict[str, Scalar]:
        """The filters, as an address names them."""
        return {"find": self.address.value.strip(), "status": str(self.status.value), "route": str(self.route.value)}

    @property
    def asked(self) -> dict[str, Any]:
        """The filters and the order."""
        return {**self.wanted(), "order": self.table.ordered}

    @property
    def number(self) -> int:
        """Which page of the list is shown, from 1."""
        return self._number

    def turn_to(self, number: int) -> None:
        """Show another page the next time it is drawn."""
        self._number = number

    def mark(self, job_id: str) -> None:
        """Show which row is picked."""
        self._quiet = True
        try:
            self.table.selected = job_id if job_id in self.table.ids else ""
        finally:
            self._quiet = False

    def offer(self, state: State | None) -> None:
        """Offer a storm's statuses and routes; a choice that is no more falls back to all."""
        statuses = [] if state is None else [(label, name) for name, label, _ in state.kinds]
        routes = [] if state is None else [
            (str(row["name"]), str(row["key"])) for row in state.routes.to_dict("records") if row["key"] is not None
        ]  # fmt: skip
        self._quiet = True
        try:
            for box, word, options in ((self.status, "All statuses", statuses), (self.route, "All routes", routes)):
                kept = box.value
                box.options = [(word, ANY), *options]
                box.value = kept if kept in [value for _, value in options] else ANY
        finally:
            self._quiet = False

    def draw(self, tracker: Tracker | None, state: State | None, selected: str) -> None:
        """Read and show the page of the list."""
        self._tracker, self._state = tracker, state
        if state is None or tracker is None:
            self._found, self._pager.value = pd.DataFrame(), ""
            return
        self.put(Listed.read(tracker, self.asked, self._number), state, selected)

    def put(self, listed: Listed, state: State, selected: str) -> None:
        """Show a page that has been read."""
        self._state, self._found, self._number, total = state, listed.found, listed.number, listed.total
        _, pages = page_of(total, PAGE, self._number)
        skip = PAGE * (self._number - 1)
        ids, rows = jobs_sections.table_rows(self._found, state.workflow, datetime.now(UTC))
        self.table.empty = jobs_sections.NO_MATCH if state.counts["total"] else jobs_sections.NO_JOBS
        self._quiet = True
        try:
            self.table.show(ids, rows, selected if selected in ids else "")
        finally:
            self._quiet = False
        self._before.disabled, self._after.disabled = self._number <= 1, self._number >= pages
        told = f"Jobs {skip + 1:,} to {skip + len(ids):,} of {total:,}" if total else ""
        self._pager.value = markup.note(told) if told else ""

    def _filtered(self) -> None:
        if not self._quiet:
            self._message.clear()
            self._number = 1
            self.draw(self._tracker, self._state, "")
            self._on_filtered()

    def _ordered(self) -> None:
        self._number = 1
        self.draw(self._tracker, self._state, self.table.selected)

    def _file(self) -> tuple[str, str]:
        if self._tracker is None or self._state is None:
            raise BadInput("No storm is open.", "", "Choose a company and a storm first.")
        return f"jobs {self._state.storm_name}", self._tracker.export_jobs_csv(**self.asked)

    def _turn(self, by: int) -> None:
        self._number += by
        self.draw(self._tracker, self._state, self.table.selected)
