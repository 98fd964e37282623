"""`stormplay slo`: what is promised of a company's services, how it stands, and who is told."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Annotated

import typer

from stormplay.cli import log, say
from stormplay.errors import StormplayError

objectives = typer.Typer(help="Objectives, error budgets and alerts of a company's services.", no_args_is_help=True)

_Company = Annotated[str, typer.Option("--tenant", help="Short name of the company, such as lone-star.")]
_Person = Annotated[str, typer.Option("--person", help="User name whose rights are used.")]
_STATUS_EXITS = say.EXITS.removesuffix(".") + ". With --check: 3 an alert is open or a budget is used up."


@objectives.command("status", epilog=_STATUS_EXITS)
def status(
    tenant: _Company,
    person: _Person = "local",
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 3 where an alert is open or a budget is gone.")
    ] = False,
) -> None:
    """Show how the services stand: good and all events of 28 days, budgets, burn rates, alerts, and who is told."""
    from stormplay import slo, tenancy  # noqa: PLC0415 - a command imports what it needs

    with tenancy.as_person(person, "slo"):
        found = slo.standing(tenant)
    say.line(found.sentence + "\n")
    rows = [
        (one["service"], one["objective"], f"{one['good']:,} of {one['total']:,}", _share(one["attained"]),
         _share(one["budget_left"]), "-" if math.isnan(one["burn"]) else f"{one['burn']:.1f}x", one["state"])
        for one in found.frame.to_dict("records")
    ]  # fmt: skip
    say.table(("service", "objective", "good", "attained", "budget left", "burn, 3 days", "state"), rows)
    for alert in found.alerts.to_dict("records"):
        since = f"{alert['opened_at']:%Y-%m-%d %H:%M} UTC"
        say.line(f"\n{alert['state']}, {alert['severity']}: {alert['service']}, since {since}")
        say.line(f"  {alert['cause']}\n  Next: {alert['next_action']}\n  Alert {alert['alert_id']}")
        if alert["acknowledged_by"]:
            say.line(f"  Seen to by {alert['acknowledged_by']}.")
    if not found.contacts.empty:
        say.line("")
        told = [(one.contact_id, one.channel, one.shown, one.sent, one.waiting, one.kept_aside, one.said or "")
                for one in found.contacts.itertuples()]  # fmt: skip
        say.table(("contact", "by", "where", "sent", "waiting", "kept aside", "answered last"), told)
    is_bad = (found.alerts["state"] != "closed").any() or (found.frame["state"] == "used up").any()
    if check and is_bad:
        raise typer.Exit(3)


@objectives.command("set", epilog=say.EXITS)
def set_objective(
    service: Annotated[str, typer.Argument(help="Such as page_time; 'status' lists them.")],
    tenant: _Company,
    target: Annotated[float | None, typer.Option(help="Share of good events over 28 days, such as 0.99.")] = None,
    threshold: Annotated[float | None, typer.Option(help="When an event is good, in the service's unit.")] = None,
    on: Annotated[bool, typer.Option("--on/--off", help="Whether it is measured and alerted on.")] = True,
    person: _Person = "local",
) -> None:
    """Promise something else from now on; for admins. What was counted keeps the threshold that it was judged by."""
    from stormplay import slo, tenancy  # noqa: PLC0415

    with tenancy.as_person(person, "slo"):
        made = slo.set_objective(tenant, service, target, threshold, is_on=on)
    say.line(f"{made.service.title}: {made.sentence}." if on else f"{made.service.title} is switched off.")


@objectives.command("ack", epilog=say.EXITS)
def acknowledge(
    alert: Annotated[str, typer.Argument(help="The alert's id; 'status' shows it.")],
    tenant: _Company,
    person: _Person = "local",
) -> None:
    """Say that you see to an alert. It stays open until no rule has held for half an hour, or six where it can wait."""
    from stormplay import slo, tenancy  # noqa: PLC0415

    with tenancy.as_person(person, "slo"):
        slo.acknowledge(tenant, alert)
    say.line("Everybody sees now that you see to it.")


@objectives.command("tell", epilog=say.EXITS)
def tell(
    tenant: _Company,
    address: Annotated[
        str, typer.Argument(help="An e-mail address, or an https address that takes JSON; '-' reads it from input.")
    ] = "",
    remove: Annotated[str, typer.Option(help="Id of a contact that is told nothing any more.")] = "",
    person: _Person = "local",
) -> None:
    """Have alerts told to an address, or no longer; for admins.

    A webhook's address is often a key: give it on standard input ('-'), for arguments are seen by everybody here.
    """
    import sys  # noqa: PLC0415

    from stormplay import slo, tenancy  # noqa: PLC0415
    from stormplay.errors import BadInput  # noqa: PLC0415

    if bool(address) == bool(remove):
        raise BadInput("It is not said whom to tell.", "Expected an address, or --remove with a contact's id.")
    with tenancy.as_person(person, "slo"):
        if remove:
            slo.remove_contact(tenant, remove)
        else:
            slo.add_contact(tenant, sys.stdin.readline().strip() if address == "-" else address)
    say.line("They are told nothing any more." if remove else "They are told from the next alert on.")


@objectives.command("export", epilog=say.EXITS)
def export(
    tenant: _Company,
    out: Annotated[Path | None, typer.Option(help="File to write; without it, standard output.")] = None,
    person: _Person = "local",
) -> None:
    """Write the objectives as OpenSLO v1 (YAML)."""
    from stormplay import slo, tenancy  # noqa: PLC0415
    from stormplay.slo.openslo import to_yaml  # noqa: PLC0415

    with tenancy.as_person(person, "slo"):
        companies = tenancy.my_tenants()
        promised = [one.objective for one in slo.standing(tenant).budgets]
    ours = companies[(companies["slug"] == tenant) | (companies["tenant_id"] == tenant)].iloc[0]
    made = to_yaml(slo.to_openslo(ours["slug"], ours["org_name"], promised))
    if out is None:
        say.line(made.rstrip())
    else:
        out.write_text(made, encoding="utf-8")
        say.line(f"{out} holds the objectives of {ours['org_name']}.")


@objectives.command("watch", epilog=say.EXITS)
def watch(
    once: Annotated[bool, typer.Option("--once", help="One turn, for a scheduler.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between two turns.", min=1)] = 30.0,
) -> None:
    """Look at all companies' objectives, open and close alerts, and tell who is to be told; as the broker.

    'stormplay up' does the same by itself. Two at once do no harm. A turn that fails is said, and the next one follows.
    """
    log.begin("slo", is_shown=False)
    if once:
        say.line(_turn())
        return
    while True:
        try:
            say.line(_turn())
        except StormplayError as error:
            say.error(str(error))
        time.sleep(every)


def _turn() -> str:
    from stormplay.slo import delivery, watching  # noqa: PLC0415

    found, told = watching.turn(), delivery.deliver()
    watching.fold()
    return (
        f"{len(found.measured)} objectives measured; {len(found.opened)} alerts opened, {len(found.worse)} became "
        f"urgent, {len(found.closed)} closed; {told.sent} messages told, {told.again} to be tried again, "
        f"{told.aside} kept aside."
    )


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"
