"""The address of a page selects; what it cannot mean becomes a sentence."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormplay import controls

DEFAULTS = {"tenant": "lone-star", "storm": "2021-04-28", "max_per_route": 50, "time_limit_s": 8.0}


def test_the_address_takes_the_place_of_the_defaults():
    found, complaints = controls.overrides(DEFAULTS, "tenant=trinity&max_per_route=30&time_limit_s=2")
    assert found == {"tenant": "trinity", "storm": "2021-04-28", "max_per_route": 30, "time_limit_s": 2.0}
    assert complaints == []


def test_without_an_argument_the_environment_is_read(monkeypatch):
    monkeypatch.setenv("QUERY_STRING", "storm=2020-04-28&voila-theme=light")
    assert controls.overrides(DEFAULTS) == ({**DEFAULTS, "storm": "2020-04-28"}, [])
    monkeypatch.delenv("QUERY_STRING")
    assert controls.overrides(DEFAULTS) == (DEFAULTS, [])


def test_what_people_write_may_have_their_signs_and_no_others():
    defaults = {**DEFAULTS, "look_up": ""}
    for written in ("(817) 555-0142", "+18175550142", "Ana.Torres@gmail.com", "3213 Clerestory Ln #4", "O'Brien", ""):
        found, complaints = controls.overrides(defaults, urlencode({"look_up": written}), written=("look_up",))
        assert (found["look_up"], complaints) == (written, [])
    for written in ("<script>", "a" * 121, "x;y"):
        found, complaints = controls.overrides(defaults, urlencode({"look_up": written}), written=("look_up",))
        assert found["look_up"] == "" and "signs of addresses" in complaints[0]
    assert controls.overrides(defaults, "look_up=a%40b.c")[1], "only where the page says so"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("strom=x", "There is no parameter 'strom'"),
        ("max_per_route=many", "'max_per_route' is 'many'"),
        ("max_per_route=1.5", "'max_per_route' is '1.5'"),
        ("time_limit_s=nan", "'time_limit_s' is 'nan'"),
        ("time_limit_s=inf", "'time_limit_s' is 'inf'"),
        ("tenant=", "'tenant' is ''"),
        ("tenant=a%27%20OR%201=1", "'tenant' is"),
        ("storm=<script>", "'storm' is '<script>'"),
    ],
)
def test_what_cannot_be_used_is_said_and_changes_nothing(query, said):
    found, complaints = controls.overrides(DEFAULTS, query)
    assert found == DEFAULTS
    assert len(complaints) == 1
    assert said in complaints[0]


def test_given_twice_the_first_counts():
    found, complaints = controls.overrides(DEFAULTS, "tenant=trinity&tenant=other")
    assert found["tenant"] == "trinity"
    assert "twice" in complaints[0]


@given(st.text(max_size=80))
def test_any_text_is_survived_and_types_stay(query):
    found, _ = controls.overrides(DEFAULTS, query)
    assert {name: type(value) for name, value in found.items()} == {n: type(v) for n, v in DEFAULTS.items()}
