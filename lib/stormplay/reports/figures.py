"""Recorded numbers in words with their units, for who reads them in a mail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

# Name of a recorded number to what it is, and to its unit where the name does not say one.
_WORDS = {
    "score": ("Storm Play Score", "of 100"),
    "policy_coverage": ("Policy coverage", "part"),
    "route_completion": ("Route completion", "part"),
    "conversion_lift": ("Conversion lift", "part"),
    "data_quality": ("Data quality", "part"),
    "measured": ("Parts of the score that are measured", ""),
    "verdict": ("Did the visits work", ""),
    "lift_verdict": ("Did the visits work", ""),
    "pooled_verdict": ("Did they work over all storms", ""),
    "difference_low": ("Added signatures, at least", "pp"),
    "difference_high": ("Added signatures, at most", "pp"),
    "srm_p_value": ("Chance of arms so uneven by luck", "part"),
    "next_step": ("What would raise the score most", ""),
    "eligible": ("Eligible homes", ""),
    "routes": ("Routes", ""),
    "stops": ("Stops", ""),
    "completed_stops": ("Stops completed", ""),
    "drive_hours": ("Driving", "h"),
    "distance_miles": ("Distance", "mi"),
    "not_routed": ("Eligible homes on no route", ""),
    "with_crew": ("Routes with a crew", ""),
    "would_change": ("Decisions that would change", ""),
    "would_treat": ("Homes that would be visited", ""),
    "treated": ("Homes treated", ""),
    "held_out": ("Homes held out", ""),
    "crew_days": ("Crew-days to spend", "crew-days"),
    "expected_signatures": ("Signatures to expect", ""),
    "threshold": ("Uplift above which a home is a candidate", ""),
    "candidates": ("Candidates for another contact", ""),
    "contactable_now": ("Of them open to a contact now", ""),
    "steps_this_week": ("Contacts this week", ""),
    "total": ("Jobs", ""),
    "completed": ("Jobs completed", ""),
    "stuck": ("Jobs that are stuck", ""),
    "decided": ("Homes with a decision", ""),
    "issues": ("Issues in the data", ""),
    "checks": ("Values of the data that were checked", ""),
    "treat_converted": ("Treated homes that signed", ""),
    "treat_known": ("Treated homes whose outcome is known", ""),
    "control_converted": ("Held-out homes that signed", ""),
    "control_known": ("Held-out homes whose outcome is known", ""),
    "credited_dollars": ("Credited", "$"),
    "credited_signatures": ("Credited signatures", ""),
    "caused": ("Signatures that the visits caused", ""),
    "caused_low": ("Caused signatures, at least", ""),
    "caused_high": ("Caused signatures, at most", ""),
    "most_credited": ("Channel with the most credit", ""),
    "with_several_homes": ("Households with several homes", ""),
    "waiting": ("Pairs waiting for a yes or no", ""),
}
_UNITS = {"hours": "h", "minutes": "min", "miles": "mi", "m": "m", "s": "s", "in": "in", "dollars": "$",
          "usd": "$", "pct": "%", "share": "part", "rate": "part"}  # fmt: skip
_OF_ONE = {"part": "%", "pp": "percentage points"}  # recorded as a part of one, read in hundredths


def in_words(recorded: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a notebook recorded, as pairs to read: 'Driving hours' and '12.5 h'. What it does not know is left out.

    Args:
        recorded: Scalars by name, as `result.json` has them.
    """
    place = {name: number for number, name in enumerate(_WORDS)}
    for name in sorted(recorded, key=lambda name: place.get(name, len(place))):  # what is known best comes first
        value = recorded[name]
        if value is not None and value != "":
            label, unit = _WORDS.get(name) or _read(name)
            yield label, _value(value, unit)


def moment(said: str | None) -> str:
    """A moment of a `result.json` as people read it: '28 Apr 2021, 19:40 UTC'; '' where there is none."""
    return f"{datetime.fromisoformat(said).astimezone(UTC):%d %b %Y, %H:%M} UTC" if said else ""


def _read(name: str) -> tuple[str, str]:
    """A name that nobody has put in words: 'drive_minutes' is 'Drive', in minutes."""
    what, _, last = name.rpartition("_")
    unit = _UNITS.get(last, "") if what else ""
    return (what if unit else name).replace("_", " ").strip().capitalize(), unit


def _value(value: object, unit: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return _text(str(value))
    number = value * 100 if unit in _OF_ONE else value
    shown = f"{number:,d}" if isinstance(number, int) else f"{number:,.2f}".rstrip("0").rstrip(".")
    if unit == "$":
        return f"${shown}"
    return f"{shown} {_OF_ONE.get(unit, unit)}".strip()


def _text(said: str) -> str:
    try:
        return moment(said) if "T" in said and datetime.fromisoformat(said).tzinfo else said
    except ValueError:
        return said
