"""The page of reports as whoever runs the schedule lives it, in a real browser: look, fetch, run again, filter."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import site_up
from playwright.sync_api import expect

from stormplay import accounts, database, reports
from stormplay.errors import ReportFailed, StaleData
from stormplay.reports import history

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
EVERY = len(list(FOLDER.glob("*.ipynb"))) - 1  # the tutorial is a lesson, no report
SUBJECT = {"tenant": "lone-star", "storm": "2021-04-28"}
QUERY = "?tenant=lone-star&storm=2021-04-28"


@pytest.fixture(scope="module")
def made(site, tmp_path_factory):
    """A schedule's morning: the score is made, the jobs are stale, the score fails the next time."""
    out = tmp_path_factory.mktemp("published")
    found = reports.run(FOLDER / "score.ipynb", SUBJECT, out, "ana")
    with pytest.raises(StaleData):
        reports.run(FOLDER / "phase4_jobs.ipynb", SUBJECT, out, "ana", reports.Terms(fresh_within_h=1e-6))
    with pytest.raises(ReportFailed):
        reports.run(FOLDER / "score.ipynb", SUBJECT | {"compare_with": "snow"}, out, "ana")
    accounts.add_person("onlooker", "On Looker", "hailstorm-1")
    accounts.add_member("onlooker", "lone-star", "viewer")
    return found


def opened(visit, site, person, **size):
    return site_up.opened(visit, f"{site}/voila/render/reports.ipynb{QUERY}", person, **size)


def saved(page, label):
    with page.expect_download() as coming:
        page.get_by_role("link", name=re.compile(label)).click()
    return Path(coming.value.path())


def test_look_fetch_and_run_again(visit, site, made):
    page = opened(visit, site, "ana")
    expect(page.get_by_role("link", name="Reports", exact=True)).to_have_attribute("aria-current", "page")
    page.get_by_text(f"No: 0 of {EVERY} reports of this storm are fresh.").wait_for()
    page.get_by_text(
        re.compile("score failed in cell 3: UnknownStorm: This tenant has no storm 'snow'")
    ).first.wait_for()
    expect(page.locator(".sp-pick tbody tr")).to_have_count(3)

    page.get_by_role("button", name="Get the files").click()
    assert saved(page, "HTML page").read_bytes() == made.html.read_bytes()
    assert saved(page, "result.json").read_bytes() == made.result.read_bytes()
    assert saved(page, "Executed notebook").read_bytes() == made.notebook.read_bytes()

    # A report is run again where it was published, under the person's own name, while the page goes on.
    before = json.loads(made.result.read_text())["as_of"]
    page.get_by_label("Report", exact=True).first.select_option(label="score")
    page.get_by_role("button", name="Run it again").click()
    page.get_by_text(re.compile("Making score, ")).wait_for()
    page.get_by_label("Status", exact=True).select_option(label="stale")
    page.wait_for_function("document.querySelectorAll('.sp-pick tbody tr').length === 1")
    # The last good run had the parameters of the notebook; the failing one is not repeated.
    page.get_by_text("score-lone-star-2021-04-28.html was made anew.").wait_for()
    page.get_by_text(f"No: 1 of {EVERY} reports of this storm are fresh.").wait_for()
    page.get_by_label("Status", exact=True).select_option(label="fresh")
    page.wait_for_function("document.querySelectorAll('.sp-pick tbody tr').length === 2")
    row = page.locator(".sp-pick tbody tr").first
    expect(row).to_contain_text("ana")
    row.click()
    page.get_by_text("under the rights of ana").wait_for()
    assert json.loads(made.result.read_text())["as_of"] > before, "it speaks of another moment"

    page.get_by_role("button", name="Make the CSV").click()
    assert saved(page, "Download the CSV").read_text("utf-8-sig").startswith("run_id,notebook,status,")


def test_busy_is_said_and_a_run_can_be_taken_back(visit, site, made):
    page = opened(visit, site, "ana")
    (order,) = reports.planned([FOLDER / "score.ipynb"], {}, made.html.parent, "ana", reports.Terms(),
                               tenants=[SUBJECT["tenant"]], storms=[SUBJECT["storm"]])  # fmt: skip
    with history.locked(order):
        page.get_by_label("Report", exact=True).first.select_option(label="score")
        page.get_by_role("button", name="Run it again").click()
        page.get_by_text("is being made by another run").first.wait_for()
    before = made.html.read_bytes()
    with database.transaction(database.admin_url()) as connection:  # what the report reads, so that it has to wait
        connection.exec_driver_sql("LOCK TABLE policy_outcomes IN ACCESS EXCLUSIVE MODE")
        page.get_by_role("button", name="Run it again").click()
        page.get_by_text(re.compile("Making score, ")).wait_for()
        page.get_by_role("button", name="Cancel").click()
        page.get_by_text("The report was stopped. The last good one was left as it is.").first.wait_for()
    page.locator(".sp-pick tbody tr").first.get_by_text("killed").wait_for()  # the list is read after it is said
    assert made.html.read_bytes() == before
    page.get_by_text(f"No: 1 of {EVERY} reports of this storm are fresh.").wait_for()  # what was stopped has not failed


def test_a_viewer_on_a_phone_reads_and_does_not_run(visit, site, made):
    page = opened(visit, site, "onlooker", width=390, height=844)
    page.get_by_text("Your role here is viewer").wait_for()
    expect(page.get_by_role("button", name="Run it again")).to_be_disabled()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("button", name="Get the files").click()
    assert saved(page, "HTML page").read_bytes() == made.html.read_bytes()
