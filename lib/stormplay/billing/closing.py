"""Months closed into invoices, and credit notes, as the database's administrator makes them.

An invoice and its lines are one transaction under the lock of the company's account. What is counted for a month after
it was closed comes with the next invoice: the month is priced anew, and what it was billed is taken off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay.billing import facts, office
from stormplay.billing.facts import Account
from stormplay.billing.months import Month
from stormplay.billing.pricing import Bill, Line, Usage, parts, price
from stormplay.errors import BadInput, Closed

_INVOICE = """
INSERT INTO invoices (tenant_id, number, kind, month, period_from, period_to, time_zone, org_name, currency,
                      total_cents, line_count, refers_to, reason, closed_by)
VALUES (:tenant, :number, :kind, :month, :period_from, :period_to, :zone, :name, :currency, :total, :lines, :refers_to,
        :reason, :who)
"""
_LINE = """
INSERT INTO invoice_lines (tenant_id, number, line, kind, for_month, from_day, until_day, meter, quantity, included,
                           amount_cents, description)
VALUES (:tenant, :number, :line, :kind, :for_month, :from_day, :until_day, :meter, :quantity, :included, :amount_cents,
        :description)
"""
_NEXT = "SELECT coalesce(max(number), 0) + 1 FROM invoices WHERE tenant_id = :tenant"


@dataclass(frozen=True)
class Issued:
    """An invoice or a credit note that was made: its number, kind, month and total; `tenant` is the short name."""

    tenant: str
    number: int
    kind: str
    month: Month
    total_cents: int
    currency: str


def close_month(tenant: str, month: str | Month, now: datetime | None = None) -> Issued | None:
    """Close a month of a company: its invoice, with what came late for months before.

    Args:
        tenant: The company's slug or id.
        month: As 2021-03; it has ended in the company's billing time zone.
        now: The moment to reckon from; None: this one.

    Returns:
        The invoice; None where the company had no plan in that month and nothing came late.

    Raises:
        Closed: It is closed already, has not ended, or an earlier month has to be closed first.
        BadInput: No such company or month.
    """
    wanted = Month.parse(month) if isinstance(month, str) else month
    with office.administrator() as connection:
        account = office.locked(connection, tenant)
        done = facts.closed_months(connection, account.tenant_id)
        _check_order(account, wanted, done, now or datetime.now(UTC))
        bill = price(wanted, account.subscriptions, _usage(connection, account, wanted))
        late = [line for each in done for line in _adjustment(connection, account, each)]
        lines = _affordable(bill, late)
        if not lines:
            return None
        currency = bill.currency or account.subscriptions[-1].plan.currency
        return _issue(connection, account, wanted, "invoice", lines, currency)


def _check_order(account: Account, wanted: Month, done: Sequence[Month], now: datetime) -> None:
    if wanted in done:
        raise Closed(f"{wanted.words} of {account.slug} is closed already.", "A month closes once.",
                     "What was counted for it since then comes with the next invoice.")  # fmt: skip
    if wanted.period(account.time_zone)[1] > now:
        raise Closed(f"{wanted.words} of {account.slug} has not ended yet ({account.time_zone}).",
                     "A month closes when its last day is over.")  # fmt: skip
    if done and wanted < done[-1]:
        raise Closed(f"{wanted.words} of {account.slug} comes before {done[-1].words}, which is closed.",
                     "Months close in order.")  # fmt: skip
    before = Month.of(min((one.valid_from for one in account.subscriptions), default=wanted.begins))
    if done:
        before = max(before, done[-1].next)
    while before < wanted:
        if parts(before, account.subscriptions):
            raise Closed(f"{before.words} of {account.slug} has to be closed first.", "Months close in order.",
                         f"stormplay billing close --tenant {account.slug} --month {before}")  # fmt: skip
        before = before.next


def _adjustment(connection: Connection, account: Account, month: Month) -> list[Line]:
    """What a closed month costs by now, less what it was billed; nothing where that is nothing."""
    bill = price(month, account.subscriptions, _usage(connection, account, month))
    missing = bill.total_cents - facts.billed_cents(connection, account.tenant_id, month)
    if not missing:
        return []
    said = f"{month.words}: counted after it was closed, at that month's prices"
    return [Line("adjustment", month, month.begins, month.ends, missing, said)]


def _affordable(bill: Bill, late: Sequence[Line]) -> list[Line]:
    """All lines, so that no invoice is below zero: of an adjustment that gives back more, the rest waits."""
    kept, left = list(bill.lines), bill.total_cents + sum(max(line.amount_cents, 0) for line in late)
    for line in late:
        cents = max(line.amount_cents, -left) if line.amount_cents < 0 else line.amount_cents
        left += min(cents, 0)
        if cents:
            kept.append(Line(**{**vars(line), "amount_cents": cents}))
    return kept


def give_credit(tenant: str, invoice: int, cents: int, reason: str) -> Issued:
    """Give back a part of an invoice, or all of it, by a credit note with a number of its own.

    Args:
        tenant: The company's slug or id.
        invoice: The invoice's number.
        cents: How much, 1 or more; with earlier credit notes never more than the invoice.
        reason: Why, in words that the company reads.

    Raises:
        BadInput: There is no such invoice, the amount is none or too large, or there is no reason.
    """
    if cents < 1 or not 1 <= len(reason.strip()) <= 300:
        raise BadInput("A credit note needs an amount and a reason.", "Expected 1 cent or more, and 1 to 300 signs.")
    with office.administrator() as connection:
        account = office.locked(connection, tenant)
        query = text("SELECT month, currency FROM invoices WHERE tenant_id = :t AND number = :n AND kind = 'invoice'")
        found = connection.execute(query, {"t": account.tenant_id, "n": invoice}).one_or_none()
        if found is None:
            raise BadInput(f"{account.slug} has no invoice {invoice}.",
                           remedy=f"stormplay billing invoices --tenant {account.slug}")  # fmt: skip
        month = Month(found.month)
        line = Line("credit", month, month.begins, month.ends, cents, f"Credit on invoice {invoice}: {reason.strip()}")
        return _issue(connection, account, month, "credit note", [line], found.currency, invoice, reason.strip())


def _issue(connection: Connection, account: Account, month: Month, kind: str, lines: Sequence[Line], currency: str,
           refers_to: int | None = None, reason: str | None = None) -> Issued:  # fmt: skip
    number = connection.execute(text(_NEXT), {"tenant": account.tenant_id}).scalar_one()
    begins, ends = month.period(account.time_zone)
    total = sum(line.amount_cents for line in lines)
    connection.execute(
        text(_INVOICE),
        {"tenant": account.tenant_id, "number": number, "kind": kind, "month": month.begins, "period_from": begins,
         "period_to": ends, "zone": account.time_zone, "name": account.org_name, "currency": currency, "total": total,
         "lines": len(lines), "refers_to": refers_to, "reason": reason, "who": office.who()},
    )  # fmt: skip
    rows = [
        {**vars(line), "tenant": account.tenant_id, "number": number, "line": at, "for_month": line.for_month.begins}
        for at, line in enumerate(lines, start=1)
    ]
    connection.execute(text(_LINE), rows)
    connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))  # said here, not at the commit
    return Issued(account.slug, number, kind, month, total, currency)


def _usage(connection: Connection, account: Account, month: Month) -> Usage:
    return facts.read_usage(connection, account.tenant_id, month, is_member=False)
