"""The Phase 5 notebook over a real database: live and headless, and its numbers against the loop's own."""

from __future__ import annotations

import asyncio
import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import papermill
import pytest
from nurtured import Street

from stormplay import accounts, controls, list_storms, reports, tenancy
from stormplay.errors import NotAllowed
from stormplay.nurture import NurtureLoop

PHASE5 = Path(__file__).resolve().parents[2] / "notebooks" / "phase5_nurture.ipynb"


@pytest.fixture(scope="module")
def street(database):
    """Forty homes, twelve of them scheduled now, one of these paused."""
    made = Street(treat=40)
    made.loop.schedule(made.homes[:12])
    made.loop.pause(made.homes[3])
    return made


@pytest.fixture(scope="module")
def subject(street):
    return {"tenant": street.world.tenant, "storm": street.world.storm}


def recorded(path):
    outputs = [out for cell in nbformat.read(path, as_version=4).cells for out in cell.get("outputs", [])]
    assert not [out for out in outputs if out.output_type in ("error", "stream")]
    (found,) = [out.data[controls.MIME] for out in outputs if controls.MIME in out.get("data", {})]
    return found


def agrees(found, loop):
    """The recorded numbers are the loop's own."""
    stands = loop.standing()
    lines = stands.ledger.groupby("outcome")["properties"].sum()
    assert found["candidates"] == loop.count() == stands.candidates
    assert {name: found[name] for name in ("scheduled", "paused", "ready")} == {
        name: lines.get(name, 0) for name in ("scheduled", "paused", "ready")
    }
    assert found["steps_this_week"] == len(loop.week())
    return True


@pytest.fixture(scope="module")
def made(subject, tmp_path_factory):
    return reports.run(PHASE5, subject, tmp_path_factory.mktemp("reports"))


def test_headless_it_says_whom_to_contact_this_week(made, street):
    found = recorded(made.notebook)
    assert (found["scheduled"], found["paused"], found["ready"]) == (11, 1, 28)
    assert agrees(found, street.loop)
    text = re.sub(r"<[^>]*>", " ", made.html.read_text())
    week = street.loop.week()
    assert f"{len(week)} contacts with 12 homes in the next 7 days." in text
    assert all(address in text for address in week["address"])
    assert "synthetic" in text


def test_no_source_no_secret_and_no_control_is_in_the_report(made):
    html, book = made.html.read_text(), made.notebook.read_text()
    assert "NurtureLoop(" not in html
    assert not re.search(r"k_[0-9a-f]{32}|postgresql://", html + book)
    assert "jupyter.widget-view" not in json.dumps(nbformat.read(made.notebook, as_version=4))
    assert "555-0142" not in html, "a telephone number is no part of a report"


def test_live_it_runs_from_the_first_cell_to_the_last(street, subject, tmp_path):
    target = tmp_path / "live.ipynb"
    given = {**subject, "page_size": 7, "threshold": 0.1}
    papermill.execute_notebook(str(PHASE5), str(target), given, progress_bar=False, kernel_name="python3")
    assert recorded(target)["candidates"] == street.loop.count(0.1)
    assert "jupyter.widget-view" in json.dumps(nbformat.read(target, as_version=4))


def opened(street, **options):
    return controls.phase5(
        street.world.tenant, street.world.storm, page_size=10, loop=NurtureLoop, tenants=tenancy.my_tenants,
        storms=list_storms, **options,
    )  # fmt: skip


def press(work):
    async def main():
        work.button.click()
        await asyncio.wait_for(work.task, 30)

    asyncio.run(main())


def wait_until_due(street, contacts):
    """A schedule begins with the next whole second."""
    deadline = time.monotonic() + 5
    while street.loop.standing().outbox["due"] < contacts and time.monotonic() < deadline:
        time.sleep(0.05)


def test_the_page_previews_schedules_pauses_fills_the_outbox_and_undoes(database, monkeypatch):
    monkeypatch.delenv("QUERY_STRING", raising=False)
    street = Street(treat=30)
    page = opened(street)
    assert agrees(page.recorded(), street.loop)
    press(page.planning.preview)
    assert street.steps() == [], "a preview writes nothing"
    press(page.planning.schedule)
    assert (
        page.planning.schedule.message.text
        == "30 homes scheduled for 'Follow up after the storm': 120 contacts in all."
    )
    assert page.recorded()["scheduled"] == 30
    assert agrees(page.recorded(), street.loop)
    page.homes_part.table.selected = street.homes[0]
    page.homes_part.pause.click()
    assert page.homes_part.message.text.startswith("4 contacts paused for ")
    wait_until_due(street, 29)
    press(page.outbox_part.work)
    assert page.outbox_part.work.message.text.startswith("29 contacts put into the outbox")
    assert page.recorded()["outbox_in_outbox"] == street.one("SELECT count(*) FROM nurture_outbox") == 29
    page.planning.undo.button.click()
    page.planning.undo.yes.click()
    assert {row[3] for row in street.steps()} == {"stopped"}
    assert agrees(page.recorded(), street.loop)


def test_the_list_is_the_loops_own_page_by_page(street, monkeypatch):
    monkeypatch.delenv("QUERY_STRING", raising=False)
    page = opened(street)
    seen = list(page.homes_part.table.ids)
    while not page.homes_part.pager.next.disabled:
        page.homes_part.pager.next.click()
        seen += page.homes_part.table.ids
    assert seen == list(street.loop.candidates(page_size=1_000)["property_id"])
    assert re.search("base64,", press_file(page))


def press_file(page):
    page.file_part.button.click()
    return page.file_part.file.value


def test_a_viewer_sees_no_button_and_the_database_would_refuse_it_too(street, as_person, monkeypatch):
    monkeypatch.delenv("QUERY_STRING", raising=False)
    accounts.add_person("nu-page-viewer", "Vi", "long-enough-1")
    accounts.add_member("nu-page-viewer", street.world.tenant, "viewer")
    as_person("nu-page-viewer")
    page = opened(street)
    assert page.nurture.candidates == 40
    assert page.planning._writing.layout.display == page.homes_part.buttons.layout.display == "none"
    before = datetime.now(UTC)
    page.planning.pause.click()
    assert "viewer" in page.planning.message.text
    assert page.nurture.standing.state == street.loop.state == "open"
    with pytest.raises(NotAllowed):
        street.loop.schedule()
    assert street.loop.standing().as_of < before
