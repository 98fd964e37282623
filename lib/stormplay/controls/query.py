"""Parameters in the address of a page: a selection, checked like any other input, never an authority."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

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


@dataclass(frozen=True)
class Asked:
    """What a page is asked for, and how that is written into its address again.

    Attributes:
        usual: The notebook's parameters, and the page's own choices where nobody makes one, by name.
        values: The same with those of the address in their place.
        complaints: A sentence for everything in the address that could not be used.
        written: Names whose value is as people write it.
        kept_out: Names that an address may bring and that are never written into one: personal data.
    """

    usual: Mapping[str, Scalar]
    values: Mapping[str, Scalar]
    complaints: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    kept_out: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Scalar:
        return self.values[name]

    def again(self, text: str) -> Asked:
        """The same page asked for by another query string, such as the one that somebody goes back to."""
        return asked(self.usual, text, written=self.written, kept_out=self.kept_out)

    def query(self, tenant: str | None, storm: str | None, choices: Mapping[str, Scalar]) -> str:
        """The query string of what a page now shows; what is as usual is left out.

        Args:
            tenant: The slug of the company that is open; None: none is.
            storm: The slug of the storm, likewise.
            choices: What the reader has chosen beside it, by name. Other names stay as they were asked for. What no
                address may hold is left out.
        """
        now: dict[str, Scalar | None] = {**self.values, **choices, "tenant": tenant, "storm": storm}
        kept = {"tenant": tenant, "storm": storm}
        kept |= {name: _text(value) for name, value in now.items()
                 if name not in kept and value is not None and value != self.usual.get(name)}  # fmt: skip
        return urlencode({name: text for name, text in kept.items() if text is not None and self._may_hold(name, text)})

    def _may_hold(self, name: str, text: str) -> bool:
        form = _WRITTEN if name in self.written else _NAME
        return name in self.usual and name not in self.kept_out and (not text or form.fullmatch(text) is not None)


def asked(
    usual: Mapping[str, Scalar], text: str | None = None, *, written: Sequence[str] = (), kept_out: Sequence[str] = ()
) -> Asked:
    """Read what a page is asked for; see `overrides` for the rules and `Asked` for the names.

    Args:
        usual: The notebook's parameters and the page's own choices with their defaults.
        text: The query string; None: the environment's.
        written, kept_out: As in `Asked`.
    """
    values, complaints = overrides(usual, text, written)
    return Asked(dict(usual), values, tuple(complaints), tuple(written), tuple(kept_out))


def is_served_without(name: str) -> bool:
    """Whether this is a served page whose address does not name a parameter: nobody chose its value."""
    given = os.environ.get("QUERY_STRING")
    return given is not None and name not in dict(parse_qsl(given[:LONGEST], keep_blank_values=True))


def _text(value: Scalar) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _plain(name: str, text: str, form: re.Pattern[str]) -> str:
    if not form.fullmatch(text):
        marks = "'.', '-' or '_'" if form is _NAME else "and the signs of addresses and telephone numbers"
        raise BadInput(f"The parameter '{name[:40]}' is {text[:40]!r}.", f"Expected letters, digits, {marks}.")
    return text
