"""Fields that say what they expect while one types, and buttons that cannot be pressed before they have it.

The rules are the library's own: a rule is a function that raises `BadInput`, and what it says stands below the field.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from stormplay.controls import markup
from stormplay.controls.asking import show
from stormplay.errors import BadInput, StormplayError

Rule = Callable[[Any], object]
"""Takes a field's value; raises where it cannot be used."""


class Fields:
    """The fields of one form and the buttons that need all of them.

    Args:
        buttons: Disabled while a field cannot be used, with the reason as their tooltip.

    Attributes:
        said: What stands below each field: the sentence alone, '' where it can be used.
    """

    def __init__(self, *buttons: widgets.Button) -> None:
        self._buttons, self._usual = buttons, [one.tooltip for one in buttons]
        self._rules: list[tuple[widgets.Widget, Rule, widgets.HTML]] = []
        self._may, self._why = True, ""
        self._asked: set[widgets.Widget] = set()
        self.said: dict[widgets.Widget, str] = {}

    def check(self, field: widgets.Widget, rule: Rule) -> widgets.Widget:
        """Watch a field.

        Returns:
            The field with the place of its sentence below it, to be displayed instead of the field.
        """
        # As wide as the field is without it: a sentence that comes or goes moves no neighbour.
        place = widgets.HTML(layout={"display": "none", "width": "0", "min_width": "100%"})
        self._rules.append((field, rule, place))
        field.observe(lambda _: self.look(), "value")
        self.look()
        return widgets.VBox([field, place]).add_class("sp-field")

    def allow(self, may: bool, why: str = "") -> None:
        """Say whether the buttons may be pressed at all, and why not."""
        self._may, self._why = may, why
        self.look()

    @property
    def fault(self) -> str:
        """What the first field that cannot be used lacks; '' where all can."""
        return next((said for said in self.said.values() if said), "")

    def look(self) -> None:
        """Ask every rule again."""
        for field, rule, _ in self._rules:
            self.said[field] = _refusal(rule, field.value)
        fault = self.fault
        why = fault if self._may else self._why
        for one, usual in zip(self._buttons, self._usual, strict=True):  # first: who reads the sentence presses nothing
            one.tooltip = why or usual
            one.disabled = not self._may or bool(fault)
        for field, _, place in self._rules:
            said = self.said[field]
            is_empty = field.value is None or (isinstance(field.value, str) and not field.value.strip())
            place.value = _shown(said, quiet=is_empty) if said else ""
            if said and is_empty:
                self._asked.add(field)
                place.add_class("sp-place")  # its line stays free: the first letter typed moves nothing
            show(place, (bool(said) or field in self._asked) and not field.disabled)


def needed(sentence: str) -> Rule:
    """The rule that something is written or chosen; `sentence` says what."""

    def rule(value: object) -> None:
        if value is None or (isinstance(value, str) and not value.strip()):
            raise BadInput(sentence)

    return rule


def _refusal(rule: Rule, value: Any) -> str:
    try:
        rule(value)
    except StormplayError as error:
        return str(error)
    return ""


def _shown(said: str, *, quiet: bool) -> str:
    """What is still missing is no fault: nobody has done anything wrong yet."""
    if quiet:
        return markup.note(said)
    return f'<p class="sp-note sp-fault" role="status">{markup.text(said)}</p>'


def number(label: str, step: float) -> Any:
    """A box for a number that tells each key, as wide as its label needs."""
    return widgets.FloatText(
        value=0.0, step=step, description=label, continuous_update=True, style={"description_width": "initial"},
        layout=widgets.Layout(width="auto", min_width="15em"),
    )  # fmt: skip


def within(name: str, unit: str, most: float, more: str = "") -> Rule:
    """The rule of a number from 0 to `most`."""

    def rule(value: float) -> None:
        if not 0 <= value <= most:
            raise BadInput(f"{name}: {value:,.15g}{unit}.", f"Expected a number from 0 to {most:,.15g}{unit}{more}.")

    return rule
