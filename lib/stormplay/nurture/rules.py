"""What nurture may never do: the hours of each channel, the caps, the standing holdout, and the words of a no. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from stormplay.errors import BadInput

Channel = Literal["door", "call", "text", "email", "mail"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
EARLIEST, LATEST = 1990, 2200  # years for which clocks are known or guessed

# Channels in customer_journeys by which the owner came to us: no contact of ours.
INBOUND = ("web", "referral")

# Why somebody is not contacted. A plan holds the place in this list; 0 is no objection.
REASONS = (
    "",
    "standing holdout",
    "converted",
    "do not return",
    "not treated for this storm",
    "already in this sequence",
    "stopped by a person",
    "no phone",
    "no e-mail address",
    "no address",
    "time zone unknown",
    "said no to all contact",
    "said no to visits",
    "said no to calls",
    "said no to texts",
    "said no to e-mails",
    "said no to letters",
    "cap reached",
    "quiet hours",
)
CODE = {reason: code for code, reason in enumerate(REASONS)}
SAID_NO = tuple(CODE[f"said no to {what}"] for what in ("visits", "calls", "texts", "e-mails", "letters"))
# These pass by themselves; all others stay until somebody changes something.
PASSING = (CODE["cap reached"], CODE["quiet hours"])


@dataclass(frozen=True)
class Hours:
    """When a channel may be used, on the recipient's own clock: `opens` <= hour < `closes`.

    Attributes:
        opens: Hour of the day, 0-24; 8.5 is half past eight.
        closes: Hour of the day, later than `opens`.
        sunday_opens: A later hour on Sundays; None: as on other days.
    """

    opens: float
    closes: float
    sunday_opens: float | None = None

    def __post_init__(self) -> None:
        latest = self.opens if self.sunday_opens is None else max(self.opens, self.sunday_opens)
        if not (self.opens >= 0 and latest < self.closes and self.closes <= 24):
            raise BadInput(
                f"The hours {self.opens:g} to {self.closes:g} cannot be used.", "Expected 0 to 24, in order."
            )


# 47 CFR 64.1200(c)(1): no telephone solicitation before 8 a.m. or after 9 p.m. on the clock of the called party.
PHONE_HOURS = Hours(8, 21)
# Texas is narrower: Tex. Bus. & Com. Code 301.051, 9 a.m. to 9 p.m., on Sundays from noon.
TEXAS_PHONE_HOURS = Hours(9, 21, sunday_opens=12)


@dataclass(frozen=True)
class Rules:
    """The limits of a company. What cannot be loosened by law cannot be loosened here.

    Attributes:
        call, text: Hours, within 8:00-21:00; `TEXAS_PHONE_HOURS` where Texas law binds.
        door: Visiting hours.
        email, mail: Hours, or None for any time.
        per_day: Contacts of any channel on one day of the recipient's calendar, at most.
        per_window: Contacts of any channel in any `window_days` days, at most.
        window_days: Days of 24 hours.
        holdout_share: Share of homes that nurture never contacts, so that we know what it is worth.
        holdout_salt: Changing it draws another holdout, for homes not drawn so far.
        longest_wait_days: A step that would have to wait longer for its turn is refused.
        stale_after_days: A step that was due longer ago is not handed over any more.
    """

    call: Hours = PHONE_HOURS
    text: Hours = PHONE_HOURS
    door: Hours = field(default=Hours(9, 20))
    email: Hours | None = None
    mail: Hours | None = None
    per_day: int = 1
    per_window: int = 3
    window_days: int = 7
    holdout_share: float = 0.10
    holdout_salt: str = "nurture"
    longest_wait_days: int = 30
    stale_after_days: int = 14

    def __post_init__(self) -> None:
        for name in ("call", "text"):
            hours: Hours = getattr(self, name)
            if hours.opens < PHONE_HOURS.opens or hours.closes > PHONE_HOURS.closes:
                raise BadInput(
                    f"A {name} from {hours.opens:g} to {hours.closes:g} is not lawful.",
                    "Expected hours within 8 to 21 on the recipient's clock (47 CFR 64.1200(c)(1)).",
                )
        for name in ("per_day", "per_window", "window_days", "longest_wait_days", "stale_after_days"):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 365:
                raise BadInput(f"{name} is {number!r}.", "Expected a whole number from 1 to 365.")
        if not 0 <= self.holdout_share < 1:
            raise BadInput(f"holdout_share is {self.holdout_share!r}.", "Expected a share from 0 to below 1.")

    def hours(self, channel: Channel) -> Hours | None:
        """The hours of a channel; None: any time."""
        found: Hours | None = getattr(self, channel)
        return found

    def to_mapping(self) -> dict[str, Any]:
        """As plain JSON, for storing; `from_mapping` reads it."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> Rules:
        """Rules from plain JSON; what is not named is as shipped.

        Raises:
            BadInput: A name is unknown or a value cannot be used.
        """
        unknown = set(given) - {one.name for one in fields(cls)}
        if unknown:
            raise BadInput(f"There is no nurture rule '{min(unknown)}'.")
        try:
            values: dict[str, Any] = {k: Hours(**v) if isinstance(v, Mapping) else v for k, v in given.items()}
            return cls(**values)
        except (TypeError, AttributeError):
            raise BadInput("A nurture rule has a value that cannot be used.", "Expected numbers, and hours as "
                           "{opens, closes, sunday_opens}.") from None  # fmt: skip


def drawn(property_ids: Iterable[str], salt: str, share: float) -> NDArray[np.bool_]:
    """Which homes are in the standing holdout, by hash: the same answer for ever, in any order, on any machine.

    A larger share holds the same homes and some more.
    """
    return hash_share(property_ids, salt) < share


def hash_share(property_ids: Iterable[str], salt: str) -> NDArray[np.float64]:
    """A number in [0, 1) per id, evenly spread, from BLAKE2b of salt and id."""
    seed = hashlib.blake2b(salt.encode() + b"\0", digest_size=8)
    values = []
    for one in property_ids:
        digest = seed.copy()
        digest.update(one.lower().encode())
        values.append(int.from_bytes(digest.digest(), "big") >> 11)
    return np.array(values, dtype=np.float64) / float(1 << 53)


def check_day(day: date, today: date) -> None:
    """Whether a contact may begin on a day that somebody has chosen.

    Args:
        day: On the company's clock.
        today: Likewise.

    Raises:
        BadInput: It has passed, or is so far off that nobody knows the clocks of then.
    """
    if day < today:
        raise BadInput(f"{day:%d %b %Y} has passed.", f"Expected today, {today:%d %b %Y}, or a later day.")
    if day.year > LATEST:
        raise BadInput(f"The day is {day}.", f"Expected a year up to {LATEST}.")
