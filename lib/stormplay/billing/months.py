"""A billing month: from one local midnight to another, whatever the clocks did in between."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from stormplay.errors import BadInput

_SAID = re.compile(r"(\d{4})-(\d{2})")


@dataclass(frozen=True, order=True)
class Month:
    """A month of the calendar, by its first day."""

    begins: date

    @classmethod
    def parse(cls, said: str) -> Month:
        """A month as 2021-03.

        Raises:
            BadInput: It is none.
        """
        found = _SAID.fullmatch(said)
        if not found or not 1 <= int(found[2]) <= 12 or int(found[1]) < 1:
            raise BadInput(f"'{said}' is no month.", "Expected a year and a month, such as 2021-03.")
        return cls(date(int(found[1]), int(found[2]), 1))

    @classmethod
    def of(cls, day: date) -> Month:
        """The month of a day."""
        return cls(day.replace(day=1))

    @property
    def ends(self) -> date:
        """The first day of the next month."""
        return (self.begins + timedelta(days=31)).replace(day=1)

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.ends - self.begins).days

    @property
    def next(self) -> Month:
        """The month after it."""
        return Month(self.ends)

    def period(self, zone: str) -> tuple[datetime, datetime]:
        """Its first moment and that of the next month, in UTC.

        Args:
            zone: IANA name of the time zone in which it is a month; in March and November it is an hour short or long.
        """
        return midnight(self.begins, zone), midnight(self.ends, zone)

    def __str__(self) -> str:
        return f"{self.begins:%Y-%m}"

    @property
    def words(self) -> str:
        """As people read it: 'March 2021'."""
        return f"{self.begins:%B %Y}"


def midnight(day: date, zone: str) -> datetime:
    """The moment at which a day begins, in UTC; where the clocks jump over midnight, the first moment of the day."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def today(now: datetime, zone: str) -> date:
    """The day that it is in a time zone."""
    return now.astimezone(ZoneInfo(zone)).date()


def days_said(first: date, end: date) -> str:
    """Days from one to before another, of one month: '1 to 31 March', '9 March'."""
    last = end - timedelta(days=1)
    return f"{first.day} to {last.day} {last:%B}" if last > first else f"{last.day} {last:%B}"
