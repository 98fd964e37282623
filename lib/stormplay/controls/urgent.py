"""An urgent stop: found by how its address begins, put where it changes least, taken off again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import ipywidgets as widgets
import pandas as pd

from stormplay.controls import markup, sections
from stormplay.controls.asking import button, row, show
from stormplay.controls.guard import checked
from stormplay.controls.live import PickTable
from stormplay.controls.plan import Builder, Plan
from stormplay.controls.undo import Done, Outcome
from stormplay.errors import BadInput

PICK_ONE = "Pick one in the list of homes that are ready."
MOST = 20  # homes that are shown of those that begin so
COLUMNS: list[dict[str, Any]] = [
    {"label": "Address", "kind": "text", "narrow": True},
    {"label": "ZIP", "kind": "text", "narrow": False},
    {"label": "Uplift", "kind": "number", "narrow": True},
]
# Outcome -> how somebody is told of homes that the search met and that cannot be put in.
_ELSEWHERE: Mapping[str, str] = {
    "routed": "on a route already",
    "held back": "in the control group",
    "skipped": "skipped by the policy",
    "suppressed": "said no to visits",
    "without coordinates": "without coordinates",
    "without uplift": "not scored",
    "own job": "with a job of its own",
}
BEST = ("Shortest detour", "")


class Added(Protocol):
    """What `RouteBuilder.add_stop` gives."""

    route_id: str
    said: str


class UrgentStop:
    """The part 'Put in an urgent stop'.

    Args:
        changed: Called after the plan was changed, with the id of the route that it was.

    Attributes:
        widget: What is displayed.
        address, route, table: What is looked for, on which route it shall be, the homes found.
        button, undo: Put it in; take off what was put in last.
        message: Where the outcome is told.
    """

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self._builder: Builder | None = None
        self._may_plan, self._has_routes = False, False
        self.outcome = Outcome()
        self.message = self.outcome.message
        self.head, self.told = widgets.HTML(), widgets.HTML()
        self.address = widgets.Text(
            description="Address", placeholder="How it begins: 3213 Cl", continuous_update=False,
            style={"description_width": "5em"}, layout={"width": "min(26em, 100%)"},
        )  # fmt: skip
        self.route = widgets.Dropdown(
            description="Route", options=[BEST], style={"description_width": "5em"}, layout={"width": "min(26em, 100%)"}
        )
        self.table = PickTable(columns=COLUMNS, label="Homes that are ready", has_search=False)
        self.button, self.undo = button("Put it in", "primary"), self.outcome.undo_button
        self.widget = widgets.VBox(
            [self.head, row(self.address, self.route), self.told, self.table, row(self.button),
             self.outcome.widget]
        )  # fmt: skip
        self.address.observe(checked(self.message)(lambda _: self._search()), "value")
        self.table.observe(lambda _: self._allow(), "selected")
        self.button.on_click(checked(self.message)(lambda _: self._put_in()))
        self._allow()

    def show(self, builder: Builder | None, plan: Plan | None) -> None:
        """Show the part for a plan; for another storm's with nothing looked for."""
        is_other = builder is not self._builder
        self._builder = builder
        show(self.widget, plan is not None)
        if plan is None:
            return
        self._may_plan, self._has_routes = plan.may_plan, not plan.routes.empty
        if is_other:
            self.address.value = ""
            self.outcome.forget()
        chosen = self.route.value
        still = plan.routes[plan.routes["status"] != "done"]
        named = zip(still["route_name"].astype(str), still["route_id"].astype(str), strict=True)
        self.route.options = [BEST, *named]
        self.route.value = chosen if chosen in {value for _, value in self.route.options} else ""
        self.head.value = _head(plan)
        self._search()

    def _search(self) -> None:
        begins = self.address.value.strip()
        found = self._builder.find_ready(begins, MOST) if self._builder and begins else pd.DataFrame()
        ready = found[found["outcome"] == "ready"] if len(found) else found
        self.told.value = _told(begins, found, len(ready))
        ids = ready["property_id"].astype(str).tolist() if len(ready) else []
        cells = [
            [home["address"], home["zip_code"], [f"{home['expected_uplift']:.1%}", float(home["expected_uplift"])]]
            for home in ready.to_dict("records")
        ]
        self.table.show(ids, cells, ids[0] if len(ids) == 1 else "")
        show(self.table, bool(ids))
        self._allow()

    def _allow(self) -> None:
        """A viewer's form is there and does nothing."""
        may = self._may_plan and self._has_routes
        self.address.disabled = self.route.disabled = not may
        self.button.disabled = not (may and self.table.selected)
        self.button.tooltip = PICK_ONE if self.button.disabled else ""

    def _put_in(self) -> None:
        if self._builder is None or self.table.selected not in self.table.ids:
            raise BadInput("No home is picked.", "", PICK_ONE)
        home = self.table.selected
        added: Added = self._builder.add_stop(home, route_id=self.route.value or None)
        self.address.value = ""
        self._changed(added.route_id)
        self.outcome.tell(Done(added.said, lambda: self._take_off(home)))

    def _take_off(self, home: str) -> str:
        if self._builder is None:
            raise BadInput("No storm is open.")
        gone: Added = self._builder.take_off(home)
        self._changed(gone.route_id)
        return gone.said


def _head(plan: Plan) -> str:
    title = "<h3>Put in an urgent stop</h3>"
    if not plan.may_plan:
        return title + markup.note(sections.READ_ONLY)
    if plan.routes.empty:
        return title + markup.empty("There is no route yet that could take a stop.")
    ready = plan.homes("ready")
    if not ready:
        return title + markup.note("No home is ready that is on no route: there is nothing to put in.")
    homes = f"{markup.count(ready, 'home')} {'is' if ready == 1 else 'are'} ready and on no route."
    how = "One goes where the way gets longer by least, behind what was visited; every other route stays as it is."
    return title + markup.note(f"{homes} {how}")


def _told(begins: str, found: pd.DataFrame, shown: int) -> str:
    """What the search met, in a sentence."""
    if not begins:
        return ""
    parts = []
    ready = int(found["alike"].iloc[0]) if shown else 0
    if ready > shown:
        parts.append(f"The first {shown:,} of {ready:,} homes that are ready; write more of the address to see fewer.")
    elif not ready:
        parts.append(f"No home that is ready and on no route has an address that begins with '{begins}'.")
    others = [f"{row.alike:,} {_ELSEWHERE[str(row.outcome)]}" for row in found.iloc[shown:].itertuples()]
    if others:
        parts.append(f"Others begin so too: {', '.join(others)}.")
    return markup.note(" ".join(parts)) if parts else ""
