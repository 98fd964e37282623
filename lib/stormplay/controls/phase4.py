"""The Phase 4 page: jobs that people run a crew on. A notebook's cells are calls of this."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Protocol
from uuid import UUID

import pandas as pd
from IPython.display import HTML

from stormplay import maps
from stormplay.controls import jobs_sections, markup, query
from stormplay.controls.following import MakeListener
from stormplay.controls.jobs_board import JobBoard
from stormplay.controls.jobs_state import Sources, State, Tracker
from stormplay.controls.record import Recorded
from stormplay.controls.score_chip import Score, ScoreChip, still


class Phase4(Protocol):
    """One storm's jobs on a page: each method is a section, shown where it is called."""

    def header(self) -> Any:
        """Show the Storm Play Score."""

    def answer(self) -> Any:
        """Say where the jobs stand, with the age of the data."""

    def find(self) -> Any:
        """Find a job."""

    def job(self) -> Any:
        """Show the picked job and move it on."""

    def map(self) -> Any:
        """Show the jobs coloured by status."""

    def progress(self) -> Any:
        """Say how far crews and routes are."""

    def stuck(self) -> Any:
        """List the jobs that nobody has moved for too long, and why."""

    def packs(self) -> Any:
        """Make what a crew takes along; take in what comes back."""

    def recorded(self) -> Recorded:
        """Return the numbers of the answer."""


def phase4(
    tenant: str | UUID,
    storm: str | UUID,
    *,
    find: str = "",
    interactive: bool = True,
    tracker: Callable[[str, str], Tracker],
    tenants: Callable[[], pd.DataFrame],
    storms: Callable[[str], pd.DataFrame],
    reports: Callable[[date], pd.DataFrame],
    swath: Callable[[pd.DataFrame], Any],
    score: Score | None = None,
    live: MakeListener | None = None,
) -> Phase4:
    """Open the page of a storm's jobs.

    Args:
        tenant: Slug or id; a selection. In a served page the address may name another.
        storm: Slug or id, likewise.
        find: How an address begins, or a property id, to open the page with.
        interactive: Whether to show live controls; False draws each section once, as HTML: the jobs that are stuck.
        tracker: Makes a tracker from a tenant and a storm, such as `stormplay.JobTracker`.
        tenants: Gives the tenants open to this person: `tenant_id`, `slug`, `org_name`, `role`, `is_synthetic`.
        storms: Gives a tenant's storms: `storm_id`, `slug`, `name`, `status`, `event_date`.
        reports: Gives the hail reports of a day.
        swath: From reports to something with `.contours()`, GeoJSON of modelled hail size.
        score: Makes the score of a tenant's storm, such as `stormplay.StormPlayScore`; None: no score is shown.
        live: Makes what tells of others' changes, such as `stormplay.live.Live`; None: nothing moves by itself.

    Returns:
        The page; each of its sections is a call.

    Raises:
        StormplayError: Only where not interactive; a live page says it in a sentence instead.
    """
    sources = Sources(tracker, tenants, storms, reports, swath)
    if not interactive:
        return Report(*sources.open(str(tenant), str(storm)), still(score, str(tenant), str(storm)))
    choices = {"find": find, "status": "", "route": "", "job": ""}
    asked = query.asked({"tenant": str(tenant), "storm": str(storm), **choices}, written=("find",))
    return JobBoard(sources, asked, ScoreChip(score, live=live))


class Report:
    """The page as it stands in a report: which jobs are stuck and why, no controls, each section drawn once."""

    def __init__(self, tracker: Tracker, state: State, chip: HTML) -> None:
        self._tracker, self.state, self._chip = tracker, state, chip

    def header(self) -> HTML:
        """Show the Storm Play Score."""
        return self._chip

    def answer(self) -> HTML:
        """Say where the jobs stand, with the age of the data."""
        return HTML(markup.style() + jobs_sections.answer(self.state))

    def find(self) -> HTML:
        """Say that a report finds nothing."""
        return HTML(markup.note("This is a report: it shows the jobs as they stand and changes none."))

    def job(self) -> HTML:
        """Say where a single job is found."""
        return HTML(markup.note("Open the page to see a single job."))

    def map(self) -> HTML:
        """Show the jobs coloured by status."""
        places = self._tracker.get_places().dropna(subset=["latitude", "longitude"])
        drawn = maps.job_map(places, self.state.kinds, depot=self.state.setting.depot, contours=self.state.contours,
                             reports=self.state.reports, timezone=self.state.setting.time_zone)  # fmt: skip
        return HTML(f"<div>{maps.map_html(drawn)}</div>")

    def progress(self) -> HTML:
        """Say how far crews and routes are."""
        routes = markup.details(f"By route ({len(self.state.routes)})", jobs_sections.progress(self.state, "route"))
        return HTML(jobs_sections.progress(self.state, "crew") + routes)

    def stuck(self) -> HTML:
        """List the jobs that nobody has moved for too long, and why."""
        return HTML(jobs_sections.stuck(self.state))

    def packs(self) -> HTML:
        """Say where packs are made."""
        return HTML(markup.note("Open the page to make a route pack."))

    def recorded(self) -> Recorded:
        """Return the numbers of the answer."""
        return Recorded({**self.state.counts, "stuck": int(self.state.stuck.attrs.get("total", 0))})
