"""What was done, with a button that takes it back: for a fair time, and until something else was done."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import ipywidgets as widgets

from stormplay.controls.asking import button, row, show
from stormplay.controls.guard import Message, checked
from stormplay.errors import BadInput

FAIR_S = 900.0  # as long as a step of a job can be taken back


@dataclass(frozen=True)
class Done:
    """What a change came to.

    Attributes:
        said: A sentence.
        undo: Takes it back and returns what to say; None: it cannot be taken back. It asks itself whether something
            else was done meanwhile, and is checked and audited like any act.
    """

    said: str
    undo: Callable[[], str] | None = None


class Outcome:
    """The place where it is told what was done, with a button that takes it back.

    Args:
        message: Where it is told; None: in a place of its own.

    Attributes:
        message: The sentence.
        undo_button: Takes the last change back.
        widget: What is displayed.
    """

    def __init__(self, message: Message | None = None) -> None:
        self._undo: Callable[[], str] | None = None
        self._until = 0.0
        self.message = Message() if message is None else message
        self.undo_button = button("Undo")
        self.undo_button.on_click(checked(self.message)(lambda _: self._take_back()))
        self.widget = widgets.VBox([self.message.widget, row(self.undo_button)])
        self.forget()

    def tell(self, done: Done) -> None:
        """Say what was done and offer to take it back."""
        self._undo, self._until = done.undo, time.monotonic() + FAIR_S
        show(self.undo_button, done.undo is not None)
        self.message.good(done.said)

    def settle(self) -> None:
        """Offer no more to take anything back; what was said stays."""
        self._undo = None
        show(self.undo_button, False)

    def forget(self) -> None:
        """Say nothing any more."""
        self.settle()
        self.message.clear()

    def _take_back(self) -> None:
        undo = self._undo
        self.settle()
        if undo is None:
            return
        if time.monotonic() > self._until:
            raise BadInput("That was too long ago to be taken back.", "Expected 'Undo' within 15 minutes.",
                           "Change it by its own buttons instead.")  # fmt: skip
        self.message.good(undo())
