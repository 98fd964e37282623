"""An executed notebook as one page that opens from a file, with no network and no source."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Any

import nbformat
from nbconvert import HTMLExporter

from stormplay import charts, look
from stormplay.reports import contracts

# Where a cell of words begins with a heading: the exporter writes cells beside each other, and nothing around them.
_HEADINGS = re.compile(
    r'(?=<div class="cell border-box-sizing text_cell rendered"[^>]*>\s*<div class="inner_cell">'
    r'\s*<div class="text_cell_render[^>]*>\s*<h2)'
)


def to_html(book: Any, name: str) -> str:
    """An executed notebook as one HTML page: no source, nothing fetched; Plotly once, where there is a chart.

    Args:
        book: The notebook.
        name: Its title, where it says none.
    """
    body, _ = _exporter().from_notebook_node(book)
    body = _sectioned(body)
    if 'class="sp-charted"' in body:
        body += charts.bundle()
    style = (look.tokens() + _shared("stormplay.css")).replace("</", "<\\/")
    frame = _shared("report.html")
    title = _escape(contracts.title("\n".join(cell.source for cell in book.cells[:1]), name))
    return frame.replace("{{ title }}", title).replace("{{ style }}", style).replace("{{ body }}", body)


def _sectioned(body: str) -> str:
    """The cells under each heading in a section of their own, as on the page."""
    head, *others = _HEADINGS.split(body)
    return head + "".join(f'<section class="sp-section">\n{part}</section>\n' for part in others)


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
