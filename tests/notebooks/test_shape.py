"""The static shape of every notebook: a function with typed parameters, short calls, more words than code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

from stormplay import parameters

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
FORBIDDEN = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.AsyncFor, ast.While,
             ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Try, ast.If)  # fmt: skip
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE)\b.*\b(FROM|INTO|SET)\b", re.IGNORECASE | re.DOTALL)
FRAME_WORK = re.compile(r"\.(merge|join|groupby|pivot\w*|apply|concat)\(")


def faults(book):
    """What is wrong with the shape of a notebook, one sentence each."""
    found = []
    cells = book.cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    words = [cell for cell in cells if cell.cell_type == "markdown"]
    tagged = [i for i, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", [])]
    if not 12 <= len(cells) <= 18:
        found.append(f"{len(cells)} cells, not 12 to 18")
    if len(words) < len(code):
        found.append("fewer markdown cells than code cells")
    if sum(len(cell.source) for cell in words) < sum(len(cell.source) for cell in code):
        found.append("less markdown than code")
    if not words or cells[0] is not words[0] or not cells[0].source.startswith("# "):
        found.append("does not begin with a title")
    if tagged != [1]:
        found.append("the parameters cell is not the second cell")
    for cell in code:
        tree = ast.parse(cell.source)
        found += [f"a {type(node).__name__} in a cell" for node in ast.walk(tree) if isinstance(node, FORBIDDEN)]
        if SQL.search(cell.source):
            found.append("SQL in a cell")
        if FRAME_WORK.search(cell.source):
            found.append("frame work in a cell")
        if cell.outputs or cell.execution_count is not None:
            found.append("an output in git")
    if book.metadata.kernelspec.name != "python3":
        found.append("the kernel is not python3")
    return found


def test_there_is_a_notebook():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_shape(path):
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    assert faults(book) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_parameters_begin_with_tenant_and_storm_and_say_what_they_are(path):
    known = parameters.contract(path)
    assert list(known)[:2] == ["tenant", "storm"]
    assert known["interactive"].default is True
    assert all(one.help for one in known.values())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_first_cell_says_for_whom_and_what_for(path):
    title = nbformat.read(path, as_version=4).cells[0].source
    assert all(f"**{word}.**" in title for word in ("Question", "Reader", "Decision"))


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("def f():\n    return 1", "a FunctionDef in a cell"),
        ("for x in y:\n    x", "a For in a cell"),
        ("[x for x in y]", "a ListComp in a cell"),
        ("run('select a from b')", "SQL in a cell"),
        ("a.merge(b)", "frame work in a cell"),
    ],
)
def test_the_check_sees_each_fault(source, fault):
    book = nbformat.read(NOTEBOOKS[0], as_version=4)
    book.cells[2].source = source
    assert fault in faults(book)


def test_the_check_sees_outputs_and_a_lost_tag():
    book = nbformat.read(NOTEBOOKS[0], as_version=4)
    book.cells[1].metadata.tags = []
    book.cells[2].execution_count = 3
    assert {"an output in git", "the parameters cell is not the second cell"} <= set(faults(book))
