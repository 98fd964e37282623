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
