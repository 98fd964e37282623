"""The words of the household half of the page: what was found, how sure, why, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from stormplay.controls.household_state import Household
from stormplay.controls.markup import count

PLACEHOLDER = "Address, owner, telephone, e-mail, claim …"
TYPE_ON = "Type two signs or more."
NONE_OPEN = (
    "No household is open. Look one up above: by an address, an owner's name, a telephone number however it is "
    "written, an e-mail address, or a claim, CRM id or device in full."
)
TYPES = {
    "property_id": "home", "claim": "claim", "crm_id": "CRM id", "name_address": "name and address", "email": "e-mail",
    "phone": "telephone", "device": "device", "address": "address", "name": "owner", "id": "id",
}  # fmt: skip
USES = {"show": "show", "mail": "mail", "call": "call"}
CHANNELS = {"call": "call", "text": "text message", "email": "e-mail", "mail": "letter", "door": "visit", "all": ""}
_REFUSED_BY = {"phone": {"call", "all"}, "email": {"email", "all"}, "name_address": {"mail", "all"}}

# From so much strength on; the words of `USES` in identity.kinds: a call wants 0.95, a letter 0.8, to be shown 0.5.
_SURE = ((0.95, "sure"), (0.8, "likely"), (0.5, "possible"), (0.0, "weak"))


# ---- finding


def rows(found: Any) -> list[dict[str, str]]:
    """What a look-up found, as rows of the list."""
    seen = {one.identity_id: one for one in reversed(found.households)}
    ordered = sorted(seen.values(), key=found.households.index)
    return [{"id": one.identity_id, "title": one.label, "detail": _detail(one)} for one in ordered]


def _detail(one: Any) -> str:
    """What was found of it, where its name does not say so already."""
    return "" if one.kind in ("address", "name", "id") else f"{TYPES.get(one.kind, one.kind)} {one.matched}"


def found(one: Any, role: str, *, pressed: bool) -> str:
    """How many households were found, or what to try."""
    if one.apart:
        return _apart(one)
    number = len({each.identity_id for each in one.households})
    if not number:
        return nothing(one.typed, role)
    if number == 1:
        return "One household: press it, or Enter."
    lead = f"{number:,} households may be meant" if pressed else f"{number:,} households begin so"
    return f"{lead}: press one, or go on typing."


def _apart(one: Any) -> str:
    number = count(one.whole, "household")
    if one.apart == "blocked":
        return f"{one.shown} is blocked: it stands for nobody and joins none of the {number} that it was seen with."
    return (f"{one.shown} is shared by {number}, more than one value may join, so it joins none of them. "
            "Press one to open it.")  # fmt: skip


def nothing(typed: str, role: str) -> str:
    """What to try where nothing is found."""
    said = f"Nothing is found for '{typed}'. Try the house number with the beginning of the street, the surname " \
           "alone, or a telephone number with its area code; claims, CRM ids and devices only in full."  # fmt: skip
    if role == "viewer":
        said += " As a viewer you find telephone numbers and e-mail addresses by the whole value alone."
    return said


# ---- how sure


def sure(strength: float) -> str:
    """A strength of 0 to 1 in words and as a number."""
    word = next(word for least, word in _SURE if strength >= least)
    return f"{word}, {strength:.2f}"


def joins(one: Mapping[str, Any]) -> str:
    """How surely an identifier belongs to its household; of one that joins nobody, why."""
    if one["joins"]:
        return sure(float(one["strength"]))
    if one["households"] > 1:
        return f"joins nobody: shared by {one['households']:,} households"
    return "joins nobody: blocked"


def may(one: Mapping[str, Any], refused: Collection[str] | None) -> str:
    """What an identifier may be used for, after what was refused; None: that is not known yet, so nothing is said."""
    if refused is None:
        return "…"
    if not one["joins"]:
        return "nothing: it is not theirs alone"
    allowed = [use for use in one["uses"] if use == "show" or not _REFUSED_BY.get(one["type"], set()) & set(refused)]
    lost = [use for use in one["uses"] if use not in allowed]
    said = ", ".join(allowed) or "nothing"
    return f"{said} ({', '.join(lost)} refused)" if lost else said


def refusal(one: Mapping[str, Any]) -> str:
    """A no that is in force, as a sentence."""
    reason = str(one["reason"]).partition(": ")
    because = reason[2] or reason[0]
    channel = CHANNELS.get(str(one["channel"]), str(one["channel"]))
    how = f"Never contacted by {channel}" if channel else "Never contacted at all"
    return f"{how}: {because}" + (f" (since {day(one['since'])})" if one["since"] else "")


# ---- what became of it


def event(one: Mapping[str, Any]) -> str:
    """A merge, separation, erasure or export, in a sentence."""
    parts = {
        "merged": f"{len(one['before'])} households became {_one_or(len(one['after']))}",
        "separated": f"One household became {len(one['after'])}",
        "erased": "Its values were erased, as the person asked",
        "exported": "All of it was told to the person",
    }
    said = parts.get(str(one["kind"]), str(one["kind"]))
    because = why(str(one["rule"])) if one["kind"] in ("merged", "separated") else ""
    if there(one["undoes"]):
        said, because = f"An earlier change was taken back: {said[:1].lower()}{said[1:]}", ""
    return f"{said}{because}." + (f" {one['reason']}" if one["reason"] else "")


def why(rule: str) -> str:
    """By which rule, as the end of a sentence."""
    if rule == "a person":
        return ": a person said so"
    if rule == "alike":
        return ": the nightly model was sure"
    if rule.startswith("same "):
        kinds = [TYPES.get(kind, kind) for kind in rule.removeprefix("same ").split(", ")]
        return f": the same {' and '.join(kinds)}"
    return f": {rule}"


def _one_or(number: int) -> str:
    return "one" if number == 1 else f"{number}"


def there(value: object) -> bool:
    """Whether a cell has a value; a missing id may come as NaN."""
    return value is not None and value == value  # noqa: PLR0124


def by_whom(name: str, moment: datetime) -> str:
    """Who did it and when."""
    return f"{name}, {moment:%d %b %Y, %H:%M} UTC"


def day(moment: datetime | None) -> str:
    """A day as people write it; '–' where there is none."""
    return "–" if moment is None else f"{moment:%d %b %Y}".lstrip("0")


def gathered(homes: int, identifiers: int) -> str:
    """'2 homes, 7 identifiers'."""
    return f"{count(homes, 'home')}, {count(identifiers, 'identifier')}"


def size(brief: Any) -> str:
    """How large a household is that is told in a few words."""
    return gathered(len(brief.homes), brief.identifiers)


def in_short(one: Household) -> str:
    """A household with its size."""
    return f"{one.label} ({gathered(len(one.homes), len(one.own))})"


def profile(one: Mapping[str, Any]) -> str:
    """A profile in one line."""
    return (f"{count(one['total_storms'], 'storm')}, {count(one['total_conversions'], 'signature')}, "
            f"${one['lifetime_value']:,.0f}")  # fmt: skip


# ---- evidence of a proposal

_FIELDS = {"given": "first name", "surname": "surname", "unit": "unit", "state": "state", "phone": "telephone",
           "email": "e-mail"}  # fmt: skip
_OUTCOMES = {"same": "the same {}", "nearly": "nearly the same {}", "crossed": "first name and surname changed places",
             "alike": "a {} that looks alike", "one sign off": "a {} that is one sign off",
             "different": "another {}"}  # fmt: skip
_DOORS = {
    "same door": "the same address", "nearly the same door": "nearly the same address",
    "number one sign off": "the same street, house numbers one sign apart",
    "same street, no number": "the same street, one of them without a number",
    "same street": "the same street, other house numbers",
    "same number and street elsewhere": "the same number and street, in another place",
    "same name of street elsewhere": "a street of that name, in another place",
    "same number in the area": "the same house number in the area", "same area": "the same area",
    "different": "addresses in different areas",
}  # fmt: skip
_ORDER = ("given", "surname", "door", "unit", "phone", "email", "state")
_FOR = ("same", "nearly", "crossed", "alike", "one sign off")


def evidence(outcomes: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """What speaks for one household, and what against, in words."""
    speaks_for: list[str] = []
    against: list[str] = []
    for field in sorted(outcomes, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER)):
        outcome = outcomes[field]
        if field == "door":
            said = _DOORS.get(outcome, outcome)
            (against if outcome == "different" else speaks_for).append(said)
        else:
            said = _OUTCOMES.get(outcome, outcome + " {}").format(_FIELDS.get(field, field))
            (speaks_for if outcome in _FOR else against).append(said)
    return speaks_for, against
