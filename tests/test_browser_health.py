"""The page of a company's health in a real browser: the verdict, the next action, files, and nothing of another's."""

from __future__ import annotations

import csv
import io
import re
import sys
from pathlib import Path

import pytest
import site_up
from playwright.sync_api import expect

from stormplay import accounts, tenancy

sys.path.insert(0, str(Path(__file__).parent / "health"))
from unwell import open_alert, spoil

PAGE = "/voila/render/tenant_health.ipynb"


@pytest.fixture(scope="module")
def ill(site):
    """The demo's larger company with something wrong in each dimension, and a viewer who has another role elsewhere."""
    with tenancy.session("lone-star") as connection:
        spoil("lone-star", tenancy.storm_id(connection, "newest"))
    accounts.add_person("onlooker", "On Looker", "hailstorm-1")
    accounts.add_member("onlooker", "lone-star", "viewer")


def opened(visit, site, person, query="?tenant=lone-star&storm=newest", **size):
    return site_up.opened(visit, f"{site}{PAGE}{query}", person, **size)


def saved(page, label):
    with page.expect_download() as coming:
        page.get_by_role("link", name=label).click()
    return Path(coming.value.path())


def test_the_verdict_the_next_action_and_the_files(visit, site, ill):
    page = opened(visit, site, "vic")
    expect(page.get_by_role("link", name="Health", exact=True)).to_have_attribute("aria-current", "page")
    page.get_by_text(re.compile("is not well: 5 of 8 dimensions that can be judged need action")).first.wait_for()
    expect(page.locator(".sp-health-card")).to_have_count(8)
    expect(page.locator(".sp-health-card").first).to_contain_text("act")
    page.get_by_role("link", name="Open Jobs").get_attribute("href").startswith("phase4_jobs.ipynb?tenant=lone-star")

    page.get_by_role("button", name="Make the PDF").click()
    assert saved(page, "Download the PDF").read_bytes().startswith(b"%PDF")
    page.get_by_role("button", name="Make the CSV").first.click()
    rows = list(csv.DictReader(io.StringIO(saved(page, "Download the CSV").read_text("utf-8-sig"))))
    assert len(rows) == 8 and rows[0]["state"] == "act" and rows[0]["action"]

    # What is done on the page moves the verdict, and so does what others do.
    page.get_by_role("button", name="Check the data now").click()
    page.get_by_text(re.compile(r"checks were asked: [\d,]+ issues in North Tarrant")).wait_for()
    page.get_by_text(re.compile("is not well: 4 of 8 dimensions")).first.wait_for()
    with tenancy.session("lone-star") as connection:
        connection.exec_driver_sql("UPDATE stream_dead_letters SET status = 'discarded' WHERE status = 'open'")
    page.get_by_text(re.compile("events wait; 0 dead letters")).wait_for()

    # Both companies, the worst first; one press leads to the other.
    names = page.locator(".sp-companies strong").all_inner_texts()
    assert [name.split(" ")[0] for name in names] == ["Lone", "Trinity"]
    page.get_by_role("link", name=re.compile("Trinity Roof")).click()
    site_up.ready(page)
    page.locator("h3", has_text="Trinity Roof").wait_for()
    expect(page.locator(".sp-lead").first).not_to_contain_text("need action")


def test_an_alert_is_seen_to_once_and_for_everybody(visit, site, ill):
    """An operator says so; another's page follows by itself."""
    page = opened(visit, site, "vic")
    open_alert("lone-star", "report_success")  # the server's own watch may have opened others
    box = page.get_by_label("Alert", exact=True)
    box.locator("option", has_text="Report success").wait_for(state="attached")
    box.select_option(label=box.locator("option", has_text="Report success").inner_text())
    other = opened(visit, site, "onlooker", width=390, height=844)
    expect(other.get_by_role("button", name="I see to it")).to_be_disabled()
    other.get_by_text("Your role here is viewer: seeing to an alert is for operators and above.").wait_for()
    assert other.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_text("It cannot be taken back: who saw to an alert stays on record.").wait_for()
    page.get_by_role("button", name="I see to it").click()
    page.get_by_text("Everybody sees now that you see to it.").wait_for()
    for each in (page, other):
        each.get_by_text(re.compile(r"sees to it\. Next: Open the page")).wait_for()
        each.get_by_label("Alert", exact=True).locator("option", has_text="Report success").wait_for(state="detached")


def test_a_viewer_on_a_phone_sees_no_names_and_checks_nothing(visit, site, ill):
    page = opened(visit, site, "onlooker", width=390, height=844)
    page.get_by_text("Who is active is shown to the admins of the company.").wait_for()
    page.get_by_text("You are admin of no other company.").wait_for()
    expect(page.get_by_role("button", name="Check the data now")).to_be_disabled()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert "Ana Torres" not in page.inner_text("main")


@pytest.mark.parametrize("query", ["?tenant=lone-star&storm=2021-04-28", "?tenant=lone-star&storm=newest"])
def test_anothers_health_is_refused_in_the_address(visit, site, ill, query):
    page = opened(visit, site, "ben", query)
    page.get_by_text(re.compile("There is no tenant 'lone-star' open to you")).first.wait_for()
    shown = page.inner_text("main")
    assert "Lone Star" not in shown and page.locator(".sp-health-card").count() == 0
    assert page.locator(".sp-companies").count() == 0


def test_anothers_health_is_refused_by_the_widget(visit, site, ill):
    """Whoever writes to the widgets by hand chooses from what the kernel offered, nothing else."""
    page = opened(visit, site, "ben", "?tenant=trinity&storm=newest")
    page.get_by_text(re.compile("Trinity Roof & Restoration")).first.wait_for()
    box = page.get_by_label("Company", exact=True)
    assert [name.replace("\xa0", " ") for name in box.locator("option").all_inner_texts()] == [
        "Trinity Roof & Restoration (demo)"
    ]
    box.evaluate("""select => { const one = new Option('Lone Star', 'Lone Star', true, true); select.add(one);
                    select.selectedIndex = select.length - 1;
                    select.dispatchEvent(new Event('change', {bubbles: true})) }""")
    page.wait_for_timeout(700)
    shown = page.inner_text("main")
    assert page.locator(".sp-health-card").count() == 8 and "not well: 5" not in shown and "99.60" not in shown
