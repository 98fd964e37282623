"""The tutorial over the demo: it runs headless, and its interval holds what was planted."""

from __future__ import annotations

from pathlib import Path

import nbformat
import papermill
import pytest

from stormplay import experiments
from stormplay.controls.record import MIME
from stormplay.demo import lesson

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
    assert found.sentence.startswith("Nothing is planted here")
    assert found.recorded() == {"is_covered": False}


def test_the_tutorial_runs_headless(tmp_path):
    papermill.execute_notebook(TUTORIAL, tmp_path / "out.ipynb", {"interactive": False}, progress_bar=False)
    outputs = [out for cell in nbformat.read(tmp_path / "out.ipynb", 4).cells for out in cell.get("outputs", [])]
    assert not [out for out in outputs if out.output_type == "error"]
    assert outputs[-1]["data"][MIME]["is_covered"] is True
