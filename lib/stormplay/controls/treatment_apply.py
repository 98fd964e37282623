"""Apply the rules that are tried out, go back to those of an earlier run, keep them, take the decisions along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from stormplay import exports
from stormplay.controls import markup
from stormplay.controls import treatment_policy as sections
from stormplay.controls.asking import Confirm, FileWhenWanted, button, row, show
from stormplay.controls.guard import Message, checked
from stormplay.controls.treatment_sources import Opened
from stormplay.controls.treatment_state import Treatment
from stormplay.controls.work import Report, Work
from stormplay.errors import BadInput

COLUMNS = ["property_id", "decision", "reason", "expected_uplift", "hail_in", "zip_code", "model_version", "decided_at"]
FILE = (
    "Every home that is treated or skipped, with its reason. A held-out home is in no file: who has a list visits it."
)


class Applying:
    """The buttons below the dry run.

    Args:
        changed: Called after something was written, so that the page is read anew.
        take: Puts rules into the editors.
        lock: Called with True before and False after the writing.

    Attributes:
        widget: What is displayed.
        work: The writing.
        apply, keep: Buttons that ask first.
        back: Puts the rules of the run before into the editors.
        message: Where the outcome of the other buttons is told.
    """

    def __init__(self, changed: Callable[[], None], take: Callable[[Any], None], lock: Callable[[bool], None]) -> None:
        self._changed, self._take = changed, take
        self._opened: Opened | None = None
        self._one: Treatment | None = None
        self.message = Message()
        self.work = Work("Apply", self._apply, self._applied, lock)
        self.work.cancel_button.layout.display = "none"  # one transaction: it is written whole or not at all
        self.apply = Confirm("Apply …", self._question, self._start, self.message)
        self.apply.button.button_style = "primary"
        self.keep = Confirm("Keep as the company's rules …", self._keep_question, self._keep, self.message)
        self.back = button("Try the rules of the run before")
        self.back.on_click(checked(self.message)(lambda _: self.message.note(self._go_back())))
        self._writing = row(self.apply.widget, self.keep.widget, self.back)
        self._read_only = widgets.HTML(markup.note(sections.NOT_YOURS))
        taking = widgets.HTML(
            markup.details("How it is taken back, and what cannot be", markup.note(sections.TAKING_BACK))
        )
        self.widget = widgets.VBox([
            self._writing, self.work.running, self.work.message.widget, self.message.widget, self._read_only, taking,
        ])  # fmt: skip

    def show(self, opened: Opened | None, one: Treatment | None, *, from_start: bool = False) -> None:
        """Be about a storm and what is tried out; what was asked about other rules is not answered for these."""
        self._opened, self._one = opened, one
        self.apply.forget()
        self.keep.forget()
        if from_start:
            self.message.clear()
            self.work.message.clear()
        may = one is not None and one.may_decide
        show(self._writing, may, "flex")
        show(self._read_only, one is not None and not one.may_decide)
        show(self.keep.widget, one is not None and one.may_save)
        would = None if one is None else one.trial.would
        self.apply.button.disabled = would is None or not would.changed
        self.keep.button.disabled = one is None or would is None or one.trial.rules == one.rules
        show(self.back, one is not None and len(one.runs) > 1)

    def _trial(self) -> tuple[Opened, Treatment]:
        if self._opened is None or self._one is None or self._one.trial.would is None:
            raise BadInput("There is nothing to apply.", "", "Choose rules that can be used first.")
        return self._opened, self._one

    def _question(self) -> str:
        would = self._trial()[1].trial.would
        return (
            f"Write {markup.count(would.changed, 'change')}? {would.sentence} It is decided anew at this moment, so "
            "what others have changed meanwhile counts. The run, and what each home was before, are kept for good."
        )

    def _start(self) -> str:
        self.work.start()
        return ""

    def _apply(self, report: Report) -> Any:
        """Runs in a thread."""
        opened, one = self._trial()
        report(0.2, f"Deciding for {markup.count(one.trial.would.eligible, 'home')}, alone with the storm")
        return opened.policy.apply(one.trial.rules)

    def _applied(self, applied: Any) -> str:
        self._changed()
        return f"Run {applied.run_number} is written. {applied.sentence}"

    def _go_back(self) -> str:
        _, one = self._trial()
        before = one.runs.iloc[-2]
        self._take(type(one.rules).from_mapping(dict(before["rules"])))
        return f"These are the rules of run {before['run_number']}. Nothing is written before 'Apply'."

    def _keep_question(self) -> str:
        return "Keep these rules as the company's, for every storm from now on? Earlier ones are in the audit log."

    def _keep(self) -> str:
        opened, one = self._trial()
        said = opened.policy.save_rules(one.trial.rules)
        self._changed()
        return f"These are the company's rules now. {said}".strip()


class TakeAlong(FileWhenWanted):
    """The decisions in force as a file."""

    def __init__(self) -> None:
        super().__init__(f"<h3>Take the decisions along</h3>{markup.note(FILE)}")

    def show(self, opened: Opened | None, one: Treatment | None) -> None:
        """Be about a storm."""
        self.offer(None if opened is None or one is None else lambda: _decisions(opened, one))
        self.button.disabled = one is None or not one.eligible


def _decisions(opened: Opened, one: Treatment) -> str:
    found = opened.policy.decisions()
    rows = found[found["decision"] != "hold_out"]
    return markup.download(f"Download {len(rows):,} decisions", f"decisions {one.storm_name}.csv",
                           exports.to_csv(rows[COLUMNS]))  # fmt: skip
