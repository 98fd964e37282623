"""`stormplay identity nightly`: all households of a company compared, from a scheduler."""

from __future__ import annotations

from typing import Annotated

import typer

from stormplay.cli import say

identities = typer.Typer(help="Which homes, calls and claims are one household.", no_args_is_help=True)


@identities.callback()
def group() -> None:
    """Which homes, calls and claims are one household."""


@identities.command("nightly", epilog=say.EXITS)
def nightly(
    tenant: Annotated[str, typer.Option(help="Slug or id of the tenant.")],
    person: Annotated[str, typer.Option(help="User name whose rights it has; an operator of the tenant.")] = "local",
) -> None:
    """Take in new homes, compare all households, merge what is sure, and queue the rest for a yes or no.

    Safe to repeat. Nobody waits meanwhile.
    """
    from stormplay import tenancy  # noqa: PLC0415 - a command imports what it needs
    from stormplay.identity import nights  # noqa: PLC0415

    with tenancy.as_person(person, "nightly"), tenancy.session(tenant):
        pass  # refused before a bar is drawn
    with tenancy.as_person(person, "nightly"), say.bar() as show:

        def tell(share: float, doing: str) -> bool:
            show(doing, share)
            return True

        night = nights.nightly(tenant, tell)
    say.line(str(night))
