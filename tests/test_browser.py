"""The first act as a manager lives it, in a real browser: sign in, choose, generate, see, hand out, download."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from playwright.sync_api import expect
from site_up import PASSWORD, opened, sign_in, wait_for_lines
from sqlalchemy import text

from stormplay import RouteBuilder, accounts, tenancy
from stormplay import database as db

# One server and one browser for the file (--dist loadfile); generating for lone-star happens here alone.
MAIN = ("lone-star", "2021-04-28")

A_REFUSED_HOME = """
SELECT p.property_id::text, p.address FROM policy_decisions_log d JOIN properties p USING (property_id)
 WHERE d.storm_id = :storm AND d.decision = 'treat' AND p.latitude IS NOT NULL AND EXISTS (
       SELECT FROM suppressions s WHERE s.property_id = p.property_id AND s.channel IN ('all', 'door')
          AND s.lifted_at IS NULL) LIMIT 1
"""

ROUTES = "/voila/render/phase3_routes.ipynb"


def choose(page, label, text):
    page.get_by_label(label).select_option(label=text)


def companies_of(username):
    """As the administrator knows it: other tests may have made this person a member elsewhere."""
    query = """SELECT t.org_name FROM sec.membership JOIN sec.person p USING (person_id)
                 JOIN sec.tenant_entry t USING (tenant_id) WHERE p.username = :who"""
    with db.transaction(db.admin_url()) as connection:
        return connection.execute(text(query), {"who": username}).scalars().all()


def test_from_sign_in_to_the_csv(visit, site):
    own = companies_of("ana")
    assert "Trinity Roof & Restoration (demo)" not in own
    page = visit()
    page.goto(site + ROUTES)
    sign_in(page, "ana")
    page.get_by_role("button", name="Generate routes").wait_for()
    companies = page.get_by_label("Company").locator("option").all_inner_texts()
    shown = {name.replace("\xa0", " ") for name in companies}
    assert shown == set(own), "her companies, and no other"
    assert len(page.get_by_label("Storm").locator("option").all_inner_texts()) == 3
    page.get_by_text("No routes yet").first.wait_for()

    page.get_by_role("button", name="Generate routes").click()
    page.get_by_role("button", name="Cancel").wait_for()
    page.get_by_text(re.compile(r"^\d+ routes made for [\d,]+ stops\.$")).wait_for()

    builder = RouteBuilder(*MAIN)
    routes = builder.get_routes()
    assert wait_for_lines(page, len(routes)) == {"lines": len(routes), "stops": int(routes["property_count"].sum())}
    rows = page.locator("table.sp-pick tbody tr")
    expect(rows).to_have_count(len(routes))

    first = routes.iloc[0]
    rows.filter(has_text=first["route_name"]).first.click()
    page.get_by_label("Crew", exact=True).fill("Crew Alvarez")
    page.get_by_role("button", name="Assign").click()
    page.get_by_text(f"{first['route_name']} goes to Crew Alvarez.").wait_for()
    assert builder.get_routes()["crew_name"].iloc[0] == "Crew Alvarez"

    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert download.value.suggested_filename == f"{first['route_name']}.csv"
    content = Path(download.value.path()).read_text(encoding="utf-8-sig")
    saved = list(csv.DictReader(io.StringIO(content)))
    assert [row["property_id"] for row in saved] == list(builder.get_stops(first["route_id"])["property_id"])

    page.reload()
    wait_for_lines(page, len(routes))
    expect(page.locator("table.sp-pick tbody tr").filter(has_text="Crew Alvarez")).to_have_count(1)


def test_further_choices_and_an_urgent_stop(visit, site):
    builder = RouteBuilder(*MAIN)
    page = visit()
    page.goto(f"{site}/voila/render/phase3_routes.ipynb?time_limit_s=1")
    sign_in(page, "ana")
    page.get_by_role("button", name="More choices").click()
    page.get_by_label("A visit is").select_option(label="Adjuster meeting (90 minutes)")
    page.get_by_label("Longest day, hours").fill("9")
    page.get_by_role("button", name="Generate routes").click()
    page.get_by_text("made for: adjuster meeting, 90 minutes a stop").wait_for()
    page.get_by_text("no day longer than 9 hours").wait_for()
    assert builder.get_routes()["work_minutes"].max() <= 540

    with tenancy.session("lone-star") as connection:
        home, address = connection.execute(text(A_REFUSED_HOME), {"storm": builder.storm_id}).one()
        lifted = "UPDATE suppressions SET lifted_at = now() WHERE property_id = CAST(:home AS uuid)"
        connection.execute(text(lifted), {"home": home})
    before = builder.get_stops()
    page.get_by_label("Address").fill(address.lower())
    page.get_by_label("Address").press("Enter")
    page.get_by_role("grid", name="Homes that are ready").get_by_text(address).wait_for()
    page.get_by_role("button", name="Put it in").click()
    page.get_by_text(f"{address} is stop").wait_for()
    route = builder.get_stops().set_index("property_id").loc[home, "route_id"]
    chosen = page.locator("table.sp-pick tr[aria-selected=true]")
    expect(chosen).to_have_attribute("data-id", route)  # its route is picked
    page.get_by_role("button", name="Undo").click()
    page.get_by_text(f"{address} is off").wait_for()
    assert builder.get_stops().equals(before)
    page.get_by_role("button", name="Shorten the rest of the day").click()
    page.get_by_text(re.compile("Nothing was changed|have another place")).wait_for()


def test_cancel_leaves_everything_as_it_was(visit, site):
    builder = RouteBuilder("trinity", "2021-04-28")
    before = builder.get_routes()
    page = visit()
    page.goto(site + ROUTES)
    sign_in(page, "ben")
    page.get_by_role("button", name="Generate routes").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Nothing was changed").wait_for()
    assert builder.get_routes().equals(before)


def test_two_people_see_their_own_companies_and_links_open_nothing_else(visit, site):
    link = "/voila/render/phase3_routes.ipynb?tenant=lone-star&storm=2021-04-28"
    ana, ben = visit(), visit()
    for page, person in ((ana, "ana"), (ben, "ben")):
        page.goto(site + link)
        sign_in(page, person)
    ana.get_by_text("Lone Star Roofing (demo)").first.wait_for()
    ben.get_by_text("There is no tenant 'lone-star' open to you").first.wait_for()
    assert "Lone Star" not in ben.inner_text("body")
    assert "Trinity" not in ana.inner_text("body")


def test_one_is_thrown_out_and_the_other_works_on(visit, site):
    accounts.add_person("thrown", "Thrown Out", PASSWORD)
    accounts.add_member("thrown", "trinity", "operator")
    ana, thrown = visit(), visit()
    for page, person in ((ana, "ana"), (thrown, "thrown")):
        page.goto(site + ROUTES)
        sign_in(page, person)
    companies = {}
    for page, name in ((ana, "ana"), (thrown, "thrown")):
        page.get_by_role("button", name="Generate routes").wait_for()
        options = page.get_by_label("Company").locator("option").all_inner_texts()
        companies[name] = [option.replace("\xa0", " ") for option in options]
    assert set(companies["thrown"]) & {"Trinity Roof & Restoration (demo)"}
    assert not set(companies["thrown"]) & set(companies["ana"])

    accounts.disable("thrown")
    visit.refusals.append("403 (Forbidden)")
    thrown.get_by_text(re.compile("signed out|has ended|is not open")).first.wait_for(timeout=30_000)
    thrown.goto(site)
    assert thrown.locator("input[name=password]").is_visible() or thrown.get_by_text("no open account").is_visible()
    choose(ana, "Storm", ana.get_by_label("Storm").locator("option").all_inner_texts()[1])
    ana.get_by_text("Lone Star Roofing (demo) ·").wait_for()
    wait_for_lines(ana, 0)
    assert "Trinity" not in ana.inner_text("body")


def test_empty_states_say_what_to_do_next(visit, site):
    page = visit()
    page.goto(site + "/voila/render/phase3_routes.ipynb?tenant=trinity&storm=2016-03-17")
    sign_in(page, "vic")
    page.get_by_text("run the treatment policy first").first.wait_for()
    wait_for_lines(page, 0)
    choose(page, "Company", "Lone Star Roofing (demo)")
    page.get_by_text("Lone Star Roofing (demo) ·").wait_for()


def test_a_phone_shows_all_of_it_and_a_wrong_limit_is_a_sentence(visit, site):
    page = visit(390, 844)
    page.goto(site + ROUTES)
    sign_in(page, "ana")
    page.get_by_role("button", name="Generate routes").wait_for()
    page.wait_for_timeout(1_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for button in page.get_by_role("button").all():
        box = button.bounding_box()
        if box and button.is_visible() and "sp-sort" not in (button.get_attribute("class") or ""):
            assert box["height"] >= 36, button.inner_text()
    page.get_by_label("Stops per route").fill("0")
    page.get_by_text("max_per_route is 0. Expected a whole number of stops").first.wait_for()
    expect(page.get_by_role("button", name="Generate routes")).to_be_disabled()
    page.get_by_label("Stops per route").fill("40")
    expect(page.get_by_role("button", name="Generate routes")).to_be_enabled()
    assert "Traceback" not in page.inner_text("body")


def test_a_crews_name_that_is_markup_runs_nothing(visit, site):
    """In the table, on the map, in the forms."""
    builder = RouteBuilder(*MAIN)
    if builder.get_routes().empty:
        builder.generate_routes(time_limit_s=1.0)
    route = builder.get_routes()["route_id"].iloc[0]
    name = "<img src=x onerror='top.document.body.dataset.ran=1'>"
    builder.assign_crew(route, name)
    page = opened(visit, f"{site}{ROUTES}?tenant={MAIN[0]}&storm={MAIN[1]}")
    page.locator("td", has_text=name).first.click()
    page.locator(".widget-html", has_text=name).first.wait_for()
    page.wait_for_timeout(500)
    for frame in page.frames:
        assert frame.locator("img[onerror]").count() == 0
    assert page.evaluate("document.body.dataset.ran") is None
    builder.assign_crew(route, None)


def test_a_wrong_password_and_an_unknown_name_read_alike(visit, site):
    page = visit()
    said = []
    for username in ("ana", "nobody"):
        page.goto(site + ROUTES)
        sign_in(page, username, PASSWORD + "x")
        said.append(page.locator("[role=alert]").inner_text())
    assert said[0] == said[1]
    assert said[0]
