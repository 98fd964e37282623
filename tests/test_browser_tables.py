"""Tables, forms and undo as a person meets them, in a real browser: order, find, take along, be told, take back."""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path

import pytest
import site_up
from playwright.sync_api import expect
from site_up import serving, sign_in

from stormplay import JobTracker, RouteBuilder

WIDTHS = [1440, pytest.param(390, marks=pytest.mark.long)]
MAIN = ("lone-star", "2021-04-28")
QUERY = "?tenant=lone-star&storm=2021-04-28"
SHOTS = os.environ.get("STORMPLAY_TABLE_SHOTS", "")


@pytest.fixture(scope="module")
def site(fresh_demo):
    routes = RouteBuilder(*MAIN).generate_routes(max_per_route=20, time_limit_s=0.5)
    RouteBuilder(*MAIN).assign_crew(routes[0].route_id, "Crew Alvarez")
    with serving(fresh_demo) as url:
        yield url


def opened(visit, site, notebook, **size):
    return site_up.opened(visit, f"{site}/voila/render/{notebook}.ipynb{QUERY}", **size)


def looked_at(page, name):
    """No page scrolls sideways; a picture of it where somebody wants to look."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def rows_of(page, button):
    with page.expect_download() as coming:
        button.click()
    return list(csv.DictReader(io.StringIO(Path(coming.value.path()).read_text("utf-8-sig"))))


@pytest.mark.parametrize("width", WIDTHS)
def test_jobs_are_ordered_by_the_database_and_taken_along(visit, site, width):
    page = opened(visit, site, "phase4_jobs", width=width)
    jobs = page.get_by_role("grid", name="Jobs")
    tracker = JobTracker(*MAIN)
    first = tracker.find(limit=1, order=("address", False))["address"].iloc[0]
    heading = jobs.get_by_role("button", name="Address")
    heading.focus()
    page.keyboard.press("Enter")
    jobs.locator("th[aria-sort=ascending]").wait_for()
    page.keyboard.press("Enter")  # the heading is drawn anew and still has the focus
    jobs.locator("tbody tr").first.get_by_text(first, exact=True).wait_for()
    expect(jobs.locator("th[aria-sort=descending]")).to_have_text(re.compile("^Address"))
    found = rows_of(page, page.get_by_role("button", name="Save as CSV: Jobs"))
    assert len(found) == tracker.count() and found[0]["address"] == first

    jobs.locator("tbody tr").first.click()
    page.get_by_label("Hail found").fill("99")
    page.get_by_text("'hail_in' is 99.0.").wait_for()
    save = page.get_by_role("button", name="Save record")
    expect(save).to_have_attribute("title", re.compile("hail_in"))
    expect(save).to_be_disabled()
    page.get_by_label("Hail found").fill("1.5")
    page.get_by_text("'hail_in' is 99.0.").wait_for(state="hidden")
    expect(save).to_be_enabled()
    page.locator(".sp-step").filter(has_text="Do not return").click()
    page.get_by_text("Nobody visits, calls or writes there any more.").wait_for()
    looked_at(page, f"jobs-{width}")
    page.get_by_role("button", name="Undo").click()
    page.get_by_text(re.compile("Taken back: .* is 'Scheduled' again")).wait_for()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_crew_is_taken_back_and_a_plan_is_not_made_of_nonsense(visit, site, width):
    page = opened(visit, site, "phase3_routes", width=width)
    routes = page.get_by_role("grid", name="Routes")
    builder = RouteBuilder(*MAIN)
    count = len(builder.get_routes())
    expect(page.get_by_text(f"{count} rows", exact=True)).to_be_visible()
    page.get_by_label("Find in the table Routes").fill("alvarez")
    page.get_by_text(f"1 of {count} rows").wait_for()
    assert [row["Crew"] for row in rows_of(page, page.get_by_role("button", name="Save as CSV: Routes"))] == [
        "Crew Alvarez"
    ]
    routes.locator("tbody tr").first.click()
    page.get_by_label("Crew", exact=True).fill("x" * 81)
    page.get_by_text("The crew's name is too long.").wait_for()
    expect(page.get_by_role("button", name="Assign")).to_be_disabled()
    page.get_by_label("Crew", exact=True).fill("Crew Ray")
    page.get_by_role("button", name="Assign").click()
    page.get_by_text("goes to Crew Ray.").wait_for()
    looked_at(page, f"routes-{width}")
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("goes to Crew Alvarez.").wait_for()
    assert set(builder.get_routes()["crew_name"].dropna()) == {"Crew Alvarez"}

    page.get_by_label("Stops per route, at most").fill("0")
    page.keyboard.press("Tab")
    page.get_by_text("Expected a whole number of stops, 1 or more.").wait_for()
    expect(page.get_by_role("button", name="Generate routes")).to_be_disabled()


def test_what_is_looked_for_as_soon_as_a_page_is_there_stays(visit, site):
    """Voilà asks for all widgets' states when it connects; what comes of that may come late on a slow computer."""
    page = site_up.signed_in(visit, site)
    page.add_init_script(
        """const Plain = WebSocket, text = new TextDecoder();
        window.WebSocket = class extends Plain {
            set onmessage(hear) {
                super.onmessage = (event) => {
                    const said = typeof event.data === "string" ? event.data : text.decode(event.data);
                    if (said.includes("update_states")) window.answer = () => hear(event);
                    else hear(event);
                };
            }
        };"""
    )
    page.goto(f"{site}/voila/render/phase3_routes.ipynb{QUERY}")
    site_up.ready(page)
    field = page.get_by_label("Find in the table Routes")
    field.fill("alvarez")
    found = page.get_by_text(re.compile(r"^1 of \d+ rows$"))
    found.wait_for()
    page.wait_for_timeout(600)  # the field says it again when nobody has typed for 400 ms
    page.wait_for_function("!!window.answer")
    page.evaluate("window.answer()")
    page.wait_for_timeout(500)  # for what it would set in motion
    expect(found).to_be_visible()
    expect(field).to_have_value("alvarez")


@pytest.mark.parametrize("width", [1440, 390])
def test_the_password_page_says_what_it_expects_while_one_types(visit, site, width):
    page = visit(width=width)
    page.goto(f"{site}/password")
    sign_in(page, "ana")
    change = page.get_by_role("button", name="Change it")
    old, new, again = (page.locator(f"#{name}") for name in ("old", "new", "again"))
    old.fill("what it was")
    expect(change).to_have_attribute("title", re.compile("at least 8 signs"))
    expect(change).to_be_disabled()
    new.fill("hails")
    page.get_by_text("Too short: at least 8 signs, 3 more.").wait_for()
    expect(new).to_have_attribute("aria-invalid", "true")
    new.fill("hail and 🌩")
    page.get_by_text("A sentence is good").wait_for()
    again.fill("hail and")
    page.get_by_text("Not the same as the new password yet.").wait_for()
    expect(change).to_be_disabled()
    looked_at(page, f"password-{width}")
    again.fill("hail and 🌩")
    expect(change).to_be_enabled()
    assert not change.get_attribute("title") and not new.get_attribute("aria-invalid")
    change.click()
    page.get_by_text("That is not your present password.").wait_for()
