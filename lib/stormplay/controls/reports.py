"""The page of reports: is every one fresh, what was run, and one more. A notebook's cells are calls of this."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol
from uuid import UUID

import pandas as pd
from IPython.display import HTML

from stormplay.controls import markup
from stormplay.controls import reports_sections as sections
from stormplay.controls.by_storm import opened
from stormplay.controls.following import MakeListener
from stormplay.controls.record import Recorded
from stormplay.controls.reports_board import ReportsBoard
from stormplay.controls.reports_state import Desk, Reports, Sources, totals
from stormplay.controls.score_chip import Score, ScoreChip, still


class ReportsPage(Protocol):
    """One storm's reports on a page: each method is a section, shown where it is called."""

    def header(self) -> Any:
        """Show the Storm Play Score."""

    def answer(self) -> Any:
        """Say whether every report is fresh, and what to do about those that are not."""

    def choose(self) -> Any:
        """Choose company and storm."""

    def latest(self) -> Any:
        """Show each report with its last good run, and hand out its files."""

    def run(self) -> Any:
        """Run a report again."""

    def history(self) -> Any:
        """List what was run and how it ended."""

    def recorded(self) -> Recorded:
        """Return the numbers of the page."""


def reports_page(
    tenant: str | UUID,
    storm: str | UUID,
    *,
    max_age_h: float = 24.0,
    interactive: bool = True,
    desk: Callable[[str, str], Desk],
    tenants: Callable[[], pd.DataFrame],
    storms: Callable[[str], pd.DataFrame],
    score: Score | None = None,
    live: MakeListener | None = None,
) -> ReportsPage:
    """Open the page of a storm's reports.

    Args:
        tenant: Slug or id; a selection. In a served page the address may name another.
        storm: Slug or id, likewise.
        max_age_h: Hours after which a report is no longer fresh.
        interactive: Whether to show live controls; False draws each section once, as HTML.
        desk: Makes the desk of a tenant's storm, such as `stormplay.ReportDesk`.
        tenants: Gives the tenants open to this person: `tenant_id`, `slug`, `org_name`, `role`, `is_synthetic`.
        storms: Gives a tenant's storms: `storm_id`, `slug`, `name`, `status`, `event_date`.
        score: Makes the score of a tenant's storm, such as `stormplay.StormPlayScore`; None: no score is shown.
        live: Makes what tells of others' changes, such as `stormplay.live.Live`; None: nothing moves by itself.

    Returns:
        The page; each of its sections is a call.

    Raises:
        StormplayError: Only where not interactive; a live page says it in a sentence instead.
    """
    return opened(
        {"tenant": str(tenant), "storm": str(storm), "max_age_h": float(max_age_h), "report": "", "status": ""},
        interactive=interactive,
        sources=lambda given: Sources(desk, tenants, storms, float(given["max_age_h"])),
        report=lambda made: Report(made.open(str(tenant), str(storm))[1], still(score, str(tenant), str(storm))),
        board=lambda made, asked: ReportsBoard(made, asked, ScoreChip(score, live=live)),
    )


class Report:
    """The page as it stands in a report: no controls, each section drawn once."""

    def __init__(self, reports: Reports, chip: HTML) -> None:
        self.reports, self._chip = reports, chip

    def header(self) -> HTML:
        """Show the Storm Play Score."""
        return self._chip

    def answer(self) -> HTML:
        """Say whether every report is fresh, and what to do about those that are not."""
        return HTML(markup.style() + sections.answer(self.reports))

    def choose(self) -> HTML:
        """Say that a report changes nothing."""
        return HTML(markup.note("This is a report: it says what was run until the moment that it speaks of."))

    def latest(self) -> HTML:
        """Show each report with its last good run."""
        return HTML(sections.latest(self.reports))

    def run(self) -> HTML:
        """Say where reports are run."""
        return HTML(markup.note("Open the page to run a report again."))

    def history(self) -> HTML:
        """List what was run and how it ended."""
        return HTML(sections.history(self.reports))

    def recorded(self) -> Recorded:
        """Return the numbers of the page."""
        return Recorded(totals(self.reports))
