"""The page of reports over runs in memory: what a reader sees, filters, fetches and runs, without a browser."""

from __future__ import annotations

import asyncio
import base64
import re
import sys
from html import unescape
from pathlib import Path

import pytest

from stormplay import controls
from stormplay.clock import VARIABLE
from stormplay.controls import reports_desk
from stormplay.errors import BadInput, UnknownStorm, UnknownTenant

sys.path.insert(0, str(Path(__file__).parent))
import memory_reports as memory


@pytest.fixture(autouse=True)
def no_address(monkeypatch):
    for name in ("QUERY_STRING", "SERVER_SOFTWARE", "VOILA_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(VARIABLE, memory.NOW.isoformat())
    monkeypatch.setattr(reports_desk, "LOOK_S", 0.01)


@pytest.fixture
def desk():
    return memory.MemoryDesk()


def opened(desk, tenant="lone-star", storm="2021-04-28", role="operator", **options):
    return controls.reports_page(tenant, storm, **memory.world(desk, role), **options)


def text_of(html):
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)))


def answer(page):
    return text_of(page._answer.value)


def rerun(page, during=None):
    """Press the button inside an event loop, as a kernel does, and wait for the end."""

    async def main():
        page.rerun.work.button.click()
        if during:
            await during()
        await asyncio.wait_for(page.rerun.work.task, 10)

    asyncio.run(main())


# ---- the answer first


def test_the_answer_says_which_reports_are_not_fresh_why_and_what_to_do(desk):
    said = answer(opened(desk))
    assert "No: 1 of 4 reports of this storm are fresh." in said
    assert "score failed since The last good one was made 02 May 2021, 06:00 UTC (1 day ago)" in said
    assert "of data as of 02 May 2021, 06:00 UTC. The run of 03 May 2021, 10:00 UTC failed" in said
    assert "(2 runs since were not good): score failed in cell 3" in said and "Next: Run it again; if it fails" in said
    assert "phase4_jobs too old The last good one was made 01 May 2021, 00:00 UTC (2 days ago)" in said
    assert "Never run for this storm: reports." in said
    assert "Data as of 03 May 2021, 11:00 UTC." in said and "synthetic" in said


def test_where_all_are_fresh_it_says_yes():
    page = opened(memory.MemoryDesk([memory.run(k, name) for k, name in enumerate(memory.NOTEBOOKS)]))
    assert "Yes: all 4 reports of this storm are fresh, each not older than 24 hours" in answer(page)
    assert page.recorded() == {"reports": 4, "fresh": 4, "failed_since": 0, "too_old": 0, "never_made": 0, "runs": 4,
                               "oldest_h": 1.0}  # fmt: skip


@pytest.mark.parametrize(("hours", "word"), [(61.0, "fresh"), (59.0, "too old")])
def test_how_old_a_report_may_be_is_the_readers(desk, hours, word):
    assert opened(desk, max_age_h=hours).reports.standing("phase4_jobs").word == word
    assert opened(desk, max_age_h=0).message.text.startswith("A report may be 0 hours old.")


@pytest.mark.parametrize("interactive", [True, False])
def test_a_storm_without_a_run_says_how_to_begin(interactive):
    page = opened(memory.MemoryDesk([]), interactive=interactive)
    said = answer(page) if interactive else text_of(page.answer().data)
    assert "No report of this storm has been run yet." in said
    for section in ("header", "choose", "latest", "run", "history"):
        assert getattr(page, section)() is not None
    assert page.recorded()["never_made"] == 4


def test_a_run_that_never_said_how_it_ended_is_not_under_way_for_ever(desk):
    desk.runs += [memory.run(6, "score", "running", 0.1), memory.run(7, "phase4_jobs", "running", 20)]
    page = opened(desk)
    assert page.reports.standing("score").running is not None
    assert page.reports.standing("phase4_jobs").running is None
    assert "1 under way" in answer(page)


def test_no_error_of_a_notebook_becomes_markup(desk):
    page = opened(desk)
    page.past.table.selected = "00000004"
    page.files.button.click()
    shown = "".join([page._answer.value, page._latest.value, page.past.run.value, page.files.links.value])
    assert "<img" not in shown and shown.count("&lt;img") == 3
    report = opened(desk, interactive=False)
    assert "<img" not in report.answer().data + report.history().data


# ---- history


def test_the_history_can_be_filtered_turned_and_taken_along(desk):
    desk.runs += [memory.run(100 + k, "score", hours_ago=0.5) for k in range(60)]
    page = opened(desk)
    past = page.past
    assert len(past.table.rows) == 25 and "Rows 1–25 of 65" in past.pager.said.value
    past.pager.next.click()
    past.pager.next.click()
    assert len(past.table.rows) == 15 and past.pager.next.disabled
    past.notebook.value = "phase3_routes"
    assert [row[0] for row in past.table.rows] == ["phase3_routes"] and past.pager.page == 1
    past.status.value = "failed"
    assert past.table.rows == [] and past.table.empty == "No run matches these filters."
    past.notebook.value = ""
    assert [row[2] for row in past.table.rows] == ["failed"]
    past.csv.button.click()
    data = re.search(r"base64,([^\"]+)", past.csv.file.value)[1]
    lines = base64.b64decode(data).decode("utf-8-sig").splitlines()
    assert lines[0] == "notebook,status,error" and len(lines) == 2
    past.status.value = ""
    assert past.csv.file.value == "", "another filter, another file"


def test_a_picked_run_is_told_in_full(desk):
    page = opened(desk)
    page.past.table.selected = "00000005"
    said = text_of(page.past.run.value)
    assert "under the rights of ana" in said and "code 0.1.0, notebook abababababab, schema 60, model uplift@3" in said
    assert "Published in /srv/reports" in said and "storm = 2021-04-28" in said
    page.past.table.selected = "no such run"
    assert page.past.run.value == ""


# ---- files


def test_the_files_of_a_report_are_fetched_when_wanted(desk):
    page = opened(desk)
    assert [label for label, _ in page.files.choice.options] == ["phase3_routes", "phase4_jobs", "score"]
    page.files.choice.label = "score"
    assert desk.fetched == []
    page.files.button.click()
    assert desk.fetched == ["00000002"]
    links = page.files.links.value
    assert 'download="score.html"' in links and base64.b64encode(b"<p>x</p>").decode() in links
    assert "PDF: It was published in" in links and links.count("<a ") == 1
    page.files.choice.label = "phase4_jobs"
    assert page.files.links.value == ""


# ---- one more


def test_the_worst_report_is_offered_first_and_what_came_of_it_is_said(desk):
    page = opened(desk)
    assert page.rerun.choice.value == "phase4_jobs"
    page.rerun.choice.value = "score"
    seen = []
    page.rerun.work.status.observe(lambda change: seen.append(change["new"]), "value")
    rerun(page)
    assert desk.asked == ["score"] and page.rerun.work.message.text == "It was made anew."
    assert any("Waiting for the server" in each for each in seen)
    assert page.reports.standing("score").word == "fresh", "the page has been read anew"
    assert page.past.table.rows[0][0] == "score" and page.rerun.choice.value == "score"
    assert not page.rerun.work.button.disabled and not page._selectors.tenant_box.disabled


@pytest.mark.parametrize("status", ["busy", "failed", "cancelled"])
def test_another_end_is_said_in_its_own_words(desk, status):
    desk.script = [("taken", None), (status, "The report score is being made by another run.")]
    page = opened(desk)
    rerun(page)
    assert page.rerun.work.message.text == "The report score is being made by another run."
    assert ("sp-error" in page.rerun.work.message.widget.value) == (status != "cancelled")


def test_it_can_be_taken_back(desk):
    desk.script = [("taken", None)]
    page = opened(desk)

    async def press():
        await asyncio.sleep(0.1)
        page.rerun.work.cancel_button.click()
        while not desk.cancelled:
            await asyncio.sleep(0.01)
        desk.script = [("cancelled", "The report was stopped. The last good one was left as it is.")]

    rerun(page, press)
    assert desk.cancelled == ["r1"] and "was stopped" in page.rerun.work.message.text


def test_where_no_server_takes_it_it_is_withdrawn(desk, monkeypatch):
    monkeypatch.setattr(reports_desk, "TAKEN_WITHIN_S", 0.1)
    desk.script = [("asked", None)]
    page = opened(desk)
    rerun(page)
    assert "No server has taken the request" in page.rerun.work.message.text and desk.cancelled == ["r1"]


def test_a_viewer_sees_the_button_and_why_it_cannot_be_pressed(desk):
    page = opened(desk, role="viewer")
    assert page.rerun.work.button.disabled and "Your role here is viewer" in page.rerun.reason.value
    assert opened(desk).rerun.reason.layout.display == "none"


def test_what_the_database_refuses_is_a_sentence(desk):
    desk.may = False
    page = opened(desk)
    rerun(page)
    assert page.rerun.work.message.text == "The database refused that."


# ---- choosing, and what goes wrong


def test_a_company_without_a_storm_says_so(desk):
    page = opened(desk, tenant="trinity")
    assert answer(page).strip() == "This company has no storm yet." and page.recorded() == {}
    assert page.rerun.widget.layout.display == page.past.widget.layout.display == "none"


def test_a_failure_in_the_middle_is_a_sentence_and_leaves_no_former_storm_in_view(desk):
    page = opened(desk)
    desk.fails = BadInput("The history cannot be read.")
    page._selectors.storm_box.value = "2020-04-28"
    assert page.message.text == "The history cannot be read." and page._answer.value == ""
    assert page.files.widget.layout.display == "none"


def test_the_address_chooses_and_what_cannot_be_used_is_said(desk, monkeypatch):
    monkeypatch.setenv("QUERY_STRING", "tenant=lone-star&storm=2020-04-28&max_age_h=72&level=9")
    page = opened(desk)
    assert (page.reports.storm, page.reports.max_age_h) == ("2020-04-28", 72.0) and "level" in page.message.text


def test_a_report_raises_what_a_page_would_say_and_has_no_control(desk):
    with pytest.raises(UnknownTenant):
        opened(desk, tenant="nobody", interactive=False)
    with pytest.raises(UnknownStorm):
        opened(desk, storm="snow", interactive=False)
    page = opened(desk, interactive=False)
    sections = [getattr(page, name)().data for name in ("answer", "choose", "latest", "run", "history")]
    assert "<button" not in "".join(sections) and "href" not in "".join(sections)
    assert page.recorded() == opened(desk).recorded()
    assert "score failed in cell 3" in text_of(sections[-1])
