"""The picture of a household: the same graph gives the same places, homes stand in the middle, no label on another."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from examples import household
from hypothesis import given, settings
from hypothesis import strategies as st

from stormplay import charts
from stormplay.charts.network_places import HOME, KINDS, MIDDLE_X, OUTSIDE_X, places
from stormplay.charts.networks import LOOKS, line_width
from stormplay.errors import BadInput
from stormplay.identity.kinds import PRIORITY


@st.composite
def graphs(draw):
    """Any graph at all of one to 60 identifiers, with ties between any of them."""
    n = draw(st.integers(1, 60))
    kinds = draw(st.lists(st.sampled_from([*KINDS, "a new type"]), min_size=n, max_size=n))
    joins = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    ends = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=80))
    nodes = pd.DataFrame({"identifier_id": [f"i{k}" for k in range(n)], "type": kinds, "joins": joins,
                          "label": [f"value {k}" for k in range(n)], "verified": False})  # fmt: skip
    links = pd.DataFrame([(f"i{a}", f"i{b}", 0.9, "seen together") for a, b in ends if a != b],
                         columns=["from_id", "to_id", "strength", "rule"])  # fmt: skip
    return nodes, links


@settings(max_examples=25)
@given(graphs(), st.integers(0, 5))
def test_places_depend_on_the_graph_alone_and_keep_labels_apart(graph, seed):
    nodes, links = graph
    at = places(nodes, links)
    shuffled = places(nodes.sample(frac=1, random_state=seed), links.sample(frac=1, random_state=seed))
    assert at == shuffled
    assert set(at.spots) == set(nodes["identifier_id"])
    kind = dict(zip(nodes["identifier_id"], nodes["type"], strict=True))
    joins = dict(zip(nodes["identifier_id"], nodes["joins"], strict=True))
    for node, (x, _) in at.spots.items():
        assert (abs(x) == OUTSIDE_X) == (not joins[node]), "shared and blocked values stand outside, and they alone"
        if joins[node] and kind[node] == HOME:
            assert abs(x) < MIDDLE_X
    pixels = at.height / 2.16
    for (x1, y1), (x2, y2) in combinations(at.spots.values(), 2):
        if np.sign(x1) == np.sign(x2) and (abs(x1) > MIDDLE_X) == (abs(x2) > MIDDLE_X):
            assert abs(y1 - y2) * pixels > 13, "a line of text lies on another"
    assert json.dumps(charts.network(nodes, links).payload(), allow_nan=False)


def test_every_type_has_a_colour_and_a_symbol_of_its_own():
    assert set(LOOKS) == set(KINDS) == set(PRIORITY)
    assert len({look.colour for look in LOOKS.values()}) == len({look.symbol for look in LOOKS.values()}) == len(LOOKS)


def test_a_width_says_how_strong_a_tie_is():
    widths = [line_width(strength) for strength in (0.5, 0.6, 0.9, 0.95, 1.0)]
    assert widths == sorted(widths) and widths[0] > 1 and widths[-1] == 8.0
    chart = charts.network(*household())
    lines = [trace for trace in chart.data if trace["mode"] == "lines" and trace["x"] != [None]]
    assert {trace["line"]["width"] for trace in lines} == {line_width(0.9), line_width(0.95)}
    assert [t["name"] for t in chart.data if t["mode"] == "lines" and t["x"] == [None]] == [
        "strength 1", "strength 0.8", "strength 0.5"
    ]  # fmt: skip


def test_what_joins_nobody_is_open_dashed_and_said():
    chart = charts.network(*household())
    dashed = [trace for trace in chart.data if "px" in str(trace.get("line", {}).get("dash", ""))]
    assert len(dashed) == 1 and abs(dashed[0]["x"][1]) == OUTSIDE_X
    assert sum("-open" in str(trace.get("marker", {}).get("symbol")) for trace in chart.data) == 2  # and in the legend
    assert "it was seen with 12 households and joins nobody" in chart.alt
    assert "Open marks on dashed lines are shared or blocked values" in chart.caption


def test_the_text_lists_what_is_tied_to_what_how_strongly_and_by_what():
    chart = charts.network(*household(homes=1, shared=False))
    assert chart.alt.startswith("Household of 1 home, 1 name and address, 1 e-mail, 1 telephone. Tied: ")
    phone = ("home 1204 Meadowbrook Lane, Fort Worth 76137", "telephone (817) 555-0142", "0.95", "seen together")
    assert phone in list(chart.rows)
    assert "strength 0.90, seen together." in chart.alt, "the strongest first"


def test_two_rules_for_one_pair_are_one_line_and_a_link_taken_back_is_red():
    nodes, links = household(homes=2, each=1, shared=False)
    links = pd.concat([links, pd.DataFrame([
        {"from_id": "h1", "to_id": "h0", "strength": 0.992, "rule": "alike", "verified": False},
        {"from_id": "h0", "to_id": "h1", "strength": 1.0, "rule": "a person", "verified": True},
        {"from_id": "h0", "to_id": "h1-0", "strength": 0.7, "rule": "alike", "revoked": True},
        {"from_id": "h0", "to_id": "elsewhere", "strength": 1.0, "rule": "alike"},
    ])])  # fmt: skip
    chart = charts.network(nodes, links)
    assert len(chart.rows) == 4
    assert ("1.00", "a person and alike, a person has said so") in [row[2:] for row in chart.rows]
    assert ("0.70", "alike, taken back") in [row[2:] for row in chart.rows]
    assert sum(trace.get("line", {}).get("color") == charts.COLOURS["bad"] for trace in chart.data) == 1


def test_one_identifier_alone_is_drawn_and_none_is_said():
    nodes, links = household(homes=1, each=0, shared=False)
    chart = charts.network(nodes, links)
    assert "Nothing is tied to anything" in chart.alt and chart.rows[0][1] == "nothing yet"
    assert charts.network(nodes.head(0), links).empty == "Nothing is known of this household yet."


def test_without_a_home_the_most_telling_identifier_stands_in_the_middle():
    nodes = pd.DataFrame({"identifier_id": ["d", "p", "e"], "type": ["device", "phone", "email"], "label": "x",
                          "joins": True, "verified": False})  # fmt: skip
    links = pd.DataFrame({"from_id": ["e", "e"], "to_id": ["p", "d"], "strength": 0.9, "rule": "seen together"})
    assert places(nodes, links).spots["e"] == (0.0, 0.0)


def test_on_a_phone_labels_are_shorter_and_whole_in_the_hover_text():
    chart = charts.network(*household())
    address = "1204 Meadowbrook Lane, Fort Worth 76137"
    texts = [note["text"] for note in chart.layout["annotations"]]
    narrow = [chart.narrow[f"annotations.{k}.text"] for k in range(len(texts))]
    assert max(map(len, narrow)) < max(map(len, texts))
    assert address in str([trace.get("hovertext") for trace in chart.data])


def test_a_missing_column_is_named():
    nodes, links = household()
    with pytest.raises(BadInput, match="The frame of network has no strength"):
        charts.network(nodes, links.drop(columns="strength"))
