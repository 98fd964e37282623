"""The home page over storms in memory: what a reader sees, filters and takes along, without a browser."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from html import unescape
from types import SimpleNamespace

import pandas as pd
import pytest

from stormplay import controls, exports
from stormplay.controls import home_sections as sections
from stormplay.errors import BadInput, DatabaseUnavailable, UnknownTenant
from stormplay.home.reading import Card, Home
from stormplay.home.steps import next_step
from stormplay.score import Counts
from stormplay.score.standing import standing
from stormplay.server.book import ACTS

COUNTS = Counts(decided=100, treat=60, hold_out=10, high_uplift=50, completed=9, total=40, treat_known=30,
                treat_converted=6, control_known=10, control_converted=1)  # fmt: skip
MINE = pd.DataFrame(
    [("t1", "lone-star", "Lone Star", "admin", True), ("t2", "trinity", "Trinity & Sons", "viewer", False)],
    columns=["tenant_id", "slug", "org_name", "role", "is_synthetic"],
)


def card(tenant, slug, status="active", counts=COUNTS, change=3.2, name="Hail"):
    row = MINE.set_index("slug").loc[tenant]
    now = standing(counts, as_of=datetime(2021, 5, 1, tzinfo=UTC))
    return Card(tenant, str(row["org_name"]), str(row["role"]), bool(row["is_synthetic"]), f"id-{tenant}-{slug}", slug,
                name, status, date(2021, 4, 28), 120, 110, now, change, next_step(status, 110, counts))  # fmt: skip


CARDS = (
    card("lone-star", "one"), card("trinity", "two", name="<b>Big</b> hail"),
    card("lone-star", "three", "closed", change=None), card("trinity", "four", "watching", Counts()),
)  # fmt: skip


def storms(cards=CARDS, mine=MINE, failed=None):
    def read(tenant=None, storm=None):
        known = mine if tenant is None else mine[mine["slug"] == tenant]
        if known.empty and tenant is not None:
            raise UnknownTenant(f"There is no tenant '{tenant}' open to you.")
        slugs = set(known["slug"])
        return Home(tuple(c for c in cards if c.tenant in slugs and storm in (None, c.slug)), known, failed or {})

    return read


def health(tenant):
    verdict = SimpleNamespace(state="act", sentence=f"{tenant} is not well.",
                              first=SimpleNamespace(label="Jobs", action="Move them on."))  # fmt: skip
    return SimpleNamespace(read=lambda: SimpleNamespace(verdict=verdict))


def opened(*selection, read=None, **options):
    return controls.home_page(*selection, storms=read or storms(), to_csv=exports.to_csv, health=health, **options)


def text_of(html):
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)))


def slugs(page):
    return [one.slug for one in page.cards]


@pytest.fixture
def served(monkeypatch):
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5")
    monkeypatch.setenv("QUERY_STRING", "")


@pytest.fixture(autouse=True)
def no_address(monkeypatch):
    for name in ("QUERY_STRING", "SERVER_SOFTWARE"):
        monkeypatch.delenv(name, raising=False)


def test_the_answer_counts_and_says_where_to_begin():
    said = text_of(opened().answer().children[-1].value)
    assert "3 of 4 storms of 2 companies are open." in said and "Begin with Hail:" in said
    assert "Data as of 01 May 2021, 00:00 UTC" in said and "synthetic" in said


def test_a_card_says_each_number_with_what_it_is_of():
    said = text_of(opened().storms().value)
    figures = ("110 of 120", "60 of 100 decided", "31 of 40", "7 of 40 known", "+3 in a week.", "not measurable yet")
    for words in (*figures, "No score of a week ago", "synthetic", "Trinity & Sons · 28 Apr 2021"):
        assert words in said, words
    assert "<b>Big" not in opened().storms().value


def test_the_filters_find_by_company_state_and_words(served):
    page = opened()
    page.company.value = "trinity"
    assert slugs(page) == ["two", "four"] and page.address.query == "tenant=trinity" and not page.address.replaces
    page.status.value = "closed"
    assert slugs(page) == [] and "No storm matches" in page.storms().value
    page.address._hear(None, {"went": "", "number": 1}, None)
    assert len(slugs(page)) == 4 and page.address.query == ""
    page.words.value = "lone 2021"
    assert slugs(page) == ["one", "three"] and page.address.query == "find=lone+2021" and page.address.replaces
    page.csv.button.click()
    assert "download" in page.csv.file.value


def test_an_address_chooses_and_one_of_anothers_company_is_a_sentence(served, monkeypatch):
    monkeypatch.setenv("QUERY_STRING", "tenant=t2&status=open&find=big")
    assert slugs(opened()) == ["two"]
    monkeypatch.setenv("QUERY_STRING", "tenant=foreign")
    page = opened()
    assert "There is no tenant 'foreign' open to you" in page.message.text and len(slugs(page)) == 4


def test_who_has_no_company_and_who_has_no_storm_is_told_what_to_do():
    said = text_of(opened(read=storms((), MINE.iloc[:0])).answer().children[-1].value)
    assert "member of no company yet" in said and "stormplay user role" in said
    said = text_of(opened(read=storms(())).answer().children[-1].value)
    assert "has a storm yet" in said and "stormplay stream --simulate" in said


def test_a_company_that_cannot_be_read_takes_nothing_else_away():
    page = opened(read=storms(CARDS[:1], failed={"Trinity & Sons": "The database does not answer."}))
    assert "Trinity & Sons cannot be read just now." in text_of(page.answer().children[-1].value)
    assert slugs(page) == ["one"]


def test_where_nothing_can_be_read_it_is_a_sentence():
    def gone(tenant=None, storm=None):
        raise DatabaseUnavailable("The database does not answer.")

    page = opened(read=gone)
    assert page.message.text.startswith("The database does not answer.") and dict(page.recorded()) == {}


def test_a_report_is_about_one_company_and_shows_each_section_once():
    report = opened("lone-star", "all", interactive=False)
    shown = "".join(part.data for part in (report.answer(), report.choose(), report.storms(), report.companies(),
                                           report.take_along()))  # fmt: skip
    assert "Trinity" not in shown and "Jobs: Move them on." in text_of(shown)
    assert report.recorded()["storms"] == 2 and report.recorded()["open_storms"] == 1
    assert opened("lone-star", "three", interactive=False).recorded()["storms"] == 1
    with pytest.raises(BadInput, match="about one company"):
        opened(interactive=False)
    with pytest.raises(UnknownTenant):
        opened("foreign", interactive=False)


def test_the_acts_of_a_card_are_those_of_the_navigation():
    assert {"home": "Home", **sections.ACTS}.items() <= ACTS.items() | {("home", "Home")}
    assert set(ACTS) - set(sections.ACTS) <= {"home", "tutorial"}
