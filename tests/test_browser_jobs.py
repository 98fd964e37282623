"""Phase 4 as a crew and an office live it, in a real browser: photos, a damage record, a job done, without reload."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
import site_up
from photos import photo
from playwright.sync_api import expect
from site_up import serving

from stormplay import JobTracker, RouteBuilder

MAIN = ("lone-star", "2021-04-28")
PAGE = "/voila/render/phase4_jobs.ipynb?tenant=lone-star&storm=2021-04-28"


@pytest.fixture(scope="module")
def site(fresh_demo):
    routes = RouteBuilder(*MAIN).generate_routes(time_limit_s=0.5)
    RouteBuilder(*MAIN).assign_crew(routes[0].route_id, "Crew Alvarez")
    with serving(fresh_demo) as url:
        yield url


def opened(visit, site, person="ana", find="", **size):
    return site_up.opened(visit, site + PAGE + (f"&find={find}" if find else ""), person, **size)


def a_job(nth):
    return JobTracker(*MAIN).find(statuses=["scheduled"], limit=50).iloc[nth]


def dots(page):
    """How many dots of each status the map on the page has."""
    for frame in page.frames[1:]:
        if frame.evaluate("!!(window.stormplayMap && stormplayMap.jobCounts)"):
            counts = frame.evaluate("stormplayMap.jobCounts()")
            return dict(zip(JobTracker(*MAIN).workflow.statuses, counts, strict=True))
    return {}


def wait_for_dots(page, status, count):
    for _ in range(100):
        if dots(page).get(status) == count:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{status} is {dots(page).get(status)}, not {count}")


def test_two_photos_a_record_and_a_job_done_without_reload(visit, site):
    job = a_job(0)
    page = opened(visit, site, find=job["property_id"])
    page.get_by_role("heading", name=re.compile(re.escape(job["address"]))).wait_for()
    completed = dots(page)["completed"]
    total = sum(dots(page).values())

    page.get_by_label("Add photos").set_input_files([
        {"name": "front.jpg", "mimeType": "image/jpeg", "buffer": photo("red")},
        {"name": "slope.jpg", "mimeType": "image/jpeg", "buffer": photo("green")},
        {"name": "letter.jpg", "mimeType": "image/jpeg", "buffer": b"%PDF-1.4 no picture at all"},
    ])  # fmt: skip
    page.locator(".sp-upload-list .sp-ok").nth(1).wait_for()
    page.locator(".sp-upload-list .sp-no").filter(has_text="letter.jpg").wait_for()
    assert page.locator(".sp-upload-list .sp-ok").all_inner_texts() == [
        "front.jpg kept, without its place.", "slope.jpg kept, without its place."]  # fmt: skip
    page.locator("img.sp-thumb").nth(1).wait_for()
    tracker = JobTracker(*MAIN)
    kept = tracker.get_photos(job["job_id"])
    assert [(each["width_px"], each["height_px"]) for each in kept] == [(600, 900)] * 2, "turned upright"

    page.get_by_label("Damage", exact=True).select_option(label="Hail")
    page.get_by_label("Severity").select_option(label="Moderate")
    page.get_by_label("Hail found").fill("about one")
    page.get_by_text("'Hail found' is 'about one'. Expected a number").wait_for()
    expect(page.get_by_role("button", name="Save record")).to_be_disabled()  # said while it is typed
    page.get_by_label("Hail found").fill("1.25")
    page.get_by_label("North slope").fill("9")
    page.get_by_role("button", name="Save record").click()
    page.get_by_text("The damage record is saved.").wait_for()
    saved = tracker.get_job(job["property_id"])["claim_intel"]
    assert {name: saved[name] for name in ("damage_type", "severity", "hail_in")} == {
        "damage_type": "hail", "severity": "Moderate", "hail_in": 1.25}  # fmt: skip
    assert saved["test_squares"] == [{"slope": "north", "hits": 9, "square_ft": 100.0}]
    assert sorted(saved["evidence"]) == sorted(f"photo:{each['photo_id']}" for each in kept)

    route = page.locator(".sp-progress-table tbody tr").filter(has_text=str(job["route_name"])).first
    expect(route).to_contain_text("0 of")
    page.get_by_placeholder(re.compile("What happened")).fill("Roof walked with the owner.")
    page.get_by_role("button", name="Completed", exact=True).click()
    page.get_by_text(f"{job['address']} is now 'Completed'.").wait_for()
    wait_for_dots(page, "completed", completed + 1)
    assert sum(dots(page).values()) == total
    page.locator(".sp-progress-table tbody tr").filter(has_text=str(job["route_name"])).filter(
        has_text="1 of").first.wait_for(state="attached")  # fmt: skip
    assert tracker.get_route_progress(job["route_id"])["completed"] == 1
    assert tracker.get_job(job["property_id"])["notes"] == "Roof walked with the owner."

    page.get_by_role("button", name="Undo").click()
    page.get_by_text(f"Taken back: {job['address']} is 'Scheduled' again.").wait_for()
    wait_for_dots(page, "completed", completed)
    assert tracker.get_route_progress(job["route_id"])["completed"] == 0


def test_what_may_not_follow_reads_well_when_another_was_faster(visit, site):
    job = a_job(3)
    page = opened(visit, site, find=job["property_id"])
    page.get_by_role("button", name="Contacted", exact=True).wait_for()
    page.get_by_placeholder(re.compile("What happened")).fill("Spoke to the owner.")
    JobTracker(*MAIN).update_job(job["job_id"], status="lost", notes="Sold the house.")
    page.get_by_role("button", name="Contacted", exact=True).click()
    alert = page.locator(".sp-error").filter(has_text="This job was changed while you worked on it.")
    alert.wait_for()
    assert "noted: Sold the house." in alert.inner_text() or "set the status to lost" in alert.inner_text()
    expect(page.get_by_placeholder(re.compile("What happened"))).to_have_value("Spoke to the owner.")  # nothing is lost
    offered = page.locator(".sp-step").all_inner_texts()
    assert offered == ["Contacted", "Do not return"], "and what may follow now is offered"


def test_a_pack_goes_out_and_comes_back(visit, site, tmp_path):
    page = opened(visit, site)
    page.get_by_label("For").select_option(label="Crew Alvarez: all that is not finished")
    page.get_by_role("button", name="Make the pack").click()
    link = page.get_by_role("link", name="Download the pack")
    link.wait_for()
    with page.expect_download() as download:
        link.click()
    assert re.fullmatch(r"crew-alvarez-\d{4}-\d\d-\d\d\.zip", download.value.suggested_filename)
    inside = zipfile.ZipFile(Path(download.value.path()))
    name = next(each for each in inside.namelist() if each.endswith(".csv"))
    lines = inside.read(name).decode("utf-8-sig").splitlines()
    job_id = lines[-1].split(",")[2]
    filled = "\r\n".join([lines[0], lines[-1].removesuffix(",,,") + ",no answer,Dog in the yard,"])

    wrong = filled.replace("no answer", "flown away")
    page.get_by_label("Hand in a filled-in CSV").set_input_files(
        {"name": "back.csv", "mimeType": "text/csv", "buffer": wrong.encode()})  # fmt: skip
    page.get_by_text("1 line cannot be applied; nothing was changed.").wait_for()
    page.get_by_text("There is no status 'flown_away'").wait_for()
    page.get_by_label("Hand in a filled-in CSV").set_input_files(
        {"name": "back.csv", "mimeType": "text/csv", "buffer": filled.replace("no answer", "past rescission").encode()}
    )
    page.get_by_text("A job that is 'Scheduled' cannot become 'Past rescission'. Next may be: En route, ").wait_for()
    page.get_by_label("Hand in a filled-in CSV").set_input_files(
        {"name": "back.csv", "mimeType": "text/csv", "buffer": filled.encode()})  # fmt: skip
    page.get_by_text("1 job changed by 1 line.").wait_for()
    assert "Dog in the yard" in set(JobTracker(*MAIN).get_trail(job_id)["text"])
    page.get_by_label("Hand in a filled-in CSV").set_input_files(
        {"name": "back.csv", "mimeType": "text/csv", "buffer": filled.encode()})  # fmt: skip
    page.get_by_text("0 jobs changed by 1 line. It had been handed in before.").wait_for()


def test_a_phone_is_usable_with_a_thumb(visit, site):
    job = a_job(5)
    page = opened(visit, site, find=job["property_id"], width=390, height=844)
    page.locator(".sp-step").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    small = page.evaluate("""[...document.querySelectorAll('.sp-step, .sp-upload label, .widget-dropdown select')]
        .filter((node) => node.offsetParent)
        .map((node) => [node.textContent.slice(0, 20), node.getBoundingClientRect()])
        .filter(([, box]) => box.height < 40 || box.right > 390).map(([text]) => text)""")
    assert small == []
    page.get_by_role("button", name="No answer", exact=True).click()
    page.get_by_text(f"{job['address']} is now 'No answer'.").wait_for()
    page.get_by_role("button", name="Make the pack").click()
    page.get_by_role("link", name="Download the pack").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_viewer_looks_and_changes_nothing(visit, site):
    from stormplay import accounts

    accounts.add_person("looker", "Lo Oker", "hailstorm-1")
    accounts.add_member("looker", "lone-star", "viewer")
    page = opened(visit, site, person="looker", find=a_job(7)["property_id"])
    page.get_by_text("Your role here is viewer").wait_for()
    expect(page.locator(".sp-step").first).to_be_hidden()
    expect(page.get_by_role("button", name="Save record")).to_be_disabled()
