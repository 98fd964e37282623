"""The status machine: what may follow what, and what is said where it may not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormplay.errors import BadInput, IllegalTransition
from stormplay.jobs.workflow import DEFAULT, REACHES, Status, Workflow

names = st.sampled_from(list(DEFAULT.statuses))


@given(names, names)
def test_a_status_follows_or_the_ones_that_may_are_named(current, wanted):
    if wanted == current or wanted in DEFAULT.legal(current):
        assert DEFAULT.check(current, wanted).name == wanted
    else:
        with pytest.raises(IllegalTransition) as refused:
            DEFAULT.check(current, wanted)
        assert DEFAULT.label(current) in str(refused.value)
        for name in DEFAULT.legal(current):
            assert DEFAULT.label(name) in str(refused.value)


def test_a_sale_that_may_still_be_cancelled_is_not_completed():
    with pytest.raises(IllegalTransition, match="three business days"):
        DEFAULT.check("signed", "completed")
    assert DEFAULT.check("past_rescission", "completed").ends


def test_nobody_goes_back_to_who_sent_them_away():
    assert DEFAULT.legal("do_not_return") == ()
    assert DEFAULT.statuses["do_not_return"].suppresses
    with pytest.raises(IllegalTransition, match="Nothing follows it"):
        DEFAULT.check("do_not_return", "scheduled")


def test_every_status_is_reached_and_an_end_is_reached_from_every_status():
    def after(name, seen):
        for nxt in DEFAULT.legal(name):
            if nxt not in seen:
                seen.add(nxt)
                after(nxt, seen)
        return seen

    assert after(DEFAULT.first, {DEFAULT.first}) == set(DEFAULT.statuses)
    for name in DEFAULT.statuses:
        assert any(DEFAULT.statuses[found].ends for found in after(name, {name}))


def test_a_status_that_was_dropped_may_be_left():
    assert DEFAULT.check("old_word", "lost").name == "lost"
    assert DEFAULT.label("old_word") == "Old word"


def test_it_is_stored_as_json_and_read_again():
    stored = json.loads(json.dumps(DEFAULT.to_json()))
    assert Workflow.from_json(stored).statuses == DEFAULT.statuses


@pytest.mark.parametrize(
    ("given_", "sentence"),
    [
        ([], "there is none"),
        ([{"name": "a", "ends": True}, {"name": "a"}], "stands twice"),
        ([{"name": "A b", "ends": True}], "is not a status's name"),
        ([{"name": "a", "ends": True, "follows": ["b"]}], "'b' follows 'a', and there is no such status"),
        ([{"name": "a", "reach": "far", "ends": True}], "reaches 'far'"),
        ([{"name": "a", "colour": "red", "ends": True}], "The colour of 'a'"),
        ([{"name": "a"}], "No status ends a job"),
        ([7], "A status is 7"),
        ([{"label": "x"}], "A status is"),
        ([{"name": "a", "size": 1}], "has 'size'"),
    ],
)
def test_a_machine_that_cannot_work_is_refused(given_, sentence):
    with pytest.raises(BadInput, match=sentence):
        Workflow.from_json(given_)


def test_rates_are_counted_by_reach_whatever_a_company_calls_its_statuses():
    own = Workflow([Status("new", "New", ("seen",)), Status("seen", "Seen", (), reach="inspected", ends=True)])
    assert own.names(reach="contacted") == ["seen"]
    assert own.first == "new"
    assert [len(DEFAULT.names(reach=reach)) for reach in REACHES] == sorted(
        (len(DEFAULT.names(reach=reach)) for reach in REACHES), reverse=True
    ), "who came further is among those who came so far"
