"""The page of Phase 4 on a real database: what a browser may send, two people at once, a company without jobs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from photos import photo
from sqlalchemy import text
from world import make_world

from stormplay import JobTracker, RouteBuilder, accounts, controls, list_storms, reports, storms, tenancy
from stormplay.parameters import contract

PHASE4 = Path(__file__).resolve().parents[2] / "notebooks" / "phase4_jobs.ipynb"


@pytest.fixture(scope="module")
def worlds(database):
    mine, theirs, empty = make_world(treat=15), make_world(treat=6), make_world(treat=4)
    for made in (mine, theirs):
        builder = RouteBuilder(made.tenant, made.storm)
        builder.assign_crew(builder.generate_routes(time_limit_s=0.3)[0].route_id, "Crew Ray")
    theirs.job = str(JobTracker(theirs.tenant, theirs.storm).find(limit=1)["job_id"].iloc[0])
    for name in ("wilma", "wes"):
        accounts.add_person(name, name.title(), "hailstorm-1")
        for made in (mine, empty):
            accounts.add_member(name, made.tenant, "operator")
    return mine, theirs, empty


def page_of(world, find=""):
    return controls.phase4(
        world.tenant, world.storm, find=find, tracker=JobTracker, tenants=tenancy.my_tenants, storms=list_storms,
        reports=storms.read_reports, swath=storms.Swath.from_reports,
    )  # fmt: skip


@pytest.fixture
def page(worlds, as_person, monkeypatch, tmp_path):
    monkeypatch.setenv("STORMPLAY_PICTURES", str(tmp_path / "pictures"))
    as_person("wilma")
    return page_of(worlds[0])


def pick(page, nth=0):
    page.select(str(page.list._found["job_id"].iloc[nth]))
    return page.card


def press(box, words):
    next(button for button in box.children if getattr(button, "description", "") == words).click()


def test_a_pack_is_offered_for_the_route_that_the_list_is_of(page, worlds):
    every = [value for _, value in page.desk.choice.options]
    assert page.desk.choice.value == ("crew", "Crew Ray"), "the whole crew's, where no route is chosen"
    route = next(key for kind, key in every if kind == "route")
    page.list.route.value = route
    assert page.desk.choice.value == ("route", route)
    page.list.route.value = ""
    assert page.desk.choice.value == ("route", route), "what was offered last stays"


def test_every_section_is_a_widget_and_the_numbers_are_the_trackers(page, worlds):
    for section in (page.answer, page.find, page.job, page.map, page.progress, page.stuck, page.packs):
        assert section().comm is not None or section() is not None
    tracker = JobTracker(worlds[0].tenant, worlds[0].storm)
    assert page.recorded()["total"] == tracker.count()
    assert set(contract(PHASE4)) == {"tenant", "storm", "find", "interactive"}


@pytest.mark.parametrize("forged", ["theirs", "nonsense", "' OR 1=1 --", "0", "-1", "99999999", "1e3", "", "\0"])
def test_what_a_browser_sends_picks_nothing_of_anybody_elses(page, worlds, forged):
    forged = worlds[1].job if forged == "theirs" else forged
    page.list.table.selected = forged
    assert page.selected == "" and page.card.job is None
    page._map.selected = forged
    if forged == "0":  # the first dot of the map is one's own
        assert page.card.job is not None
    else:
        assert page.card.job is None


def test_a_step_moves_list_map_and_progress(page):
    card = pick(page)
    dot = str(page._places.index[page._places["job_id"].astype(str) == card.job["job_id"]][0])
    press(card.next, "Contacted")
    assert "is now 'Contacted'" in card.message.text
    assert page._map.notes[dot] == list(page.state.workflow.statuses).index("contacted")
    row = page.list.table.rows[page.list.table.ids.index(card.job["job_id"])]
    assert row[4][0] == "Contacted"
    assert page.state.counts["contacted"] == 1
    card.undo_button.click()
    assert page.state.counts["contacted"] == 0


def test_a_no_is_taken_at_once_and_can_be_taken_back(page):
    card = pick(page, 1)
    press(card.next, "Do not return")
    assert card.job["status"] == "do_not_return" and card.job["do_not_knock"]
    assert "Nobody visits, calls or writes there any more." in card.message.text
    card.undo_button.click()
    assert card.job["status"] == "scheduled" and not card.job["do_not_knock"]
    assert card.undo_button.layout.display == "none" and "Taken back" in card.message.text


def test_a_note_is_checked_while_it_is_written(page):
    card = pick(page, 1)
    assert card.note_button.disabled and "Write what happened" in card.note_button.tooltip
    card.note.value = "x" * 5_001
    assert card.note_button.disabled and "5,001 signs" in card.fields.fault
    card.note.value = "Nobody at home."
    assert not card.note_button.disabled and card.fields.fault == ""


@pytest.mark.parametrize(("field", "typed", "expected"), [("hail", "1.5 or so", "a number"), ("hail", "99", "hail_in"),
                                                          ("age", "-1", "roof_age_years")])  # fmt: skip
def test_a_record_says_what_it_expects_as_it_is_typed(page, field, typed, expected):
    form = pick(page, 1).claim
    getattr(form, field).value = typed
    assert form.button.disabled and expected in form.checks.fault and form.button.tooltip == form.checks.fault
    form.hits["north"].value = "many"
    getattr(form, field).value = ""
    assert form.button.disabled and "whole number" in form.checks.fault
    form.hits["north"].value = "7"
    assert not form.button.disabled


def test_what_was_done_since_is_not_taken_back_by_an_old_undo(page):
    card = pick(page, 5)
    press(card.next, "Contacted")
    card.note.value = "Comes back on Monday."
    card.note_button.click()
    assert card.undo_button.layout.display == "none" and card.message.text == "The note is kept."


def test_the_second_saver_keeps_what_was_typed(page, worlds, as_person):
    card = pick(page, 2)
    card.note.value = "Mine."
    card.claim.severity.value = "High"
    as_person("wes")
    JobTracker(worlds[0].tenant, worlds[0].storm).update_job(card.job["job_id"], notes="His.")
    as_person("wilma")
    card.claim.button.click()
    assert "His." in card.claim.message.text and "still in the form" in card.claim.message.text
    assert card.claim.severity.value == "High" and card.note.value == "Mine."
    card.claim.button.click()
    assert card.claim.message.text == "The damage record is saved."
    assert card.job["claim_intel"]["severity"] == "High"


@pytest.mark.parametrize("content", [None, [], "x", {}, {"file": "a"}, {"file": "a", "name": 7}])
@pytest.mark.parametrize("buffers", [[], [b""], [b"not a picture"]])
def test_an_upload_of_anything_is_a_sentence(page, content, buffers):
    card = pick(page, 3)
    said = []
    card.photos.upload.send = said.append
    card.photos.upload._heard(None, content, buffers)
    assert all(answer["ok"] is False and "Traceback" not in answer["text"] for answer in said)
    assert len(said) == (1 if isinstance(content, dict) else 0)


def test_a_photo_is_taken_out_and_put_back(page):
    card = pick(page, 4)
    said = []
    card.photos.upload.send = said.append
    card.photos.upload._heard(None, {"file": "a", "name": "front.jpg"}, [photo("red")])
    card.photos.upload._heard(None, {"file": "b", "name": "again.jpg"}, [photo("red")])
    assert [answer["text"] for answer in said] == ["kept, without its place.", "is there already."]
    (tile,) = card.photos.gallery.children
    press(tile.children[1], "Open")
    assert len(card.photos.large.children) == 2
    press(tile.children[1], "Remove")
    assert card.photos.gallery.children == ()
    card.photos.undo_button.click()
    assert len(card.photos.gallery.children) == 1


def test_a_filter_that_finds_one_opens_it_and_one_that_finds_none_says_so(page):
    row = page.list._found.iloc[5]
    page.list.address.value = str(row["property_id"])
    assert page.selected == str(row["job_id"])
    page.list.address.value = "no such street"
    assert page.list.table.ids == [] and "No job matches" in page.list.table.empty


def test_a_company_without_jobs_is_told_what_to_do(worlds, as_person):
    as_person("wilma")
    page = page_of(worlds[2])
    assert "Generate routes on the Phase 3 page" in page._answer.value
    assert "Generate routes on the Phase 3 page" in page.desk.nothing.value


def test_headless_it_says_which_jobs_are_stuck_and_why(worlds, tmp_path):
    job = JobTracker(worlds[0].tenant, worlds[0].storm).find(statuses=["scheduled"], limit=1).iloc[0]
    with tenancy.session(worlds[0].tenant) as connection:
        connection.execute(text("UPDATE jobs SET status_since = now() - interval '11 days' WHERE job_id = :id"),
                           {"id": str(job["job_id"])})  # fmt: skip
    made = reports.run(PHASE4, {"tenant": worlds[0].tenant, "storm": worlds[0].storm}, tmp_path)
    html = made.html.read_text()
    assert job["address"] in html and "Scheduled for 11 days, where 7 days are usual" in html
    assert "1 job stuck" in html
    assert "http://" not in re.sub(r"http://www.w3.org[^\s\"']*", "", html)
