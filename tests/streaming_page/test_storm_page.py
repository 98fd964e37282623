"""The page of a storm that comes in, over a real database and without a browser: live, as a report, its sentences."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from world import guests, make_world

from stormplay import StormPlayScore, StreamDesk, controls, list_storms, live, maps, reports, tenancy
from stormplay.controls import storm_board, storm_sections
from stormplay.controls.storm_map import StormMap
from stormplay.errors import BadInput, UnknownStorm

sys.path.insert(0, str(Path(__file__).parent))
from storm_feed import done, feeding, hit, signed

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "storm_live.ipynb"
NOBODY = "00000000-0000-0000-0000-000000000009"


@pytest.fixture(scope="module")
def world(database):
    made = make_world(treat=30, hold_out=4, skip=2)
    with guests(made.tenant, "analyst", "ana"), guests(made.tenant, "viewer", "ben"):
        yield made


@pytest.fixture(scope="module")
def feed(world):
    with feeding() as make:
        yield make(world.storm_id)


@pytest.fixture(autouse=True)
def no_address(monkeypatch):
    for name in ("QUERY_STRING", "SERVER_SOFTWARE", "VOILA_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def opened(world, storm="hail", **options):
    return controls.storm_live(world.tenant, storm, desk=StreamDesk, tenants=tenancy.my_tenants, storms=list_storms,
                               score=StormPlayScore, **options)  # fmt: skip


def homes(world):
    return world.properties.dropna(subset=["latitude"])["property_id"].tolist()


def words(html):
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)))


def test_it_follows_what_is_committed_without_a_press(world, feed, as_person):
    as_person("ana")

    async def main():
        page = opened(world, live=live.Live)
        sent = []
        page.map.send = lambda content, buffers=None: sent.append((content, buffers))
        before = page.map.document
        while page._chip.following._live.state != "live":
            await asyncio.sleep(0.02)
        await asyncio.to_thread(feed.give, hit(homes(world)[0], 85), hit(NOBODY, 40), signed(homes(world)[1], 9_000))
        async with asyncio.timeout(10):
            while page.storm.homes[-1] != 1 or not page.letters.table.ids:
                await asyncio.sleep(0.02)
        page._ticks.cancel()
        page._chip.following._live.close()
        return page, sent, before

    page, sent, before = asyncio.run(main())
    said = words(page._html["answer"].value)
    assert "The modelled swath has reached 34 of 34 homes, 34 of them with 1 inch of hail or more." in said
    assert "1 message could not be applied." in said and "Extreme 2 in and more 1" in said
    assert "signed for $9,000." in words(page._html["feed"].value)
    assert page.map.document is before and [one[0]["dots"] for one in sent] == ["some"]
    assert sum(len(buffer) for buffer in sent[0][1]) == 5, "one home is five bytes"
    assert page.message.text == "" == page.letters.message.text


def test_letters_are_read_and_settled(world, feed, as_person):
    as_person("ana")
    feed.give(b'{"half', done(NOBODY), behind=0)
    page = opened(world)
    box = page.letters
    names = [row[1] for row in box.table.rows]
    assert {"malformed", "unknown job"} <= set(names)
    box.table.selected = box.table.ids[names.index("malformed")]
    assert "{&quot;half" in box.detail.value and "this one can only be put aside" in box.detail.value
    box.discard.button.click()
    assert "never applied" in box.discard.asked
    box.discard.yes.click()
    assert box.message.text == "The message is put aside." and "malformed" not in [row[1] for row in box.table.rows]
    box.table.selected = box.table.ids[0]
    box.replay.click()
    assert box.message.text == "The message is applied again within seconds."
    assert box.table.rows[0][4] == "replay asked" and "Replay asked" in box.detail.value
    box.keep.click()
    assert box.message.text == "It waits again, and is not replayed." and box.table.rows[0][4] == "waiting"
    box.status.value = "discarded"
    box.table.selected = box.table.ids[0]
    assert "discarded by Ana Torres" in box.detail.value and box.actions.layout.display == "none"
    box.table.selected = "no such letter"
    assert box.detail.value == "" and box.message.text == ""


def test_letters_are_ordered_by_a_column(world, feed, as_person):
    as_person("ana")
    feed.give(b'{"half', done(NOBODY), behind=0)
    box = opened(world).letters
    reason = [column["by"] for column in box.table.columns].index("reason")
    box.table.order = [reason, True]
    up = [row[1] for row in box.table.rows]
    box.table.order = [reason, False]
    down = [row[1] for row in box.table.rows]
    assert len(set(up)) > 1 and (up[0], up[-1]) == (down[-1], down[0])


def test_a_viewer_settles_nothing_even_where_a_button_is_pressed(world, feed, as_person):
    feed.give(done(NOBODY))
    as_person("ben")
    box = opened(world).letters
    assert box.reason.layout.display is None and box.all.widget.layout.display == "none"
    box.table.selected = box.table.ids[0]
    assert box.replay.disabled and box.discard.button.disabled
    box.replay.click()
    assert box.message.text.startswith("The database refused that")


def test_headless_it_draws_once_and_records_its_numbers(world, feed, tmp_path):
    feed.give(hit(homes(world)[2], 45))
    made = reports.run(NOTEBOOK, {"tenant": world.tenant, "storm": "hail"}, tmp_path, person="ana")
    page = made.html.read_text()
    assert "Do we keep up?" in page and "This is a report" in words(page) and "stormplay-live" not in page
    told = json.loads(made.result.read_text())["recorded"]
    assert told["homes_hit"] == told["homes"] == 34 and told["events"] >= 1
    assert set(told) == {"events", "events_last_minute", "superseded", "behind", "dead_letters", "homes",
                                 "homes_hit", "homes_severe", "score", "last_applied_h"}  # fmt: skip


def test_a_storm_that_there_is_not_is_a_sentence_on_a_page_and_an_error_in_a_report(world, as_person):
    as_person("ana")
    assert "This company has no storm 'snow'." in opened(world, "snow").message.text
    with pytest.raises(UnknownStorm):
        opened(world, "snow", interactive=False)
    with pytest.raises(BadInput, match="Expected 5 to 60"):
        opened(world, minutes=90, interactive=False)
    assert "Expected 5 to 60" in opened(world, minutes=90).message.text


# ---- whether we keep up


@pytest.fixture
def storm(world, as_person):
    as_person("ana")
    return opened(world, interactive=False).storm


def positions(storm, behind, seconds):
    told = pd.DataFrame({"partition": [0], "next_offset": [10], "end_offset": [10 + behind], "behind": [behind],
                         "told_at": [pd.Timestamp(storm.stream.at - timedelta(seconds=seconds))]})  # fmt: skip
    return replace(storm, stream=replace(storm.stream, positions=told, by_type={"conversion": 5}))


@pytest.mark.parametrize(
    ("behind", "seconds", "word", "said"),
    [(0, 3, "keeps up", "Reading keeps up"), (37, 3, "keeps up", "Reading keeps up"),
     (1_234, 3, "behind", "Reading is 1,234 events behind."),
     (0, 300, "nobody reads", "Nobody is reading: last heard of 5 minutes ago.")],
)  # fmt: skip
def test_it_says_whether_we_keep_up(storm, behind, seconds, word, said):
    now = positions(storm, behind, seconds)
    assert now.reading == word and said in words(storm_sections.answer(now))


def test_before_anything_it_says_how_to_begin(storm):
    empty = replace(storm.stream, by_type={}, last_applied_at=None, positions=storm.stream.positions.iloc[:0])
    said = words(storm_sections.answer(replace(storm, stream=empty)))
    assert "Start it with: stormplay stream --simulate" in said and "Nothing has been read yet." in said
    closed = words(storm_sections.answer(replace(storm, stream=empty, status="closed")))
    assert "This storm is closed." in closed and "stormplay stream" not in closed


def test_names_and_messages_never_become_markup(storm):
    evil = "<script>alert(1)</script>"
    row = {"event_at": pd.Timestamp("2021-04-29 01:00Z"), "address": evil, "event_type": "property_impacted",
           "sii_score": 85.0, "value_cents": None, "is_superseded": True}  # fmt: skip
    shown = storm_sections.feed(replace(storm, newest=pd.DataFrame([row])))
    assert "<script" not in shown and "it changed nothing" in shown
    assert "no hail modelled" in storm_sections.event(row | {"sii_score": 0.0})[0]
    assert "<script" not in storm_sections.answer(replace(storm, name=evil, company=evil, status=evil))


# ---- the map alone


def frame(n=3, **more):
    return pd.DataFrame({"property_id": [f"h{k}" for k in range(n)], "latitude": 32.9, "longitude": -97.2,
                         "address": "1 Elm", "zip_code": "76137", "sii_score": np.nan} | more)  # fmt: skip


def test_a_browser_that_comes_later_is_told_all_and_new_homes_too():
    map_, sent = StormMap(), []
    map_.send = lambda content, buffers=None: sent.append((content, [bytes(one) for one in buffers]))
    map_.begin(frame())
    assert map_.change(frame(2, sii_score=[30.0, np.nan])) == 1
    new = frame(1, property_id=["new"], address=["2 Elm"], sii_score=[99.5])
    assert map_.change(new) == 1 and map_.change(new) == 0
    assert sent[0] == ({"dots": "some", "first": 3, "added": None}, [b"\x1e", b"\0\0\0\0"])
    assert sent[1] == ({"dots": "some", "first": 3, "added": {"lat": [32.9], "lon": [-97.2], "text": ["2 Elm"]}},
                       [b"c", b"\3\0\0\0"])  # fmt: skip
    map_._heard(map_, {"need": "dots"}, [])
    assert sent[2][0]["first"] == 3 and sent[2][1] == [b"\x1e\xff\xffc"] and len(sent) == 3
    map_._heard(map_, {"need": "plotly"}, [])
    assert len(sent) == 3 and maps.impact_bytes([0.0, 0.4, 100.0, np.nan]).tolist() == [255, 0, 100, 255]


def test_a_tick_comes_without_news(monkeypatch, world, as_person):
    as_person("ana")
    monkeypatch.setattr(storm_board, "TICK_S", 0.05)

    async def main():
        page = opened(world)
        first = page.storm.stream.at
        async with asyncio.timeout(10):
            while page.storm.stream.at == first:
                await asyncio.sleep(0.02)
        page._ticks.cancel()

    asyncio.run(main())


def test_the_storm_of_another_company_cannot_be_opened(world, as_person):
    as_person("vic")
    assert "There is no tenant" in opened(world).message.text
