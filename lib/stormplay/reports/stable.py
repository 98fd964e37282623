"""The same bytes for the same data: nothing in a notebook that a clock or a die has made."""

from __future__ import annotations

import re
from typing import Any

# 32 hexadecimal digits behind a word of Folium's are its name for an element on the page: made anew each time, and in
# the text as often as the element is spoken of. Ids of rows have their hyphens.
_ELEMENT = re.compile(r"\b([a-z][a-z_]*_)([0-9a-f]{32})\b")


def settle(book: Any) -> Any:
    """Take clocks and dice out of an executed notebook. What it shows stays. Returns the notebook."""
    book.metadata.pop("papermill", None)
    for number, cell in enumerate(book.cells):
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        tags = cell.metadata.get("tags", [])
        if "injected-parameters" in tags:
            cell["id"] = "injected-parameters"
        elif "papermill-error-cell-tag" in tags or not cell.get("id"):
            cell["id"] = f"cell-{number}"
        names: dict[str, str] = {}
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            for kind, value in data.items():
                if isinstance(value, str):
                    data[kind] = _ELEMENT.sub(lambda found: _numbered(found, number, names), value)  # noqa: B023
    return book


def _numbered(found: re.Match[str], cell: int, names: dict[str, str]) -> str:
    """An element's name by its place: which cell, and which of those that are spoken of there."""
    told = names.setdefault(found[2], f"{cell:016x}{len(names) + 1:016x}")
    return found[1] + told
