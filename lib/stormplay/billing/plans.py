"""What a plan says: a price a month, what that includes, and what is charged beyond it, tier by tier. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from stormplay.billing.meters import METERS
from stormplay.errors import BadInput

MICROS_A_CENT = 10_000


@dataclass(frozen=True)
class Tier:
    """A price for what is beyond the included amount, up to a bound counted from there; None: without a bound.

    Attributes:
        up_to: Raw quantity beyond what is included.
        micros: Millionths of the currency's unit, for each `per` of the term.
    """

    up_to: int | None
    micros: int


@dataclass(frozen=True)
class Term:
    """What a plan says of one meter, in raw quantities.

    Attributes:
        included: What the price of a month includes.
        per: How much a tier's price is for.
        tiers: Prices beyond that, the last without a bound; none: nothing is charged.
        cap: What may be used in a month; None: any amount.
    """

    included: int
    per: int
    tiers: tuple[Tier, ...]
    cap: int | None = None

    def charge(self, beyond: Fraction | int, share: Fraction = Fraction(1)) -> Fraction:
        """What a quantity beyond the included amount costs, in cents and exactly.

        Args:
            beyond: Raw quantity; below zero counts as zero.
            share: The part of the month that the plan is in force, by which the bounds of the tiers are shorter.
        """
        left, floor, micros = max(Fraction(beyond), Fraction(0)), Fraction(0), Fraction(0)
        for tier in self.tiers:
            width = left if tier.up_to is None else min(left, _up(tier.up_to * share) - floor)
            micros += width * tier.micros / self.per
            left -= width
            floor += width
        return micros / MICROS_A_CENT


@dataclass(frozen=True)
class Plan:
    """A version of a plan."""

    name: str
    version: int
    currency: str
    base_cents: int
    terms: Mapping[str, Term]

    @property
    def words(self) -> str:
        """As people read it: 'Crew, version 1'."""
        return f"{self.name.replace('-', ' ').capitalize()}, version {self.version}"


@dataclass(frozen=True)
class Subscription:
    """A plan from one day to before another; None: it goes on."""

    plan: Plan
    valid_from: date
    valid_until: date | None = None


def part_of(amount: int, days: int, whole: int) -> int:
    """The part of a month's amount that belongs to some of its days, rounded up: in favour of who pays."""
    return _up(Fraction(amount * days, whole))


def _up(exact: Fraction) -> int:
    return -(-exact.numerator // exact.denominator)


def read_terms(said: Mapping[str, Any]) -> dict[str, Term]:
    """Terms as the catalogue keeps them, checked.

    Raises:
        BadInput: A meter that there is not, an amount that is no whole number, tiers that do not rise or do not end.
    """
    found = {}
    for name, one in said.items():
        if name not in METERS:
            raise BadInput(f"There is no meter '{name}'.", f"Expected of {', '.join(METERS)}.")
        if not isinstance(one, Mapping) or set(one) - {"included", "per", "tiers", "cap"}:
            raise _bad(name, "it has words that are not known", "included, per, tiers and cap")
        tiers = tuple(_tier(name, each) for each in one.get("tiers", ()))
        bounds = [tier.up_to for tier in tiers]
        if tiers and (bounds[-1] is not None or any(bound is None for bound in bounds[:-1])):
            raise _bad(name, "the last tier and no other has no bound", "up_to of null in the last one alone")
        known = [bound for bound in bounds if bound is not None]
        if known != sorted(set(known)):
            raise _bad(name, f"the bounds are {known}", "bounds that rise")
        cap = one.get("cap")
        found[name] = Term(_whole(name, one.get("included", 0)), _whole(name, one.get("per", 1), 1), tiers,
                           None if cap is None else _whole(name, cap))  # fmt: skip
    return found


def _tier(name: str, one: Any) -> Tier:
    if not isinstance(one, Mapping) or set(one) != {"up_to", "micros"}:
        raise _bad(name, f"a tier is {one!r}", "up_to and micros")
    return Tier(None if one["up_to"] is None else _whole(name, one["up_to"], 1), _whole(name, one["micros"]))


def _whole(name: str, value: Any, least: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise _bad(name, f"it says {value!r}", f"a whole number of {least} or more")
    return value


def _bad(name: str, what: str, expected: str) -> BadInput:
    return BadInput(f"The terms of {name} cannot be used: {what}.", f"Expected {expected}.")
