"""Long work outlives its page in a real browser: reloaded, closed, come back to; and nobody else gets it."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect
from site_up import ready, sign_in

pytestmark = pytest.mark.long  # plans that take their time

ROUTES = "/voila/render/phase3_routes.ipynb?tenant={}&storm=2021-04-28&time_limit_s={}"


def kernel(page):
    return json.loads(page.locator("#jupyter-config-data").inner_text())["kernelId"]


def opened(page, address):
    page.goto(address)
    ready(page)
    return page


@pytest.fixture
def at_work(visit, site):
    """Makes a page of somebody's that is generating routes."""

    def make(person="ana", seconds=12, tenant="lone-star"):
        page = visit()
        page.goto(f"{site}/login?next=/password")
        sign_in(page, person)
        page.wait_for_url("**/password")
        opened(page, site + ROUTES.format(tenant, seconds))
        with page.expect_response("**/voila/api/work/*") as told:
            page.get_by_role("button", name="Generate routes").click()
        assert told.value.status == 204
        expect(page.locator(".sp-running").first).to_be_visible()
        return page

    return make


def test_a_page_that_is_reloaded_while_routes_are_made_goes_on_and_tells_the_end(at_work):
    page = at_work()
    before = kernel(page)
    page.reload()
    ready(page)
    assert kernel(page) == before
    running = page.locator(".sp-running").first
    expect(running).to_be_visible()
    words = running.inner_text()
    page.wait_for_function("was => document.querySelector('.sp-running').innerText !== was", arg=words)
    with page.expect_response("**/voila/api/work/*"):  # that it is over
        expect(page.get_by_text("routes made for")).to_be_visible(timeout=90_000)
    page.reload()
    ready(page)
    assert kernel(page) != before, "without work a page is opened anew"


def test_what_ended_while_nobody_looked_is_told_to_who_comes_back_and_cancel_works(at_work, visit, site):
    page = at_work(seconds=6)
    before, address = kernel(page), page.url
    page.goto(f"{site}/password")
    page.wait_for_timeout(8_000)
    opened(page, address)
    assert kernel(page) == before
    expect(page.get_by_text("routes made for")).to_be_visible(timeout=60_000)
    with page.expect_response(lambda answer: "state=running" in (answer.request.post_data or "")):
        page.get_by_role("button", name="Generate routes").click()
    expect(page.locator(".sp-running").first).to_be_visible()
    page.reload()
    ready(page)
    assert kernel(page) == before
    page.get_by_role("button", name="Cancel").first.click()
    expect(page.locator(".sp-running").first).to_be_hidden(timeout=30_000)


def test_a_second_tab_and_another_person_get_pages_of_their_own(at_work, visit, site):
    page = at_work("vic", tenant="trinity")
    before, address = kernel(page), page.url
    second = page.context.new_page()
    assert kernel(opened(second, address)) != before
    second.close()
    other = visit()
    other.goto(f"{site}/login?next=/password")
    sign_in(other, "vic")  # the same person elsewhere: another session
    other.wait_for_url("**/password")
    page.goto("about:blank")
    assert kernel(opened(other, address)) != before
    elsewhere = page.context.new_page()
    assert kernel(opened(elsewhere, address.replace("2021-04-28", "2020-04-28"))) != before
    status = other.evaluate(
        """id => fetch(`/voila/api/work/${id}`, { method: "POST", body: new URLSearchParams({ state: "over", query: "",
            _xsrf: document.querySelector("input[name=_xsrf]").value }) }).then((answer) => answer.status)""",
        before,
    )
    assert status == 403
    visit.refusals.append("403 (Forbidden)")
    assert kernel(opened(page, address)) == before
