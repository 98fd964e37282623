"""The page of the score over counts in memory: what a reader sees and chooses, without a browser."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from stormplay import controls
from stormplay.controls import score_sections
from stormplay.errors import BadInput, UnknownStorm, UnknownTenant
from stormplay.score import Counts

sys.path.insert(0, str(Path(__file__).parent))
import memory_score as memory


@pytest.fixture(autouse=True)
def no_address(monkeypatch):
    for name in ("QUERY_STRING", "SERVER_SOFTWARE", "VOILA_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def score():
    return memory.MemoryScore()


def opened(score, tenant="lone-star", storm="2021-04-28", **options):
    return controls.score(tenant, storm, **memory.world(score), **options)


def text_of(html):
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)))


def answer(page):
    return text_of(page.answer().children[-1].value)


def every_text(page):
    return " ".join(widget.value for widget in page._html.values())


# ---- the answer first


def test_the_answer_says_the_score_what_it_rests_on_and_how_old_it_is(score):
    said = answer(opened(score))
    assert "The Storm Play Score is 75.0 of 100." in said
    assert "It rests on policy coverage (24.0 of 30) and data quality (19.7 of 20)." in said
    assert "Most is missing from conversion lift: 12.5 points." in said
    assert "45 of 60 jobs completed" in said
    assert "800 homes to be treated, 1,000 with uplift above 15 %" in said
    assert "48 of 400 (12.0 %) treated homes signed against 16 of 200 (8.0 %) held-out ones" in said
    assert "Data as of 01 Jun 2021, 12:00 UTC" in said and "(Ana Torres, 01 Jun 2021, 12:00 UTC)" in said
    assert "reads good" in said and "synthetic" in said


def test_what_is_not_measurable_yet_is_told_apart_from_bad():
    said = answer(opened(memory.MemoryScore(Counts(decided=100, treat=40, hold_out=10, high_uplift=50))))
    assert "The Storm Play Score is 24.0 of 100." in said and "reads low" in said
    assert "Not measurable yet, and counted as 0. Route completion, up to 25 points: there is no job yet" in said
    assert "Data quality, up to 20 points: no data-quality check has been made yet." in said


@pytest.mark.parametrize("interactive", [True, False])
def test_a_storm_of_which_nothing_is_known_has_no_score_and_a_place_to_begin(interactive):
    page = opened(memory.MemoryScore(Counts(), causes=[]), interactive=interactive)
    said = answer(page) if interactive else text_of(page.answer().data)
    assert "The score of this storm is not measurable yet" in said and "Begin here: Run the treatment policy." in said
    assert "reads" not in said
    head = page.header().value if interactive else page.header().data
    assert "not measurable yet" in head and "/ 100" not in head
    for section in ("made_of", "lift", "history", "compare", "raise_it"):
        assert getattr(page, section)() is not None
    recorded = page.recorded()
    assert recorded["score"] == 0 and recorded["measured"] == 0 and recorded["lift_verdict"] == "too early to say"


# ---- sections


def test_the_table_of_components_adds_up_to_the_score(score):
    rows = re.findall(r"<tr>(.*?)</tr>", opened(score)._html["components"].value)
    cells = [[text_of(cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)] for row in rows[1:]]
    assert [row[:3] for row in cells] == [
        ["Policy coverage", "80.0 %", "24.0 of 30"], ["Route completion", "75.0 %", "18.8 of 25"],
        ["Conversion lift", "50.0 %", "12.5 of 25"], ["Data quality", "98.5 %", "19.7 of 20"],
        ["Score", "", "75.0 of 100"],
    ]  # fmt: skip


def test_every_chart_is_the_charts_own_with_a_text_alternative(score):
    page = opened(score)
    for name, frame in page.charts.items():
        assert 'role="img" aria-label="' in frame.block, name
    assert "74.9" in page.charts["waterfall"].block or "75.0" in page.charts["waterfall"].block


def test_the_lift_comes_with_interval_sample_and_light(score):
    page = opened(score)
    said = text_of(page._html["verdict"].value + page._html["arms"].value)
    assert "too early to say arms: green" in said
    assert "of the treated homes 48 of 400 (12.0 %) signed, of the held-out ones 16 of 200 (8.0 %)" in said
    assert "Treated 800 400 48 12.0 % Held out 400 200 16 8.0 %" in said
    assert re.search(r"counts up to \+100 %: \+50 % \(-\d\d % to \+\d{3} %\)", said)
    assert "+4.0 more signatures in a hundred homes, " in page.charts["lift"].block


def test_without_outcomes_it_is_too_early(score):
    page = opened(memory.MemoryScore(replace(memory.FULL, treat_known=0, treat_converted=0)))
    assert "too early to say" in text_of(page._html["verdict"].value).lower()
    assert "Too early to say" in page.charts["lift"].block


def test_each_change_names_its_cause_and_no_cause_becomes_markup(score):
    page = opened(score)
    assert text_of(page._html["changes"].value).count("completed a job") == 1
    shown = every_text(page) + "".join(frame.block for frame in page.charts.values())
    assert "<img" not in shown and "&lt;img" in shown
    assert "<img" not in str([frame.payload for frame in page.charts.values()])


def test_only_the_newest_changes_stand_on_the_page():
    said = text_of(opened(memory.MemoryScore(causes=[f"Cause {k}" for k in range(12)]))._html["changes"].value)
    assert "Cause 11" in said and "Cause 7" in said and "Cause 6 " not in said
    assert "7 earlier changes are in the chart." in said


def test_this_storm_stands_beside_the_other_on_the_same_day(score):
    said = text_of(opened(score)._html["compared"].value)
    assert (
        "On day 22 after the hail: 800 doors (50.0 jobs completed and 4.0 signed of each hundred) here, "
        "800 doors (40.0 jobs completed and 5.0 signed of each hundred) at Spring hail." in said
    )


def test_the_other_storm_can_be_chosen(score):
    page = opened(score)
    assert page.other.options == (("the storm before", ""), ("Spring hail", "2020-04-28"))
    page.other.value = "2020-04-28"
    assert score.asked[-1] == "2020-04-28"
    page._selectors.storm_box.value = "2020-04-28"
    assert score.asked[-1] == "before" and page.other.options[1] == ("North Tarrant hail", "2021-04-28")


def test_a_storm_to_compare_with_can_be_named_by_slug_or_id(score):
    assert opened(score, compare_with="2020-04-28").other.value == "2020-04-28"
    assert opened(score, compare_with="a2").other.value == "2020-04-28"


@pytest.mark.parametrize(
    ("which", "words"),
    [
        (
            ["Spring hail"],
            "Nobody has knocked at a door of this storm within its season yet. Below is Spring hail alone.",
        ),
        (["North Tarrant hail"], "No other storm of this company has a door to compare with."),
        ([], "Nobody has knocked at a door of this storm within its season yet."),
    ],
)
def test_where_there_is_nothing_to_compare_it_says_why(which, words):
    days = memory.memory_days()
    page = opened(memory.MemoryScore(days=days[days["storm"].isin(which)].reset_index(drop=True)))
    assert words in text_of(page._html["compared"].value)


def test_doors_out_of_season_are_counted_in_words():
    days = memory.memory_days()
    days.attrs = {"later": {"North Tarrant hail": 12}}
    said = text_of(opened(memory.MemoryScore(days=days))._html["compared"].value)
    assert "12 doors of North Tarrant hail were knocked more than 180 days after the hail and are left out." in said


def test_the_next_steps_are_ranked_and_lead_to_their_pages(score, monkeypatch, tmp_path):
    plain = opened(score)._html["steps"].value
    assert re.findall(r"<strong>(.*?)</strong>", plain) == [
        "One more treated home signs", "Complete one more job", "Mend one issue in the data", "Treat one more home"
    ]  # fmt: skip
    assert "href" not in plain, "in a lab there is no page beside this one"
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "phase4_jobs.ipynb").touch()
    linked = opened(score)._html["steps"].value
    assert re.findall(r'href="(.*?)"', linked) == ["phase4_jobs.ipynb?tenant=lone-star&amp;storm=2021-04-28"]


def test_a_full_score_has_no_next_step():
    made = Counts(decided=10, treat=10, hold_out=3, high_uplift=8, completed=5, total=5, treat_known=10,
                  treat_converted=4, control_known=10, control_converted=1, checks=9)  # fmt: skip
    page = opened(memory.MemoryScore(made))
    assert "Nothing is missing: the score is full." in page._html["steps"].value
    assert page.recorded()["next_step"] is None


# ---- choosing, and what goes wrong


def test_looking_again_shows_what_others_did(score):
    page = opened(score, compare_with="2020-04-28")
    score.counts = replace(score.counts, completed=60)
    page.again.click()
    assert "81.2 of 100" in answer(page) and "<strong>81</strong>" in page.header().value
    assert page.other.value == "2020-04-28" and score.asked[-1] == "2020-04-28"


def test_a_company_without_a_storm_says_so(score):
    page = opened(score, tenant="trinity")
    assert answer(page).strip() == "This company has no storm yet."
    assert page.recorded() == {} and page.header().value == ""
    assert all(frame.layout.display == "none" for frame in page.charts.values())


@pytest.mark.parametrize(("tenant", "storm", "words"), [("nobody", "x", "no tenant 'nobody'"),
                                                        ("lone-star", "snow", "has no storm 'snow'")])  # fmt: skip
def test_an_unknown_choice_is_a_sentence_on_a_live_page(score, tenant, storm, words):
    page = opened(score, tenant=tenant, storm=storm)
    assert words in page.message.text and page.play is None


def test_a_failure_in_the_middle_is_a_sentence_and_leaves_no_former_storm_in_view(score):
    page = opened(score)
    score.fails = BadInput("The score cannot be read.")
    page._selectors.storm_box.value = "2020-04-28"
    assert "The score cannot be read." in page.message.text and page.header().value == ""
    assert all(widget.layout.display == "none" for name, widget in page._html.items() if name != "answer")


def test_the_address_chooses_and_what_cannot_be_used_is_said(score, monkeypatch):
    monkeypatch.setenv("QUERY_STRING", "tenant=lone-star&storm=2020-04-28&compare_with=2021-04-28&level=9")
    page = opened(score)
    assert (page.play.storm, page.other.value) == ("2020-04-28", "2021-04-28")
    assert "level" in page.message.text


def test_a_report_raises_what_a_page_would_say(score):
    with pytest.raises(UnknownTenant):
        opened(score, tenant="nobody", interactive=False)
    with pytest.raises(UnknownStorm):
        opened(score, storm="snow", interactive=False)


def test_a_report_draws_each_section_once_and_has_no_control(score):
    page = opened(score, interactive=False)
    names = ("header", "answer", "choose", "made_of", "lift", "history", "compare", "raise_it")
    sections = [getattr(page, name)() for name in names]
    html = "".join(section.data for section in sections)
    assert html.count('class="sp-chart-data"') == 5 and "globalThis.Plotly)" not in html
    assert "href" not in html and "<button" not in html
    assert page.recorded() == opened(score).recorded()
    assert page.recorded()["score"] == pytest.approx(74.95)


@pytest.mark.parametrize(
    ("points", "said"),
    [(0.0, "0.0"), (0.031, "0.031"), (0.0996, "0.1"), (0.7, "0.7"), (9.96, "10.0"), (19.27, "19"), (25.0, "25")],
)
def test_what_a_step_may_bring_is_never_rounded_to_nothing(points, said):
    assert score_sections._most(points) == said
    assert points == 0 or float(said) > 0
