"""Small live widgets: a chart, a table to pick a row from, files from the reader's device, and HTML
that changes while somebody reads it.

They are anywidgets: their JavaScript comes with the kernel's messages, so nothing is fetched; Plotly alone is large,
so our own server sends it. Map and table tell the page which route is selected, and show it when the page says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import anywidget
import pandas as pd
import traitlets

from stormplay import charts, exports
from stormplay.charts import Chart
from stormplay.controls import markup
from stormplay.controls.guard import log, sentence_of
from stormplay.errors import BadInput

_SHARE = files("stormplay") / "share" / "widgets"
MOST_TAKEN = 10_000  # rows of HTML that a browser may hand back to have them made into a file
Export = Callable[[], tuple[str, str]]
"""Makes a file of all that a table lists: its name without ending, and CSV."""


def source_of(name: str) -> str:
    """A file of the widgets' own."""
    return (_SHARE / name).read_text(encoding="utf-8")


class KeptHtml(anywidget.AnyWidget):
    """HTML of our own making of which other values come while somebody reads: folds and scrolling stay as they are.

    A table of more than ten rows in it can be ordered by any column, searched, and taken along as CSV.

    Attributes:
        value: The HTML; escaped, as `markup` does it.
    """

    _esm = source_of("rows.js") + source_of("kept_html.js")
    _css = source_of("rows.css")
    value = traitlets.Unicode("").tag(sync=True)

    def __init__(self) -> None:
        super().__init__()
        self.add_class("sp-kept")
        self.on_msg(self._heard)

    def _heard(self, _: Any, content: Any, __: Any) -> None:
        """The browser hands back what it shows, in the order it shows it; the rules of a safe cell are here."""
        head, rows = (content.get(name) if isinstance(content, dict) else None for name in ("head", "rows"))
        if isinstance(head, list) and isinstance(rows, list) and len(rows) <= MOST_TAKEN:
            self.send({"csv": csv_of([str(name) for name in head], rows), "name": "table.csv"})


def csv_of(head: Sequence[str], rows: Sequence[object]) -> str:
    """Rows as safe CSV; of what is no list, or too short or too long for its head, what fits."""
    cells = [[str(cell) for cell in row][: len(head)] if isinstance(row, list) else [] for row in rows]
    even = [row + [""] * (len(head) - len(row)) for row in cells]
    return exports.to_csv(pd.DataFrame(even, columns=list(head), dtype=object))


class ChartFrame(anywidget.AnyWidget):
    """A chart with its caption and its numbers.

    Args:
        chart: What to show; None: nothing yet.

    Attributes:
        block: HTML of what stands around the drawing, as `stormplay.charts.block` makes it.
        payload: What is drawn.
        source: Where the server sends Plotly; '' where the kernel has to.
    """

    _esm = charts.source("stormplay_chart.js") + source_of("chart_frame.js")
    block = traitlets.Unicode("").tag(sync=True)
    payload = traitlets.Dict().tag(sync=True)
    source = traitlets.Unicode("").tag(sync=True)

    def __init__(self, chart: Chart | None = None) -> None:
        base = os.environ.get("VOILA_BASE_URL", "")
        super().__init__(source=f"{base}{charts.address()}" if base else "")
        self.on_msg(self._heard)
        if chart is not None:
            self.show(chart)

    def show(self, chart: Chart) -> None:
        """Show another chart in its place, in one message to the browser."""
        with self.hold_sync():
            self.block, self.payload = charts.block(chart), chart.payload()

    def _heard(self, _: Any, content: Any, __: Any) -> None:
        if content == {"need": "plotly"}:
            self.send({"plotly": charts.source()})


class PickTable(anywidget.AnyWidget):
    """A table of which one row can be picked, by mouse, finger or keyboard; ordered, searched, taken along as CSV.

    Many rows are drawn as far as they are in view. Where rows come a page at a time the database orders them: with
    `asks`, a press on a heading changes `order` alone, and who owns the table reads again.

    Args:
        export: Makes the file of all that is listed, where not all of it is here; None: of the rows shown.
        options: Values of the attributes.

    Attributes:
        columns: Dicts of `label`, `kind` ('text', 'number' or 'badge'), `narrow` (shown on a phone too) and, with
            `asks`, `by`: what the database calls it; without that it cannot be ordered by it.
        rows: Cells in the order of the columns: what is shown, or [what is shown, what is sorted by].
        ids: One id a row.
        selected: The id of the picked row, or ''. What comes from the browser is unchecked.
        order: [place of a column, whether ascending], or [] as the rows come. From the browser too; see `ordered`.
        wanted: What the reader looks for, small letters; '' for anything.
        empty: What to say where there are no rows.
        label: What the table is, for screen readers and as a file's name.
        has_search: Whether it has a search box of its own; not where the page searches all rows elsewhere.
        has_csv: Whether it can be taken along, however few rows it has.
        picks: Whether a row can be picked.
        asks: Whether who owns it orders the rows.
    """

    _esm = source_of("rows.js") + source_of("pick_table.js")
    _css = source_of("pick_table.css") + source_of("rows.css")
    columns = traitlets.List(traitlets.Dict()).tag(sync=True)
    rows = traitlets.List(traitlets.List()).tag(sync=True)
    ids = traitlets.List(traitlets.Unicode()).tag(sync=True)
    selected = traitlets.Unicode("").tag(sync=True)
    order = traitlets.List().tag(sync=True)
    wanted = traitlets.Unicode("").tag(sync=True)
    empty = traitlets.Unicode("").tag(sync=True)
    label = traitlets.Unicode("Table").tag(sync=True)
    has_search = traitlets.Bool(True).tag(sync=True)
    has_csv = traitlets.Bool(False).tag(sync=True)
    picks = traitlets.Bool(True).tag(sync=True)
    asks = traitlets.Bool(False).tag(sync=True)

    def __init__(self, export: Export | None = None, **options: Any) -> None:
        super().__init__(has_csv=options.pop("has_csv", export is not None), **options)
        self._export = export
        self.on_msg(self._heard)

    def show(self, ids: list[str], rows: list[list[Any]], selected: str = "") -> None:
        """Show other rows, in one message to the browser."""
        with self.hold_sync():
            self.ids, self.rows, self.selected = ids, rows, selected

    @property
    def ordered(self) -> tuple[str, bool] | None:
        """By what the database shall order, and whether ascending; None: as it does by itself."""
        place, ascending = self.order if len(self.order) == 2 else (None, None)
        if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < len(self.columns):
            return None
        by = self.columns[place].get("by")
        return (str(by), ascending is True) if by else None

    def to_csv(self, places: object = None) -> str:
        """The rows as they are shown, as safe CSV; `places` says which and in which order, None: all."""
        wanted = places if isinstance(places, list) else range(len(self.rows))
        known = [at for at in wanted if isinstance(at, int) and 0 <= at < len(self.rows)]
        shown = [[_shown(cell) for cell in self.rows[at]] for at in known]
        return csv_of([str(column["label"]) for column in self.columns], shown)

    def _heard(self, _: Any, content: Any, __: Any) -> None:
        if not isinstance(content, dict) or content.get("take") != "csv":
            return
        try:
            name, text = self._export() if self._export else (self.label, self.to_csv(content.get("places")))
            self.send({"csv": text, "name": f"{markup.file_name(name)}.csv"})
        except Exception as error:
            log.error("a table could not be taken along: %s", type(error).__name__)
            self.send({"fault": sentence_of(error)})


def _shown(cell: Any) -> str:
    told = cell[0] if isinstance(cell, list) else cell
    return "" if told is None else str(told)


class Upload(anywidget.AnyWidget):
    """Files from the reader's device, handed over one by one, each with its own outcome.

    Args:
        take: Called with a file's name and bytes; returns what to say. What it raises is said as a sentence.
        options: Values of the attributes.

    Attributes:
        label, hint: Words of the button and beside it.
        accept: Media types or endings that the device should offer; what comes is checked by `take`.
        multiple: Whether several files may be chosen at once.
        most_mb: Larger files are not sent.
        disabled: Whether nothing can be chosen.
        subject: What the files are for; another subject clears the list of outcomes.
    """

    _esm = source_of("upload.js")
    label = traitlets.Unicode("Choose files").tag(sync=True)
    hint = traitlets.Unicode("").tag(sync=True)
    accept = traitlets.Unicode("").tag(sync=True)
    multiple = traitlets.Bool(False).tag(sync=True)
    most_mb = traitlets.Int(25).tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)
    subject = traitlets.Unicode("").tag(sync=True)

    def __init__(self, take: Callable[[str, bytes], str], **options: Any) -> None:
        super().__init__(**options)
        self._take = take
        self.on_msg(self._heard)

    def _heard(self, _: Any, content: Any, buffers: Any) -> None:
        if not isinstance(content, dict):
            return
        key = str(content.get("file"))[:40]
        try:
            if self.disabled or not buffers:
                raise BadInput("Nothing came in.", "Expected a file.")
            said = self._take(str(content.get("name"))[:200], bytes(buffers[0]))
        except Exception as error:
            self.send({"file": key, "ok": False, "text": sentence_of(error)})
        else:
            self.send({"file": key, "ok": True, "text": said})
