"""The page of the Storm Play Score: did it work, and what would raise it. A notebook's cells are calls of this."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol
from uuid import UUID

import pandas as pd
from IPython.display import HTML

from stormplay import charts
from stormplay.controls import markup, query
from stormplay.controls import score_charts as drawn
from stormplay.controls import score_sections as sections
from stormplay.controls.following import MakeListener
from stormplay.controls.record import Recorded
from stormplay.controls.score_board import ScoreBoard
from stormplay.controls.score_chip import ScoreChip, chip
from stormplay.controls.score_state import Play, Sources, StormScore, totals


class ScorePage(Protocol):
    """One storm's score on a page: each method is a section, shown where it is called."""

    def header(self) -> Any:
        """Show the Storm Play Score."""

    def answer(self) -> Any:
        """Say what the score is, what is not measurable yet, and how old the data are."""

    def choose(self) -> Any:
        """Choose company and storm."""

    def made_of(self) -> Any:
        """Show what the score is made of."""

    def lift(self) -> Any:
        """Say whether treating worked, or that it is too early."""

    def history(self) -> Any:
        """Show how the score came to be what it is."""

    def compare(self) -> Any:
        """Show this storm against another."""

    def raise_it(self) -> Any:
        """List the next steps, the cheapest first."""

    def recorded(self) -> Recorded:
        """Return the numbers of the page."""


def score(
    tenant: str | UUID,
    storm: str | UUID,
    *,
    compare_with: str | UUID = "",
    interactive: bool = True,
    score: Callable[[str, str], StormScore],
    tenants: Callable[[], pd.DataFrame],
    storms: Callable[[str], pd.DataFrame],
    live: MakeListener | None = None,
) -> ScorePage:
    """Open the page of a storm's score.

    Args:
        tenant: Slug or id; a selection. In a served page the address may name another.
        storm: Slug or id, likewise.
        compare_with: Slug or id of the storm to compare with; '' for the one before.
        interactive: Whether to show live controls; False draws each section once, as HTML.
        score: Makes the score of a tenant's storm, such as `stormplay.StormPlayScore`.
        tenants: Gives the tenants open to this person: `tenant_id`, `slug`, `org_name`, `role`, `is_synthetic`.
        storms: Gives a tenant's storms: `storm_id`, `slug`, `name`, `status`, `event_date`.
        live: Makes what tells of others' changes, such as `stormplay.live.Live`; None: nothing moves by itself.

    Returns:
        The page; each of its sections is a call.

    Raises:
        StormplayError: Only where not interactive; a live page says it in a sentence instead.
    """
    sources = Sources(score, tenants, storms)
    if not interactive:
        return Report(sources.open(str(tenant), str(storm), str(compare_with))[1])
    asked = query.asked({"tenant": str(tenant), "storm": str(storm), "compare_with": str(compare_with)})
    return ScoreBoard(sources, asked, ScoreChip(score, links=False, live=live))


class Report:
    """The page as it stands in a report: no controls, each section drawn once."""

    def __init__(self, play: Play) -> None:
        self.play = play

    def header(self) -> HTML:
        """Show the Storm Play Score."""
        return HTML(chip(self.play.standing))

    def answer(self) -> HTML:
        """Say what the score is, what is not measurable yet, and how old the data are."""
        return HTML(markup.style() + sections.answer(self.play))

    def choose(self) -> HTML:
        """Say that a report changes nothing."""
        return HTML(markup.note("This is a report: it shows the score as it stands."))

    def made_of(self) -> HTML:
        """Show what the score is made of."""
        both = "".join(f"<div>{charts.html(make(self.play))}</div>" for make in (drawn.gauge, drawn.waterfall))
        return HTML(f'<div class="sp-charts">{both}</div>{sections.components(self.play)}')

    def lift(self) -> HTML:
        """Say whether treating worked, or that it is too early."""
        play = self.play
        return HTML(sections.verdict(play) + charts.html(drawn.lift(play)) + sections.arms(play))

    def history(self) -> HTML:
        """Show how the score came to be what it is."""
        return HTML(charts.html(drawn.history(self.play)) + sections.changes(self.play))

    def compare(self) -> HTML:
        """Show this storm against another."""
        return HTML(sections.compared(self.play) + charts.html(drawn.comparison(self.play)))

    def raise_it(self) -> HTML:
        """List the next steps, the cheapest first."""
        return HTML(sections.steps(self.play))

    def recorded(self) -> Recorded:
        """Return the numbers of the page."""
        return Recorded(totals(self.play))
