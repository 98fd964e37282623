"""The page of a company's health: is it well, and if not, what is the next action. A notebook's cells are its calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol
from uuid import UUID

import pandas as pd
from IPython.display import HTML

from stormplay.controls import health_sections as sections
from stormplay.controls import markup
from stormplay.controls.by_storm import opened
from stormplay.controls.following import MakeListener
from stormplay.controls.health_board import HealthBoard
from stormplay.controls.health_state import Companies, MakeWellness, Sources, View, totals
from stormplay.controls.record import Recorded
from stormplay.controls.score_chip import Score, ScoreChip, still


class HealthPage(Protocol):
    """One company's health on a page: each method is a section, shown where it is called."""

    def header(self) -> Any:
        """Show the Storm Play Score."""

    def answer(self) -> Any:
        """Say whether the company is well, and what to do first."""

    def choose(self) -> Any:
        """Choose company and storm, and take the dimensions along."""

    def quality(self) -> Any:
        """Show what the checks of the chosen storm's data found, and run them."""

    def services(self) -> Any:
        """Show what was promised and what was kept."""

    def usage(self) -> Any:
        """Show what was used of what the plan includes, the bill so far, and the invoices."""

    def people(self) -> Any:
        """Show who is active and whose account is stale."""

    def companies(self) -> Any:
        """Put the companies beside each other in which the reader is admin."""

    def recorded(self) -> Recorded:
        """Return the numbers of the page."""


def health_page(
    tenant: str | UUID,
    storm: str | UUID,
    *,
    max_age_h: float = 168.0,
    interactive: bool = True,
    health: MakeWellness,
    companies: Companies | None = None,
    tenants: Callable[[], pd.DataFrame],
    storms: Callable[[str], pd.DataFrame],
    score: Score | None = None,
    live: MakeListener | None = None,
) -> HealthPage:
    """Open the page of a company's health.

    Args:
        tenant: Slug or id; a selection. In a served page the address may name another.
        storm: Slug or id of the storm whose data checks are shown, likewise; 'newest': the newest one. The verdict is
            about all open storms.
        max_age_h: Hours after which a report is no longer fresh.
        interactive: Whether to show live controls; False draws each section once, as HTML.
        health: Makes what knows a company's health, such as `stormplay.TenantHealth`.
        companies: Puts the reader's companies beside each other, such as `stormplay.health.companies_of_mine`; None:
            only one is shown.
        tenants: Gives the tenants open to this person: `tenant_id`, `slug`, `org_name`, `role`, `is_synthetic`.
        storms: Gives a tenant's storms: `storm_id`, `slug`, `name`, `status`, `event_date`, the newest first.
        score: Makes the score of a tenant's storm, such as `stormplay.StormPlayScore`; None: no score is shown.
        live: Makes what tells of others' changes, such as `stormplay.live.Live`; None: nothing moves by itself.

    Returns:
        The page; each of its sections is a call.

    Raises:
        StormplayError: Only where not interactive; a live page says it in a sentence instead.
    """
    return opened(
        {"tenant": str(tenant), "storm": str(storm), "max_age_h": float(max_age_h)},
        interactive=interactive,
        # A report is one company's.
        sources=lambda given: Sources(
            health, companies if interactive else None, tenants, storms, float(given["max_age_h"])
        ),
        report=lambda made: _report(made.open(str(tenant), str(storm))[1], str(tenant), score),
        board=lambda made, asked: HealthBoard(made, asked, ScoreChip(score, live=live)),
    )


def _report(view: View, tenant: str, score: Score | None) -> Report:
    return Report(view, still(score, tenant, view.storm) if view.storm else HTML(""))


class Report:
    """The page as it stands in a report: no controls, each section drawn once."""

    def __init__(self, view: View, chip: HTML) -> None:
        self.view, self._chip = view, chip

    def header(self) -> HTML:
        """Show the Storm Play Score."""
        return self._chip

    def answer(self) -> HTML:
        """Say whether the company is well, and what to do first."""
        return HTML(markup.style() + sections.answer(self.view))

    def choose(self) -> HTML:
        """Say that a report changes nothing."""
        return HTML(markup.note("This is a report: it says how the company stood at the moment that it speaks of."))

    def quality(self) -> HTML:
        """Show what the checks of the chosen storm's data found."""
        return HTML(sections.quality(self.view))

    def services(self) -> HTML:
        """Show what was promised and what was kept."""
        return HTML(sections.services(self.view))

    def usage(self) -> HTML:
        """Show what was used of what the plan includes, the bill so far, and the invoices."""
        return HTML(sections.usage(self.view) + sections.invoices(self.view))

    def people(self) -> HTML:
        """Show who is active and whose account is stale."""
        return HTML(sections.people(self.view))

    def companies(self) -> HTML:
        """Say where companies stand beside each other: a report is handed to one of them."""
        return HTML(markup.note("A report is about one company. Open the page to see yours beside each other."))

    def recorded(self) -> Recorded:
        """Return the numbers of the page."""
        return Recorded(totals(self.view))
