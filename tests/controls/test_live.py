"""The two live widgets in a real browser, on a small model that keeps and tells like an anywidget's."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from stormplay import maps
from stormplay.controls import MapFrame, PickTable, markup
from stormplay.controls.live import KeptHtml, source_of
from stormplay.maps.head import AHEAD, AHEAD_KIND

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


def show(page, widget, source, body="<body>"):
    """Render a widget's JavaScript with the state that its Python half would send."""
    state = {name: getattr(widget, name) for name in widget.keys if not name.startswith("_") and name != "layout"}
    page.set_content(f"{body}<div id=place></div>")
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
    show(page, widget, widget._esm)
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


# ---- many rows, a search that finds none, a file


@pytest.fixture
def long_table(page):
    columns = [{"label": "Home", "kind": "text", "narrow": True}, {"label": "Uplift", "kind": "number", "narrow": True}]
    widget = PickTable(columns=columns, label="Homes")
    n = 200_000
    widget.show([f"h{i}" for i in range(n)], [[f"{i} Oak", [f"{i / 100:.2f} %", (i * 7919) % n]] for i in range(n)])
    show(page, widget, widget._esm)
    page.add_style_tag(content=widget._css)
    return page


def test_two_hundred_thousand_rows_are_drawn_as_far_as_they_are_in_view(long_table):
    assert long_table.locator("tbody tr[data-id]").count() < 100
    assert long_table.get_by_role("status").inner_text() == "200,000 rows"
    assert long_table.locator("table").get_attribute("aria-rowcount") == "200001"
    took_ms = long_table.evaluate(
        """() => { const began = performance.now(); document.querySelectorAll('.sp-sort')[1].click();
                   return performance.now() - began; }"""
    )
    assert first_cells(long_table)[1] == "0 Oak" and took_ms < 5_000
    long_table.locator("tbody tr[data-id]").first.focus()
    long_table.keyboard.press("End")
    last = long_table.evaluate("document.activeElement.getAttribute('aria-rowindex')")
    assert last == "200001"
    long_table.fill("input[type=search]", "199999")
    assert first_cells(long_table) == ["199999 Oak"]
    assert long_table.get_by_role("status").inner_text() == "1 of 200,000 rows"


def test_the_page_picks_one_of_many_and_it_comes_into_view(long_table):
    long_table.evaluate("model.set('selected', 'h150000')")
    row = long_table.locator("tr[data-id=h150000]")
    box, outer = row.bounding_box(), long_table.locator(".sp-pick-scroll").bounding_box()
    assert outer["y"] <= box["y"] and box["y"] + box["height"] <= outer["y"] + outer["height"] + 1


def test_a_search_that_finds_nothing_says_so_and_is_kept_when_rows_change(table):
    table.fill("input[type=search]", "nowhere")
    assert "No row has 'nowhere' in it." in table.locator("#place").inner_text()
    table.fill("input[type=search]", "route 1")
    table.get_by_role("button", name="Hours").click()
    table.evaluate("model.set('rows', model.get('rows').map(row => [...row]))")
    assert first_cells(table) == ["Route 12", "Route 11", "Route 10"]
    assert table.locator("th").nth(1).get_attribute("aria-sort") == "ascending"


def test_the_reader_takes_along_what_is_shown_in_its_order(table):
    table.evaluate("model.send = content => { window.sent = content; }")
    table.fill("input[type=search]", "route 1")
    table.get_by_role("button", name="Hours").click()
    table.get_by_role("button", name="Save as CSV").click()
    assert table.evaluate("sent") == {"take": "csv", "places": [11, 10, 9]}


def told(widget, content):
    said = []
    widget.send = said.append
    widget._heard(None, content, [])
    return said


def test_a_file_is_safe_in_a_spreadsheet_whatever_the_browser_asks_for():
    widget = PickTable(columns=[{"label": "Home", "kind": "text"}, {"label": "n", "kind": "number"}], label="My homes")
    widget.show(["a", "b"], [["=1+1", ["2 d", 2]], ["Oak", None]])
    assert told(widget, {"take": "csv", "places": [1, 0, 7, -1, "x", None]}) == [
        {"csv": "Home,n\r\nOak,\r\n'=1+1,2 d\r\n", "name": "My homes.csv"}
    ]
    assert [told(widget, content) for content in (None, [], "csv", {"take": "x"})] == [[], [], [], []]
    assert "Something went wrong" in told(PickTable(lambda: 1 / 0), {"take": "csv"})[0]["fault"]
    kept = KeptHtml()
    assert told(kept, {"take": "csv", "head": ["a"], "rows": [["@x", "y"], 3, []]}) == [
        {"csv": 'a\r\n\'@x\r\n""\r\n""\r\n', "name": "table.csv"}
    ]
    assert told(kept, {"take": "csv", "head": "a", "rows": 3}) == []


@pytest.mark.parametrize("order", [[], [0], [7, True], [True, True], ["0", True], [1, True], [-1, True], [0, True, 1]])
def test_an_order_that_no_heading_gives_is_none(order):
    columns = [{"label": "Home", "kind": "text", "by": "home"}, {"label": "n", "kind": "text"}]
    assert PickTable(columns=columns, order=order).ordered is None
    assert PickTable(columns=columns, order=[0, "yes"]).ordered == ("home", False)


def test_where_the_database_orders_a_press_tells_and_moves_nothing(page):
    columns = [{"label": "Home", "kind": "text", "narrow": True, "by": "home"}, {"label": "n", "kind": "text"}]
    widget = PickTable(columns=columns, asks=True)
    widget.show(["a", "b"], [["Oak", "2"], ["Ash", "1"]])
    show(page, widget, widget._esm)
    page.get_by_role("button", name="Home").click()
    assert page.evaluate("[model.get('order'), model.saved]") == [[0, True], 1]
    assert first_cells(page) == ["Oak", "Ash"]
    assert page.get_by_role("button", name="n", exact=True).count() == 0


def test_a_long_table_of_html_can_be_ordered_searched_and_stays_so(page):
    rows = [[f"Crew {i}", f"{i:02d} May 2021, 10:00", f"{1000 - i:,} of 9"] for i in range(1, 15)]
    kept = KeptHtml()
    kept.value = markup.table(["Crew", "When", "Homes"], rows, numeric=(2,))
    show(page, kept, kept._esm)
    page.get_by_role("button", name="Homes").click()
    assert first_cells(page)[0] == "Crew 14"
    page.get_by_role("button", name="Crew").click()
    assert first_cells(page)[:3] == ["Crew 1", "Crew 2", "Crew 3"], "as people count"
    page.get_by_role("button", name="When").click()
    page.get_by_role("button", name="When").click()
    assert first_cells(page)[0] == "Crew 14"
    page.get_by_role("searchbox").fill("crew 1")
    page.evaluate("value => model.set('value', value)", kept.value.replace("Crew 14", "Crew 144"))
    shown = page.locator("tbody tr:visible td:first-child").all_inner_texts()
    assert shown == ["Crew 144", "Crew 13", "Crew 12", "Crew 11", "Crew 10", "Crew 1"]
    assert page.get_by_role("status").inner_text() == "6 of 14 rows"
    assert page.evaluate("document.activeElement.value") == "crew 1", "who types goes on typing"
    kept.value = markup.table(["Crew", "When", "Homes"], rows[:5])
    page.evaluate("value => model.set('value', value)", kept.value)
    assert page.get_by_role("searchbox").count() == 0


def test_another_map_is_drawn_in_the_document_that_is_there(page, monkeypatch):
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


def pages(page, monkeypatch):
    """A page behind a server of ours, whose kernel may send a map ahead. Returns what it sent."""
    page.route("http://pages.example/**", lambda route: route.fulfill(
        body="" if "static" not in route.request.url else maps.map_head(), content_type="text/html"))  # fmt: skip
    page.goto("http://pages.example/")
    monkeypatch.setenv("VOILA_BASE_URL", "http://pages.example/")
    monkeypatch.setenv(AHEAD, "1")
    sent = []
    monkeypatch.setattr("stormplay.controls.map_frame.publish_display_data", sent.append)
    return sent


def two_routes():
    routes = pd.DataFrame({"route_id": ["a", "b"], "route_name": "Route"})
    stops = pd.DataFrame({"route_id": ["a", "a", "b", "b"], "sequence_order": [1, 2] * 2,
                          "latitude": [32.9, 32.91, 32.92, 32.93], "longitude": -97.3})  # fmt: skip
    return maps.route_map(routes, stops)


def test_in_a_dark_jupyterlab_a_map_is_dark(page):
    widget = MapFrame()
    widget.draw(two_routes())
    show(page, widget, source_of("map_frame.js"), '<body data-jp-theme-light="false">')
    frame = page.wait_for_selector("iframe.sp-map").content_frame()
    frame.wait_for_function("document.documentElement.dataset.theme === 'dark'")


SENT_BEFORE = """([told, head]) => {
    const frame = Object.assign(document.createElement("iframe"), { className: "sp-map", inert: true });
    frame.setAttribute("sandbox", "allow-scripts");
    frame.srcdoc = head + "<script>stormplayAwait()</" + "script>";
    addEventListener("message", ({ source, data }) => {
        if (source !== frame.contentWindow) return;
        if (data.stormplay === "waiting") source.postMessage({ stormplay: "document", text: told.document }, "*");
        if (data.stormplay === "ready") frame.dataset.ready = "true";
    });
    document.body.append(frame);
    window.stormplayAhead = { take: (key) => (key === told.key ? { document: told.document, frame } : undefined) };
}"""


def test_a_map_goes_ahead_of_its_widget_which_takes_the_frame_as_it_is(page, monkeypatch):
    sent, widget = pages(page, monkeypatch), MapFrame()
    widget.draw(two_routes())
    (told,) = [one[AHEAD_KIND] for one in sent]
    assert widget.document == "" and told["key"] == widget.ahead and told["label"] == widget.label
    assert len(told["document"]) < 10_000, "it travels once, and without what the server has"
    page.evaluate(SENT_BEFORE, [told, maps.map_head()])
    frame = page.wait_for_selector("iframe[data-ready]").content_frame()
    frame.evaluate("stormplayMap.mine = true")
    state = {name: getattr(widget, name) for name in widget.keys if not name.startswith("_") and name != "layout"}
    page.evaluate(
        """async ([model, source, state]) => {
            const Model = new Function(model + 'return Model')();
            const module = await import(URL.createObjectURL(new Blob([source], {type: 'text/javascript'})));
            window.model = new Model(JSON.parse(state));
            const place = document.createElement("div"); /* a widget is drawn before it is on the page */
            module.default.render({model: window.model, el: place});
            setTimeout(() => document.body.append(place), 100);
            window.place = place;
        }""",
        [MODEL, source_of("map_frame.js"), json.dumps(state, default=str)],
    )
    page.wait_for_function("place.querySelector('iframe') && !place.querySelector('iframe').inert")
    assert page.locator("iframe").count() == 1
    assert frame.evaluate("[stormplayMap.mine, stormplayMap.polylines, stormplayMap.stops]") == [True, 2, 4]
    page.evaluate("model.set('selected', 'b')")
    frame.wait_for_function("stormplayMap.selected === 'b'")
    widget.draw(maps.route_map(None, None))
    page.evaluate("payload => model.set('payload', payload)", widget.payload)
    frame.wait_for_function("stormplayMap.polylines === 0")
    assert page.evaluate("place.firstChild.stormplayDocument().includes('stormplay: head')")


def shown_after_asking(page, widget, monkeypatch):
    """The frame of a widget that has asked its kernel for something and been answered."""
    sent = []
    show(page, widget, source_of("map_frame.js"))
    page.wait_for_function("model.sent?.length")
    monkeypatch.setattr(MapFrame, "send", lambda self, content: sent.append(content))
    widget._asked(widget, page.evaluate("model.sent[0]"), [])
    page.evaluate("content => model.heard['msg:custom'].forEach(f => f(content))", sent[0])
    return page.wait_for_selector("iframe.sp-map").content_frame()


def test_a_map_that_went_ahead_and_is_gone_comes_from_the_kernel(page, monkeypatch):
    _, widget = pages(page, monkeypatch), MapFrame()
    widget.draw(two_routes())
    frame = shown_after_asking(page, widget, monkeypatch)
    frame.wait_for_function("window.stormplayMap && stormplayMap.polylines === 2")


def test_behind_a_server_that_does_not_send_it_the_kernel_gives_the_head(page, monkeypatch):
    page.route("http://pages.example/**", lambda route: route.fulfill(
        status=404 if "static" in route.request.url else 200, body="", content_type="text/html"))  # fmt: skip
    page.goto("http://pages.example/")
    monkeypatch.setenv("VOILA_BASE_URL", "http://pages.example/")
    widget = MapFrame()
    widget.draw(maps.route_map(None, None))
    frame = shown_after_asking(page, widget, monkeypatch)
    frame.wait_for_function("window.stormplayMap")
