"""`stormplay doctor`: what is wrong here, and how to mend it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from stormplay.cli import say

if TYPE_CHECKING:
    from stormplay.doctor import Finding

commands = typer.Typer()

EXITS = (
    "\n\nExit codes: 0 nothing is wrong, 1 something is, 2 bad input, 3 nothing is wrong, but --strict and a warning."
)
_SIGNS = {"well": "ok", "warning": "warning", "wrong": "WRONG", "unknown": "-"}


@commands.command(epilog=EXITS)
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output, for programs.")] = False,
    strict: Annotated[bool, typer.Option(help="A warning is an exit code too.")] = False,
    port: Annotated[int, typer.Option(help="The server's port.", min=1, max=65_535)] = 8866,
    ip: Annotated[str, typer.Option(help="The server's address.")] = "127.0.0.1",
) -> None:
    """Look at this installation: versions, database, migrations, roles, Kafka, browser, disk, clock, backups.

    Each finding says what is so and, where something is to be done, what. Nothing is changed, and no secret and no
    row of a company is shown. As the database's superuser it sees most; as stormplay_broker it says what it cannot see.
    """
    from stormplay import doctor as package  # noqa: PLC0415 - a command imports what it needs

    found = package.examine(package.Situation(port=port, ip=ip), None if as_json else _tell)
    states = [one.state for one in found]
    code = 1 if "wrong" in states else 3 if strict and "warning" in states else 0
    if as_json:
        say.line(json.dumps({"exit_code": code, "findings": [asdict(one) for one in found]}, indent=1))
    else:
        say.line(f"{states.count('wrong')} wrong, {states.count('warning')} warnings, {states.count('well')} well.")
    raise typer.Exit(code)


def _tell(one: Finding) -> None:
    remedy = f"\n{'':23}To mend it: {one.remedy}" if one.remedy and one.state in ("warning", "wrong") else ""
    say.line(f"{_SIGNS[one.state]:9} {one.check:12} {one.said}{remedy}")
