"""The live Phase 4 page: find a job, move it on, see progress and map follow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import ipywidgets as widgets
import pandas as pd

from stormplay import maps
from stormplay.controls import jobs_sections, markup, query
from stormplay.controls.board import is_served
from stormplay.controls.guard import Message, checked
from stormplay.controls.jobs_card import JobCard
from stormplay.controls.jobs_packs import PackDesk
from stormplay.controls.jobs_state import Sources, State, Tracker, page_of
from stormplay.controls.live import MapFrame, PickTable
from stormplay.controls.plan import row_of
from stormplay.controls.record import Recorded
from stormplay.controls.selectors import Selectors

PAGE = 50
ANY = ""
_TALL = {"height": "40px", "width": "auto"}
_LOOK = {"style": {"description_width": "5.5em"}, "layout": {"width": "min(26em, 100%)"}}


class JobBoard:
    """One storm's jobs with controls. Made by `phase4`.

    Attributes:
        state: The frames now shown; None where nothing could be opened.
        selected: `job_id` of the picked job, or ''.
        message: Where the page says what went wrong with a choice.
        card, desk: The forms of the picked job; packs and what comes back.
    """

    def __init__(self, sources: Sources, asked: Mapping[str, Any], complaints: list[str]) -> None:
        self._sources, self._asked = sources, dict(asked)
        self._tracker: Tracker | None = None
        self.state: State | None = None
        self.selected, self._number = "", 1
        self._found, self._places = pd.DataFrame(), pd.DataFrame()
        self.message = Message()
        self._answer, self._progress, self._crews, self._stuck = (widgets.HTML() for _ in range(4))
        self._choice = widgets.VBox([])
        self._map = MapFrame()
        self._table = PickTable(columns=jobs_sections.COLUMNS, label="Jobs", has_search=False)
        self.card, self.desk = JobCard(self._changed), PackDesk(self._came_back)
        self.address = widgets.Text(description="Find", placeholder="Address, or property id",
                                    value=str(asked["find"]), continuous_update=False, **_LOOK)  # fmt: skip
        self.status = widgets.Dropdown(description="Status", options=[("All statuses", ANY)], **_LOOK)
        self.route = widgets.Dropdown(description="Route", options=[("All routes", ANY)], **_LOOK)
        self._pager = widgets.HTML(layout={"width": "auto"})
        self._before = widgets.Button(description="Previous", layout=dict(_TALL))
        self._after = widgets.Button(description="Next", layout=dict(_TALL))
        again = widgets.Button(description="Look again", tooltip="Read what others have changed", layout=dict(_TALL))
        again.on_click(checked(self.message)(lambda _: self._came_back()))
        self._again = again
        self._read_only = widgets.HTML(markup.note(jobs_sections.READ_ONLY), layout={"display": "none"})
        self._quiet = False
        for field in (self.address, self.status, self.route):
            field.observe(checked(self.message)(lambda _: self._filtered()), "value")
        self._before.on_click(checked(self.message)(lambda _: self._turn(-1)))
        self._after.on_click(checked(self.message)(lambda _: self._turn(1)))
        self._table.observe(checked(self.message)(lambda change: self._picked(change["new"])), "selected")
        self._map.observe(checked(self.message)(lambda change: self._picked(self._at(change["new"]))), "selected")
        self._selectors: Selectors | None = None
        checked(self.message)(self._start)()
        checked(self.message)(self._draw)()
        if complaints:
            self.message.error(" ".join([*complaints, self.message.text]).strip())

    # ---- sections

    def answer(self) -> widgets.Widget:
        """Say where the jobs stand, with the age of the data."""
        look = [] if is_served() else [widgets.HTML(markup.style(), layout={"display": "none"})]
        return widgets.VBox([*look, self.message.widget, self._answer])

    def find(self) -> widgets.Widget:
        """Choose company and storm, then find a job by address, id, status or route."""
        filters = widgets.Box([self.address, self.status, self.route]).add_class("sp-filters")
        filters.layout = widgets.Layout(display="flex", flex_flow="row wrap", grid_gap="8px")
        turning = widgets.Box([self._before, self._after, self._pager, self._again]).add_class("sp-row")
        turning.layout = widgets.Layout(display="flex", flex_flow="row wrap", align_items="center", grid_gap="8px")
        return widgets.VBox([self._choice, self._read_only, filters, self._table, turning])

    def job(self) -> widgets.Widget:
        """Show the picked job and move it on."""
        return self.card.widget

    def map(self) -> widgets.Widget:
        """Show the jobs coloured by status; a click picks one."""
        return self._map

    def progress(self) -> widgets.Widget:
        """Say how far crews and routes are."""
        return widgets.VBox([self._crews, self._progress])

    def stuck(self) -> widgets.Widget:
        """List the jobs that nobody has moved for too long, and why."""
        return self._stuck

    def packs(self) -> widgets.Widget:
        """Make what a crew takes along; take in what comes back."""
        return self.desk.widget

    def recorded(self) -> Recorded:
        """Return the numbers of the answer; empty where nothing could be opened."""
        return Recorded(self.state.counts if self.state else {})

    # ---- choosing

    def select(self, job_id: str) -> None:
        """Pick a job by id; '' picks none."""
        row = self._found[self._found["job_id"].astype(str) == job_id] if len(self._found) else self._found
        place = self._places[self._places["job_id"].astype(str) == job_id] if len(self._places) else self._places
        self.selected = job_id if len(row) or len(place) else ""
        job = None
        if self.selected and self._tracker is not None:
            job = self._tracker.get_job(self._property(job_id))
        self._quiet = True
        try:
            self._table.selected = self.selected if len(row) else ""
            self._map.selected = str(place.index[0]) if self.selected and len(place) else ""
        finally:
            self._quiet = False
        self.card.show(self._tracker, self.state, job)

    def _picked(self, job_id: str) -> None:
        if not self._quiet and job_id != self.selected:
            self.message.clear()
            self.select(job_id)

    def _at(self, index: str) -> str:
        """The job of a dot; what comes from the browser is unchecked."""
        place = int(index) if index.isdecimal() and len(index) < 9 else -1
        return str(self._places["job_id"].iloc[place]) if 0 <= place < len(self._places) else ""

    def _property(self, job_id: str) -> str:
        if len(self._found):
            row = self._found[self._found["job_id"].astype(str) == job_id]
            if len(row):
                return str(row["property_id"].iloc[0])
        return str(self._places[self._places["job_id"].astype(str) == job_id]["property_id"].iloc[0])

    def _start(self) -> None:
        tenants = self._sources.tenants()
        self._selectors = Selectors(tenants, self._sources.storms, self._chosen, self.message)
        self._choice.children = (self._selectors.widget,)
        tenant, storm = str(self._asked["tenant"]), str(self._asked["storm"])
        if query.is_served_without("tenant") and not row_of(tenants, "tenant_id", tenant) and len(tenants):
            tenant = str(tenants["slug"].iloc[0])
            storm = self._selectors.like(tenant, storm)
        self._selectors.choose(tenant, storm)
        self._open(self._selectors.tenant, self._selectors.storm)

    def _chosen(self, tenant: str, storm: str | None) -> None:
        self.message.clear()
        try:
            self._open(tenant, storm)
        finally:
            self._draw()  # after a failure too: the former choice must not stay in view

    def _open(self, tenant: str | None, storm: str | None) -> None:
        self._tracker, self.state, self.selected, self._number = None, None, "", 1
        if tenant is not None and storm is not None:
            self._tracker, self.state = self._sources.open(tenant, storm)

    def _filtered(self) -> None:
        if not self._quiet:
            self.message.clear()
            self._number = 1
            self._draw_list()
            self._draw_map()
            one = self._found["job_id"].astype(str).iloc[0] if len(self._found) == 1 else ""
            self.select(one or self.selected)

    def _turn(self, by: int) -> None:
        self._number += by
        self._draw_list()

    def _wanted(self) -> dict[str, Any]:
        return {"address": self.address.value.strip(), "route_id": self.route.value or None,
                "statuses": [self.status.value] if self.status.value else None}  # fmt: skip

    # ---- following

    def _changed(self, job: dict[str, Any]) -> None:
        """A job was changed: list, map and progress follow without a reload."""
        if self.state is None or self._tracker is None:
            return
        self.state = self.state.again(self._tracker)
        self._draw_state()
        self._draw_list()
        if len(self._places):
            at = self._places.index[self._places["job_id"].astype(str) == str(job["job_id"])]
            if len(at):
                kinds = maps.known_kinds(self._places, self.state.kinds)
                codes = {name: code for code, (name, _, _) in enumerate(kinds)}
                self._places.loc[at[0], "status"] = job["status"]
                if job["status"] in codes:
                    self._map.notes = {**self._map.notes, str(at[0]): codes[job["status"]]}

    def _came_back(self) -> None:
        """Others, or a file, have changed jobs: read everything again."""
        if self.state is None or self._tracker is None:
            return
        self.state = self.state.again(self._tracker)
        self._draw_state()
        self._draw_list()
        self._draw_map()
        self.select(self.selected)

    # ---- drawing

    def _draw(self) -> None:
        state = self.state
        shown = None if state else "none"
        for widget in (self._map, self._table, self.desk.widget, self.card.widget):
            widget.layout.display = shown
        self._read_only.layout.display = "none" if state is None or state.may_write else None
        self._offer()
        self._draw_state()
        self._draw_list()
        self._draw_map()
        only = self._found["job_id"].astype(str).iloc[0] if self.address.value and len(self._found) == 1 else ""
        self.select(only)

    def _offer(self) -> None:
        """The choices of the filters; a choice that is no more falls back to all."""
        state = self.state
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

    def _draw_state(self) -> None:
        state = self.state
        if state is None:
            none_yet = self._selectors is not None and self._selectors.tenant and not len(self._selectors.storms)
            self._answer.value = markup.empty(jobs_sections.NO_STORM) if none_yet else ""
            self._crews.value = self._progress.value = self._stuck.value = ""
        else:
            self._answer.value, self._stuck.value = jobs_sections.answer(state), jobs_sections.stuck(state)
            self._crews.value = jobs_sections.progress(state, "crew")
            self._progress.value = markup.details(
                f"By route ({len(state.routes)})", jobs_sections.progress(state, "route")
            )
        self.desk.show(self._tracker, state)

    def _draw_list(self) -> None:
        if self.state is None or self._tracker is None:
            self._found, self._pager.value = pd.DataFrame(), ""
            return
        wanted = self._wanted()
        total = self._tracker.count(**wanted)
        self._number, pages = page_of(total, PAGE, self._number)
        skip = PAGE * (self._number - 1)
        self._found = self._tracker.find(**wanted, limit=PAGE, skip=skip)
        ids, rows = jobs_sections.table_rows(self._found, self.state.workflow, datetime.now(UTC))
        self._table.empty = jobs_sections.NO_MATCH if self.state.counts["total"] else jobs_sections.NO_JOBS
        self._quiet = True
        try:
            self._table.show(ids, rows, self.selected if self.selected in ids else "")
        finally:
            self._quiet = False
        self._before.disabled, self._after.disabled = self._number <= 1, self._number >= pages
        told = f"Jobs {skip + 1:,} to {skip + len(ids):,} of {total:,}" if total else ""
        self._pager.value = markup.note(told) if told else ""

    def _draw_map(self) -> None:
        state = self.state
        if state is None or self._tracker is None:
            self._places = pd.DataFrame()
            return
        every = self._tracker.get_places(**self._wanted())
        self._places = every.dropna(subset=["latitude", "longitude"]).reset_index(drop=True)
        drawn = maps.job_map(self._places, state.kinds, depot=state.setting.depot, contours=state.contours,
                             reports=state.reports, timezone=state.setting.time_zone)  # fmt: skip
        left_out = len(every) - len(self._places)
        self._map.label = str(drawn.get_root().title) + (f", {left_out:,} without a known place" if left_out else "")
        self._map.notes = {}
        self._map.document = maps.map_document(drawn)
