"""A notebook run headless: whole files or none, one HTML that opens from a file, and the last good one stays."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from browser import chromium

from stormplay import RouteBuilder, broker, reports, tenancy
from stormplay import database as db
from stormplay.errors import ReportFailed
from stormplay.reports.orders import orders

ROOT = Path(__file__).resolve().parents[2]
PHASE3 = ROOT / "notebooks" / "phase3_routes.ipynb"
SUBJECT = {"tenant": "trinity", "storm": "2021-04-28"}


@pytest.fixture(scope="module")
def made(demo, tmp_path_factory):
    RouteBuilder(**SUBJECT).generate_routes(time_limit_s=0.5)
    return reports.run(PHASE3, SUBJECT, tmp_path_factory.mktemp("reports"), person="ben")


def test_the_files_are_named_for_their_subject_and_nothing_else_is_left(made):
    assert made.html.name == "phase3_routes-trinity-2021-04-28.html"
    assert {path.name for path in made.html.parent.iterdir()} == {made.html.name, made.notebook.name, made.result.name}


def test_the_login_of_the_run_is_gone(made):
    with db.transaction(db.admin_url()) as connection:
        query = "SELECT count(*) FROM sec.login WHERE purpose = 'report'"
        assert connection.exec_driver_sql(query).scalar_one() == 0


def test_the_html_opens_without_a_network_and_shows_the_map(made):
    with chromium() as browser:
        context = browser.new_context(offline=True, viewport={"width": 1200, "height": 900})
        page = context.new_page()
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(made.html.as_uri())
        frame = page.frame_locator("iframe").first
        frame.locator("body").wait_for()
        page.wait_for_timeout(1_000)
        drawn = page.frames[-1].evaluate("window.stormplayMap && window.stormplayMap.polylines")
        text = page.inner_text("body")
    assert [url for url in asked if not url.startswith(("file:", "data:", "about:", "blob:"))] == []
    assert said == []
    assert drawn == len(RouteBuilder(**SUBJECT).get_routes())
    assert "synthetic" in text.lower()
    assert "modelled" in text.lower()
    assert made.html.stat().st_size < 2_000_000


def test_no_source_and_no_secret_is_in_the_html(made):
    text = made.html.read_text()
    assert "RouteBuilder(" not in text
    assert not re.search(r"k_[0-9a-f]{32}|postgresql://", text + made.notebook.read_text())


def test_the_numbers_agree_with_the_database(made):
    book = nbformat.read(made.notebook, as_version=4)
    text = json.dumps([cell.get("outputs", []) for cell in book.cells])
    routes = RouteBuilder(**SUBJECT).get_routes()
    assert f"{int(routes['property_count'].sum()):,}" in text


def test_a_failing_cell_keeps_the_partial_aside_and_the_last_good_report(made):
    before = made.html.read_bytes()
    broken = made.html.parent / "phase3_routes.ipynb"
    book = nbformat.read(PHASE3, as_version=4)
    book.cells.append(nbformat.v4.new_code_cell("1 / 0"))
    nbformat.write(book, broken)
    with pytest.raises(ReportFailed, match=r"phase3_routes failed in cell \d+: ZeroDivisionError"):
        reports.run(broken, SUBJECT, made.html.parent)
    assert made.html.read_bytes() == before
    aside = made.html.with_name("phase3_routes-trinity-2021-04-28.failed.ipynb")
    assert aside.exists()
    aside.unlink()
    broken.unlink()


def figures(path):
    """What cells show, without what a clock says."""
    told = json.dumps([cell.get("outputs", []) for cell in nbformat.read(path, 4).cells])
    return re.sub(r"\b([a-z_]+_)[0-9a-f]{32}\b", r"\1", re.sub(r" \((just now|\d+ \w+ ago)\)", "", told))


def test_papermill_needs_no_other_set_up_and_shows_the_same(made, tmp_path):
    """The command of the README, with the embedded database and nothing in the environment."""
    target = tmp_path / "out.ipynb"
    done = subprocess.run(
        [Path(sys.executable).with_name("papermill"), str(PHASE3), str(target), "-p", "tenant", "trinity",
         "-p", "storm", "2021-04-28", "-p", "interactive", "False", "--no-progress-bar"],
        cwd=ROOT, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    outputs = [output for cell in nbformat.read(target, 4).cells for output in cell.get("outputs", [])]
    assert outputs
    assert not [output for output in outputs if output.output_type == "error"]
    assert figures(target) == figures(made.notebook)


def test_a_parameter_is_never_an_authority(demo, tmp_path):
    """ben may not see lone-star, whatever the parameters say, even where the check before the run is passed by."""
    with tenancy.as_person("ben", "report"):
        (order,) = orders([PHASE3], {}, tmp_path, "ben", tenants=["trinity"], storms=["2021-04-28"])
    forged = replace(order, tenant="lone-star", values={**order.values, "tenant": "lone-star"})
    with pytest.raises(ReportFailed, match="no tenant 'lone-star'"):
        reports.make(forged, reports.Terms())
    assert not list(tmp_path.glob("*.html"))
    assert tenancy.my_name() == "Local person"
    assert broker.reap() == 0


def test_again_it_is_the_same_to_the_byte(made, tmp_path):
    as_of = json.loads(made.result.read_text())["as_of"]
    again = reports.run(PHASE3, SUBJECT, tmp_path, "ben", reports.Terms(as_of=reports.moment(as_of)))
    for one, other in ((made.notebook, again.notebook), (made.html, again.html), (made.result, again.result)):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_the_result_is_for_programs(made):
    told = json.loads(made.result.read_text())
    assert told["recorded"]["stops"] == int(RouteBuilder(**SUBJECT).get_routes()["property_count"].sum())
    assert told["parameters"] == {**SUBJECT, "interactive": False}
    assert told["versions"]["schema"] == broker.schema_number()
    for path in (made.notebook, made.html):
        told_of = told["files"][path.name]
        assert told_of == {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}
