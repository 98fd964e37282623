"""How much of a budget is left, and what that means in a sentence. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from stormplay.slo.burn import burn_rate, needed_events
from stormplay.slo.objectives import WINDOW_DAYS, Objective, percent

STATES = ("kept", "going fast", "used up", "not enough events", "not measured", "switched off")


@dataclass(frozen=True)
class Budget:
    """One objective over 28 days.

    Attributes:
        objective: What is promised.
        good, total: Events of 28 days.
        burn: Times the allowed rate over the last 3 days; None: not enough events.
        state: One of `STATES`.
    """

    objective: Objective
    good: int
    total: int
    burn: float | None
    state: str

    @property
    def attained(self) -> float | None:
        """Share of good events; None where there is none."""
        return self.good / self.total if self.total else None

    @property
    def left(self) -> float | None:
        """Share of the budget that is left: 1 all, 0 none, less where it was overdrawn; None: not enough events."""
        if self.total < needed_events(self.objective.target):
            return None
        # Rounded, lest a budget that is used up to the last event seem to have a hair's breadth left.
        return round(1.0 - (self.total - self.good) / (self.objective.allowed * self.total), 9)

    @property
    def verdict(self) -> str:
        """What it means, in a sentence with its denominators."""
        event, target = self.objective.service.event, percent(self.objective.target)
        bad = self.total - self.good
        if self.state == "switched off":
            return "Switched off by the company."
        if self.state == "not measured":
            return f"Not measured yet: no {event} in {WINDOW_DAYS} days."
        counted = f"{self.good:,} of {self.total:,} {event} were good in {WINDOW_DAYS} days"
        if self.left is None:
            needed = needed_events(self.objective.target)
            return (
                f"Not enough events: {counted}; against {target}, {needed:,} are needed for one bad one to be allowed."
            )
        may = self.objective.allowed * self.total
        if self.state == "used up":
            return f"Used up: {counted}; {bad:,} bad ones where {target} allows {may:,.1f}."
        fast = f" In the last 3 days it went {self.burn:,.1f} times as fast as allowed." if self.burn else ""
        if self.state == "going fast":
            return f"Going fast: {counted}, {self.left:.0%} of the budget is left.{fast}"
        return f"Kept: {counted}, {self.left:.0%} of the budget is left."


def budget(objective: Objective, good: int, total: int, good_3d: int, total_3d: int) -> Budget:
    """The budget of one objective.

    Args:
        objective: What is promised.
        good, total: Events of 28 days.
        good_3d, total_3d: Of the last 3 of them.
    """
    burn = burn_rate(objective.target, total_3d - good_3d, total_3d)
    made = Budget(objective, good, total, burn, "kept")
    if not objective.is_on:
        state = "switched off"
    elif not total:
        state = "not measured"
    elif made.left is None:
        state = "not enough events"
    elif made.left <= 0:
        state = "used up"
    else:
        state = "going fast" if burn is not None and round(burn, 9) > 1 else "kept"
    return Budget(objective, good, total, burn, state)
