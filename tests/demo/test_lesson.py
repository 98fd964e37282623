"""The tutorial over the demo: it runs headless, and its interval holds what was planted."""

from __future__ import annotations

from pathlib import Path

import nbformat
import papermill
import pytest

from stormplay import experiments
from stormplay.controls.record import MIME
from stormplay.demo import lesson
from stormplay.errors import BadInput

TUTORIAL = Path(__file__).resolve().parents[2] / "notebooks" / "tutorial.ipynb"


@pytest.fixture(scope="module", autouse=True)
def demo(fresh_demo):
    return fresh_demo


@pytest.mark.parametrize(("storm", "planted"), [("2020-04-28", 0.0774), ("2016-03-17", 0.1262), ("2021-04-28", 0.1345)])
def test_the_interval_holds_what_was_planted(storm, planted):
    found = lesson.compare("lone-star", storm, experiments.Experiment("lone-star", storm).read_out())
    assert found.planted == pytest.approx(planted, abs=0.002)
    assert found.is_covered
    assert "holds what was planted" in found.sentence


def test_a_storm_without_decisions_says_so():
    found = lesson.compare("trinity", "2016-03-17", experiments.Experiment("trinity", "2016-03-17").read_out())
    assert found.planted is None
    assert found.sentence.startswith("Nothing is planted here: nobody has decided")
    assert found.recorded() == {"is_covered": False}


def test_a_company_that_is_not_the_demos_is_told_so():
    found = lesson.Comparison(None, 0.05, 0.01, 0.09, is_of_demo=False)
    assert found.sentence.startswith("Nothing is planted here: this is no demo company.")
    assert found._repr_html_() == f"<p>{found.sentence}</p>"


def test_a_page_shows_what_its_address_names(monkeypatch):
    monkeypatch.delenv("QUERY_STRING", raising=False)
    assert lesson.chosen("lone-star", "2020-04-28") == ("lone-star", "2020-04-28")
    monkeypatch.setenv("QUERY_STRING", "tenant=trinity&storm=2016-03-17")
    assert lesson.chosen("lone-star", "2020-04-28") == ("trinity", "2016-03-17")
    monkeypatch.setenv("QUERY_STRING", "tenant=a'b")
    with pytest.raises(BadInput, match="In the address"):
        lesson.chosen("lone-star", "2020-04-28")


def test_the_tutorial_runs_headless(tmp_path):
    papermill.execute_notebook(TUTORIAL, tmp_path / "out.ipynb", {"interactive": False}, progress_bar=False)
    outputs = [out for cell in nbformat.read(tmp_path / "out.ipynb", 4).cells for out in cell.get("outputs", [])]
    assert not [out for out in outputs if out.output_type == "error"]
    assert outputs[-1]["data"][MIME]["is_covered"] is True
