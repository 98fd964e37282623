"""From a page to another one: an address where there is one, and words that are no markup."""

from __future__ import annotations

import pytest

from stormplay.controls.ways import led, way_to


@pytest.fixture
def beside(monkeypatch, tmp_path):
    (tmp_path / "phase4_jobs.ipynb").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5")


def test_it_names_company_storm_and_what_else_is_asked(beside):
    assert way_to("phase4_jobs", "a b", "c&d", route="r=1") == "phase4_jobs.ipynb?tenant=a+b&storm=c%26d&route=r%3D1"


def test_there_is_none_to_a_page_that_is_not_there_nor_from_a_report(beside, monkeypatch):
    assert way_to("phase5_nurture", "a", "b") == ""
    monkeypatch.delenv("SERVER_SOFTWARE")
    assert way_to("phase4_jobs", "a", "b") == ""


def test_neither_words_nor_address_are_markup():
    assert led("<b>", "") == "&lt;b&gt;"
    assert led("<b>", 'x">&y') == '<a href="x&quot;&gt;&amp;y">&lt;b&gt;</a>'
