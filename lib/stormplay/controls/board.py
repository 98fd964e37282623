"""The live Phase 3 page: every section is a widget, kept in step with the plan and with the picked route."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from stormplay import maps
from stormplay.controls import markup, plan_changes, sections
from stormplay.controls.asking import show, top
from stormplay.controls.by_storm import ByStorm
from stormplay.controls.following import EVERYTHING, read_beside
from stormplay.controls.guard import checked
from stormplay.controls.handout import HandOut
from stormplay.controls.idle import when_idle
from stormplay.controls.live import KeptHtml, PickTable
from stormplay.controls.map_frame import MapFrame
from stormplay.controls.plan import Builder, Plan, Sources, totals
from stormplay.controls.plan_form import PlanForm
from stormplay.controls.query import Asked
from stormplay.controls.record import Recorded
from stormplay.controls.score_chip import ScoreChip
from stormplay.controls.urgent import UrgentStop
from stormplay.controls.ways import way_to
from stormplay.controls.work import Report, Work
from stormplay.errors import BadInput
from stormplay.parameters import Scalar
from stormplay.units import METRES_PER_MILE

# What somebody else may change of what this page shows.
TOLD = frozenset({EVERYTHING, "storms", "property_impacts", "policy_decisions_log", "policy_outcomes", "lead_uplift",
                  "routes", "jobs"})  # fmt: skip
LONGEST_RUN_S = 120.0  # an address may ask for more; the storm is locked for others meanwhile

# What the solver is busy with, as a reader says it.
PHASES = {
    "bisection": "Dividing the homes into routes",
    "ordering": "Ordering the stops",
    "improvement": "Shortening the routes",
    "sharing": "Giving each crew its own ground and days alike",
    "done": "Saving the plan",
    "roads": "Asking for the roads",
}


class Board(ByStorm):
    """One storm's routes with controls. Made by `phase3`.

    Attributes:
        plan: The frames now shown; None where nothing could be opened.
        selected: `route_id` of the picked route, or ''.
        form: What a plan is made with.
        work: The generation of routes.
        urgent_stop: The part for one stop more.
    """

    NO_STORM = sections.NO_STORM

    def __init__(self, sources: Sources, asked: Asked, timezone: str, chip: ScoreChip) -> None:
        super().__init__(sources, asked, chip)
        self._sources, self._timezone = sources, timezone
        self._builder: Builder | None = None
        self.plan: Plan | None = None
        self.selected = ""
        self._map = MapFrame()
        self._drawn: tuple[dict[str, str], list[tuple[str, bool]]] = {}, []  # what the map was made with
        self._mapped: tuple[Any, Any] = None, None  # the routes and stops that are on the map
        self._is_stale = False
        self._begin()
        chip.following.also(self._follow)

    def _build(self) -> None:
        self._answer, self._ledger, self._changes = widgets.HTML(), widgets.HTML(), KeptHtml()
        self._table = PickTable(columns=sections.COLUMNS, label="Routes")
        self._hand_out = HandOut(self._assign, self._csv, self._shorten, self._pack)
        self.urgent_stop = UrgentStop(self._stop_changed)
        self._read_only = widgets.HTML(markup.note(sections.READ_ONLY), layout={"display": "none"})
        self.work = Work("Generate routes", self._generate, self._generated, self._lock)
        self.form = PlanForm(self._asked.values, self.work.button)
        for widget in (self._map, self._table):
            widget.observe(checked(self.message)(lambda change: self._picked(change["new"])), "selected")

    # ---- sections

    def answer(self) -> widgets.Widget:
        """Say what the plan is, with the age of its data."""
        return top(self.message, self._answer, *self._chip.following.marks)

    def generate(self) -> widgets.Widget:
        """Choose company and storm, and generate the routes, with progress and cancel."""
        return widgets.VBox(
            [self._choice, self.form.widget, self._read_only, self.work.running, self.work.message.widget]
        )

    def map(self) -> widgets.Widget:
        """Show the routes over the hail; a click picks one."""
        return self._map

    def routes(self) -> widgets.Widget:
        """List the routes; one can be picked."""
        return self._table

    def changes(self) -> widgets.Widget:
        """Say what the plan changed against the one before, and how the routes lie."""
        return self._changes

    def hand_out(self) -> widgets.Widget:
        """Give the picked route to a crew and take it along as a file."""
        return self._hand_out.widget

    def urgent(self) -> widgets.Widget:
        """Put one stop more on a route, and take it off again."""
        return self.urgent_stop.widget

    def ledger(self) -> widgets.Widget:
        """Say where every eligible home is."""
        return self._ledger

    def recorded(self) -> Recorded:
        """Return the numbers of the answer; empty where nothing could be opened."""
        return Recorded(totals(self.plan) if self.plan else {})

    # ---- choosing

    def select(self, route_id: str) -> None:
        """Pick a route by id; '' or an unknown id picks none."""
        known = self.plan is not None and self.plan.route(route_id) is not None
        self.selected = route_id if known else ""
        self._map.selected = self._table.selected = self.selected
        if self.plan is not None:
            self._hand_out.show(self.plan, self.selected)

    def _picked(self, route_id: str) -> None:
        """The reader picked a route, or the page shows which one is picked already."""
        if route_id != self.selected:
            self.select(route_id)
            self._tell()

    def _take(self, asked: Asked) -> None:
        if asked["route"] != self.selected:
            self.select(str(asked["route"]))

    def _choices(self) -> dict[str, Scalar]:
        return {"route": self.selected, "max_per_route": int(self.form.limit.value),
                "visit_type": str(self.form.visit.value)}  # fmt: skip

    def _open(self, tenant: str | None, storm: str | None, asked: Asked | None) -> None:
        if self._is_begun:
            self.work.message.clear()
        self._builder, self.plan, self.selected = None, None, ""
        if tenant is not None and storm is not None:
            self._builder, self.plan = self._sources.open(tenant, storm, self._draw_map)
            if self._selectors is not None:
                when_idle(self._sources.likely(self._selectors.storms))

    # ---- acting

    def _generate(self, report: Report) -> list[Any]:
        """Runs in a thread."""
        if self._builder is None:
            raise BadInput("No storm is open.", "", "Choose a company and a storm first.")

        def tell(progress: Any) -> bool:
            miles = f"{progress.distance_m / METRES_PER_MILE:,.0f} miles" if progress.distance_m else ""
            doing = PHASES.get(progress.phase, progress.phase)
            return report(progress.fraction, " · ".join(filter(None, [doing, miles])))

        seconds = min(float(self._asked["time_limit_s"]), LONGEST_RUN_S)
        return self._builder.generate_routes(**self.form.options(), time_limit_s=seconds, progress=tell)

    def _generated(self, routes: list[Any]) -> str:
        self._refresh()
        self._draw()
        self._tell(replaces=True)
        stops = sum(route["property_count"] for route in routes)
        return f"{markup.count(len(routes), 'route')} made for {markup.count(stops, 'stop')}."

    def _assign(self, crew: str | None, *instead_of: str | None) -> str:
        """Give the picked route to a crew, or take it back; see `HandOut`. Returns what to say."""
        if self._builder is None or not self.selected:
            raise BadInput(sections.PICK_FIRST)
        self._builder.assign_crew(self.selected, crew, **({"instead_of": instead_of[0]} if instead_of else {}))
        self._refresh()
        self._draw(same_routes=True)
        return f"{self._name()} goes to {crew}." if crew else f"{self._name()} has no crew now."

    def _shorten(self) -> str:
        """Shorten what is left of the picked route. Returns what to say."""
        if self._builder is None or not self.selected:
            raise BadInput(sections.PICK_FIRST)
        done = self._builder.reorder_rest(self.selected)
        if done.moved:
            self._refresh()
            self._draw()
        return str(done.said)

    def _stop_changed(self, route_id: str) -> None:
        """A stop came or went: everything follows, and its route is picked."""
        self._refresh()
        self.selected = route_id
        self._draw()

    def _csv(self) -> str:
        return self._builder.export_route_csv(self.selected) if self._builder and self.selected else ""

    def _pack(self) -> str:
        at = self._selectors
        found = way_to("phase4_jobs", at.tenant or "", at.storm or "", route=self.selected) if at else ""
        return sections.pack(found)

    def _name(self) -> str:
        row = self.plan.route(self.selected) if self.plan else None
        return str(row["route_name"]) if row else "The route"

    def _lock(self, running: bool) -> None:
        self.form.lock(running)
        self._lock_choice(running)
        if self._is_stale and not running:
            self._draw()

    # ---- following

    async def _follow(self, changed: frozenset[str]) -> None:
        builder = self._builder
        if builder is None or not changed & TOLD:
            return
        # How far the routes are is read in a moment, all the rest takes longer.
        quick = await read_beside(lambda: self.plan, lambda plan: plan.with_routes(builder))
        if quick is not None and self._builder is builder:
            self.plan = quick
            self._draw_words(quick)
        found = await read_beside(lambda: self.plan, lambda plan: plan.again(builder))
        before = self.plan
        if found is None or before is None or self._builder is not builder:
            return
        self.plan = found
        if before.has_way_of(found):
            self._draw_words(found)
            self._draw_states(found)
            self._hand_out.show(found, self.selected)
        elif self.work.is_running:  # the form is locked for it, and the map is drawn when it ends
            self._is_stale = True
            self._draw_words(found)
        else:
            self._draw()

    # ---- drawing

    def _refresh(self) -> None:
        if self._builder is not None and self.plan is not None:
            self.plan = self.plan.again(self._builder)

    def _draw(self, *, from_start: bool = False, same_routes: bool = False) -> None:
        """Show the plan in every section; `same_routes` leaves the map where the reader has moved it."""
        plan, self._is_stale = self.plan, False
        self._chip.show(self._selectors if plan else None)
        shown = None if plan else "none"
        for widget in (self._map, self._table, self._ledger, self._changes, self._hand_out.widget):
            widget.layout.display = shown
        self.form.lock(plan is None)
        may_plan = plan is None or plan.may_plan
        show(self.form.widget, may_plan)
        show(self._read_only, not may_plan)
        self.urgent_stop.show(self._builder, plan)
        if plan is None:
            self._answer.value = self._nothing
            return
        self._draw_words(plan)
        if same_routes:
            self._draw_states(plan)
        else:
            self._draw_map(plan)
        self.select(self.selected)

    def _draw_map(self, plan: Plan) -> None:
        """Draw the map, unless these very frames are on it: who opens a storm sees it before the rest is read."""
        routes, stops = self._mapped
        if plan.routes is routes and plan.stops is stops:
            return
        self._mapped = plan.routes, plan.stops
        self._map.draw(sections.drawn(plan, self._timezone))  # before anything that a reader does not wait for
        self._drawn = maps.route_notes(plan.routes), maps.stop_states(plan.routes, plan.stops)

    def _draw_words(self, plan: Plan) -> None:
        self._answer.value, self._ledger.value = sections.answer(plan), sections.ledger_table(plan)
        self._changes.value = plan_changes.changes(plan)
        ids, rows = sections.table_rows(plan)
        self._table.empty = sections.no_routes(plan) if plan.eligible else sections.NOTHING_DECIDED
        self._table.show(ids, rows, self.selected if self.selected in ids else "")

    def _draw_states(self, plan: Plan) -> None:
        """Tell the map what became of routes and stops; the reader's view of it stays."""
        notes, stops = self._drawn
        now = enumerate(zip(stops, maps.stop_states(plan.routes, plan.stops), strict=True))
        told = self._map.notes, self._map.stops  # what has gone back to what it was is told too
        self._map.notes = {route: is_now for route, is_now in maps.route_notes(plan.routes).items()
                           if notes.get(route) != is_now or route in told[0]}  # fmt: skip
        self._map.stops = {str(at): list(is_now) for at, (was, is_now) in now if was != is_now or str(at) in told[1]}
