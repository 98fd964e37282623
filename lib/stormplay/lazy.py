"""Names of a package that are loaded at their first use, so that nobody waits for what they do not ask for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def names(package: str, rooms: Mapping[str, str]) -> Callable[[str], object]:
    """The `__getattr__` of a package.

    Args:
        package: Its `__name__`.
        rooms: Module of the package to the names it gives, with commas.
    """
    home = {name: room for room, given in rooms.items() for name in given.split(", ")}

    def load(name: str) -> object:
        if name in home:
            return getattr(import_module(f"{package}.{home[name]}"), name)
        raise AttributeError(f"module '{package}' has no attribute '{name}'")

    return load


def leave_out_address_grammar() -> None:
    """Keep jsonschema, which Jupyter and nbformat ask, from making a grammar of web addresses: a second of each start.

    It does without where the module that makes it is not there. For processes of our own, before their imports.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def leave_out_debugger() -> None:
    """Keep a kernel from loading debugpy, which it offers to nobody on a page: a third of a second of each start.

    ipykernel does without where it is not there. For processes of our own, before their imports.
    """
    sys.modules.setdefault("debugpy", None)  # type: ignore[arg-type]
