"""What was changed about a household: who, when, why; each change can be taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from stormplay.controls import household_words as words
from stormplay.controls import markup
from stormplay.controls.asking import button, row
from stormplay.controls.guard import checked
from stormplay.controls.household_state import Company, Household
from stormplay.controls.undo import Done, Outcome

MOST = 20
NOTHING = "Nothing was merged, taken apart, exported or erased here yet."


class History:
    """The list of events of the open household.

    Args:
        changed: Called after something was taken back, with the household to open again.

    Attributes:
        buttons: 'Take back' by event_id, of those that can be.
        outcome: What was done.
        widget: What is displayed.
    """

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self.buttons: dict[str, widgets.Button] = {}
        self.outcome = Outcome()
        self._list = widgets.VBox()
        self.widget = widgets.VBox([self.outcome.widget, self._list])
        self._shown = ""

    def show(self, company: Company | None, one: Household | None) -> None:
        """Be about a household."""
        self.buttons = {}
        if one is None or one.identity_id != self._shown:
            self.outcome.forget()
        self._shown = one.identity_id if one else ""
        if company is None or one is None:
            self._list.children = ()
            return
        events = company.graph.events(one.identity_id, MOST + 1).to_dict("records")
        rows = [self._row(company, one, {str(name): value for name, value in each.items()}) for each in events[:MOST]]
        if len(events) > MOST:
            rows.append(widgets.HTML(markup.note(f"The newest {MOST}; there are more.")))
        self._list.children = tuple(rows) or (widgets.HTML(markup.empty(NOTHING)),)

    def _row(self, company: Company, one: Household, event: Mapping[str, Any]) -> widgets.Widget:
        said = markup.text(words.event(event))
        who = markup.note(words.by_whom(str(event["made_by"]), event["made_at"]))
        state = markup.badge("taken back") if event["is_undone"] else ""
        told = widgets.HTML(f"<p>{said} {state}</p>{who}", layout={"width": "auto"}).add_class("sp-event-words")
        if not (company.may_write and _may_be_undone(event)):
            return row(told).add_class("sp-event")
        back = button("Take back")
        back.on_click(checked(self.outcome.message)(lambda _: self._take_back(company, one, str(event["event_id"]))))
        self.buttons[str(event["event_id"])] = back
        return row(told, back).add_class("sp-event")

    def _take_back(self, company: Company, one: Household, event_id: str) -> None:
        undone = company.graph.undo(event_id)
        self._changed(one.identity_id)
        self.outcome.tell(Done("Taken back.", lambda: self._again(company, one, undone.event_id)))

    def _again(self, company: Company, one: Household, event_id: str) -> str:
        company.graph.undo(event_id)
        self._changed(one.identity_id)
        return "It is as it was before you took it back."


def _may_be_undone(event: Mapping[str, Any]) -> bool:
    """A change that links made and that stands; of what was taken back already, the list says so."""
    is_change = event["kind"] in ("merged", "separated") and len(event["links"]) > 0
    return is_change and not event["is_undone"] and not words.there(event["undoes"])
