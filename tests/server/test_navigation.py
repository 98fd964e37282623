"""The navigation: home first, and a link takes along of the address only what its act knows."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from stormplay.server.book import ACTS, KNOWS, Shelf, knows
from stormplay.server.pages import navigation

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def links(query, page="phase3_routes"):
    line = RequestStartLine("GET", f"/voila/render/{page}.ipynb?{query}", "HTTP/1.1")
    request = HTTPServerRequest(start_line=line, headers=HTTPHeaders({"Host": "127.0.0.1"}))
    return {act["word"]: act for act in navigation(Shelf(NOTEBOOKS), "/base/", request)}


def test_home_comes_first_and_shows_every_storm():
    found = links("tenant=lone-star&storm=2021-04-28")
    assert next(iter(found)) == "Home"
    assert found["Home"]["url"] == "/base/voila/render/home.ipynb" and found["Home"]["knows"] == ""
    assert [word for word, act in found.items() if act["here"]] == ["Routes"]


def test_a_link_takes_along_what_its_act_knows():
    found = links("tenant=lone-star&storm=2021-04-28&route=r-1&max_age_h=24&look_up=817&find=x")
    taken = {word: set(parse_qs(urlsplit(act["url"]).query)) - {"tenant", "storm"} for word, act in found.items()}
    assert taken["Jobs"] == {"route"} and taken["Reports"] == {"max_age_h"} and taken["Score"] == set()
    assert not any({"look_up", "find"} & names for names in taken.values())


@pytest.mark.parametrize("value", ["<script>", "a b", "%22onclick", "x" * 65, "a&b"])
def test_what_is_no_plain_word_is_left_behind(value):
    assert "route" not in links(f"tenant=a&route={value.replace('&', '%26')}")["Jobs"]["url"]


def test_what_acts_know_is_of_acts_that_there_are():
    assert set(KNOWS) <= set(ACTS) and knows("nothing") == ("tenant", "storm")
