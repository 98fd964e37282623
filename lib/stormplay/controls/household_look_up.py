"""Look a household up: one field that suggests while one types, suggestions that can be pressed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from stormplay.controls import household_words as words
from stormplay.controls.guard import Message, checked
from stormplay.controls.household_state import Company
from stormplay.controls.live import source_of

LONGEST = 200  # signs; nobody types more to find a household


class LookUpField(anywidget.AnyWidget):
    """A field with a list below it.

    Attributes:
        label, placeholder: Words above it and in it.
        value: What stands in the field, as the page says; what is typed comes in messages.
        action: Words of the button.
        rows: Dicts of `id`, `title` and `detail`, one that can be pressed each.
        said: A sentence above the list.
        disabled: Whether nothing can be typed.
    """

    _esm = source_of("look_up.js")
    _css = source_of("look_up.css")
    label = traitlets.Unicode("").tag(sync=True)
    placeholder = traitlets.Unicode("").tag(sync=True)
    action = traitlets.Unicode("Open").tag(sync=True)
    value = traitlets.Unicode("").tag(sync=True)
    rows = traitlets.List(traitlets.Dict()).tag(sync=True)
    said = traitlets.Unicode("").tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)


class LookUp:
    """A field that finds households.

    Args:
        label: Words above the field.
        opened: Called with the identity_id of the household that is meant.
        message: Where a failure is told.
        action: Words of the button.

    Attributes:
        field: What is displayed.
        found: What was found last; None: nothing was looked for yet.
    """

    def __init__(self, label: str, opened: Callable[[str], object], message: Message, action: str = "Open") -> None:
        self._opened = opened
        self._company: Company | None = None
        self.found: Any = None
        self.field = LookUpField(label=label, placeholder=words.PLACEHOLDER, action=action)
        self._hear = checked(message)(self._heard)
        self.field.on_msg(lambda _, content, __: self._hear(content))

    def show(self, company: Company | None) -> None:
        """Look in another company; what was typed and found is forgotten."""
        self._company = company
        self.field.disabled = company is None
        self.clear()

    def clear(self) -> None:
        """Forget what was typed and found."""
        self.found = None
        with self.field.hold_sync():
            self.field.value, self.field.rows, self.field.said = "", [], ""

    def look(self, typed: str, *, may_open: bool) -> None:
        """Look up what was typed; open it where it can be one household alone."""
        typed = typed[:LONGEST].strip()
        if self._company is None or len(typed) < 2:
            self._list([], words.TYPE_ON if typed else "")
            return
        self.found = self._company.graph.look_up(typed)
        if may_open and self.found.the_one:
            first = self.found.households[0]
            if first.kind in ("id", "property_id"):  # nobody reads an id
                self.field.value = first.label
            self.open(self.found.the_one)
        else:
            self._list(words.rows(self.found), words.found(self.found, self._company.role, pressed=may_open))

    def open(self, identity_id: str) -> None:
        """Open a household; the list closes, unless it says what many share."""
        if self.found is None or not self.found.apart:
            self._list([], "")
        self._opened(identity_id)

    def _heard(self, content: object) -> None:
        """What comes from the browser is unchecked."""
        if not isinstance(content, dict):
            return
        if "pick" in content:
            known = {row["id"] for row in self.field.rows}
            if content["pick"] in known:
                self.open(str(content["pick"]))
        elif "close" in content:
            self._list([], "")
        elif "enter" in content or "ask" in content:
            self.look(str(content.get("enter", content.get("ask"))), may_open="enter" in content)

    def _list(self, rows: list[dict[str, str]], said: str) -> None:
        with self.field.hold_sync():
            self.field.rows, self.field.said = rows, said
