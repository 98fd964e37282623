"""A callback never shows a traceback: what went wrong becomes a sentence on the page.

Voilà sends the traceback of a failed widget callback to the browser, with the source of the cell, whatever its
settings say. So every callback of this package is wrapped by `checked`.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import ipywidgets as widgets

from stormplay.controls import markup
from stormplay.errors import StormplayError

P = ParamSpec("P")
R = TypeVar("R")

# Without a handler Python would print to stderr, which a kernel publishes to the browser.
log = logging.getLogger("stormplay.controls")
log.addHandler(logging.NullHandler())

UNEXPECTED = "Something went wrong here that should not. Nothing else was changed. Reload the page and try again."


class Message:
    """A place on the page for one sentence.

    Args:
        keeps_place: Whether its line stays free while nothing is said, so that a remark moves nobody's page. For what
            others cause: it comes while somebody reads or types.

    Attributes:
        widget: What is displayed.
        text: The sentence shown now, or an empty string.
    """

    def __init__(self, *, keeps_place: bool = False) -> None:
        self._away = None if keeps_place else "none"
        self.widget = widgets.HTML(layout=widgets.Layout(display=self._away))
        if keeps_place:
            self.widget.add_class("sp-place").add_class("sp-told")
        self.text = ""

    def error(self, text: str) -> None:
        """Show what went wrong."""
        self._show(text, markup.error)

    def good(self, text: str) -> None:
        """Show what went well."""
        self._show(text, markup.good)

    def note(self, text: str) -> None:
        """Show a quiet remark."""
        self._show(text, markup.note)

    def clear(self) -> None:
        """Show nothing."""
        self._show("", markup.note)

    def _show(self, text: str, write: Callable[[str], str]) -> None:
        self.text = text
        self.widget.value = write(text) if text else ""
        self.widget.layout.display = None if text else self._away


def checked(message: Message) -> Callable[[Callable[P, R]], Callable[P, R | None]]:
    """Wrap a callback so that its errors become a sentence in `message`.

    A `StormplayError` shows its own sentence; any other exception shows a general one and goes to the logger
    `stormplay.controls`. The wrapped function returns None then.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R | None]:
        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R | None:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                message.error(sentence_of(error))
                return None

        return guarded

    return decorate


def sentence_of(error: BaseException) -> str:
    """Return the sentence for an error; an unexpected one is logged with its traceback."""
    if isinstance(error, StormplayError):
        return str(error)
    log.error("unexpected error in a callback", exc_info=error)
    return UNEXPECTED
