"""The treatment as an analyst lives it, in a real browser: try out, apply, see it, go on to the routes."""

from __future__ import annotations

import re

import site_up
from playwright.sync_api import expect

from stormplay import TreatmentPolicy

MAIN = ("lone-star", "2021-04-28")
QUERY = "?tenant=lone-star&storm=2021-04-28"


def opened(visit, site, query, username="ana", **size):
    """The page, with its charts drawn."""
    page = site_up.opened(visit, f"{site}/voila/render/treatment.ipynb{query}", username, **size)
    page.wait_for_function(
        "[...document.querySelectorAll('.sp-chart')].every(c => c.querySelector('.main-svg') || !c.clientWidth)"
    )
    return page


def fits(page, width):
    assert page.evaluate("document.documentElement.scrollWidth") == width
    right = page.evaluate(
        "Math.max(...[...document.querySelectorAll('.sp-chart svg, .jupyter-button, .jupyter-widgets input')]"
        ".map(s => s.getBoundingClientRect().right))"
    )
    return right <= width


def test_rules_are_tried_out_applied_and_seen_without_a_reload(visit, site):
    page = opened(visit, site, QUERY)
    page.evaluate("window.neverReloaded = true")
    page.get_by_text("The visits work: of a hundred homes 14.4 more signed").wait_for()
    expect(page.locator(".sp-score")).to_have_text(re.compile("^Storm Play Score"))
    expect(page.get_by_role("link", name="Treatment")).to_have_attribute("aria-current", "page")
    assert fits(page, 1440)

    crews = page.get_by_label("Crew-days (0: no limit)")
    crews.fill("-3")  # the field keeps the focus: it says so while one types
    page.locator(".sp-field").get_by_text("Crew-days: -3. Expected a number from 0 to 100,000").wait_for()
    page.get_by_role("button", name="Apply", exact=True, disabled=True).wait_for()
    crews.fill("12")
    crews.press("Tab")
    page.get_by_text("The next crew-day (120 doors) is worth").first.wait_for()
    page.get_by_text("crew capacity: 1,440 homes").wait_for()
    policy = TreatmentPolicy(*MAIN)
    assert len(policy.history()) == 1, "trying out writes nothing"

    page.get_by_role("button", name="Keep as the company's rules").click()
    page.get_by_text("These are the company's rules now, for every storm from now on").wait_for()
    assert policy.kept_rules.crew_days == 12
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("The company's rules are the former ones again").wait_for()
    assert policy.kept_rules is None, "those as shipped"

    page.get_by_text(re.compile(r"writes these [\d,]+ changes at once and has no Undo")).wait_for()
    page.get_by_role("button", name="Apply", exact=True).click()
    page.get_by_text("Run 2 is written.").wait_for()
    page.get_by_text("Applied now, the rules below would change nothing.").wait_for()
    page.get_by_text("Of 6,000 homes 1,440 are treated").first.wait_for()
    assert policy.ledger().set_index("decision").loc["treat", "homes"] == 1_440 and len(policy.history()) == 2

    page.get_by_role("button", name="Make the CSV").click()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile(r"Download [\d,]+ decisions")).click()
    assert "hold_out" not in download.value.path().read_text()

    assert page.evaluate("window.neverReloaded")

    page.get_by_role("link", name="Build the routes").click()
    page.wait_for_url(re.compile(r"/phase3_routes\.ipynb\?tenant=lone-star&storm=2021-04-28$"))


def test_on_a_phone_it_fits_says_that_it_is_too_early_and_another_storm_can_be_chosen(visit, site):
    page = opened(visit, site, "?tenant=trinity&storm=2021-04-28", "ben", width=390, height=844)
    page.get_by_text("Too early to say whether the visits work").wait_for()
    page.get_by_text("comes from demo-planted-1: planted with the demo data").first.wait_for()
    assert fits(page, 390)
    threshold = page.get_by_label("Uplift from, %")
    threshold.fill("12")
    threshold.press("Tab")
    page.get_by_text("expected uplift under 12 %").first.wait_for()
    page.get_by_role("button", name="Train a challenger").click()
    page.get_by_text("Too little data: of 127 held-out homes 8 signed.").wait_for()
    page.get_by_label("Storm", exact=True).select_option(label="Fort Worth and Arlington hail, 17 March 2016 (closed)")
    page.get_by_text("No home of this storm has been decided on yet.").first.wait_for()
    assert fits(page, 390)
