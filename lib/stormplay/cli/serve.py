"""`stormplay up` and `stormplay lab`: what goes on until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stormplay.cli import say
from stormplay.cli.data import load_demo

commands = typer.Typer()


def notebooks_folder() -> Path:
    """Where the notebooks are: the checkout's `notebooks/`, or the one below the current folder."""
    checkout = Path(__file__).resolve().parents[3] / "notebooks"
    return checkout if checkout.is_dir() else Path.cwd() / "notebooks"


@commands.command(epilog=say.EXITS)
def up(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8866,
    ip: Annotated[str, typer.Option(help="Address to listen on; behind a TLS proxy for a team.")] = "127.0.0.1",
    demo: Annotated[bool, typer.Option(help="Load the demo storm if it is not there.")] = True,
) -> None:
    """Bring the database up to date, load the demo storm, and serve the dashboards until Ctrl-C."""
    from stormplay import broker, migrations, server  # noqa: PLC0415 - a command imports what it needs

    server.check_port(ip, port)
    migrations.migrate()
    if demo:
        load_demo()
    broker.reap()
    server.serve(port=port, ip=ip, notebooks=notebooks_folder(), ready=lambda url: _welcome(url, demo))


def _welcome(url: str, demo_loaded: bool) -> None:
    say.line(f"\nStormplay is ready: [bold]{url}[/bold]", markup=True)
    if demo_loaded:
        from stormplay.demo import PASSWORD, PEOPLE  # noqa: PLC0415

        for person in PEOPLE:
            say.line(f"  sign in as [bold]{person.username}[/bold] / {PASSWORD}   ({person.shown})", markup=True)
    say.line("Stop with Ctrl-C.\n")
