"""Sequences: which contact follows which, how long after it, with which message. Pure.

A company may write its own; these are shipped. Every shipped message passes `lint_message`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stormplay.errors import BadInput
from stormplay.nurture.messages import lint_message
from stormplay.nurture.rules import CHANNELS, Channel

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
MOST_STEPS = 20


@dataclass(frozen=True)
class Step:
    """One contact of a sequence.

    Attributes:
        channel: 'door', 'call', 'text', 'email' or 'mail'.
        message: Name of the message in the sequence.
        delay_days, delay_hours: How long after the step before (for the first: after the start), together.
    """

    channel: Channel
    message: str
    delay_days: float = 0
    delay_hours: float = 0

    def __post_init__(self) -> None:
        if self.channel not in CHANNELS:
            raise BadInput(f"There is no channel '{self.channel}'.", f"Expected one of {', '.join(CHANNELS)}.")
        if not _NAME.fullmatch(self.message):
            raise BadInput(f"'{self.message}' is not a message's name.", "Expected small letters, digits and _.")
        for name in ("delay_days", "delay_hours"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise BadInput(f"{name} is {value!r}.", "Expected a number of 0 or more.")
        if self.delay_s > 365 * 86_400:
            raise BadInput("A step waits longer than a year.", "Expected at most 365 days.")

    @property
    def delay_s(self) -> int:
        """Whole seconds after the step before."""
        return round(self.delay_days * 86_400 + self.delay_hours * 3_600)


@dataclass(frozen=True)
class Sequence:
    """An ordered list of steps with its messages.

    Attributes:
        name: As stored in `sequence_type`.
        title: As people read it.
        steps: 1 to 20, in order.
        messages: Message name -> text, with `{company}`, `{first_name}`, `{address}` as placeholders. A step whose
            text is kept elsewhere (in the tool that sends) needs none here.
    """

    name: str
    title: str
    steps: tuple[Step, ...]
    messages: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise BadInput(f"'{self.name}' is not a sequence's name.", "Expected small letters, digits and _.")
        if not 1 <= len(self.title) <= 80:
            raise BadInput(f"The title of '{self.name}' is empty or too long.", "Expected 1 to 80 signs.")
        if not 1 <= len(self.steps) <= MOST_STEPS:
            raise BadInput(f"'{self.name}' has {len(self.steps)} steps.", f"Expected 1 to {MOST_STEPS}.")

    def check_messages(self) -> None:
        """Read every message with the linter, for the channels that use it.

        Raises:
            BadInput: One has a finding; the first one is named with its rule's source.
        """
        for step in self.steps:
            if step.message not in self.messages:
                continue
            for finding in lint_message(self.messages[step.message], step.channel):
                source = f" Source: {finding.source}." if finding.source else ""
                said = f" ('{finding.phrase}')" if finding.phrase else ""
                raise BadInput(f"The message '{step.message}' cannot go out by {step.channel}: {finding.rule}{said}.",
                               finding.why + source)  # fmt: skip

    def to_mapping(self) -> dict[str, Any]:
        """Title, steps and messages as plain JSON, for storing."""
        steps = [{"channel": s.channel, "message": s.message, "delay_days": s.delay_days, "delay_hours": s.delay_hours}
                 for s in self.steps]  # fmt: skip
        return {"title": self.title, "steps": steps, "messages": dict(self.messages)}

    @classmethod
    def from_mapping(cls, name: str, given: Mapping[str, Any]) -> Sequence:
        """A sequence from plain JSON: title, steps [{channel, message, delay_days, delay_hours}], messages.

        Raises:
            BadInput: Something of it cannot be used; it says what.
        """
        steps: Iterable[Any] = given.get("steps", ())
        try:
            made = tuple(Step(**one) for one in steps)
        except TypeError:
            raise BadInput(f"A step of '{name}' cannot be used.",
                           "Expected channel, message, delay_days and delay_hours.") from None  # fmt: skip
        messages = given.get("messages") or {}
        if not isinstance(messages, Mapping) or not all(isinstance(text, str) for text in messages.values()):
            raise BadInput(f"The messages of '{name}' cannot be used.", "Expected message name -> text.")
        return cls(name, str(given.get("title") or name), made, dict(messages))


_LETTER = """{company}
{company_address}

Dear {first_name},

On the day of the hailstorm your street lay in the area where we model hail. Modelled means that nobody has looked at
your roof yet. We offer a look at it and give you photographs for your records, whatever we find.
Whether you make a claim is between you and your insurer. Call us if you would like a visit, or tell us not to write
again and we will not."""

_EMAIL = """Hello {first_name},

this is {company}. We document roof damage after hail with photographs, for your records. If you would like us to look
at {address}, reply with a day that suits you.

{company}, {company_address}
Unsubscribe: {unsubscribe_url}"""

_CALL = """Hello {first_name}, this is {caller} with {company}. I am calling about a roof check after the hailstorm.
Is this a good moment? We look at the roof and leave you the photographs. If you would rather not be called, tell me,
and we will not call again."""

_TEXT = """{company}: after the hail we offer a roof check at {address}, with photos for your records. Reply YES for a
time, STOP to opt out."""

_VISIT = """Hello, my name is {caller}, I am with {company}. Hail was modelled on this street. May we look at your roof
and leave you the photographs? If you would rather have no visits, tell me and nobody will come again."""

_THANKS = """{company}: we looked at the roof at {address}. Your photographs are ready; reply YES and we send them.
Reply STOP to opt out."""

DEFAULTS: Mapping[str, Sequence] = {
    one.name: one
    for one in (
        Sequence("follow_up", "Follow up after the storm", (
            Step("mail", "storm_letter"),
            Step("email", "roof_check_email", delay_days=3),
            Step("call", "check_in_call", delay_days=3),
            Step("door", "second_visit", delay_days=4),
        ), {"storm_letter": _LETTER, "roof_check_email": _EMAIL, "check_in_call": _CALL, "second_visit": _VISIT}),
        Sequence("quick", "Call, text, write", (
            Step("call", "check_in_call"),
            Step("text", "roof_check_text", delay_days=2),
            Step("email", "roof_check_email", delay_days=4),
        ), {"check_in_call": _CALL, "roof_check_text": _TEXT, "roof_check_email": _EMAIL}),
        Sequence("after_inspection", "After an inspection", (
            Step("text", "photos_ready", delay_hours=4),
            Step("call", "check_in_call", delay_days=3),
        ), {"photos_ready": _THANKS, "check_in_call": _CALL}),
    )
}  # fmt: skip
