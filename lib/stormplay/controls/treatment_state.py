"""What the page of the treatment knows of one storm, in plain frames and numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pandas as pd

from stormplay.errors import BadInput

DECIDERS = ("analyst", "admin")


Names = tuple[str, str, str, str, str, str, bool]
"""What a page keeps of a storm while it reads the rest again: the first seven fields of `Treatment`."""


@dataclass(frozen=True)
class Wanted:
    """What the reader tries out beside the company's rules.

    Attributes:
        uplift_min: Least uplift for a visit; None: the company's.
        holdout_share: Share held out; None: the storm's, or the company's.
        crew_days: Crew-days; 0: no limit; None: the company's.
        budget_cents, cost_cents: Likewise for money, and what a visit costs.
        fault: Why what is typed cannot be tried, as a sentence; '': it can.
    """

    uplift_min: float | None = None
    holdout_share: float | None = None
    crew_days: float | None = None
    budget_cents: int | None = None
    cost_cents: int | None = None
    fault: str = ""

    def over(self, rules: Any) -> Any:
        """The rules to try.

        Raises:
            BadInput: One of them cannot be used.
        """
        if self.fault:
            raise BadInput(self.fault)
        named = {
            "uplift_min": self.uplift_min, "holdout_share": self.holdout_share, "crew_days": self.crew_days,
            "budget_cents": self.budget_cents, "cost_per_visit_cents": self.cost_cents,
        }  # fmt: skip
        limits = ("crew_days", "budget_cents", "cost_per_visit_cents")
        given = {name: value for name, value in named.items() if value is not None}
        return replace(rules, **{name: (value or None) if name in limits else value for name, value in given.items()})


@dataclass(frozen=True)
class Trial:
    """Rules that are tried out, and what they would do.

    Attributes:
        rules: As tried.
        would: The dry run; None where there is none.
        curve: As `policy.uplift_curve`.
        refused: Why there is no dry run, as a sentence.
    """

    rules: Any
    would: Any
    curve: pd.DataFrame
    refused: str = ""


@dataclass(frozen=True)
class Believed:
    """Which models there are, and which one made the numbers of this storm.

    Attributes:
        named: The texts beside the numbers, the most frequent first; empty where no home is scored.
        cards: For each of them what the registry knows (None: it is not registered).
        champion, challenger: Versions; None where there is none.
        versions, moves: As `ModelRegistry.versions` and `.history`.
    """

    named: tuple[str, ...]
    cards: tuple[Any, ...]
    champion: Any
    challenger: Any
    versions: pd.DataFrame
    moves: pd.DataFrame

    @property
    def shown(self) -> Any:
        """The version whose quality the page shows: the champion, else the challenger; None: none was trained."""
        return next((one for one in (self.champion, self.challenger) if one is not None), None)

    @property
    def is_open(self) -> bool:
        """Whether a challenger waits that is not the champion itself."""
        if self.challenger is None:
            return False
        return self.champion is None or self.champion.version != self.challenger.version

    @property
    def may_go_back(self) -> bool:
        """Whether an earlier champion can have its place again."""
        moves = self.moves[self.moves["alias"] == "champion"]["act"] if len(self.moves) else pd.Series(dtype=object)
        return int((moves == "promote").sum()) - int((moves == "roll_back").sum()) >= 2  # this one and the one before


@dataclass(frozen=True)
class Treatment:
    """What is known of one storm's treatment when the page draws it.

    Attributes:
        tenant, storm: Slugs or ids, as they were asked for.
        company, storm_name, storm_status: As people call them.
        role: Of this person in the company.
        is_synthetic: Whether the company's homes, owners and outcomes are made up.
        read_out, pooled: As `Experiment` gives them.
        ledger, runs: As `TreatmentPolicy` gives them: of the decisions in force, and how they came to be.
        rules: The company's, with the storm's own share.
        trial: What is tried out.
        models: Which models there are.
    """

    tenant: str
    storm: str
    company: str
    storm_name: str
    storm_status: str
    role: str
    is_synthetic: bool
    read_out: Any
    pooled: Any
    ledger: pd.DataFrame
    runs: pd.DataFrame
    rules: Any
    trial: Trial
    models: Believed

    @property
    def lift(self) -> Any:
        """The read-out, by the name that the page of the score has for it."""
        return self.read_out

    @property
    def may_decide(self) -> bool:
        """Whether this person may apply a policy and train models; the database decides, this only hides buttons."""
        return self.role in DECIDERS

    @property
    def may_save(self) -> bool:
        """Whether this person may keep the company's rules."""
        return self.role == "admin"

    @property
    def is_drawn(self) -> bool:
        """Whether the control group of this storm was drawn, so that its share stays."""
        return len(self.runs) > 0

    @property
    def as_of(self) -> datetime | None:
        """The newest outcome or decision."""
        moment: datetime | None = self.read_out.as_of
        return moment

    def homes(self, decision: str) -> int:
        """Homes with a decision in force: 'treat', 'hold_out' or 'skip'."""
        return int(self.ledger.loc[self.ledger["decision"] == decision, "homes"].sum())

    @property
    def eligible(self) -> int:
        """Homes that were decided on."""
        return int(self.ledger["homes"].sum())


def totals(one: Treatment) -> dict[str, int | float | str | None]:
    """Return the numbers of the page, as plain scalars."""
    read, would, models = one.read_out, one.trial.would, one.models
    margin = None if would is None else would.margin
    return {
        "verdict": str(read.verdict.word),
        "difference_low": round(float(read.difference.low), 6),
        "difference_high": round(float(read.difference.high), 6),
        "srm_p_value": round(float(read.srm.p_value), 6),
        "pooled_verdict": str(one.pooled.word),
        "eligible": one.eligible,
        "treated": one.homes("treat"),
        "held_out": one.homes("hold_out"),
        "skipped": one.homes("skip"),
        "runs": len(one.runs),
        "would_change": None if would is None else int(would.changed),
        "would_treat": None if would is None else int(would.treated),
        "crew_days": None if margin is None else round(float(margin.crew_days), 3),
        "left_out": None if margin is None else int(margin.left_out),
        "expected_signatures": None if margin is None or math.isnan(margin.conversions)
        else round(float(margin.conversions), 3),
        "model_version": ", ".join(models.named) or None,
        "champion": None if models.champion is None else str(models.champion.model_version),
        "challenger": None if models.challenger is None else str(models.challenger.model_version),
        "versions": len(models.versions),
    }  # fmt: skip
