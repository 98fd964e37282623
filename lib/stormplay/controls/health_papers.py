"""Past invoices on the page of a company's health: the list, and each as CSV or PDF when it is wanted."""

from __future__ import annotations

import ipywidgets as widgets

from stormplay.controls import health_sections as sections
from stormplay.controls import markup
from stormplay.controls.asking import button, row, show
from stormplay.controls.guard import Message, checked
from stormplay.controls.health_state import View, Wellness
from stormplay.controls.live import KeptHtml
from stormplay.errors import BadInput

LABELS = {"csv": "Download the CSV", "pdf": "Download the PDF"}


class Invoices:
    """The invoices and credit notes of a company; one can be fetched as a file.

    Attributes:
        widget: What is displayed.
        choice: Which one.
        csv, pdf: Make its files.
        file: The link to what was made.
        message: Where a failure is told.
    """

    def __init__(self) -> None:
        self._source: Wellness | None = None
        self.message = Message()
        self._list = KeptHtml()
        self.choice = widgets.Dropdown(
            description="Invoice", style={"description_width": "5.5em"}, layout={"width": "min(26em, 100%)"}
        )
        self.csv, self.pdf = button("Make the CSV"), button("Make the PDF")
        self.file = widgets.HTML(layout={"width": "auto"})
        self._fetch = row(self.choice, self.csv, self.pdf, self.file)
        self.widget = widgets.VBox([self._list, self._fetch, self.message.widget])
        for kind, pressed in (("csv", self.csv), ("pdf", self.pdf)):
            pressed.on_click(checked(self.message)(lambda _, kind=kind: self._make(kind)))
        self.choice.observe(lambda _: self._forget(), "value")

    def show(self, source: Wellness | None, view: View | None) -> None:
        """Be about a company; what is chosen stays chosen where it is there still."""
        if source is not self._source:
            self._forget()
        self._source = source
        found = [] if view is None else view.health.usage.invoices.to_dict("records")
        options = [(_name(one), int(one["number"])) for one in found]
        if list(self.choice.options) != options:
            kept = self.choice.value
            self.choice.options = options
            self.choice.value = (
                kept if kept in [number for _, number in options] else next((n for _, n in options), None)
            )
        self._list.value = "" if view is None else sections.invoices(view)
        show(self._fetch, bool(options), "flex")

    def _make(self, kind: str) -> None:
        self._forget()
        if self._source is None or self.choice.value is None:
            raise BadInput("No invoice is chosen.", "", "Choose one first.")
        name, content, mime = self._source.get_invoice(int(self.choice.value), kind)
        self.file.value = markup.download(LABELS[kind], name, content, mime)

    def _forget(self) -> None:
        self.file.value = ""
        self.message.clear()


def _name(one: dict[object, object]) -> str:
    total = sections.money(one["total_cents"], str(one["currency"]))
    return f"{one['number']} · {one['month']} · {one['kind']} · {total}"
