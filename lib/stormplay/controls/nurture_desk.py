"""The live Phase 5 page: every section is a widget, kept in step with the choice and with what is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import ipywidgets as widgets
import pandas as pd

from stormplay.controls import markup
from stormplay.controls import nurture_calendar as calendar
from stormplay.controls import nurture_sections as sections
from stormplay.controls.asking import Pager, row, show, top
from stormplay.controls.guard import Message, checked
from stormplay.controls.live import PickTable, csv_of
from stormplay.controls.nurture_homes import Homes
from stormplay.controls.nurture_messages import Linter, Outbox, TakeAlong
from stormplay.controls.nurture_plan import Planning
from stormplay.controls.nurture_state import Choice, Loop, Nurture, Sources, totals
from stormplay.controls.record import Recorded
from stormplay.controls.score_chip import ScoreChip
from stormplay.controls.selectors import Selectors
from stormplay.errors import BadInput

WEEK_ROWS = 25


class Desk:
    """One storm's nurture with controls. Made by `phase5`.

    Attributes:
        nurture: What is now shown; None where nothing could be opened.
        message: Where the page says what went wrong with a choice.
        homes_part, planning, linter, outbox_part, file_part: The parts with controls of their own.
    """

    def __init__(self, sources: Sources, asked: Mapping[str, Any], complaints: list[str], chip: ScoreChip) -> None:
        self._sources, self._asked, self._chip = sources, dict(asked), chip
        self._loop: Loop | None = None
        self.nurture: Nurture | None = None
        self.message = Message()
        self._answer, self._ledger, self._week = (widgets.HTML() for _ in range(3))
        self.week_table = PickTable(self._week_file, columns=calendar.WEEK, label="Contacts of the week",
                                    has_search=False, picks=False, asks=True)  # fmt: skip
        self._make_form()
        self.homes_part = Homes(int(asked["page_size"]), self._changed)
        self.planning = Planning(self._choice, self._changed, self._lock)
        self.linter, self.outbox_part, self.file_part = Linter(), Outbox(self._changed, self._lock), TakeAlong()
        self.week_pager = Pager(WEEK_ROWS, self._draw_week, self.message)
        self._week_part = widgets.VBox([self._week, self.week_pager.widget, self.week_table])
        self.week_table.observe(checked(self.message)(lambda _: self._draw_week()), "order")
        self._read_only = widgets.HTML(markup.note(sections.READ_ONLY), layout={"display": "none"})
        self._selectors: Selectors | None = None
        self._quiet = False
        checked(self.message)(self._begin)()
        checked(self.message)(lambda: self._draw(from_start=True))()
        if complaints:
            self.message.error(" ".join([*complaints, self.message.text]).strip())

    # ---- sections

    def header(self) -> widgets.Widget:
        """Show the Storm Play Score."""
        return self._chip.widget

    def answer(self) -> widgets.Widget:
        """Say who is to be nurtured and who is not, with the age of the data."""
        return top(self.message, self._answer)

    def choose(self) -> widgets.Widget:
        """Choose company, storm, threshold, sequence and start."""
        return widgets.VBox([self._chosen_box, self._form, self._read_only])

    def homes(self) -> widgets.Widget:
        """List the homes page by page; one can be picked, and paused, resumed or stopped."""
        return widgets.VBox([self.search, self.homes_part.widget])

    def plan(self) -> widgets.Widget:
        """Preview and schedule; pause, resume, move or stop the whole storm."""
        return self.planning.widget

    def week(self) -> widgets.Widget:
        """Say whom to contact in the next seven days."""
        return self._week_part

    def messages(self) -> widgets.Widget:
        """Check a message, and show the sequence's own."""
        return self.linter.widget

    def outbox(self) -> widgets.Widget:
        """Count what is due and on its way; fill the outbox."""
        return self.outbox_part.widget

    def take_along(self) -> widgets.Widget:
        """Take the list along as a file."""
        return self.file_part.widget

    def ledger(self) -> widgets.Widget:
        """Say where every candidate is."""
        return self._ledger

    def recorded(self) -> Recorded:
        """Return the numbers of the answer; empty where nothing could be opened."""
        return Recorded(totals(self.nurture) if self.nurture else {})

    # ---- choosing

    def _make_form(self) -> None:
        wide = {"description_width": "6.5em"}
        value = float(self._asked["threshold"])
        self.threshold = widgets.BoundedFloatText(
            value=value, min=0.0, max=1.0, step=0.01, description="Uplift above",
            style={"description_width": "initial"}, layout=widgets.Layout(width="14em"),
        )  # fmt: skip
        self.slider = widgets.FloatSlider(
            value=value, min=0.0, max=1.0, step=0.01, readout=False, continuous_update=False, tooltip="Uplift above",
            layout=widgets.Layout(width="min(18em, 100%)"),
        ).add_class("sp-threshold")  # fmt: skip
        self.sequence = widgets.Dropdown(
            options=[], description="Sequence", style=wide, layout=widgets.Layout(width="min(24em, 100%)")
        )
        self.start = widgets.DatePicker(description="Begins on", style=wide, layout=widgets.Layout(width="18em"))
        self.search = widgets.Text(
            placeholder="Part of an address, or a ZIP", description="Search", continuous_update=False,
            style={"description_width": "4em"}, layout=widgets.Layout(width="min(28em, 100%)"),
        )  # fmt: skip
        self._chosen_box = widgets.VBox([])
        self._form = row(self.threshold, self.slider, self.sequence, self.start)
        for box in (self.threshold, self.slider):
            box.observe(checked(self.message)(lambda change: self._set_threshold(change["new"])), "value")
        self.sequence.observe(checked(self.message)(lambda _: self._rechosen()), "value")
        self.search.observe(checked(self.message)(lambda _: self._searched()), "value")
        self.start.observe(checked(self.message)(lambda _: self.planning.draw()), "value")

    def _choice(self) -> Choice:
        return Choice(
            threshold=round(float(self.threshold.value), 4),
            sequence_type=str(self.sequence.value or self._asked["sequence_type"]),
            search=self.search.value.strip(),
            start=self.start.value,
        )

    def _set_threshold(self, value: float) -> None:
        """The slider and the box show the same number; the first to change reads, the second follows quietly."""
        if self._quiet:
            return
        self._quiet = True
        try:
            self.threshold.value = self.slider.value = value
        finally:
            self._quiet = False
        self._rechosen()

    def _rechosen(self) -> None:
        if self._quiet or self._loop is None or self.nurture is None:
            return
        self.message.clear()
        self.nurture = self.nurture.again(self._loop, self._choice())
        self._draw(from_start=True, same_storm=True)

    def _searched(self) -> None:
        """Only the list depends on it."""
        if self._loop is not None and self.nurture is not None:
            self.nurture = replace(self.nurture, choice=self._choice())
            self.homes_part.show(self._loop, self.nurture, from_start=True)

    def _begin(self) -> None:
        self._selectors = Selectors(self._sources.tenants(), self._sources.storms, self._chosen, self.message)
        self._chosen_box.children = (self._selectors.widget,)
        self._selectors.begin(str(self._asked["tenant"]), str(self._asked["storm"]))
        self._open(self._selectors.tenant, self._selectors.storm)

    def _chosen(self, tenant: str, storm: str | None) -> None:
        self.message.clear()
        try:
            self._open(tenant, storm)
        finally:
            self._draw(from_start=True)  # after a failure too: the former choice must not stay in view

    def _open(self, tenant: str | None, storm: str | None) -> None:
        self._loop, self.nurture = None, None
        if tenant is None or storm is None:
            return
        loop, nurture = self._sources.open(tenant, storm, self._choice())
        self._quiet = True
        try:
            self.sequence.options = [(str(one.title), name) for name, one in nurture.sequences.items()]
            self.sequence.value = nurture.choice.sequence_type
        finally:
            self._quiet = False
        self._loop, self.nurture = loop, nurture

    def _lock(self, running: bool) -> None:
        for box in (self.threshold, self.slider, self.sequence, self.start, self.search):
            box.disabled = running
        if self._selectors is not None:
            self._selectors.lock(running)

    # ---- drawing

    def _changed(self, homes: Sequence[str] = ()) -> None:
        """Something was written, perhaps of some homes alone: read it again and draw all, without a reload."""
        if self._loop is not None and self.nurture is not None:
            self.nurture = self.nurture.again(self._loop, self._choice(), homes)
            self._draw()

    def _draw(self, *, from_start: bool = False, same_storm: bool = False) -> None:
        """Show what is known in every section; `from_start` forgets pages and picks, unless of the `same_storm`."""
        loop, nurture = self._loop, self.nurture
        self._chip.show(self._selectors if nurture else None)
        parts = (self.homes_part, self.linter, self.outbox_part, self.file_part)
        for widget in (self._week_part, self._ledger, self.search, *(part.widget for part in parts)):
            show(widget, nurture is not None)
        self.planning.show(loop, nurture, from_start=from_start and not same_storm)
        if loop is None or nurture is None:
            none_yet = self._selectors is not None and self._selectors.tenant and not len(self._selectors.storms)
            self._answer.value = markup.empty(sections.NO_STORM) if none_yet else ""
            return
        show(self._read_only, not nurture.may_write)
        self._answer.value, self._ledger.value = sections.answer(nurture), sections.ledger(nurture)
        self.week_pager.page = 1 if from_start else self.week_pager.page
        self._draw_week()
        self.linter.show(loop, nurture)
        self.outbox_part.show(loop, nurture, from_start=from_start)
        self.file_part.show(loop, nurture)
        self.homes_part.show(loop, nurture, from_start=from_start)

    def _draw_week(self) -> None:
        if self.nurture is None:
            return
        steps = self._week_steps(self.nurture.week)
        self.week_pager.over(len(steps))
        self._week.value = calendar.week(steps, self.nurture.may_write)
        some = steps.iloc[self.week_pager.rows]
        self.week_table.show([str(place) for place in range(len(some))], calendar.week_rows(some))
        show(self.week_table, len(steps) > 0)

    def _week_steps(self, steps: pd.DataFrame) -> pd.DataFrame:
        """The steps in the order that was chosen; else as they come."""
        order = self.week_table.ordered
        return steps.sort_values(order[0], ascending=order[1], kind="stable") if order and len(steps) else steps

    def _week_file(self) -> tuple[str, str]:
        if self.nurture is None:
            raise BadInput("No storm is open.", "", "Choose a company and a storm first.")
        rows = calendar.week_rows(self._week_steps(self.nurture.week))
        return f"contacts {self.nurture.storm_name}", csv_of([str(column["label"]) for column in calendar.WEEK], rows)
