"""Preview, schedule, undo; and hold, move or end the nurture of the whole storm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date

import ipywidgets as widgets
import pandas as pd

from stormplay import clock
from stormplay.controls import markup
from stormplay.controls import nurture_calendar as calendar
from stormplay.controls.asking import Confirm, button, row, show
from stormplay.controls.fields import Fields, Rule
from stormplay.controls.guard import Message, checked
from stormplay.controls.nurture_state import Choice, Loop, Nurture
from stormplay.controls.work import Report, Work
from stormplay.errors import BadInput, Cancelled
from stormplay.nurture.clock import zone
from stormplay.nurture.rules import check_day

STOP_ALL = (
    "Stop the nurture of this storm for everybody? Every contact that is to come ends for good. Resuming the storm "
    "later allows new schedules, but brings no stopped contact back. To hold it for a while, use 'Pause all'."
)
UNDO = (
    "Stop what was just scheduled for {homes}? Every contact that is to come for them in this storm ends, and for this "
    "storm they cannot be scheduled again."
)
NO_DAY = "No day is chosen. Expected today or a later day."
NOTHING_SCHEDULED = "Preview first: the button 'Schedule these' belongs to a preview of the same choice."


@dataclass(frozen=True)
class Previewed:
    """A preview and the choice it was made for."""

    schedules: tuple[float, str, date | None]
    shown: pd.DataFrame
    title: str


class Planning:
    """Preview and schedule for the choice, and act on the storm.

    Args:
        chosen: Gives the choice now on the page.
        form: The fields of the choice; where one cannot be used, nothing can be previewed or scheduled.
        changed: Called after something was written, so that the page is read anew.
        lock: Called with True before and False after long work.

    Attributes:
        widget: What is displayed.
        preview, schedule: The two long works.
        undo, stop: Buttons that ask first.
        day, move: Where all contacts are moved to; the button waits for a day that can be used.
        fields: What is asked of the day.
        message: Where the outcome of the other buttons is told.
    """

    def __init__(
        self, chosen: Callable[[], Choice], form: Fields, changed: Callable[[], None], lock: Callable[[bool], None]
    ) -> None:
        self._chosen, self._form, self._changed, self._lock = chosen, form, changed, lock
        self._loop: Loop | None = None
        self._nurture: Nurture | None = None
        self._previewed: Previewed | None = None
        self._just_scheduled: list[str] = []
        self._busy = False
        self.message = Message()
        self.result = widgets.HTML()
        self.preview = Work("Preview", self._preview, self._have_previewed, self._running)
        self.schedule = Work("Schedule these", self._schedule, self._have_scheduled, self._running)
        self.schedule.cancel_button.layout.display = "none"  # one transaction: it is written whole or not at all
        self.undo = Confirm("Stop what was just scheduled …", self._undo_question, self._undo, self.message)
        self.pause, self.resume = button("Pause all"), button("Resume all")
        self.stop = Confirm("Stop all …", lambda: STOP_ALL, self._stop_all, self.message)
        self.day = widgets.DatePicker(
            description="Move all to", style={"description_width": "initial"}, layout={"width": "17em"}
        )
        self.move = button("Move")
        self.fields = Fields()
        day = self.fields.check(self.day, day_rule(lambda: self._loop, NO_DAY))
        self.day.observe(checked(self.message)(lambda _: self.draw()), "value")
        self.pause.on_click(checked(self.message)(lambda _: self.message.good(self._pause_all())))
        self.resume.on_click(checked(self.message)(lambda _: self.message.good(self._resume_all())))
        self.move.on_click(checked(self.message)(lambda _: self.message.good(self._move_all())))
        moving = row(day, self.move)
        moving.layout.align_items = "flex-start"  # the sentence below the day moves no button
        self._writing = widgets.VBox([
            row(self.schedule.button), self.schedule.running, self.schedule.message.widget, row(self.undo.widget),
        ])  # fmt: skip
        self._storm = widgets.VBox([
            widgets.HTML("<h3>For the whole storm</h3>"), row(self.pause, self.resume, self.stop.widget),
            moving,
        ])  # fmt: skip
        self.widget = widgets.VBox([
            row(self.preview.button), self.preview.running, self.preview.message.widget, self.result, self._writing,
            self._storm, self.message.widget,
        ])  # fmt: skip
        self.draw()

    def show(self, loop: Loop | None, nurture: Nurture | None, *, from_start: bool = False) -> None:
        """Be about a storm; `from_start` forgets what was previewed and scheduled."""
        self._loop, self._nurture = loop, nurture
        if from_start:
            self._previewed, self._just_scheduled = None, []
            self.undo.forget()
            self.stop.forget()  # what was asked about one storm is not answered for another
            for message in (self.message, self.preview.message, self.schedule.message):
                message.clear()
        self.draw()

    def draw(self) -> None:
        """Enable what fits the choice; a preview of another choice is taken away."""
        if self._previewed is not None and self._previewed.schedules != self._chosen().schedules:
            self._previewed = None
            self.preview.message.clear()
        before, nurture = self._previewed, self._nurture
        self.result.value = calendar.previewed(before.shown, before.title, before.schedules[2]) if before else ""
        may_write = nurture is not None and nurture.may_write
        is_stopped = nurture is not None and nurture.standing.state == "stopped"
        goes = before is not None and bool((before.shown["outcome"] == "scheduled").any())
        self._form.look()  # another storm may be another company's, where it may be another day
        fault = self._form.fault
        self.preview.button.disabled, self.preview.button.tooltip = nurture is None or self._busy or bool(fault), fault
        self.schedule.button.disabled = not goes or is_stopped or self._busy or bool(fault)
        self.schedule.button.tooltip = fault or ("" if goes else NOTHING_SCHEDULED)
        pending = nurture is not None and len(nurture.week) + nurture.homes("scheduled") + nurture.homes("paused") > 0
        state = nurture.standing.state if nurture is not None else "open"
        self.pause.disabled, self.resume.disabled = state != "open" or self._busy, state == "open" or self._busy
        self.stop.button.disabled, self.day.disabled = state == "stopped" or self._busy, not pending or self._busy
        self.fields.look()
        self.move.disabled = self.day.disabled or bool(self.fields.fault)
        self.move.tooltip = self.fields.fault if pending else "No contact is to come."
        show(self._writing, may_write)
        show(self._storm, may_write)
        show(self.undo.widget, bool(self._just_scheduled))

    # ---- long work, in threads

    def _preview(self, report: Report) -> Previewed:
        loop, nurture, choice = self._open()
        report(0.1, f"Asking every rule for {markup.count(nurture.candidates, 'home')}")
        shown = loop.preview(None, choice.sequence_type, choice.start, threshold=choice.threshold)
        if not report(0.9, "Counting by day and channel"):
            raise Cancelled("Stopped.", remedy="A preview writes nothing.")
        return Previewed(choice.schedules, shown, str(nurture.sequence.title))

    def _schedule(self, report: Report) -> tuple[pd.DataFrame, str]:
        loop, nurture, choice = self._open()
        before = self._previewed
        if before is None or before.schedules != choice.schedules:
            raise BadInput(NOTHING_SCHEDULED)
        ids = before.shown["property_id"].astype(str).tolist()
        report(0.2, f"Writing, after every rule was asked again for {markup.count(len(ids), 'home')}")
        return loop.schedule(ids, choice.sequence_type, choice.start), str(nurture.sequence.title)

    def _have_previewed(self, previewed: Previewed) -> str:
        self._previewed = previewed
        self.draw()
        return "Previewed. Nothing is written yet."

    def _have_scheduled(self, made: tuple[pd.DataFrame, str]) -> str:
        shown, title = made
        goes = shown[shown["outcome"] == "scheduled"]
        self._just_scheduled, self._previewed = goes["property_id"].astype(str).tolist(), None
        self.preview.message.clear()
        self._changed()
        steps = markup.count(goes["step_count"].sum(), "contact")
        return f"{markup.count(len(goes), 'home')} scheduled for '{title}': {steps} in all."

    def _running(self, running: bool) -> None:
        self._busy = running
        if running:
            self.message.clear()
        self._lock(running)
        self.draw()

    # ---- presses

    def _undo_question(self) -> str:
        return UNDO.format(homes=markup.count(len(self._just_scheduled), "home"))

    def _undo(self) -> str:
        steps = self._open()[0].stop(self._just_scheduled)
        said = f"{markup.count(steps, 'contact')} stopped for {markup.count(len(self._just_scheduled), 'home')}."
        self._just_scheduled = []
        return self._told(said)

    def _pause_all(self) -> str:
        self._open()[0].pause()
        return self._told("The nurture of this storm is paused: nothing goes into the outbox.")

    def _resume_all(self) -> str:
        self._open()[0].resume()
        return self._told("The nurture of this storm goes on; what was overdue is placed anew.")

    def _stop_all(self) -> str:
        steps = self._open()[0].stop()
        self._just_scheduled = []
        return self._told(f"The nurture of this storm is stopped: {markup.count(steps, 'contact')} ended.")

    def _move_all(self) -> str:
        day_rule(lambda: self._loop, NO_DAY)(self.day.value)  # a press may be older than what disabled the button
        moved = self._open()[0].reschedule(None, self.day.value)
        refused = int((moved["outcome"] == "refused").sum())
        more = f" {markup.count(refused, 'contact')} could not be placed within the rules." if refused else ""
        kept = markup.count(len(moved) - refused, "contact")
        return self._told(f"{kept} moved; the next of each home comes on {self.day.value:%d %b %Y} or later.{more}")

    def _told(self, said: str) -> str:
        self.schedule.message.clear()
        self._changed()
        return said

    def _open(self) -> tuple[Loop, Nurture, Choice]:
        if self._loop is None or self._nurture is None:
            raise BadInput("No storm is open.", "", "Choose a company and a storm first.")
        return self._loop, self._nurture, self._chosen()


def day_rule(loop: Callable[[], Loop | None], missing: str = "") -> Rule:
    """The rule of a day on which contacts may begin, on the clock of the loop's company.

    Args:
        loop: Gives the loop; None: no storm is open, and every day will do.
        missing: What is said where no day is chosen; '': none is needed.
    """

    def rule(day: date | None) -> None:
        one = loop()
        if day is None and missing:
            raise BadInput(missing)
        if day is not None and one is not None:
            check_day(day, clock.now().astimezone(zone(one.time_zone) or UTC).date())

    return rule
