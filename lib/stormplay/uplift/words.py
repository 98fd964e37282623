"""The reasons of a prediction as sentences that a roofer can read: 'roof 22 years old: +4 points'. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Phrase:
    """How a column of numbers is spoken of.

    Attributes:
        step: What its values are rounded to before they are said.
        say: The words for a rounded value.
        missing: The words where it is not known.
    """

    step: float
    say: Callable[[float], str]
    missing: str


def _times(what: str) -> Callable[[float], str]:
    return lambda value: f"{what} {'once' if value == 1 else f'{value:.0f} times'} before" if value else f"never {what}"


PHRASES: Mapping[str, Phrase] = {
    "hail_in": Phrase(0.25, lambda value: f"hail of {value:g} in", "hail size unknown"),
    "sii_score": Phrase(5, lambda value: f"storm impact {value:g} of 100", "storm impact unknown"),
    "roof_age_years": Phrase(1, lambda value: f"roof {value:.0f} years old", "age of roof unknown"),
    "roof_area_sqft": Phrase(250, lambda value: f"roof of {value:,.0f} sq ft", "size of roof unknown"),
    "home_value_usd": Phrase(25_000, lambda value: f"home worth ${value:,.0f}", "value of home unknown"),
    "earlier_storms": Phrase(1, _times("hit by hail"), "earlier storms unknown"),
    "earlier_hail_in": Phrase(0.25, lambda value: f"earlier hail of {value:g} in", "no earlier hail"),
    "earlier_visits": Phrase(1, _times("chosen for a visit"), "earlier visits unknown"),
    "earlier_signed": Phrase(1, _times("signed"), "earlier contracts unknown"),
    "channels_refused": Phrase(1, lambda value: f"{value:.0f} ways of contact refused", "refusals unknown"),
}

TEXTS: Mapping[str, tuple[str, str]] = {"roof_material": ("roof of {}", "roof material unknown")}
"""Column of words to the words for one of them and for a missing one."""

TOGETHER: Mapping[str, str] = {"sii_score": "hail_in"}
"""Columns that say one thing are one reason: the storm's impact index is made from the modelled hail."""


def numeric(name: str) -> Phrase:
    """The phrase for a column of numbers; one that nobody has put into words is called by its name."""
    plain = name.replace("_", " ")
    return PHRASES.get(name) or Phrase(0.0, lambda value: f"{plain} {value:.4g}", f"{plain} unknown")


def textual(name: str) -> tuple[str, str]:
    """The words for a value of a column of words, with {} in its place, and for a missing one."""
    plain = name.replace("_", " ")
    return TEXTS.get(name) or (plain + " {}", f"{plain} unknown")


def points(tenths: int) -> str:
    """Tenths of a percentage point as words: '+4 points', '-0.4 points', '+1 point'."""
    shown = f"{round(tenths / 10):+d}" if abs(tenths) >= 10 else f"{tenths / 10:+.1f}"
    return f"{shown} point{'' if shown in ('+1', '-1') else 's'}"
