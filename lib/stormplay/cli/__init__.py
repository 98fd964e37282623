"""Commands: `stormplay up | lab | migrate | demo | report | stream | user | tenant | identity | audit | ...`.

Exit codes: 0 done, 1 it failed, 2 bad input, 5 busy, closed or changed by somebody else, 7 the
plan allows no more, 130 stopped by hand; `report` has
more. An error is one sentence on standard error, never a traceback.

serve     up, lab
data      migrate, demo, backup, restore, retire, audit
doctor    doctor
people    user and tenant
identity  identity nightly
billing   billing plans, subscribe, usage, close, invoices and more
lakehouse lakehouse create
slo       slo status, set, ack, tell, export, watch
headless  report; hand_over: its mails
streaming stream
log       where a long command's log goes
say       consoles, progress bar, tables
"""

from __future__ import annotations

import sys

import typer

from stormplay.cli import billing, data, doctor, headless, identity, lakehouse, people, say, serve, slo, streaming
from stormplay.errors import StormplayError

app = typer.Typer(help="Storm restoration in notebooks.", no_args_is_help=True, add_completion=False)
for module in (serve, headless, streaming, data, doctor):
    app.registered_commands += module.commands.registered_commands
app.add_typer(people.users, name="user")
app.add_typer(people.companies, name="tenant")
app.add_typer(identity.identities, name="identity")
app.add_typer(lakehouse.lakes, name="lakehouse")
app.add_typer(slo.objectives, name="slo")
app.add_typer(billing.bills, name="billing")


def main() -> None:
    """Run the command line; one sentence and an exit code where something is wrong."""
    try:
        app(standalone_mode=True)
    except StormplayError as error:
        say.error(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


__all__ = ["app", "main"]
