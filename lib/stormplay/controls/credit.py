"""The half of a page about credit: which touch earned it, and what was caused. Live; `credit_sections` for a report."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ipywidgets as widgets

from stormplay.controls import credit_charts as drawn
from stormplay.controls import credit_sections as sections
from stormplay.controls.asking import row
from stormplay.controls.credit_state import Attribution, Credit, Engines, half_life, read, shared
from stormplay.controls.guard import Message, checked
from stormplay.controls.live import ChartFrame, KeptHtml

WORDS = {
    "answer": sections.answer,
    "caution": sections.caution,
    "disagreement": sections.disagreement,
    "figures": sections.figures,
    "file": sections.file,
    "cause_words": sections.cause_words,
    "ledger": sections.ledger,
    "journeys": sections.journeys,
}
CHARTS = {"dots": drawn.dots, "cause": drawn.cause, "timeline": drawn.timeline}
OF_A_HOUSEHOLD = ("journeys", "timeline")


class CreditPart:
    """The sections about credit, for a page that opens storms and chooses households.

    Args:
        engines: Makes the engine of a tenant, such as `stormplay.AttributionEngine`.
        by: What is shared out at first: 'signatures' or 'dollars'.
        half_life_days: Of time decay at first, in days; 0: one step.

    Attributes:
        credit: What is now shown; None where nothing is open.
        answer, compared, caused, ledger, timeline: The sections, as widgets.
        by_box, half_life_box: What is shared out; the half-life.
        message: Where a wrong choice among these is told.
        charts: The charts by name.

    Raises:
        BadInput: There is no such amount, or the half-life is no number of 0 or more.
    """

    def __init__(self, engines: Engines, *, by: str = "signatures", half_life_days: float = 0.0) -> None:
        self._engines = engines
        self._engine: Attribution | None = None
        self.credit: Credit | None = None
        self.message = Message()
        self._html = {name: KeptHtml() for name in WORDS}
        self.charts = {name: ChartFrame() for name in CHARTS}
        self.by_box = widgets.Dropdown(
            options=[("Signatures", "signatures"), ("Dollars", "dollars")], value=shared(by),
            description="Share out", style={"description_width": "initial"}, layout=widgets.Layout(width="16em"),
        )  # fmt: skip
        self.half_life_box = widgets.BoundedFloatText(
            value=half_life(half_life_days) or 0.0, min=0.0, max=3_650.0, step=1.0,
            description="Half-life, days", tooltip="Of time decay; 0: a touch one step earlier has half",
            style={"description_width": "initial"}, layout=widgets.Layout(width="13em"),
        )  # fmt: skip
        self.choice = row(self.by_box, self.half_life_box)
        html = self._html
        self.answer, self.ledger = html["answer"], html["ledger"]
        self.compared = widgets.VBox([html["caution"], self.choice, self.message.widget, html["disagreement"],
                                      self.charts["dots"], html["figures"], html["file"]])  # fmt: skip
        self.caused = widgets.VBox([html["cause_words"], self.charts["cause"]])
        self.timeline = widgets.VBox([self.charts["timeline"], html["journeys"]])
        for box in (self.by_box, self.half_life_box):
            box.observe(checked(self.message)(lambda _: self._chosen()), "value")
        self._draw()

    def open(self, tenant: str, storm: str) -> None:
        """Be about a storm. A household stays chosen while the company stays the same.

        Args:
            tenant, storm: Slugs or ids.

        Raises:
            UnknownTenant: No such tenant is open to this person.
            UnknownStorm: The tenant has no such storm.
        """
        kept = self.credit.property_ids if self.credit and self.credit.tenant == str(tenant) else ()
        self.close()
        engine = self._engines(str(tenant))
        self.credit = self._read(engine, str(tenant), str(storm), kept)
        self._engine = engine
        self._draw()

    def close(self) -> None:
        """Be about nothing: no storm is open."""
        self._engine, self.credit = None, None
        self.message.clear()
        self._draw()

    def household(self, property_ids: Iterable[Any]) -> None:
        """Be about a household's homes; empty: none is chosen.

        Raises:
            BadInput: One is no property id.
        """
        if self.credit is not None and self._engine is not None:
            self.credit = self.credit.for_household(self._engine, property_ids)
            self._draw(only=OF_A_HOUSEHOLD)

    def _chosen(self) -> None:
        self.message.clear()
        if self.credit is not None and self._engine is not None:
            one = self.credit
            self.credit = self._read(self._engine, one.tenant, one.storm, one.property_ids)
            self._draw()

    def _read(self, engine: Attribution, tenant: str, storm: str, property_ids: tuple[str, ...]) -> Credit:
        found = read(engine, tenant, storm, self.by_box.value, self.half_life_box.value)
        return found.for_household(engine, property_ids) if property_ids else found

    def _draw(self, only: tuple[str, ...] = ()) -> None:
        one = self.credit
        for name, widget in (*self._html.items(), *self.charts.items()):
            if not only or name in only:
                widget.layout.display = None if one else "none"
        self.choice.layout.display = "flex" if one else "none"
        if one is None:
            return
        for name, write in WORDS.items():
            if not only or name in only:
                self._html[name].value = write(one)
        for name, draw in CHARTS.items():
            if not only or name in only:
                self.charts[name].show(draw(one))
