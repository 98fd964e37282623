"""The home page: all storms of all companies of the reader, and what to do next. A notebook's cells are its calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol
from uuid import UUID

import pandas as pd
from IPython.display import HTML

from stormplay.controls import home_sections as sections
from stormplay.controls import markup, query
from stormplay.controls.following import MakeListener
from stormplay.controls.home_board import ALL, HomeBoard, ReadHealth, ReadStorms, Sources
from stormplay.controls.record import Recorded
from stormplay.errors import BadInput


class HomePage(Protocol):
    """The reader's storms on a page: each method is a section, shown where it is called."""

    def answer(self) -> Any:
        """Say how many storms are open and where to begin, with the age of the data."""

    def choose(self) -> Any:
        """Choose company and state, or search."""

    def storms(self) -> Any:
        """Show each storm as a card."""

    def companies(self) -> Any:
        """Say how each company is, and its one next action."""

    def take_along(self) -> Any:
        """Take the storms along as a file."""

    def recorded(self) -> Recorded:
        """Return the numbers of the page."""


def home_page(
    tenant: str | UUID = ALL,
    storm: str | UUID = ALL,
    *,
    interactive: bool = True,
    storms: ReadStorms,
    to_csv: Callable[[pd.DataFrame], str],
    health: ReadHealth | None = None,
    live: MakeListener | None = None,
) -> HomePage:
    """Open the home page.

    Args:
        tenant: Slug or id of the one company whose storms are shown; 'all': of every one that is open to the reader.
            In a served page the address may name another. A report is about one company.
        storm: Slug or id of the one storm that is shown; 'all': every one.
        interactive: Whether to show live controls; False draws each section once, as HTML.
        storms: Reads the storms open to the reader, such as `stormplay.home.storms_of_mine`.
        to_csv: From a frame to CSV that is safe in a spreadsheet, such as `stormplay.exports.to_csv`.
        health: Makes what reads a company's health, such as `stormplay.TenantHealth`; None: no company is judged.
        live: Makes what tells of others' changes, such as `stormplay.live.Live`; None: nothing moves by itself.

    Returns:
        The page; each of its sections is a call.

    Raises:
        StormplayError: Only where not interactive; a live page says it in a sentence instead.
    """
    sources = Sources(storms, health, to_csv)
    if not interactive:
        if str(tenant) == ALL:
            raise BadInput("A report is about one company.", "Expected its slug or id as 'tenant', not 'all'.")
        found = storms(str(tenant), None if str(storm) == ALL else str(storm))
        slug = str(found.companies["slug"].iloc[0])
        return Report(found, {slug: sources.verdict(slug)} if health is not None else {})
    usual = {"tenant": str(tenant), "storm": str(storm), "status": ALL, "find": ""}
    return HomeBoard(sources, query.asked(usual, written=("find",)), live)


class Report:
    """The page as it stands in a report: one company, no controls, each section drawn once."""

    def __init__(self, home: Any, verdicts: dict[str, Any]) -> None:
        self.home, self._verdicts = home, verdicts

    def answer(self) -> HTML:
        """Say how many storms are open and where to begin, with the age of the data."""
        return HTML(markup.style() + sections.answer(self.home))

    def choose(self) -> HTML:
        """Say that a report is about one company."""
        return HTML(markup.note("This is a report about one company. Open the page to see all of yours."))

    def storms(self) -> HTML:
        """Show each storm as a card."""
        return HTML(sections.cards(self.home.cards) if self.home.cards else "")

    def companies(self) -> HTML:
        """Say how the company is, and its one next action."""
        return HTML(sections.companies(self.home, self._verdicts) if self._verdicts else "")

    def take_along(self) -> HTML:
        """Show the storms as a table."""
        return HTML(sections.table(self.home))

    def recorded(self) -> Recorded:
        """Return the numbers of the page."""
        return Recorded(sections.totals(self.home))
