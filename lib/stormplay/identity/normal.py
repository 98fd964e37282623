"""One spelling for what is written in many ways, whatever kind of identifier it is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from stormplay.identity import contacts, places
from stormplay.identity.kinds import BLOCKED, Kind, check_kind

_SIGNS = re.compile(r"[^0-9A-Z]+")
LONGEST = 400


@dataclass(frozen=True)
class Normal:
    """A value that can be compared.

    Attributes:
        kind: What it is.
        value: The one spelling.
        shown: As a person reads it.
        household: Which place it tells of; None where it tells of none.
    """

    kind: Kind
    value: str
    shown: str
    household: str | None = None

    @property
    def is_blocked(self) -> bool:
        """Whether it is one of the shipped values that stand for nobody."""
        return self.value in BLOCKED.get(self.kind, ())


def normal(kind: str, text: str) -> Normal | None:
    """A value in its one spelling; None where it is none of its kind (no telephone number, no address).

    A name with its address is one line: 'Ana Torres, 3213 Clerestory Ln, Keller 76137'.

    Raises:
        BadInput: There is no such kind.
    """
    known, written = check_kind(kind), " ".join(str(text).split())
    return _READ[known](written) if written and len(written) <= LONGEST else None


def home(property_id: str, where: places.Address | None = None) -> Normal | None:
    """A home by its id; None where it is no id."""
    try:
        own = str(UUID(property_id))
    except ValueError:
        return None
    return Normal("property_id", own, own, household(where) if where else None)


def phone(text: str) -> Normal | None:
    """A telephone number; None where it cannot be dialled."""
    found = contacts.phone(text)
    return Normal("phone", found, contacts.shown_phone(found)) if found else None


def email(text: str) -> Normal | None:
    """An e-mail address, shown as it was written; None where it is none."""
    found = contacts.email(text)
    return Normal("email", found, text.strip().lower()) if found else None


def name_address(who: str, where: places.Address | None) -> Normal | None:
    """A person at an address; None where either is missing."""
    found = places.name_address(who, where)
    if found is None or where is None:
        return None
    given, surname = places.name(who)
    shown = f"{given} {surname}".strip().title() + f", {where.line.title()}, {where.zip_code or where.city.title()}"
    return Normal("name_address", found, shown, household(where))


def household(where: places.Address) -> str:
    """Which place it is, as a short key."""
    return hashlib.md5(where.key.encode(), usedforsecurity=False).hexdigest()


def _claim(text: str) -> Normal | None:
    code = _SIGNS.sub("", text.upper())
    return Normal("claim", code, code) if code else None


def _name_address(text: str) -> Normal | None:
    return name_address(*places.read_name_address(text))


_READ: dict[Kind, Callable[[str], Normal | None]] = {
    "property_id": home,
    "claim": _claim,
    "crm_id": lambda text: Normal("crm_id", text.upper(), text),
    "name_address": _name_address,
    "email": email,
    "phone": phone,
    "device": lambda text: Normal("device", text.lower(), text),
}
