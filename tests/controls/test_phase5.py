"""The Phase 5 page over a loop in memory: what a reader sees and presses, without a browser."""

from __future__ import annotations

import asyncio
import base64
import re
import sys
from datetime import UTC, date, datetime
from html import unescape
from pathlib import Path

import pytest

from stormplay import controls
from stormplay.controls import nurture_words as say
from stormplay.errors import BadInput, UnknownStorm, UnknownTenant
from stormplay.nurture import CHANNELS, REASONS, export, standing

sys.path.insert(0, str(Path(__file__).parent))
import memory_nurture as memory


@pytest.fixture(autouse=True)
def no_address(monkeypatch):
    monkeypatch.delenv("QUERY_STRING", raising=False)


@pytest.fixture
def loop():
    return memory.MemoryLoop()


def opened(loop, tenant="lone-star", storm="2021-04-28", role="operator", **options):
    return controls.phase5(tenant, storm, **memory.world(loop, role), **{"page_size": 10, **options})


def run(work):
    async def main():
        work.button.click()
        await asyncio.wait_for(work.task, 10)

    asyncio.run(main())


def preview_and_schedule(page):
    run(page.planning.preview)
    run(page.planning.schedule)


def text_of(html):
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)))


def answer(page):
    return text_of(page.answer().children[-1].value)


def is_shown(widget):
    return widget.layout.display != "none"


def cells(html):
    """The cells of every row of the body and the foot of a table."""
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows if "<td" in row]


# ---- first look


def test_the_answer_names_numbers_and_denominators(loop):
    said = answer(opened(loop))
    assert "30 of 71 treated homes that did not sign have an expected uplift above 15 %." in said
    assert "Of them 0 have a contact to come. 26 homes could be given 'Follow up after the storm'" in said
    assert "4 homes are left alone" in said
    assert "May be contacted now 26 of 30; 4: standing holdout" in said
    assert "nurture open" in said
    assert "Data as of 08 May 2040" in said
    assert "synthetic" in said


def test_without_a_treated_home_the_page_names_the_step_before():
    assert "run the treatment policy first" in answer(opened(memory.MemoryLoop(n=0, held=0, treated=0, converted=0)))


def test_with_nobody_above_the_threshold_the_page_says_what_to_do(loop):
    page = opened(loop, threshold=0.9)
    assert "None of the 71 treated homes that did not sign has an uplift above 90 %." in answer(page)
    assert "Choose a lower threshold" in page.homes_part.table.empty
    assert page.planning.schedule.button.disabled


def test_a_company_without_a_storm_says_so(loop):
    page = opened(loop, tenant="trinity")
    assert "This company has no storm yet." in answer(page)
    assert page.planning.preview.button.disabled
    assert not is_shown(page.ledger())
    assert page.recorded() == {}


def test_a_viewer_sees_everything_and_no_way_to_change_it(loop):
    preview_and_schedule(opened(loop))
    page = opened(loop, role="viewer")
    assert "Your role here is viewer" in page.choose().children[-1].value
    page.homes_part.table.selected = "p00"
    planning = page.planning
    hidden = (planning._writing, planning._storm, page.homes_part.buttons, page.outbox_part._form)
    assert not any(is_shown(widget) for widget in hidden)
    assert "Letter" in page.homes_part.steps.value
    run(planning.preview)
    assert "already in this sequence" in planning.result.value
    assert not any(is_shown(widget) for widget in hidden)


# ---- the list


def test_the_list_is_read_page_by_page(loop):
    page = opened(loop)
    part = page.homes_part
    assert "Rows 1–10 of 30" in part.pager.said.value
    assert part.pager.previous.disabled
    assert not part.pager.next.disabled
    part.pager.next.click()
    part.pager.next.click()
    assert part.table.ids == [f"p{i}" for i in range(20, 30)]
    assert "Rows 21–30 of 30" in part.pager.said.value
    assert part.pager.next.disabled
    part.pager.previous.click()
    assert part.table.ids[0] == "p10"


def test_a_search_asks_the_whole_list_and_begins_at_its_first_page(loop):
    page = opened(loop)
    page.homes_part.pager.next.click()
    page.search.value = "12"
    assert [row[0][:3] for row in page.homes_part.table.rows] == ["112", *(f"12{i}" for i in range(9))]
    assert "Rows 1–10 of 11" in page.homes_part.pager.said.value
    page.search.value = "nowhere"
    assert page.homes_part.table.rows == []
    assert "No candidate matches 'nowhere'." in page.homes_part.table.empty
    assert not is_shown(page.homes_part.pager.widget)


def test_a_home_shows_its_steps_and_can_be_held_and_let_go(loop):
    page = opened(loop)
    preview_and_schedule(page)
    part = page.homes_part
    part.table.selected = "p03"
    assert "103 &lt;b&gt;Test&lt;/b&gt; Street" in part.head.value
    assert [row[1] for row in cells(part.steps.value)] == ["Letter", "E-mail", "Call"]
    part.pause.click()
    assert part.message.text == "3 contacts paused for 103 <b>Test</b> Street."
    assert "<b>" not in part.message.widget.value
    assert page.recorded()["paused"] == 1
    assert "1 more paused" in answer(page)
    assert part.pause.disabled
    part.resume.click()
    assert page.recorded()["paused"] == 0


def test_stopping_a_home_asks_first(loop):
    page = opened(loop)
    preview_and_schedule(page)
    part = page.homes_part
    part.table.selected = "p03"
    part.stop.button.click()
    assert "That is for good" in part.stop.asked
    part.stop.no.click()
    assert part.stop.asked == ""
    assert loop.history("p03")["status"].eq("scheduled").all()
    part.stop.button.click()
    part.table.selected = "p04"
    assert part.stop.asked == "", "a question about one home is not answered for another"
    part.stop.yes.click()
    assert loop.history("p04")["status"].eq("scheduled").all()
    part.stop.button.click()
    part.stop.yes.click()
    assert loop.history("p04")["status"].eq("stopped").all()
    assert part.message.text.startswith("3 contacts stopped for 104")


def test_an_id_that_the_browser_made_up_picks_nothing(loop):
    page = opened(loop)
    page.homes_part.table.selected = "<img src=x>"
    assert page.homes_part.selected == page.homes_part.table.selected == ""
    assert "Choose a home" in page.homes_part.head.value


# ---- preview, schedule, undo


def test_scheduling_is_open_only_after_a_preview_of_the_same_choice(loop):
    page = opened(loop)
    planning = page.planning
    assert planning.schedule.button.disabled
    run(planning.preview)
    assert not planning.schedule.button.disabled
    assert (
        "Of 30 candidates, 26 would be given 'Follow up after the storm', beginning now: 78 contacts in all."
        in text_of(planning.result.value)
    )
    for change in (
        lambda: setattr(page.slider, "value", 0.3),
        lambda: setattr(page.sequence, "value", "quick"),
        lambda: setattr(page.start, "value", date(2040, 6, 1)),
    ):
        run(planning.preview)
        change()
        assert planning.schedule.button.disabled
        assert planning.result.value == ""
    run(planning.schedule)  # a press that got through all the same
    assert "Preview first" in planning.schedule.message.text
    assert loop.asked == []


def test_scheduling_takes_the_homes_of_the_preview_and_changes_every_number(loop):
    page = opened(loop)
    page.start.value = date(2040, 6, 1)
    preview_and_schedule(page)
    assert (
        page.planning.schedule.message.text == "26 homes scheduled for 'Follow up after the storm': 78 contacts in all."
    )
    assert loop.asked == [(30, "follow_up", date(2040, 6, 1))], "the held-out homes too, so that the draw is kept"
    assert "Of them 26 have a contact to come. Nobody waits to be scheduled." in answer(page)
    assert page.homes_part.table.rows[0][5] == "Letter, 8 May"
    assert "78 contacts with 26 homes" in text_of(page._week.value)
    assert page.planning.schedule.button.disabled
    assert page.recorded()["scheduled"] == 26


def test_what_was_just_scheduled_can_be_stopped_and_nothing_else(loop):
    loop.schedule(["p00"])
    page = opened(loop)
    preview_and_schedule(page)
    undo = page.planning.undo
    assert is_shown(undo.widget)
    undo.button.click()
    assert "for 25 homes?" in undo.asked
    undo.yes.click()
    assert page.planning.message.text == "75 contacts stopped for 25 homes."
    assert loop.history("p00")["status"].eq("scheduled").all()
    assert page.recorded()["scheduled"] == 1
    assert not is_shown(undo.widget)


def test_cancelling_a_preview_leaves_nothing(loop):
    page = opened(loop)
    work = page.planning.preview
    slow, before = loop.preview, page.recorded()

    def wait(*more, **options):
        work.cancel()
        return slow(*more, **options)

    loop.preview = wait
    run(work)
    assert work.message.text == "Stopped. A preview writes nothing."
    assert page.planning.schedule.button.disabled
    assert page.recorded() == before


def test_the_storm_can_be_held_let_go_moved_and_stopped(loop):
    page = opened(loop)
    preview_and_schedule(page)
    planning = page.planning
    planning.pause.click()
    assert page.recorded()["state"] == "paused"
    assert "nothing goes into the outbox until somebody resumes it" in answer(page)
    assert (planning.pause.disabled, planning.resume.disabled) == (True, False)
    planning.resume.click()
    assert page.recorded()["state"] == "open"
    planning.move.click()
    assert planning.message.text.startswith("No day is chosen.")
    planning.day.value = date(2040, 7, 1)
    assert not planning.move.disabled
    planning.move.click()
    assert planning.message.text == "78 contacts moved; the next of each home comes on 01 Jul 2040 or later."
    planning.stop.button.click()
    planning.stop.yes.click()
    assert planning.message.text == "The nurture of this storm is stopped: 78 contacts ended."
    run(planning.preview)
    assert planning.schedule.button.disabled, "a stopped storm is opened again first"


def test_a_day_says_what_it_expects_while_one_types(loop):
    page = opened(loop)
    planning = page.planning
    assert planning.move.disabled and planning.move.tooltip == "No contact is to come."
    preview_and_schedule(page)
    said = planning.fields.said
    assert planning.move.disabled and "today or a later day" in said[planning.day] == planning.move.tooltip
    planning.day.value = date(2020, 7, 1)
    assert said[planning.day].startswith("01 Jul 2020 has passed. Expected today,") and planning.move.disabled
    before = loop.steps.copy()
    planning.move.click()
    assert planning.message.text == said[planning.day] and loop.steps.equals(before), "an older press changes nothing"
    planning.day.value = date(2900, 7, 1)
    assert "Expected a year up to 2200." in said[planning.day] and planning.move.disabled
    planning.day.value = date(2040, 7, 1)
    assert said[planning.day] == "" and not planning.move.disabled


def test_nothing_is_previewed_or_scheduled_for_a_day_that_has_passed(loop):
    page = opened(loop)
    run(page.planning.preview)
    assert not page.planning.schedule.button.disabled
    page.start.value = date(2020, 7, 1)
    assert page.planning.preview.button.disabled and page.planning.schedule.button.disabled
    assert "01 Jul 2020 has passed." in page.planning.preview.button.tooltip == page.fields.said[page.start]
    page.start.value = None
    assert not page.planning.preview.button.disabled, "no day is: now"


@pytest.mark.parametrize(("zone", "passed"), [("Pacific/Kiritimati", True), ("Pacific/Pago_Pago", False)])
def test_today_is_the_companys(loop, monkeypatch, zone, passed):
    monkeypatch.setattr("stormplay.clock.now", lambda: datetime(2030, 6, 1, 10, 30, tzinfo=UTC))
    loop.time_zone = zone
    page = opened(loop)
    page.start.value = date(2030, 5, 31)
    assert page.planning.preview.button.disabled == passed


def test_a_question_about_one_storm_is_not_answered_for_another(loop):
    page = opened(loop)
    preview_and_schedule(page)
    page.planning.stop.button.click()
    page.planning.undo.button.click()
    page.choose().children[0].children[0].children[1].value = "2020-04-28"
    assert (page.planning.stop.asked, page.planning.undo.asked) == ("", "")
    page.planning.stop.yes.click()
    page.planning.undo.yes.click()
    assert loop.state == "open"
    assert loop.steps["status"].eq("scheduled").all()


def test_an_error_while_scheduling_is_a_sentence_and_the_page_lives_on(loop):
    page = opened(loop)
    run(page.planning.preview)

    def gone(*_, **__):
        raise ConnectionError("secret host")

    loop.schedule = gone
    run(page.planning.schedule)
    assert "Something went wrong" in page.planning.schedule.message.text
    assert "secret" not in page.planning.schedule.message.widget.value
    assert not page.slider.disabled


# ---- week, messages, outbox, file, ledger


def test_the_week_is_counted_and_listed_in_pages(loop):
    page = opened(loop)
    assert "No contact is scheduled for the next 7 days. Preview and schedule above." in page._week.value
    preview_and_schedule(page)
    counted = cells(page._week.value)
    assert counted[0] == ["Tue 8 May", "0", "0", "26", "26"]
    assert counted[-1] == ["All", "26", "26", "26", "78"]
    assert len(page.week_table.rows) == 25
    page.week_pager.next.click()
    assert "Rows 26–50 of 78" in page.week_pager.said.value
    page.week_table.order = [1, True]  # by channel
    channels = [row[1] for row in page.week_table.rows]
    assert channels == sorted(channels)
    lines = page.week_table._export()[1].splitlines()
    assert lines[0].startswith('"When, on their clock",Channel') and len(lines) == 79


def test_the_linter_says_what_is_wrong_and_where_the_rule_is_from(loop):
    page = opened(loop)
    linter = page.linter
    linter.button.click()
    assert "There is no text to check." in linter.message.text
    linter.text.value = "Free roof! <script>"
    linter.button.click()
    assert "16 CFR 251.1" in linter.findings.value
    assert "no opt-out" in linter.findings.value
    linter.text.value, linter.channel.value = "{company}: a roof check? Reply STOP to opt out.", "text"
    linter.button.click()
    assert linter.findings.value == ""
    assert linter.message.text.startswith("No rule finds anything.")
    assert linter.own.value.count("checked, no finding") == 4
    page.sequence.value = "quick"
    assert "Messages of 'Call, text, write'" in linter.own.value


def test_the_outbox_is_filled_and_counted(loop):
    page = opened(loop)
    run(page.outbox_part.work)
    assert page.outbox_part.work.message.text.startswith("Nothing is due now")
    preview_and_schedule(page)
    run(page.outbox_part.work)
    assert page.outbox_part.work.message.text.startswith("78 contacts put into the outbox, 0 moved")
    assert page.recorded()["outbox_in_outbox"] == 78
    assert "Stormplay sends nothing" in page.outbox().children[-1].value


def test_the_file_is_made_when_wanted_and_taken_away_when_out_of_date(loop):
    page = opened(loop)
    part = page.file_part
    assert part.file.value == ""
    part.button.click()
    data = re.search(r"base64,([^\"]+)", part.file.value)[1]
    assert base64.b64decode(data).decode("utf-8-sig") == loop.export_csv(0.15)
    page.threshold.value = 20
    assert part.file.value == ""


@pytest.mark.parametrize("interactive", [True, False])
def test_the_ledger_adds_up(loop, interactive):
    loop.schedule([f"p{i:02d}" for i in range(8)])
    loop.pause(["p02"])
    page = opened(loop, interactive=interactive)
    ledger = page.ledger()
    rows = cells(ledger.value if interactive else ledger.data)
    *parts, total = [int(row[1]) for row in rows]
    assert sum(parts) == total == 30
    assert {row[0]: int(row[1]) for row in rows}["Left alone: standing holdout"] == 4


# ---- choosing


def test_slider_and_box_are_one_number(loop):
    page = opened(loop)
    page.slider.value = 30
    assert page.threshold.value == 30
    assert page.recorded()["candidates"] == 20
    page.threshold.value = 35
    assert page.slider.value == 35
    assert page.recorded()["candidates"] == 10


def test_a_threshold_that_cannot_be_one_is_said_below_its_box_and_changes_nothing(loop):
    page = opened(loop)
    page.slider.value = 35
    page.threshold.value = 350
    assert page.fields.said[page.threshold] == "The uplift: 350 %. Expected a number from 0 to 100 %."
    assert page.recorded()["candidates"] == 10 and page.slider.value == 35
    assert page.planning.preview.button.disabled
    page.slider.value = 30
    assert page.threshold.value == 30 and page.fields.fault == "" and page.recorded()["candidates"] == 20
    assert not page.planning.preview.button.disabled


def test_the_address_of_the_page_selects(loop, monkeypatch):
    monkeypatch.setenv("QUERY_STRING", "storm=2020-04-28&threshold=0.3&sequence_type=quick&page_size=5&colour=red")
    page = opened(loop)
    assert "Spring hail" in answer(page)
    assert (page.threshold.value, page.sequence.value, page.homes_part.pager.size) == (30, "quick", 5)
    assert "There is no parameter 'colour'." in page.message.text


def test_an_unknown_sequence_is_a_sentence(loop):
    page = opened(loop, sequence_type="none")
    assert "There is no sequence 'none'." in page.message.text
    assert page.nurture is None
    with pytest.raises(BadInput):
        opened(loop, sequence_type="none", interactive=False)


@pytest.mark.parametrize(
    ("tenant", "storm", "said"),
    [("nowhere", "2021-04-28", "There is no tenant 'nowhere' open to you. Open to you: lone-star, trinity."),
     ("lone-star", "1999-01-01", "This company has no storm '1999-01-01'. It has: 2021-04-28, 2020-04-28.")],
)  # fmt: skip
def test_an_unknown_name_is_a_sentence_on_a_page_and_an_error_in_a_report(loop, tenant, storm, said):
    page = opened(loop, tenant, storm)
    assert said in page.message.text
    assert page.nurture is None
    with pytest.raises((UnknownTenant, UnknownStorm)):
        opened(loop, tenant, storm, interactive=False)


def test_nothing_of_the_former_storm_stays_when_the_next_one_fails(loop):
    page = opened(loop)
    run(page.planning.preview)

    def gone(*_, **__):
        raise ConnectionError("secret host")

    loop.standing = gone
    page.choose().children[0].children[0].children[1].value = "2020-04-28"
    assert "Something went wrong" in page.message.text
    assert answer(page).strip() == ""
    assert page.planning.result.value == ""
    assert page.planning.schedule.button.disabled
    assert not is_shown(page.homes_part.widget)


# ---- the report, and words


def test_a_report_has_no_widget_and_every_section(loop):
    loop.schedule([f"p{i:02d}" for i in range(8)])
    page = opened(loop, interactive=False)
    parts = [page.answer(), page.choose(), page.homes(), page.plan(), page.week(), page.messages(), page.outbox(),
             page.take_along(), page.ledger()]  # fmt: skip
    html = "".join(part.data for part in parts)
    assert "<b>Test" not in html
    assert len(cells(page.homes().data)) == 10
    assert "24 contacts with 8 homes in the next 7 days." in html
    assert controls.below(*parts).data == html
    assert set(page.recorded()._repr_mimebundle_()) == {controls.MIME, "text/html"}


def test_every_channel_reason_place_and_column_has_its_words():
    assert set(say.CHANNELS) == set(CHANNELS)
    assert set(REASONS) - {""} <= set(say.REASONS)
    assert set(say.OUTBOX) == set(standing.OUTBOX)
    assert set(say.OUTCOMES) == set(standing.OUTCOMES) - {"left alone"}
    assert tuple(say.COLUMNS) == export.COLUMNS
