"""The widget front end in a real browser: in one file, kept for good, and started once what was is in view."""

from __future__ import annotations

import re

import pytest
from site_up import ready, signed_in

PIECE = re.compile(r"/voila/static/|/labextensions/.*/static/(?!remoteEntry)")


@pytest.mark.parametrize("act", ["phase3_routes", "treatment"])
def test_a_page_asks_for_no_piece_of_it_by_itself(visit, site, act):
    page = signed_in(visit, site)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site}/voila/render/{act}.ipynb?tenant=lone-star&storm=2021-04-28")
    ready(page)
    files = [url for url in asked if url.startswith(site)]
    assert [url for url in files if PIECE.search(url)] == [], "a piece is missing in server/bundle.py"
    assert any("/static/front_end.js?v=" in url for url in files)
    assert len(files) < 30, files


def test_the_map_is_there_before_it_and_its_widget_takes_it_as_it_is(visit, site):
    page = signed_in(visit, site)
    held = []
    page.route("**/front_end.js*", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks what it is given
    page.goto(f"{site}/voila/render/phase3_routes.ipynb?tenant=lone-star&storm=2021-04-28", wait_until="commit")
    frame = page.wait_for_selector("iframe.sp-map[data-ready]").content_frame()
    assert frame.evaluate("[stormplayMap.reports, stormplayMap.bands]") == [21, 4]
    assert page.locator(".lm-Widget").count() == 0, "nothing of the widgets is there"
    assert page.locator("iframe.sp-map").evaluate("(node) => [node.inert, node.sandbox.value]") == [
        True,
        "allow-scripts",
    ]
    frame.evaluate("window.mine = true")
    page.wait_for_function("performance.now() > 2000")  # the front end does not wait for ever either
    (front_end,) = held
    front_end.continue_()
    ready(page)
    assert page.locator("iframe.sp-map").count() == 1
    assert page.locator(".lm-Widget iframe.sp-map").evaluate("(node) => node.inert") is False
    assert frame.evaluate("window.mine") is True


def test_a_page_without_a_storm_keeps_no_empty_map(visit, site):
    page = signed_in(visit, site)
    page.goto(f"{site}/voila/render/phase3_routes.ipynb?tenant=lone-star&storm=no-such-storm")
    ready(page)
    assert page.locator("[data-map] > .sp-output > iframe").count() == 0
    assert [node.bounding_box() for node in page.query_selector_all("iframe.sp-map") if node.is_visible()] == []


def test_it_starts_where_the_window_was_loaded_long_ago(visit, site):
    """What was is shown first, which may take longer than the window's load, for which Voilà waits."""
    page = signed_in(visit, site)
    page.add_init_script(
        """let own;
        Object.defineProperty(window, "stormplaySnapshot", { get: () => own, set: (value) => {
            const later = new Promise((resolve) => addEventListener("load", () => setTimeout(resolve, 500)));
            own = { ...value, shown: later };
        } });"""
    )
    page.goto(f"{site}/voila/render/score.ipynb?tenant=lone-star&storm=2021-04-28")
    ready(page)
    page.locator("select").first.focus()


def test_a_slow_computer_loses_no_part_of_a_page(visit, site):
    """Two seconds are over before anything has begun: what is late comes all the same, and hears of each change."""
    page = signed_in(visit, site)
    page.add_init_script(
        """const timeout = AbortSignal.timeout.bind(AbortSignal);
        AbortSignal.timeout = (ms) => (ms <= 2000 ? AbortSignal.abort() : timeout(ms));"""
    )
    page.goto(f"{site}/voila/render/phase3_routes.ipynb?tenant=lone-star&storm=2021-04-28")
    ready(page)
    page.get_by_label("Storm", exact=True).select_option(index=1)
    page.wait_for_url("**storm=2020-04-28*")  # the address is a widget that is told what was chosen
    came = page.evaluate(
        """async () => {
            const widgets = await window.jupyterapp.widgetManagerPromise.promise, late = widgets.get_model("late");
            setTimeout(() => widgets.register_model("late", Promise.resolve({ name: "there", once() {} })), 2500);
            return (await late).name;
        }"""
    )
    assert came == "there"
