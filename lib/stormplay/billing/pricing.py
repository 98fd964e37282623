"""A month's bill from the plans in force and what was used, by day. Pure, exact, to the cent.

A month in which a plan begins, ends or changes is billed in parts. Each part has its share, by days, of the price of
the month, of what is included and of the tiers' bounds; what was used belongs to the part in which it was used. A
person counts once a month, so people are billed once, by the plan in force at the end. Every line is exact until the
sum of all is rounded to cents; the cents are then given to the lines by their largest remainders, so that they add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from stormplay.billing.meters import METERS, Meter, shown
from stormplay.billing.months import Month, days_said
from stormplay.billing.plans import Plan, Subscription, part_of
from stormplay.errors import BadInput

Usage = Mapping[str, Mapping[date, int]]
"""Meter to day to raw quantity."""


@dataclass(frozen=True)
class Line:
    """A line of a bill. `quantity` and `included` are raw; `for_month` is the month that it is about."""

    kind: str
    for_month: Month
    from_day: date
    until_day: date
    amount_cents: int
    description: str
    meter: str | None = None
    quantity: int | None = None
    included: int | None = None


@dataclass(frozen=True)
class Bill:
    """A month's lines; they add up to `total_cents`. No lines: there was no plan."""

    month: Month
    currency: str
    lines: tuple[Line, ...]

    @property
    def total_cents(self) -> int:
        """Their sum."""
        return sum(line.amount_cents for line in self.lines)


@dataclass(frozen=True)
class Part:
    """The days of a month on which one plan is in force."""

    plan: Plan
    from_day: date
    until_day: date
    whole: int

    @property
    def days(self) -> int:
        """How many."""
        return (self.until_day - self.from_day).days

    @property
    def share(self) -> Fraction:
        """Of the month."""
        return Fraction(self.days, self.whole)

    def included(self, of: Meter) -> int:
        """What it includes of a meter, raw."""
        term = self.plan.terms.get(of.name)
        if term is None:
            return 0
        return term.included if of.is_monthly else part_of(term.included, self.days, self.whole)


def parts(month: Month, subscriptions: Sequence[Subscription]) -> list[Part]:
    """The parts of a month, by their days; none where no plan is in force."""
    found = []
    for one in sorted(subscriptions, key=lambda one: one.valid_from):
        first = max(one.valid_from, month.begins)
        end = month.ends if one.valid_until is None else min(one.valid_until, month.ends)
        if first < end:
            found.append(Part(one.plan, first, end, month.days))
    return found


def price(month: Month, subscriptions: Sequence[Subscription], usage: Usage, until: date | None = None) -> Bill:
    """The bill of a month.

    Args:
        month: Which.
        subscriptions: Of the company; those of other months do not matter.
        usage: What was used on each day.
        until: Count what is measured by day, such as storage, on days before this one alone: for a month that has not
            ended. None: the whole month.

    Raises:
        BadInput: Plans of two currencies in one month.
    """
    found = parts(month, subscriptions)
    currencies = {part.plan.currency for part in found}
    if len(currencies) > 1:
        raise BadInput(f"{month.words} has plans in {' and '.join(sorted(currencies))}.", "Expected one currency.",
                       "Let the new plan begin with a month.")  # fmt: skip
    lines: list[tuple[Line, Fraction]] = []
    for part in found:
        lines.append(_base(month, part))
        for of in METERS.values():
            if of.name in part.plan.terms and (not of.is_monthly or part is found[-1]):
                first = found[0].from_day if of.is_monthly else part.from_day
                lines.append(_used(month, part, of, usage.get(of.name, {}), first, until))
    cents = round_up_to_sum([exact for _, exact in lines])
    made = tuple(Line(**{**vars(line), "amount_cents": amount}) for (line, _), amount in zip(lines, cents, strict=True))
    return Bill(month, currencies.pop() if currencies else "", made)


def _base(month: Month, part: Part) -> tuple[Line, Fraction]:
    exact = part.plan.base_cents * part.share
    said = f"Plan {part.plan.words}, {days_said(part.from_day, part.until_day)}: {part.days} of {part.whole} days"
    return Line("base", month, part.from_day, part.until_day, 0, said), exact


def _used(month: Month, part: Part, of: Meter, by_day: Mapping[date, int], first: date, until: date | None
          ) -> tuple[Line, Fraction]:  # fmt: skip
    quantity = used(of, by_day, first, part.until_day, until)
    included, term = part.included(of), part.plan.terms[of.name]
    share = Fraction(1) if of.is_monthly else part.share
    exact = term.charge(quantity - included, share)
    said = (f"{of.label}, {days_said(first, part.until_day)}: {shown(of, quantity)} of {shown(of, included)} "
            f"{of.unit} included")  # fmt: skip
    if quantity > included:
        said = (f"{of.label}, {days_said(first, part.until_day)}: {shown(of, quantity)} {of.unit}, "
                f"{shown(of, quantity - included)} beyond the {shown(of, included)} included")  # fmt: skip
    return Line("usage", month, first, part.until_day, 0, said, of.name, quantity, included), exact


def used(of: Meter, by_day: Mapping[date, int], first: date, end: date, until: date | None = None) -> int:
    """The raw quantity of a meter from a day to before another.

    A gauge's is the mean of its measurements times the days: of those days on which it was not measured nothing else is
    known. Without any measurement it is zero.
    """
    stop = end if until is None else min(end, max(until, first))
    counted = [quantity for day, quantity in by_day.items() if first <= day < stop]
    if not of.is_gauge:
        return sum(counted)
    return sum(counted) * (stop - first).days // len(counted) if counted else 0


def round_up_to_sum(exact: Sequence[Fraction]) -> list[int]:
    """Whole cents for exact ones, none below zero: their sum is the exact sum rounded (a half goes up).

    Each line gets its whole cents, and what is missing goes by one cent to those with the largest remainders, the first
    among equals first.
    """
    floors = [amount.numerator // amount.denominator for amount in exact]
    missing = (sum(exact, Fraction(0)) + Fraction(1, 2)).__floor__() - sum(floors)
    order = sorted(range(len(exact)), key=lambda at: (floors[at] - exact[at], at))
    for at in order[:missing]:
        floors[at] += 1
    return floors
