"""A notebook becomes a page: what is shown first, what is folded away, where something will come."""

from __future__ import annotations

import os
import string

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from stormplay.server.book import Shelf

HEAD = "# Where *we* drive\n\nWho goes where?\n\nFor the manager."
CELLS = [
    new_markdown_cell(HEAD),
    new_code_cell('tenant: str = "a"', metadata={"tags": ["parameters"]}),
    new_code_cell("import json\npage = json"),
    new_markdown_cell("## The answer\n\nIn one sentence."),
    new_code_cell("page.answer()", outputs=[new_output("stream", text="stale")], execution_count=7),
    new_markdown_cell("A word between."),
    new_code_cell("%time 1"),
    new_markdown_cell("## Limits"),
]


@pytest.fixture
def shelf(tmp_path):
    nbformat.write(new_notebook(cells=CELLS), tmp_path / "score.ipynb")
    (tmp_path / "notes.txt").write_text("not a notebook")
    return Shelf(tmp_path)


def test_the_title_is_the_first_heading_without_its_markup(shelf):
    assert shelf.find("score").title == "Where we drive"


def test_a_title_in_the_metadata_goes_before(tmp_path):
    nbformat.write(new_notebook(cells=CELLS, metadata={"title": "Roads"}), tmp_path / "a.ipynb")
    assert Shelf(tmp_path).find("a").title == "Roads"


def test_the_head_shows_its_first_paragraph_and_folds_the_rest(shelf):
    head = shelf.find("score").sections[0]
    assert head.opens
    assert "Who goes where?" in head.parts[0].html
    assert "For the manager." not in head.parts[0].html
    assert "For the manager." in head.parts[0].more


def test_a_heading_begins_a_section_and_prose_between_does_not(shelf):
    assert [len(section.parts) for section in shelf.find("score").sections] == [3, 4, 1]


def test_each_heading_can_be_led_to(shelf, tmp_path):
    parts = [part.html for section in shelf.find("score").sections for part in section.parts]
    assert '<h1 id="where-we-drive">Where <em>we</em> drive</h1>' in parts[0]
    assert '<h2 id="limits">Limits</h2>' in parts[-1]
    nbformat.write(new_notebook(cells=[new_markdown_cell("## A crew's <b>day</b> & night: 8 h")]), tmp_path / "b.ipynb")
    assert '<h2 id="a-crews-day-night-8-h">' in Shelf(tmp_path).find("b").parts[0].html
    nbformat.write(new_notebook(cells=[new_markdown_cell("## 天気")]), tmp_path / "c.ipynb")
    assert "<h2>天気</h2>" in Shelf(tmp_path).find("c").parts[0].html


def test_the_cell_of_the_map_is_known_by_its_tag(shelf, tmp_path):
    assert not shelf.find("score").has_map
    cells = [*CELLS, new_code_cell("page.map()", metadata={"tags": ["map"]})]
    nbformat.write(new_notebook(cells=cells), tmp_path / "routes.ipynb")
    book = shelf.find("routes")
    assert book.has_map and [part.cell for part in book.parts if part.is_map] == [len(CELLS)]


def test_a_place_is_kept_only_where_something_will_come(shelf):
    assert {part.cell for part in shelf.find("score").parts if part.waits} == {4}


def test_what_an_earlier_run_left_in_the_file_is_not_shown(shelf):
    assert all(not cell.get("outputs") for cell in shelf.find("score").node.cells)


def test_the_page_says_what_it_is_busy_with(shelf):
    book = shelf.find("score")
    assert book.doing(1) == "Opening the data"
    assert book.doing(6) == "Preparing: The answer"


def test_a_changed_notebook_is_read_again(shelf, tmp_path):
    assert shelf.find("score").title == "Where we drive"
    path = tmp_path / "score.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Anew")]), path)
    os.utime(path, ns=(1, 1))
    assert shelf.find("score").title == "Anew"


def test_the_navigation_has_the_acts_that_exist_in_the_storys_order(tmp_path):
    for name in ("score", "phase3_routes", "something_else"):
        nbformat.write(new_notebook(), tmp_path / f"{name}.ipynb")
    assert list(Shelf(tmp_path).acts()) == ["phase3_routes", "score"]


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../score", "/etc/passwd", "score/", "score\x00", "-score", "notes.txt", "s" * 200]
)
def test_a_name_that_is_no_word_finds_nothing(shelf, name):
    assert shelf.find(name) is None


@given(name=st.text(alphabet=string.printable, max_size=40))
def test_only_a_notebook_of_the_folder_is_ever_found(name, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "shelf"
    if not folder.exists():
        (folder / "in").mkdir(parents=True)
        nbformat.write(new_notebook(), folder / "in" / "score.ipynb")
        nbformat.write(new_notebook(), folder / "outside.ipynb")
    found = Shelf(folder / "in").find(name)
    assert found is None or name == found.name == "score"
