"""The small nouns of this package: counts of two arms, an estimate with its interval, and how both are said. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stormplay.experiments.intervals import (
    check_counts,
    difference_interval,
    difference_variance,
    relative_lift_interval,
)


@dataclass(frozen=True)
class Counts:
    """Who signed, of those whose outcome is known.

    Attributes:
        converted, n: Of the treated homes.
        control_converted, control_n: Of the held-out homes.

    Raises:
        BadInput: A count is negative or no whole number, or more signed than there are.
    """

    converted: int
    n: int
    control_converted: int
    control_n: int

    def __post_init__(self) -> None:
        check_counts(self.converted, self.n, self.control_converted, self.control_n)

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(one + more for one, more in zip(self.as_tuple, other.as_tuple, strict=True)))

    @property
    def as_tuple(self) -> tuple[int, int, int, int]:
        """In the order in which the interval functions take them."""
        return self.converted, self.n, self.control_converted, self.control_n

    @property
    def is_measurable(self) -> bool:
        """Whether both arms have a known outcome."""
        return bool(self.n and self.control_n)

    @property
    def variance(self) -> float:
        """Variance of the difference of the rates (`intervals.difference_variance`)."""
        return float(difference_variance(*self.as_tuple))

    def difference(self, confidence: float = 0.95) -> Estimate:
        """Treated rate less control rate, with Newcombe's interval."""
        value = self.converted / self.n - self.control_converted / self.control_n if self.is_measurable else None
        return Estimate(value, *difference_interval(*self.as_tuple, confidence), confidence)

    def relative_lift(self, confidence: float = 0.95) -> Estimate:
        """Treated rate / control rate - 1, with its MOVER interval; no value where no held-out home signed."""
        measurable = self.is_measurable and self.control_converted
        value = self.converted / self.n / (self.control_converted / self.control_n) - 1 if measurable else None
        return Estimate(value, *relative_lift_interval(*self.as_tuple, confidence), confidence)

    def __str__(self) -> str:
        treated, held = rate(self.converted, self.n), rate(self.control_converted, self.control_n)
        return f"of the treated homes {treated} signed, of the held-out ones {held}"


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Attributes:
        value: The number; None: not measurable yet.
        low, high: The ends; infinite where there is none.
        confidence: Share of such intervals that hold the truth.
    """

    value: float | None
    low: float
    high: float
    confidence: float = 0.95

    @property
    def width(self) -> float:
        """From end to end."""
        return self.high - self.low

    def excludes(self, number: float) -> bool:
        """Whether a number is outside the interval."""
        return not self.low <= number <= self.high

    @property
    def percent(self) -> str:
        """As a share, for a relative lift: '+60 % (+4 % to +147 %)'."""
        ends = [f"{100 * end:+,.0f} %" if math.isfinite(end) else "no end" for end in (self.low, self.high)]
        value = "not measurable yet" if self.value is None else f"{100 * self.value:+,.0f} %"
        return f"{value} ({ends[0]} to {ends[1]})"

    def __str__(self) -> str:
        """As signatures in a hundred homes, for a difference of rates."""
        if self.value is None:
            return "not measurable yet"
        return f"{per_hundred(self.value)} ({per_hundred(self.low)} to {per_hundred(self.high)})"


def rate(part: int, whole: int) -> str:
    """'48 of 400 (12.0 %)': a rate with what it is made of."""
    return f"{part:,} of {whole:,} ({percent(part / whole, 1)})" if whole else "0 of 0"


def percent(share: float, digits: int = 0) -> str:
    """'12 %': a share of one in hundredths."""
    return f"{share:.{digits}%}".replace("%", " %")


def per_hundred(difference: float) -> str:
    """A difference of rates as signatures in a hundred homes, with its sign: '+4.5'."""
    return f"{100 * difference:+.1f}" if math.isfinite(difference) else "no end"
