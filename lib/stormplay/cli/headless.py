"""`stormplay report`: a notebook without anybody looking."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stormplay.cli import say
from stormplay.cli.serve import notebooks_folder
from stormplay.errors import BadInput

commands = typer.Typer()


@commands.command(epilog=say.EXITS)
def report(
    notebook: Annotated[str, typer.Argument(help="Name of a notebook, such as phase3_routes.")],
    tenant: Annotated[str, typer.Option(help="Slug or id of the tenant.")],
    storm: Annotated[str, typer.Option(help="Slug or id of the storm.")],
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("reports"),
    set_: Annotated[list[str] | None, typer.Option("--set", help="name=value of a further parameter.")] = None,
    person: Annotated[str, typer.Option(help="User name whose rights the run has.")] = "local",
) -> None:
    """Run a notebook headless: an executed notebook and one HTML file that opens without a network."""
    from stormplay import reports  # noqa: PLC0415 - a command imports what it needs

    given: dict[str, object] = dict(_pair(item) for item in set_ or [])
    given |= {"tenant": tenant, "storm": storm}
    path = notebooks_folder() / f"{notebook.removesuffix('.ipynb')}.ipynb"
    made = reports.run(path, given, out, person=person)
    say.line(f"{made.html}\n{made.notebook}")


def _pair(item: str) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    if not (equals and name):
        raise BadInput(f"--set {item} is not a parameter.", "Expected name=value.")
    return name, value
