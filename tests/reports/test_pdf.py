"""A report on paper, by whichever Chromium there is; and a sentence where there is none."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
from browser import find
from command import in_process
from small import SUBJECT

from stormplay import reports
from stormplay.errors import BadInput

SCORE = Path(__file__).resolve().parents[2] / "notebooks" / "score.ipynb"


def test_the_page_is_printed_with_its_charts_and_the_reports_own_date(demo, tmp_path, monkeypatch):
    monkeypatch.setenv("STORMPLAY_CHROMIUM", find())
    terms = reports.Terms(as_of=reports.moment("2021-05-03T06:00Z"), is_pdf=True)
    made = reports.run(SCORE, SUBJECT, tmp_path / "out", terms=terms)
    data = made.pdf.read_bytes()
    assert data.startswith(b"%PDF-") and 20_000 < len(data) < 3_000_000
    assert set(re.findall(rb"/(?:CreationDate|ModDate) \(D:(\d{14})", data)) == {b"20210503060000"}
    assert len(re.findall(rb"/Type /Page\b", data)) >= 2
    told = json.loads(made.result.read_text())["files"][made.pdf.name]
    assert told == {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    assert {path.suffix for path in made.pdf.parent.iterdir()} == {".ipynb", ".html", ".json", ".pdf"}
    reports.run(SCORE, SUBJECT, tmp_path / "out")
    assert not made.pdf.exists(), "an older run's paper is not left beside a newer page"


def test_without_a_chromium_it_is_a_sentence_before_anything_runs(demo, tmp_path, monkeypatch):
    monkeypatch.delenv("STORMPLAY_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    done = in_process("report", "score", "--tenant", "lone-star", "--storm", "2021-04-28", "--pdf", "--out",
                      tmp_path / "out", home=demo)  # fmt: skip
    assert done.returncode == 2 and done.stderr.startswith("There is no Chromium to print with.")
    assert not (tmp_path / "out").exists()
    monkeypatch.setenv("STORMPLAY_CHROMIUM", "/nowhere/chromium")
    with pytest.raises(BadInput, match="names /nowhere/chromium, which cannot be run"):
        reports.run(SCORE, SUBJECT, tmp_path / "out", terms=reports.Terms(is_pdf=True))
