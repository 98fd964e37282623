"""The page of a storm as it comes in. A notebook's cells are calls of this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol
from uuid import UUID

import pandas as pd
from IPython.display import HTML

from stormplay import charts, maps
from stormplay.controls import markup, storm_letters
from stormplay.controls import storm_sections as sections
from stormplay.controls.by_storm import opened
from stormplay.controls.following import MakeListener
from stormplay.controls.query import Asked
from stormplay.controls.record import Recorded
from stormplay.controls.score_chip import Score, ScoreChip, still
from stormplay.controls.storm_board import StormBoard
from stormplay.controls.storm_state import DRAWN, Desk, Sources, Storm, totals
from stormplay.errors import BadInput


class StormPage(Protocol):
    """One storm as it comes in: each method is a section, shown where it is called."""

    def header(self) -> Any:
        """Show the Storm Play Score."""

    def answer(self) -> Any:
        """Say what the storm is doing, whether we keep up, and what could not be applied."""

    def choose(self) -> Any:
        """Choose company and storm."""

    def where(self) -> Any:
        """Show the homes, coloured by modelled hail."""

    def score(self) -> Any:
        """Show what it does to the Storm Play Score."""

    def reading(self) -> Any:
        """Show events a minute, and how far they are read."""

    def newest(self) -> Any:
        """List the newest events."""

    def not_applied(self) -> Any:
        """List what could not be applied, and settle it."""

    def recorded(self) -> Recorded:
        """Return the numbers of the page."""


def storm_live(
    tenant: str | UUID,
    storm: str | UUID,
    *,
    minutes: int = 30,
    interactive: bool = True,
    desk: Callable[[str, str], Desk],
    tenants: Callable[[], pd.DataFrame],
    storms: Callable[[str], pd.DataFrame],
    score: Score | None = None,
    live: MakeListener | None = None,
) -> StormPage:
    """Open the page of a storm that comes in.

    Args:
        tenant: Slug or id; a selection. In a served page the address may name another.
        storm: Slug or id, likewise.
        minutes: How many of the last minutes are told one by one, 5 to 60.
        interactive: Whether the page moves by itself; False draws each section once, as HTML.
        desk: Makes the desk of a tenant's storm, such as `stormplay.StreamDesk`.
        tenants: Gives the tenants open to this person: `tenant_id`, `slug`, `org_name`, `role`, `is_synthetic`.
        storms: Gives a tenant's storms: `storm_id`, `slug`, `name`, `status`, `event_date`.
        score: Makes the score of a tenant's storm, such as `stormplay.StormPlayScore`; None: no score is shown.
        live: Makes what tells of changes as they are committed, such as `stormplay.live.Live`; None: the page only
            looks every five seconds.

    Returns:
        The page; each of its sections is a call.

    Raises:
        StormplayError: Only where not interactive; a live page says it in a sentence instead.
    """
    return opened(
        {"tenant": str(tenant), "storm": str(storm), "minutes": int(minutes)},
        interactive=interactive,
        usable=_usable,
        sources=lambda given: Sources(desk, tenants, storms, score, _checked(given["minutes"])),
        report=lambda made: Report(*made.open(str(tenant), str(storm)), still(score, str(tenant), str(storm))),
        board=lambda made, asked: StormBoard(made, asked, ScoreChip(score, live=live)),
    )


def _usable(asked: Asked) -> Asked:
    try:
        _checked(asked["minutes"])
    except BadInput as error:
        return replace(asked, values={**asked.values, "minutes": 30}, complaints=(*asked.complaints, str(error)))
    return asked


def _checked(minutes: Any) -> int:
    if not 5 <= int(minutes) <= 60:
        raise BadInput(f"{minutes} minutes were asked for.", "Expected 5 to 60.")
    return int(minutes)


class Report:
    """The page as it stands in a report: no controls, each section drawn once."""

    def __init__(self, desk: Desk, homes: pd.DataFrame, storm: Storm, chip: HTML) -> None:
        self.storm, self._desk, self._homes, self._chip = storm, desk, homes, chip

    def header(self) -> HTML:
        """Show the Storm Play Score."""
        return self._chip

    def answer(self) -> HTML:
        """Say what the storm did, whether we kept up, and what could not be applied."""
        return HTML(markup.style() + sections.answer(self.storm))

    def choose(self) -> HTML:
        """Say that a report does not move."""
        return HTML(markup.note("This is a report: it says what had come in at the moment that it speaks of."))

    def where(self) -> HTML:
        """Show the homes, coloured by modelled hail."""
        return HTML(maps.map_html(maps.impact_map(self._homes)))

    def score(self) -> HTML:
        """Show the Storm Play Score."""
        return HTML(sections.score(self.storm))

    def reading(self) -> HTML:
        """Show events a minute, and how far they are read."""
        return HTML(
            charts.bundle() + charts.html(charts.events_a_minute(self.storm.stream.minutes))
            + sections.positions(self.storm)
        )  # fmt: skip

    def newest(self) -> HTML:
        """List the newest events."""
        return HTML(sections.feed(self.storm))

    def not_applied(self) -> HTML:
        """List what could not be applied."""
        return HTML(storm_letters.drawn(self._desk.get_letters("open", DRAWN), int(self.storm.stream.open_letters)))

    def recorded(self) -> Recorded:
        """Return the numbers of the page."""
        return Recorded(totals(self.storm))
