"""The queue of proposals: pairs that the nightly model would not decide alone, surest first; yes or no, with undo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets
import pandas as pd

from stormplay.controls import household_sections as sections
from stormplay.controls import household_words as words
from stormplay.controls import markup
from stormplay.controls.asking import Pager, button, row, show
from stormplay.controls.guard import checked
from stormplay.controls.household_state import Company, Nightly
from stormplay.controls.undo import Done, Outcome
from stormplay.controls.work import Report, Work
from stormplay.errors import BadInput

A_PAGE = 3
MOST = 300  # proposals that are read; those beyond come up as these are answered
EMPTY = ("No proposal waits. The nightly comparison of all households fills this list with pairs that it is not sure "
         "of: 'Compare all households now', or 'stormplay identity nightly' every night.")  # fmt: skip


class Review:
    """The queue with its answers, and the comparison that fills it.

    Args:
        nightly: Compares all households of a tenant.
        changed: Called after an answer or a comparison, so that the page follows.
        opened: Called with the identity_id of a household that is to be opened.
        lock: Called with True before and False after a comparison.

    Attributes:
        proposals: Those that wait, as `IdentityGraph.proposals` gives them.
        buttons: ('Yes', 'No') by proposal_id, of those shown.
        outcome: What was answered.
        night: The comparison.
        widget: What is displayed.
    """

    def __init__(
        self,
        nightly: Nightly,
        changed: Callable[[], None],
        opened: Callable[[str], None],
        lock: Callable[[bool], None] = lambda running: None,
    ) -> None:
        self._nightly, self._changed, self._opened = nightly, changed, opened
        self._company: Company | None = None
        self.proposals = pd.DataFrame()
        self.buttons: dict[str, tuple[widgets.Button, widgets.Button]] = {}
        self.outcome = Outcome()
        self._list, self._compared = widgets.VBox(), widgets.HTML()
        self.pager = Pager(A_PAGE, self._draw, self.outcome.message)
        self.night = Work("Compare all households now", self._run, self._ran, lock)
        self.night.button.button_style = ""
        compare = [self._compared, row(self.night.button), self.night.running, self.night.message.widget]
        self._night_part = widgets.VBox(compare)
        self.widget = widgets.VBox([self.outcome.widget, self._list, self.pager.widget, self._night_part])

    def show(self, company: Company | None, *, from_start: bool = False) -> None:
        """Read the queue of a company."""
        self._company = company
        if from_start:
            self.pager.page = 1
            self.outcome.forget()
            self.night.message.clear()
        show(self.widget, company is not None)
        if company is None:
            return
        self.proposals = company.graph.proposals(limit=MOST)
        show(self._night_part, company.may_write)
        at = company.graph.figures().nightly_at
        told = sections.NEVER_COMPARED if at is None else f"All households were last compared on {words.day(at)}."
        told += " These questions came with the data." if at is None and len(self.proposals) else ""
        self._compared.value = markup.note(told)
        self._draw()

    def _draw(self) -> None:
        company = self._company
        self.buttons = {}
        self.pager.over(len(self.proposals))
        if company is None or self.proposals.empty:
            self._list.children = (widgets.HTML(markup.empty(EMPTY)),)
            return
        shown = self.proposals.iloc[self.pager.rows].to_dict("records")
        ids = {str(each[name]) for each in shown for name in ("one_identity_id", "other_identity_id")}
        briefs = company.graph.briefs(ids)
        self._list.children = [self._row(company, {str(k): v for k, v in each.items()}, briefs) for each in shown]

    def _row(self, company: Company, one: Mapping[str, Any], briefs: Mapping[str, Any]) -> widgets.Widget:
        both = [briefs.get(str(one[name])) for name in ("one_identity_id", "other_identity_id")]
        speaks_for, against = words.evidence(one["evidence"])
        told = widgets.HTML(sections.proposal(float(one["strength"]), both, speaks_for, against))
        look = [self._look(each) for each in both if each is not None]
        if not company.may_write:
            return widgets.VBox([told, row(*look)]).add_class("sp-proposal")
        yes, no = button("Yes, one", "primary"), button("No, two")
        names = " and ".join(each.label for each in both if each is not None)
        for pressed, is_one in ((yes, True), (no, False)):
            answer = checked(self.outcome.message)(
                lambda _, is_one=is_one: self._answer(str(one["proposal_id"]), names, is_one)
            )
            pressed.on_click(answer)
        self.buttons[str(one["proposal_id"])] = (yes, no)
        return widgets.VBox([told, row(yes, no, *look)]).add_class("sp-proposal")

    def _look(self, brief: Any) -> widgets.Button:
        open_it = button(f"Open {brief.homes[0].split(',')[0] if brief.homes else brief.label}")
        open_it.on_click(checked(self.outcome.message)(lambda _: self._opened(brief.identity_id)))
        return open_it

    def _answer(self, proposal_id: str, names: str, is_one: bool) -> None:
        company = self._there()
        company.graph.decide(proposal_id, is_one)
        self._changed()
        said = f"{names} are {'one household now' if is_one else 'two households, and stay so'}."
        self.outcome.tell(Done(said, lambda: self._ask_again(proposal_id)))

    def _ask_again(self, proposal_id: str) -> str:
        self._there().graph.reopen(proposal_id)
        self._changed()
        return "Taken back: the question waits again."

    def _run(self, report: Report) -> Any:
        """Runs in a thread."""
        return self._nightly(self._there().tenant, report)

    def _ran(self, night: Any) -> str:
        self._changed()
        return str(night)

    def _there(self) -> Company:
        if self._company is None:
            raise BadInput("No company is open.", "", "Choose one first.")
        return self._company
