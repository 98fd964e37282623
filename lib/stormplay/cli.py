"""The command line: `stormplay up | migrate | demo | report`.

Exit codes: 0 done, 1 it failed, 2 bad input, 5 busy or changed by somebody else, 130 stopped by hand. An error is
one sentence on standard error, never a traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from stormplay.errors import StormplayError

app = typer.Typer(help="Storm restoration in notebooks.", no_args_is_help=True, add_completion=False)
_out = Console(highlight=False, soft_wrap=True)
_err = Console(stderr=True, highlight=False, soft_wrap=True)

_EXITS = "\n\nExit codes: 0 done, 1 failed, 2 bad input, 5 busy."


def notebooks_folder() -> Path:
    """Where the notebooks are: the checkout's `notebooks/`, or the one below the current folder."""
    checkout = Path(__file__).resolve().parents[2] / "notebooks"
    return checkout if checkout.is_dir() else Path.cwd() / "notebooks"


@app.command(epilog=_EXITS)
def up(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8866,
    ip: Annotated[str, typer.Option(help="Address to listen on; behind a TLS proxy for a team.")] = "127.0.0.1",
    demo: Annotated[bool, typer.Option(help="Load the demo storm if it is not there.")] = True,
) -> None:
    """Bring the database up to date, load the demo storm, and serve the dashboards until Ctrl-C."""
    from stormplay import broker, server  # noqa: PLC0415 - a command imports what it needs

    server.check_port(ip, port)
    _migrate()
    if demo:
        _load_demo()
    broker.reap()
    server.serve(port=port, ip=ip, notebooks=notebooks_folder(), ready=lambda url: _welcome(url, demo))


@app.command(epilog=_EXITS)
def migrate() -> None:
    """Bring the database's schema up to date. Safe to run at any time, and by several at once."""
    applied = _migrate()
    _out.print(f"Applied {len(applied)} migrations." if applied else "The database is up to date.")


@app.command(epilog=_EXITS)
def demo() -> None:
    """Load the demo: the real hail of 28 April 2021 over Tarrant County, with synthetic homes and owners."""
    _migrate()
    _load_demo()


@app.command(epilog=_EXITS)
def report(
    notebook: Annotated[str, typer.Argument(help="Name of a notebook, such as phase3_routes.")],
    tenant: Annotated[str, typer.Option(help="Slug or id of the tenant.")],
    storm: Annotated[str, typer.Option(help="Slug or id of the storm.")],
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("reports"),
    set_: Annotated[list[str] | None, typer.Option("--set", help="name=value of a further parameter.")] = None,
    person: Annotated[str, typer.Option(help="User name whose rights the run has.")] = "local",
) -> None:
    """Run a notebook headless: an executed notebook and one HTML file that opens without a network."""
    from stormplay import reports  # noqa: PLC0415

    given: dict[str, object] = dict(_pair(item) for item in set_ or [])
    given |= {"tenant": tenant, "storm": storm}
    path = notebooks_folder() / f"{notebook.removesuffix('.ipynb')}.ipynb"
    made = reports.run(path, given, out, person=person)
    _out.print(f"{made.html}\n{made.notebook}")


def main() -> None:
    """Run the command line; one sentence and an exit code where something is wrong."""
    try:
        app(standalone_mode=True)
    except StormplayError as error:
        _err.print(str(error), markup=False)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def _migrate() -> list[str]:
    from stormplay import migrations  # noqa: PLC0415

    return migrations.migrate()


def _load_demo() -> None:
    from stormplay import demo as package  # noqa: PLC0415

    with _bar() as show:
        loaded = package.load(progress=show)
    _out.print(str(loaded))


class _bar:  # noqa: N801 - used like a function
    """A progress bar on a terminal, plain lines elsewhere; nothing at all when there is nothing to do."""

    def __enter__(self) -> Callable[[str, float], None]:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
        self._progress = Progress(*columns, TimeElapsedColumn(), console=_err)
        self._task: TaskID | None = None
        return self._show

    def _show(self, what: str, fraction: float) -> None:
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task(what, total=1.0)
        self._progress.update(self._task, description=what, completed=fraction)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def _pair(item: str) -> tuple[str, str]:
    from stormplay.errors import BadInput  # noqa: PLC0415

    name, equals, value = item.partition("=")
    if not (equals and name):
        raise BadInput(f"--set {item} is not a parameter.", "Expected name=value.")
    return name, value


def _welcome(url: str, demo_loaded: bool) -> None:
    _out.print(f"\nStormplay is ready: [bold]{url}[/bold]")
    if demo_loaded:
        from stormplay.demo import PASSWORD, PEOPLE  # noqa: PLC0415

        for person in PEOPLE:
            _out.print(f"  sign in as [bold]{person.username}[/bold] / {PASSWORD}   ({person.shown})", highlight=False)
    _out.print("Stop with Ctrl-C.\n")


if __name__ == "__main__":
    main()
