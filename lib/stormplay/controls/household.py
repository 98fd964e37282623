"""The household half of the page: look one up, see who it is, say who is one household and who is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets

from stormplay import charts
from stormplay.controls import household_sections as sections
from stormplay.controls import household_words as words
from stormplay.controls import markup
from stormplay.controls.asking import show
from stormplay.controls.guard import Message, checked
from stormplay.controls.household_changes import Merging, TakingApart
from stormplay.controls.household_history import History
from stormplay.controls.household_look_up import LookUp
from stormplay.controls.household_person import PersonalData
from stormplay.controls.household_review import Review
from stormplay.controls.household_state import Company, Graph, Household, Nightly, Profiles
from stormplay.controls.live import ChartFrame, KeptHtml


@dataclass(frozen=True)
class Sources:
    """Where the half reads from; it knows no database.

    Attributes:
        graph: Makes the graph of a tenant, such as `stormplay.IdentityGraph`.
        profiles: Makes its profiles, such as `stormplay.BehavioralProfileService`.
        nightly: Compares all households of a tenant, such as `stormplay.identity.nightly`.
    """

    graph: Callable[[str], Graph]
    profiles: Callable[[str], Profiles]
    nightly: Nightly

    def open(self, tenant: str, role: str) -> Company:
        """Open a company.

        Raises:
            UnknownTenant: No such tenant is open to this person.
        """
        return Company(tenant, self.graph(tenant), self.profiles(tenant), role)


class HouseholdPart:
    """The sections about households, for a page that opens companies.

    Args:
        sources: Where it reads from.
        opened: Called with the property_ids of the household that is open now; none: no household is.
        journeys: Shows the journeys of those homes.
        lock: Called with True before and False after a comparison of all households.

    Attributes:
        company, household: What is open; None where nothing is.
        figures: The graph in numbers; None where no company is open.
        look: The look-up.
        message: Where a failure to open is told.
        merging, apart, history, person, review: The parts with controls of their own.
        answer, found, card, changes: The widgets of the sections; the review's is its own.
        which: Which of the parts with controls is shown.
    """

    def __init__(
        self,
        sources: Sources,
        opened: Callable[[list[str]], None],
        journeys: widgets.Widget,
        lock: Callable[[bool], None] = lambda running: None,
    ) -> None:
        self._sources, self._opened = sources, opened
        self.company: Company | None = None
        self.household: Household | None = None
        self.figures: Any = None
        self.message = Message()
        self.look = LookUp("Find a household", self.open_household, self.message)
        self._html = {name: KeptHtml() for name in ("answer", "nothing", "head", "consent", "identifiers", "profile")}
        self.network = ChartFrame()
        self.merging = Merging(self.open_again)
        self.apart = TakingApart(self.open_again, self._list)
        self.history, self.person = History(self.open_again), PersonalData(self.open_again)
        self.review = Review(sources.nightly, self._refresh, self.open_household, lock)
        self.answer = self._html["answer"]
        self.found = widgets.VBox([self.look.field, self.message.widget, self._html["nothing"]])
        self.changes = self._fold()
        self.card = widgets.VBox([
            self._html["head"], self._html["consent"], self._html["identifiers"], self._html["profile"],
            _titled("What is tied to what", self.network), _titled("Its journeys", journeys), self.changes,
        ]).add_class("sp-household")  # fmt: skip
        self._draw_card()

    # ---- choosing

    def open(self, tenant: str | None, role: str = "") -> None:
        """Be about a company; no household is open then. None: about none."""
        self.company = None if tenant is None else self._sources.open(tenant, role)
        self.look.show(self.company)
        self.review.show(self.company, from_start=True)
        self.message.clear()
        self.open_household("")
        self._figure()

    def open_household(self, identity_id: str) -> None:
        """Open a household; '' closes it. The card comes first, what takes longer after it."""
        self.household = None
        self.message.clear()
        if self.company is not None and identity_id:
            self.household = self.company.open(identity_id)
        try:
            self._draw_card()
            self._opened(self.household.homes if self.household else [])
        except Exception:
            self.household = None  # half a card would be half another household's
            show(self.card, False)
            raise

    def open_again(self, identity_id: str) -> None:
        """Open a household after it was changed, with all that depends on it."""
        self.open_household(identity_id)
        self._refresh_rest()

    def look_up(self, typed: str) -> None:
        """Look up what the page was asked for, and open it where it is one household alone."""
        if typed.strip():
            self.look.field.value = typed.strip()
            self.look.look(typed, may_open=True)

    def show_journeys(self) -> None:
        """Say again whose journeys are to be shown: another storm was opened."""
        if self.household is not None:
            self._opened(self.household.homes)

    def refresh(self) -> None:
        """Read again what others may have changed."""
        self._refresh()

    def _refresh(self) -> None:
        if self.household is not None:
            self.open_household(self.household.identity_id)
        self._refresh_rest()

    def _refresh_rest(self) -> None:
        self.review.show(self.company)
        self._figure()

    def _figure(self) -> None:
        self.figures = self.company.graph.figures() if self.company else None
        self.answer.value = sections.graph_answer(self.figures) if self.figures else ""

    def _list(self, identity_ids: list[str]) -> None:
        """List households in the look-up."""
        if self.company is not None:
            briefs = self.company.graph.briefs(identity_ids).values()
            rows = [{"id": one.identity_id, "title": one.label, "detail": words.size(one)}
                    for one in briefs]  # fmt: skip
            with self.look.field.hold_sync():
                self.look.field.rows, self.look.field.said = rows, f"One household became {len(rows)}: press one."

    # ---- drawing

    def _draw_card(self) -> None:
        one, company = self.household, self.company
        show(self.card, one is not None)
        self._html["nothing"].value = "" if one or company is None else markup.empty(words.NONE_OPEN)
        if one is None or company is None:
            self._draw_changes()
            return
        self._html["head"].value = sections.head(one)
        self._html["consent"].value = self._html["profile"].value = ""  # another household's
        self._html["identifiers"].value = sections.identifiers(one)
        # The card is with the reader by now; what follows comes after it.
        self.household = one = one.with_profile(company.profiles)
        self._html["consent"].value = sections.consent(one.profile)
        self._html["profile"].value = sections.profile(one)
        self._html["identifiers"].value = sections.identifiers(one)  # with what may be done, after what was refused
        self.network.show(charts.network(one.nodes(), one.links))
        self._draw_changes()

    def _draw_changes(self) -> None:
        for part in (self.merging, self.apart, self.history, self.person):
            part.show(self.company, self.household)
        options = ["What was changed"]
        if self.company is not None and self.company.may_write:
            options += ["Merge with another", "Take apart"]
        if self.company is not None and self.company.may_tell:
            options.append("Personal data")
        if list(self.which.options) != options:
            self.which.options = options
        show(self.which, len(options) > 1)

    def _fold(self) -> widgets.Widget:
        """One part at a time, so that the card stays readable."""
        parts = {"What was changed": self.history.widget, "Merge with another": self.merging.widget,
                 "Take apart": self.apart.widget, "Personal data": self.person.widget}  # fmt: skip
        self.which = widgets.ToggleButtons(options=["What was changed"], style={"button_width": "auto"})
        self.which.add_class("sp-which")

        def turn() -> None:
            for name, part in parts.items():
                show(part, name == self.which.value)

        self.which.observe(checked(self.message)(lambda _: turn()), "value")
        turn()
        return widgets.VBox([self.which, *parts.values()])


def _titled(title: str, content: widgets.Widget) -> widgets.Widget:
    return widgets.VBox([widgets.HTML(f"<h4>{markup.text(title)}</h4>"), content])
