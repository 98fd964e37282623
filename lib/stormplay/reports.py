"""Notebooks as reports: checked parameters, papermill, one self-contained HTML.

A run gets its own short-lived database login. What is published is whole: files appear under their names only
when the notebook ran to its end, a partial notebook is kept aside as `*.failed.ipynb`, and the last good report
stays.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from stormplay import broker, charts, parameters, tenancy
from stormplay.errors import BadInput, ReportFailed


@dataclass(frozen=True)
class Report:
    """The two files of a report: the executed notebook, and the HTML that opens without a network."""

    notebook: Path
    html: Path


def run(notebook: Path, given: Mapping[str, object], out: Path, person: str = broker.LOCAL) -> Report:
    """Run one notebook headless and publish what it shows.

    Args:
        notebook: The notebook's path.
        given: Values of its parameters; `interactive` is set to False.
        out: The folder for the report; made if missing.
        person: Whose rights the run has, on a database whose logins this process may mint.

    Returns:
        The published files, named after the notebook, the tenant and the storm.

    Raises:
        BadInput: An unknown parameter or tenant or storm, or a value of the wrong type. Nothing is written.
        ReportFailed: A cell failed; the partial notebook is kept aside.
    """
    known = parameters.contract(notebook)
    values = parameters.check(known, given)
    if "interactive" in known:
        values["interactive"] = False
    name = "-".join(_plain(str(part)) for part in (notebook.stem, *_subject(known, values)))
    with tenancy.as_person(person, "report"):
        _check_subject(known, values)
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".making-") as making:
            half = Path(making) / f"{name}.ipynb"
            _execute(notebook, half, values, out / f"{name}.failed.ipynb")
            page = half.with_suffix(".html")
            page.write_text(to_html(half), encoding="utf-8")
            report = Report(out / half.name, out / page.name)
            half.replace(report.notebook)
            page.replace(report.html)
    (out / f"{name}.failed.ipynb").unlink(missing_ok=True)
    return report


def to_html(executed: Path) -> str:
    """An executed notebook as one HTML page: no source, nothing fetched; Plotly once, where there is a chart."""
    import nbformat  # noqa: PLC0415 - a second, of which who is refused need not wait
    from nbconvert import HTMLExporter  # noqa: PLC0415 - half a second

    book = nbformat.read(executed, as_version=4)
    exporter = HTMLExporter(template_name="basic", exclude_input=True, exclude_output_prompt=True)
    exporter.exclude_input_prompt = exporter.exclude_anchor_links = True
    body, _ = exporter.from_notebook_node(book)
    if 'class="sp-charted"' in body:
        body += charts.bundle()
    heading = re.search(r"^#\s+(.+)$", "\n".join(cell.source for cell in book.cells[:1]), re.MULTILINE)
    style = _shared("stormplay.css").replace("</", "<\\/")
    frame = _shared("report.html")
    title = _escape(heading.group(1) if heading else executed.stem)
    return frame.replace("{{ title }}", title).replace("{{ style }}", style).replace("{{ body }}", body)


def _shared(name: str) -> str:
    folder = resources.files("stormplay") / "share" / "jupyter" / "voila" / "templates" / "stormplay" / "static"
    return (folder / name).read_text(encoding="utf-8")


def _subject(known: Mapping[str, parameters.Parameter], values: Mapping[str, object]) -> list[object]:
    return [values.get(name, known[name].default) for name in ("tenant", "storm") if name in known]


def _check_subject(known: Mapping[str, parameters.Parameter], values: Mapping[str, object]) -> None:
    """Refuse a tenant or storm that is not open to the person, before anything runs."""
    subject = [str(part) for part in _subject(known, values)]
    if subject:
        with tenancy.session(subject[0]) as connection:
            for storm in subject[1:]:
                tenancy.storm_id(connection, storm)


def _execute(notebook: Path, target: Path, values: Mapping[str, object], aside: Path) -> None:
    import papermill  # noqa: PLC0415 - half a second
    from papermill.exceptions import PapermillExecutionError  # noqa: PLC0415

    try:
        papermill.execute_notebook(
            str(notebook),
            str(target),
            parameters=dict(values),
            kernel_name="python3",
            progress_bar=False,
            cwd=str(notebook.parent),
        )
    except PapermillExecutionError as error:
        target.replace(aside)
        raise ReportFailed(
            f"{notebook.stem} failed in cell {error.exec_count}: {error.ename}: {_plain_text(error.evalue)}",
            remedy=f"What it did until then is in {aside}; the last good report was left as it is.",
        ) from None


def _plain(text: str) -> str:
    """Text that is a file's name and nothing else, whatever was given."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._")
    if not name:
        raise BadInput(f"'{text}' cannot be part of a file's name.")
    return name[:80]


def _plain_text(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", str(text)).strip()


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
