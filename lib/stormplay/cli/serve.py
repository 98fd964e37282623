"""`stormplay up` and `stormplay lab`: what goes on until Ctrl-C."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from stormplay.cli import say
from stormplay.cli.data import load_demo
from stormplay.errors import MigrationChanged

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
    public_url: Annotated[str, typer.Option(help="Address that visitors use, such as https://play.example.org/.")] = "",
    trusted_proxy: Annotated[
        list[str] | None, typer.Option(help="Address or network of a proxy that is believed; may be repeated.")
    ] = None,
    proxy_user_header: Annotated[
        str, typer.Option(help="Header in which that proxy names the person; without it people sign in here.")
    ] = "",
    proxy_logout_url: Annotated[str, typer.Option(help="Where 'Sign out' leads, where a proxy signs people in.")] = "",
    most: Annotated[int, typer.Option(help="Pages open at once, for everybody together.", min=1)] = 24,
    memory_mb: Annotated[int, typer.Option(help="Memory that one page may have, in MB; 0: no limit.", min=0)] = 2048,
    warm: Annotated[
        bool, typer.Option(help="Fork pages from a process that holds their imports (Linux alone).")
    ] = True,
    metrics_port: Annotated[
        int, typer.Option(help="Port on which Prometheus reads figures, on loopback; 0: none.", min=0)
    ] = 0,
    metrics_ip: Annotated[
        str, typer.Option(help="Another address for them; STORMPLAY_METRICS_TOKEN must be set then.")
    ] = "127.0.0.1",
    reports: Annotated[Path, typer.Option(help="Folder for a report that is first made from the page Reports.")] = Path(
        "reports"
    ),
) -> None:
    """Bring the database up to date, load the demo storm, and serve the dashboards until Ctrl-C.

    With a database of one's own (STORMPLAY_DATABASE_URL) and --no-demo nothing is migrated: run 'stormplay migrate'
    as its administrator, and this as stormplay_broker.
    """
    from stormplay import server  # noqa: PLC0415 - a command imports what it needs
    from stormplay.server import forks  # noqa: PLC0415

    server.check_port(ip, port)
    if warm:
        forks.begin()  # it imports while the database starts
    from stormplay import broker, database, embedded, migrations  # noqa: PLC0415
    from stormplay.routing import readiness  # noqa: PLC0415

    readiness.prepare()  # so that the first plan does not wait for the compiler
    if demo or database.is_embedded():
        migrations.migrate()
    elif (have := broker.schema_number()) != (wanted := migrations.files()[-1].number):
        raise MigrationChanged(
            f"The database's schema is number {have}, and this program is made for {wanted}.",
            remedy="Run 'stormplay migrate' as the database's administrator, then start the server again.",
        )
    if demo:
        load_demo()
    broker.reap()
    if database.is_embedded():
        for variable, folder in (("STORMPLAY_PICTURES", "pictures"), ("STORMPLAY_MODELS", "models")):
            os.environ.setdefault(variable, str(embedded.home() / folder))  # kernels know no such folder
    figures = {"metrics_port": metrics_port, "metrics_ip": metrics_ip}
    server.serve(
        port=port, ip=ip, notebooks=notebooks_folder(), ready=lambda url: _welcome(url, demo), public_url=public_url,
        trusted_proxies=trusted_proxy or (), proxy_user_header=proxy_user_header,
        settings={"Kernels": {"most": most, "memory_mb": memory_mb, "warm": warm},
                  "StormplayServer": {"reports": str(reports), **figures},
                  "Identity": {"proxy_logout_url": proxy_logout_url}},
    )  # fmt: skip


@commands.command(epilog=say.EXITS)
def lab(
    person: Annotated[str, typer.Option(help="User name whose rights the lab has; you vouch for who that is.")],
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8888,
    ip: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    folder: Annotated[Path | None, typer.Option(help="The person's own folder, made if missing.")] = None,
) -> None:
    """Run JupyterLab for an analyst: a database login of their own, their copies of the notebooks, nothing else.

    As root the lab runs on an account of its own for each person. It ends with Ctrl-C, and when the account is closed.
    """
    from stormplay import lab as package  # noqa: PLC0415

    def ready(url: str) -> None:
        say.line(f"JupyterLab for {person} is ready: {url}\nNew here? Begin with tutorial.ipynb. Stop it with Ctrl-C.")

    package.serve(person, notebooks=notebooks_folder(), port=port, ip=ip, folder=folder, tell=say.error, ready=ready)


def _welcome(url: str, demo_loaded: bool) -> None:
    say.line(f"\nStormplay is ready: [bold]{url}[/bold]", markup=True)
    if demo_loaded:
        from stormplay.demo import PASSWORD, PEOPLE  # noqa: PLC0415

        for person in PEOPLE:
            say.line(f"  sign in as [bold]{person.username}[/bold] / {PASSWORD}   ({person.shown})", markup=True)
    say.line("Stop with Ctrl-C.\n")
