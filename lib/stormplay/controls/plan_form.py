"""What a plan is made with: stops a route, and the further choices that stay folded until somebody wants them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets

from stormplay.controls import markup
from stormplay.controls.asking import TALL, row, show
from stormplay.controls.fields import Fields
from stormplay.errors import BadInput
from stormplay.visits import VISITS, check_limit

EVEN_DAYS = 0.1  # no route has more work than the mean by a larger share
OWN_GROUND_M = 200.0  # driving that one home less in another crew's territory is worth
_WIDE = {"style": {"description_width": "initial"}, "layout": {"width": "min(22em, 100%)"}}
_TOLD = (
    f"Even days: no route has over {EVEN_DAYS:.0%} more work than the mean. Own ground: up to {OWN_GROUND_M:,.0f} "
    "metres more are driven for each home that a crew then no longer has in another crew's territory."
)


class PlanForm:
    """The form of 'Make a plan'.

    Args:
        asked: What to begin with: max_per_route, visit_type (a known one), shift_hours (0: no limit).
        button: Makes the plan.

    Attributes:
        widget: What is displayed.
        limit, visit, longest_day, even_days, own_ground: The fields.
        more: Unfolds all but the first.
        fields: What is asked of them.
    """

    def __init__(self, asked: Mapping[str, Any], button: widgets.Button) -> None:
        self.limit = widgets.IntText(
            value=int(asked["max_per_route"]), description="Stops per route, at most", continuous_update=True,
            style={"description_width": "initial"}, layout=widgets.Layout(width="18em"),
        )  # fmt: skip
        kinds = [(f"{visit.label} ({visit.minutes:.0f} minutes)", name) for name, visit in VISITS.items()]
        self.visit = widgets.Dropdown(options=kinds, value=asked["visit_type"], description="A visit is", **_WIDE)
        hours = float(asked["shift_hours"])
        self.longest_day = widgets.Text(
            value=f"{hours:g}" if hours else "", placeholder="no limit", description="Longest day, hours", **_WIDE
        )
        boxes = ("Even days", "Crews keep to their own ground")
        self.even_days, self.own_ground = (
            widgets.Checkbox(description=words, indent=False, layout={"width": "auto"}) for words in boxes
        )
        self.more = widgets.ToggleButton(layout=TALL | {"width": "auto"})
        told = widgets.HTML(markup.note(_TOLD))
        self.fields = Fields(button)
        limit = self.fields.check(self.limit, check_limit)
        longest = self.fields.check(self.longest_day, hours_of)
        pairs = [row(self.visit, longest), row(self.even_days, self.own_ground)]
        for pair in pairs:
            pair.layout.grid_gap = "8px 24px"
        self._rest = widgets.VBox([*pairs, told])
        self.widget = widgets.VBox([row(limit, button, self.more), self._rest])
        for field in self._fields[1:]:
            field.observe(lambda _: self._count(), "value")
        self.more.observe(lambda change: show(self._rest, change["new"]), "value")
        self._count()
        self.more.value = bool(self._made)
        show(self._rest, self.more.value)

    @property
    def _fields(self) -> list[widgets.Widget]:
        return [self.limit, self.visit, self.longest_day, self.even_days, self.own_ground]

    @property
    def _made(self) -> int:
        """How many of the folded choices are not as they usually are."""
        usual = next(iter(VISITS))
        chosen = [self.visit.value != usual, self.longest_day.value.strip() not in ("", "0")]
        return sum([*chosen, self.even_days.value, self.own_ground.value])

    def _count(self) -> None:
        self.more.description = f"More choices ({self._made} made)" if self._made else "More choices"

    def lock(self, locked: bool) -> None:
        """Let nothing be changed, and no plan be made."""
        for field in self._fields:
            field.disabled = locked
        self.fields.allow(not locked)

    def options(self) -> dict[str, Any]:
        """What was chosen, as `RouteBuilder.generate_routes` takes it; what was not chosen is not in it.

        Raises:
            BadInput: The longest day is no number of hours.
        """
        hours = hours_of(self.longest_day.value)
        chosen: dict[str, Any] = {"max_per_route": self.limit.value, "visit_type": self.visit.value}
        if hours:
            chosen["shift_minutes"] = hours * 60
        if self.even_days.value:
            chosen["balance"] = EVEN_DAYS
        if self.own_ground.value:
            chosen["territory_m"] = OWN_GROUND_M
        return chosen


def hours_of(written: str) -> float:
    """Hours as somebody writes them; 0 for nothing.

    Raises:
        BadInput: It is no number of hours of a day.
    """
    try:
        hours = float(written.strip().replace(",", ".") or 0)
    except ValueError:
        hours = math.nan
    if not 0 <= hours <= 24:
        raise BadInput(f"The longest day is '{written.strip()}'.", "Expected hours from 0 to 24, or nothing: no limit.")
    return hours
