"""The same bytes for the same data: nothing in a notebook that a clock or a die has made."""

from __future__ import annotations

import re
from typing import Any

# Folium names each element of a page anew, `map_` and 32 digits: where it is made, as an element or a variable, also
# within a frame's text; and it is spoken of by that name.
_MADE = re.compile(r"(?:\bid=(?:\"|&quot;|&#34;)|\bvar )[a-z][a-z_]*_([0-9a-f]{32})\b")


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
            shown = output.get("data", {}).get("text/html")
            if isinstance(shown, str):
                output["data"]["text/html"] = _renamed(shown, number, names)
    return book


def _renamed(page: str, cell: int, names: dict[str, str]) -> str:
    """The page with its elements named by their place: which cell, and which of those that are made there."""
    for made in _MADE.findall(page):
        names.setdefault(made, f"{cell:016x}{len(names) + 1:016x}")
    return re.sub("_(" + "|".join(names) + r")\b", lambda found: f"_{names[found[1]]}", page) if names else page
