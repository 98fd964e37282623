"""A report looks like its page: the same tokens, the same sections, by day and by night, and white on paper."""

from __future__ import annotations

import re

import nbformat
import pytest

from stormplay import look
from stormplay.reports.html import to_html

CELLS = [
    nbformat.v4.new_markdown_cell("# Hail\n\nWhat happened?"),
    *(
        cell
        for number in (1, 2)
        for cell in (
            nbformat.v4.new_markdown_cell(f"## Part {number}"),
            nbformat.v4.new_code_cell(
                "1", outputs=[nbformat.v4.new_output("display_data", {"text/html": f"<p id=said-{number}>said</p>"})]
            ),
        )
    ),
]


@pytest.fixture(scope="module")
def page():
    return to_html(nbformat.v4.new_notebook(cells=CELLS), "hail")


def test_each_heading_begins_a_section_and_all_is_closed(page):
    sections = re.findall(r'<section class="sp-section">(.*?)</section>', page, re.DOTALL)
    assert [re.findall(r"<h2>(.*?)</h2>", section) for section in sections] == [["Part 1"], ["Part 2"]]
    assert [f"said-{number}" in section for number, section in enumerate(sections, 1)] == [True, True]
    assert all(section.count("<div") == section.count("</div>") for section in sections)


def test_it_carries_the_tokens_and_asks_nobody(page):
    assert look.tokens().strip().splitlines()[-1] in page
    assert "@import" not in page and not re.search(r"url\((?!data:|#)", page)


def test_it_follows_the_reader_and_paper_is_white(browser, page, tmp_path):
    path = tmp_path / "hail.html"
    path.write_text(page)
    context = browser.new_context(offline=True, color_scheme="dark")
    shown = context.new_page()
    shown.goto(path.as_uri())
    ground = "getComputedStyle(document.body).backgroundColor"
    assert shown.evaluate(ground) == "rgb(15, 22, 31)" == _rgb(look.colours()["ground"][1])
    shown.emulate_media(media="print")
    assert shown.evaluate(ground) == "rgb(255, 255, 255)"
    context.close()


def _rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))})"
