"""The page of the treatment over a storm in memory: what a reader sees, tries out and writes, without a browser."""

from __future__ import annotations

import asyncio
import base64
import re
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from stormplay import controls
from stormplay.errors import Conflict, NotAllowed, UnknownStorm, UnknownTenant
from stormplay.policy import Rules

sys.path.insert(0, str(Path(__file__).parent))
import memory_treatment as memory


@pytest.fixture(autouse=True)
def no_address(monkeypatch):
    for name in ("QUERY_STRING", "SERVER_SOFTWARE", "VOILA_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def storm():
    """Decided once by the shipped rules."""
    made = memory.Memory()
    made.policy.apply()
    return made


def opened(storm, tenant="lone-star", slug="2021-04-28", role="admin", **options):
    return controls.treatment(tenant, slug, **storm.world(role), **options)


def text_of(html):
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))).strip()


def says(page, name):
    return text_of(page._html[name].value)


def run(work):
    """Press a button of long work and wait for its end."""

    async def press():
        work.start()
        await asyncio.wait_for(work.task, 20)

    asyncio.run(press())
    return work.message.text


def apply(page):
    async def press():
        page.applying.apply.click()
        await asyncio.wait_for(page.applying.work.task, 20)

    asyncio.run(press())
    return page.applying.work.message.text


# ---- the answer, and whether the visits worked


def test_the_answer_says_whether_it_worked_who_is_visited_what_made_the_numbers_and_how_old_they_are(storm):
    page = opened(storm)
    said, now = says(page, "answer"), storm.policy.dry_run()
    assert "The visits work: of a hundred homes 12.5 more signed than without them (95 %: +" in said
    assert f"Of 400 homes {now.treated} are treated, {now.held_out} held out and {now.skipped} skipped." in said
    assert "Applied now, the rules below would change nothing." in said
    assert "The expected uplift comes from demo-planted-1: planted with the demo data." in said
    assert "Data as of 01 Jun 2021, 12:00 UTC" in said and "synthetic" in said
    assert "Last decided 01 Jun 2021, 12:00 UTC (run 1, <img" in said
    assert "70 of 400 (17.5 %) signed" in said and "5 of 100 (5.0 %) signed" in said


def test_the_read_out_has_its_verdict_its_lights_its_rates_and_a_chart(storm):
    page = opened(storm)
    said = says(page, "verdict")
    assert said.startswith(
        "works arms as drawn: green outcomes known alike: green Works: of the treated homes 70 of 400"
    )
    assert "800 treated and 200 held out, where 80 % and 20 % were drawn" in said
    assert "Treated 800 400 70 17.5 % Held out 200 100 5 5.0 %" in says(page, "arms")
    assert 'role="img" aria-label="Known outcomes, one look' in page.charts["lift"].block


def test_it_holds_by_band_over_the_storms_and_for_those_who_were_reached(storm):
    page = opened(storm)
    assert "1-1.5 in 10.0 % of 200 4.0 % of 50" in says(page, "bands") and "1.5-2 in" in page.charts["bands"].block
    assert "over 2 storms" in says(page, "pooled") and "left out: 2016-03-17" in says(page, "pooled")
    assert "2020-04-28" in page.charts["storms"].block
    assert "Reached: 300 of 400 (75.0 %) treated homes" in says(page, "evidence")
    assert "Only the comparison as decided is causal" in says(page, "evidence")


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        (((500, 100, 15, 0), (125, 25, 1, 0)), "more with a known outcome, looked at daily. This storm has them: wait"),
        (((90, 80, 8, 0), (22, 20, 1, 0)), "which is too few: look at all storms."),
        (((90, 80, 2, 0), (22, 20, 1, 0)), "cannot be planned before some have signed"),
        (((90, 0, 0, 0), (22, 0, 0, 0)), "both arms need homes whose outcome is known"),
        (((90, 80, 30, 0), (900, 80, 1, 0)), "the arms cannot be compared"),
    ],
)
def test_where_it_is_too_early_it_says_what_is_missing(storm, arms, words):
    storm.experiment.bands = {"all": arms}
    page = opened(storm)
    assert "too early to say" in says(page, "verdict")
    assert words in says(page, "answer") and page.recorded()["verdict"] == "too early to say"


# ---- who, and what would change


def test_crews_cut_the_line_where_they_are_tried_out_and_nothing_is_written(storm):
    page, before = opened(storm), storm.policy.ledger()
    assert "another crew-day would be worth nothing" in says(page, "worth")
    full = page.treatment.trial.would.treated
    page.form.crew_days.value = 1.0
    would = page.treatment.trial.would
    assert would.treated == 120 < full and would.margin.left_out == full - 120
    assert "The next crew-day (" in says(page, "worth") and f"{full - 120} homes that are worth a visit" in says(
        page, "worth"
    )
    assert "crew capacity" in page.charts["curve"].block and page.form.reach.value == 1.0
    assert storm.policy.ledger().equals(before) and len(storm.policy.runs) == 1


def test_the_slider_and_the_box_are_one_and_its_end_is_no_limit(storm):
    page = opened(storm)
    assert page.form.reach.value == page.form.reach.max
    page.form.reach.value = 0.5
    assert page.form.crew_days.value == 0.5 and page.treatment.trial.would.treated == 60
    page.form.reach.value = page.form.reach.max
    assert page.form.crew_days.value == 0 and page.treatment.trial.rules.crew_days is None


def test_both_columns_of_the_ledger_add_up_to_all_homes(storm):
    page = opened(storm)
    page.form.crew_days.value, page.form.uplift_min.value = 1.0, 12.0
    rows = re.findall(r"<tr>(.*?)</tr>", page._html["ledger"].value)
    cells = [[text_of(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)] for row in rows[1:]]
    for column in (1, 2):
        numbers = [int(row[column].replace(",", "")) for row in cells]
        assert sum(numbers[:-1]) == numbers[-1] == 400
    assert any("over capacity" in row[0] and row[1] == "0" and row[2] != "0" for row in cells)
    assert any("under 12 %" in row[0] for row in cells) and any("under 5 %" in row[0] for row in cells)


def test_what_would_change_is_counted_by_reason_with_examples(storm):
    page = opened(storm)
    page.form.uplift_min.value = 10.0
    homes = page.treatment.trial.would.homes
    treated = int(((homes["from_decision"] == "treat") & (homes["to_decision"] == "skip")).sum())
    said = says(page, "changes")
    assert f"{len(homes)} change." in said and f"treat → skip {treated} expected uplift under 10 %" in said
    assert "hold out → skip" in said and "For example: 3 homes" in said


def test_homes_whose_arm_is_fixed_are_told_apart(storm):
    storm.policy.known = 30
    page = opened(storm)
    page.form.uplift_min.value = 29.0
    assert "keep their arm, since their outcome is known." in says(page, "changes")
    assert "homes keep their arm against the rules" in says(page, "changes")
    assert "The first 30 homes keep their arm" in page.charts["curve"].block


def test_rules_that_cannot_be_used_are_a_sentence_and_cannot_be_applied(storm):
    page = opened(storm)
    page.form.budget.value = 5_000
    assert "There is a budget and no cost of a visit." in says(page, "changes")
    assert page.applying.apply.disabled and page.recorded()["would_change"] is None
    page.form.cost.value = 100
    assert page.treatment.trial.would.treated == 50 and "no money left" in says(page, "worth")
    assert not page.applying.apply.disabled


@pytest.mark.parametrize(("box", "value", "words"), [
    ("crew_days", -3.0, "Crew-days: -3. Expected a number from 0 to 100,000; 0 is no limit."),
    ("budget", 2e9, "The budget: 2,000,000,000 USD. Expected a number from 0 to 1,000,000,000 USD; 0 is no limit."),
    ("cost", -1.0, "A visit's cost: -1 USD. Expected a number from 0 to 100,000 USD."),
    ("uplift_min", 150.0, "The least uplift: 150 %. Expected a number from 0 to 100 %."),
    ("holdout", 60.0, "The share held out: 60 %. Expected a number from 0 to 50 %."),
    ("uplift_min", float("nan"), "The least uplift: nan %. Expected a number from 0 to 100 %."),
])  # fmt: skip
def test_a_box_says_what_it_expects_and_nothing_can_be_written_meanwhile(box, value, words):
    storm = memory.Memory()
    page = opened(storm)
    field = getattr(page.form, box)
    before = field.value
    field.value = value
    assert page.form.fields.said[field] == words and words in says(page, "changes") and page.message.text == ""
    assert page.applying.apply.disabled and page.applying.keep.disabled
    assert page.applying.apply.tooltip == page.applying.keep.tooltip == words
    assert page._choices() == {"crew_days": 0.0, "uplift_min": 0.0}, "no link leads to what cannot be used"
    field.value = before
    assert page.form.fields.fault == "" and not page.applying.apply.disabled


def test_a_budget_asks_for_the_cost_of_a_visit_beside_it(storm):
    page = opened(storm)
    page.form.budget.value = 5_000
    assert "There is a budget and no cost" in page.form.fields.said[page.form.cost]
    page.form.cost.value = 100
    assert page.form.fields.fault == ""


def test_rules_are_tried_out_once_typing_pauses_and_not_applied_before_they_are_seen(storm, monkeypatch):
    monkeypatch.setattr("stormplay.controls.idle.TYPING_S", 0.05)
    page = opened(storm)
    page.form.crew_days.value = 2.0
    seen, before = storm.policy.dry_runs, page.treatment.trial.would

    async def type_and_press():
        page.form.crew_days.value = 1.0
        page.form.crew_days.value = 1.5
        assert page.applying.apply.disabled and page.treatment.trial.would is before
        page.applying.apply.click()  # a press that was on its way
        page.applying.keep.click()
        await asyncio.sleep(0.3)

    asyncio.run(type_and_press())
    assert "the rules have just been changed" in page.applying.message.text and len(storm.policy.runs) == 1
    assert "the rules have just been changed" in page.applying.kept.message.text and storm.policy.company == Rules()
    assert storm.policy.dry_runs == seen + 1 and page.treatment.trial.would.treated == 180
    assert not page.applying.apply.disabled


def test_the_share_held_out_can_be_chosen_until_it_is_drawn():
    storm = memory.Memory()
    page = opened(storm)
    page.form.holdout.value = 40.0
    assert not page.form.holdout.disabled and "draws the control group" in says(page, "share")
    tried = page.treatment.trial.would
    assert tried.held_out / (tried.held_out + tried.treated) == pytest.approx(0.4, abs=0.1)
    assert apply(page).startswith("Run 1 is written.")
    assert page.form.holdout.disabled and "40 %, was drawn with the first run" in says(page, "share")


# ---- writing


def test_applying_says_what_it_writes_for_good_and_why_then_writes_at_one_press(storm):
    page = opened(storm)
    for_good = page.applying._for_good
    assert for_good.value == "" and page.applying.apply.disabled, "nothing would change"
    page.form.crew_days.value = 1.0
    changed = page.treatment.trial.would.changed
    assert f"writes these {changed} changes at once and has no Undo: who is visited" in text_of(for_good.value)
    assert len(storm.policy.runs) == 1
    assert "120 are treated" in apply(page)
    assert "Applied now, the rules below would change nothing." in says(page, "answer")
    assert "Run 2" in says(page, "runs") and "1 crew-days" in says(page, "runs")
    assert page.recorded()["treated"] == 120 and page.recorded()["runs"] == 2
    assert page.form.crew_days.value == 1.0, "what was tried out stays"
    assert for_good.value == "" and page.applying.kept.undo_button.layout.display == "none"


def test_a_second_press_that_comes_after_the_writing_writes_nothing(storm):
    page = opened(storm)
    page.form.crew_days.value = 1.0
    apply(page)
    page.applying.apply.click()
    assert "Nothing was applied" in page.applying.message.text and len(storm.policy.runs) == 2


@pytest.mark.parametrize("error", [NotAllowed("You may only read."), Conflict("Somebody else is deciding.")])
def test_a_refusal_is_a_sentence_and_changes_nothing(storm, error):
    page = opened(storm)
    page.form.crew_days.value = 1.0
    storm.policy.fails = error
    assert str(error) in apply(page)
    assert len(storm.policy.runs) == 1 and not page.form.crew_days.disabled


def test_the_rules_of_the_run_before_can_be_tried_and_bring_the_same_decisions(storm):
    before = storm.policy.homes["decision_before"].copy()
    page = opened(storm)
    page.form.uplift_min.value = 15.0
    apply(page)
    assert not storm.policy.homes["decision_before"].equals(before)
    page.applying.back.click()
    assert page.form.uplift_min.value == 5.0 and "rules of run 1" in page.applying.message.text
    apply(page)
    assert storm.policy.homes["decision_before"].equals(before)


def test_an_admin_keeps_the_rules_as_the_companys_at_once_and_takes_it_back(storm):
    page = opened(storm)
    applying, kept = page.applying, page.applying.kept
    assert applying.keep.disabled
    page.form.crew_days.value = 2.0
    applying.keep.click()
    assert storm.policy.company.crew_days == 2.0 and applying.keep.disabled
    assert "every storm from now on: uplift from 5 %, 2 crew-days" in kept.message.text
    assert opened(storm).form.crew_days.value == 2.0
    kept.undo_button.click()
    assert storm.policy.company == Rules() and "former ones again: uplift from 5 %, no limit" in kept.message.text
    assert kept.undo_button.layout.display == "none"
    assert page.form.crew_days.value == 2.0 and not applying.keep.disabled, "what was tried out can be kept again"


def test_rules_that_somebody_has_kept_since_are_not_written_over(storm):
    page = opened(storm)
    page.form.crew_days.value = 2.0
    page.applying.keep.click()
    theirs = storm.policy.company = replace(Rules(), uplift_min=0.08)
    page.applying.kept.undo_button.click()
    assert "Somebody has kept other rules since." in page.applying.kept.message.text
    assert storm.policy.company == theirs


def test_undo_is_not_offered_on_another_storm(storm):
    page = opened(storm)
    page.form.crew_days.value = 2.0
    page.applying.keep.click()
    page._selectors.storm_box.value = "2020-04-28"
    assert page.applying.kept.undo_button.layout.display == "none" and page.applying.kept.message.text == ""


@pytest.mark.parametrize(("role", "decides", "saves"), [("viewer", False, False), ("operator", False, False),
                                                        ("analyst", True, False), ("admin", True, True)])  # fmt: skip
def test_buttons_are_for_those_who_may(storm, role, decides, saves):
    page = opened(storm, role=role)
    assert (page.applying._writing.layout.display != "none") == decides
    assert (page.applying.keep.layout.display != "none") == saves
    assert (page.training.widget.layout.display != "none") == decides
    page.form.crew_days.value = 1.0
    assert page.treatment.trial.would.treated == 120, "trying out is for everybody"


def test_the_file_has_no_held_out_home_and_nothing_that_a_spreadsheet_runs(storm):
    page = opened(storm)
    page.file_part.button.click()
    data = re.search(r"base64,([^\"]+)", page.file_part.file.value)[1]
    text = base64.b64decode(data).decode("utf-8-sig")
    rows = text.splitlines()
    held = storm.policy.homes["decision_before"] == "hold_out"
    assert len(rows) - 1 == (~held).sum() and "hold_out" not in text and "'=1+1" in rows[1]
    assert not any(home in text for home in storm.policy.homes.loc[held, "property_id"])
    page.form.crew_days.value = 1.0
    apply(page)
    assert page.file_part.file.value == "", "it would be out of date"


# ---- models


def test_without_a_model_it_says_where_the_numbers_come_from_and_what_to_do(storm):
    page = opened(storm)
    assert "planted with the demo data" in says(page, "origin") and "no artifact" in says(page, "origin")
    assert "No model of this company has been trained yet" in says(page, "quality")
    assert page.charts["qini"].layout.display == "none"
    training = page.training
    assert training.compare.button.disabled and training.promote.disabled and training.score.button.disabled


def test_too_little_data_is_said_in_a_sentence(storm):
    storm.scorer.too_little = True
    page = opened(storm)
    assert "of 127 held-out homes 8 signed" in run(page.training.train)
    assert not page.training.train.button.disabled and page.recorded()["versions"] == 0


def test_train_promote_score_compare_and_roll_back(storm):
    page = opened(storm)
    training = page.training
    assert "uplift@1 is trained and waits as challenger" in run(training.train)
    assert "uplift@1, the challenger too early to say" in says(page, "quality")
    assert "roof age years 2.31" in says(page, "strongest") and page.charts["qini"].layout.display is None
    assert "Signatures gained per 1,000 homes." in page.charts["qini"].block
    assert "predicted" in page.charts["calibration"].block.lower()
    assert training.promote.disabled and "A move needs a reason." in training.promote.tooltip
    training.reason.value = "the first one"
    assert not training.promote.disabled
    training.promote.click()
    assert "No number has changed yet" in training.message.text and "none to go back to" in training.message.text
    assert training.outcome.undo_button.layout.display == "none"
    assert page.recorded()["champion"] == "uplift@1" and training.reason.value == ""
    assert "scored by uplift@1" in run(training.score)
    assert page.recorded()["would_change"] > 0 and page.recorded()["model_version"] == "uplift@1"
    assert "uplift@1, the champion, trained on 3,600 homes" in says(page, "answer")
    training.learner.value = "dr"
    run(training.train)
    assert not training.compare.button.disabled and "uplift@2 waits as challenger" in training.standing.value
    run(training.compare)
    assert "uplift@2 and uplift@1 cannot be told apart, on the same 300 homes" in text_of(training.result.value)
    training.reason.value = "a try"
    training.promote.click()
    training.outcome.undo_button.click()
    assert page.recorded()["champion"] == "uplift@1" and "uplift@1 is the champion again" in training.message.text
    training.reason.value = "a try"
    training.promote.click()
    assert page.recorded()["champion"] == "uplift@2" and "numbers of this storm are not its own" in says(page, "origin")
    training.reason.value = "it was nothing"
    training.roll_back.click()
    assert page.recorded()["champion"] == "uplift@1" and training.roll_back.disabled
    training.outcome.undo_button.click()
    assert page.recorded()["champion"] == "uplift@2"
    training.reason.value = "it was nothing"
    training.roll_back.click()
    assert page.recorded()["champion"] == "uplift@1"
    assert "roll back: champion" in says(page, "versions") and "it was nothing · Ana Torres" in says(page, "versions")


def test_training_can_be_stopped(storm):
    page = opened(storm)

    async def press():
        page.training.train.start()
        page.training.train.cancel()
        await asyncio.wait_for(page.training.train.task, 20)

    asyncio.run(press())
    assert page.training.train.message.text == "Stopped. Nothing was changed." and not storm.models.made


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wild-1", "which is not registered: nobody can say how it was made"),
        ("not scored", "No home of this storm has an expected uplift yet"),
        ("demo-planted-1, old-1", "planted with the demo data. Of some homes it comes from old-1."),
    ],
)
def test_numbers_of_unknown_origin_are_called_so(storm, name, words):
    storm.policy.model_version = name
    assert words in says(opened(storm), "answer")


# ---- choosing, and what goes wrong


@pytest.mark.parametrize("interactive", [True, False])
def test_a_storm_of_which_nothing_is_known_is_no_error(interactive):
    storm = memory.Memory(experiment=memory.MemoryExperiment({}, {}))
    page = opened(storm, interactive=interactive)
    for name in SECTIONS:
        assert getattr(page, name)() is not None
    said = says(page, "answer") if interactive else text_of(page.answer().data)
    assert "No home of this storm has been decided on yet. With the rules below, of 400 homes" in said
    assert page.recorded()["eligible"] == 0 and page.recorded()["would_change"] == 400
    verdict = says(page, "verdict") if interactive else text_of(page.worked().data)
    assert "green" not in verdict and "How many more homes" not in verdict, "nothing is alike where nothing is"


def test_where_no_home_is_worth_a_visit_it_says_so(storm):
    page = opened(storm)
    page.form.uplift_min.value = 90.0
    assert "By these rules no home is worth a visit" in says(page, "worth")
    assert "No home with an expected uplift is in line" in page.charts["curve"].block


def test_a_company_without_homes_says_so(storm):
    empty = memory.Memory(memory.MemoryPolicy(memory.street(0)), memory.MemoryExperiment({}, {}))
    assert "This company has no homes yet." in says(opened(empty), "changes")


def test_a_company_without_a_storm_says_so(storm):
    page = opened(storm, tenant="trinity")
    assert says(page, "answer") == "This company has no storm yet." and page.recorded() == {}
    assert all(frame.layout.display == "none" for frame in page.charts.values())


@pytest.mark.parametrize(("tenant", "slug", "words"), [("nobody", "x", "no tenant 'nobody'"),
                                                       ("lone-star", "snow", "has no storm 'snow'")])  # fmt: skip
def test_an_unknown_choice_is_a_sentence_on_a_live_page_and_an_error_in_a_report(storm, tenant, slug, words):
    page = opened(storm, tenant=tenant, slug=slug)
    assert words in page.message.text and page.treatment is None
    with pytest.raises((UnknownTenant, UnknownStorm)):
        opened(storm, tenant=tenant, slug=slug, interactive=False)


def test_another_storm_begins_with_the_companys_rules(storm):
    page = opened(storm, crew_days=1.0, uplift_min=0.1)
    assert (page.form.crew_days.value, page.form.uplift_min.value) == (1.0, 10.0)
    page._selectors.storm_box.value = "2020-04-28"
    assert (page.form.crew_days.value, page.form.uplift_min.value) == (0.0, 5.0)


def test_the_address_chooses_and_what_cannot_be_used_is_said(storm, monkeypatch):
    monkeypatch.setenv("QUERY_STRING", "tenant=lone-star&storm=2020-04-28&crew_days=1.5&uplift_min=nan&level=9")
    page = opened(storm)
    assert (page.treatment.storm, page.form.crew_days.value) == ("2020-04-28", 1.5)
    assert "level" in page.message.text and "uplift_min" in page.message.text


@pytest.mark.parametrize("asked", [{"crew_days": -3.0}, {"uplift_min": 7.0}, {"crew_days": 1e9}])
def test_a_parameter_out_of_range_is_said_and_the_companys_rules_stand(storm, asked):
    page = opened(storm, **asked)
    assert "Expected" in says(page, "changes") and page.form.uplift_min.value == 5.0


def test_looking_again_shows_what_others_did(storm):
    page = opened(storm)
    storm.policy.apply(replace(Rules(), uplift_min=0.2))
    page.again.click()
    assert page.recorded()["runs"] == 2 and page.recorded()["would_change"] > 0


def test_only_what_depends_on_the_rules_is_read_again(storm):
    page, seen = opened(storm), storm.policy.dry_runs
    page.form.uplift_min.value = 7.0
    assert storm.policy.dry_runs == seen + 1


def test_no_word_of_anybody_becomes_markup(storm):
    storm.models.register(memory.version(1, note=memory.EVIL))
    storm.policy.model_version = "uplift@1"
    page = opened(storm)
    shown = "".join([*(widget.value for widget in page._html.values()), *(c.block for c in page.charts.values())])
    assert "<img" not in shown and "&lt;img" in shown


SECTIONS = ("header", "answer", "choose", "worked", "evidence", "who", "change", "take_along", "believe", "models")


def test_a_report_draws_each_section_once_and_has_no_control(storm):
    storm.models.register(memory.version(1))
    page = opened(storm, interactive=False, crew_days=1.0)
    html = "".join(getattr(page, name)().data for name in SECTIONS)
    assert html.count('class="sp-chart-data"') == 6 and "globalThis.Plotly)" not in html
    assert "href" not in html and "<button" not in html and "Rules tried out: uplift from 5 %, 1 crew-days" in html
    assert page.recorded() == opened(storm, crew_days=1.0).recorded()
    assert page.recorded()["would_treat"] == 120


def test_the_way_to_the_routes_keeps_company_and_storm(storm, monkeypatch, tmp_path):
    assert "href" not in opened(storm)._next.value, "in a lab there is no page beside this one"
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "phase3_routes.ipynb").touch()
    assert 'href="phase3_routes.ipynb?tenant=lone-star&amp;storm=2021-04-28"' in opened(storm)._next.value
