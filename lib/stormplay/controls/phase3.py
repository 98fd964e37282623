"""The Phase 3 page: generate routes, see them, hand them out. A notebook's cells are calls of this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any, Protocol
from uuid import UUID

import pandas as pd
from IPython.display import HTML

from stormplay import maps
from stormplay.controls import markup, plan_changes, plan_form, query, sections
from stormplay.controls.board import Board
from stormplay.controls.following import MakeListener
from stormplay.controls.plan import Builder, Plan, Sources, totals
from stormplay.controls.record import Recorded
from stormplay.controls.score_chip import Score, ScoreChip, still
from stormplay.errors import BadInput
from stormplay.visits import check_visit


class Phase3(Protocol):
    """One storm's routes on a page: each method is a section, shown where it is called."""

    def header(self) -> Any:
        """Show the Storm Play Score."""

    def answer(self) -> Any:
        """Say what the plan is, with the age of its data."""

    def generate(self) -> Any:
        """Choose company and storm, and generate the routes."""

    def map(self) -> Any:
        """Show the routes over the hail."""

    def routes(self) -> Any:
        """List the routes; one can be picked."""

    def changes(self) -> Any:
        """Say what the plan changed against the one before, and how the routes lie."""

    def hand_out(self) -> Any:
        """Give the picked route to a crew and take it along as a file."""

    def urgent(self) -> Any:
        """Put one stop more on a route, and take it off again."""

    def ledger(self) -> Any:
        """Say where every eligible home is."""

    def recorded(self) -> Recorded:
        """Return the numbers of the answer."""


def phase3(
    tenant: str | UUID,
    storm: str | UUID,
    *,
    max_per_route: int = 50,
    time_limit_s: float = 8.0,
    visit_type: str = "knock",
    shift_hours: float = 0.0,
    interactive: bool = True,
    builder: Callable[[str, str], Builder],
    tenants: Callable[[], pd.DataFrame],
    storms: Callable[[str], pd.DataFrame],
    reports: Callable[[date], pd.DataFrame],
    swath: Callable[[pd.DataFrame], Any],
    timezone: str = "America/Chicago",
    score: Score | None = None,
    live: MakeListener | None = None,
) -> Phase3:
    """Open the page of a storm's routes.

    Args:
        tenant: Slug or id; a selection. In a served page the address may name another.
        storm: Slug or id, likewise.
        max_per_route: Stops on a route, at most.
        time_limit_s: Seconds that the solver may take.
        visit_type: What a visit is: 'knock', 'inspection' or 'adjuster'.
        shift_hours: The longest day of a crew in hours, driving and visits together; 0: no limit.
        interactive: Whether to show live controls; False draws each section once, as HTML.
        builder: Makes a route builder from a tenant and a storm, such as `stormplay.RouteBuilder`.
        tenants: Gives the tenants open to this person: `tenant_id`, `slug`, `org_name`, `role`, `is_synthetic`.
        storms: Gives a tenant's storms: `storm_id`, `slug`, `name`, `status`, `event_date`.
        reports: Gives the hail reports of a day.
        swath: From reports to something with `.contours()`, GeoJSON of modelled hail size.
        timezone: Zone in which the times of hail reports are written.
        score: Makes the score of a tenant's storm, such as `stormplay.StormPlayScore`; None: no score is shown.
        live: Makes what tells of others' changes, such as `stormplay.live.Live`; None: nothing moves by itself.

    Returns:
        The page; each of its sections is a call.

    Raises:
        StormplayError: Only where not interactive; a live page says it in a sentence instead.
    """
    sources = Sources(builder, tenants, storms, reports, swath)
    if not interactive:
        return Report(sources.open(str(tenant), str(storm))[1], timezone, still(score, str(tenant), str(storm)))
    asked = query.asked({
        "tenant": str(tenant), "storm": str(storm), "max_per_route": max_per_route, "time_limit_s": float(time_limit_s),
        "visit_type": visit_type, "shift_hours": float(shift_hours), "route": "",
    })  # fmt: skip
    return Board(sources, _usable(asked), timezone, ScoreChip(score, live=live))


def _usable(asked: query.Asked) -> query.Asked:
    """The same with the usual in place of what cannot be used, and a sentence for each."""
    found: dict[str, Any] = dict(asked.values)
    complaints = list(asked.complaints)
    usual = {"visit_type": "knock", "shift_hours": 0.0}
    for name, check in (("visit_type", check_visit), ("shift_hours", lambda hours: plan_form.hours_of(f"{hours:g}"))):
        try:
            check(found[name])
        except BadInput as error:
            complaints.append(str(error))
            found[name] = usual[name]
    return replace(asked, values=found, complaints=tuple(complaints))


class Report:
    """The page as it stands in a report: no controls, each section drawn once."""

    def __init__(self, plan: Plan, timezone: str, chip: HTML) -> None:
        self.plan, self._timezone, self._chip = plan, timezone, chip

    def header(self) -> HTML:
        """Show the Storm Play Score."""
        return self._chip

    def answer(self) -> HTML:
        """Say what the plan is, with the age of its data."""
        return HTML(markup.style() + sections.answer(self.plan))

    def generate(self) -> HTML:
        """Say that a report changes nothing."""
        return HTML(markup.note("This is a report: it shows the routes as they stand and makes none."))

    def map(self) -> HTML:
        """Show the routes over the hail."""
        return HTML(f"<div>{maps.map_html(sections.drawn(self.plan, self._timezone))}</div>")

    def routes(self) -> HTML:
        """List the routes."""
        return HTML(sections.routes_table(self.plan))

    def changes(self) -> HTML:
        """Say what the plan changed against the one before, and how the routes lie."""
        return HTML(plan_changes.changes(self.plan))

    def hand_out(self) -> HTML:
        """Say who has which routes."""
        return HTML(sections.crews_table(self.plan))

    def urgent(self) -> HTML:
        """Say nothing: a report changes nothing."""
        return HTML("")

    def ledger(self) -> HTML:
        """Say where every eligible home is."""
        return HTML(sections.ledger_table(self.plan))

    def recorded(self) -> Recorded:
        """Return the numbers of the answer."""
        return Recorded(totals(self.plan))
