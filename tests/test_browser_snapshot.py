"""What a page showed last, in a real browser: there at once, with its age, unable to do anything, and nobody else's."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from site_up import ready, signed_in

PAGE = "/voila/render/{}.ipynb?tenant=lone-star&storm=2021-04-28"
SHOWN = "document.documentElement.dataset.last === 'shown'"
KEPT = "performance.getEntriesByName('stormplay-kept').length > 0"


def held(page):
    """Let no kernel speak: what was is all that the page has, as where a kernel is slow to start."""
    page.route_web_socket("**/voila/execution/*", lambda socket: None)


@pytest.mark.parametrize(
    ("book", "picture"),
    [pytest.param("score", ".sp-was .main-svg", marks=pytest.mark.long), ("phase3_routes", ".sp-was iframe.sp-map")],
)
def test_the_second_visit_shows_at_once_what_the_first_one_saw(visit, site, book, picture):
    page = signed_in(visit, site)
    page.goto(site + PAGE.format(book))
    ready(page)
    page.wait_for_function(KEPT)
    first = (
        page.locator(".sp-kpi, .sp-chip, .sp-headline").all_inner_texts()
        or page.locator("#sp-main h3").all_inner_texts()
    )
    again = page.context.new_page()
    held(again)
    again.goto(site + PAGE.format(book))
    again.wait_for_function(SHOWN)
    assert again.locator(".sp-was").evaluate_all("nodes => nodes.length && nodes.every(node => node.inert)")
    assert (
        again.locator(".sp-was-age").inner_text().startswith("As of ")
        and "a moment ago" in again.locator(".sp-was-age").inner_text()
    )
    expect(again.locator(picture).first).to_be_visible()
    told = again.locator("#sp-main").inner_text()
    assert first and all(line in told for text in first for line in text.splitlines())
    assert "just now" not in told
    again.close()
    page.goto(site + PAGE.format(book))
    ready(page)
    assert page.locator(".sp-was, .sp-was-age, #sp-was-look, .sp-has-was").count() == 0
    page.locator("select").first.focus()


def test_the_map_that_comes_back_is_of_the_storm_that_was_chosen(visit, site):
    """It was drawn in the document of another storm's."""
    page = signed_in(visit, site, "vic")
    page.goto(site + PAGE.format("phase3_routes"))
    ready(page)
    page.get_by_label("Storm", exact=True).select_option(index=1)
    page.wait_for_url("**storm=2020-04-28*")
    page.wait_for_function(KEPT)
    again = page.context.new_page()
    held(again)
    again.goto(page.url)
    again.wait_for_function(SHOWN)
    frame = again.wait_for_selector(".sp-was iframe.sp-map").content_frame()
    frame.wait_for_function("window.stormplayMap?.reports === 28")
    assert "28 hail reports" in again.locator(".sp-was iframe.sp-map").get_attribute("title")
    assert again.locator("iframe.sp-map").count() == 1, "what was stands there until what is comes"
    sizes = again.locator(".sp-was iframe").evaluate("(node) => node.srcdoc.length")
    again.close()
    assert sizes > 150_000  # with Leaflet, which was not handed in


def test_what_comes_back_can_do_nothing(visit, site):
    page = signed_in(visit, site)
    page.goto(site + PAGE.format("score"))
    ready(page)
    page.wait_for_function(KEPT)
    page.evaluate(
        """async () => {
            const bad = `<p>kept</p><script>top.done = 1</` + `script><img src=x onerror="top.done = 2">
                <svg onload="top.done = 3"><a xlink:href="javascript:top.done=4">x</a>
                <animate onbegin="top.done=5"/></svg>
                <iframe class="sp-map" sandbox="allow-scripts allow-same-origin" srcdoc="<script>
                    try { parent.done = 6 } catch { } </` + `script>"></iframe>
                <iframe src="javascript:top.done=7"></iframe><a href="javascript:top.done=8" id="sp-main">x</a>
                <form action="/logout" method="post"><button formaction="/logout">x</button></form>
                <img src="http://203.0.113.9/x.png"><meta http-equiv="refresh" content="0;url=/logout">
                <noscript><p title="</noscript><img src=x onerror=top.done=9>">`;
            const places = [...document.querySelectorAll("[data-cell]")];
            const cells = Object.fromEntries(places.map((place) => [place.dataset.cell, bad]));
            const body = await new Response(new Blob([JSON.stringify({ look: "", cells })]).stream()
                .pipeThrough(new CompressionStream("gzip"))).blob();
            const config = JSON.parse(document.getElementById("jupyter-config-data").textContent);
            const query = new URLSearchParams([["query", location.search.slice(1)]]);
            const answer = await fetch(`/voila/snapshot/${config.kernelId}?${query}`, {
                method: "PUT", body, headers: { "X-XSRFToken": document.querySelector("input[name=_xsrf]").value } });
            if (answer.status !== 204) throw new Error(answer.status);
        }"""
    )
    address = page.url
    visit.refusals.append("404 (Not Found)")  # the picture x, which is ours and is not there
    again = page.context.new_page()
    held(again)
    again.goto(address)
    again.wait_for_function(SHOWN)
    expect(again.locator(".sp-was p").first).to_have_text("kept")
    again.wait_for_timeout(300)
    assert again.evaluate("window.done") is None and "score.ipynb" in again.url
    found = again.locator(".sp-was *").evaluate_all(
        """nodes => nodes.flatMap((node) => [node.localName,
            ...[...node.attributes].map((a) => `${a.name}=${a.value}`)])
            .filter((text) => /^(on|script$|meta$|noscript$|form$|id=sp)|javascript:|203|action=/i.test(text))"""
    )
    assert found == []
    assert set(
        again.locator(".sp-was iframe").evaluate_all("nodes => nodes.map(node => node.getAttribute('sandbox'))")
    ) == {"allow-scripts"}


def test_nobody_else_sees_it_and_it_is_not_there_after_signing_out(visit, site):
    page = signed_in(visit, site, "vic")
    page.goto(site + PAGE.format("score"))
    ready(page)
    page.wait_for_function(KEPT)
    visit.refusals.append("403 (Forbidden)")
    other = signed_in(visit, site, "ben")
    held(other)
    other.goto(site + PAGE.format("score"))
    other.wait_for_function("document.readyState === 'complete' && typeof stormplayLast === 'undefined'")
    assert other.locator(".sp-was").count() == 0
    page.click("text=Sign out")
    page.wait_for_url("**/login*")
    page.go_back()
    page.wait_for_url("**/login*")
    assert page.locator(".sp-was").count() == 0
    assert (
        page.evaluate("fetch('/snapshots/score?tenant=lone-star&storm=2021-04-28').then((answer) => answer.status)")
        == 403
    )


def test_an_error_is_not_hidden_by_what_was(visit, site):
    page = signed_in(visit, site)
    page.goto(site + PAGE.format("score"))
    ready(page)
    page.wait_for_function(KEPT)
    visit.refusals.append("404 (Not Found)")  # the kernel of a page that has ended
    failed = page.context.new_page()
    failed.route_web_socket(
        "**/voila/execution/*",
        lambda socket: socket.send('{"cell": 1, "failed": "<div class=\\"sp-error\\">It failed.</div>"}'),
    )
    failed.goto(page.url)
    failed.get_by_text("It failed.").wait_for()
    assert failed.locator(".sp-was").count() == 0
