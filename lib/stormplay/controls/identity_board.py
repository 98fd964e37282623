"""The live page of households and credit: both halves kept in step with what is chosen, looked up and changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import pandas as pd

from stormplay.controls.asking import show, top
from stormplay.controls.by_storm import ByStorm
from stormplay.controls.credit import CreditPart
from stormplay.controls.credit_state import Engines
from stormplay.controls.credit_state import totals as credit_totals
from stormplay.controls.guard import checked
from stormplay.controls.household import HouseholdPart, Sources
from stormplay.controls.plan import row_of
from stormplay.controls.query import Asked
from stormplay.controls.record import Recorded
from stormplay.controls.score_chip import ScoreChip

_NO_STORM = "This company has no storm yet. Households can be looked up all the same; credit needs a storm."


@dataclass(frozen=True)
class Listed:
    """Which companies are open to the reader, and which storms they have."""

    tenants: Callable[[], pd.DataFrame]
    storms: Callable[[str], pd.DataFrame]


def counts(figures: Any) -> dict[str, int | str | None]:
    """The graph in plain scalars."""
    at = figures.nightly_at
    names = ("identities", "with_several_homes", "identifiers", "shared", "blocked", "waiting")
    return {
        **{name: int(getattr(figures, name)) for name in names},
        "nightly_at": None if at is None else at.isoformat(),
    }


class IdentityBoard(ByStorm):
    """Households and one storm's credit with controls. Made by `identity_attribution`.

    Attributes:
        households, credit: The two halves.
    """

    NO_STORM = _NO_STORM

    def __init__(
        self,
        sources: Sources,
        engine: Engines,
        places: Listed,
        asked: Asked,
        chip: ScoreChip,
    ) -> None:
        super().__init__(places, asked, chip)
        self._tenants = pd.DataFrame()
        self.credit = CreditPart(engine)
        self.households = HouseholdPart(sources, self.credit.household, self.credit.timeline, self._lock)
        self._empty = widgets.HTML()
        self._begin()

    # ---- sections

    def answer(self) -> widgets.Widget:
        """Say what the storm's touches earned, what was caused, and how large the graph is."""
        return top(self.message, widgets.VBox([self._empty, self.credit.answer, self.households.answer]))

    def look_up(self) -> widgets.Widget:
        """Look a household up."""
        return self.households.found

    def household(self) -> widgets.Widget:
        """Show the household that is open: who it is, what it has done, how it was reached; change who it is."""
        return self.households.card

    def compared(self) -> widgets.Widget:
        """Show the methods side by side, and where they disagree most."""
        return self.credit.compared

    def caused(self) -> widgets.Widget:
        """Say what the experiment measured beside the credit."""
        return self.credit.caused

    def ledger(self) -> widgets.Widget:
        """Show where every home of the storm is counted."""
        return self.credit.ledger

    def review(self) -> widgets.Widget:
        """Answer what the nightly comparison would not decide alone."""
        return self.households.review.widget

    def recorded(self) -> Recorded:
        """Return the numbers of the page; empty where nothing could be opened."""
        if self.credit.credit is None or self.households.figures is None:
            return Recorded()
        return Recorded({**credit_totals(self.credit.credit.found), **counts(self.households.figures)})

    # ---- choosing

    def _start(self) -> None:
        self._tenants = self._listed.tenants()
        super()._start()
        checked(self.households.message)(self.households.look_up)(str(self._asked["look_up"]))

    def _open(self, tenant: str | None, storm: str | None, asked: Asked | None) -> None:
        self.credit.close()
        company = self.households.company
        if tenant is None or company is None or company.tenant != tenant:
            role = "" if tenant is None else str(row_of(self._tenants, "tenant_id", tenant).get("role", ""))
            self.households.open(None)
            self.households.open(tenant, role)
        if tenant is not None and storm is not None:
            self.credit.open(tenant, storm)
            self.households.show_journeys()

    def _look_again(self) -> None:
        if self._selectors is not None:
            self.message.clear()
            self.households.refresh()
            if self._selectors.tenant is not None and self._selectors.storm is not None:
                self.credit.open(self._selectors.tenant, self._selectors.storm)
            self._draw()

    def _lock(self, running: bool) -> None:
        self._lock_choice(running)

    def _draw(self, *, from_start: bool = False) -> None:
        chosen = self._selectors
        self._chip.show(chosen if self.credit.credit is not None else None)
        self._empty.value = self._nothing
        show(self.again, self.households.company is not None)
