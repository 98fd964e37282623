"""The live editors of the rules that are tried out: crews, money, threshold, holdout."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from stormplay.controls.asking import row
from stormplay.controls.guard import Message, checked
from stormplay.controls.treatment_state import Treatment, Wanted

_CENTS = 100


class RulesForm:
    """What the reader tries out. The same editors stand in two sections, so both always say the same.

    Args:
        asked: What the page was opened with.
        changed: Called after a choice of the reader.
        message: Where a failure is told.

    Attributes:
        crew_days, reach, budget, cost, uplift_min, holdout: The editors; `reach` is a slider for crew-days.
        limits, choice: What is displayed: crews and money; threshold and holdout.
    """

    def __init__(self, asked: Wanted, changed: Callable[[], None], message: Message) -> None:
        self._asked, self._changed, self._quiet = asked, changed, False
        self.crew_days = _number("Crew-days (0: no limit)", 0.5, 100_000)
        self.budget = _number("Budget, USD (0: no limit)", 500, 1e9)
        self.cost = _number("One visit costs, USD", 1, 100_000)
        self.uplift_min = _number("Uplift from, %", 1, 100)
        self.holdout = _number("Held out, %", 5, 50)
        self.reach = widgets.FloatSlider(
            min=0.5, max=1.0, step=0.5, readout=False, continuous_update=False,
            tooltip="Crew-days; at its end: no limit", layout=widgets.Layout(width="min(22em, 100%)"),
        ).add_class("sp-threshold")  # fmt: skip
        self.limits = row(self.crew_days, self.reach, self.budget, self.cost)
        self.choice = row(self.uplift_min, self.holdout)
        guard = checked(message)
        self.reach.observe(guard(lambda change: self._slid(float(change["new"]))), "value")
        for box in (self.crew_days, self.budget, self.cost, self.uplift_min, self.holdout):
            box.observe(guard(lambda _: self._told()), "value")

    @property
    def boxes(self) -> tuple[Any, ...]:
        """All editors."""
        return self.crew_days, self.reach, self.budget, self.cost, self.uplift_min, self.holdout

    def start(self) -> Wanted:
        """What a storm is opened with: what the page was asked for, over the company's rules."""
        return self._asked

    def forget(self) -> None:
        """Another storm begins with its company's rules."""
        self._asked = Wanted()

    def wanted(self) -> Wanted:
        """What now stands in the editors."""
        return Wanted(
            uplift_min=round(float(self.uplift_min.value) / 100, 6),
            holdout_share=round(float(self.holdout.value) / 100, 6),
            crew_days=float(self.crew_days.value),
            budget_cents=round(float(self.budget.value) * _CENTS),
            cost_cents=round(float(self.cost.value) * _CENTS),
        )

    def show(self, rules: Any) -> None:
        """Put rules into the editors, quietly."""
        self._quiet = True
        try:
            self.crew_days.value = float(rules.crew_days or 0)
            self.budget.value = (rules.budget_cents or 0) / _CENTS
            self.cost.value = (rules.cost_per_visit_cents or 0) / _CENTS
            self.uplift_min.value = round(100 * float(rules.uplift_min), 4)
            self.holdout.value = round(100 * float(rules.holdout_share), 4)
        finally:
            self._quiet = False

    def draw(self, one: Treatment) -> None:
        """Fit the slider to the visits that there are, and keep a share that was drawn."""
        self.holdout.disabled = one.is_drawn
        would = one.trial.would
        if would is None:
            return
        visits = would.margin.visits + would.margin.left_out
        most = max(1.0, math.ceil(2 * visits / one.trial.rules.doors_per_crew_day + 0.001) / 2)
        self._quiet = True
        try:
            self.reach.max = most
            self.reach.value = min(self.crew_days.value, most) if self.crew_days.value else most
        finally:
            self._quiet = False

    def lock(self, running: bool, *, is_drawn: bool) -> None:
        """Let nothing be chosen while something is written."""
        for box in self.boxes:
            box.disabled = running
        self.holdout.disabled = running or is_drawn

    def _slid(self, value: float) -> None:
        if not self._quiet:
            self.crew_days.value = 0.0 if value >= self.reach.max else value

    def _told(self) -> None:
        if not self._quiet:
            self._changed()


def _number(label: str, step: float, most: float) -> Any:
    return widgets.BoundedFloatText(
        value=0.0, min=0.0, max=most, step=step, description=label, style={"description_width": "initial"},
        layout=widgets.Layout(width="auto", min_width="15em"),
    )  # fmt: skip
