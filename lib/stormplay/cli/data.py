"""`stormplay migrate`, `demo`, `backup`, `restore`, `audit`: the database as a whole."""

from __future__ import annotations

import json
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from stormplay.cli import say

commands = typer.Typer()


@commands.command(epilog=say.EXITS)
def migrate() -> None:
    """Bring the database's schema up to date. Safe to run at any time, and by several at once."""
    from stormplay import migrations  # noqa: PLC0415 - a command imports what it needs

    applied = migrations.migrate()
    say.line(f"Applied {len(applied)} migrations." if applied else "The database is up to date.")


@commands.command(epilog=say.EXITS)
def demo() -> None:
    """Load the demo: the real hail of 28 April 2021 over Tarrant County, with synthetic homes and owners."""
    from stormplay import migrations  # noqa: PLC0415

    migrations.migrate()
    load_demo()


def load_demo() -> None:
    """Load the demo where it is missing, with a bar, and say so."""
    from stormplay import demo as package  # noqa: PLC0415

    with say.bar() as show:
        loaded = package.load(progress=show)
    say.line(str(loaded))


@commands.command(epilog=say.EXITS)
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write. It is as confidential as the database.")],
    force: Annotated[bool, typer.Option(help="Replace a file of that name.")] = False,
) -> None:
    """Write the whole database to one file, while people work: all rows, accounts and rights; no live login."""
    from stormplay import backup as package  # noqa: PLC0415

    with say.bar() as show:
        made = package.dump(file, force=force, progress=show)
    say.line(str(made))


@commands.command(epilog=say.EXITS)
def restore(
    file: Annotated[Path, typer.Argument(help="A file that 'stormplay backup' wrote.")],
    replace: Annotated[bool, typer.Option(help="Put the present database aside, under another name.")] = False,
) -> None:
    """Put a backup in the database's place. It is built and proved beside it first; until then nothing changes."""
    from stormplay import backup as package  # noqa: PLC0415

    with say.bar() as show:
        done = package.restore(file, replace=replace, progress=show)
    say.line(str(done))


@commands.command(epilog=say.EXITS)
def audit(
    tenant: Annotated[str, typer.Option(help="Slug or id of the tenant.")],
    days: Annotated[float, typer.Option(help="How far to look back.", min=0.0, max=36_500.0)] = 7.0,
    most: Annotated[int, typer.Option(help="Rows, at most.", min=1, max=10_000)] = 100,
    person: Annotated[str, typer.Option(help="User name whose rights it has; an admin of the tenant.")] = "local",
) -> None:
    """Show who changed what in a tenant, newest first. Values of personal columns are not in the log."""
    from stormplay import tenancy  # noqa: PLC0415

    since = datetime.now(UTC) - timedelta(days=days)
    with tenancy.as_person(person, "audit"), tenancy.session(tenant) as connection:
        found = tenancy.audit_trail(connection, since, most)
    if found.empty:
        say.line(f"Nothing was changed in the last {days:g} days.")
        return
    columns = ("time (UTC)", "who", "from", "table", "action", "rows", "what")
    say.table(columns, (_row(each) for each in found.to_dict("records")))


def _row(each: dict[Hashable, Any]) -> tuple[object, ...]:
    at = each["at"].astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return (at, *(each[name] for name in ("username", "purpose", "table_name", "action", "row_count")),
            _in_short(each["changes"]))  # fmt: skip


def _in_short(changes: list[dict[str, dict[str, object]]] | None) -> str:
    """The first change of a statement, in a line."""
    if not changes:
        return ""
    first = changes[0]
    what = first.get("set") or first["key"]
    more = f" and {len(changes) - 1} more" if len(changes) > 1 else ""
    return json.dumps(what, default=str)[:120] + more
