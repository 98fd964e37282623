"""How a chart reaches a page: one script of ours, one Plotly bundle, and HTML that also reads without both."""

from __future__ import annotations

import html as markup
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from stormplay import addresses

if TYPE_CHECKING:
    from stormplay.charts.chart import Chart

FOLDER = Path(str(files("stormplay") / "share" / "plotly"))
LIBRARY = "plotly-finance.min.js"  # Plotly's own bundle of bar, scatter, waterfall, indicator and six more (MIT)


@cache
def address() -> str:
    """Where the server sends the bundle, below its base URL; the digest lets a browser keep it for good."""
    return addresses.for_good(f"static/plotly/{LIBRARY}", (FOLDER / LIBRARY).read_bytes())


@cache
def source(name: str = LIBRARY) -> str:
    """The text of the bundle, or of our own script."""
    return (FOLDER / name).read_text(encoding="utf-8")


@cache
def bundle() -> str:
    """The bundle and our script as HTML, for a document that asks nobody; in a second place it does nothing new."""
    drawing = source("stormplay_chart.js")
    guarded = f"if (!globalThis.Plotly) {{\n{source()}\n}}\n{drawing}\nstormplayCharts();"
    safe = guarded.replace("</script", "<\\/script")
    return f'<script class="sp-plotly">{safe}</script>'


def block(chart: Chart) -> str:
    """What stands around a chart: its place, its caption and its numbers. It reads without any script."""
    if chart.empty:
        return f'<div class="sp-empty">{_(chart.empty)}</div>'
    caption = f"<figcaption>{_(chart.caption)}</figcaption>" if chart.caption else ""
    place = f'<div class="sp-chart" role="img" aria-label="{_(chart.alt)}" style="min-height:{chart.height}px"></div>'
    return f'<figure class="sp-figure">{place}{caption}{_numbers(chart)}</figure>'


def html(chart: Chart) -> str:
    """A chart for a report: `block` with its data beside it. The document needs `bundle` once, anywhere."""
    if chart.empty:
        return block(chart)
    data = json.dumps(chart.payload(), separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":  # what could end a script or a string in it
        data = data.replace(character, f"\\u{ord(character):04x}")
    return (
        f'<div class="sp-charted">{block(chart)}<script type="application/json" class="sp-chart-data">{data}</script>'
        "<script>globalThis.stormplayCharts?.()</script></div>"
    )


def _numbers(chart: Chart) -> str:
    if not chart.rows:
        return ""
    head = "".join(f'<th scope="col">{_(title)}</th>' for title in chart.headers)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in chart.rows)
    table = f'<table class="sp-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return (
        '<details class="sp-details"><summary>The numbers of this chart</summary>'
        f'<div class="sp-scroll">{table}</div></details>'
    )


def _cells(row: Sequence[object]) -> str:
    return "".join(f"<td>{_('–' if cell is None else cell)}</td>" for cell in row)


def _(value: object) -> str:
    return markup.escape(str(value))
