"""The tokens of the one look: sizes and colours of pages, maps, reports, paper and mails, kept in one style sheet."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_TOKEN = re.compile(r"--sp-([\w-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\);")


@cache
def tokens() -> str:
    """The style sheet of the tokens, for a document that asks nobody for it."""
    folder = files("stormplay") / "share" / "jupyter" / "voila" / "templates" / "stormplay" / "static"
    return (folder / "tokens.css").read_text(encoding="utf-8")


@cache
def colours() -> dict[str, tuple[str, str]]:
    """Name -> colour by day and by night, as `#rrggbb`: 'ink', 'soft', 'accent', 'good', 'good-pale' and so on."""
    return {name: (day, night) for name, day, night in _TOKEN.findall(tokens())}


def light(name: str) -> str:
    """A colour by day, as `#rrggbb`: what paper and mails are printed in.

    Raises:
        KeyError: There is no such token.
    """
    return colours()[name][0]
