"""The parameters of a company's treatment policy. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from stormplay.errors import BadInput

RankBy = Literal["value", "uplift"]


@dataclass(frozen=True)
class Rules:
    """Who is worth a visit, how many visits there can be, and how many homes are held back to know what visits do.

    Attributes:
        uplift_min: Least expected uplift, a probability difference, for which a home is visited.
        holdout_share: Share of the homes worth a visit that are held out. Fixed for a storm by its first run.
        swath_min_in: Least modelled hail, inches; under it a home counts as outside the swath.
        crew_days: Crew-days there are; None: as many as needed.
        doors_per_crew_day: Visits of one crew in one day: 18 to 23 doors an hour (a vendor's figure), six hours at
            the doors; 6 to 8 where a visit is an inspection.
        budget_cents: What the visits may cost; None: no limit.
        cost_per_visit_cents: What one costs; needed with a budget.
        rank_by: Where not all can be visited: 'value' by expected value (uplift times what a job is worth, where that
            is known), 'uplift' by uplift alone.
        salt: Goes into the draw beside the storm; another word draws another control group. Fixed like the share.
    """

    uplift_min: float = 0.05
    holdout_share: float = 0.2
    swath_min_in: float = 0.75
    crew_days: float | None = None
    doors_per_crew_day: int = 120
    budget_cents: int | None = None
    cost_per_visit_cents: int | None = None
    rank_by: RankBy = "value"
    salt: str = ""

    def __post_init__(self) -> None:
        self._number("uplift_min", 0, 1, "a probability difference from 0 to 1")
        self._number("holdout_share", 0, 0.5, "a share from 0 to 0.5")
        self._number("swath_min_in", 0, 10, "inches of hail from 0 to 10")
        if self.crew_days is not None:
            self._number("crew_days", 0, 100_000, "crew-days from 0 to 100,000, or None for as many as needed")
        self._whole("doors_per_crew_day", 1, 1_000)
        for name in ("budget_cents", "cost_per_visit_cents"):
            if getattr(self, name) is not None:
                self._whole(name, 0 if name == "budget_cents" else 1, 10**12)
        if self.budget_cents is not None and self.cost_per_visit_cents is None:
            raise BadInput("There is a budget and no cost of a visit.", "Expected cost_per_visit_cents beside it.")
        if self.rank_by not in get_args(RankBy):
            raise BadInput(f"rank_by is {self.rank_by!r}.", "Expected 'value' or 'uplift'.")
        if not isinstance(self.salt, str) or len(self.salt) > 100:
            raise BadInput("The salt cannot be used.", "Expected a word of at most 100 signs, or none.")

    @property
    def doors(self) -> int | None:
        """Visits that the crew-days allow; None: no limit."""
        return None if self.crew_days is None else math.floor(self.crew_days * self.doors_per_crew_day)

    @property
    def paid_visits(self) -> int | None:
        """Visits that the budget pays for; None: no limit."""
        if self.budget_cents is None or self.cost_per_visit_cents is None:
            return None
        return self.budget_cents // self.cost_per_visit_cents

    def to_mapping(self) -> dict[str, Any]:
        """As plain JSON, for storing; `from_mapping` reads it."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> Rules:
        """Rules from plain JSON; what is not named is as shipped.

        Raises:
            BadInput: A name is unknown or a value cannot be used.
        """
        unknown = set(given) - {one.name for one in fields(cls)}
        if unknown:
            raise BadInput(f"There is no policy rule '{min(unknown)}'.")
        return cls(**given)

    def _number(self, name: str, low: float, high: float, expected: str) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise BadInput(f"{name} is {value!r}.", f"Expected {expected}.")

    def _whole(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadInput(f"{name} is {value!r}.", f"Expected a whole number from {low:,} to {high:,}.")
