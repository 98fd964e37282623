"""The score in the header of the pages: what it says, where it leads, and that it follows what is done."""

from __future__ import annotations

import asyncio
import re
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from stormplay import controls
from stormplay.controls.score_chip import chip, tone
from stormplay.score import Counts
from stormplay.score.standing import standing

sys.path.insert(0, str(Path(__file__).parent))
import memory
import memory_nurture
import memory_score

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


@pytest.fixture(autouse=True)
def no_address(monkeypatch):
    for name in ("QUERY_STRING", "SERVER_SOFTWARE"):
        monkeypatch.delenv(name, raising=False)


def text_of(html):
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))).strip()


def phase3(score, **options):
    world = memory.world(memory.MemoryBuilder(memory.homes(40)))
    return controls.phase3("lone-star", "2021-04-28", **world, **{"score": score, **options})


def phase5(score, **options):
    return controls.phase5("lone-star", "2021-04-28", page_size=10, **memory_nurture.world(memory_nurture.MemoryLoop()),
                           **{"score": score, **options})  # fmt: skip


@pytest.mark.parametrize(("score", "word"), [(0, "bad"), (39.9, "bad"), (40, "warn"), (70, "good"), (100, "good")])
def test_the_tone_is_the_gauges(score, word):
    assert tone(score) == word


def test_it_says_the_score_and_how_much_of_it_is_measurable():
    assert text_of(chip(standing(memory_score.FULL))) == "Storm Play Score 75 / 100"
    half = standing(Counts(decided=10, treat=5, high_uplift=10, completed=1, total=2))
    assert text_of(chip(half)) == "Storm Play Score 28 / 100 2 of 4 parts measurable yet"
    assert text_of(chip(standing(Counts()))) == "Storm Play Score not measurable yet"
    assert 'class="sp-score"' in chip(standing(Counts())), "neither good nor bad"


def test_an_address_in_it_is_no_markup():
    assert 'href="score?x=a&quot;&gt;&lt;script&gt;&amp;y"' in chip(
        standing(memory_score.FULL), 'score?x=a"><script>&y'
    )


@pytest.mark.parametrize("make", [phase3, phase5])
def test_on_a_served_page_it_leads_to_the_score_of_the_same_storm(make, monkeypatch):
    score = memory_score.maker(memory_score.MemoryScore())
    assert "<a" not in make(score).header().value, "in a lab there is no page beside this one"
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5")
    monkeypatch.chdir(NOTEBOOKS)
    page = make(score)
    assert 'href="score.ipynb?tenant=lone-star&amp;storm=2021-04-28"' in page.header().value
    page._selectors.storm_box.value = "2020-04-28"
    assert "storm=2020-04-28" in page.header().value
    page._selectors.tenant_box.value = "trinity"
    assert page.header().value == "", "a company without a storm has no score"


@pytest.mark.parametrize("make", [phase3, phase5])
def test_in_a_report_it_leads_nowhere(make):
    page = make(memory_score.maker(memory_score.MemoryScore()), interactive=False)
    assert text_of(page.header().data) == "Storm Play Score 75 / 100" and "href" not in page.header().data


@pytest.mark.parametrize("make", [phase3, phase5])
def test_a_page_without_a_score_or_with_a_broken_one_goes_on(make, caplog):
    assert make(None).header().value == ""
    page = make(memory_score.maker(memory_score.MemoryScore(fails=RuntimeError("no"))))
    assert page.header().value == "" and page.message.text == ""
    assert page.recorded()


def test_it_follows_a_plan_that_is_generated():
    scored = memory_score.MemoryScore(Counts(decided=10, treat=10, high_uplift=10))
    page = phase3(memory_score.maker(scored))
    assert "30" in text_of(page.header().value)
    scored.counts = replace(scored.counts, total=40, completed=40)

    async def main():
        page.work.button.click()
        await asyncio.wait_for(page.work.task, 10)

    asyncio.run(main())
    assert text_of(page.header().value).startswith("Storm Play Score 55 / 100")


def test_it_follows_what_is_done_in_nurture():
    scored = memory_score.MemoryScore()
    page = phase5(memory_score.maker(scored))
    scored.counts = replace(scored.counts, completed=60)
    page.planning.pause.click()
    assert "81" in text_of(page.header().value)
