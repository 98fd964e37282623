"""The Phase 3 page over a builder in memory: what a reader sees and presses, without a browser."""

from __future__ import annotations

import asyncio
import base64
import re
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from stormplay import controls
from stormplay.controls import markup
from stormplay.errors import BadInput, UnknownStorm, UnknownTenant

sys.path.insert(0, str(Path(__file__).parent))
import memory


@pytest.fixture(autouse=True)
def no_address(monkeypatch):
    monkeypatch.delenv("QUERY_STRING", raising=False)


@pytest.fixture
def builder():
    return memory.MemoryBuilder(memory.homes(120))


def opened(builder, tenant="lone-star", storm="2021-04-28", **options):
    return controls.phase3(tenant, storm, **memory.world(builder), **options)


def press(page):
    async def main():
        page.work.button.click()
        await asyncio.wait_for(page.work.task, 10)

    asyncio.run(main())


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def answer(page):
    return text_of(page.answer().children[-1].value)


# ---- first look


def test_before_any_plan_the_page_says_what_to_do(builder):
    page = opened(builder)
    assert "Of 150 homes with a decision, 120 homes can be put on a route. No routes yet." in answer(page)
    assert page.routes().rows == []
    assert "Generate routes" in page.routes().empty


def test_without_a_decision_the_page_names_the_step_before(builder):
    builder.homes, builder.held_back = builder.homes.head(0), 0
    assert "run the treatment policy first" in answer(opened(builder))


def test_a_company_without_a_storm_says_so(builder):
    page = opened(builder, tenant="trinity")
    assert "This company has no storm yet." in answer(page)
    assert page.map().layout.display == "none"
    assert page.work.button.disabled


def test_a_viewer_sees_the_plan_and_no_way_to_change_it(builder):
    before = opened(builder)
    press(before)
    world = memory.world(builder)
    page = controls.phase3(
        "lone-star", "2021-04-28", **world | {"tenants": lambda: memory.TENANTS.assign(role="viewer")}
    )
    choice, form, read_only, *_ = page.generate().children
    assert choice.children, "choosing a storm is no change"
    assert (form.layout.display, read_only.layout.display) == ("none", None)
    assert "Your role here is viewer" in read_only.value
    page.select("r0")
    hand_out = page._hand_out
    assert {hand_out.crew.layout.display, hand_out.button.layout.display, hand_out.back_button.layout.display} == {
        "none"
    }
    assert "Download CSV" in hand_out.file.value
    page._refresh()
    page._draw()
    assert form.layout.display == "none"


# ---- another storm


def test_the_map_of_another_storm_is_drawn_once_and_before_the_rest_is_read(builder, monkeypatch):
    page = opened(builder)
    press(page)
    read, drawn, days, ledger = [], [], [], builder.get_ledger
    page.map().observe(lambda change: drawn.append(len(read)), "payload")
    monkeypatch.setattr(builder, "get_ledger", lambda: read.append("ledger") or ledger())
    reports = page._sources.reports
    object.__setattr__(page._sources, "reports", lambda day: days.append(day) or reports(day))
    # Another storm's plan: its first stop is elsewhere.
    builder.stops = builder.stops.assign(latitude=builder.stops["latitude"] + 0.1)
    document = page.map().document
    for storm in ("2020-04-28", "2021-04-28", "2020-04-28"):
        builder.stops = builder.stops.assign(latitude=builder.stops["latitude"] + 0.1)
        page._selectors.storm_box.value = storm
    assert drawn == [0, 1, 2], "each map before its ledger, and no map twice"
    assert page.map().document is document
    assert len(days) == 1, "the hail of a day is modelled once"


def test_where_the_rest_cannot_be_read_no_map_stays(builder, monkeypatch):
    page = opened(builder)
    press(page)

    def refuse():
        raise BadInput("The ledger cannot be read.")

    monkeypatch.setattr(builder, "get_ledger", refuse)
    page._selectors.storm_box.value = "2020-04-28"
    assert page.map().layout.display == "none"
    assert "The ledger cannot be read." in page.message.text


# ---- generating


def test_generating_fills_every_section(builder):
    page = opened(builder, max_per_route=40)
    press(page)
    assert page.work.message.text == "3 routes made for 120 stops."
    said = answer(page)
    assert "3 routes to 120 homes: 2 hours of driving in all. 30 of 150 eligible homes are not on a route" in said
    assert "3 routes still without a crew." in said
    assert len(page.routes().rows) == 3
    assert "3 routes, 120 stops and 2 hail reports" in page.map().label
    assert "stormplayDraw" in page.map().document
    assert "150 100.0%" in text_of(page.ledger().value)
    assert page.recorded() | {"drive_hours": 2.1} == page.recorded()


def test_a_second_plan_says_what_it_changed(builder):
    page = opened(builder, max_per_route=40)
    assert "There is no plan yet" in text_of(page.changes().value)
    press(page)
    said = text_of(page.changes().value)
    assert "This is the first plan of this storm." in said
    assert "of 120 homes" in said
    assert "lie in the territory of another route too" in said
    page.form.limit.value = 60
    press(page)
    said = text_of(page.changes().value)
    assert "2 routes took the place of 3. Of 120 stops 80 stay with most of their route, 40 came from another" in said
    assert "The way is 10.0% shorter: 56 miles instead of 62." in said
    assert "Route 01 no crew 60 40 20 0 40 of Route 01, 20 of Route 02" in said
    press(page)
    assert "The 2 routes hold the same stops together as before." in text_of(page.changes().value)


def test_a_bad_limit_is_one_sentence_and_changes_nothing(builder):
    page = opened(builder)
    press(page)
    page.form.limit.value = 0
    press(page)
    assert page.work.message.text == "max_per_route is 0. Expected a whole number of stops, 1 or more."
    assert len(page.routes().rows) == 3


def test_cancelling_leaves_the_former_plan(builder):
    page = opened(builder)
    press(page)
    builder.step_s, page.form.limit.value = 0.1, 10

    async def main():
        page.work.button.click()
        await asyncio.sleep(0.15)
        page.work.cancel_button.click()
        await asyncio.wait_for(page.work.task, 10)

    asyncio.run(main())
    assert page.work.message.text.startswith("Stopped.")
    assert len(page.routes().rows) == 3


def test_the_further_choices_are_folded_and_reach_the_plan(builder):
    page = opened(builder)
    assert page.form._rest.layout.display == "none"
    assert page.form.more.description == "More choices"
    press(page)
    assert builder.made_with == {"max_per_route": 50, "visit_type": "knock"}
    assert "made for: knock, 3 minutes a stop; at most 50 stops a route; no limit to the day." in answer(page)
    page.form.more.value = True
    assert page.form._rest.layout.display is None
    page.form.visit.value, page.form.longest_day.value = "adjuster", "7,5"
    page.form.even_days.value = page.form.own_ground.value = True
    assert page.form.more.description == "More choices (4 made)"
    press(page)
    asked = {"visit_type": "adjuster", "shift_minutes": 450.0, "balance": 0.1, "territory_m": 200.0}
    assert builder.made_with == {"max_per_route": 50} | asked
    assert (
        "made for: adjuster meeting, 90 minutes a stop; at most 50 stops a route; no day longer than 7.5 hours; "
        "even days (at most 10% above the mean); crews on their own ground."
    ) in answer(page)
    page.form.longest_day.value = "all day"
    press(page)
    assert page.work.message.text == "The longest day is 'all day'. Expected hours from 0 to 24, or nothing: no limit."


def test_stops_on_no_route_are_said_with_the_commonest_reasons(builder):
    page = opened(builder)
    press(page)
    assert "on no route" not in answer(page)
    builder.made_with["left_out"] = {"a": 1, "no route had room for them": 1_200, "b": 3}
    page._refresh()
    page._draw()
    said = "put 1,204 homes on no route: 1,200 because no route had room for them; 3 because b (and others)."
    assert said in answer(page)


# ---- picking and handing out


def test_a_pick_shows_on_the_map_and_in_the_forms(builder):
    page = opened(builder)
    press(page)
    page.routes().selected = "r1"
    assert page.map().selected == page.selected == "r1"
    assert "Route 02" in page._hand_out.head.value
    assert "<details" in page._hand_out.stops.value
    page.map().selected = "r0"
    assert page.routes().selected == "r0"
    page.map().selected = ""
    assert "Choose a route" in page._hand_out.head.value


def test_an_id_that_the_browser_made_up_picks_nothing(builder):
    page = opened(builder)
    press(page)
    page.map().selected = "<img src=x>"
    assert page.selected == page.routes().selected == page.map().selected == ""


def test_a_picked_route_says_where_its_pack_is_made(builder, monkeypatch, tmp_path):
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5")
    (tmp_path / "phase4_jobs.ipynb").touch()
    monkeypatch.chdir(tmp_path)
    page = opened(builder)
    press(page)
    assert page._hand_out.pack.value == "", "none is picked"
    page.select("r1")
    address = "phase4_jobs.ipynb?tenant=lone-star&amp;storm=2021-04-28&amp;route=r1#what-a-crew-takes-along"
    assert f'<a href="{address}">' in page._hand_out.pack.value
    monkeypatch.chdir("/")
    page.select("r0")
    assert page._hand_out.pack.value == "", "no such page is beside this one"


def test_assigning_a_crew_updates_the_page_but_does_not_redraw_the_map(builder):
    page = opened(builder)
    press(page)
    page.select("r1")
    before = page.map().document
    page._hand_out.crew.value = "Crew Ray"
    page._hand_out.button.click()
    assert page._hand_out.message.text == "Route 02 goes to Crew Ray."
    assert page.routes().rows[1][6] == "Crew Ray"
    assert page._hand_out.crew.options == ("Crew Ray",)
    assert "1 with a crew" in answer(page)
    assert page.map().document == before
    assert "Crew Ray" in page.map().notes["r1"]
    page._hand_out.back_button.click()
    assert page._hand_out.message.text == "Route 02 has no crew now."
    assert page.routes().rows[1][6] is None


def test_a_crew_without_a_name_is_refused_in_a_sentence(builder):
    page = opened(builder)
    press(page)
    page.select("r1")
    page._hand_out.crew.value = "  "
    page._hand_out.button.click()
    assert page._hand_out.message.text == "The crew has no name. Expected 1 to 80 signs."


def with_free_homes(builder):
    """A page whose plan leaves the last 30 homes out."""
    everybody, builder.homes = builder.homes, builder.homes.head(90)
    page = opened(builder)
    press(page)
    builder.homes = everybody
    page._refresh()
    page._draw()
    return page


def test_an_urgent_stop_is_looked_for_put_in_and_taken_off_again(builder):
    page = with_free_homes(builder)
    urgent = page.urgent_stop
    assert "30 homes are ready and on no route" in urgent.head.value
    assert urgent.button.disabled
    assert urgent.table.layout.display == urgent.undo.layout.display == "none"
    urgent.address.value = "2"
    assert "The first 20 of 20" not in urgent.told.value
    assert len(urgent.table.rows) == 20, "addresses 200 to 219"
    urgent.address.value = "1"
    assert text_of(urgent.told.value).strip() == "Others begin so too: 2 in the control group."
    urgent.address.value = "199 T"
    assert urgent.table.selected == "p99", "the only one is picked"
    assert urgent.route.options[1] == ("Route 01", "r0")
    urgent.route.value = "r1"
    urgent.button.click()
    assert urgent.message.text == "199 Test Street is put in."
    assert page.selected == "r1"
    assert "29 homes are ready" in urgent.head.value
    assert urgent.address.value == ""
    assert urgent.undo.layout.display is None
    urgent.undo.click()
    assert urgent.message.text == "It is off again."
    assert "30 homes are ready" in urgent.head.value
    assert urgent.undo.layout.display == "none"
    urgent.address.value = "nowhere"
    assert "No home that is ready and on no route has an address that begins with" in urgent.told.value


def test_a_viewer_sees_the_urgent_stop_and_cannot_press(builder):
    before = with_free_homes(builder)
    assert not before.urgent_stop.address.disabled
    page = controls.phase3(
        "lone-star", "2021-04-28", **memory.world(builder) | {"tenants": lambda: memory.TENANTS.assign(role="viewer")}
    )
    urgent = page.urgent_stop
    assert "Your role here is viewer" in urgent.head.value
    assert urgent.address.disabled
    assert urgent.route.disabled
    assert urgent.button.disabled
    page.select("r0")
    assert page._hand_out.shorten_button.layout.display == "none"


def test_a_refusal_of_an_urgent_stop_is_a_sentence(builder):
    page = with_free_homes(builder)

    def full(*_, **__):
        raise BadInput("None of the 2 routes has room for one more stop.")

    builder.add_stop = full
    page.urgent_stop.address.value = "199"
    page.urgent_stop.button.click()
    assert page.urgent_stop.message.text == "None of the 2 routes has room for one more stop."
    page.urgent_stop.table.selected = "<img>"
    page.urgent_stop.button.click()
    assert "No home is picked." in page.urgent_stop.message.text


def test_the_rest_of_a_picked_route_is_shortened(builder):
    page = opened(builder)
    press(page)
    page.select("r1")
    page._hand_out.shorten_button.click()
    assert page._hand_out.message.text == "The rest of r1 is shorter."
    assert page.selected == page.map().selected == "r1"
    builder.routes.loc[1, "status"] = "done"
    page._refresh()
    page._draw()
    assert page._hand_out.shorten_button.layout.display == "none"


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        if tag == "a":
            self.found.append(dict(attributes))


def test_the_file_of_a_route_is_in_its_link(builder):
    page = opened(builder)
    press(page)
    page.select("r1")
    links = Links()
    links.feed(page._hand_out.file.value)
    (link,) = links.found
    assert link["download"] == "Route 02.csv"
    head, data = link["href"].split(",", 1)
    assert head == "data:text/csv;charset=utf-8;base64"
    assert base64.b64decode(data).decode("utf-8-sig") == builder.export_route_csv("r1")


# ---- other companies and storms


def test_another_storm_is_read_and_another_company_too(builder):
    page = opened(builder)
    boxes = page.generate().children[0].children[0].children
    assert boxes[1].options == (("North Tarrant hail (active)", "2021-04-28"), ("Spring hail (closed)", "2020-04-28"))
    boxes[1].value = "2020-04-28"
    assert "Spring hail" in answer(page)
    boxes[0].value = "trinity"
    assert boxes[1].options == ()
    assert "no storm yet" in answer(page)
    boxes[0].value = "lone-star"
    assert boxes[1].value == "2021-04-28"
    assert "North Tarrant hail" in answer(page)


def test_nothing_of_the_former_company_stays_when_the_next_one_fails(builder):
    page = opened(builder)
    press(page)

    def gone(*_):
        raise ConnectionError("secret host")

    builder.get_routes = gone
    page.generate().children[0].children[0].children[1].value = "2020-04-28"
    assert "Something went wrong" in page.message.text
    assert "secret" not in page.message.widget.value
    assert answer(page).strip() == ""
    assert page.map().layout.display == page.routes().layout.display == "none"


@pytest.mark.parametrize(
    ("tenant", "storm", "said"),
    [("nowhere", "2021-04-28", "There is no tenant 'nowhere' open to you. Open to you: lone-star, trinity."),
     ("lone-star", "1999-01-01", "This company has no storm '1999-01-01'. It has: 2021-04-28, 2020-04-28.")],
)  # fmt: skip
def test_an_unknown_name_is_a_sentence_on_a_page_and_an_error_in_a_report(builder, tenant, storm, said):
    page = opened(builder, tenant, storm)
    assert said in page.message.text
    assert page.plan is None
    with pytest.raises((UnknownTenant, UnknownStorm)):
        opened(builder, tenant, storm, interactive=False)


def test_after_an_unknown_storm_the_first_one_can_be_chosen(builder):
    page = opened(builder, storm="1999-01-01")
    page.generate().children[0].children[0].children[1].value = "2021-04-28"
    assert page.message.text == ""
    assert "North Tarrant hail" in answer(page)


def test_the_address_of_the_page_selects(builder, monkeypatch):
    monkeypatch.setenv("QUERY_STRING", "storm=2020-04-28&max_per_route=7&colour=red&visit_type=swim&shift_hours=8")
    page = opened(builder)
    assert "Spring hail" in answer(page)
    assert (page.form.limit.value, page.form.visit.value, page.form.longest_day.value) == (7, "knock", "8")
    assert page.form._rest.layout.display is None, "what an address has chosen is to be seen"
    assert "There is no visit type 'swim'. Expected one of 'knock', 'inspection', 'adjuster'." in page.message.text
    assert "There is no parameter 'colour'." in page.message.text
    report = opened(builder, interactive=False)
    assert "North Tarrant hail" in text_of(report.answer().data)  # a report runs for its own parameters alone


# ---- the report


def test_a_page_that_names_no_company_opens_the_readers_own(builder, monkeypatch):
    monkeypatch.setenv("QUERY_STRING", "")
    page = opened(builder, tenant="somebody-elses")
    assert page.plan is not None
    assert page.message.text == ""
    monkeypatch.setenv("QUERY_STRING", "tenant=somebody-elses")
    refused = opened(builder)
    assert refused.plan is None
    assert "no tenant 'somebody-elses' open to you" in refused.message.text


def test_a_report_has_no_widget_and_every_section(builder):
    builder.generate_routes(40)
    builder.assign_crew("r0", "Crew <Ray>")
    page = opened(builder, interactive=False)
    parts = [page.answer(), page.generate(), page.map(), page.routes(), page.hand_out(), page.ledger()]
    html = "".join(part.data for part in parts)
    assert "<iframe" in html
    assert "Crew &lt;Ray&gt;" in html
    assert "<Ray>" not in html
    assert page.recorded()["routes"] == 3
    assert set(page.recorded()._repr_mimebundle_()) == {controls.MIME, "text/html"}


@pytest.mark.parametrize("plan_first", [True, False])
def test_the_ledger_of_page_and_report_add_up(builder, plan_first):
    if plan_first:
        builder.generate_routes(40)
    rows = re.findall(r"<tr><td>(.*?)</td><td[^>]*>([\d,]+)</td>", opened(builder, interactive=False).ledger().data)
    *parts, total = [int(number.replace(",", "")) for _, number in rows]
    assert sum(parts) == total == 150


# ---- markup


@pytest.mark.parametrize(
    ("seconds", "said"), [(5, "just now"), (61, "1 minute ago"), (7200, "2 hours ago"), (200_000, "2 days ago")]
)
def test_age(seconds, said):
    now = datetime(2021, 5, 1, tzinfo=UTC)
    assert said in markup.age(datetime.fromtimestamp(now.timestamp() - seconds, UTC), now)


def test_a_total_stands_apart_and_a_missing_cell_is_a_dash():
    html = markup.table(["a", "b"], [["x<", None], ["sum", 1]], numeric=(1,), foot=True)
    assert "<td>x&lt;</td>" in html
    assert '<td class="sp-num">–</td>' in html
    assert '<tfoot><tr><td>sum</td><td class="sp-num">1</td></tr></tfoot>' in html


@pytest.mark.parametrize(
    ("name", "want"), [("Route 01.csv", "Route 01.csv"), ("../../etc", "etc"), ("a<b>:c", "a-b-c"), ("", "file")]
)
def test_file_names(name, want):
    assert markup.file_name(name) == want


def test_routes_without_numbers_do_not_break_the_table(builder):
    builder.generate_routes(40)
    builder.routes[["drive_minutes", "avg_uplift"]] = float("nan")
    builder.routes["zip_code"] = pd.Series([None] * 3, dtype=object)
    page = opened(builder)
    assert page.routes().rows[0][1] is None
    assert page.routes().rows[0][4] == ["–", -1.0]
