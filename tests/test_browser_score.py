"""The score as an owner lives it, in a real browser: on every page, following the work, open to argument."""

from __future__ import annotations

import re

from site_up import opened, ready
from sqlalchemy import text

from stormplay import JobTracker, StormPlayScore, tenancy

MAIN = ("lone-star", "2021-04-28")
QUERY = "?tenant=lone-star&storm=2021-04-28"


def chip(page):
    page.locator(".sp-score").wait_for()
    return re.sub(r"\s+", " ", page.locator(".sp-score").inner_text())


def drawn(page):
    """Charts that are on the page with something in them."""
    return page.evaluate("[...document.querySelectorAll('.sp-chart')].filter(c => c.querySelector('.main-svg')).length")


def test_the_header_follows_the_work_and_leads_to_the_score(visit, site):
    page = opened(visit, f"{site}/voila/render/phase3_routes.ipynb{QUERY}&time_limit_s=1")
    assert chip(page).startswith("Storm Play Score 74 / 100 3 of 4 parts measurable yet")
    page.evaluate("window.neverReloaded = true")
    page.get_by_role("button", name="Generate routes").click()
    page.get_by_text("routes made for").wait_for()
    page.locator(".sp-score", has_not_text="of 4 parts").wait_for()
    assert page.evaluate("window.neverReloaded")

    page.locator(".sp-score").hover()
    page.mouse.down()  # the link is drawn anew while it is pressed, and leads there all the same
    before = chip(page)
    tracker = JobTracker(*MAIN)
    jobs = tracker.find(limit=1_000)["job_id"]
    with tenancy.session("lone-star") as connection:  # a day's work of all crews
        tenancy.because(connection, "The crews had a long <b>day</b>")
        connection.execute(
            text("""UPDATE jobs SET status = 'completed', furthest = 'inspected', completed_at = now()
                     WHERE job_id = ANY (CAST(:ids AS uuid[]))"""),
            {"ids": jobs.tolist()},
        )
    while chip(page) == before:
        page.wait_for_timeout(50)
    page.mouse.up()
    page.wait_for_url(re.compile(r"/score\.ipynb\?tenant=lone-star&storm=2021-04-28$"))
    ready(page)
    score = StormPlayScore(*MAIN).current()
    assert chip(page).startswith(f"Storm Play Score {score.score:.0f} / 100")
    page.get_by_text(f"The Storm Play Score is {score.score:.1f} of 100.").wait_for()
    page.wait_for_function("document.querySelectorAll('.sp-chart').length >= 5")
    page.wait_for_function("[...document.querySelectorAll('.sp-chart')].every(c => c.querySelector('.main-svg'))")
    page.get_by_text("The crews had a long <b>day</b>").first.wait_for()
    bundles = page.evaluate(
        "performance.getEntriesByType('resource').filter(r => r.name.includes('plotly')).map(r => r.name)"
    )
    assert len(bundles) == 1 and re.search(r"/static/plotly/plotly-finance\.min\.js\?v=[0-9a-f]{16}$", bundles[0])

    page.get_by_role("link", name="Complete one more job").click()
    page.wait_for_url(re.compile(r"/phase4_jobs\.ipynb\?tenant=lone-star&storm=2021-04-28$"))
    ready(page)
    assert chip(page).startswith(f"Storm Play Score {score.score:.0f} / 100")


def test_a_job_that_is_saved_moves_the_header_of_its_page(visit, site):
    """One job alone, so that a step can be seen: a storm with four."""
    with tenancy.session("lone-star") as connection:
        connection.execute(
            text("INSERT INTO storms (slug, name, event_date) VALUES ('small', 'Small hail', '2021-06-01')")
        )
        storm = tenancy.storm_id(connection, "small")
        add = "INSERT INTO jobs (storm_id, property_id) SELECT :storm, property_id FROM properties LIMIT 4"
        connection.execute(text(add), {"storm": storm})
    tracker = JobTracker("lone-star", "small")
    job = tracker.find(limit=1).iloc[0]
    for status in ("contacted", "inspected"):
        tracker.update_job(job["job_id"], status=status)
    query = f"?tenant=lone-star&storm=small&find={job['property_id']}"
    page = opened(visit, f"{site}/voila/render/phase4_jobs.ipynb{query}", width=390, height=844)
    assert chip(page) == "Storm Play Score 0 / 100 1 of 4 parts"
    height = page.locator(".sp-score").bounding_box()["height"]
    assert height < 44, "a line, not a block, on a phone"
    page.get_by_role("button", name="Completed", exact=True).click()
    page.locator(".sp-score strong").filter(has_text=re.compile("^6$")).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert StormPlayScore("lone-star", "small").history()["cause"].iloc[-1] == "Ana Torres completed a job"


def test_on_a_phone_the_page_fits_and_another_storm_can_be_chosen(visit, site):
    page = opened(
        visit, f"{site}/voila/render/score.ipynb?tenant=trinity&storm=2021-04-28", "ben", width=390, height=844
    )
    page.wait_for_function("[...document.querySelectorAll('.sp-chart')].every(c => c.querySelector('.main-svg'))")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    right = page.evaluate(
        "Math.max(...[...document.querySelectorAll('.sp-chart svg')].map(s => s.getBoundingClientRect().right))"
    )
    assert right <= 390
    page.get_by_text("too early to say").or_(page.get_by_text("works")).first.wait_for()
    page.get_by_label("Storm", exact=True).select_option(label="Fort Worth and Arlington hail, 17 March 2016 (closed)")
    page.get_by_text("The score of this storm is not measurable yet").wait_for()
    assert "not measurable yet" in chip(page)
    page.get_by_label("Storm", exact=True).select_option(label="Saginaw to Mansfield hail, 28 April 2020 (closed)")
    page.locator(".sp-score strong").filter(has_text=re.compile(r"^\d+$")).wait_for()
    page.wait_for_function(
        "[...document.querySelectorAll('.sp-chart')].every(c => c.querySelector('.main-svg') || !c.clientWidth)"
    )
    page.get_by_text("No other storm of this company has a door to compare with.").wait_for()
