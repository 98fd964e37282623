"""Apply the rules that are tried out, go back to those of an earlier run, keep them, take the decisions along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from stormplay import exports
from stormplay.controls import markup
from stormplay.controls import treatment_policy as sections
from stormplay.controls.asking import FileWhenWanted, button, row, show
from stormplay.controls.guard import Message, checked
from stormplay.controls.treatment_sources import Opened
from stormplay.controls.treatment_state import Treatment
from stormplay.controls.undo import Done, Outcome
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
        apply: Writes what the dry run above it shows. There is no undo, and beside it stands why.
        keep: Makes the rules the company's at once; `kept` tells it and takes it back.
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
        self.apply, self.keep = button("Apply", "primary"), button("Keep as the company's rules")
        self.apply.on_click(checked(self.message)(lambda _: self._start()))
        self.kept = Outcome()
        self.keep.on_click(checked(self.kept.message)(lambda _: self.kept.tell(self._keep())))
        self.back = button("Try the rules of the run before")
        self.back.on_click(checked(self.message)(lambda _: self.message.note(self._go_back())))
        self._for_good = widgets.HTML()
        self._writing = widgets.VBox([self._for_good, row(self.apply, self.keep, self.back)])
        self._read_only = widgets.HTML(markup.note(sections.NOT_YOURS))
        taking = widgets.HTML(
            markup.details("Why it has no Undo, and what can be done", markup.note(sections.TAKING_BACK))
        )
        self.widget = widgets.VBox([
            self._writing, self.work.running, self.work.message.widget, self.kept.widget, self.message.widget,
            self._read_only, taking,
        ])  # fmt: skip

    def show(self, opened: Opened | None, one: Treatment | None, *, from_start: bool = False) -> None:
        """Be about a storm and what is tried out."""
        self._opened, self._one = opened, one
        if from_start:
            self.message.clear()
            self.kept.forget()
            self.work.message.clear()
        may = one is not None and one.may_decide
        show(self._writing, may)
        show(self._read_only, one is not None and not one.may_decide)
        show(self.keep, one is not None and one.may_save)
        would = None if one is None else one.trial.would
        self._for_good.value = markup.note(sections.for_good(would.changed)) if would and would.changed else ""
        self.apply.disabled = would is None or not would.changed
        refused = "" if one is None else one.trial.refused
        self.apply.tooltip = (refused or "There is nothing to apply: see above.") if self.apply.disabled else ""
        self.keep.disabled = one is None or would is None or one.trial.rules == one.rules
        self.keep.tooltip = (refused or "These are the company's rules already.") if self.keep.disabled else ""
        show(self.back, one is not None and len(one.runs) > 1)

    def lock(self) -> None:
        """Let nothing be written until `show` says what of."""
        for one in (self.apply, self.keep):
            one.disabled, one.tooltip = True, "Wait a moment: something is being worked out."

    def _trial(self) -> tuple[Opened, Treatment]:
        if self._opened is None or self._one is None or self._one.trial.would is None:
            raise BadInput("There is nothing to apply.", "", "Choose rules that can be used first.")
        return self._opened, self._one

    def _start(self) -> None:
        """A press that was on its way when the rules changed is of changes that nobody has seen."""
        self.message.clear()
        if self.apply.disabled:
            raise BadInput("Nothing was applied: the rules have just been changed, or change nothing.", "",
                           "Look above at what they would do, then press 'Apply'.")  # fmt: skip
        self.work.start()

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

    def _keep(self) -> Done:
        opened, one = self._trial()
        if self.keep.disabled:
            raise BadInput("Nothing was kept: the rules have just been changed, or are the company's already.", "",
                           "Look above at what they would do, then keep them.")  # fmt: skip
        policy, rules = opened.policy, one.trial.rules
        former = policy.kept_rules
        more = policy.exchange_rules(rules, former)
        self._changed()

        def undo() -> str:
            policy.exchange_rules(former, rules)
            self._changed()
            as_shipped = "" if former is not None else ", as shipped"
            now = sections.rules_said(policy.rules.to_mapping())
            return (
                f"The company's rules are the former ones again{as_shipped}: {now}. What you tried out still stands "
                "in the boxes."
            )

        now = sections.rules_said(rules.to_mapping())
        return Done(f"These are the company's rules now, for every storm from now on: {now}. {more}".strip(), undo)


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
