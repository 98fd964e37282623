"""Pages that follow others' changes, over worlds in memory: what is read again, and what is left alone."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from stormplay import controls
from stormplay.controls.following import EVERYTHING, read_beside, told

sys.path.insert(0, str(Path(__file__).parent))
import memory
import memory_score


@pytest.fixture(autouse=True)
def no_address(monkeypatch):
    for name in ("QUERY_STRING", "SERVER_SOFTWARE"):
        monkeypatch.delenv(name, raising=False)


class Hand:
    """A listener moved by hand."""

    def __init__(self, tenant, storm, on_change, on_state):
        self.on_change, self.on_state = on_change, on_state
        self.state, self.said, self.changed_at, self.of = "off", "", None, (tenant, storm)

    def follow(self, tenant, storm):
        self.of, self.state = (tenant, storm), "live" if tenant else "off"
        self.on_state()

    def tell(self, *names):
        asyncio.run(self.on_change(frozenset(names)))


def live_page(make, **options):
    hands = []

    def live(*given):
        hands.append(Hand(*given))
        return hands[-1]

    return make(live=live, **options), hands[0]


def phase3(live, **options):
    builder = memory.MemoryBuilder(memory.homes(120))
    builder.generate_routes()
    page = controls.phase3("lone-star", "2021-04-28", **memory.world(builder), live=live, **options)
    page.builder = builder
    return page


def words(widget):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", widget.value)).strip()


@pytest.mark.parametrize(("state", "said", "at", "shown"), [
    ("off", "", None, ""),
    ("live", "", None, "Live"),
    ("live", "", 0.0, "Live · last change shown at 00:00:00 UTC"),
    ("live", "A change could not be shown.", None, "A change could not be shown."),
    ("paused", "", 3.0, "Live updates paused, reconnecting …"),
    ("stopped", "Live updates have stopped. <b>", 3.0, "Live updates have stopped. &lt;b&gt;"),
])  # fmt: skip
def test_the_mark_says_how_it_stands(state, said, at, shown):
    assert re.sub("<[^>]*>", "", told(state, said, at)) == shown


def test_a_page_follows_what_is_chosen_and_says_so():
    page, hand = live_page(phase3)
    assert hand.of == ("lone-star", "2021-04-28")
    assert words(page.answer().children[-1]) == "Live"
    page.generate().children[0].children[0].children[1].value = "2020-04-28"
    assert hand.of == ("lone-star", "2020-04-28")
    page.generate().children[0].children[0].children[0].value = "trinity"
    assert hand.of == (None, None) and words(page.answer().children[-1]) == "", "that company has no storm"


def test_without_a_listener_there_is_no_mark():
    page = controls.phase3("lone-star", "2021-04-28", **memory.world(memory.MemoryBuilder(memory.homes(20))))
    assert [part for part in page.answer().children if "sp-live-place" in part._dom_classes] == []


def test_a_report_never_listens():
    def live(*_):
        raise AssertionError("a report listens to nothing")

    phase3(live, interactive=False)


def test_progress_elsewhere_moves_table_map_and_words_but_neither_map_nor_choice():
    page, hand = live_page(phase3)
    page.select("r1")
    document, builder = page.map().document, page.builder
    builder.routes.loc[1, ["completed_count", "status"]] = [7, "started"]
    builder.stops.loc[builder.stops["route_id"] == "r1", "job_status"] = "completed"
    hand.tell("jobs")
    assert page.routes().rows[1][3][0] == "7" and page.routes().rows[1][7] == "started"
    assert page.map().notes["r1"].endswith("started") and list(page.map().notes) == ["r1"]
    assert set(page.map().stops) == {str(n) for n in range(50, 100)}
    assert page.map().stops["50"] == ["completed", True]
    assert (page.map().document, page.selected) == (document, "r1")


def test_a_storm_read_again_without_news_tells_the_map_nothing_and_what_went_back_is_told():
    page, hand = live_page(phase3)
    hand.tell("jobs", "routes")
    assert page.map().notes == {} == page.map().stops
    routes, stops = page.builder.routes, page.builder.stops
    before = routes.loc[0, "status"], stops.loc[0, "job_status"]
    routes.loc[0, "status"], stops.loc[0, "job_status"] = "started", "completed"
    hand.tell("jobs", "routes")
    assert [list(page.map().notes), page.map().stops] == [["r0"], {"0": ["completed", True]}]
    routes.loc[0, "status"], stops.loc[0, "job_status"] = before
    hand.tell("jobs", "routes")
    assert page.map().notes["r0"].endswith(before[0]) and page.map().stops == {"0": [before[1], False]}


def test_another_plan_is_drawn_anew():
    page, hand = live_page(phase3)
    document = page.map().document
    page.builder.generate_routes(max_per_route=30)
    hand.tell("routes", "jobs")
    assert len(page.routes().rows) == 4 and (page.map().document, page.map().payload != "") == (document, True)
    assert page.map().stops == {} == page.map().notes


def test_what_somebody_types_for_a_crew_stays():
    page, hand = live_page(phase3)
    page.select("r0")
    page._hand_out.crew.value = "Crew Al"
    page.builder.assign_crew("r0", "Crew Ray")
    hand.tell("routes")
    assert page._hand_out.crew.value == "Crew Al"
    assert (
        page._hand_out.message.text == "Changed meanwhile: Crew Ray has this route now. What you typed is still here."
    )
    page.select("r1")
    page.select("r0")
    assert page._hand_out.crew.value == "Crew Ray"


def test_what_says_nothing_of_the_page_is_not_read():
    page, hand = live_page(phase3)
    page.builder.get_routes = None
    hand.tell("report_runs", "stream_positions")
    with pytest.raises(TypeError):
        hand.tell(EVERYTHING)


def test_the_score_and_its_chip_move():
    world = memory_score.world(score := memory_score.MemoryScore())
    page, hand = live_page(lambda live: controls.score("lone-star", "2021-04-28", **world, live=live))
    before, gauge = page.header().value, page.charts["gauge"].payload
    score.counts = memory_score.FULL.__class__(**{**vars(memory_score.FULL), "completed": 1})
    hand.tell("jobs")
    assert page.header().value == before, "the score has not told yet"
    hand.tell("storm_scores")
    assert page.header().value != before and page.charts["gauge"].payload != gauge


def test_what_the_reader_did_meanwhile_is_not_overwritten():
    held = [object()]

    def read(before):
        found = f"read for {held.index(before)}"
        if len(held) < 2:
            held.append(object())
        return found

    assert asyncio.run(read_beside(lambda: held[-1], read)) == "read for 1"
    assert asyncio.run(read_beside(lambda: None, read)) is None
    assert asyncio.run(read_beside(object, lambda before: before)) is None, "changed each time: the next one will do"
