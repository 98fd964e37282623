"""The address of a page: what is written into it, what is never, and what going back shows again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stormplay import controls
from stormplay.controls import query
from stormplay.controls.address import Address

sys.path.insert(0, str(Path(__file__).parent))
import memory_score as memory

USUAL = {"tenant": "lone-star", "storm": "2021-04-28", "find": "", "route": "", "hours": 24.0, "look_up": "", "n": 50}
WRITTEN = ("find", "look_up")


@pytest.fixture
def served(monkeypatch):
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5")
    monkeypatch.setenv("QUERY_STRING", "")


def asked(text=""):
    return query.asked(USUAL, text, written=WRITTEN, kept_out=("look_up",))


@pytest.mark.parametrize(
    ("choices", "query_string"),
    [
        ({}, "tenant=a&storm=s"),
        ({"find": "12 Oak St", "route": ""}, "tenant=a&storm=s&find=12+Oak+St"),
        ({"hours": 1.5, "n": 50}, "tenant=a&storm=s&hours=1.5"),
        ({"look_up": "817.555.0142"}, "tenant=a&storm=s"),
        ({"route": "<script>", "find": "a\nb"}, "tenant=a&storm=s"),
        ({"unknown": "x"}, "tenant=a&storm=s"),
        ({"find": "x" * 121}, "tenant=a&storm=s"),
    ],
)
def test_only_what_is_chosen_and_may_be_shared_is_written(choices, query_string):
    assert asked().query("a", "s", choices) == query_string


@pytest.mark.parametrize(
    "text", ["tenant=a&storm=s&find=12+Oak+St&hours=1.5", "tenant=a&storm=s&n=7", "tenant=a&storm=s"]
)
def test_what_is_written_reads_the_same_again(text):
    found = asked(text)
    assert found.complaints == () and found.query("a", "s", {}) == text


def test_what_it_was_opened_with_stays_and_what_cannot_be_used_goes():
    found = asked("tenant=a&storm=s&n=7&hours=nan&x=1")
    assert len(found.complaints) == 2 and found.query("a", "s", {}) == "tenant=a&storm=s&n=7"
    assert found.again("n=8")["n"] == 8 and found.again("")["n"] == 50


def test_elsewhere_the_address_is_not_ours(monkeypatch):
    monkeypatch.delenv("SERVER_SOFTWARE", raising=False)
    address = Address(lambda text: None)
    address.tell("tenant=a", replaces=False)
    assert not address.active and address.query == ""


def test_a_choice_is_a_step_and_an_answer_to_going_back_is_none(served):
    went = []

    def back(text):
        went.append(text)
        address.tell("tenant=b", replaces=False)

    address = Address(back)
    address.tell("tenant=a", replaces=False)
    assert (address.query, address.replaces) == ("tenant=a", False)
    address._hear(None, {"went": "tenant=x", "number": 3}, None)
    assert (went, address.query, address.replaces, address.heard) == (["tenant=x"], "tenant=b", True, 3)


@pytest.mark.parametrize("content", [None, [], "went", {"went": 7}, {"gone": "x"}, {}])
def test_what_else_the_browser_sends_is_passed_over(served, content):
    went = []
    Address(went.append)._hear(None, content, None)
    assert went == []


@pytest.mark.parametrize("number", [None, "7", -1, 2**40, 1.5])
def test_a_number_that_is_none_is_not_believed(served, number):
    address = Address(lambda text: None)
    address._hear(None, {"went": "a" * 9_000, "number": number}, None)
    assert address.heard == 0 and len(address.query) == query.LONGEST


# ---- a page of a storm


@pytest.fixture
def page(served):
    return controls.score("lone-star", "2021-04-28", **memory.world(memory.MemoryScore()))


def test_choosing_a_storm_and_one_to_compare_with_is_told(page):
    assert page.address.query == "tenant=lone-star&storm=2021-04-28" and page.address.replaces
    page.other.value = page.other.options[1][1]
    assert page.address.query == f"tenant=lone-star&storm=2021-04-28&compare_with={page.other.value}"
    assert not page.address.replaces
    page._selectors.storm_box.value = "2020-04-28"
    assert page.address.query == "tenant=lone-star&storm=2020-04-28"


def test_going_back_shows_what_was_there(page):
    page.other.value = other = page.other.options[1][1]
    former = page.address.query
    page._selectors.storm_box.value = "2020-04-28"
    page.address._hear(None, {"went": former, "number": 1}, None)
    assert (page._selectors.storm, page.other.value, page.play.storm) == ("2021-04-28", other, "2021-04-28")
    assert (page.address.query, page.message.text) == (former, "")


@pytest.mark.parametrize(
    ("text", "said"),
    [("tenant=foreign&storm=2021-04-28", "There is no tenant 'foreign' open to you"),
     ("tenant=lone-star&storm=snow", "This company has no storm 'snow'"),
     ("tenant=lone-star&storm=2021-04-28&x=1", "There is no parameter 'x'")],
)  # fmt: skip
def test_going_back_to_what_is_not_there_is_a_sentence(page, text, said):
    page.address._hear(None, {"went": text, "number": 1}, None)
    assert said in page.message.text and "foreign" not in page.address.query


def test_while_something_runs_going_back_changes_nothing(page):
    page._selectors.lock(True)
    page.address._hear(None, {"went": "tenant=trinity&storm=2016-03-17", "number": 1}, None)
    assert page._selectors.tenant == "lone-star"
    assert (page.address.query, page.address.heard) == ("tenant=lone-star&storm=2021-04-28", 1)
