"""Parameters are read, typed and refused; never run."""

from __future__ import annotations

import nbformat
import pytest

from stormplay import parameters
from stormplay.errors import BadInput


@pytest.fixture
def notebook(tmp_path):
    def write(source, tags=("parameters",)):
        cell = nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})
        path = tmp_path / "act.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
        return path

    return write


GOOD = 'tenant: str = "a#b"  # which company\nlimit: int = 50  # stops\nshare: float = 0.5\nfull: bool = False  # all'


def test_the_contract_is_read_from_the_cell(notebook):
    known = parameters.contract(notebook(GOOD))
    assert [(one.name, one.type, one.default, one.help) for one in known.values()] == [
        ("tenant", str, "a#b", "which company"),
        ("limit", int, 50, "stops"),
        ("share", float, 0.5, ""),
        ("full", bool, False, "all"),
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"limit": "40"}, {"limit": 40}),
        ({"share": 1}, {"share": 1.0}),
        ({"full": "yes"}, {"full": True}),
        ({"tenant": "1"}, {"tenant": "1"}),
    ],
)
def test_values_are_read_as_their_type(notebook, given, expected):
    assert parameters.check(parameters.contract(notebook(GOOD)), given) == expected


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"teanant": "x"}, "no parameter 'teanant'.*tenant, limit"),
        ({"limit": "many"}, "'limit' is 'many'.*int"),
        ({"limit": 2.5}, "'limit' is 2.5.*int"),
        ({"limit": True}, "'limit' is True.*int"),
        ({"full": "perhaps"}, "'full' is 'perhaps'.*bool"),
        ({"tenant": 3}, "'tenant' is 3.*str"),
        ({"x = __import__('os')": 1}, "no parameter"),
    ],
)
def test_anything_else_is_one_sentence(notebook, given, sentence):
    with pytest.raises(BadInput, match=sentence):
        parameters.check(parameters.contract(notebook(GOOD)), given)


@pytest.mark.parametrize("line", ["limit = 50", "limit: int = 5 * 10", "import os", "limit: list = []"])
def test_a_cell_that_is_not_plain_is_refused_and_not_run(notebook, line):
    with pytest.raises((BadInput, ValueError)):
        parameters.contract(notebook(line))


def test_no_such_notebook_names_those_there_are(notebook):
    path = notebook(GOOD)
    with pytest.raises(BadInput, match=r"no notebook 'other'.*act"):
        parameters.contract(path.with_name("other.ipynb"))
