"""Home and the way from act to act: what is chosen stands in the address, and Back and Forward bring it back."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect
from site_up import opened, ready, signed_in, wait_for_lines
from sqlalchemy import text

from stormplay import tenancy

ROUTES = "/voila/render/phase3_routes.ipynb"


def query_of(page):
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def eventually(page, **wanted):
    """The address comes to say this."""
    page.wait_for_function(
        """wanted => { const now = new URLSearchParams(location.search);
             return Object.entries(wanted).every(([name, value]) => (now.get(name) ?? '') === value) }""",
        arg=wanted, timeout=10_000,
    )  # fmt: skip


def entered(visit, site, person, path="/", **size):
    return opened(visit, site + path, person, **size)


def kernel_of(page):
    return page.evaluate("JSON.parse(document.getElementById('jupyter-config-data').textContent).kernelId")


def test_home_shows_every_storm_of_every_company_and_leads_on(visit, site):
    page = entered(visit, site, "vic")
    assert urlsplit(page.url).path == "/voila/render/home.ipynb"
    assert page.locator(".sp-acts a").first.inner_text() == "Home"
    expect(page.get_by_role("link", name="Home", exact=True)).to_have_attribute("aria-current", "page")
    cards = page.locator(".sp-storm-card")
    expect(cards).to_have_count(6)
    first = cards.first.inner_text()
    for said in ("synthetic", "/ 100", "Homes hit", "Signed", "Next:", "Changed"):
        assert said in first, first
    page.get_by_text(re.compile(r"Lone Star Roofing \(demo\) is")).first.wait_for()  # the verdict, read afterwards

    # Filters: what is typed replaces, what is chosen is a step back.
    kernel = kernel_of(page)
    box = page.get_by_label("Company", exact=True)
    box.select_option(label="Trinity Roof & Restoration (demo)")
    eventually(page, tenant="trinity")
    page.wait_for_function("document.querySelectorAll('.sp-storm-card').length === 3")
    page.get_by_label("Search").fill("no such storm")
    eventually(page, find="no such storm")
    page.get_by_text("No storm matches").wait_for()
    page.go_back()
    page.wait_for_function("document.querySelectorAll('.sp-storm-card').length === 6")
    assert query_of(page) == {}
    expect(box).to_have_value("All companies")
    page.go_forward()
    page.get_by_text("No storm matches").wait_for()
    page.get_by_label("Search").fill("")
    page.wait_for_function("document.querySelectorAll('.sp-storm-card').length === 3")
    assert kernel_of(page) == kernel, "no new page"

    # Live: another storm is there without a reload.
    with tenancy.session("trinity") as connection:
        connection.execute(text("INSERT INTO storms (slug, name, status, event_date)"
                                " VALUES ('new-one', 'Brand New Hail', 'watching', '2022-05-01')"))  # fmt: skip
    page.get_by_role("heading", name="Brand New Hail").wait_for(timeout=10_000)
    page.locator(".sp-storm-card", has_text="Brand New Hail").get_by_role("link", name="Score", exact=True).click()
    ready(page)
    assert query_of(page) == {"tenant": "trinity", "storm": "new-one"}
    page.locator(".sp-brand").click()
    ready(page)
    expect(page.locator(".sp-storm-card")).to_have_count(7)


def test_anothers_storms_are_not_on_it_whatever_the_address_says(visit, site):
    page = entered(visit, site, "ben", "/voila/render/home.ipynb?tenant=lone-star", width=390, height=844)
    page.get_by_text(re.compile("There is no tenant 'lone-star' open to you")).first.wait_for()
    shown = page.inner_text("main")
    assert "Lone Star" not in shown
    assert page.locator(".sp-storm-card", has_text="Trinity").count() >= 1
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_root_with_a_storm_leads_to_its_routes_and_the_choices_go_along(visit, site):
    page = entered(visit, site, "ana", "/?tenant=lone-star&storm=2021-04-28&time_limit_s=1")
    assert urlsplit(page.url).path == ROUTES and query_of(page)["time_limit_s"] == "1"
    kernel = kernel_of(page)
    page.get_by_role("button", name="Generate routes").click()
    wait_for_lines(page)
    row = page.locator(".sp-pick tbody tr").first
    row.click()
    page.wait_for_function("new URLSearchParams(location.search).has('route')")
    route = query_of(page)["route"]
    page.get_by_label("Storm", exact=True).select_option(index=1)
    eventually(page, storm="2020-04-28", route="")
    page.go_back()  # to the picked route, in the running kernel
    eventually(page, storm="2021-04-28", route=route)
    page.locator(".sp-pick tr[aria-selected=true]").wait_for()
    page.go_back()
    eventually(page, storm="2021-04-28", route="")
    page.wait_for_function("!document.querySelector('.sp-pick tr[aria-selected=true]')")
    page.go_forward()
    page.go_forward()
    eventually(page, storm="2020-04-28")
    page.wait_for_function("!document.querySelector('.sp-pick tr[aria-selected=true]')")
    page.go_back()
    page.locator(".sp-pick tr[aria-selected=true]").wait_for()
    assert kernel_of(page) == kernel

    # The link is shareable: another page shows the same, and the next act has the route.
    other = opened(visit, page.url)
    other.locator(".sp-pick tr[aria-selected=true]").wait_for()
    other.get_by_role("link", name="Jobs", exact=True).click()
    ready(other)
    assert query_of(other) == {"tenant": "lone-star", "storm": "2021-04-28", "route": route}
    other.get_by_label("Status", exact=True).select_option(index=1)
    other.wait_for_function("new URLSearchParams(location.search).get('status')")
    other.go_back()
    eventually(other, status="", route=route)
    expect(other.get_by_label("Status", exact=True)).to_have_value("All statuses")


@pytest.mark.parametrize("query", ["?tenant=lone-star&storm=2021-04-28&route=%3Cscript%3E", "?tenant=lone-star&x=1"])
def test_what_an_address_cannot_ask_for_is_said_and_forgotten(visit, site, query):
    page = entered(visit, site, "ana", ROUTES + query)
    page.get_by_text(re.compile("In the address: ")).first.wait_for()
    assert query_of(page) == {"tenant": "lone-star", "storm": "2021-04-28"}


def test_back_to_a_company_of_which_one_is_no_member_says_so(visit, site):
    page = entered(visit, site, "ben", "/voila/render/score.ipynb?tenant=trinity&storm=2016-03-17")
    page.evaluate("""history.replaceState({}, '', '?tenant=lone-star&storm=2021-04-28');
                     history.pushState({}, '', '?tenant=trinity&storm=2016-03-17')""")
    page.go_back()
    page.get_by_text(re.compile("There is no tenant 'lone-star' open to you")).first.wait_for()
    assert "Lone Star" not in page.inner_text("main").replace("'lone-star'", "")


def test_what_a_household_is_looked_up_by_is_in_no_address(visit, site):
    household = "/voila/render/identity_attribution.ipynb?tenant=lone-star&storm=2021-04-28&look_up=817.555.0142"
    page = entered(visit, site, "ana", household)
    assert query_of(page) == {"tenant": "lone-star", "storm": "2021-04-28"}


@pytest.mark.parametrize("width", [1440, 390])
def test_a_link_to_a_section_leads_there_unless_one_has_moved_on(visit, site, width):
    page = signed_in(visit, site, width=width)
    address = f"{site}{ROUTES}?tenant=lone-star&storm=2021-04-28#homes-that-are-not-on-a-route"
    page.goto(address)
    ready(page)
    bar = page.locator(".sp-bar").bounding_box()["height"]
    assert bar < 100, "one line, and the acts below it on a phone"
    page.wait_for_function(
        """(bar) => {
            const { top } = document.querySelector("#homes-that-are-not-on-a-route").getBoundingClientRect();
            return bar <= top && top < bar + 60;
        }""",
        arg=bar,
    )
    page.goto("about:blank")
    page.goto(address, wait_until="commit")
    page.locator(".sp-bar").wait_for()
    page.mouse.wheel(0, -20_000)
    ready(page)
    page.wait_for_timeout(500)  # for what must not come
    assert page.evaluate("scrollY") == 0
