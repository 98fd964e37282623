"""Two small live widgets: a map in a frame and a table to pick a row from.

They are anywidgets: their JavaScript comes with the kernel's messages, so nothing is fetched. Both tell the page
which route is selected, and show it when the page says so.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import anywidget
import traitlets

_SHARE = files("stormplay") / "share" / "widgets"


def _source(name: str) -> str:
    return (_SHARE / name).read_text(encoding="utf-8")


class MapFrame(anywidget.AnyWidget):
    """A map document in a sandboxed frame.

    Attributes:
        document: A whole HTML document, as `stormplay.maps.map_document` makes it.
        label: What the map is, for screen readers.
        height: Pixels on a wide screen; a narrow one gets less.
        selected: `route_id` of the chosen route, or '' for none. What comes from the browser is unchecked.
        notes: The line under a route's name by `route_id`, where it has changed since the document was made.
    """

    _esm = _source("map_frame.js")
    document = traitlets.Unicode("").tag(sync=True)
    label = traitlets.Unicode("Map").tag(sync=True)
    height = traitlets.Int(560).tag(sync=True)
    selected = traitlets.Unicode("").tag(sync=True)
    notes = traitlets.Dict().tag(sync=True)


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

    _esm = _source("pick_table.js")
    _css = _source("pick_table.css")
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
