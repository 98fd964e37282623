"""Every chart is a figure that Plotly takes, says in words what it shows, and never lets data become markup."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from examples import EVIL, EXAMPLES, components, curve, days, groups, history, lifts, qinis
from hypothesis import given
from hypothesis import strategies as st

from stormplay import charts
from stormplay.charts.chart import plain, said, thinned
from stormplay.charts.effects import _at
from stormplay.charts.palette import PALE, SERIES
from stormplay.errors import BadInput


@pytest.mark.parametrize("name", EXAMPLES)
def test_plotlys_own_classes_take_it(name):
    chart = EXAMPLES[name]()
    figure = chart.figure()
    assert len(figure.data) == len(chart.data) > 0
    assert json.loads(json.dumps(chart.payload(), allow_nan=False)) == chart.payload()


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_has_a_text_alternative_with_numbers(name):
    chart = EXAMPLES[name]()
    assert len(chart.alt) > 20 and re.search(r"\d", chart.alt)
    assert charts.block(chart).count('role="img"') == 1
    if chart.rows:
        assert all(len(row) == len(chart.headers) for row in chart.rows)
        assert "The numbers of this chart" in charts.block(chart)


@pytest.mark.parametrize("name", EXAMPLES)
def test_data_never_become_markup(name):
    shown = charts.html(EXAMPLES[name]())
    assert "<b>Crew" not in shown and "<a href" not in shown and "alert(1)</script>" not in shown
    data = re.search(r'class="sp-chart-data">(.*?)</script>', shown, re.DOTALL)[1]
    assert "<" not in data
    drawn = json.dumps(json.loads(data)["data"]) + json.dumps(json.loads(data)["layout"].get("annotations", []))
    assert "<a href" not in drawn, "Plotly would make a link of it"
    assert "<i>" not in drawn


def test_nan_and_moments_become_what_json_knows():
    got = plain({"a": [float("nan"), np.float64("inf"), np.int64(3)], "b": pd.Timestamp("2021-04-28"), "c": pd.NaT,
                 "d": np.array([1.5, np.nan]), "e": True})  # fmt: skip
    assert got == {"a": [None, None, 3], "b": "2021-04-28T00:00:00", "c": None, "d": [1.5, None], "e": True}


def test_the_waterfall_adds_up_and_names_what_is_not_measurable():
    chart = charts.waterfall(components())
    (steps,) = chart.data
    assert steps["y"][:4] == [24.0, 18.75, 0.0, 19.7] and steps["y"][4] == pytest.approx(62.45)
    assert steps["text"][2] == "not yet"
    assert f"Conversion lift brings 0.0 of 25 points ({said(f'no outcome of {EVIL} yet')})" in chart.alt
    ends = [(shape["y0"], shape["y1"]) for shape in chart.layout["shapes"]]
    assert ends == [(0, 30.0), (24.0, 49.0), (42.75, 67.75), (42.75, 62.75)]


@pytest.mark.parametrize(("score", "word"), [(0, "low"), (39.99, "low"), (40, "fair"), (70, "good"), (100, "good")])
def test_the_gauge_says_how_the_score_reads(score, word):
    assert f"which reads {word}" in charts.gauge(float(score)).alt


@pytest.mark.parametrize("score", [None, float("nan")])
def test_a_gauge_without_a_score_says_so(score):
    assert "not measurable yet" in charts.block(charts.gauge(score))


def test_the_history_tells_each_cause_on_hover():
    chart = charts.score_history(history().sample(frac=1, random_state=1))
    (line,) = chart.data
    assert line["x"] == sorted(line["x"])
    assert "Crew Ray completed 11 jobs" in line["hovertext"][-1] and "Ana Torres" in line["hovertext"][-1]
    moves = np.diff(line["y"])
    assert f"({moves[-1]:+.1f})" in line["hovertext"][-1]
    assert chart.rows[0][3] == "Crew Ray completed 11 jobs", "newest first in the table"


def test_the_comparison_puts_this_storm_first_in_our_colour():
    chart = charts.storm_comparison(days())
    by_storm = {trace["name"]: trace["line"]["color"] for trace in chart.data}
    assert list(by_storm.values()) == [charts.COLOURS["us"], charts.COLOURS["them"]]
    assert len(chart.data) == 6
    assert "day 39: 1,110 doors" in chart.alt


def test_an_interval_that_covers_nothing_has_no_verdict():
    colours = [trace["marker"]["color"] for trace in charts.lift_interval(lifts()).data if "marker" in trace]
    assert colours == [charts.COLOURS["good"], charts.COLOURS["them"], charts.COLOURS["bad"]]


def test_an_interval_open_at_one_side_is_drawn_and_said():
    chart = charts.lift_interval(pd.DataFrame({"label": ["x"], "estimate": [10.0], "low": [-2.0], "high": [np.inf]}))
    assert chart.data[0]["x"] == [-2.0, 10.0]
    low, high = chart.layout["xaxis"]["range"]
    assert low < -2 and 10 < high < 20
    assert charts.lift_interval(pd.DataFrame({"label": ["x"], "estimate": [np.nan], "low": [np.nan],
                                              "high": [np.nan]})).empty.startswith("Too early to say")  # fmt: skip


@given(st.lists(st.floats(0.01, 9), min_size=2, max_size=30), st.floats(0, 1.2))
def test_a_cut_reads_the_curve_where_it_cuts(steps, share):
    homes = pd.Series(np.cumsum(steps))
    gained = pd.Series(np.sqrt(homes))
    wanted = share * homes.iloc[-1]
    expected = np.interp(wanted, [0.0, *homes], [0.0, *gained])
    assert _at(homes, gained, wanted) == pytest.approx(expected)


def test_the_uplift_curve_names_each_cut_and_stays_small():
    chart = charts.uplift_curve(curve(100_000), cuts={"crew capacity": 900, "budget": 60_000})
    assert "crew capacity: 900 homes" in chart.alt
    assert len(json.dumps(chart.payload())) < 40_000
    assert [note["xanchor"] for note in chart.layout["annotations"]] == ["left", "right"]


def test_qini_keeps_models_apart_by_more_than_colour():
    lines = [trace for trace in charts.qini(qinis()).data if trace["line"].get("dash")]
    assert len({trace["line"]["dash"] for trace in lines[:3]}) == 3
    assert lines[-1]["name"] == "any order" and lines[-1]["y"] == [0, 90.0]


def test_calibration_counts_in_percentage_points():
    dots = charts.calibration(groups()).data[1]
    assert dots["x"][-1] == pytest.approx(22.0) and dots["error_y"]["array"][0] == pytest.approx(3.5)


def test_thinning_keeps_both_ends():
    few = thinned(curve(5_000), 100)
    assert len(few) == 100 and few["homes"].iloc[0] == 1 and few["homes"].iloc[-1] == 5_000


EMPTY = [
    lambda: charts.score_history(history(0)), lambda: charts.storm_comparison(days().head(0)),
    lambda: charts.lift_interval(lifts().head(0)), lambda: charts.uplift_curve(curve(0)),
    lambda: charts.qini(qinis().head(0)), lambda: charts.calibration(groups().head(0)),
]  # fmt: skip


@pytest.mark.parametrize("make", EMPTY)
def test_without_data_it_says_why_there_is_no_chart(make):
    chart = make()
    assert chart.empty.endswith(".") and "sp-empty" in charts.html(chart) and "sp-chart-data" not in charts.html(chart)


def test_a_missing_column_is_named():
    with pytest.raises(BadInput, match="The frame of waterfall has no most"):
        charts.waterfall(components().drop(columns="most"))


def luminance(colour):
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_stand_out():
    """WCAG 2.2: words 4.5:1 (1.4.3), marks 3:1 (1.4.11), on the white of a section and on the ground of the page."""
    for ground in ("#ffffff", "#f4f6f9"):
        assert min(contrast(charts.COLOURS[name], ground) for name in ("ink", "soft", "cut")) >= 4.5
        assert min(contrast(colour, ground) for colour in (*charts.COLOURS.values(), *SERIES)) >= 3
    assert min(contrast(charts.COLOURS["ink"], PALE[name]) for name in ("bad", "warn", "good", "missing")) >= 4.5


def test_the_bundle_is_plotlys_own_with_its_licence_and_its_address_changes_with_it():
    text = charts.source()
    assert text.startswith("/**\n* plotly.js (finance - minified) v4.1.0")
    assert "MIT License" in (charts.FOLDER / "LICENSE").read_text()
    assert charts.address().endswith(
        hashlib.sha256((charts.FOLDER / "plotly-finance.min.js").read_bytes()).hexdigest()[:16]
    )
    assert charts.bundle().count("</script") == 1


def test_a_page_does_not_wait_for_plotlys_classes():
    code = "import sys; from stormplay import charts; charts.gauge(5.0).payload(); print('plotly' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
