"""Plans and who has which, as the database's administrator makes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay.billing import office
from stormplay.billing.facts import Account
from stormplay.billing.plans import Plan, read_terms
from stormplay.errors import BadInput

_NEWEST = """
SELECT DISTINCT ON (plan) plan, version, currency, base_cents, terms FROM sec.plan
 WHERE (CAST(:plan AS text) IS NULL OR plan = :plan) AND (CAST(:version AS int) IS NULL OR version = :version)
 ORDER BY plan, version DESC
"""
_SUBSCRIBE = """
INSERT INTO subscriptions (tenant_id, valid_from, valid_until, plan, version, currency, base_cents, terms)
SELECT :tenant, :first, :until, p.plan, p.version, p.currency, p.base_cents, p.terms FROM sec.plan p
 WHERE p.plan = :plan AND p.version = :version
"""
_END = """
UPDATE subscriptions SET valid_until = :day
 WHERE tenant_id = :tenant AND valid_from < :day AND (valid_until IS NULL OR valid_until > :day)
"""


def plans() -> list[Plan]:
    """The newest version of each plan of the catalogue, by name."""
    with office.administrator() as connection:
        return _read(connection)


def add_plan(name: str, base_cents: int, terms: Mapping[str, Any], currency: str = "USD") -> Plan:
    """Add a plan, or the next version of one. Who has an older version keeps it.

    Args:
        name: Small letters, digits and hyphens.
        base_cents: The price of a month, in cents.
        terms: By meter, as `plans.read_terms` reads them.
        currency: Three letters.

    Raises:
        BadInput: Terms that cannot be used, or a price below zero.
    """
    checked = read_terms(terms)
    if isinstance(base_cents, bool) or base_cents < 0:
        raise BadInput(f"The price is {base_cents!r} cents.", "Expected a whole number of 0 or more.")
    with office.administrator() as connection:
        connection.execute(text("LOCK TABLE sec.plan IN EXCLUSIVE MODE"))
        version = connection.execute(
            text("""INSERT INTO sec.plan (plan, version, currency, base_cents, terms)
                    SELECT :plan, coalesce(max(version), 0) + 1, :currency, :base, CAST(:terms AS jsonb)
                      FROM sec.plan WHERE plan = :plan RETURNING version"""),
            {"plan": name, "currency": currency, "base": base_cents, "terms": json.dumps(dict(terms))},
        ).scalar_one()
    return Plan(name, version, currency, base_cents, checked)


def subscribe(tenant: str, plan: str, first: date, until: date | None = None, version: int | None = None) -> Plan:
    """Give a company a plan from a day on. The one that it has then ends there.

    Args:
        tenant: The company's slug or id.
        plan: The plan's name.
        first: Its first day, in the company's billing time zone; no month that is closed.
        until: The first day without it; None: it goes on.
        version: None: the newest.

    Raises:
        BadInput: No such company or plan, another currency than before, or an end before the beginning.
        Closed: A day of it is closed already, or on one of its later days the company has another plan.
    """
    if until is not None and until <= first:
        raise BadInput(f"A plan from {first} cannot end on {until}.", "Expected a later day.")
    with office.administrator() as connection:
        account = office.locked(connection, tenant)
        found = _read(connection, plan, version)
        if not found:
            known = ", ".join(each.name for each in _read(connection))
            raise BadInput(f"There is no plan '{plan}'{'' if version is None else f' of version {version}'}.",
                           f"Expected one of {known}.", "'stormplay billing plans' shows them.")  # fmt: skip
        _check_currency(account, found[0])
        connection.execute(text(_END), {"tenant": account.tenant_id, "day": first})
        values = {
            "tenant": account.tenant_id,
            "first": first,
            "until": until,
            "plan": plan,
            "version": found[0].version,
        }
        connection.execute(text(_SUBSCRIBE), values)
        return found[0]


def has_plan(tenant: str) -> bool:
    """Whether a company has, had or will have a plan.

    Raises:
        BadInput: There is no such company.
    """
    with office.administrator() as connection:
        return bool(office.locked(connection, tenant).subscriptions)


def end(tenant: str, day: date) -> None:
    """End a company's plan: the day is the first without it. What was used until then is billed with its month.

    Raises:
        BadInput: No such company, or it has no plan on the day before.
        Closed: The day lies in a month that is closed.
    """
    with office.administrator() as connection:
        account = office.locked(connection, tenant)
        if not connection.execute(text(_END), {"tenant": account.tenant_id, "day": day}).rowcount:
            raise BadInput(f"{account.slug} has no plan that could end on {day}.")


def set_time_zone(tenant: str, zone: str) -> None:
    """In which time zone a company's months begin and end; until its first invoice.

    Raises:
        BadInput: No such company or time zone.
        Closed: A month is closed already.
    """
    if zone not in available_timezones():
        raise BadInput(f"There is no time zone '{zone}'.", "Expected an IANA name such as America/Chicago.")
    with office.administrator() as connection:
        account = office.locked(connection, tenant)
        values = {"tenant": account.tenant_id, "zone": zone}
        connection.execute(text("UPDATE billing_accounts SET time_zone = :zone WHERE tenant_id = :tenant"), values)


def _read(connection: Connection, plan: str | None = None, version: int | None = None) -> list[Plan]:
    rows = connection.execute(text(_NEWEST), {"plan": plan, "version": version})
    return [Plan(row.plan, row.version, row.currency, row.base_cents, read_terms(row.terms)) for row in rows]


def _check_currency(account: Account, plan: Plan) -> None:
    had = {one.plan.currency for one in account.subscriptions}
    if had - {plan.currency}:
        raise BadInput(f"{account.slug} pays in {' and '.join(sorted(had))}, and this plan is in {plan.currency}.",
                       "Expected the same currency.")  # fmt: skip
