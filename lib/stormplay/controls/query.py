"""Parameters in the address of a page: a selection, checked like any other input, never an authority."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from stormplay.errors import BadInput
from stormplay.parameters import Parameter, Scalar, check

LONGEST = 2_000  # characters; a longer address is no selection
_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)  # a slug or a UUID
_WRITTEN = re.compile(r"[\w .,+@()#&'/:-]{0,120}")


def overrides(
    defaults: Mapping[str, Scalar], query: str | None = None, written: Sequence[str] = ()
) -> tuple[dict[str, Scalar], list[str]]:
    """Read the parameters of a notebook from the query string of its page.

    Args:
        defaults: The notebook's parameters by name; the type of each default is the type asked for.
        query: Such as `tenant=lone-star&storm=2021-04-28`; None takes the environment's `QUERY_STRING`, which
            Voilà sets for the kernel of a page. Names that begin with `voila-` are Voilà's own and passed over.
        written: Names whose value is as people write it: an address, a telephone number.

    Returns:
        The parameters with those of the query in place of the defaults, and a sentence for everything in the
        query that could not be used. What cannot be used leaves its default as it is.
    """
    known = {name: Parameter(name, type(value), value, "") for name, value in defaults.items()}
    found, complaints = dict(defaults), []
    given = os.environ.get("QUERY_STRING", "") if query is None else query
    seen: set[str] = set()
    for name, text in parse_qsl(given[:LONGEST], keep_blank_values=True):
        if name.startswith("voila-"):
            continue
        try:
            if name in seen:
                raise BadInput(f"The parameter '{name}' is given twice.", "The first one counts.")
            seen.add(name)
            value = check(known, {name[:40]: _plain(name, text.strip(), _WRITTEN if name in written else _NAME)})
            number = value[name]
            if isinstance(number, float) and not math.isfinite(number):
                raise BadInput(f"The parameter '{name}' is {text[:40]!r}.", "Expected a number.")
            found |= value
        except BadInput as error:
            complaints.append(f"In the address: {error}")
    return found, complaints


def is_served_without(name: str) -> bool:
    """Whether this is a served page whose address does not name a parameter: nobody chose its value."""
    given = os.environ.get("QUERY_STRING")
    return given is not None and name not in dict(parse_qsl(given[:LONGEST], keep_blank_values=True))


def _plain(name: str, text: str, form: re.Pattern[str]) -> str:
    if not form.fullmatch(text):
        marks = "'.', '-' or '_'" if form is _NAME else "and the signs of addresses and telephone numbers"
        raise BadInput(f"The parameter '{name[:40]}' is {text[:40]!r}.", f"Expected letters, digits, {marks}.")
    return text
