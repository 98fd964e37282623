"""Make two households one, take one apart: previewed first, done, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from stormplay.controls import household_sections as sections
from stormplay.controls import household_words as words
from stormplay.controls import markup
from stormplay.controls.asking import button, row
from stormplay.controls.guard import checked
from stormplay.controls.household_decision import Decision
from stormplay.controls.household_look_up import LookUp
from stormplay.controls.household_state import Company, Household
from stormplay.controls.undo import Done, Outcome
from stormplay.errors import BadInput

Changed = Callable[[str], None]
"""Called after a change with the household to open again."""


class _Change:
    """What both changes share: which household is open, and where the outcome is told."""

    def __init__(self, label: str, changed: Changed) -> None:
        self._changed = changed
        self._company: Company | None = None
        self._one: Household | None = None
        self.outcome = Outcome()
        self.decision = Decision(label, self._do, self.outcome)

    def _do(self, reason: str) -> Done:
        raise NotImplementedError

    def _open(self) -> tuple[Company, Household]:
        if self._company is None or self._one is None:
            raise BadInput(words.NONE_OPEN)
        return self._company, self._one

    def _undo(self, event_id: str, one: Household, said: str) -> str:
        self._open()[0].graph.undo(event_id)
        self._changed(one.identity_id)
        return said


class Merging(_Change):
    """Make the open household and another one.

    Args:
        changed: Called after a change with the household to open again.

    Attributes:
        other: The field that finds the other one.
        decision, outcome: The preview; what was done.
        widget: What is displayed.
    """

    def __init__(self, changed: Changed) -> None:
        super().__init__("Make them one household", changed)
        self._with: Household | None = None
        self.other = LookUp("The other household", self.choose, self.outcome.message, action="Choose")
        self.widget = widgets.VBox([self.other.field, self.decision.widget, self.outcome.widget])

    def show(self, company: Company | None, one: Household | None) -> None:
        """Be about a household."""
        is_other = self._one is None or one is None or one.identity_id != self._one.identity_id
        self._company, self._one = company, one
        self.decision.forget()
        if is_other:
            self.outcome.forget()
            self.other.show(company)

    def choose(self, identity_id: str) -> None:
        """Preview what the open household and this one would be."""
        company, one = self._open()
        self.decision.forget()
        self._with = company.open(identity_id)
        if self._with.identity_id == one.identity_id:
            raise BadInput("That is the household that is open.", "", "Look up the other one.")
        company.graph.preview_merge(one.identity_id, self._with.identity_id)  # says why where it cannot be
        self.decision.offer(self._preview(company, one, self._with))

    def _preview(self, company: Company, one: Household, other: Household) -> str:
        whole = company.profiles.of_homes([*one.homes, *other.homes])
        known = [company.profiles.get_profile(each.identity_id) for each in (one, other)]
        halves = [sections.part(each.label, [each.shown(node) for node in each.own], profile, "Now")
                  for each, profile in zip((one, other), known, strict=True)]  # fmt: skip
        homes, identifiers = len(one.homes) + len(other.homes), len(one.own) + len(other.own)
        lead = f"Two households become one: {words.gathered(homes, identifiers)}. Together: {words.profile(whole)}."
        return markup.sentence(lead) + sections.pair(halves[0], halves[1], "+")

    def _do(self, reason: str) -> Done:
        company, one = self._open()
        other = self._with
        if other is None:
            raise BadInput("No other household is chosen.", "", "Look it up first.")
        change = company.graph.merge(one.identity_id, other.identity_id, reason)
        self.other.clear()
        self._changed(one.identity_id)
        parted = f"Taken back: {one.label} and {other.label} are two households again."
        return Done(f"{one.label} and {other.label} are one household now.",
                    lambda: self._undo(change.event_id, one, parted))  # fmt: skip


class TakingApart(_Change):
    """Take some identifiers of the open household away, as a household of their own.

    Args:
        changed: Called after a change with the household to open again.
        found: Called with the households that there are then.

    Attributes:
        boxes: A checkbox for each identifier.
        look: Previews what is chosen.
        decision, outcome: The preview; what was done.
        widget: What is displayed.
    """

    def __init__(self, changed: Changed, found: Callable[[list[str]], None]) -> None:
        super().__init__("Take them apart", changed)
        self._found, self._chosen = found, list[str]()
        self.boxes: dict[str, widgets.Checkbox] = {}
        self._list = widgets.VBox().add_class("sp-choices")
        self.look = button("Preview")
        self.look.on_click(checked(self.outcome.message)(lambda _: self.preview()))
        self._alone = widgets.HTML(markup.empty("There is one identifier alone: nothing can be taken from it."))
        lead = widgets.HTML(markup.note("Choose what does not belong to the rest; what hangs on it alone goes along."))
        self._form = widgets.VBox([lead, self._list, row(self.look)])
        self.widget = widgets.VBox([self._form, self._alone, self.decision.widget, self.outcome.widget])

    def show(self, company: Company | None, one: Household | None) -> None:
        """Be about a household."""
        if self._one is None or one is None or one.identity_id != self._one.identity_id:
            self.outcome.forget()
        self._company, self._one = company, one
        self.decision.forget()
        own = one.own if one else []
        self.boxes = {
            each["identifier_id"]: widgets.Checkbox(
                description=f"{words.TYPES.get(each['type'], each['type'])} {one.shown(each)}" if one else "",
                indent=False, layout=widgets.Layout(width="100%"),
            )
            for each in own
        }  # fmt: skip
        self._list.children = tuple(self.boxes.values())
        self._form.layout.display = None if len(own) > 1 else "none"
        self._alone.layout.display = "none" if len(own) > 1 else None

    def preview(self) -> None:
        """Show what would stay and what would go."""
        company, one = self._open()
        self.decision.forget()
        self._chosen = [node for node, box in self.boxes.items() if box.value]
        if not self._chosen:
            raise BadInput("Nothing is chosen.", "", "Tick the identifiers that do not belong to the rest.")
        change = company.graph.preview_separation(self._chosen)
        known = {each["identifier_id"]: each for each in one.own}
        groups = sorted(change.after.values(), key=lambda nodes: bool(set(nodes) & set(self._chosen)))
        titles = ["Stays", *["Goes"] * (len(groups) - 1)]
        parts = [self._part(company, one, title, [known[node] for node in nodes if node in known])
                 for title, nodes in zip(titles, groups, strict=True)]  # fmt: skip
        lead = f"One household becomes {len(groups)}. It is remembered: nothing brings them together by itself again."
        self.decision.offer(markup.sentence(lead) + sections.side_by_side(parts))

    def _part(self, company: Company, one: Household, title: str, nodes: list[dict[str, Any]]) -> str:
        homes = [str(node["property_id"]) for node in nodes if node["property_id"]]
        profile = company.profiles.of_homes(homes)
        return sections.part(f"{title}: {words.gathered(len(homes), len(nodes))}", [one.shown(node) for node in nodes],
                             profile)  # fmt: skip

    def _do(self, reason: str) -> Done:
        company, one = self._open()
        change = company.graph.separate(self._chosen, reason)
        self._changed(one.identity_id)
        self._found(list(change.after))
        return Done(f"{one.label}: one household became {len(change.after)}; they are listed in the look-up above.",
                    lambda: self._undo(change.event_id, one, "Taken back: it is one household again."))  # fmt: skip
