"""Open alerts on the page of a company's health: whoever sees to one says so, and everybody reads who it is."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets

from stormplay.controls import health_sections as sections
from stormplay.controls import markup
from stormplay.controls.asking import button, row, show
from stormplay.controls.guard import Message, checked
from stormplay.controls.health_state import View, Wellness
from stormplay.errors import BadInput

FOR_GOOD = "It cannot be taken back: who saw to an alert stays on record."
READ_ONLY = "Your role here is viewer: seeing to an alert is for operators and above."


class Alerts:
    """The alerts that nobody sees to yet; the reader can be the one who does.

    Args:
        changed: Called after somebody said so, so that the page follows.

    Attributes:
        widget: What is displayed.
        choice: Which alert.
        button: Says that the reader sees to it.
        message: Where the outcome is told.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._source: Wellness | None = None
        self.message = Message()
        self.choice = widgets.Dropdown(
            description="Alert", style={"description_width": "5.5em"}, layout={"width": "min(34em, 100%)"}
        )
        self.button = button("I see to it")
        self.button.on_click(checked(self.message)(lambda _: self._press()))
        self._note = widgets.HTML()
        self._ask = row(self.choice, self.button)
        self.widget = widgets.VBox([self._ask, self._note, self.message.widget])
        self.show(None, None)

    def show(self, source: Wellness | None, view: View | None) -> None:
        """Be about a company; the chosen alert stays chosen where nobody sees to it still."""
        if source is not self._source:
            self.message.clear()
        self._source = source
        options = [] if view is None else sections.unseen(view)
        if list(self.choice.options) != options:
            kept, ids = self.choice.value, [alert for _, alert in options]
            self.choice.options = options
            self.choice.value = kept if kept in ids else next(iter(ids), None)
        may = view is not None and view.may_act
        self.button.disabled = not may
        self._note.value = markup.note(FOR_GOOD if may else READ_ONLY)
        show(self._ask, bool(options), "flex")
        show(self._note, bool(options))

    def _press(self) -> None:
        self.message.clear()
        if self._source is None or self.choice.value is None:
            raise BadInput("No alert is chosen.", "", "Choose one first.")
        try:
            self._source.acknowledge(str(self.choice.value))
        finally:
            self._changed()  # after a refusal too: somebody was quicker, or the trouble is over
        self.message.good("Everybody sees now that you see to it.")
