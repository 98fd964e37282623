"""Small notebooks for reports: they run in milliseconds and do what a test needs."""

from __future__ import annotations

import nbformat

from stormplay import tenancy

SUBJECT = {"tenant": "lone-star", "storm": "2021-04-28"}
PARAMETERS = """\
tenant: str = "lone-star"  # company (slug or id)
storm: str = "2021-04-28"  # storm of that company (slug or id)
limit: int = 50  # stops
interactive: bool = True"""
AGED = """\
from datetime import datetime, timedelta, timezone
from stormplay.controls import markup
from stormplay.controls.record import Recorded
said = markup.age(datetime(2021, 5, 3, 12, tzinfo=timezone.utc))"""
RECORDED = "Recorded(limit=limit, company=tenant)"


def notebook(folder, name, *cells, parameters=PARAMETERS):
    """A notebook with a parameters cell and these code cells. Returns its path."""
    book = nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_markdown_cell(f"# {name}", id="0"),
        nbformat.v4.new_code_cell(parameters, id="1", metadata={"tags": ["parameters"]}),
        *(nbformat.v4.new_code_cell(source, id=str(number)) for number, source in enumerate(cells, 2)),
    ])  # fmt: skip
    book.metadata.kernelspec = {"name": "python3", "language": "python", "display_name": "Python 3"}
    path = folder / f"{name}.ipynb"
    nbformat.write(book, path)
    return path


def outputs(path):
    """All outputs of an executed notebook."""
    return [out for cell in nbformat.read(path, as_version=4).cells for out in cell.get("outputs", [])]


def runs(tenant, at_most=100):
    """The newest runs of a company's reports, as its members see them: the rows of the table, newest first."""
    query = "SELECT * FROM report_runs WHERE tenant_id = :tenant_id ORDER BY run_id DESC LIMIT :n"
    with tenancy.session(tenant) as connection:
        return tenancy.frame(connection, query, {"n": at_most})
