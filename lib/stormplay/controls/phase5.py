"""The Phase 5 page: whom to contact again, when, how, and whom never. A notebook's cells are calls of this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol
from uuid import UUID

import pandas as pd
from IPython.display import HTML

from stormplay.controls import markup, query
from stormplay.controls import nurture_calendar as calendar
from stormplay.controls import nurture_sections as sections
from stormplay.controls import nurture_words as say
from stormplay.controls.following import MakeListener
from stormplay.controls.nurture_desk import Desk
from stormplay.controls.nurture_messages import FILE, OUTBOX, SENDING, own_messages
from stormplay.controls.nurture_state import Choice, Loop, Nurture, Sources, totals
from stormplay.controls.record import Recorded
from stormplay.controls.score_chip import Score, ScoreChip, still

LARGEST_PAGE = 1_000  # homes; more would be no page, and the list refuses them


class Phase5(Protocol):
    """One storm's nurture on a page: each method is a section, shown where it is called."""

    def header(self) -> Any:
        """Show the Storm Play Score."""

    def answer(self) -> Any:
        """Say who is to be nurtured and who is not, with the age of the data."""

    def choose(self) -> Any:
        """Choose company, storm, threshold, sequence and start."""

    def homes(self) -> Any:
        """List the homes; one can be picked, and paused, resumed or stopped."""

    def plan(self) -> Any:
        """Preview and schedule; pause, resume, move or stop the whole storm."""

    def week(self) -> Any:
        """Say whom to contact in the next seven days."""

    def messages(self) -> Any:
        """Check a message, and show the sequence's own."""

    def outbox(self) -> Any:
        """Count what is due and on its way; fill the outbox."""

    def take_along(self) -> Any:
        """Take the list along as a file."""

    def ledger(self) -> Any:
        """Say where every candidate is."""

    def recorded(self) -> Recorded:
        """Return the numbers of the answer."""


def phase5(
    tenant: str | UUID,
    storm: str | UUID,
    *,
    threshold: float = 0.15,
    sequence_type: str = "follow_up",
    page_size: int = 100,
    interactive: bool = True,
    loop: Callable[[str, str], Loop],
    tenants: Callable[[], pd.DataFrame],
    storms: Callable[[str], pd.DataFrame],
    score: Score | None = None,
    live: MakeListener | None = None,
) -> Phase5:
    """Open the page of a storm's nurture.

    Args:
        tenant: Slug or id; a selection. In a served page the address may name another.
        storm: Slug or id, likewise.
        threshold: Uplift above which a home is a candidate, a probability difference from 0 to 1.
        sequence_type: Name of the sequence that is previewed and scheduled.
        page_size: Homes on one page of the list, 1 to 1,000.
        interactive: Whether to show live controls; False draws each section once, as HTML.
        loop: Makes a nurture loop from a tenant and a storm, such as `stormplay.NurtureLoop`.
        tenants: Gives the tenants open to this person: `tenant_id`, `slug`, `org_name`, `role`, `is_synthetic`.
        storms: Gives a tenant's storms: `storm_id`, `slug`, `name`, `status`, `event_date`.
        score: Makes the score of a tenant's storm, such as `stormplay.StormPlayScore`; None: no score is shown.
        live: Makes what tells of others' changes, such as `stormplay.live.Live`; None: nothing moves by itself.

    Returns:
        The page; each of its sections is a call.

    Raises:
        StormplayError: Only where not interactive; a live page says it in a sentence instead.
    """
    sources = Sources(loop, tenants, storms)
    if not interactive:
        choice = Choice(float(threshold), sequence_type)
        opened = sources.open(str(tenant), str(storm), choice)
        return Report(*opened, page_size, still(score, str(tenant), str(storm)))
    asked = query.asked({
        "tenant": str(tenant), "storm": str(storm), "threshold": float(threshold), "sequence_type": sequence_type,
        "page_size": page_size, "search": "",
    }, written=("search",))  # fmt: skip
    within = {"page_size": min(max(int(asked["page_size"]), 1), LARGEST_PAGE),
              "threshold": min(max(float(asked["threshold"]), 0.0), 1.0)}  # fmt: skip
    return Desk(sources, replace(asked, values={**asked.values, **within}), ScoreChip(score, live=live))


class Report:
    """The page as it stands in a report, 'whom to contact this week': no controls, each section drawn once."""

    def __init__(self, loop: Loop, nurture: Nurture, page_size: int, chip: HTML) -> None:
        self._loop, self.nurture, self._page_size, self._chip = loop, nurture, page_size, chip

    def header(self) -> HTML:
        """Show the Storm Play Score."""
        return self._chip

    def answer(self) -> HTML:
        """Say who is to be nurtured and who is not, with the age of the data."""
        return HTML(markup.style() + sections.answer(self.nurture))

    def choose(self) -> HTML:
        """Say what the report is about."""
        steps = ", ".join(say.channel(step.channel) for step in self.nurture.sequence.steps)
        return HTML(markup.note(
            f"This is a report: it shows what stands and changes nothing. Sequence: '{self.nurture.sequence.title}' "
            f"({steps}). Threshold: uplift above {say.percent(self.nurture.choice.threshold)}."
        ))  # fmt: skip

    def homes(self) -> HTML:
        """List the first page of homes."""
        found = self._loop.candidates(self.nurture.choice.threshold, 1, self._page_size, None)
        if found.empty:
            return HTML(markup.empty("No home is a candidate."))
        said = markup.note(f"Rows 1–{len(found):,} of {self.nurture.candidates:,}, best uplift first.")
        return HTML(said + sections.homes_table(found, self._loop.time_zone))

    def plan(self) -> HTML:
        """Say what a schedule would add, as it stands."""
        choice = self.nurture.choice
        shown = self._loop.preview(None, choice.sequence_type, None, threshold=choice.threshold)
        return HTML(calendar.previewed(shown, self.nurture.sequence.title) if len(shown) else "")

    def week(self) -> HTML:
        """Say whom to contact in the next seven days, each contact a line."""
        steps = self.nurture.week
        return HTML(calendar.week(steps, False) + (calendar.week_by_day(steps) if len(steps) else ""))

    def messages(self) -> HTML:
        """Show the sequence's own messages with what the linter says of them."""
        return HTML(own_messages(self._loop, self.nurture))

    def outbox(self) -> HTML:
        """Count what is due and on its way."""
        return HTML(OUTBOX + sections.outbox(self.nurture) + markup.note(SENDING))

    def take_along(self) -> HTML:
        """Say where the file is, and what its columns mean."""
        return HTML(
            FILE + markup.note("The file itself is made on the live page, when it is wanted.") + sections.columns()
        )

    def ledger(self) -> HTML:
        """Say where every candidate is."""
        return HTML(sections.ledger(self.nurture))

    def recorded(self) -> Recorded:
        """Return the numbers of the answer."""
        return Recorded(totals(self.nurture))
