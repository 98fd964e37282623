"""The list of homes, page by page from the database, and what can be done for the one that is picked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets
import pandas as pd

from stormplay.controls import markup
from stormplay.controls import nurture_sections as sections
from stormplay.controls.asking import Confirm, Pager, button, row, show
from stormplay.controls.guard import Message, checked
from stormplay.controls.live import PickTable
from stormplay.controls.nurture_state import Loop, Nurture

STOP_ONE = (
    "Stop all contacts that are to come for {address}? That is for good: for this storm the home cannot be scheduled "
    "again. To hold them for a while, press 'No, keep' and then 'Pause'."
)


class Homes:
    """The homes of one storm, and the picked one.

    Args:
        page_size: Homes a page.
        changed: Called with the homes whose steps were changed, so that the rest of the page is read anew.

    Attributes:
        widget: What is displayed.
        table: The page of homes.
        pager: Which page.
        message: Where the outcome of a press is told.
        selected: property_id of the picked home, or ''.
    """

    def __init__(self, page_size: int, changed: Callable[[Sequence[str]], None]) -> None:
        self._changed = changed
        self._loop: Loop | None = None
        self._nurture: Nurture | None = None
        self._found = pd.DataFrame()
        self.selected = ""
        self.message = Message()
        self.table = PickTable(columns=sections.HOMES, label="Homes", has_search=False, asks=True)
        self.pager = Pager(page_size, self._turn, self.message)
        self.head, self.steps = widgets.HTML(), widgets.HTML()
        self.pause, self.resume = button("Pause"), button("Resume")
        self.stop = Confirm("Stop …", self._question, lambda: self._act("stop"), self.message)
        self.buttons = row(self.pause, self.resume, self.stop.widget)
        self.widget = widgets.VBox(
            [self.pager.widget, self.table, self.head, self.buttons, self.message.widget, self.steps]
        )
        self.table.observe(checked(self.message)(lambda change: self.select(change["new"])), "selected")
        self.table.observe(checked(self.message)(lambda _: self._ordered()), "order")
        self.pause.on_click(checked(self.message)(lambda _: self.message.good(self._act("pause"))))
        self.resume.on_click(checked(self.message)(lambda _: self.message.good(self._act("resume"))))

    def show(self, loop: Loop, nurture: Nurture, *, from_start: bool = False) -> None:
        """Show the homes of a storm; `from_start` goes to the first page and picks none."""
        self._loop, self._nurture = loop, nurture
        if from_start:
            self.pager.page, self.selected = 1, ""
            self.stop.forget()
            self.message.clear()
        self._read()

    def select(self, property_id: str) -> None:
        """Pick a home of this page by id; '' or an unknown id picks none."""
        known = property_id in self.table.ids
        if property_id != self.selected:
            self.message.clear()
            self.stop.forget()
        self.selected = self.table.selected = property_id if known else ""
        self._draw_home()

    def _ordered(self) -> None:
        self.pager.page = 1
        self._read()

    def _turn(self) -> None:
        self.selected = ""
        self.stop.forget()
        self.message.clear()
        self._read()

    def _read(self) -> None:
        if self._loop is None or self._nurture is None:
            return
        choice = self._nurture.choice
        search = choice.search or None
        # Without a search the ledger has counted them; it adds up to all pages of the list.
        self.pager.over(self._loop.count(choice.threshold, search) if search else self._nurture.candidates)
        self._found = self._loop.candidates(choice.threshold, self.pager.page, self.pager.size, search,
                                            order=self.table.ordered)  # fmt: skip
        ids, rows = sections.home_rows(self._found, self._loop.time_zone)
        self.table.empty = (
            f"No candidate matches '{choice.search}'. Search for a part of an address, a ZIP, or clear the search."
            if search
            else "No home is a candidate. Choose a lower threshold, or another storm."
        )
        self.table.show(ids, rows, self.selected if self.selected in ids else "")
        self.select(self.selected)

    def _draw_home(self) -> None:
        home = self._picked()
        may_write = self._nurture is not None and self._nurture.may_write
        if home is None or self._loop is None:
            self.head.value = markup.empty(sections.PICK_FIRST) if self.table.ids else ""
            self.steps.value = ""
            show(self.buttons, False)
            return
        steps = self._loop.history(self.selected)
        status = set(steps["status"])
        self.head.value, self.steps.value = sections.home_head(home), sections.history(steps)
        self.pause.disabled = not status & {"scheduled", "due"}
        self.resume.disabled = "paused" not in status
        self.stop.button.disabled = not status & {"scheduled", "due", "paused"}
        show(self.buttons, may_write, "flex")

    def _picked(self) -> dict[Any, Any] | None:
        if not self.selected:
            return None
        hit = self._found[self._found["property_id"].astype(str) == self.selected]
        return None if hit.empty else dict(hit.iloc[0])

    def _question(self) -> str:
        home = self._picked()
        return STOP_ONE.format(address=home["address"]) if home else ""

    def _act(self, deed: str) -> str:
        """Pause, resume or stop the picked home. Returns what to say."""
        home = self._picked()
        if self._loop is None or home is None:
            return sections.PICK_FIRST
        acts = {"pause": self._loop.pause, "resume": self._loop.resume, "stop": self._loop.stop}
        steps = acts[deed]([self.selected])
        self._changed([self.selected])
        done = {"pause": "paused", "resume": "resumed", "stop": "stopped"}[deed]
        return f"{markup.count(steps, 'contact')} {done} for {home['address']}."
