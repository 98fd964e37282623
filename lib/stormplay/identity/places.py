"""Names and addresses as they compare: USPS Publication 28 by usaddress-scourgify, names without titles.

The parser takes 0.1 ms an address, but a street has many homes: what follows the house number is parsed once.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from scourgify import normalize_address_record
from scourgify.exceptions import AddressNormalizationError

_PLAIN = re.compile(r"^(\d{1,6}[A-Za-z]?)\s+([A-Za-z][A-Za-z .'\-]*)$")  # house number, and a street without numbers
_NO_WORD = re.compile(r"[^A-Z0-9]+")
_NAMED = re.compile(r"^\s*(?P<name>[^\d]*?)[\s,;|]+(?P<address>\d.*)$")
_ADDED = frozenset(["MR", "MRS", "MS", "MISS", "DR", "PROF", "REV", "JR", "SR", "II", "III", "IV", "ESQ", "MD", "PHD"])


@dataclass(frozen=True)
class Address:
    """An address in its parts, upper case, abbreviated as the USPS does; '' where a part is not known."""

    number: str
    street: str
    unit: str
    city: str
    zip_code: str

    @property
    def line(self) -> str:
        """Number, street and unit."""
        return " ".join(filter(None, (self.number, self.street, self.unit)))

    @property
    def key(self) -> str:
        """Which place it is: the line and its ZIP, or its city where no ZIP is known."""
        return f"{self.line}|{self.zip_code or self.city}"


def address(text: str, city: str | None = None, zip_code: str | None = None) -> Address | None:
    """An address in its parts; None where nothing is written.

    Args:
        text: Street and number, or a whole address in one line.
        city, zip_code: What is known beside it; they win over what the line says.
    """
    line, second, town, code = _line(" ".join((text or "").split()))
    if not line:
        return None
    number, _, street = line.partition(" ")
    if not number[:1].isdigit():
        number, street = "", line
    known_zip = re.sub(r"\D", "", zip_code or "")[:5]
    return Address(number, street, second, folded(city or "") or town, known_zip or code)


def _line(text: str) -> tuple[str, str, str, str]:
    plain = _PLAIN.match(text)
    if plain is None:
        return _parsed(text)
    line, second, town, code = _parsed(f"100 {plain[2].upper()}")
    return f"{plain[1].upper()}{line[3:]}" if line.startswith("100 ") else line, second, town, code


@lru_cache(maxsize=262_144)
def _parsed(text: str) -> tuple[str, str, str, str]:
    """First line, second line, city and ZIP of what is written, as far as the parser finds them."""
    try:
        found = normalize_address_record(text)
    except (AddressNormalizationError, ValueError, AttributeError):  # no address, or one that it cannot take apart
        return folded(text), "", "", ""
    parts = (found["address_line_1"], found["address_line_2"], found["city"])
    line, second, town = (folded(part or "") for part in parts)
    return line, second, town, (found["postal_code"] or "")[:5]


@lru_cache(maxsize=262_144)
def folded(text: str) -> str:
    """Upper case, without accents and signs, single blanks."""
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().upper()
    return _NO_WORD.sub(" ", bare.replace("'", "")).strip()


@lru_cache(maxsize=262_144)
def name(text: str) -> tuple[str, str]:
    """Given names and surname of a person, folded, without titles; ('', whole) where there is one word alone.

    'Torres, Ana' and 'Ana Torres Jr.' are both ('ANA', 'TORRES').
    """
    head, comma, tail = (text or "").partition(",")
    words = [word for word in folded(head).split() if word not in _ADDED]
    others = [word for word in folded(tail).split() if word not in _ADDED]
    if comma and others:
        return " ".join(others), " ".join(words)
    return (" ".join(words[:-1]), words[-1]) if words else ("", "")


def name_address(who: str, where: Address | None) -> str | None:
    """One spelling of a name with its address; None where either is missing or the address has no house number."""
    given, surname = name(who or "")
    if where is None or not surname or not where.number or not (where.zip_code or where.city):
        return None
    return f"{surname} {given}".strip() + f"|{where.key}"


def read_name_address(text: str) -> tuple[str, Address | None]:
    """Name and address out of one line: 'Ana Torres, 3213 Clerestory Ln, Keller TX 76137'."""
    found = _NAMED.match(text)
    return (found["name"], address(found["address"])) if found else (text, None)
