"""Small live widgets: a map in a frame, a chart, a table to pick a row from, files from the reader's device, and HTML
that changes while somebody reads it.

They are anywidgets: their JavaScript comes with the kernel's messages, so nothing is fetched; Plotly alone is large,
so our own server sends it. Map and table tell the page which route is selected, and show it when the page says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from stormplay import charts, maps
from stormplay.charts import Chart
from stormplay.controls.guard import sentence_of
from stormplay.errors import BadInput

if TYPE_CHECKING:
    import folium

_SHARE = files("stormplay") / "share" / "widgets"


def source_of(name: str) -> str:
    """A file of the widgets' own."""
    return (_SHARE / name).read_text(encoding="utf-8")


class KeptHtml(anywidget.AnyWidget):
    """HTML of our own making of which other values come while somebody reads: folds and scrolling stay as they are.

    Attributes:
        value: The HTML; escaped, as `markup` does it.
    """

    _esm = source_of("kept_html.js")
    value = traitlets.Unicode("").tag(sync=True)

    def __init__(self) -> None:
        super().__init__()
        self.add_class("sp-kept")


class MapFrame(anywidget.AnyWidget):
    """A map document in a sandboxed frame.

    Attributes:
        document: A whole HTML document, as `stormplay.maps.map_document` makes it; where `source` says where the
            server sends its head, with a mark in its place.
        source: Where the server sends the head; '' where the document holds it.
        payload: What is drawn in place of what the document draws, as `stormplay.maps.map_payload` makes it; '': that.
        label: What the map is, for screen readers.
        height: Pixels on a wide screen; a narrow one gets less.
        selected: `route_id` of the chosen route, or '' for none. What comes from the browser is unchecked.
        notes: The line under a route's name by `route_id`, where it has changed since the document was made.
        stops: State of a stop by its place in the document, where it has changed since: its words, whether it is done.
    """

    _esm = source_of("map_frame.js")
    document = traitlets.Unicode("").tag(sync=True)
    source = traitlets.Unicode("").tag(sync=True)
    payload = traitlets.Unicode("").tag(sync=True)
    label = traitlets.Unicode("Map").tag(sync=True)
    height = traitlets.Int(560).tag(sync=True)
    selected = traitlets.Unicode("").tag(sync=True)
    notes = traitlets.Dict().tag(sync=True)
    stops = traitlets.Dict().tag(sync=True)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.on_msg(self._asked)

    def _asked(self, _: Any, content: Any, __: Any) -> None:
        if content == {"need": "head"}:
            self.send({"head": maps.map_head()})

    def draw(self, drawn: folium.Map, label: str = "") -> None:
        """Show another map. The first is a document; any other is drawn in that one, for which it has only to come.

        Args:
            drawn: A map of ours.
            label: What the map is; '' for its own title.
        """
        with self.hold_sync():
            self.label = label or str(drawn.get_root().title)
            self.notes, self.stops = {}, {}
            if self.document:
                self.payload = maps.map_payload(drawn)
                return
            base = os.environ.get("VOILA_BASE_URL", "")
            document = maps.map_document(drawn)
            self.source = f"{base}{maps.head_address()}" if base else ""
            self.document = maps.without_head(document) if base else document


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
    """A table of which one row can be picked, by mouse, finger or keyboard; sortable, with a search box.

    Attributes:
        columns: Dicts of `label`, `kind` ('text', 'number' or 'badge') and `narrow` (shown on a phone too).
        rows: Cells in the order of the columns: what is shown, or [what is shown, what is sorted by].
        ids: One id a row.
        selected: The id of the picked row, or ''. What comes from the browser is unchecked.
        empty: What to say where there are no rows.
        label: What the table is, for screen readers.
        has_search: Whether it has a search box of its own; not where the page searches all rows elsewhere.
    """

    _esm = source_of("pick_table.js")
    _css = source_of("pick_table.css")
    columns = traitlets.List(traitlets.Dict()).tag(sync=True)
    rows = traitlets.List(traitlets.List()).tag(sync=True)
    ids = traitlets.List(traitlets.Unicode()).tag(sync=True)
    selected = traitlets.Unicode("").tag(sync=True)
    empty = traitlets.Unicode("").tag(sync=True)
    label = traitlets.Unicode("Table").tag(sync=True)
    has_search = traitlets.Bool(True).tag(sync=True)

    def show(self, ids: list[str], rows: list[list[Any]], selected: str = "") -> None:
        """Show other rows, in one message to the browser."""
        with self.hold_sync():
            self.ids, self.rows, self.selected = ids, rows, selected


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
