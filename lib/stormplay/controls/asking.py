"""Small pieces of every page: buttons, one that asks first, a file made when wanted, a pager, rows, sections."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets
from IPython.display import HTML

from stormplay.controls import markup
from stormplay.controls.guard import Message, checked
from stormplay.controls.ways import is_served
from stormplay.errors import BadInput

TALL = {"height": "40px"}  # a finger's size; the look itself is the page's


def button(label: str, style: str = "") -> widgets.Button:
    """A button of a finger's size; `style` as ipywidgets has it."""
    return widgets.Button(description=label, button_style=style, layout=dict(TALL))


def look_again(act: Callable[[], object], message: Message) -> widgets.Button:
    """The button that reads what others have changed."""
    again = widgets.Button(description="Look again", tooltip="Read what others have changed",
                           layout=TALL | {"width": "auto"})  # fmt: skip
    again.on_click(checked(message)(lambda _: act()))
    return again


def top(message: Message, *answer: widgets.Widget) -> widgets.Widget:
    """The first section of a page: what went wrong, and the answer; its look, where no page has one."""
    look = [] if is_served() else [widgets.HTML(markup.style(), layout={"display": "none"})]
    return widgets.VBox([*look, message.widget, *answer])


def row(*parts: widgets.Widget) -> widgets.Box:
    """Parts beside each other, below each other where it is narrow."""
    layout = widgets.Layout(display="flex", flex_flow="row wrap", align_items="center", grid_gap="8px")
    return widgets.Box(list(parts), layout=layout).add_class("sp-row")


def below(*sections: widgets.Widget | HTML) -> widgets.Widget | HTML:
    """Sections of a page below each other, for one cell: live ones as one widget, drawn ones as one piece of HTML."""
    if all(isinstance(section, HTML) for section in sections):
        return HTML("".join(section.data for section in sections))
    return widgets.VBox(list(sections))


def show(widget: widgets.Widget, is_shown: bool, display: str | None = None) -> None:
    """Show or hide a widget."""
    widget.layout.display = display if is_shown else "none"


class Confirm:
    """A button that asks before it acts.

    Args:
        label: Words of the button.
        question: Gives what is asked at a press; it says what will happen and whether it can be undone.
        act: What to do after a yes. Returns what to say.
        message: Where the outcome is told.
        word: Must be typed before a yes can be pressed; for what is for good. '': a press is enough.

    Attributes:
        button, yes, no: The buttons.
        typed: Where the word is typed.
        asked: The question shown now, or ''.
        widget: What is displayed.
    """

    def __init__(
        self, label: str, question: Callable[[], str], act: Callable[[], str], message: Message, *, word: str = ""
    ) -> None:
        self._question, self._act, self._message, self._word = question, act, message, word
        self.asked = ""
        self.button, self.yes, self.no = button(label), button("Yes, do it", "danger"), button("No, keep")
        self._words = widgets.HTML()
        self.typed = widgets.Text(
            description=f"Type '{word}'", style={"description_width": "initial"},
            layout=widgets.Layout(width="min(20em, 100%)", display=None if word else "none"),
        )  # fmt: skip
        self.typed.observe(lambda _: self._weigh(), "value")
        self._ask = widgets.VBox([self._words, self.typed, row(self.yes, self.no)]).add_class("sp-ask")
        self.widget = widgets.VBox([self.button, self._ask])
        self.button.on_click(checked(message)(lambda _: self._show(self._question())))
        self.no.on_click(checked(message)(lambda _: self.forget()))
        self.yes.on_click(checked(message)(lambda _: self._do()))
        self.forget()

    def forget(self) -> None:
        """Ask nothing any more."""
        self._show("")

    def _show(self, question: str) -> None:
        self.asked = question
        self._words.value = markup.note(question) if question else ""
        self.typed.value = ""
        self._weigh()
        show(self._ask, bool(question))
        show(self.button, not question)

    def _weigh(self) -> None:
        lacks = bool(self._word) and self.typed.value.strip().lower() != self._word
        self.yes.disabled, self.yes.tooltip = lacks, f"Type '{self._word}' first." if lacks else ""

    def _do(self) -> None:
        if self.asked and not self.yes.disabled:  # a second press of a button that is gone already
            self.forget()
            self._message.good(self._act())


class FileWhenWanted:
    """A button that makes a file, and the link to it.

    Args:
        words: What it is, as HTML.
        below: What stands below it.

    Attributes:
        widget: What is displayed.
        button, file: Makes the file; the link to it.
        message: Where a failure is told.
    """

    def __init__(self, words: str, *below: widgets.Widget) -> None:
        self._make: Callable[[], str] | None = None
        self.message = Message()
        self.button = button("Make the CSV")
        self.file = widgets.HTML(layout={"width": "auto"})
        self.widget = widgets.VBox([widgets.HTML(words), row(self.button, self.file), self.message.widget, *below])
        self.button.on_click(checked(self.message)(lambda _: self._press()))

    def offer(self, make: Callable[[], str] | None) -> None:
        """Offer a file, or none; one made before is taken away, since it may be out of date.

        Args:
            make: Makes it; returns the link, as `markup.download` does. None: no storm is open.
        """
        self._make = make
        self.file.value = ""
        self.message.clear()

    def _press(self) -> None:
        self.message.clear()
        if self._make is None:
            raise BadInput("No storm is open.", "", "Choose a company and a storm first.")
        self.file.value = self._make()


class Pager:
    """'Previous' and 'Next' over so many rows, and which of them are shown.

    Args:
        size: Rows a page.
        turn: Called after a press.
        message: Where a failure is told.

    Attributes:
        page: From 1.
        widget: What is displayed.
    """

    def __init__(self, size: int, turn: Callable[[], None], message: Message) -> None:
        self.size, self.page, self._total, self._turn = size, 1, 0, turn
        self.previous, self.next = button("Previous"), button("Next")
        self.said = widgets.HTML(layout={"width": "auto"}).add_class("sp-pages")
        self.widget = row(self.previous, self.next, self.said)
        self.previous.on_click(checked(message)(lambda _: self._go(-1)))
        self.next.on_click(checked(message)(lambda _: self._go(1)))
        self.over(0)

    @property
    def rows(self) -> slice:
        """The places of the rows shown, from 0."""
        return slice((self.page - 1) * self.size, min(self.page * self.size, self._total))

    def over(self, total: int) -> None:
        """Say how many rows there are; a page beyond the last becomes the last."""
        self._total = total
        self.page = min(max(self.page, 1), self._last)
        self.previous.disabled, self.next.disabled = self.page <= 1, self.page >= self._last
        self.said.value = markup.note(f"Rows {self.rows.start + 1:,}–{self.rows.stop:,} of {total:,}") if total else ""
        show(self.widget, total > 0, "flex")

    @property
    def _last(self) -> int:
        return max(1, -(-self._total // self.size))

    def _go(self, step: int) -> None:
        self.page = min(max(self.page + step, 1), self._last)
        self._turn()
