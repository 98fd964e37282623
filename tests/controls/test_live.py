"""The two live widgets in a real browser, on a small model that keeps and tells like an anywidget's."""

from __future__ import annotations

import json

import pytest

from stormplay import maps
from stormplay.controls import MapFrame, PickTable
from stormplay.controls.live import source_of

MODEL = """
class Model {
  constructor(state) { this.state = state; this.heard = {}; this.saved = 0; }
  get(name) { return this.state[name]; }
  set(name, value) {
    if (this.state[name] === value) return;
    this.state[name] = value;
    (this.heard["change:" + name] || []).forEach(f => f());
  }
  save_changes() { this.saved++; }
  send(content) { (this.sent ||= []).push(content); }
  on(name, f) { (this.heard[name] ||= []).push(f); }
  off(name, f) { this.heard[name] = (this.heard[name] || []).filter(g => g !== f); }
}
"""

XSS = "<img src=x onerror='window.hacked=1'>"


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1000, "height": 900})
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def show(page, widget, source):
    """Render a widget's JavaScript with the state that its Python half would send."""
    state = {name: getattr(widget, name) for name in widget.keys if not name.startswith("_") and name != "layout"}
    page.set_content("<div id=place></div>")
    page.evaluate(
        """async ([model, source, state]) => {
            const Model = new Function(model + 'return Model')();
            const module = await import(URL.createObjectURL(new Blob([source], {type: 'text/javascript'})));
            window.model = new Model(JSON.parse(state));
            window.clean = module.default.render({model: window.model, el: document.getElementById('place')});
        }""",
        [MODEL, source, json.dumps(state, default=str)],
    )


@pytest.fixture
def table(page):
    columns = [{"label": "Route", "kind": "text", "narrow": True}, {"label": "Hours", "kind": "number", "narrow": True},
               {"label": "Status", "kind": "badge", "narrow": False}]  # fmt: skip
    rows = [[f"Route {i:02d}", [f"{20 - i}.0 h", 20 - i], "planned"] for i in range(1, 13)]
    rows[4][0] = XSS
    widget = PickTable(columns=columns, empty="No routes yet.", label="Routes")
    widget.show([f"r{i}" for i in range(1, 13)], rows)
    show(page, widget, source_of("pick_table.js"))
    return page


def first_cells(page):
    return page.locator("tbody tr td:first-child").all_inner_texts()


def test_a_click_picks_a_row_and_a_second_click_lets_go(table):
    row = table.locator("tbody tr").nth(2)
    row.click()
    assert table.evaluate("[model.get('selected'), model.saved]") == ["r3", 1]
    assert row.get_attribute("aria-selected") == "true"
    row.click()
    assert table.evaluate("model.get('selected')") == ""


def test_the_keyboard_walks_and_picks(table):
    table.locator("tbody tr").first.focus()
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        table.keyboard.press(key)
    assert table.evaluate("model.get('selected')") == "r3"
    table.keyboard.press("End")
    table.keyboard.press(" ")
    assert table.evaluate("model.get('selected')") == "r12"


def test_numbers_sort_as_numbers_and_a_search_narrows(table):
    table.click("text=Hours")
    assert first_cells(table)[0] == "Route 12"
    table.click("text=Hours")
    assert first_cells(table)[0] == "Route 01"
    table.fill("input[type=search]", "route 1")
    assert first_cells(table) == ["Route 10", "Route 11", "Route 12"]


def test_the_page_picks_a_row_and_it_comes_into_view(table):
    table.evaluate("model.set('selected', 'r12')")
    row = table.locator("tr[data-id=r12]")
    assert row.get_attribute("aria-selected") == "true"
    box, outer = row.bounding_box(), table.locator(".sp-pick-scroll").bounding_box()
    assert box["y"] + box["height"] <= outer["y"] + outer["height"] + 1


def test_a_cell_never_becomes_markup(table):
    assert XSS in first_cells(table)
    assert table.evaluate("window.hacked") is None


def test_without_rows_it_says_why(table):
    table.evaluate("model.set('rows', [])")
    assert "No routes yet." in table.locator("#place").inner_text()
    assert not table.locator("table").is_visible()


def test_after_the_view_is_gone_nothing_listens(table):
    table.evaluate("clean()")
    assert table.evaluate("Object.values(model.heard).flat().length") == 0


def test_the_map_frame_selects_and_tells(page):
    import pandas as pd

    routes = pd.DataFrame({"route_id": ["a", "b"], "route_name": ["A", "B"]})
    stops = pd.DataFrame({
        "route_id": ["a", "a", "b", "b"], "sequence_order": [1, 2, 1, 2], "latitude": [32.9, 32.91, 32.92, 32.93],
        "longitude": [-97.3, -97.29, -97.28, -97.27],
    })  # fmt: skip
    widget = MapFrame(document=maps.map_document(maps.route_map(routes, stops)), label="Two routes", selected="b")
    show(page, widget, source_of("map_frame.js"))
    frame = page.wait_for_selector("iframe[title='Two routes'][sandbox='allow-scripts']").content_frame()
    frame.wait_for_function("window.stormplayMap && stormplayMap.selected === 'b'")  # asked for before it was there
    page.evaluate("model.set('notes', {b: 'Crew Ray'})")
    frame.wait_for_function("document.querySelector('.sp-chip').innerText.includes('Crew Ray')")
    frame.click(".sp-chip button")
    page.wait_for_function("model.get('selected') === ''")
    page.evaluate("window.postMessage({stormplay: 'selected', route: 'a'}, '*')")  # not from the frame: not heard
    page.wait_for_timeout(100)
    assert page.evaluate("model.get('selected')") == ""


def test_another_map_is_drawn_in_the_document_that_is_there(page, monkeypatch):
    import pandas as pd

    def drawn(n):
        routes = pd.DataFrame({"route_id": [f"r{i}" for i in range(n)], "route_name": ["{};//<script>"] * n})
        stops = pd.DataFrame({"route_id": [f"r{i}" for i in range(n) for _ in range(2)], "sequence_order": [1, 2] * n,
                              "latitude": [32.9 + k / 100 for k in range(2 * n)], "longitude": -97.3})  # fmt: skip
        return maps.route_map(routes, stops)

    page.route("http://pages.example/**", lambda route: route.fulfill(
        body="" if "static" not in route.request.url else maps.map_head(), content_type="text/html"))  # fmt: skip
    page.goto("http://pages.example/")
    monkeypatch.setenv("VOILA_BASE_URL", "http://pages.example/")
    widget = MapFrame()
    widget.draw(drawn(2))
    assert len(widget.document) < 10_000 and widget.source.startswith("http://pages.example/static/map_head.txt?v=")
    first = widget.document
    show(page, widget, source_of("map_frame.js"))
    frame = page.wait_for_selector("iframe.sp-map").content_frame()
    frame.wait_for_function("window.stormplayMap && stormplayMap.polylines === 2")
    frame.evaluate("window.mine = true")
    widget.draw(drawn(5))
    assert widget.document is first and len(widget.payload) < 10_000
    page.evaluate("([payload, label]) => { model.set('payload', payload); model.set('label', label) }",
                  [widget.payload, widget.label])  # fmt: skip
    frame.wait_for_function("stormplayMap.polylines === 5")
    assert frame.evaluate("[window.mine, document.querySelectorAll('.leaflet-container').length]") == [True, 1]
    assert "5 routes" in page.locator("iframe").get_attribute("title")
    page.evaluate("model.set('selected', 'r4')")
    frame.wait_for_function("stormplayMap.selected === 'r4'")
    assert page.evaluate("model.heard['msg:custom'].length") == 1
    # A view that is made later, as after a reload, begins with what is drawn now.
    page.evaluate("clean()")
    show(page, widget, source_of("map_frame.js"))
    frame = page.wait_for_selector("iframe.sp-map").content_frame()
    frame.wait_for_function("window.stormplayMap && stormplayMap.polylines === 5")


def test_behind_a_server_that_does_not_send_it_the_kernel_gives_the_head(page, monkeypatch):
    page.route("http://pages.example/**", lambda route: route.fulfill(
        status=404 if "static" in route.request.url else 200, body="", content_type="text/html"))  # fmt: skip
    page.goto("http://pages.example/")
    monkeypatch.setenv("VOILA_BASE_URL", "http://pages.example/")
    widget, sent = MapFrame(), []
    widget.draw(maps.route_map(None, None))
    show(page, widget, source_of("map_frame.js"))
    page.wait_for_function("model.sent?.length")
    monkeypatch.setattr(MapFrame, "send", lambda self, content: sent.append(content))
    widget._asked(widget, page.evaluate("model.sent[0]"), [])
    page.evaluate("content => model.heard['msg:custom'].forEach(f => f(content))", sent[0])
    frame = page.wait_for_selector("iframe.sp-map").content_frame()
    frame.wait_for_function("window.stormplayMap")
