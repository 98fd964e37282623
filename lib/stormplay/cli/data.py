"""`stormplay migrate`, `demo`, `backup`, `restore`, `audit`: the database as a whole."""

from __future__ import annotations

import json
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from stormplay.cli import say
from stormplay.errors import BadInput

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
    file: Annotated[
        Path | None,
        typer.Argument(help="The file to write; with --keep the folder, else STORMPLAY_BACKUPS. Confidential."),
    ] = None,
    force: Annotated[bool, typer.Option(help="Replace a file of that name.")] = False,
    keep: Annotated[
        int, typer.Option(help="Name it by its time, prove it by a restore, and keep the newest so many. 0: one file.")
    ] = 0,
) -> None:
    """Write the whole database to one file, while people work: all rows, accounts and rights; no live login.

    With --keep, for every night: the backup is restored beside the database and proved before the oldest one goes.
    """
    from stormplay import backup as package  # noqa: PLC0415

    if keep and force:
        raise BadInput("--force stands beside --keep.", "Expected one of them: what is kept is never replaced.")
    if not keep and file is None:
        raise BadInput("No file is named.", "Expected the file to write, or --keep with a number of backups.")
    with say.bar() as show:
        if keep or file is None:
            said = str(package.keep(keep, file, progress=show))
        else:
            said = str(package.dump(file, force=force, progress=show))
    say.line(said)


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
def retire(
    apply: Annotated[bool, typer.Option("--apply", help="Let it go. Without this nothing is changed.")] = False,
    keep: Annotated[
        list[str] | None, typer.Option(help="Days for one kind, such as stream=90; may be repeated.")
    ] = None,
) -> None:
    """Show what is older than it is kept, how long each kind of history is kept, and why; with --apply let it go.

    The server does this once a day by itself. Without --apply it is done and taken back, so that what is said is what
    would be.
    """
    from stormplay import retention  # noqa: PLC0415

    done = retention.retire(dict(_days(item) for item in keep or []), is_real=apply)
    word = "gone" if apply else "would go"
    say.table(("kind", "kept (days)", word, "what", "why"),
              ((one.rule.name, one.days, "-" if one.count is None else f"{one.count:,}", one.rule.what, one.rule.why)
               for one in done))  # fmt: skip
    for what, why in retention.KEPT.items():
        say.line(f"Never by itself: {what}; {why}.")
    if not apply:
        say.line("Nothing was changed. 'stormplay retire --apply' lets it go.")


def _days(item: str) -> tuple[str, int]:
    name, _, days = item.partition("=")
    if not days.isdecimal():
        raise BadInput(f"--keep {item} is not a number of days.", "Expected one such as stream=90.")
    return name, int(days)


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
