"""Invoices of two companies against what `simulated` works out by itself; and that nobody changes one."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from simulated import TERMS, Company, bill, made_up
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from stormplay import billing, retention
from stormplay import database as db
from stormplay.billing import closing, metering, subscribing
from stormplay.billing.months import Month
from stormplay.errors import BadInput, Closed

MONTHS = [(2023, 11), (2023, 12), (2024, 1), (2024, 2), (2024, 3)]  # the clocks change in the first and in the last


@pytest.fixture(scope="module")
def catalogue(database):
    for name, (base, terms) in TERMS.items():
        subscribing.add_plan(name, base, terms)


@pytest.fixture(scope="module")
def companies(catalogue):
    """One that changes its plan in spring, and one, where days begin within an hour of UTC, that comes and goes."""
    changes = Company(
        "America/Chicago", [("small", date(2023, 11, 1), date(2024, 3, 12)), ("large", date(2024, 3, 12), None)]
    )
    comes = Company("Asia/Kolkata", [("large", date(2023, 11, 10), date(2024, 3, 21))])
    for seed, company in enumerate((changes, comes)):
        for plan, first, until in company.plans:
            subscribing.subscribe(company.slug, plan, first, until)
        company.count(made_up(company, MONTHS, seed))
    return changes, comes


def lines_of(company, number):
    head, lines = billing.invoice(company.slug, number)
    return head["total_cents"], [
        ("base" if kind == "base" else meter, None if pd.isna(quantity) else int(quantity), cents)
        for kind, meter, quantity, cents in lines[["kind", "meter", "quantity", "amount_cents"]].to_numpy()
        if kind in ("base", "usage")
    ], {row.for_month: row.amount_cents for row in lines.itertuples() if row.kind == "adjustment"}  # fmt: skip


def test_every_invoice_is_what_the_facts_cost_to_the_cent(companies):
    billed = {}  # (company, month) -> what it cost when it was last looked at
    for place, (year, month) in enumerate(MONTHS):
        for company in companies:
            if place % 2:
                metering.meter_all()  # summed up before, or not: a bill is the same
            made = closing.close_month(company.slug, f"{year}-{month:02d}")
            total, lines, late = lines_of(company, made.number)
            expected, month_total = bill(company, year, month)
            assert made.number == place + 1 and lines == expected
            owed = {f"{y}-{m:02d}": bill(company, y, m)[1] - billed[company.slug, y, m] for y, m in MONTHS[:place]}
            assert late == {said: cents for said, cents in owed.items() if cents}
            assert total == made.total_cents == month_total + sum(late.values())
            for y, m in MONTHS[: place + 1]:
                billed[company.slug, y, m] = bill(company, y, m)[1]
        # After both are closed more comes for that month and for earlier ones; some of it was known.
        for company in companies:
            company.count(made_up(company, MONTHS[: place + 1], seed=place % 3)[:: 5 + place])
            company.count(
                [("reports", f"late {place} {n}", 1, datetime(year, month, 15, tzinfo=UTC)) for n in range(40)]
            )
    late_cents = [lines_of(company, number)[2] for company in companies for number in range(1, 6)]
    assert sum(map(bool, late_cents)) == 8  # each but the first had something that came late


def test_a_company_that_has_gone_still_gets_what_came_late_and_then_nothing(companies):
    _, comes = companies
    made = closing.close_month(comes.slug, "2024-04")
    head, lines = billing.invoice(comes.slug, made.number)
    assert set(lines["kind"]) == {"adjustment"} and head["total_cents"] == made.total_cents > 0
    assert closing.close_month(comes.slug, "2024-05") is None


def test_a_month_closes_once_in_order_and_when_it_is_over(companies):
    changes, _ = companies
    with pytest.raises(Closed, match=r"March 2024 of .* is closed already"):
        closing.close_month(changes.slug, "2024-03")
    with pytest.raises(Closed, match=r"April 2024 of .* has to be closed first"):
        closing.close_month(changes.slug, "2024-05")
    ends = Month.parse("2024-04").period(changes.zone)[1]
    with pytest.raises(Closed, match="has not ended yet"):
        closing.close_month(changes.slug, "2024-04", now=ends - timedelta(microseconds=1))
    with pytest.raises(BadInput, match="no month"):
        closing.close_month(changes.slug, "spring")
    with pytest.raises(BadInput, match="no tenant 'nobody'"):
        closing.close_month("nobody", "2024-04")


def test_the_numbers_have_no_gap_and_a_credit_never_exceeds(companies):
    changes, _ = companies
    first = billing.invoice(changes.slug, 1)[0]["total_cents"]
    one = closing.give_credit(changes.slug, 1, first - 1, "A day without routes")
    with pytest.raises(BadInput, match="2 cents on invoice 1"):
        closing.give_credit(changes.slug, 1, 2, "More")
    two = closing.give_credit(changes.slug, 1, 1, "The rest")
    assert two.number == one.number + 1
    for invoice, cents, why in ((1, 1, "x"), (one.number, 1, "x"), (99, 1, "x"), (2, 0, "x"), (2, 1, " ")):
        with pytest.raises(BadInput):
            closing.give_credit(changes.slug, invoice, cents, why)
    numbers = billing.standing(changes.slug).invoices["number"]
    assert list(numbers) == list(range(len(numbers), 0, -1))


def test_a_credit_is_no_part_of_what_a_month_was_billed(companies):
    """Else the next invoice would take it back."""
    changes, _ = companies
    made = closing.close_month(changes.slug, "2024-04")
    _, total = bill(changes, 2024, 4)
    late = lines_of(changes, made.number)[2]
    assert made.total_cents == total + sum(late.values()) and set(late) <= {f"{y}-{m:02d}" for y, m in MONTHS}
    assert closing.close_month(changes.slug, "2024-05").total_cents == bill(changes, 2024, 5)[1]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE invoices SET total_cents = 0",
        "UPDATE invoice_lines SET amount_cents = 0",
        "DELETE FROM invoices",
        "DELETE FROM invoice_lines",
        "TRUNCATE invoices CASCADE",
        "TRUNCATE invoice_lines",
        "UPDATE sec.plan SET base_cents = 0",
        "DELETE FROM sec.plan",
        "UPDATE subscriptions SET base_cents = 0",
        "DELETE FROM subscriptions",
        "UPDATE subscriptions SET valid_until = '2023-12-01' WHERE tenant_id = :tenant AND valid_from < '2023-12-01'",
        "UPDATE billing_accounts SET time_zone = 'UTC' WHERE tenant_id = :tenant",
        "INSERT INTO subscriptions SELECT tenant_id, '2022-01-01', NULL, plan, version, currency, base_cents, terms "
        "FROM subscriptions WHERE tenant_id = :tenant LIMIT 1",
        "INSERT INTO invoice_lines SELECT tenant_id, number, line + 100, kind, for_month, from_day, until_day, meter, "
        "quantity, included, amount_cents, description FROM invoice_lines WHERE tenant_id = :tenant AND number = 2",
        "INSERT INTO invoices SELECT tenant_id, number + 100, kind, '2024-08-01', period_from, period_to, time_zone, "
        "org_name, currency, 0, 1, NULL, NULL, now(), 'x' FROM invoices WHERE tenant_id = :tenant AND number = 2",
        "INSERT INTO invoices SELECT tenant_id, (SELECT max(number) + 1 FROM invoices WHERE tenant_id = :tenant), "
        "kind, '2024-08-01', period_from, period_to, time_zone, org_name, currency, 100, 1, NULL, NULL, now(), 'x' "
        "FROM invoices WHERE tenant_id = :tenant AND number = 2",
    ],
)  # fmt: skip
def test_what_stands_stands_for_the_administrator_and_the_owner_too(companies, statement):
    changes, _ = companies
    for owner in ("SELECT 1", "SET LOCAL ROLE stormplay_owner"):
        with pytest.raises(DBAPIError) as refused, db.transaction(db.admin_url()) as connection:
            connection.execute(text(owner))
            connection.execute(text(statement), {"tenant": changes.tenant_id} if ":tenant" in statement else {})
        state = refused.value.orig.pgcode
        assert state == "SP006" or (owner != "SELECT 1" and state == "42501"), refused.value


def test_two_who_close_at_once_make_one_invoice(catalogue):
    from threading import Barrier, Thread

    company = Company("America/Chicago", [("small", date(2024, 1, 1), None)])
    subscribing.subscribe(company.slug, "small", date(2024, 1, 1))
    said, gate = [], Barrier(2)

    def close():
        gate.wait()
        try:
            said.append(closing.close_month(company.slug, "2024-01").number)
        except Closed as error:
            said.append(str(error))

    threads = [Thread(target=close) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 in said and any("closed already" in str(one) for one in said)
    assert list(billing.standing(company.slug).invoices["number"]) == [1]


def test_plans_follow_each_other_and_closed_days_stay(catalogue):
    company = Company("America/Chicago", [])
    with pytest.raises(BadInput, match="no plan 'none'"):
        subscribing.subscribe(company.slug, "none", date(2024, 1, 1))
    with pytest.raises(BadInput, match="cannot end"):
        subscribing.subscribe(company.slug, "small", date(2024, 1, 2), date(2024, 1, 2))
    subscribing.set_time_zone(company.slug, "America/Denver")
    subscribing.subscribe(company.slug, "small", date(2024, 1, 10))
    subscribing.subscribe(company.slug, "large", date(2024, 1, 20))
    with pytest.raises(Closed, match="another plan"):
        subscribing.subscribe(company.slug, "small", date(2024, 1, 5))
    assert closing.close_month(company.slug, "2024-01").total_cents == bill(
        Company("America/Denver", [("small", date(2024, 1, 10), date(2024, 1, 20)),
                                   ("large", date(2024, 1, 20), None)]), 2024, 1)[1]  # fmt: skip
    with pytest.raises(Closed):
        subscribing.set_time_zone(company.slug, "America/Chicago")
    with pytest.raises(Closed):
        subscribing.end(company.slug, date(2024, 1, 31))
    subscribing.end(company.slug, date(2024, 2, 1))
    assert closing.close_month(company.slug, "2024-02") is None
    subscribing.add_plan("euro", 100, {}, "EUR")
    with pytest.raises(BadInput, match="same currency"):
        subscribing.subscribe(company.slug, "euro", date(2024, 5, 1))


def test_files_say_what_the_invoice_says(companies):
    changes, _ = companies
    table = pd.read_csv(io.StringIO(billing.to_csv(changes.slug, 2)), dtype={"amount": str})
    head, lines = billing.invoice(changes.slug, 2)
    cents = [int(amount.replace(".", "")) for amount in table["amount"]]
    assert cents[:-1] == list(lines["amount_cents"]) and cents[-1] == head["total_cents"] == sum(cents[:-1])
    paper = billing.to_pdf(changes.slug, 2)
    assert paper.startswith(b"%PDF") and paper == billing.to_pdf(changes.slug, 2)
    with pytest.raises(BadInput, match="no invoice 99"):
        billing.to_pdf(changes.slug, 99)


def put_together():
    usage = [rule for rule in retention.RULES if rule.name == "usage"]
    (done,) = retention.retire({"usage": 400}, is_real=True, rules=usage)
    assert done.count is not None


def test_the_sums_by_hour_are_those_of_the_events(companies):
    """After all of this, and after single events were put together."""
    query = text("""
        SELECT coalesce(bool_and(s.quantity = h.quantity), true), count(*)
          FROM (SELECT e.tenant_id, e.meter, sec.usage_hour(e.occurred_at) AS hour,
                       (e.occurred_at AT TIME ZONE a.time_zone)::date AS day, sum(e.quantity) AS quantity
                  FROM usage_events e JOIN billing_accounts a USING (tenant_id) GROUP BY 1, 2, 3, 4) s
          FULL JOIN usage_hourly h USING (tenant_id, meter, hour, day)""")
    before = {}
    for act in (metering.meter_all, put_together, metering.meter_all):
        act()
        with db.transaction(db.admin_url()) as connection:
            agrees, hours = connection.execute(query).one()
        assert agrees and hours > 100
        for company in companies:
            frame = billing.standing(company.slug, "2024-03").frame
            assert before.setdefault(company.slug, frame["used"].to_list()) == frame["used"].to_list()
    with db.transaction(db.broker_url()) as connection, pytest.raises(Exception, match="400 days"):
        connection.execute(text("SELECT sec.retire_usage('30 days')"))
