"""`stormplay billing`: plans, usage and invoices, as the database's administrator and as a member of a company."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from stormplay.cli import say

bills = typer.Typer(help="Plans, usage and invoices.", no_args_is_help=True)

_Tenant = Annotated[str, typer.Option(help="Slug or id of the tenant.")]
_Person = Annotated[str, typer.Option(help="User name whose rights it has; a member of the tenant.")]
_Month = Annotated[str, typer.Option(help="As 2021-03.")]


@bills.command("plans", epilog=say.EXITS)
def plans() -> None:
    """Show the catalogue: the newest version of each plan, and what it says of each meter."""
    from stormplay.billing import money, subscribing  # noqa: PLC0415 - a command imports what it needs
    from stormplay.billing.meters import METERS, shown  # noqa: PLC0415

    rows: list[tuple[object, ...]] = []
    for plan in subscribing.plans():
        rows.append((plan.name, plan.version, money(plan.base_cents, plan.currency), "", "", ""))
        for name, term in plan.terms.items():
            cap = "none" if term.cap is None else shown(METERS[name], term.cap)
            rows.append(
                ("", "", "", METERS[name].label, f"{shown(METERS[name], term.included)} {METERS[name].unit}", cap)
            )
    say.table(("plan", "version", "a month", "meter", "included", "cap"), rows)


@bills.command("add-plan", epilog=say.EXITS)
def add_plan(
    name: Annotated[str, typer.Argument(help="The plan's name: small letters, digits and hyphens.")],
    base_cents: Annotated[int, typer.Option(help="The price of a month, in cents.", min=0)],
    terms: Annotated[Path, typer.Option(help="A JSON file: meter to included, per, tiers and cap.")],
    currency: Annotated[str, typer.Option(help="Three letters.")] = "USD",
) -> None:
    """Add a plan, or the next version of one. Who has an older version keeps it."""
    from stormplay.billing import subscribing  # noqa: PLC0415

    made = subscribing.add_plan(name, base_cents, _read(terms), currency)
    say.line(f"{made.words} is in the catalogue.")


def _read(path: Path) -> dict[str, Any]:
    from stormplay.errors import BadInput  # noqa: PLC0415

    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read as JSON ({error}).") from None
    if not isinstance(found, dict):
        raise BadInput(f"{path} holds no object.", "Expected meters and their terms.")
    return found


@bills.command("subscribe", epilog=say.EXITS)
def subscribe(
    tenant: _Tenant,
    plan: Annotated[str, typer.Option(help="Name of a plan.")],
    first: Annotated[str, typer.Option("--from", help="Its first day, such as 2021-03-10.")],
    until: Annotated[str, typer.Option(help="The first day without it; left out, it goes on.")] = "",
    version: Annotated[int, typer.Option(help="Of the plan; 0 is the newest.", min=0)] = 0,
) -> None:
    """Give a company a plan from a day on. The plan that it has then ends there; the month is billed in parts."""
    from stormplay.billing import subscribing  # noqa: PLC0415

    last = _day(until) if until else None
    made = subscribing.subscribe(tenant, plan, _day(first), last, version or None)
    say.line(f"{tenant} has {made.words} from {first} on" + (f" until before {until}." if until else "."))


@bills.command("end", epilog=say.EXITS)
def end(tenant: _Tenant, day: Annotated[str, typer.Option(help="The first day without it.")]) -> None:
    """End a company's plan. What was used until then is billed with its month."""
    from stormplay.billing import subscribing  # noqa: PLC0415

    subscribing.end(tenant, _day(day))
    say.line(f"{tenant} has no plan from {day} on.")


@bills.command("time-zone", epilog=say.EXITS)
def time_zone(tenant: _Tenant, zone: Annotated[str, typer.Option(help="IANA name, such as America/Chicago.")]) -> None:
    """Set in which time zone a company's months begin and end; until its first invoice."""
    from stormplay.billing import subscribing  # noqa: PLC0415

    subscribing.set_time_zone(tenant, zone)
    say.line(f"Months of {tenant} begin and end in {zone}.")


@bills.command("usage", epilog=say.EXITS)
def usage(tenant: _Tenant, month: _Month = "", person: _Person = "local") -> None:
    """Show what a company used of what its plan includes, and the bill so far."""
    import pandas as pd  # noqa: PLC0415

    from stormplay import billing, tenancy  # noqa: PLC0415

    with tenancy.as_person(person, "billing"):
        found = billing.standing(tenant, month or None)
    rows = [
        (each["label"], *("-" if pd.isna(each[name]) else f"{each[name]:,.12g}" for name in _COUNTS), each["unit"],
         each["warning"])
        for each in found.frame.to_dict("records")
    ]  # fmt: skip
    say.table(("meter", *_COUNTS, "unit", "warning"), rows)
    say.line(found.sentence)


_COUNTS = ("used", "included", "projected", "cap")


@bills.command("meter", epilog=say.EXITS)
def meter() -> None:
    """Measure storage, sum up usage and warn, for all companies. The server does it every ten minutes."""
    from stormplay.billing import metering  # noqa: PLC0415

    say.line(str(metering.meter_all()))


@bills.command("close", epilog=say.EXITS)
def close(
    month: _Month,
    tenant: Annotated[list[str] | None, typer.Option(help="Slug or id; may be repeated. Left out: all.")] = None,
) -> None:
    """Close a month into an invoice, once. Of all companies, those whose month is closed already are passed over."""
    from stormplay import accounts  # noqa: PLC0415
    from stormplay.billing import closing, money  # noqa: PLC0415
    from stormplay.errors import Closed, PartlyFailed, StormplayError  # noqa: PLC0415

    failed = 0
    for slug in tenant or [each.slug for each in accounts.tenants()]:
        try:
            made = closing.close_month(slug, month)
        except StormplayError as error:
            if tenant and len(tenant) == 1:
                raise
            failed += not isinstance(error, Closed)
            say.line(f"{slug}: {error}")
            continue
        said = "no plan, and nothing that came late" if made is None else (
            f"invoice {made.number}, {money(made.total_cents, made.currency)}")  # fmt: skip
        say.line(f"{slug}: {said}")
    if failed:
        raise PartlyFailed(f"{failed} companies could not be billed.", remedy="Mend what is said above, and repeat.")


@bills.command("credit", epilog=say.EXITS)
def credit(
    tenant: _Tenant,
    invoice: Annotated[int, typer.Option(help="Number of the invoice.", min=1)],
    cents: Annotated[int, typer.Option(help="How much is given back.", min=1)],
    reason: Annotated[str, typer.Option(help="Why; the company reads it.")],
) -> None:
    """Give back a part of an invoice by a credit note; with earlier ones never more than the invoice."""
    from stormplay.billing import closing, money  # noqa: PLC0415

    made = closing.give_credit(tenant, invoice, cents, reason)
    say.line(f"Credit note {made.number} on invoice {invoice}: {money(made.total_cents, made.currency)}.")


@bills.command("invoices", epilog=say.EXITS)
def invoices(tenant: _Tenant, person: _Person = "local") -> None:
    """Show a company's invoices and credit notes, newest first."""
    from stormplay import billing, tenancy  # noqa: PLC0415

    with tenancy.as_person(person, "billing"):
        found = billing.standing(tenant).invoices
    if found.empty:
        say.line("There is no invoice yet.")
        return
    rows = ((each["number"], each["kind"], each["month"], billing.money(each["total_cents"], each["currency"]),
             f"{each['closed_at']:%Y-%m-%d}") for each in found.to_dict("records"))  # fmt: skip
    say.table(("number", "kind", "month", "total", "closed"), rows)


@bills.command("invoice", epilog=say.EXITS)
def invoice(
    tenant: _Tenant,
    number: Annotated[int, typer.Option(help="Number of the invoice or credit note.", min=1)],
    out: Annotated[Path | None, typer.Option(help="A file ending in .csv or .pdf; left out, CSV is printed.")] = None,
    person: _Person = "local",
) -> None:
    """Write an invoice or a credit note as CSV, or as a PDF to print."""
    from stormplay import billing, tenancy  # noqa: PLC0415
    from stormplay.errors import BadInput  # noqa: PLC0415

    if out is not None and out.suffix not in (".csv", ".pdf"):
        raise BadInput(f"{out} is neither.", "Expected a name that ends in .csv or .pdf.")
    with tenancy.as_person(person, "billing"):
        if out is not None and out.suffix == ".pdf":
            data = billing.to_pdf(tenant, number)
        else:
            data = billing.to_csv(tenant, number).encode()
    if out is None:
        say.line(data.decode().rstrip())
        return
    out.write_bytes(data)
    say.line(f"{out} is written.")


def _day(said: str) -> date:
    from stormplay.errors import BadInput  # noqa: PLC0415

    try:
        return date.fromisoformat(said)
    except ValueError:
        raise BadInput(f"'{said}' is no day.", "Expected a date such as 2021-03-10.") from None
