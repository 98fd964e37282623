"""`stormplay report`: notebooks without anybody looking, one or many."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stormplay.cli import hand_over, log, say
from stormplay.cli.serve import notebooks_folder
from stormplay.errors import BadInput, StormplayError

if TYPE_CHECKING:
    from stormplay.reports import Dask, Order, Outcome, Terms
    from stormplay.reports.publishing import Taker

commands = typer.Typer()

EXITS = (
    "\n\nExit codes: 0 fresh reports, 1 a notebook failed or took too long, or no database answers, 2 bad parameters "
    "(nothing was written), 3 stale data (nothing was published), 4 some of several reports were not made, 5 busy: "
    "another run is making the same report, 6 all reports are fresh and published, but a mail or another place did not "
    "take one, 7 the company's plan allows no more reports this month (nothing was begun), 130 stopped by hand."
)
_WHICH, _HOW, _MAIL = "Which reports", "How they are made", "Who gets a mail"


@commands.command(epilog=EXITS)
def report(
    notebook: Annotated[str, typer.Argument(help="Name of a notebook, such as phase3_routes.")] = "",
    notebooks: Annotated[
        list[str] | None,
        typer.Option("--notebook", help="A further notebook; may be repeated.", rich_help_panel=_WHICH),
    ] = None,
    tenant: Annotated[
        list[str] | None, typer.Option(help="Slug or id of a tenant; may be repeated.", rich_help_panel=_WHICH)
    ] = None,
    storm: Annotated[
        list[str] | None,
        typer.Option(help="Slug or id of a storm, or newest; may be repeated.", rich_help_panel=_WHICH),
    ] = None,
    all_notebooks: Annotated[
        bool, typer.Option("--all-notebooks", help="All but lessons.", rich_help_panel=_WHICH)
    ] = False,
    all_tenants: Annotated[
        bool, typer.Option("--all-tenants", help="All that are open to the person.", rich_help_panel=_WHICH)
    ] = False,
    all_storms: Annotated[
        bool, typer.Option("--all-storms", help="All storms of each tenant.", rich_help_panel=_WHICH)
    ] = False,
    open_storms: Annotated[
        bool, typer.Option("--open-storms", help="Those of each tenant that are not closed.", rich_help_panel=_WHICH)
    ] = False,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="name=value of a further parameter.", rich_help_panel=_WHICH)
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="Show the notebooks and their parameters, and make nothing.")
    ] = False,
    schema: Annotated[str, typer.Option(help="Print the JSON schema of a notebook's parameters.")] = "",
    out: Annotated[
        str, typer.Option(help="Folder for the reports, or an address: s3://bucket/reports.", rich_help_panel=_HOW)
    ] = "reports",
    person: Annotated[str, typer.Option(help="User name whose rights the runs have.", rich_help_panel=_HOW)] = "local",
    as_of: Annotated[
        str,
        typer.Option(help="Moment that the pages speak of, such as 2021-05-03T06:00Z; now.", rich_help_panel=_HOW),
    ] = "",
    fresh_within: Annotated[
        float | None, typer.Option(help="Hours that the data may be old.", rich_help_panel=_HOW)
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds that one report may take.", rich_help_panel=_HOW)] = 600.0,
    retries: Annotated[
        int, typer.Option(help="Tries again where the database does not answer.", rich_help_panel=_HOW)
    ] = 4,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="A PDF too, by the system's Chromium.", rich_help_panel=_HOW)
    ] = False,
    mail_to: Annotated[
        list[str] | None,
        typer.Option(
            help="Address that gets the key figures and the pages; company=address where there are several companies; "
            "may be repeated. STORMPLAY_SMTP names the server.",
            rich_help_panel=_MAIL,
        ),
    ] = None,
    mail_from: Annotated[str, typer.Option(help="Address that the mail comes from.", rich_help_panel=_MAIL)] = "",
    copy_to: Annotated[
        list[str] | None,
        typer.Option(help="Further place for each report, such as s3://bucket/reports.", rich_help_panel=_HOW),
    ] = None,
    workers: Annotated[int, typer.Option(help="Reports at once.", min=1, max=32, rich_help_panel=_HOW)] = 2,
    max_failures: Annotated[
        int | None, typer.Option(help="After more failures begin no further report.", min=0, rich_help_panel=_HOW)
    ] = None,
    keep_history: Annotated[
        int, typer.Option(help="Days that the history of runs is kept.", min=1, rich_help_panel=_HOW)
    ] = 400,
    dask: Annotated[
        str, typer.Option(help="Address of a Dask scheduler that makes them, tcp://...", rich_help_panel=_HOW)
    ] = "",
) -> None:
    """Run notebooks headless: of each the executed notebook, one HTML file that opens without a network, and
    result.json for programs.

    A report appears under its name when it is whole. Until then, and where it fails, the last good one stays.
    """
    if list_:
        _show_contracts()
    elif schema:
        from stormplay.reports import contracts  # noqa: PLC0415 - a command imports what it needs

        say.line(json.dumps(contracts.schema(_path(schema)), indent=2))
    else:
        from stormplay import reports  # noqa: PLC0415

        log.begin("report", is_shown=False)
        paths = _chosen_notebooks([*([notebook] if notebook else []), *(notebooks or [])], all_notebooks)
        tenants = _chosen("tenant", tenant, {"--all-tenants": all_tenants})
        storms = _chosen("storm", storm, {"--all-storms": all_storms, "--open-storms": open_storms})
        given: dict[str, object] = dict(_pair(item) for item in set_ or [])
        terms = reports.Terms(
            timeout_s=timeout,
            retries=retries,
            fresh_within_h=fresh_within,
            as_of=reports.moment(as_of),
            is_pdf=pdf,
        )
        takers: list[Taker] = [reports.Place(each) for each in copy_to or []]
        maker = reports.Dask(dask) if dask else None
        post, terms = hand_over.post_of(mail_to or [], mail_from, terms)
        reports.get_ready(terms)
        wanted = reports.planned(paths, given, out, person, terms, tenants=tenants, storms=storms, is_open=open_storms)
        if not wanted:
            say.line("No storm is open, so there is nothing to report on.")
            return
        if post is not None:
            post.refuse(wanted)
        reports.tidy(keep_history)
        outcomes, problem = _make(wanted, terms, takers, maker, workers, max_failures)
        unsent = None if post is None else post.send(outcomes)
        if problem is not None and unsent is not None:
            say.error(str(unsent))
        if (last := problem or unsent) is not None:
            raise last


def _make(
    wanted: Sequence[Order],
    terms: Terms,
    takers: Sequence[Taker],
    maker: Dask | None,
    workers: int,
    max_failures: int | None,
) -> tuple[Sequence[Outcome], StormplayError | None]:
    """What came of each, and what a scheduler has to know; None where all is well."""
    from stormplay import reports  # noqa: PLC0415

    if len(wanted) == 1:
        (one,) = reports.make_all(wanted, terms, takers=takers, maker=maker).outcomes
        if (made := one.report) is not None:
            say.line("\n".join(str(path) for path in (made.html, made.notebook, made.result, made.pdf) if path))
        return [one], one.error
    with say.bar() as show:
        show(f"0 of {len(wanted)} reports", 0.0)

        def tell(done: int, of: int, last: Outcome) -> None:
            if last.error is not None:
                say.error(str(last.error))
            show(f"{done} of {of} reports", done / of)

        summary = reports.make_all(
            wanted, terms, at_once=workers, max_failures=max_failures, progress=tell, takers=takers, maker=maker
        )
    for one in summary.outcomes:
        if one.report is not None:
            say.line(str(one.report.html))
    if (problem := summary.error()) is None:
        say.line(str(summary))
    return summary.outcomes, problem


def _show_contracts() -> None:
    from stormplay import parameters  # noqa: PLC0415
    from stormplay.reports import contracts  # noqa: PLC0415

    rows = [
        (path.stem, one.name, one.type.__name__, json.dumps(one.default), one.help)
        for path in contracts.notebooks(notebooks_folder())
        for one in contracts.choosable(parameters.contract(path))
    ]
    say.table(("notebook", "parameter", "type", "default", "what it is"), rows)


def _chosen_notebooks(named: Sequence[str], is_all: bool) -> list[Path]:
    if is_all and named:
        raise BadInput("--all-notebooks stands beside names of notebooks.", "Expected one or the other.")
    if not (is_all or named):
        raise BadInput("No notebook is named.", "Expected a name, or --all-notebooks; --list shows them.")
    if is_all:
        from stormplay.reports import contracts  # noqa: PLC0415

        return contracts.reports(notebooks_folder())
    return [_path(name) for name in dict.fromkeys(named)]


def _path(notebook: str) -> Path:
    return notebooks_folder() / f"{notebook.removesuffix('.ipynb')}.ipynb"


def _chosen(what: str, named: list[str] | None, several: dict[str, bool]) -> list[str] | None:
    """The names; None where one of the options is given that stand for several."""
    given = [option for option, is_given in {f"--{what}": bool(named), **several}.items() if is_given]
    if len(given) > 1:
        raise BadInput(f"{given[1]} stands beside {given[0]}.", "Expected one or the other.")
    if not given:
        raise BadInput(f"No {what} is named.", f"Expected --{what}, or {' or '.join(several)}.")
    return named or None


def _pair(item: str) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    if not (equals and name):
        raise BadInput(f"--set {item} is not a parameter.", "Expected name=value.")
    return name, value
