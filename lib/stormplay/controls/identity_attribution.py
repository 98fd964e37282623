"""The page of who a household is and which touch earned it. A notebook's cells are calls of this."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol
from uuid import UUID

import pandas as pd
from IPython.display import HTML

from stormplay.controls import credit_sections, household_sections, markup, query
from stormplay.controls.credit_state import Credit, Engines, read
from stormplay.controls.credit_state import totals as credit_totals
from stormplay.controls.following import MakeListener
from stormplay.controls.household import Sources
from stormplay.controls.household_state import Graph, Nightly, Profiles
from stormplay.controls.identity_board import IdentityBoard, Listed, counts
from stormplay.controls.plan import row_of
from stormplay.controls.record import Recorded
from stormplay.controls.score_chip import Score, ScoreChip, still

NOBODY = "A report names nobody. Open the page to look a household up."


class IdentityPage(Protocol):
    """Households and the credit of one storm on a page: each method is a section, shown where it is called."""

    def header(self) -> Any:
        """Show the Storm Play Score."""

    def answer(self) -> Any:
        """Say what the storm's touches earned, what was caused, and how large the graph is."""

    def choose(self) -> Any:
        """Choose company and storm."""

    def look_up(self) -> Any:
        """Look a household up."""

    def household(self) -> Any:
        """Show the household that is open: who it is, what it has done, how it was reached; change who it is."""

    def compared(self) -> Any:
        """Show the methods side by side, and where they disagree most."""

    def caused(self) -> Any:
        """Say what the experiment measured beside the credit."""

    def ledger(self) -> Any:
        """Show where every home of the storm is counted."""

    def review(self) -> Any:
        """Answer what the nightly comparison would not decide alone."""

    def recorded(self) -> Recorded:
        """Return the numbers of the page."""


def identity_attribution(
    tenant: str | UUID,
    storm: str | UUID,
    *,
    look_up: str = "",
    interactive: bool = True,
    graph: Callable[[str], Graph],
    profiles: Callable[[str], Profiles],
    nightly: Nightly,
    engine: Engines,
    tenants: Callable[[], pd.DataFrame],
    storms: Callable[[str], pd.DataFrame],
    score: Score | None = None,
    live: MakeListener | None = None,
) -> IdentityPage:
    """Open the page of households and of a storm's credit.

    Args:
        tenant: Slug or id; a selection. In a served page the address may name another.
        storm: Slug or id, likewise.
        look_up: What to look up at first: a value of any type, in any spelling, or an id. A report names nobody.
        interactive: Whether to show live controls; False draws each section once, as HTML.
        graph: Makes the identities of a tenant, such as `stormplay.IdentityGraph`.
        profiles: Makes their profiles, such as `stormplay.BehavioralProfileService`.
        nightly: Compares all households of a tenant, such as `stormplay.identity.nightly`.
        engine: Makes what credits a tenant's journeys, such as `stormplay.AttributionEngine`.
        tenants: Gives the tenants open to this person: `tenant_id`, `slug`, `org_name`, `role`, `is_synthetic`.
        storms: Gives a tenant's storms: `storm_id`, `slug`, `name`, `status`, `event_date`.
        score: Makes the score of a tenant's storm, such as `stormplay.StormPlayScore`; None: no score is shown.
        live: Makes what tells of others' changes, such as `stormplay.live.Live`; None: nothing moves by itself.

    Returns:
        The page; each of its sections is a call.

    Raises:
        StormplayError: Only where not interactive; a live page says it in a sentence instead.
    """
    if not interactive:
        slug = str(tenant)
        found = row_of(storms(slug), "storm_id", str(storm))
        credit = read(engine(slug), slug, str(storm))
        return Report(credit, graph(slug).figures(), str(found.get("name", storm)), still(score, slug, str(storm)))
    asked = query.asked({"tenant": str(tenant), "storm": str(storm), "look_up": look_up}, written=("look_up",),
                        kept_out=("look_up",))  # fmt: skip
    sources, places = Sources(graph, profiles, nightly), Listed(tenants, storms)
    return IdentityBoard(sources, engine, places, asked, ScoreChip(score, live=live))


class Report:
    """The page as it stands in a report: a storm's credit and the graph in numbers, and nobody's values."""

    def __init__(self, credit: Credit, figures: Any, storm_name: str, chip: HTML) -> None:
        self.credit, self.figures, self._storm_name, self._chip = credit, figures, storm_name, chip

    def header(self) -> HTML:
        """Show the Storm Play Score."""
        return self._chip

    def answer(self) -> HTML:
        """Say what the storm's touches earned, what was caused, and how large the graph is."""
        known = household_sections.graph_answer(self.figures)
        return HTML(markup.style() + credit_sections.answer(self.credit) + known)

    def choose(self) -> HTML:
        """Say that a report changes nothing."""
        said = f"This is a report of {self._storm_name}: it shows what stands and changes nothing."
        return HTML(markup.note(said))

    def look_up(self) -> HTML:
        """Say that a report names nobody."""
        return HTML(markup.note(NOBODY))

    def household(self) -> HTML:
        """Show how large the graph is; a report names nobody."""
        return HTML(household_sections.graph_cards(self.figures))

    def compared(self) -> HTML:
        """Show the methods side by side, and where they disagree most."""
        return HTML(credit_sections.compared(self.credit))

    def caused(self) -> HTML:
        """Say what the experiment measured beside the credit."""
        return HTML(credit_sections.caused(self.credit))

    def ledger(self) -> HTML:
        """Show where every home of the storm is counted."""
        return HTML(credit_sections.ledger(self.credit))

    def review(self) -> HTML:
        """Say how many proposals wait."""
        return HTML(household_sections.waiting(self.figures))

    def recorded(self) -> Recorded:
        """Return the numbers of the page."""
        return Recorded({**credit_totals(self.credit.found), **counts(self.figures)})
