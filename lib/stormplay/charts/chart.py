"""A chart: a Plotly figure as plain data, and what it says for whoever does not see it."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from stormplay.charts.palette import TEMPLATE

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

CONFIG = {"displayModeBar": False, "responsive": True, "showTips": False, "scrollZoom": False, "doubleClick": False}
NARROW_PX = 520  # below this a chart takes its narrow layout


@dataclass(frozen=True)
class Chart:
    """A chart, ready for a page, a report or Plotly itself.

    Plain data, since importing Plotly's classes takes half a second and a page needs none of them.

    Attributes:
        data: Traces, as `plotly.graph_objects.Figure(data=...)` takes them.
        layout: What differs from the look that all charts share.
        alt: What the chart says, in sentences: its text alternative.
        headers, rows: Its numbers as a table, in words of the reader.
        caption: How to read it; '' where nothing need be said.
        height: Pixels on a wide screen.
        narrow: What is different on a phone: paths of the layout, such as `xaxis.tickangle`, to values; and `height`.
        empty: What to show in its place where there is nothing to draw; '' where there is.
    """

    data: Sequence[dict[str, Any]]
    layout: Mapping[str, Any]
    alt: str
    headers: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()
    caption: str = ""
    height: int = 340
    narrow: Mapping[str, Any] = field(default_factory=dict)
    empty: str = ""

    def to_dict(self) -> dict[str, Any]:
        """`{"data": [...], "layout": {...}}` with the shared look, as JSON takes it: no NaN, times as text."""
        layout = {"template": TEMPLATE, "height": self.height, **self.layout}
        return {"data": plain(list(self.data)), "layout": plain(layout)}

    def payload(self) -> dict[str, Any]:
        """What the browser's script needs to draw it."""
        narrow = {"height": self.height, **self.narrow}
        return {**self.to_dict(), "config": CONFIG, "narrow": plain(narrow), "narrow_px": NARROW_PX}

    def figure(self) -> Figure:
        """Plotly's own object, for whoever goes on from here."""
        from plotly.graph_objects import Figure  # noqa: PLC0415 - half a second, and no page needs it

        return Figure(self.to_dict())

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        from stormplay.charts.script import bundle, html as whole  # noqa: I001, PLC0415 - which imports this module

        return {"text/html": bundle() + whole(self), "text/plain": self.alt}


def said(value: object) -> str:
    """Text for a place inside a chart. Plotly reads some tags, links among them; data are no tags."""
    return html.escape(str(value), quote=False)


def plain(value: Any) -> Any:
    """Numbers, text, lists and dicts alone; what is no finite number is None, a gap in a line."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, datetime | date):
        return None if pd.isna(value) else value.isoformat()
    if value is None or isinstance(value, str | bool | int):
        return value
    return plain(value.tolist()) if hasattr(value, "tolist") else _finite(float(value))


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def thinned(points: pd.DataFrame, most: int = 400) -> pd.DataFrame:
    """So many points of a long curve, first and last among them: more would only make the page heavy."""
    if len(points) <= most:
        return points
    return points.iloc[np.unique(np.linspace(0, len(points) - 1, most).round().astype(int))]


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame, by the names of its columns."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def nothing(text: str) -> Chart:
    """A chart of which there is nothing to draw yet, and why."""
    return Chart(data=(), layout={}, alt=text, empty=text)
