"""The map as a document: nothing to fetch, nothing to run that came from a name or an address; then in a browser."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import folium
import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from stormplay import maps
from stormplay.errors import BadInput

XSS = "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=1'>"


def frames(routes=6, stops=20, seed=0, address="{} Elm Street"):
    rng = np.random.default_rng(seed)
    ids = [f"00000000-0000-0000-0000-{i:012d}" for i in range(routes)]
    table = pd.DataFrame({
        "route_id": ids, "route_name": [f"Route {i + 1:02d}" for i in range(routes)], "property_count": stops,
        "drive_minutes": 80.0, "crew_name": None, "status": "planned",
    })  # fmt: skip
    points = pd.DataFrame({
        "route_id": np.repeat(ids, stops), "sequence_order": np.tile(np.arange(1, stops + 1), routes),
        "address": [address.format(100 + i) for i in range(routes * stops)], "zip_code": "76137",
        "latitude": 32.86 + rng.random(routes * stops) * 0.08, "longitude": -97.3 + rng.random(routes * stops) * 0.1,
        "hail_in": 1.75, "job_status": "scheduled",
    })  # fmt: skip
    return table, points


REPORTS = pd.DataFrame({
    "hail_in": [3.25, 1.0], "latitude": [32.93, 32.96], "longitude": [-97.25, -97.34], "location": ["KELLER", "HASLET"],
    "reported_at": pd.to_datetime(["2021-04-29 01:06", "2021-04-29 01:40"], utc=True), "source": ["Public", "Public"],
    "narrative": ["Large hail.", ""],
})  # fmt: skip


def contours():
    ring = [[-97.35, 32.85], [-97.2, 32.85], [-97.2, 32.97], [-97.35, 32.97], [-97.35, 32.85]]
    shape = {"type": "MultiPolygon", "coordinates": [[ring]]}
    features = [{"type": "Feature", "properties": {"hail_in": level}, "geometry": shape} for level in (0.75, 1.5)]
    return {"type": "FeatureCollection", "features": features}


class Requests(HTMLParser):
    """Collects whatever an HTML document would fetch."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.found += [given[name] for name in ("src", "poster", "background") if name in given]
        if tag in {"link", "object", "image", "use"}:
            self.found += [value for name, value in attributes if name in {"href", "data", "xlink:href"}]

    def handle_data(self, data):
        if self.lasttag == "style":
            self.found += re.findall(r"url\(([^)]*)\)", data) + re.findall(r"@import[^;]*", data)


def requests_of(document):
    parser = Requests()
    parser.feed(document)
    return parser.found


def test_a_map_fetches_nothing():
    document = maps.map_document(maps.route_map(*frames(), contours=contours(), reports=REPORTS, depot=(32.84, -97.29)))
    assert requests_of(document) == []
    assert "sourceMappingURL" not in document


def test_the_check_would_see_folium_as_it_comes():
    assert len(requests_of(folium.Map().get_root().render())) >= 10


def test_a_text_never_ends_the_script():
    routes, stops = frames(address="{} " + XSS)
    routes["route_name"] = XSS
    document = maps.map_document(maps.route_map(routes, stops, reports=REPORTS.assign(location=XSS, narrative=XSS)))
    assert XSS not in document
    assert document.count("</script>") == document.count("<script")


def test_the_frame_is_named_sandboxed_and_whole():
    map_ = maps.route_map(*frames(), reports=REPORTS)
    html = maps.map_html(map_, height=400)
    parser = Attributes()
    parser.feed(html)
    assert parser.tags == ["iframe"]
    assert parser.first["title"] == "Map of 6 routes, 120 stops and 2 hail reports"
    assert parser.first["sandbox"] == "allow-scripts"
    assert parser.first["srcdoc"] == maps.map_document(map_)


class Attributes(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.first = [], {}

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.first = self.first or dict(attributes)


def test_the_payload_is_compact():
    table, points = frames(routes=60, stops=50)
    empty = len(maps.map_document(maps.route_map(None, None)))
    assert len(maps.map_document(maps.route_map(table, points, reports=REPORTS))) - empty < 150_000


def test_the_payload_is_json_still():
    table, points = frames(address="{} Elm & Oak <Street> \u2028")
    document = maps.map_document(maps.route_map(table, points))
    payload = re.search(r"stormplayDraw\(map_\w+, (\{.*\})\);", document)[1]
    assert json.loads(payload)["stops"]["tails"] == ["Elm & Oak <Street> \u2028"]


def test_an_unknown_route_cannot_be_selected():
    with pytest.raises(BadInput, match="There is no route nowhere"):
        maps.route_map(*frames(), selected="nowhere")


# ---- in a browser


@pytest.fixture
def opened(browser, tmp_path):
    """Open maps as a saved page would hold them; at the end no request and no script error may have been seen."""
    contexts, seen = [], []

    def open_(map_, width=1200, touch=False):
        path = tmp_path / f"{len(contexts)}.html"
        path.write_text(f"<!doctype html><meta charset=utf-8><body>{maps.map_html(map_)}", encoding="utf-8")
        contexts.append(browser.new_context(viewport={"width": width, "height": 800}, is_mobile=touch, has_touch=touch))
        page = contexts[-1].new_page()
        page.on("request", lambda request: seen.append(request.url) if not request.url.startswith("file:") else None)
        page.on("pageerror", lambda error: seen.append(str(error)))
        page.goto(path.as_uri())
        frame = page.wait_for_selector("iframe.sp-map").content_frame()
        frame.wait_for_function("window.stormplayMap")
        return page, frame

    yield open_
    for context in contexts:
        context.close()
    assert seen == []


def numbers(frame):
    return frame.evaluate("(({polylines, stops, reports, bands, selected}) => "
                          "({polylines, stops, reports, bands, selected}))(stormplayMap)")  # fmt: skip


@pytest.mark.parametrize("width", [1200, 390])
def test_everything_is_drawn(opened, width):
    map_ = maps.route_map(*frames(), contours=contours(), reports=REPORTS, depot=(32.84, -97.29))
    _, frame = opened(map_, width=width)
    assert numbers(frame) == {"polylines": 6, "stops": 120, "reports": 2, "bands": 2, "selected": None}
    assert frame.locator(".sp-hail-size").all_inner_texts().count("3.25 in") == 1
    assert frame.locator(".sp-depot").count() == 1
    assert frame.evaluate("document.documentElement.scrollWidth") <= width
    ink = frame.evaluate("""() => { const c = document.querySelector('canvas'), p = c.getContext('2d')
        .getImageData(0, 0, c.width, c.height).data; return p.filter((v, i) => i % 4 === 3 && v > 200).length }""")
    assert ink > 500  # the routes are there to see, not only counted


def test_the_legend_shows_the_territories(opened):
    table, points = frames(routes=3, stops=20)
    lone = points[points["route_id"] == table["route_id"].iloc[2]].index
    _, frame = opened(maps.route_map(table, points.drop(lone[2:]), depot=(32.84, -97.29)))
    box = frame.get_by_label("Territories")
    assert frame.evaluate("stormplayMap.territories") == 0
    box.check()
    assert frame.evaluate("stormplayMap.territories") == 2, "two stops have no area"
    box.uncheck()
    assert frame.evaluate("stormplayMap.territories") == 0


def test_the_storm_alone_is_a_map_too(opened):
    _, frame = opened(maps.route_map(None, None, contours=contours(), reports=REPORTS))
    assert numbers(frame) == {"polylines": 0, "stops": 0, "reports": 2, "bands": 2, "selected": None}
    legend = frame.locator(".sp-legend").inner_text()
    assert "Modelled hail size (in)" in legend
    assert "Route, in stop order" not in legend


def test_nothing_at_all_is_still_a_map(opened):
    _, frame = opened(maps.route_map(None, None))
    assert numbers(frame)["polylines"] == 0


def test_an_address_never_becomes_markup(opened):
    routes, stops = frames(routes=1, stops=2, address="{} " + XSS)
    map_ = maps.route_map(routes.assign(route_name=XSS), stops, selected=routes["route_id"][0], reports=REPORTS)
    page, frame = opened(map_)
    at = frame.evaluate("""() => { const one = stormplayMap.every.find((stop) => stop.number === 1);
                        return stormplayMap.map.latLngToContainerPoint([one.lat, one.lon]) }""")
    box = page.locator("iframe.sp-map").bounding_box()
    page.mouse.click(box["x"] + at["x"], box["y"] + at["y"])
    popup = frame.locator(".leaflet-popup-content")
    popup.wait_for()
    assert XSS in popup.inner_text()
    assert "Modelled hail: 1.75 in" in popup.inner_text()
    assert frame.evaluate("window.hacked") is None
    assert frame.locator("img").count() == 0


def test_who_points_at_a_stop_is_told_of_it_and_who_presses_beside_all_of_none(opened):
    routes, stops = frames(routes=2, stops=3)
    page, frame = opened(maps.route_map(routes, stops))
    box = page.locator("iframe.sp-map").bounding_box()
    places = frame.evaluate("""stormplayMap.every.map((stop) => {
        const at = stormplayMap.map.latLngToContainerPoint([stop.lat, stop.lon]);
        return [at.x, at.y, stop.number, stop.route.name] })""")
    tip = frame.locator(".sp-tip")
    for x, y, number, route in (places[0], places[4]):
        for step in range(3):
            page.mouse.move(box["x"] + x, box["y"] + y + 2 - step)
            page.wait_for_timeout(60)  # Leaflet looks thirty times a second
        expect(tip).to_contain_text(f"{number} · ")
        expect(tip).to_contain_text(route)
        expect(tip).to_contain_text("Modelled hail")
    page.mouse.click(box["x"] + places[4][0], box["y"] + places[4][1])
    frame.wait_for_function("stormplayMap.selected")
    assert numbers(frame)["selected"] == routes["route_id"][1]
    expect(frame.locator(".leaflet-popup-content")).to_contain_text("2 · ")


def test_another_map_may_take_the_place_of_one_that_is_just_being_painted(opened):
    """Leaflet forgets the frame that it has asked for, and paints on a canvas that is gone."""
    _, frame = opened(maps.route_map(*frames()))
    payload = maps.map_payload(maps.route_map(*frames(routes=2, stops=3)))
    drawn = frame.evaluate(
        """(data) => {
            stormplayMap.map.eachLayer((layer) => { if (layer instanceof L.Path) layer.redraw(); });
            stormplayMap.map.fire("moveend");
            dispatchEvent(new MessageEvent("message", { source: parent, data: { stormplay: "draw", data } }));
            return new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(stormplayMap.polylines))));
        }""",
        payload,
    )
    assert drawn == 2


def test_stops_that_were_out_of_sight_stay_when_their_route_alone_is_painted_again(opened):
    routes, _ = frames(routes=2, stops=3)
    stops = pd.DataFrame({
        "route_id": np.repeat(routes["route_id"].to_numpy(), 3), "sequence_order": [1, 2, 3] * 2,
        "latitude": [32.9, 32.901, 32.902] * 2, "longitude": [-97.5, -97.501, -97.502, -97.1, -97.101, -97.102],
    })  # fmt: skip
    _, frame = opened(maps.route_map(routes, stops))
    alpha = frame.evaluate("""() => {
        const { map, every } = stormplayMap, last = every[5];
        const canvas = document.querySelector(".leaflet-overlay-pane canvas");
        map.setView([last.lat, -97.5], 13, { animate: false });
        const way = map.latLngToContainerPoint([last.lat, last.lon]).subtract(map.getSize().divideBy(2));
        for (let k = 0; k < 4; k++) map.panBy(way.divideBy(4), { animate: false }); /* a leap would place all anew */
        map.eachLayer((layer) => { if (layer.route === last.route) layer.redraw(); });
        return new Promise((done) => requestAnimationFrame(() => setTimeout(() => {
            const at = map.latLngToContainerPoint([last.lat, last.lon]), own = canvas.getBoundingClientRect();
            const scale = canvas.width / own.width, context = canvas.getContext("2d");
            done(context.getImageData((at.x - own.x) * scale, (at.y - own.y) * scale, 1, 1).data[3]);
        })));
    }""")
    assert alpha == 255, "a line alone is lighter"


def test_the_page_around_selects_a_route_and_hears_of_a_click(opened):
    routes, stops = frames()
    page, frame = opened(maps.route_map(routes, stops))
    page.evaluate("window.heard = []; window.addEventListener('message', e => heard.push(e.data))")
    wanted = routes["route_id"][3]
    page.evaluate(
        "id => document.querySelector('iframe').contentWindow.postMessage({stormplay: 'select', route: id}, '*')",
        wanted,
    )
    frame.wait_for_function("stormplayMap.selected")
    assert numbers(frame)["selected"] == wanted
    assert "Route 04" in frame.locator(".sp-chip").inner_text()
    frame.locator(".sp-chip button").click()
    page.wait_for_function("heard.length")
    assert page.evaluate("heard") == [{"stormplay": "selected", "route": None}]
    assert numbers(frame)["selected"] is None


def test_a_selected_route_shows_its_numbers_and_the_others_step_back(opened):
    routes, stops = frames()
    _, frame = opened(maps.route_map(routes, stops, selected=routes["route_id"][0]))
    shown = frame.evaluate("""() => stormplayMap.every.map((stop) =>
        [stop.route.index, stormplayMap.look.opacity(stop), stop.numbered])""")
    assert {opacity for index, opacity, _ in shown if index} == {0.16}
    assert {opacity for index, opacity, _ in shown if not index} == {1}
    assert sum(numbered for index, _, numbered in shown if not index) >= 5
    assert not any(numbered for index, _, numbered in shown if index)


def test_the_map_does_not_catch_the_scrolling_of_its_page(opened):
    page, frame = opened(maps.route_map(*frames()))
    page.evaluate("document.body.append(Object.assign(document.createElement('div'), {style: 'height: 3000px'}))")
    zoom = frame.evaluate("stormplayMap.map.getZoom()")
    page.mouse.move(400, 200)
    for _ in range(20):  # Chromium drops a wheel's turn while it lays the page out anew
        page.mouse.wheel(0, 300)
        if page.evaluate("new Promise(tell => setTimeout(() => tell(scrollY > 0), 500))"):
            break
    assert page.evaluate("scrollY") > 0
    assert frame.evaluate("stormplayMap.map.getZoom()") == zoom


def test_one_finger_is_the_page_and_two_are_the_map(opened):
    _, frame = opened(maps.route_map(*frames()), width=390, touch=True)
    frame.wait_for_function("!stormplayMap.map.dragging.enabled()")
    assert frame.evaluate("stormplayMap.map.touchZoom.enabled()") is True
    assert frame.evaluate("getComputedStyle(stormplayMap.map.getContainer()).touchAction") == "pan-x pan-y"


MOVE = """({values, at, ...rest}) => document.querySelector('iframe').contentWindow.postMessage(
    {stormplay: 'dots', values: Uint8Array.from(values), at: at && Uint32Array.from(at), ...rest}, '*')"""


def homes(n=40):
    rng = np.random.default_rng(1)
    return pd.DataFrame({
        "latitude": 32.86 + rng.random(n) * 0.08, "longitude": -97.3 + rng.random(n) * 0.1,
        "address": [f"{k} Elm Street" for k in range(n)], "zip_code": "76137", "sii_score": np.nan,
    })  # fmt: skip


def test_homes_change_their_colour_on_the_map_that_is_there(opened):
    page, frame = opened(maps.impact_map(homes().assign(sii_score=[30.0, 29.96, 0.0, *[np.nan] * 37])))
    assert frame.evaluate("stormplayMap.jobCounts()") == [38, 0, 1, 1, 0, 0], (
        "an index on an edge is of the larger band"
    )
    frame.evaluate("stormplayMap.map.setView([32.9, -97.25], 13.25, {animate: false}); window.mine = true")
    page.evaluate(MOVE, {"values": [85, 65, 255], "at": [5, 6, 1]})
    frame.wait_for_function("stormplayMap.jobCounts()[5] === 1")
    assert frame.evaluate("stormplayMap.jobCounts()") == [37, 0, 0, 1, 1, 1]
    legend = frame.locator(".sp-legend").inner_text()
    assert "Extreme, 2 in and more: 1" in legend and "Small, under 0.75 in: 0" in legend
    assert frame.evaluate("[stormplayMap.map.getZoom(), window.mine]") == [13.25, True]
    # Homes that were not known before; told twice, as to a map that has just been opened, they are there once.
    more = {"lat": [32.9], "lon": [-97.25], "text": [XSS]}
    for message in ({"values": [90], "at": [40], "first": 40, "added": more},
                    {"values": [255] * 40 + [90], "first": 40, "added": more}):  # fmt: skip
        page.evaluate(MOVE, message)
    frame.wait_for_function("stormplayMap.jobCounts()[0] === 40")
    assert frame.evaluate("[stormplayMap.jobs, stormplayMap.jobCounts()[5]]") == [41, 1]
    box = page.locator("iframe.sp-map").bounding_box()
    at = frame.evaluate("stormplayMap.map.latLngToContainerPoint([32.9, -97.25])")
    page.mouse.click(box["x"] + at["x"], box["y"] + at["y"])
    popup = frame.locator(".leaflet-popup-content")
    popup.wait_for()
    assert XSS in popup.inner_text() and "Storm impact index: 90 of 100" in popup.inner_text()
    page.evaluate(MOVE, {"values": [35], "at": [40]})  # the popup stays, and says what is now
    popup.get_by_text("Storm impact index: 35 of 100").wait_for()
    assert "Severe hail modelled: 1-1.5 in" in popup.inner_text() and frame.evaluate("window.hacked") is None


def test_what_is_no_byte_of_a_home_changes_nothing(opened):
    page, frame = opened(maps.impact_map(homes(3)))
    page.evaluate(MOVE, {"values": [85, 85], "at": [3, 4_000_000_000]})
    page.evaluate(MOVE, {"values": [10], "at": [0]})
    frame.wait_for_function("stormplayMap.jobCounts()[2] === 1")
    assert frame.evaluate("stormplayMap.jobCounts()") == [2, 0, 1, 0, 0, 0]
