"""The message linter: what a message should not say, what it lacks, and whether its hour is lawful. Pure.

>>> [finding.rule for finding in lint_message("Free roof from Lone Star Roofing! Reply STOP to opt out.", "text")]
['free roof']
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from stormplay.errors import BadInput
from stormplay.nurture import phrases
from stormplay.nurture.excuses import excuse
from stormplay.nurture.rules import CHANNELS, PHONE_HOURS, TEXAS_PHONE_HOURS

STOP = "47 CFR 64.1200(a)(10); CTIA Messaging Principles"
CALLER = "47 CFR 64.1200(d)(4)"
HOURS = "47 CFR 64.1200(c)(1)"
TEXAS = "Tex. Bus. & Com. Code 301.051"
UNSUBSCRIBE = "CAN-SPAM Act, 15 USC 7704(a)(3) and (a)(5)"
POSTAL = "CAN-SPAM Act, 15 USC 7704(a)(5)"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a message.

    Attributes:
        rule: The rule's short name.
        phrase: The words that break it, in small letters; '' where something is missing.
        why: What the rule is for, and what to say instead.
        source: Where the rule comes from; '' for a rule of the house.
    """

    rule: str
    phrase: str
    why: str
    source: str


def lint_message(text: str, channel: str, when: datetime | None = None, company: str | None = None) -> list[Finding]:
    """Read a message as the rules do.

    Args:
        text: What is sent, or said at the door or on the telephone. Placeholders in braces are allowed.
        channel: 'door', 'call', 'text', 'email' or 'mail'.
        when: The moment on the recipient's own clock; None: not known yet.
        company: The company's name; None: a placeholder or any name of a company will do.

    Returns:
        The findings, in the order of the text, then what is missing; empty where there are none.

    Raises:
        BadInput: There is no such channel.
    """
    if channel not in CHANNELS:
        raise BadInput(f"There is no channel '{channel}'.", f"Expected one of {', '.join(CHANNELS)}.")
    return _said(text) + _missing(text, channel, company) + ([] if when is None else _hours(channel, when))


def plain(text: str) -> str:
    """A text as the patterns expect it: small letters, straight quotes and hyphens, single spaces, nothing invisible.

    A blank line ends a sentence, as a full stop does.
    """
    shown = unicodedata.normalize("NFKC", text)
    shown = "".join(sign for sign in shown if unicodedata.category(sign) != "Cf").casefold()
    shown = re.sub("[‘’‛ʼ`´′]", "'", shown)
    shown = re.sub("[‐‑‒–—―−]", "-", shown)
    shown = re.sub(r"[“”„«»\"*~]|(?<![a-z0-9])_+|_+(?![a-z0-9])", "", shown)
    shown = re.sub(r"\n\s*\n", ". ", shown)
    return re.sub(r"\s+", " ", shown).strip()


def _said(text: str) -> list[Finding]:
    found: list[tuple[int, Finding]] = []
    read = plain(text)
    for rule in phrases.RULES:
        taken: list[tuple[int, int]] = []
        for match in (one for pattern in rule.patterns for one in pattern.finditer(read)):
            first, last = _sentence(read, match.start(), match.end())
            before, after = read[first : match.start()], read[match.end() : last]
            overlaps = any(match.start() < end and begin < match.end() for begin, end in taken)
            if not overlaps and not excuse(rule, before, match[0], after):
                taken.append(match.span())
                found.append((match.start(), Finding(rule.name, match[0].strip(), rule.why, rule.source)))
    return [finding for _, finding in sorted(found, key=lambda one: one[0])]


def _sentence(read: str, begin: int, end: int) -> tuple[int, int]:
    """Where the sentence around a match begins and ends. A point within a number or an address ends none."""
    first = max((one.end() for one in re.finditer(r"[.!?;:](?=\s)", read[:begin])), default=0)
    after = re.search(r"[.!?;](?=\s|$)", read[end:])
    return first, end + after.start() if after else len(read)


_COMPANY_FIELD = re.compile(r"\{+\s*(?:company(?:_name)?|org_name|sender|brand|contactfield=company)\s*\}+", re.I)
_COMPANY_NAME = re.compile(
    r"\b[A-Z][\w'&.-]{0,40}(?:\s+(?:&|and|[A-Z][\w'&.-]*)){0,5}\s+(?:&\s+)?"
    r"(?:(?i:roof(?:ing|ers)?|restoration|construction|exteriors?|contractors?|contracting|builders)|LLC|Inc)\b"
    r"|\b(?i:with|from|at)\s+(?:the\s+)?[A-Z][\w'&-]+"
)
_STOP = re.compile(
    r"\b(?:reply|text|send|txt|answer|respond)\b[^.!?]{0,30}?\bstop\b"
    r"|\bstop\b (?:to|=|2) ?(?:opt|end|quit|unsub|cancel|stop)"
)
_UNSUBSCRIBE = re.compile(r"unsubscribe|opt[- ]out|\bstop (?:receiving|these e?-?mails)|no (?:more|further) e?-?mails")
_POSTAL = re.compile(r"\{+\s*(?:company_address|postal_address|address_of_company)\s*\}+|\bp\.? ?o\.? box \d+"
                     r"|\b\d{1,6} [a-z0-9.,' -]{3,60}?\b\d{5}(?:-\d{4})?\b")  # fmt: skip


def _missing(text: str, channel: str, company: str | None) -> list[Finding]:
    read, found = plain(text), []
    if channel == "text" and not _STOP.search(read):
        found.append(Finding("no opt-out", "", "A text says how to end it, as in 'Reply STOP to opt out'.", STOP))
    if channel == "email" and not _UNSUBSCRIBE.search(read):
        found.append(Finding("no opt-out", "", "An e-mail has a way to unsubscribe.", UNSUBSCRIBE))
    if channel == "email" and not _POSTAL.search(read):
        found.append(Finding("no postal address", "", "An e-mail has the sender's postal address.", POSTAL))
    if not _names(text, read, company):
        source = {"call": CALLER, "text": CALLER, "email": POSTAL}.get(channel, "")
        found.append(Finding("no company name", "", "Whoever is contacted is told by whom.", source))
    return found


def _names(text: str, read: str, company: str | None) -> bool:
    if _COMPANY_FIELD.search(text):
        return True
    if company is not None:
        return plain(company) in read
    return _COMPANY_NAME.search(unicodedata.normalize("NFKC", text)) is not None


def _hours(channel: str, when: datetime) -> list[Finding]:
    if channel not in ("call", "text"):
        return []
    said, hour = when.strftime("%A %H:%M"), when.hour + when.minute / 60 + when.second / 3600
    if not PHONE_HOURS.opens <= hour < PHONE_HOURS.closes:
        return [
            Finding("quiet hours", said, "Calls and texts go out from 8:00 to 21:00 on the recipient's clock.", HOURS)
        ]
    sunday = TEXAS_PHONE_HOURS.sunday_opens or 0
    if hour < (sunday if when.weekday() == 6 else TEXAS_PHONE_HOURS.opens):
        return [Finding("Texas hours", said, "In Texas calls and texts begin at 9:00, on Sundays at noon.", TEXAS)]
    return []
