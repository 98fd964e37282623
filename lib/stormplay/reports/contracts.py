"""What reports there are: the notebooks of a folder and the parameters each takes, read from the notebook itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from stormplay import parameters
from stormplay.parameters import Parameter

_JSON: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_OURS = frozenset({"interactive"})  # set by the runner; nobody chooses it for a report


def notebooks(folder: Path) -> list[Path]:
    """The notebooks of a folder that have a contract, by name.

    Raises:
        BadInput: One of them has a parameters cell that cannot be read.
    """
    return [path for path in sorted(folder.glob("*.ipynb")) if not path.name.startswith(".")]


def reports(folder: Path) -> list[Path]:
    """Those that are made where all are wanted. Not a lesson, whose metadata say so: it is the same every day."""
    return [path for path in notebooks(folder) if not _is_lesson(path)]


def _is_lesson(path: Path) -> bool:
    try:
        return json.loads(path.read_bytes())["metadata"]["stormplay"]["is_lesson"] is True
    except (OSError, ValueError, LookupError, TypeError):  # no lesson; what is no notebook is said by who makes it
        return False


def title(first_cell: str, otherwise: str) -> str:
    """What a notebook is called: the heading of its first cell."""
    heading = re.search(r"^#\s+(.+)$", first_cell, re.MULTILINE)
    return heading.group(1) if heading else otherwise


def choosable(known: Mapping[str, Parameter]) -> list[Parameter]:
    """The parameters that somebody may give."""
    return [one for one in known.values() if one.name not in _OURS]


def schema(notebook: Path) -> dict[str, object]:
    """A notebook's parameters as JSON Schema (draft 2020-12): unknown names and other types are refused.

    Raises:
        BadInput: There is no such notebook.
    """
    known = parameters.contract(notebook)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": notebook.stem,
        "type": "object",
        "properties": {one.name: _property(one) for one in choosable(known)},
        "required": [name for name in ("tenant", "storm") if name in known],
        "additionalProperties": False,
    }


def _property(one: Parameter) -> dict[str, object]:
    return {"type": _JSON[one.type], "default": one.default, "description": one.help}
