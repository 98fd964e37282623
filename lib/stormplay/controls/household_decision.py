"""Preview, do, undo: how every change of who is who is made on the page."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets

from stormplay.controls.asking import button, row, show
from stormplay.controls.guard import checked
from stormplay.controls.undo import Done, Outcome

REASON_LENGTH = 200


class Decision:
    """A preview with its yes and no.

    Args:
        label: Words of the button that does it.
        do: Called with the reason; does it.
        outcome: Where it is told.

    Attributes:
        yes, no: The buttons.
        reason: Why, in words; kept with the change.
        preview: HTML of what would be.
        widget: What is displayed; hidden while nothing is offered.
    """

    def __init__(self, label: str, do: Callable[[str], Done], outcome: Outcome) -> None:
        self._do, self._outcome = do, outcome
        self.preview = widgets.HTML()
        self.yes, self.no = button(label, "primary"), button("Leave it as it is")
        self.reason = widgets.Text(
            placeholder="Why? It is kept with the change.", description="Reason",
            style={"description_width": "4.5em"}, layout=widgets.Layout(width="min(34em, 100%)"),
        )  # fmt: skip
        self.widget = widgets.VBox([self.preview, self.reason, row(self.yes, self.no)]).add_class("sp-decision")
        self.yes.on_click(checked(outcome.message)(lambda _: self._press()))
        self.no.on_click(checked(outcome.message)(lambda _: self.forget()))
        self.forget()

    @property
    def is_open(self) -> bool:
        """Whether something is offered."""
        return bool(self.preview.value)

    def offer(self, preview: str) -> None:
        """Show what would be, as HTML, and ask."""
        self._outcome.forget()
        self.preview.value, self.reason.value = preview, ""
        show(self.widget, True)

    def forget(self) -> None:
        """Ask nothing any more."""
        self.preview.value = ""
        show(self.widget, False)

    def _press(self) -> None:
        if self.is_open:
            reason = str(self.reason.value).strip()[:REASON_LENGTH]
            done = self._do(reason)
            self.forget()
            self._outcome.tell(done)
