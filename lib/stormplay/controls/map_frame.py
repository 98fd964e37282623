"""A map on a page: a document in a sandboxed frame, which may be drawn before the widget is there."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets
from IPython.display import publish_display_data

from stormplay import maps
from stormplay.controls.live import source_of
from stormplay.maps.head import AHEAD, AHEAD_KIND

if TYPE_CHECKING:
    import folium


class MapFrame(anywidget.AnyWidget):
    """A map document in a sandboxed frame.

    On a page of our own server that keeps a place for it the document goes ahead of the widget: the server hands it on
    and the page draws it while it still loads what widgets are made of.

    Attributes:
        document: A whole HTML document, as `stormplay.maps.map_document` makes it; where `source` says where the
            server sends its head, with a mark in its place; '' where it went ahead.
        ahead: What the document that went ahead is called; ''.
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
    ahead = traitlets.Unicode("").tag(sync=True)
    source = traitlets.Unicode("").tag(sync=True)
    payload = traitlets.Unicode("").tag(sync=True)
    label = traitlets.Unicode("Map").tag(sync=True)
    height = traitlets.Int(560).tag(sync=True)
    selected = traitlets.Unicode("").tag(sync=True)
    notes = traitlets.Dict().tag(sync=True)
    stops = traitlets.Dict().tag(sync=True)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._gone_ahead = ""
        self.on_msg(self._asked)

    def _asked(self, _: Any, content: Any, __: Any) -> None:
        if content == {"need": "head"}:
            self.send({"head": maps.map_head()})
        if content == {"need": "document"}:
            self.send({"document": self._gone_ahead})

    def draw(self, drawn: folium.Map, label: str = "") -> None:
        """Show another map. The first is a document; any other is drawn in that one, for which it has only to come.

        Args:
            drawn: A map of ours.
            label: What the map is; '' for its own title.
        """
        with self.hold_sync():
            self.label = label or str(drawn.get_root().title)
            self.notes, self.stops = {}, {}
            if self.document or self.ahead:
                self.payload = maps.map_payload(drawn)
                return
            base = os.environ.get("VOILA_BASE_URL", "")
            document = maps.map_document(drawn)
            self.source = f"{base}{maps.head_address()}" if base else ""
            document = maps.without_head(document) if base else document
            if not base or AHEAD not in os.environ:
                self.document = document
                return
            self.ahead, self._gone_ahead = secrets.token_hex(8), document
            told = {"key": self.ahead, "document": document, "label": self.label, "height": self.height}
            publish_display_data({AHEAD_KIND: told})
