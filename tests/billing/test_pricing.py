"""Prices without a database: tiers, parts of a month, cents that add up, months over a change of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormplay.billing.meters import METERS
from stormplay.billing.months import Month, days_said, midnight
from stormplay.billing.plans import Plan, Subscription, Term, Tier, part_of, read_terms
from stormplay.billing.pricing import price, round_up_to_sum, used
from stormplay.errors import BadInput

MARCH, NOVEMBER = Month.parse("2024-03"), Month.parse("2023-11")
TIERS = (Tier(100, 50_000), Tier(1_000, 20_000), Tier(None, 10_000))


def plan(base=10_000, included=50, tiers=TIERS, per=1, name="crew"):
    return Plan(name, 1, "USD", base, {"routed_stops": Term(included, per, tiers)})


def on(month, n):
    return {"routed_stops": {month.begins: n}}


@pytest.mark.parametrize(
    ("beyond", "cents"),
    [(0, 0), (1, 5), (100, 500), (101, 502), (1_000, 500 + 900 * 2), (1_001, 2_301), (-5, 0)],
)
def test_each_tier_prices_what_lies_in_it(beyond, cents):
    assert plan().terms["routed_stops"].charge(beyond) == cents


@given(st.integers(0, 5_000), st.integers(1, 1_000))
def test_a_price_is_that_of_each_unit_by_itself(beyond, per):
    term = Term(0, per, TIERS)
    units = sum((50_000 if n < 100 else 20_000 if n < 1_000 else 10_000) for n in range(beyond))
    assert term.charge(beyond) == Fraction(units, per * 10_000)


@given(st.lists(st.fractions(0, 10_000, max_denominator=997), max_size=30))
def test_cents_add_up_and_none_is_a_cent_off(exact):
    cents = round_up_to_sum(exact)
    total = sum(exact, Fraction(0))
    said = Decimal(total.numerator) / Decimal(total.denominator)
    if total.denominator <= 2:  # a half, said exactly
        assert sum(cents) == int(said.quantize(Decimal(1), ROUND_HALF_UP))
    assert abs(sum(cents) - total) <= Fraction(1, 2)
    assert all(got - want + 1 >= 0 and got - want < 1 for got, want in zip(cents, exact, strict=True))


@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(0, 3_000))
def test_parts_of_a_month_have_what_the_whole_has(base, cut, n):
    """The same plan, ended and begun again within the month: the price of the month is the same to the cent."""
    middle = MARCH.begins + timedelta(days=cut)
    one, whole = plan(base), [Subscription(plan(base), date(2023, 1, 1))]
    halves = [Subscription(one, date(2023, 1, 1), middle), Subscription(one, middle)]
    assert price(MARCH, halves, {}).total_cents == price(MARCH, whole, {}).total_cents == base
    bill = price(MARCH, halves, on(MARCH, n))
    assert sum(line.amount_cents for line in bill.lines) == bill.total_cents
    assert all(line.amount_cents >= 0 for line in bill.lines)


@given(st.integers(0, 10**9), st.integers(0, 31))
def test_a_part_is_never_less_than_its_share(amount, days):
    part = part_of(amount, days, 31)
    assert 0 <= part - Fraction(amount * days, 31) < 1 and part <= amount


def test_more_use_never_costs_less():
    subscriptions = [
        Subscription(plan(), date(2023, 1, 1), date(2024, 3, 10)),
        Subscription(plan(5_000, 20), date(2024, 3, 10)),
    ]
    costs = [price(MARCH, subscriptions, on(MARCH, n)).total_cents for n in range(0, 2_000, 7)]
    assert costs == sorted(costs)


def test_a_company_that_begins_on_the_eleventh_pays_from_there_on():
    usage = {"routed_stops": {date(2024, 3, 10): 99, date(2024, 3, 11): 24}}
    bill = price(MARCH, [Subscription(plan(3_100, 31), date(2024, 3, 11))], usage)
    base, usage = bill.lines
    assert (base.amount_cents, usage.quantity, usage.included, usage.amount_cents) == (2_100, 24, 21, 3 * 5)


def test_people_count_once_by_the_plan_at_the_end():
    terms = {"active_users": Term(2, 1, (Tier(None, 10_000_000),))}
    small, large = Plan("small", 1, "USD", 0, terms), Plan("large", 1, "USD", 0, {"active_users": Term(4, 1, ())})
    both = [Subscription(small, date(2024, 1, 1), date(2024, 3, 20)), Subscription(large, date(2024, 3, 20))]
    usage = {"active_users": {date(2024, 3, 2): 3, date(2024, 3, 25): 2}}
    assert price(MARCH, both, usage).total_cents == 0
    assert price(MARCH, both[:1], usage).total_cents == 1_000  # ended on the 20th: three people, two included


def test_storage_is_the_mean_of_its_days():
    of = METERS["storage_bytes"]
    gauges = {date(2024, 3, 1): 100, date(2024, 3, 3): 300}
    assert used(of, gauges, MARCH.begins, MARCH.ends) == 200 * 31
    assert used(of, gauges, MARCH.begins, MARCH.ends, date(2024, 3, 5)) == 200 * 4
    assert used(of, {}, MARCH.begins, MARCH.ends) == 0


def test_no_plan_no_bill_and_two_currencies_are_refused():
    assert price(MARCH, [], on(MARCH, 9)).lines == ()
    other = Plan("euro", 1, "EUR", 1, {})
    with pytest.raises(BadInput, match="EUR and USD"):
        price(
            MARCH, [Subscription(plan(), date(2024, 1, 1), date(2024, 3, 5)), Subscription(other, date(2024, 3, 5))], {}
        )


def test_a_month_is_as_long_as_its_clocks_say():
    hours = {zone: [(b - a) / timedelta(hours=1) for a, b in (m.period(zone) for m in (MARCH, NOVEMBER))]
             for zone in ("America/Chicago", "Asia/Kolkata", "UTC")}  # fmt: skip
    assert hours == {"America/Chicago": [743, 721], "Asia/Kolkata": [744, 720], "UTC": [744, 720]}
    assert MARCH.period("America/Chicago")[0] == datetime(2024, 3, 1, 6, tzinfo=UTC)
    assert MARCH.period("America/Chicago")[1] == datetime(2024, 4, 1, 5, tzinfo=UTC)
    assert midnight(date(2023, 11, 1), "Asia/Kolkata") == datetime(2023, 10, 31, 18, 30, tzinfo=UTC)


def test_months_and_days_in_words():
    assert (str(MARCH.next), MARCH.words, Month.parse("2023-12").ends) == ("2024-04", "March 2024", date(2024, 1, 1))
    assert days_said(date(2024, 3, 1), date(2024, 4, 1)) == "1 to 31 March"
    assert days_said(date(2024, 3, 9), date(2024, 3, 10)) == "9 March"
    for said in ("2024-3", "2024-13", "0000-01", "March", "2024-03-01"):
        with pytest.raises(BadInput, match="is no month"):
            Month.parse(said)


@pytest.mark.parametrize(
    "terms",
    [
        {"doors": {}},
        {"reports": {"included": 1.5}},
        {"reports": {"included": -1}},
        {"reports": {"per": 0}},
        {"reports": {"free": 1}},
        {"reports": {"tiers": [{"up_to": 5, "micros": 1}]}},
        {"reports": {"tiers": [{"up_to": None, "micros": 1}, {"up_to": None, "micros": 1}]}},
        {"reports": {"tiers": [{"up_to": 9, "micros": 1}, {"up_to": 5, "micros": 1}, {"up_to": None, "micros": 1}]}},
        {"reports": {"tiers": [{"micros": 1}]}},
        {"reports": {"cap": True}},
    ],
)
def test_terms_that_cannot_be_used_are_refused(terms):
    with pytest.raises(BadInput):
        read_terms(terms)
