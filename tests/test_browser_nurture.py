"""Phase 5 as a manager lives it, in a real browser: preview, schedule, hold one home, and see every number follow."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from playwright.sync_api import expect
from site_up import sign_in

from stormplay.nurture import NurtureLoop, export

MAIN = ("lone-star", "2021-04-28")
PAGE = "/voila/render/phase5_nurture.ipynb?tenant=lone-star&storm=2021-04-28&page_size=20"


def card(page, label):
    """The value of a card, as a number."""
    shown = page.locator(".sp-kpi").filter(has=page.get_by_text(label, exact=True))
    return int(shown.locator(".sp-kpi-value").inner_text().replace(",", ""))


def wait_for_card(page, label, value):
    shown = page.locator(".sp-kpi").filter(has=page.get_by_text(label, exact=True))
    shown.locator(".sp-kpi-value").filter(has_text=re.compile(rf"^{value:,}$")).wait_for()


def test_preview_schedule_pause_and_export_without_a_reload(visit, site):
    loop = NurtureLoop(*MAIN)
    candidates, expected = loop.count(), loop.preview()
    goes = int((expected["outcome"] == "scheduled").sum())
    page = visit()
    page.goto(site + PAGE)
    sign_in(page, "ana")
    wait_for_card(page, "Candidates", candidates)
    page.evaluate("window.neverReloaded = true")
    assert card(page, "Contact to come") == 0
    expect(page.get_by_role("button", name="Schedule these")).to_be_disabled()
    page.get_by_text(f"Rows 1–20 of {candidates:,}").wait_for()

    page.get_by_role("button", name="Preview").click()
    page.get_by_text(f"Of {candidates:,} candidates, {goes:,} would be given").wait_for()
    assert loop.week().empty, "a preview writes nothing"
    page.get_by_role("button", name="Schedule these").click()
    page.get_by_text(f"{goes:,} homes scheduled for 'Follow up after the storm'").wait_for()
    wait_for_card(page, "Contact to come", goes)
    page.get_by_text(f"{len(loop.week()):,} contacts with {goes:,} homes in the next 7 days.").wait_for()

    rows = page.locator("table.sp-pick tbody tr")
    first = loop.candidates(page_size=1).iloc[0]
    rows.filter(has_text=first["address"]).first.click()
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_text(re.compile(rf"^\d contacts paused for {re.escape(first['address'])}\.$")).wait_for()
    wait_for_card(page, "Contact to come", goes - 1)
    assert set(loop.history(first["property_id"])["status"]) == {"paused"}

    page.get_by_role("button", name="Stop …", exact=True).click()
    page.get_by_text("That is for good").wait_for()
    page.get_by_role("button", name="No, keep").locator("visible=true").click()
    assert set(loop.history(first["property_id"])["status"]) == {"paused"}

    page.get_by_role("button", name="Next", exact=True).first.click()
    page.get_by_text(f"Rows 21–40 of {candidates:,}").wait_for()

    page.get_by_role("button", name="Make the CSV").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    content = Path(download.value.path()).read_text(encoding="utf-8-sig")
    saved = list(csv.DictReader(io.StringIO(content)))
    assert tuple(saved[0]) == export.COLUMNS
    held = {*expected.loc[expected["reason"] == "standing holdout", "property_id"]}
    assert held
    assert not held & {row["stormplay_property_id"] for row in saved}
    assert page.evaluate("window.neverReloaded")

    page.reload()
    wait_for_card(page, "Contact to come", goes - 1)


def test_the_outbox_the_linter_and_a_phone(visit, site):
    page = visit(width=390, height=844)
    page.goto(site + PAGE.replace("lone-star", "trinity"))
    sign_in(page, "ben")
    page.get_by_role("button", name="Put what is due into the outbox").click()
    page.get_by_text("Nothing is due now").wait_for()
    page.get_by_placeholder("Write or paste a message").fill("Free roof! We waive your deductible.")
    page.get_by_role("button", name="Check").click()
    page.get_by_text("Do not send it like this.").wait_for()
    page.get_by_text("Tex. Ins. Code 707.002").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
