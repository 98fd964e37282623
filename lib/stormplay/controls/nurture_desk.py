"""The live Phase 5 page: every section is a widget, kept in step with the choice and with what is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import ipywidgets as widgets
import pandas as pd

from stormplay.controls import markup
from stormplay.controls import nurture_calendar as calendar
from stormplay.controls import nurture_sections as sections
from stormplay.controls.asking import Pager, row, show, top
from stormplay.controls.by_storm import ByStorm
from stormplay.controls.fields import Fields, number, within
from stormplay.controls.guard import checked
from stormplay.controls.idle import OnceStill
from stormplay.controls.live import PickTable, csv_of
from stormplay.controls.nurture_homes import Homes
from stormplay.controls.nurture_messages import Linter, Outbox, TakeAlong
from stormplay.controls.nurture_plan import Planning, day_rule
from stormplay.controls.nurture_state import Choice, Loop, Nurture, Sources, totals
from stormplay.controls.query import Asked
from stormplay.controls.record import Recorded
from stormplay.controls.score_chip import ScoreChip
from stormplay.errors import BadInput
from stormplay.parameters import Scalar

WEEK_ROWS = 25


class Desk(ByStorm):
    """One storm's nurture with controls. Made by `phase5`.

    Attributes:
        nurture: What is now shown; None where nothing could be opened.
        fields: What is asked of the threshold, and of the day on which a schedule begins.
        homes_part, planning, linter, outbox_part, file_part: The parts with controls of their own.
    """

    NO_STORM = sections.NO_STORM

    def __init__(self, sources: Sources, asked: Asked, chip: ScoreChip) -> None:
        super().__init__(sources, asked, chip)
        self._sources = sources
        self._loop: Loop | None = None
        self.nurture: Nurture | None = None
        self._answer, self._ledger, self._week = (widgets.HTML() for _ in range(3))
        self.week_table = PickTable(self._week_file, columns=calendar.WEEK, label="Contacts of the week",
                                    has_search=False, picks=False, asks=True)  # fmt: skip
        self.fields, self._quiet = Fields(), False
        self._still = OnceStill(checked(self.message)(self._rechosen))
        self._make_form()
        self.homes_part = Homes(int(asked["page_size"]), self._changed)
        self.planning = Planning(self._wanted, self.fields, self._changed, self._lock)
        self.linter, self.outbox_part, self.file_part = Linter(), Outbox(self._changed, self._lock), TakeAlong()
        self.week_pager = Pager(WEEK_ROWS, self._draw_week, self.message)
        self._week_part = widgets.VBox([self._week, self.week_pager.widget, self.week_table])
        self.week_table.observe(checked(self.message)(lambda _: self._draw_week()), "order")
        self._read_only = widgets.HTML(markup.note(sections.READ_ONLY), layout={"display": "none"})
        self._begin()

    # ---- sections

    def answer(self) -> widgets.Widget:
        """Say who is to be nurtured and who is not, with the age of the data."""
        return top(self.message, self._answer)

    def choose(self) -> widgets.Widget:
        """Choose company, storm, threshold, sequence and start."""
        return widgets.VBox([self._choice, self._form, self._read_only])

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
        self.threshold = number("Uplift above, %", 1)
        self.slider = widgets.FloatSlider(
            min=0.0, max=100.0, step=1.0, readout=False, continuous_update=False, tooltip="Uplift above, %",
            layout=widgets.Layout(flex="1 1 11em", width="auto", min_width="11em", max_width="18em"),
        ).add_class("sp-threshold")  # fmt: skip
        self._put_threshold(float(self._asked["threshold"]))
        self.sequence = widgets.Dropdown(
            options=[], description="Sequence", style=wide, layout=widgets.Layout(width="min(24em, 100%)")
        )
        self.start = widgets.DatePicker(description="Begins on", style=wide, layout=widgets.Layout(width="18em"))
        self.search = widgets.Text(
            placeholder="Part of an address, or a ZIP", description="Search", continuous_update=False,
            style={"description_width": "4em"}, layout=widgets.Layout(width="min(28em, 100%)"),
        )  # fmt: skip
        start = self.fields.check(self.start, day_rule(lambda: self._loop))
        threshold = self.fields.check(self.threshold, within("The uplift", " %", 100))
        self._form = row(threshold, self.slider, self.sequence, start)
        self._form.layout.align_items = "flex-start"  # a sentence moves no neighbour
        self.threshold.observe(checked(self.message)(lambda change: self._typed(change["new"])), "value")
        self.slider.observe(checked(self.message)(lambda change: self._set_threshold(change["new"])), "value")
        self.sequence.observe(checked(self.message)(lambda _: self._rechosen()), "value")
        self.search.observe(checked(self.message)(lambda _: self._searched()), "value")
        self.start.observe(checked(self.message)(lambda _: self.planning.draw()), "value")

    def _wanted(self) -> Choice:
        return Choice(
            threshold=self._above,
            sequence_type=str(self.sequence.value or self._asked["sequence_type"]),
            search=self.search.value.strip(),
            start=self.start.value,
        )

    def _typed(self, percent: float) -> None:
        """What cannot be a threshold is said below the box and changes nothing."""
        if self.fields.said[self.threshold]:
            self._still.forget()
            self.planning.draw()
        else:
            self._set_threshold(percent)

    def _set_threshold(self, percent: float) -> None:
        """The slider and the box show the same number."""
        if not self._quiet:
            self._put_threshold(percent / 100)
            self._still.wait()

    def _put_threshold(self, above: float) -> None:
        """Show a threshold, quietly."""
        self._above = round(above, 6)
        with self._quietly():
            self.threshold.value = self.slider.value = round(100 * above, 4)

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Nothing is read because of what is put into the form meanwhile."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def _rechosen(self) -> None:
        if self._quiet or self._loop is None or self.nurture is None:
            return
        self.message.clear()
        self.nurture = self.nurture.again(self._loop, self._wanted())
        self._draw(from_start=True, same_storm=True)
        self._tell()

    def _searched(self) -> None:
        """Only the list depends on it."""
        if self._loop is not None and self.nurture is not None:
            self.nurture = replace(self.nurture, choice=self._wanted())
            self.homes_part.show(self._loop, self.nurture, from_start=True)
            self._tell(replaces=True)

    def _open(self, tenant: str | None, storm: str | None, asked: Asked | None) -> None:
        self._loop, self.nurture = None, None
        if tenant is None or storm is None:
            return
        loop, nurture = self._sources.open(tenant, storm, self._wanted())
        with self._quietly():
            self.sequence.options = [(str(one.title), name) for name, one in nurture.sequences.items()]
            self.sequence.value = nurture.choice.sequence_type
        self._loop, self.nurture = loop, nurture

    def _lock(self, running: bool) -> None:
        for box in (self.threshold, self.slider, self.sequence, self.start, self.search):
            box.disabled = running
        self._lock_choice(running)

    def _take(self, asked: Asked) -> None:
        known = [name for _, name in self.sequence.options]
        sequence = str(asked["sequence_type"]) if asked["sequence_type"] in known else self.sequence.value
        threshold, search = min(max(float(asked["threshold"]), 0.0), 1.0), str(asked["search"])
        if (threshold, sequence) != (self._wanted().threshold, self.sequence.value):
            self._put_threshold(threshold)
            with self._quietly():
                self.sequence.value = sequence
            self._rechosen()
        if search != self.search.value:
            self.search.value = search

    def _choices(self) -> dict[str, Scalar]:
        wanted = self._wanted()
        return {"threshold": wanted.threshold, "sequence_type": wanted.sequence_type, "search": wanted.search}

    def _look_again(self) -> None:
        self._changed()

    # ---- drawing

    def _changed(self, homes: Sequence[str] = ()) -> None:
        """Something was written, perhaps of some homes alone: read it again and draw all, without a reload."""
        if self._loop is not None and self.nurture is not None:
            self.nurture = self.nurture.again(self._loop, self._wanted(), homes)
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
            self._answer.value = self._nothing
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
