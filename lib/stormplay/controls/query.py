"""Parameters in the address of a page: a selection, checked like any other input, never an authority."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

Scalar = str | int | float | bool

_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)  # a slug or a UUID
_TRUE, _FALSE = {"true", "1", "yes"}, {"false", "0", "no"}


def overrides(defaults: Mapping[str, Scalar], query: str | None = None) -> tuple[dict[str, Scalar], list[str]]:
    """Read the parameters of a notebook from the query string of its page.

    Args:
        defaults: The notebook's parameters by name; the type of each default is the type asked for.
        query: Such as `tenant=lone-star&storm=2021-04-28`; None takes the environment's `QUERY_STRING`, which
            Voilà sets for the kernel of a page. Names that begin with `voila-` are Voilà's own and passed over.

    Returns:
        The parameters with those of the query in place of the defaults, and a sentence for everything in the
        query that could not be used. What cannot be used leaves its default as it is.
    """
    found, complaints = dict(defaults), []
    seen: set[str] = set()
    given = os.environ.get("QUERY_STRING", "") if query is None else query
    for name, text in parse_qsl(given[:2000], keep_blank_values=True):
        if name.startswith("voila-"):
            continue
        if name not in defaults:
            complaints.append(
                f"The address asks for '{name[:40]}', which this page does not have. It has {', '.join(defaults)}."
            )
        elif name in seen:
            complaints.append(f"The address gives '{name}' twice; the first one counts.")
        else:
            seen.add(name)
            value = _typed(text.strip(), defaults[name])
            if value is None:
                kind = _kind(defaults[name])
                complaints.append(f"'{text[:40]}' in the address is no {kind} for '{name}'; {defaults[name]} is used.")
            else:
                found[name] = value
    return found, complaints


def _typed(text: str, like: Scalar) -> Scalar | None:
    if isinstance(like, bool):
        return True if text.lower() in _TRUE else False if text.lower() in _FALSE else None
    if isinstance(like, str):
        return text if _NAME.fullmatch(text) else None
    try:
        number = int(text) if isinstance(like, int) else float(text)
    except ValueError:
        return None
    return number if abs(number) < 1e9 else None  # also refuses nan and inf


def _kind(like: Scalar) -> str:
    return {bool: "yes or no", str: "name", int: "whole number", float: "number"}[type(like)]
