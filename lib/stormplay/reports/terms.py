"""How reports are made: how long one may take, how often it is tried, how old its data may be."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from stormplay.errors import BadInput, DatabaseUnavailable

T = TypeVar("T")

LONGEST_S = 6 * 3600.0
_SPARE_S = 120.0  # a login outlives its report's time-out by this


def moment(said: str = "") -> datetime:
    """A moment as people write it for a scheduler: ISO 8601 with a time zone; now where nothing is said.

    Raises:
        BadInput: It is none.
    """
    if not said:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise BadInput(f"'{said}' is not a moment.", "Expected one like 2021-05-03T06:00Z or 2021-05-03T01:00-05:00.")
    return found.astimezone(UTC)


@dataclass(frozen=True)
class Terms:
    """How reports are made.

    Attributes:
        timeout_s: Seconds that one report may take, 1 to 21,600; whatever it does then, its process is ended.
        retries: How often a report is tried again where the database did not answer. Nothing else is tried again.
        pause_s: Seconds before the first of these tries; doubled each time.
        fresh_within_h: Hours that the data may be old; None: as old as they are.
        as_of: The moment that the pages speak of, with a time zone. It brings back no data.
        is_pdf: Whether a PDF is made too.
    """

    timeout_s: float = 600.0
    retries: int = 4
    pause_s: float = 1.0
    fresh_within_h: float | None = None
    as_of: datetime = field(default_factory=moment)
    is_pdf: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if not 1.0 <= self.timeout_s <= LONGEST_S:
            raise BadInput(f"A time-out of {self.timeout_s:g} seconds.", f"Expected 1 to {LONGEST_S:,.0f}.")
        if not 0 <= self.retries <= 20:
            raise BadInput(f"{self.retries} tries again.", "Expected 0 to 20.")
        if self.fresh_within_h is not None and not self.fresh_within_h > 0:
            raise BadInput(f"Data not older than {self.fresh_within_h:g} hours.", "Expected more than 0.")
        if self.as_of.tzinfo is None:
            raise BadInput(f"The moment {self.as_of} has no time zone.", "Expected one like 2021-05-03T06:00Z.")

    @property
    def login_s(self) -> int:
        """Seconds that the database login of one try lives, unless it is ended before."""
        return int(self.timeout_s + _SPARE_S)

    def tried(self, act: Callable[[int], T]) -> T:
        """What an act gives, which is told the number of the try; tried again where no database answered."""
        for number in range(1, self.retries + 1):
            try:
                return act(number)
            except DatabaseUnavailable:
                time.sleep(self.pause_s * 2 ** (number - 1))
        return act(self.retries + 1)
