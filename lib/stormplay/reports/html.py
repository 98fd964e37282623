"""An executed notebook as one page that opens from a file, with no network and no source."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import nbformat
from nbconvert import HTMLExporter

from stormplay import charts, look
from stormplay.reports import contracts


def to_html(book: Any, name: str) -> str:
    """An executed notebook as one HTML page: no source, nothing fetched; Plotly once, where there is a chart.

    Args:
        book: The notebook.
        name: Its title, where it says none.
    """
    body, _ = _exporter().from_notebook_node(book)
    if 'class="sp-charted"' in body:
        body += charts.bundle()
    style = (look.tokens() + _shared("stormplay.css")).replace("</", "<\\/")
    frame = _shared("report.html")
    title = _escape(contracts.title("\n".join(cell.source for cell in book.cells[:1]), name))
    return frame.replace("{{ title }}", title).replace("{{ style }}", style).replace("{{ body }}", body)


@cache
def _exporter() -> Any:
    exporter = HTMLExporter(template_name="basic", exclude_input=True, exclude_output_prompt=True)
    exporter.exclude_input_prompt = exporter.exclude_anchor_links = True
    return exporter


def rehearse() -> None:
    """Draw a page of nothing: the first one compiles templates, selectors and schemas, for half a second."""
    shown = nbformat.v4.new_output("display_data", {"text/html": "<p></p>", "text/plain": ""})
    cells = [nbformat.v4.new_markdown_cell("# Nothing"), nbformat.v4.new_code_cell("", outputs=[shown])]
    book = nbformat.v4.new_notebook(cells=cells)
    nbformat.validate(book)
    to_html(book, "nothing")


def _shared(name: str) -> str:
    folder = resources.files("stormplay") / "share" / "jupyter" / "voila" / "templates" / "stormplay" / "static"
    return (folder / name).read_text(encoding="utf-8")


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
