"""What the process of one report does: run the notebook, draw the page, and say how it went.

It has one login, for one person, and ends with its answer.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
import papermill
import psycopg2
import sqlalchemy
from papermill.exceptions import PapermillExecutionError
from sqlalchemy.exc import InterfaceError, OperationalError

from stormplay import registry
from stormplay.controls import markup
from stormplay.controls.record import MIME
from stormplay.errors import DatabaseUnavailable, ReportFailed, StormplayError, UnknownModel
from stormplay.reports import engine, pdf
from stormplay.reports.html import to_html
from stormplay.reports.stable import settle

PARTIAL = "partial.ipynb"
_MODEL = "uplift"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Make a report's files in its folder.

    Args:
        request: `notebook` (path), `values` (parameters), `folder`, `name` (of the files), `tenant`, `as_of`, and
            `chromium` (its path; None for no PDF).

    Returns:
        `failed` (None, or the error's `what`, `expected`, `remedy`, and whether the `database` was it), and where it
        is None `recorded`, `data_as_of`, `models`; and always `row_count`.
    """
    rows = _Rows()
    try:
        told = _made(request)
    except Exception as error:
        told = {"failed": _told(error)}
    return {"failed": None, **told, "row_count": rows.count}


def _made(request: Mapping[str, Any]) -> dict[str, Any]:
    folder, name = Path(request["folder"]), str(request["name"])
    book = settle(_executed(request, folder / PARTIAL))
    target = folder / f"{name}.ipynb"
    nbformat.write(book, target)
    page = target.with_suffix(".html")
    page.write_text(to_html(book, name), encoding="utf-8")
    if request["chromium"]:
        pdf.print_page(request["chromium"], page, page.with_suffix(".pdf"), datetime.fromisoformat(request["as_of"]))
    as_of = markup.data_as_of()
    return {
        "recorded": _recorded(book),
        "data_as_of": as_of.isoformat() if as_of else None,
        "models": _models(str(request["tenant"])),
    }


def _executed(request: Mapping[str, Any], partial: Path) -> Any:
    """The notebook with its outputs. What there is of one that does not end is in `partial`."""
    notebook = Path(request["notebook"])
    with suppress(PapermillExecutionError):  # what ended it is known better below; an exit is none for papermill
        book = papermill.execute_notebook(
            str(notebook),
            str(partial),
            parameters=dict(request["values"]),
            engine_name=engine.NAME,
            kernel_name=engine.KERNEL,
            progress_bar=False,
            cwd=str(notebook.parent),
            home=partial.parent / "home",
        )
    if (error := engine.InProcess.error) is None:
        return book
    nbformat.write(settle(nbformat.read(partial, as_version=4)), partial)
    where = f"{notebook.stem} failed in cell {engine.InProcess.failed_at}"
    # The cause is kept: its kind says whether it is worth another try.
    raise ReportFailed(f"{where}: {type(error).__name__}: {_COLOUR.sub('', str(error)).strip()}") from error


def _recorded(book: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for cell in book.cells:
        for output in cell.get("outputs", []):
            found |= output.get("data", {}).get(MIME, {})
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


def _models(tenant: str) -> dict[str, str]:
    """The version in force of the model whose numbers the pages show; {} where there is none."""
    try:
        return {_MODEL: registry.ModelRegistry(tenant, _MODEL).champion().model_version}
    except UnknownModel:
        return {}


def _told(error: BaseException) -> dict[str, Any]:
    if isinstance(error, StormplayError):
        parts = {"what": error.what, "expected": error.expected, "remedy": error.remedy}
    elif isinstance(error, OSError) and error.strerror:
        parts = {"what": f"The report could not be written: {error.strerror}.", "expected": "",
                 "remedy": "Make room, or choose another folder; the last good report was left as it is."}  # fmt: skip
    else:
        parts = {"what": f"{type(error).__name__}: {error}", "expected": "", "remedy": ""}
    return {**parts, "database": _is_database(error)}


def _is_database(error: BaseException | None) -> bool:
    """Whether no database answered, here or behind what was made of it: that alone is worth another try."""
    seen = 0
    while error is not None and (seen := seen + 1) < 20:
        kinds = (DatabaseUnavailable, OperationalError, InterfaceError, psycopg2.OperationalError,
                 psycopg2.InterfaceError)  # fmt: skip
        if isinstance(error, kinds) or getattr(error, "connection_invalidated", False):
            return True
        error = error.__cause__ or error.__context__
    return False


class _Rows:
    """How many rows the queries of this process have read."""

    def __init__(self) -> None:
        self.count = 0
        sqlalchemy.event.listen(sqlalchemy.engine.Engine, "after_cursor_execute", self._add)

    def _add(self, _connection: object, cursor: Any, *_: object) -> None:
        if cursor.description:
            self.count += max(0, cursor.rowcount)


def quiet(folder: Path) -> None:
    """Send what libraries and crashes say to a file beside the report, not to whoever asked for it."""
    import faulthandler  # noqa: PLC0415 - it writes to the file that standard error is from now on

    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for here, there in ((null, 0), (log, 1), (log, 2)):
        os.dup2(here, there)
    faulthandler.enable()
