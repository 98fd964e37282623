"""The charts of credit: where the dots and the journeys lie, and what is said of them."""

from __future__ import annotations

import math

import pytest
from examples import credit, journeys

from stormplay import charts
from stormplay.errors import BadInput


def dots(chart):
    return [trace for trace in chart.data if trace["mode"] == "markers"]


def test_every_method_has_a_dot_in_every_row_at_its_share():
    chart = charts.method_dots(credit())
    assert [trace["name"] for trace in dots(chart)] == ["first touch", "last touch", "Markov"]
    for trace in dots(chart):
        assert sum(trace["x"]) == pytest.approx(100)
        assert [round(y) for y in trace["y"]] == [0, 1, 2]
    assert len({trace["marker"]["symbol"] for trace in dots(chart)}) == 3
    assert len({trace["marker"]["color"] for trace in dots(chart)}) == 3


def test_methods_that_agree_do_not_hide_each_other():
    chart = charts.method_dots(credit(methods=[f"method {k}" for k in range(7)]).assign(share=0.25))
    heights = {trace["y"][0] for trace in dots(chart)}
    assert len(heights) == 7 and max(heights) - min(heights) < 0.6, "within their row"
    assert "call 25.0 % by every method" in chart.alt


def test_channels_stand_in_the_order_of_their_mean_credit_with_their_range():
    chart = charts.method_dots(credit())
    means = [sum(trace["x"][row] for trace in dots(chart)) for row in range(3)]
    assert means == sorted(means, reverse=True)
    lines = next(trace for trace in chart.data if trace["mode"] == "lines")
    for row in range(3):
        xs = [trace["x"][row] for trace in dots(chart)]
        assert lines["x"][3 * row : 3 * row + 2] == pytest.approx([min(xs), max(xs)])
    assert " by first touch to " in chart.alt or " by Markov to " in chart.alt


def test_a_table_has_the_channels_that_are_not_drawn():
    chart = charts.method_dots(credit(channels=[f"channel {k:02}" for k in range(25)]))
    assert len(chart.rows) == 25 and len(chart.layout["yaxis"]["tickvals"]) == 20
    assert "5 channels with less credit are in the table." in chart.caption


def test_without_credit_there_are_no_dots():
    assert charts.method_dots(credit().head(0)).empty == charts.method_dots(credit().assign(share=0.0)).empty
    with pytest.raises(BadInput, match="no amount"):
        charts.method_dots(credit().drop(columns="amount"))


def test_what_is_credited_stands_on_one_scale_with_what_was_caused():
    chart = charts.credit_beside_cause(40, -3.0, -12.0, 6.0, of_treated=30)
    low, high = chart.layout["xaxis"]["range"]
    assert low < -12 and high > 40
    assert [trace["x"] for trace in chart.data[:2]] == [[30], [10]], "of treated homes, and of others"
    assert "treating caused about -3, -12 to 6" in chart.alt
    open_end = charts.credit_beside_cause(40, 5.0, -math.inf, math.inf, of_treated=30)
    assert open_end.data[2]["x"] == [5.0, 5.0]
    assert "cannot be drawn yet" in charts.credit_beside_cause(40, None, -math.inf, math.inf, of_treated=3).empty


def test_a_journey_runs_in_days_since_its_own_hail():
    chart = charts.journey_timeline(*journeys())
    counted, late, signed = dots(chart)
    assert counted["x"] == pytest.approx([5.625, 12.625, 3.625]) and late["x"] == pytest.approx([36.625])
    assert signed["x"] == pytest.approx([34.5]) and "signed, $12,500" in signed["hovertext"][0]
    assert late["marker"]["symbol"] == "circle-open"
    assert [len(trace["x"]) for trace in chart.data if trace["mode"] == "lines"] == [3, 1]
    assert [row[5] for row in chart.rows] == ["yes", "yes", "no: after the signature", "yes"]


def test_storms_are_bands_of_their_own_from_top_to_bottom():
    chart = charts.journey_timeline(*journeys())
    heads = [note["y"] for note in chart.layout["annotations"]]
    rows = chart.layout["yaxis"]["tickvals"]
    assert heads[0] < rows[0] < rows[1] < heads[1] < rows[2]
    grounds = [shape for shape in chart.layout["shapes"] if shape["type"] == "rect"]
    assert grounds[0]["y1"] < grounds[1]["y0"]


def test_of_many_journeys_the_newest_are_drawn_and_all_are_said():
    told, touches = journeys()
    many = told.iloc[[0] * 15].assign(journey=[f"j{k}" for k in range(15)])
    chart = charts.journey_timeline(many, touches)
    assert len(chart.layout["annotations"]) == 12 and "3 earlier journeys are not drawn." in chart.caption
    assert chart.alt.count("signed.") == 15
    assert charts.journey_timeline(told.head(0), touches).empty.startswith("No touch and no outcome")
