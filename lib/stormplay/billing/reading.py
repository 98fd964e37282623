"""How a company stands: what it used of what its plan includes, the bill so far, and its invoices. For its members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pandas as pd
from sqlalchemy import text

from stormplay import clock, tenancy
from stormplay.billing import facts, months
from stormplay.billing.facts import Account
from stormplay.billing.meters import METERS, Meter, shown
from stormplay.billing.months import Month
from stormplay.billing.pricing import Bill, Part, Usage, parts, price, used
from stormplay.errors import BadInput

EARLY_DAYS = 3  # of a month, after which its end is guessed at from them
WARN_AT = (1.0, 0.8)

_INVOICES = """
SELECT number, to_char(month, 'YYYY-MM') AS month, total_cents, kind, closed_at, refers_to, currency, reason
  FROM invoices WHERE tenant_id = :tenant_id ORDER BY number DESC
"""
_ONE = """
SELECT number, kind, month, period_from, period_to, time_zone, org_name, currency, total_cents, refers_to,
       reason, closed_at
  FROM invoices WHERE tenant_id = :tenant_id AND number = :number
"""
_LINES = """
SELECT line, kind, to_char(for_month, 'YYYY-MM') AS for_month, from_day, until_day, meter, quantity, included,
       amount_cents, description FROM invoice_lines WHERE tenant_id = :tenant_id AND number = :number ORDER BY line
"""


@dataclass(frozen=True)
class Standing:
    """What a company used in a month, and what that costs so far.

    Attributes:
        month: As 2021-03, in the billing time zone `time_zone`.
        plan: The plan in force, in words; '' where there is none: then usage is counted and nothing is billed.
        frame: A row a meter: meter, label, unit, used, included (NaN: not in the plan), share (of what is included; NaN
            where that is nothing), projected (for the whole month; NaN: too early to say), cap (NaN: none), warning (a
            sentence, or ''). Quantities in `unit`.
        estimate_cents: The invoice if the month ended now: the price of the whole month and what was used until now.
        lines: What that is made of: kind, meter, from_day, until_day, quantity (raw), included (raw), amount_cents,
            description.
        invoices: Newest first: number, month, total_cents, kind, closed_at, refers_to, currency, reason.
        currency: Of all amounts; '' where there is no plan.
        sentence: All of it in a sentence.
    """

    month: str
    time_zone: str
    plan: str
    frame: pd.DataFrame
    estimate_cents: int
    lines: pd.DataFrame
    invoices: pd.DataFrame
    currency: str
    sentence: str


def standing(tenant: str | UUID, month: str | None = None) -> Standing:
    """How a company stands in a month.

    Args:
        tenant: Its slug or id; a selection, never an authority.
        month: As 2021-03; None: the month that it is in the company's billing time zone.

    Raises:
        UnknownTenant: No such tenant is open to this person.
        BadInput: The month is none.
    """
    wanted = None if month is None else Month.parse(month)
    with tenancy.session(tenant) as connection:
        tenant_id = str(connection.info["tenant_id"])
        account = facts.read_account(connection, tenant_id)
        today = months.today(clock.now(), account.time_zone)
        wanted = wanted or Month.of(today)
        usage = facts.read_usage(connection, tenant_id, wanted, is_member=True)
        invoices = tenancy.frame(connection, _INVOICES)
    until = min(max(today + timedelta(days=1), wanted.begins), wanted.ends)
    bill = price(wanted, account.subscriptions, usage, until)
    plan = account.plan_on(min(max(today, wanted.begins), wanted.ends - timedelta(days=1)))
    rows = [_row(account, wanted, of, usage, until) for of in METERS.values()]
    frame = pd.DataFrame(rows)
    return Standing(
        str(wanted), account.time_zone, plan.words if plan else "", frame, bill.total_cents, _lines(bill), invoices,
        bill.currency, _sentence(wanted, plan.words if plan else "", bill, frame),
    )  # fmt: skip


def _row(account: Account, month: Month, of: Meter, usage: Usage, until: date) -> dict[str, Any]:
    by_day, found = usage.get(of.name, {}), parts(month, account.subscriptions)
    first = found[0].from_day if found else month.begins
    raw = used(of, by_day, first, month.ends, until)
    has = any(of.name in part.plan.terms for part in found)
    included = _included(of, found) if has else None
    plan = account.plan_on(max(until - timedelta(days=1), month.begins))
    cap = plan.terms[of.name].cap if plan and of.name in plan.terms else None
    share = raw / included if included else float("nan")
    return {
        "meter": of.name, "label": of.label, "unit": of.unit, "used": _in_units(of, raw),
        "included": _in_units(of, included), "share": share,
        "projected": _in_units(of, _projected(of, raw, first, until, month)), "cap": _in_units(of, cap),
        "warning": _warning(of, raw, included, cap, share),
    }  # fmt: skip


def _included(of: Meter, found: list[Part]) -> int:
    return found[-1].included(of) if of.is_monthly else sum(part.included(of) for part in found)


def _in_units(of: Meter, raw: int | None) -> float:
    return float("nan") if raw is None else raw / of.shown


def _projected(of: Meter, raw: int, first: date, until: date, month: Month) -> int | None:
    """What the month comes to if it goes on as until now. People are counted once, so they do not go on."""
    gone = (until - first).days
    if until >= month.ends or of.is_monthly:
        return raw
    return None if gone < EARLY_DAYS else raw * (month.ends - first).days // gone


def _warning(of: Meter, raw: int, included: int | None, cap: int | None, share: float) -> str:
    if cap is not None and raw >= cap:
        return (f"The cap of {shown(of, cap)} {of.unit} is reached: no more are begun this month. Take a larger plan "
                "to go on.")  # fmt: skip
    if included is None or not share >= WARN_AT[-1]:
        return ""
    more = "What is more is charged" if cap is None else f"What is more is charged, up to {shown(of, cap)}"
    return (f"{share * 100:.0f} % of the {shown(of, included)} {of.unit} included are used. {more}; a larger plan "
            "includes more.")  # fmt: skip


def _lines(bill: Bill) -> pd.DataFrame:
    names = ["kind", "meter", "from_day", "until_day", "quantity", "included", "amount_cents", "description"]
    return pd.DataFrame([{name: getattr(line, name) for name in names} for line in bill.lines], columns=names)


def _sentence(month: Month, plan: str, bill: Bill, frame: pd.DataFrame) -> str:
    if not bill.lines:
        return f"There was no plan in {month.words}: usage is counted, and nothing is billed."
    near = [str(label) for label, warning in zip(frame["label"], frame["warning"], strict=True) if warning]
    said = f"{month.words} comes to {money(bill.total_cents, bill.currency)} so far, on {plan or 'no plan now'}."
    return said + (
        f" Near or beyond what is included: {', '.join(near)}." if near else " All is within what is included."
    )


def money(cents: int, currency: str) -> str:
    """An amount as people read it: '299.00 USD'."""
    sign, whole = "-" if cents < 0 else "", abs(cents)
    return f"{sign}{whole // 100:,}.{whole % 100:02d} {currency}".rstrip()


def invoice(tenant: str | UUID, number: int) -> tuple[Mapping[str, Any], pd.DataFrame]:
    """An invoice or credit note of a company, and its lines.

    Returns:
        number, kind, month (a date), period_from, period_to, time_zone, org_name, currency, total_cents, refers_to,
        reason, closed_at; and a frame of line, kind, for_month, from_day, until_day, meter, quantity, included,
        amount_cents, description.

    Raises:
        UnknownTenant: No such tenant is open to this person.
        BadInput: The company has none of that number.
    """
    with tenancy.session(tenant) as connection:
        values = {"tenant_id": connection.info["tenant_id"], "number": number}
        head = connection.execute(text(_ONE), values).mappings().one_or_none()
        lines = tenancy.frame(connection, _LINES, values)
    if head is None:
        raise BadInput(f"There is no invoice {number}.", remedy="'stormplay billing invoices' shows what there is.")
    return dict(head), lines
