"""The address of a page follows what is chosen on it, and Back and Forward bring what was chosen back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from stormplay.controls.live import source_of
from stormplay.controls.query import LONGEST
from stormplay.controls.ways import is_served


class Address(anywidget.AnyWidget):
    """The query string of a served page; nothing elsewhere, where the address is not ours.

    Args:
        went: Called with the query string that the reader went back or forward to. It is unchecked.

    Attributes:
        query: What stands in the address, or is about to.
        replaces: Whether the next one takes the place of the last: while somebody types, and where nobody chose.
        active: Whether the address is ours: on a served page.
        heard: The newest going back that `query` answers; the browser counts them.
    """

    _esm = source_of("address.js")
    query = traitlets.Unicode("").tag(sync=True)
    replaces = traitlets.Bool(True).tag(sync=True)
    active = traitlets.Bool(False).tag(sync=True)
    heard = traitlets.Int(0).tag(sync=True)

    def __init__(self, went: Callable[[str], object]) -> None:
        super().__init__(active=is_served())
        self._went = went
        self._answers = False
        self.layout.display = "none"
        self.on_msg(self._hear)

    def tell(self, query: str, *, replaces: bool) -> None:
        """Put a query string into the address.

        Args:
            query: As `Asked.query` writes it.
            replaces: False: the reader chose something, and Back leads to what was before.
        """
        if self.active and query != self.query:
            with self.hold_sync():
                self.query, self.replaces = query, replaces or self._answers

    def _hear(self, _: Any, content: Any, __: Any) -> None:
        if not isinstance(content, dict) or not isinstance(content.get("went"), str):
            return
        number = content.get("number")
        self._answers = True
        try:
            with self.hold_sync():
                self.query = content["went"][:LONGEST]
                self._went(self.query)
                self.heard = number if isinstance(number, int) and 0 < number < 2**31 else self.heard
        finally:
            self._answers = False
