"""`stormplay lakehouse`: the tables of the lake, as whoever may write its catalog."""

from __future__ import annotations

import typer

from stormplay.cli import say

lakes = typer.Typer(help="Events past one machine: tables of Apache Iceberg.", no_args_is_help=True)


@lakes.callback()
def _group() -> None:
    """Events past one machine: tables of Apache Iceberg."""


@lakes.command("create", epilog=say.EXITS)
def create() -> None:
    """Make the tables that deploy/lakehouse writes into, in the catalog that STORMPLAY_ICEBERG_CATALOG names."""
    from stormplay.lakehouse import places, tables  # noqa: PLC0415 - a command imports what it needs

    made = tables.create(places.catalog())
    say.line(f"Made: {', '.join(made)}." if made else "All tables are there.")
