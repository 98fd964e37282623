"""The live editors of the rules that are tried out: crews, money, threshold, holdout."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from stormplay.controls.asking import row
from stormplay.controls.fields import Fields, number, within
from stormplay.controls.guard import Message, checked
from stormplay.controls.idle import OnceStill
from stormplay.controls.treatment_state import Treatment, Wanted
from stormplay.errors import BadInput

_CENTS = 100


class RulesForm:
    """What the reader tries out. The same editors stand in two sections, so both always say the same.

    What a box expects is said while one types; what the rules come to, once one pauses.

    Args:
        asked: What the page was opened with.
        typed: Called at once when something is typed: what the page shows of the rules is out of date.
        changed: Called after a choice of the reader.
        message: Where a failure is told.

    Attributes:
        crew_days, reach, budget, cost, uplift_min, holdout: The editors; `reach` is a slider for crew-days.
        fields: What is asked of them.
        limits, choice: What is displayed: crews and money; threshold and holdout.
    """

    def __init__(self, asked: Wanted, typed: Callable[[], None], changed: Callable[[], None], message: Message) -> None:
        self._asked, self._typed, self._quiet = asked, typed, False
        guard = checked(message)
        self._changed = guard(changed)
        self._soon = OnceStill(self._changed)
        self.crew_days, self.budget = number("Crew-days (0: no limit)", 0.5), number("Budget, USD (0: no limit)", 500)
        self.cost = number("One visit costs, USD", 1)
        self.uplift_min, self.holdout = number("Uplift from, %", 1), number("Held out, %", 5)
        self.reach = widgets.FloatSlider(
            min=0.5, max=1.0, step=0.5, readout=False, continuous_update=False,
            tooltip="Crew-days; at its end: no limit", layout=widgets.Layout(width="min(22em, 100%)"),
        ).add_class("sp-threshold")  # fmt: skip
        self.fields = Fields()
        crew_days, budget, cost, uplift_min, holdout = (
            self.fields.check(box, rule)
            for box, rule in (
                (self.crew_days, within("Crew-days", "", 100_000, "; 0 is no limit")),
                (self.budget, within("The budget", " USD", 1e9, "; 0 is no limit")),
                (self.cost, self._check_cost),
                (self.uplift_min, within("The least uplift", " %", 100)),
                (self.holdout, within("The share held out", " %", 50)),
            )
        )
        self.limits = row(crew_days, self.reach, budget, cost)
        self.choice = row(uplift_min, holdout)
        self.limits.layout.align_items = self.choice.layout.align_items = "flex-start"  # a sentence moves no neighbour
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
        """What now stands in the editors, or why it cannot be tried."""
        if self.fields.fault:
            return Wanted(fault=self.fields.fault)
        return Wanted(
            uplift_min=round(float(self.uplift_min.value) / 100, 6),
            holdout_share=round(float(self.holdout.value) / 100, 6),
            crew_days=float(self.crew_days.value),
            budget_cents=round(float(self.budget.value) * _CENTS),
            cost_cents=round(float(self.cost.value) * _CENTS),
        )

    def show(self, rules: Any) -> None:
        """Put rules into the editors, quietly."""
        self._soon.forget()
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
            self._typed()
            self._soon.wait()

    def _check_cost(self, cost: float) -> None:
        within("A visit's cost", " USD", 100_000)(cost)
        if self.budget.value > 0 and round(cost * _CENTS) == 0:
            raise BadInput("There is a budget and no cost of a visit.", "Expected what one visit costs, above 0 USD.")
