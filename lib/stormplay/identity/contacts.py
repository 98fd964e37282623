"""Telephone numbers and e-mail addresses as they compare: E.164 by phonenumbers, syntax by email-validator.

Both libraries take some 50 microseconds a value. What decides repeats, though: the first six digits of an American
number, and the domain of an address. So the library is asked once for each of these, and a book of a million is read
in seconds.
"""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumberFormat

REGION = "US"  # of numbers without a country code

_AMERICAN = re.compile(r"^(?:\+?1)?([2-9]\d{2}[2-9]\d{2})(\d{4})$")
_SIGNS = re.compile(r"[\s().\-/]+")
_LOCAL = re.compile(r"^[a-z0-9_]+(?:[.+\-][a-z0-9_]+)*$")

# Providers that deliver to one person whatever stands after a plus; and those that overlook dots too. Others are taken
# as they are: to a server that tells dots apart, two spellings may be two people.
_TAGGED = frozenset({
    "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com", "icloud.com", "me.com",
    "mac.com", "fastmail.com", "proton.me", "protonmail.com", "pm.me",
})  # fmt: skip
_UNDOTTED = frozenset({"gmail.com", "googlemail.com"})
_SAME_DOMAIN = {"googlemail.com": "gmail.com", "protonmail.com": "proton.me", "pm.me": "proton.me"}


def phone(text: str) -> str | None:
    """E.164 of a number as people write it; None where it cannot be dialled. An extension is left away."""
    american = _AMERICAN.match(_SIGNS.sub("", text))
    if american is not None:
        return f"+1{american[1]}{american[2]}" if _is_in_use(american[1]) else None
    return _parsed(text)


@lru_cache(maxsize=65_536)
def _is_in_use(six_digits: str) -> bool:
    """Whether numbers that begin so are given to anybody: area codes and exchanges."""
    return phonenumbers.is_valid_number(phonenumbers.parse(f"+1{six_digits}0123", None))


@lru_cache(maxsize=65_536)
def _parsed(text: str) -> str | None:
    try:
        number = phonenumbers.parse(text, REGION)
    except NumberParseException:
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if phonenumbers.is_valid_number(number) else None


def shown_phone(e164: str) -> str:
    """As people read it: (817) 555-0142; with the country code where it is a foreign one."""
    if e164.startswith("+1") and len(e164) == 12:
        return f"({e164[2:5]}) {e164[5:8]}-{e164[8:]}"
    return phonenumbers.format_number(phonenumbers.parse(e164, None), PhoneNumberFormat.INTERNATIONAL)


def email(text: str) -> str | None:
    """One spelling for one mailbox; None where it is no address. Nothing is asked of the network."""
    local, _, domain = text.strip().lower().rpartition("@")
    if _LOCAL.match(local) and len(local) <= 64:
        clean = _domain(domain)
    else:
        local, clean = _checked(f"{local}@{domain}")
    return None if clean is None else f"{_mailbox(local, clean)}@{_SAME_DOMAIN.get(clean, clean)}"


def _mailbox(local: str, domain: str) -> str:
    if domain in _TAGGED:
        local = local.split("+", 1)[0] or local
    return local.replace(".", "") if domain in _UNDOTTED else local


@lru_cache(maxsize=65_536)
def _domain(domain: str) -> str | None:
    return _checked(f"a@{domain}")[1]


def _checked(address: str) -> tuple[str, str | None]:
    try:
        found = validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return "", None
    return found.local_part.lower(), found.ascii_domain or found.domain
