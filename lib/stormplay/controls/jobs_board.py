"""The live Phase 4 page: find a job, move it on, see progress and map follow."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
import pandas as pd

from stormplay import maps
from stormplay.controls import jobs_sections, markup
from stormplay.controls.asking import top
from stormplay.controls.by_storm import ByStorm
from stormplay.controls.following import read_beside
from stormplay.controls.guard import checked
from stormplay.controls.jobs_card import JobCard
from stormplay.controls.jobs_list import JobList
from stormplay.controls.jobs_packs import PackDesk
from stormplay.controls.jobs_seen import TOLD, look
from stormplay.controls.jobs_state import Sources, State, Tracker
from stormplay.controls.live import KeptHtml
from stormplay.controls.map_frame import MapFrame
from stormplay.controls.query import Asked
from stormplay.controls.record import Recorded
from stormplay.controls.score_chip import ScoreChip
from stormplay.parameters import Scalar


class JobBoard(ByStorm):
    """One storm's jobs with controls. Made by `phase4`.

    Attributes:
        state: The frames now shown; None where nothing could be opened.
        selected: `job_id` of the picked job, or ''.
        list, card, desk: The filters and the list; the forms of the picked job; packs and what comes back.
    """

    NO_STORM = jobs_sections.NO_STORM

    def __init__(self, sources: Sources, asked: Asked, chip: ScoreChip) -> None:
        super().__init__(sources, asked, chip)
        self._sources = sources
        self._tracker: Tracker | None = None
        self.state: State | None = None
        self.selected = ""
        self._places = pd.DataFrame()
        self._answer = widgets.HTML()
        self._progress, self._crews, self._stuck = KeptHtml(), KeptHtml(), KeptHtml()
        self._map = MapFrame()
        self.list = JobList(self.message, str(asked["find"]), self._filtered, self._picked)
        self.card, self.desk = JobCard(self._changed), PackDesk(self._came_back)
        self._read_only = widgets.HTML(markup.note(jobs_sections.READ_ONLY), layout={"display": "none"})
        self._quiet = False
        self._map.observe(checked(self.message)(lambda change: self._picked(self._at(change["new"]))), "selected")
        self._begin()
        chip.following.also(self._follow)

    # ---- sections

    def answer(self) -> widgets.Widget:
        """Say where the jobs stand, with the age of the data."""
        return top(self.message, self._answer, *self._chip.following.marks)

    def find(self) -> widgets.Widget:
        """Choose company and storm, then find a job by address, id, status or route."""
        return widgets.VBox([self._choice, self._read_only, self.list.widget, widgets.Box([self.again])])

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
        """Pick a job by id; '' picks none, and so does what is neither in the list nor on the map."""
        place = self._places[self._places["job_id"].astype(str) == job_id] if len(self._places) else self._places
        home = self.list.home_of(job_id) or (str(place["property_id"].iloc[0]) if len(place) else "")
        self.selected = job_id if home else ""
        job = self._tracker.get_job(home) if home and self._tracker is not None else None
        self._quiet = True
        try:
            self.list.mark(self.selected)
            self._map.selected = str(place.index[0]) if self.selected and len(place) else ""
        finally:
            self._quiet = False
        self.card.show(self._tracker, self.state, job)

    def _picked(self, job_id: str) -> None:
        if not self._quiet and job_id != self.selected:
            self.message.clear()
            self.select(job_id)
            self._tell()

    def _at(self, index: str) -> str:
        """The job of a dot; what comes from the browser is unchecked."""
        place = int(index) if index.isdecimal() and len(index) < 9 else -1
        return str(self._places["job_id"].iloc[place]) if 0 <= place < len(self._places) else ""

    def _open(self, tenant: str | None, storm: str | None, asked: Asked | None) -> None:
        self._tracker, self.state, self.selected = None, None, ""
        self.list.turn_to(1)
        if tenant is not None and storm is not None:
            self._tracker, self.state = self._sources.open(tenant, storm)

    def _filtered(self) -> None:
        self._draw_map()
        self.desk.lean(str(self.list.route.value))
        self.select(self.list.only or self.selected)
        self._tell()

    def _take(self, asked: Asked) -> None:
        self.list.take(str(asked["find"]), str(asked["status"]), str(asked["route"]))
        job = str(asked["job"])
        if job != self.selected and (job or not self.list.only):
            self.select(job)

    def _choices(self) -> dict[str, Scalar]:
        return {**self.list.choices(), "job": self.selected}

    def _look_again(self) -> None:
        self._came_back()

    # ---- following

    def _changed(self, job: dict[str, Any]) -> None:
        """A job was changed: list, map and progress follow without a reload."""
        if self.state is None or self._tracker is None:
            return
        self.state = self.state.again(self._tracker)
        self._draw_state()
        self.list.draw(self._tracker, self.state, self.selected)
        if len(self._places):
            at = self._places.index[self._places["job_id"].astype(str) == str(job["job_id"])]
            if len(at):
                kinds = maps.known_kinds(self._places, self.state.kinds)
                codes = {name: code for code, (name, _, _) in enumerate(kinds)}
                self._places.loc[at[0], "status"] = job["status"]
                if job["status"] in codes:
                    self._map.notes = {**self._map.notes, str(at[0]): codes[job["status"]]}

    async def _follow(self, changed: frozenset[str]) -> None:
        """Somebody else has changed something: show it where the reader is, without moving the page."""
        tracker, card, places = self._tracker, self.card.job, self._places
        if tracker is None or not changed & TOLD:
            return
        wanted, number = self.list.asked, self.list.number
        seen = await read_beside(lambda: self.state, lambda state: look(tracker, state, wanted, number, card))
        if seen is None or self._tracker is not tracker:
            return
        offered, self.state = self.state, seen.state
        self._show_state(seen.state)
        if offered is not None and offered.named != seen.state.named:
            self.list.offer(seen.state)
            self.desk.show(tracker, seen.state)
        if (self.list.asked, self.list.number) == (wanted, number):
            self.list.put(seen.listed, seen.state, self.selected)
            if self._places is places and seen.has_places_of(places):
                self._recolour(seen.places)
            elif self._places is places:
                self._draw_map()
        if seen.job is not None:
            self.card.follow(seen.state, seen.job, seen.who)

    def _recolour(self, places: pd.DataFrame) -> None:
        """Tell the map which dots have another status now."""
        now = places.set_index(places["job_id"].astype(str))["status"]
        kinds = maps.known_kinds(self._places, self.state.kinds if self.state else [])
        codes = {name: code for code, (name, _, _) in enumerate(kinds)}
        status = self._places["job_id"].astype(str).map(now).fillna(self._places["status"])
        moved = status[status != self._places["status"]]
        self._places["status"] = status
        if len(moved):
            known = {str(at): codes[name] for at, name in moved.items() if name in codes}
            self._map.notes = {**self._map.notes, **known}

    def _came_back(self) -> None:
        """Others, or a file, have changed jobs: read everything again."""
        if self.state is None or self._tracker is None:
            return
        self.state = self.state.again(self._tracker)
        self._draw_state()
        self.list.draw(self._tracker, self.state, self.selected)
        self._draw_map()
        self.select(self.selected)

    # ---- drawing

    def _draw(self, *, from_start: bool = False) -> None:
        state = self.state
        shown = None if state else "none"
        for widget in (self._map, self.list.widget, self.desk.widget, self.card.widget):
            widget.layout.display = shown
        self._read_only.layout.display = "none" if state is None or state.may_write else None
        self.list.offer(self.state)
        self._draw_state()
        self.list.draw(self._tracker, self.state, self.selected)
        self._draw_map()
        self.select(self.list.only if self.list.address.value else "")

    def _draw_state(self) -> None:
        state = self.state
        self._chip.show(self._selectors if state else None)
        if state is None:
            self._answer.value = self._nothing
            self._crews.value = self._progress.value = self._stuck.value = ""
        else:
            self._show_state(state)
        self.desk.show(self._tracker, state)

    def _show_state(self, state: State) -> None:
        self._answer.value, self._stuck.value = jobs_sections.answer(state), jobs_sections.stuck(state)
        self._crews.value = jobs_sections.progress(state, "crew")
        self._progress.value = markup.details(f"By route ({len(state.routes)})", jobs_sections.progress(state, "route"))

    def _draw_map(self) -> None:
        state = self.state
        if state is None or self._tracker is None:
            self._places = pd.DataFrame()
            return
        every = self._tracker.get_places(**self.list.wanted())
        self._places = every.dropna(subset=["latitude", "longitude"]).reset_index(drop=True)
        drawn = maps.job_map(self._places, state.kinds, depot=state.setting.depot, contours=state.contours,
                             reports=state.reports, timezone=state.setting.time_zone)  # fmt: skip
        left_out = len(every) - len(self._places)
        more = f", {left_out:,} without a known place" if left_out else ""
        self._map.draw(drawn, str(drawn.get_root().title) + more)
