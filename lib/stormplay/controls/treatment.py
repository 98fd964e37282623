"""The page of the treatment: did the visits work, who is visited, and can the model be believed? A notebook's cells
are calls of this."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol
from uuid import UUID

import pandas as pd
from IPython.display import HTML

from stormplay import charts
from stormplay.controls import markup, query
from stormplay.controls import treatment_board as board
from stormplay.controls import treatment_policy as policy
from stormplay.controls.following import MakeListener
from stormplay.controls.record import Recorded
from stormplay.controls.score_chip import Score, ScoreChip, still
from stormplay.controls.treatment_sources import Models, Policy, Scorer, Sources, Trying
from stormplay.controls.treatment_state import Treatment, Wanted, totals


class TreatmentPage(Protocol):
    """One storm's treatment on a page: each method is a section, shown where it is called."""

    def header(self) -> Any:
        """Show the Storm Play Score."""

    def answer(self) -> Any:
        """Say whether the visits worked, who is visited and what made the numbers, with the age of the data."""

    def choose(self) -> Any:
        """Choose company and storm."""

    def worked(self) -> Any:
        """Say whether the visits worked, or that it is too early."""

    def evidence(self) -> Any:
        """Show the effect by band of hail and over all storms, and who was in fact reached."""

    def who(self) -> Any:
        """Show whom crews and money reach, and what the next crew-day is worth."""

    def change(self) -> Any:
        """Show what rules would change, and apply them."""

    def take_along(self) -> Any:
        """Take the decisions along as a file, and go on to the routes."""

    def believe(self) -> Any:
        """Show which model made the numbers, and how well it does."""

    def models(self) -> Any:
        """Train a challenger, compare it, promote it or go back."""

    def recorded(self) -> Recorded:
        """Return the numbers of the page."""


def treatment(
    tenant: str | UUID,
    storm: str | UUID,
    *,
    crew_days: float = 0.0,
    uplift_min: float = 0.0,
    interactive: bool = True,
    policy: Callable[[str, str], Policy],
    experiment: Callable[[str, str], Trying],
    models: Callable[[str], Models],
    scorer: Callable[[str, str], Scorer],
    tenants: Callable[[], pd.DataFrame],
    storms: Callable[[str], pd.DataFrame],
    score: Score | None = None,
    live: MakeListener | None = None,
) -> TreatmentPage:
    """Open the page of a storm's treatment.

    Args:
        tenant: Slug or id; a selection. In a served page the address may name another.
        storm: Slug or id, likewise.
        crew_days: Crew-days to try out; 0: as the company's rules say.
        uplift_min: Least uplift for a visit to try out, a probability difference; 0: as the company's rules say.
        interactive: Whether to show live controls; False draws each section once, as HTML.
        policy: Makes the policy of a tenant's storm, such as `stormplay.TreatmentPolicy`.
        experiment: Makes its read-out, such as `stormplay.experiments.Experiment`.
        models: Makes a tenant's registry, such as `stormplay.registry.ModelRegistry`.
        scorer: Makes what trains and scores, such as `stormplay.uplift.UpliftScorer`.
        tenants: Gives the tenants open to this person: `tenant_id`, `slug`, `org_name`, `role`, `is_synthetic`.
        storms: Gives a tenant's storms: `storm_id`, `slug`, `name`, `status`, `event_date`.
        score: Makes the score of a tenant's storm, such as `stormplay.StormPlayScore`; None: no score is shown.
        live: Makes what tells of others' changes, such as `stormplay.live.Live`; None: nothing moves by itself.

    Returns:
        The page; each of its sections is a call.

    Raises:
        StormplayError: Only where not interactive; a live page says it in a sentence instead.
    """
    sources = Sources(policy, experiment, models, scorer, tenants, storms)
    if not interactive:
        wanted = Wanted(crew_days=float(crew_days) or None, uplift_min=float(uplift_min) or None)
        one = sources.open(str(tenant), str(storm), wanted)[1]
        return Report(one, still(score, str(tenant), str(storm)))
    asked = query.asked({
        "tenant": str(tenant), "storm": str(storm), "crew_days": float(crew_days), "uplift_min": float(uplift_min),
    })  # fmt: skip
    return board.TreatmentBoard(sources, asked, ScoreChip(score, live=live))


class Report:
    """The page as it stands in a report: no controls, each section drawn once."""

    def __init__(self, one: Treatment, chip: HTML) -> None:
        self.treatment, self._chip = one, chip

    def header(self) -> HTML:
        """Show the Storm Play Score."""
        return self._chip

    def answer(self) -> HTML:
        """Say whether the visits worked, who is visited and what made the numbers, with the age of the data."""
        return HTML(markup.style() + self._words("answer"))

    def choose(self) -> HTML:
        """Say that a report changes nothing, and which rules it tries out."""
        rules = policy.rules_said(self.treatment.trial.rules.to_mapping())
        return HTML(
            markup.note(f"This is a report: it shows what stands and writes nothing. Rules tried out: {rules}.")
        )

    def worked(self) -> HTML:
        """Say whether the visits worked, or that it is too early."""
        return HTML(self._words("verdict") + self._chart("lift") + self._words("arms"))

    def evidence(self) -> HTML:
        """Show the effect by band of hail and over all storms, and who was in fact reached."""
        halves = (self._words("bands") + self._chart("bands"), self._words("pooled") + self._chart("storms"))
        return HTML(_even(*halves) + self._words("evidence"))

    def who(self) -> HTML:
        """Show whom crews and money reach, and what the next crew-day is worth."""
        return HTML(self._words("worth") + self._chart("curve") + self._words("ledger"))

    def change(self) -> HTML:
        """Say what the rules would change."""
        return HTML(self._words("share") + self._words("changes") + self._words("runs"))

    def take_along(self) -> HTML:
        """Say what comes next."""
        return HTML(policy.next_act(""))

    def believe(self) -> HTML:
        """Show which model made the numbers, and how well it does."""
        trained = self.treatment.models.shown is not None
        both = _even(self._chart("qini"), self._chart("calibration")) if trained else ""
        return HTML(self._words("origin") + self._words("quality") + both + self._words("strongest"))

    def models(self) -> HTML:
        """List the versions and who was moved where."""
        return HTML(self._words("versions"))

    def recorded(self) -> Recorded:
        """Return the numbers of the page."""
        return Recorded(totals(self.treatment))

    def _words(self, name: str) -> str:
        return board.WORDS[name](self.treatment)

    def _chart(self, name: str) -> str:
        return charts.html(board.CHARTS[name](self.treatment))


def _even(*parts: str) -> str:
    return f'<div class="sp-charts {board.EVEN}">{"".join(f"<div>{part}</div>" for part in parts)}</div>'
