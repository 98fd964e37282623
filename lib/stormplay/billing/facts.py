"""What a bill is made of, as the database has it: account, subscriptions, usage by day, invoices.

The same queries for a member of the company, under the policy, and for the administrator, who names the company.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay.billing.months import Month
from stormplay.billing.plans import Plan, Subscription, read_terms
from stormplay.billing.pricing import Usage

_ACCOUNT = """
SELECT a.time_zone, t.org_name, t.slug FROM billing_accounts a JOIN tenants t ON t.tenant_id = a.tenant_id
 WHERE a.tenant_id = :tenant AND t.tenant_id = :tenant
"""
_SUBSCRIPTIONS = """
SELECT plan, version, currency, base_cents, terms, valid_from, valid_until FROM subscriptions
 WHERE tenant_id = :tenant ORDER BY valid_from
"""
_BILLED = """
SELECT sum(amount_cents)::bigint FROM invoice_lines
 WHERE tenant_id = :tenant AND for_month = :month AND kind <> 'credit'
"""
_USAGE = {
    True: "SELECT meter, day, quantity FROM sec.my_usage(:first, :end)",
    False: "SELECT meter, day, quantity FROM sec.usage_days(:tenant, :first, :end)",
}


@dataclass(frozen=True)
class Account:
    """A company as who pays: its id, short and full name, billing time zone, and its plans in order."""

    tenant_id: str
    slug: str
    org_name: str
    time_zone: str
    subscriptions: tuple[Subscription, ...]

    def plan_on(self, day: date) -> Plan | None:
        """The plan in force on a day."""
        for one in self.subscriptions:
            if one.valid_from <= day and (one.valid_until is None or day < one.valid_until):
                return one.plan
        return None


def read_account(connection: Connection, tenant_id: str) -> Account:
    """A company's account.

    Args:
        connection: A session of the company, or the administrator's transaction.
        tenant_id: Its id.
    """
    values = {"tenant": tenant_id}
    zone, name, slug = connection.execute(text(_ACCOUNT), values).one()
    rows = connection.execute(text(_SUBSCRIPTIONS), values)
    return Account(tenant_id, slug, name, zone, tuple(_subscription(row) for row in rows))


def _subscription(row: Any) -> Subscription:
    plan = Plan(row.plan, row.version, row.currency, row.base_cents, read_terms(row.terms))
    return Subscription(plan, row.valid_from, row.valid_until)


def read_usage(connection: Connection, tenant_id: str, month: Month, *, is_member: bool) -> Usage:
    """What the company used on each day of a month, as of this moment: meter to day to raw quantity."""
    values = {"first": month.begins, "end": month.ends} | ({} if is_member else {"tenant": tenant_id})
    found: dict[str, dict[date, int]] = {}
    for name, day, quantity in connection.execute(text(_USAGE[is_member]), values):
        found.setdefault(name, {})[day] = quantity
    return found


def billed_cents(connection: Connection, tenant_id: str, month: Month) -> int:
    """What has been billed for a month so far, with its adjustments and without credit notes."""
    found = connection.execute(text(_BILLED), {"tenant": tenant_id, "month": month.begins})
    return int(found.scalar_one() or 0)


def closed_months(connection: Connection, tenant_id: str) -> Sequence[Month]:
    """The months that are closed, in order."""
    query = "SELECT month FROM invoices WHERE tenant_id = :tenant AND kind = 'invoice' ORDER BY month"
    return [Month(begins) for begins in connection.execute(text(query), {"tenant": tenant_id}).scalars()]
