"""The notebook of the score over a real database: live and headless, and its numbers against the library's own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import papermill
import pytest
from browser import chromium
from scored import Play
from sqlalchemy import text

from stormplay import JobTracker, RouteBuilder, accounts, controls, list_storms, reports, storms, tenancy
from stormplay.score import StormPlayScore

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
SCORE = FOLDER / "score.ipynb"


@pytest.fixture(scope="module")
def play(database):
    made = Play(treat=24)
    made.add_jobs(20)
    made.run(
        "UPDATE lead_uplift SET expected_uplift = 0.2",
        "UPDATE jobs SET status = 'completed', completed_at = now() WHERE property_id = ANY (CAST(:some AS uuid[]))",
        """INSERT INTO policy_outcomes (storm_id, property_id, actual_converted)
           SELECT storm_id, property_id, property_id = :home OR decision = 'hold_out' AND property_id::text < '8'
             FROM policy_decisions_log WHERE decision <> 'skip'""",
        "INSERT INTO quality_runs (storm_id, checks, issues, seconds, made_by) VALUES (:storm, 200, 3, 1, 'x')",
        some=made.homes[:5],
    )  # fmt: skip
    return made


def subject(play):
    return {"tenant": play.tenant, "storm": "hail"}


def recorded(path):
    outputs = [out for cell in nbformat.read(path, as_version=4).cells for out in cell.get("outputs", [])]
    assert not [out for out in outputs if out.output_type in ("error", "stream")]
    (found,) = [out.data[controls.MIME] for out in outputs if controls.MIME in out.get("data", {})]
    return found


def agrees(found, play):
    current = play.score.current()
    assert found["score"] == pytest.approx(current.score, abs=1e-5)
    assert {name: found[name] for name in vars(current.counts)} == vars(current.counts)
    assert found["measured"] == current.measured and found["changes"] == len(play.score.history())
    return True


@pytest.fixture(scope="module")
def made(play, tmp_path_factory):
    return reports.run(SCORE, subject(play), tmp_path_factory.mktemp("reports"))


def test_headless_it_says_what_the_library_says(made, play):
    assert agrees(recorded(made.notebook), play)
    text_of = re.sub(r"<[^>]*>", " ", made.html.read_text())
    assert f"The Storm Play Score is {play.score.current().score:.1f} of 100." in text_of
    assert "5 of 20 jobs completed" in text_of and "synthetic" in text_of


def test_no_source_no_secret_and_no_control_is_in_the_report(made):
    html, book = made.html.read_text(), made.notebook.read_text()
    assert "StormPlayScore(" not in html and not re.search(r"k_[0-9a-f]{32}|postgresql://", html + book)
    assert "jupyter.widget-view" not in json.dumps(nbformat.read(made.notebook, as_version=4))
    assert "sp-plotly" not in book, "the executed notebook stays small; the HTML holds the bundle"


def test_the_report_holds_the_bundle_once_opens_offline_and_stays_small(made):
    assert made.html.stat().st_size < 2_000_000
    assert made.html.read_text().count('class="sp-plotly"') == 1
    with chromium() as browser:
        page = browser.new_context(offline=True, viewport={"width": 390, "height": 844}).new_page()
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(made.html.as_uri())
        page.wait_for_function("document.querySelectorAll('.sp-chart > .plot-container').length === "
                               "document.querySelectorAll('.sp-chart').length")  # fmt: skip
        assert page.locator(".sp-chart").count() >= 4
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        score = page.inner_text(".sp-score")
    assert said == [] and [url for url in asked if not url.startswith(("file:", "data:", "about:"))] == []
    assert score.startswith("Storm Play Score")


def test_live_it_runs_from_the_first_cell_to_the_last(play, tmp_path):
    target = tmp_path / "live.ipynb"
    papermill.execute_notebook(str(SCORE), str(target), subject(play), progress_bar=False, kernel_name="python3")
    assert agrees(recorded(target), play)
    assert "jupyter.widget-view" in json.dumps(nbformat.read(target, as_version=4))


@pytest.mark.parametrize("interactive", [True, False])
def test_a_storm_of_which_nothing_is_known_is_no_error(interactive, database):
    from world import make_world

    world = make_world(treat=0, hold_out=0, skip=0, suppressed=0, without_place=0)
    page = opened(world.tenant, interactive=interactive)
    for section in ("header", "answer", "choose", "made_of", "lift", "history", "compare", "raise_it"):
        assert getattr(page, section)() is not None
    assert page.recorded()["measured"] == 0 and page.recorded()["next_step"] == "Run the treatment policy"


def opened(tenant, **options):
    return controls.score(
        tenant, "hail", score=StormPlayScore, tenants=tenancy.my_tenants, storms=list_storms, **options
    )


def test_a_viewer_sees_all_of_it(play, as_person, monkeypatch):
    monkeypatch.delenv("QUERY_STRING", raising=False)
    accounts.add_person("sp-viewer", "Vi", "long-enough-1")
    accounts.add_member("sp-viewer", play.tenant, "viewer")
    as_person("sp-viewer")
    page = opened(play.tenant)
    assert page.message.text == "" and page.recorded()["measured"] == 4


# ---- the score in the header of the other pages follows what is done on them


def of_chip(page):
    return re.sub(r"<[^>]*>", " ", page.header().value)


def test_a_plan_that_is_generated_and_a_job_that_is_saved_move_the_header(database, monkeypatch):
    import asyncio

    monkeypatch.delenv("QUERY_STRING", raising=False)
    play = Play(treat=20)
    play.run("UPDATE lead_uplift SET expected_uplift = 0.2")
    common = {"tenants": tenancy.my_tenants, "storms": list_storms, "reports": storms.read_reports,
              "swath": storms.Swath.from_reports, "score": StormPlayScore}  # fmt: skip
    routes = controls.phase3(play.tenant, "hail", time_limit_s=0.3, builder=RouteBuilder, **common)
    assert "1 of 4 parts measurable yet" in re.sub(r"<[^>]*>", "", routes.header().value)

    async def generate():
        routes.work.button.click()
        await asyncio.wait_for(routes.work.task, 30)

    asyncio.run(generate())
    assert "2 of 4 parts measurable yet" in re.sub(r"<[^>]*>", "", routes.header().value)
    tracker = JobTracker(play.tenant, "hail")
    jobs = controls.phase4(play.tenant, "hail", tracker=JobTracker, **common)
    before = of_chip(jobs)
    for job in tracker.find(limit=10)["job_id"]:
        for status in ("contacted", "inspected", "completed"):
            tracker.update_job(job, status=status)
    jobs.again.click()
    assert of_chip(jobs) != before
    assert f"{play.score.current().score:.0f}" in of_chip(jobs)


def test_every_notebook_shows_the_score_first():
    """The whole set-up cell of each, as it is served."""
    for path in sorted(FOLDER.glob("phase*.ipynb")):
        book = nbformat.read(path, as_version=4)
        assert book.cells[2].source.rstrip().endswith("page.header()"), path.name
        assert "score=StormPlayScore" in book.cells[2].source, path.name


def test_the_score_of_the_demo_is_what_a_count_says(demo):
    with tenancy.session("lone-star") as connection:
        ids = connection.execute(text("SELECT storm_id::text FROM storms")).scalars().all()
    for storm in ids:
        score = StormPlayScore("lone-star", storm)
        assert score.current().counts == score.recount()
