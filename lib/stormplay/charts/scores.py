"""Charts of the Storm Play Score: what it is made of, where it stands, how it got there, and against another storm."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pandas as pd

from stormplay.charts.chart import Chart, nothing, records, said
from stormplay.charts.palette import COLOURS, PALE, needs

GOOD, FAIR = 70.0, 40.0  # from here a score reads well, from here it reads fair
BANDS = (("low", 0.0, FAIR, PALE["bad"]), ("fair", FAIR, GOOD, PALE["warn"]), ("good", GOOD, 100.0, PALE["good"]))

_WIDTH = 0.62  # of a step, in places

PANELS = {
    "doors": "Doors knocked",
    "completed_per_100_doors": "Jobs completed per 100 doors",
    "conversions_per_100_doors": "Signed per 100 doors",
}


def waterfall(components: pd.DataFrame) -> Chart:
    """From nothing to the score, component by component; the pale part of a step is what it could still bring.

    Args:
        components: In order, one row each: `label`, `points` (what it brings), `most` (what it could bring), and
            where known `detail` ('48 of 60 jobs') and `reason` (why it is not measurable yet; '' where it is).
    """
    needs(components, "waterfall", "label", "points", "most")
    rows = records(components)
    labels = [said(row["label"]) for row in rows]
    points, most = [float(row["points"]) for row in rows], [float(row["most"]) for row in rows]
    before = [sum(points[:k]) for k in range(len(points))]
    total = sum(points)
    hover = [f"{label}: {got:.1f} of {of:.0f} points{_more(row)}"
             for row, label, got, of in zip(rows, labels, points, most, strict=True)]  # fmt: skip
    ticks = [label.replace(" ", "<br>", 1) for label in labels]
    steps = {
        "type": "waterfall", "x": [*ticks, "Score"], "y": [*points, total], "width": _WIDTH,
        "measure": [*["relative"] * len(points), "total"], "hovertext": [*hover, f"Score: {total:.1f} of 100"],
        "hoverinfo": "text", "cliponaxis": False, "textposition": "outside", "textfont": {"color": COLOURS["ink"]},
        "text": [*(_brought(got, row) for got, row in zip(points, rows, strict=True)), f"<b>{total:.1f}</b>"],
        "connector": {"line": {"color": "#9aa6b5", "width": 1, "dash": "dot"}},
        "increasing": {"marker": {"color": COLOURS["us"]}}, "totals": {"marker": {"color": COLOURS["ink"]}},
    }  # fmt: skip
    words = [f"{row['label']} brings {got:.1f} of {of:.0f} points{_more(row)}"
             for row, got, of in zip(rows, points, most, strict=True)]  # fmt: skip
    return Chart(
        data=[steps],
        layout={
            "yaxis": {"range": [0, 108], "dtick": 20, "title": {"text": "Points"}},
            "xaxis": {"showgrid": False},
            "shapes": [_possible(k, start, of) for k, (start, of) in enumerate(zip(before, most, strict=True))],
        },
        alt=f"Waterfall from 0 to the score, {total:.1f} of 100. {'; '.join(words)}.",
        headers=("Component", "Points", "At most", "Missing", "From"),
        rows=[
            (row["label"], f"{got:.1f}", f"{of:.0f}", f"{of - got:.1f}", _text(row, "reason") or _text(row, "detail"))
            for row, got, of in zip(rows, points, most, strict=True)
        ],
        caption="Blue is what each component brings, pale what it could still bring.",
        height=360,
        narrow={
            "font.size": 12,
            "yaxis.title.text": "",
            "height": 320,
            "xaxis.tickangle": 0,
            "xaxis.tickfont.size": 10,
        },
    )


def _possible(place: int, start: float, most: float) -> dict[str, Any]:
    """What a step could bring, behind it."""
    return {
        "type": "rect", "layer": "below", "x0": place - _WIDTH / 2, "x1": place + _WIDTH / 2, "y0": start,
        "y1": start + most, "fillcolor": PALE["missing"], "line": {"color": "#b4bfcc", "width": 1, "dash": "dot"},
    }  # fmt: skip


def _more(row: dict[str, Any]) -> str:
    why = _text(row, "reason") or _text(row, "detail")
    return f" ({said(why)})" if why else ""


def _brought(points: float, row: dict[str, Any]) -> str:
    return "not yet" if _text(row, "reason") else f"+{points:.1f}"


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def gauge(score: float | None) -> Chart:
    """The score on its scale of 100, with the bands 'low', 'fair' and 'good'.

    Args:
        score: From 0 to 100; None where none of it is measurable yet.
    """
    if score is None or not math.isfinite(score):
        return nothing("The score is not measurable yet.")
    word = next(name for name, _, to, _ in BANDS if score < to or to == 100.0)
    dial = {
        "axis": {"range": [0, 100], "tickvals": [0, FAIR, GOOD, 100], "tickfont": {"color": COLOURS["soft"]}},
        "bar": {"color": COLOURS["ink"], "thickness": 0.28},
        "bgcolor": "#fff",
        "borderwidth": 0,
        "steps": [{"range": [low, high], "color": colour, "thickness": 1} for _, low, high, colour in BANDS],
    }
    number = {"valueformat": ".1f", "suffix": " / 100", "font": {"size": 26, "color": COLOURS["ink"]}}
    return Chart(
        data=[{"type": "indicator", "mode": "gauge+number", "value": score, "number": number, "gauge": dial}],
        layout={"margin": {"l": 40, "r": 40, "t": 28, "b": 8}},
        alt=f"Gauge from 0 to 100. The score is {score:.1f}, which reads {word}.",
        caption=f"Under {FAIR:.0f} reads low, from {GOOD:.0f} good.",
        height=240,
        narrow={"height": 210, "font.size": 12},
    )


def score_history(history: pd.DataFrame) -> Chart:
    """The score over time; each step names its cause.

    Args:
        history: `changed_at` (times), `score` (0 to 100), `cause` (words), and where known `changed_by`.
    """
    needs(history, "score_history", "changed_at", "score", "cause")
    if history.empty:
        return nothing("The score has not changed yet.")
    steps = history.sort_values("changed_at", kind="stable").reset_index(drop=True)
    scores = [float(score) for score in steps["score"]]
    moves = [0.0, *(now - was for was, now in pairwise(scores))]
    times = pd.to_datetime(steps["changed_at"], utc=True)
    by = steps["changed_by"] if "changed_by" in steps else pd.Series([""] * len(steps))
    hover = [
        f"<b>{score:.1f}</b> ({move:+.1f})<br>{said(cause)}<br>{at:%d %b %Y, %H:%M} UTC{_by(who)}"
        for score, move, cause, at, who in zip(scores, moves, steps["cause"], times, by, strict=True)
    ]
    moments = times.dt.strftime("%Y-%m-%d %H:%M:%S.%f").tolist()
    line = {
        "type": "scatter", "mode": "lines+markers", "x": moments, "y": scores,
        "line": {"shape": "hv", "color": COLOURS["us"], "width": 2}, "marker": {"size": 8, "color": COLOURS["us"]},
        "hovertext": hover, "hoverinfo": "text", "cliponaxis": False,
    }  # fmt: skip
    return Chart(
        data=[line],
        layout={
            "yaxis": {"range": [0, 100], "dtick": 20, "title": {"text": "Score"}},
            "xaxis": {"type": "date", "showgrid": False, "range": _around(times)},
        },
        alt=f"The score changed {len(steps):,} times, from {scores[0]:.1f} to {scores[-1]:.1f}. "
        f"Last: {steps['cause'].iloc[-1]}.",
        headers=("When, UTC", "Score", "Change", "Cause", "By"),
        rows=[(f"{at:%d %b %Y, %H:%M}", f"{score:.1f}", f"{move:+.1f}", cause, who or None)
              for at, score, move, cause, who in reversed(
                  list(zip(times, scores, moves, steps["cause"], by, strict=True)))][:50],
        caption="Each step is a change of what the score is made of. Point at one to see its cause.",
        height=300,
        narrow={"height": 260, "yaxis.title.text": "", "font.size": 12, "xaxis.nticks": 4, "xaxis.tickangle": 0},
    )  # fmt: skip


def _around(times: pd.Series[Any]) -> list[str]:
    """A range with some air: of changes within a minute the axis would else count microseconds."""
    air = max((times.iloc[-1] - times.iloc[0]) * 0.04, pd.Timedelta(hours=12))
    return [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in (times.iloc[0] - air, times.iloc[-1] + air)]


def _by(who: object) -> str:
    return f" · {said(who)}" if isinstance(who, str) and who else ""


def storm_comparison(days: pd.DataFrame, this: str | None = None) -> Chart:
    """This storm against another, aligned on the days since the hail: doors, and what came of each hundred.

    Args:
        days: One row a storm and day: `storm` (its name), `day` (days since the hail), `doors`,
            `completed_per_100_doors`, `conversions_per_100_doors`, all running totals; NaN: too few doors.
        this: Which storm is this one; None: the first.
    """
    needs(days, "storm_comparison", "storm", "day", *PANELS)
    if days.empty:
        return nothing("Nothing has happened at a door yet.")
    names = list(dict.fromkeys(days["storm"].astype(str)))
    ours = names[0] if this is None else this
    data: list[dict[str, Any]] = []
    for panel, column in enumerate(PANELS):
        data += [_storm_line(days, name, column, panel, is_this=name == ours) for name in names]
    layout: dict[str, Any] = {"showlegend": True, "hovermode": "x unified", "margin": {"t": 84}, "annotations": []}
    layout["legend"] = {"y": 1.14}
    narrow: dict[str, Any] = {"height": 680, "font.size": 12, "legend.y": 1.02}
    for panel, title in enumerate(PANELS.values()):
        _lay_out(layout, narrow, panel, title)
    last = days.sort_values("day").groupby("storm", sort=False).tail(1).set_index("storm").loc[names]
    return Chart(
        data=data,
        layout=layout,
        alt=" ".join(_last(name, row) for name, row in last.iterrows()),
        headers=("Storm", "Day", *PANELS.values()),
        rows=[
            (name, f"{row['day']:.0f}", *(_number(row[column]) for column in PANELS)) for name, row in last.iterrows()
        ],
        caption="Running totals by days since the hail. A rate is shown from 20 doors on.",
        height=320,
        narrow=narrow,
    )


def _storm_line(days: pd.DataFrame, name: str, column: str, panel: int, *, is_this: bool) -> dict[str, Any]:
    own = days[days["storm"].astype(str) == name].sort_values("day")
    place = str(panel + 1) if panel else ""
    look = {"color": COLOURS["us" if is_this else "them"], "width": 2.5, "dash": "solid" if is_this else "dash"}
    return {
        "type": "scatter", "mode": "lines", "name": said(name), "legendgroup": said(name), "showlegend": panel == 0,
        "x": own["day"].tolist(), "y": own[column].tolist(), "line": {"shape": "hv", **look},
        "xaxis": f"x{place}", "yaxis": f"y{place}",
        "hovertemplate": "%{y:,.0f}" if column == "doors" else "%{y:.1f}",
    }  # fmt: skip


def _lay_out(layout: dict[str, Any], narrow: dict[str, Any], panel: int, title: str) -> None:
    """Panels beside each other; on a phone below each other."""
    place, n = (str(panel + 1) if panel else ""), len(PANELS)
    left = panel / n + 0.035 * (panel > 0)
    top = 1 - panel / n
    layout[f"xaxis{place}"] = {"domain": [left, (panel + 1) / n - 0.02], "anchor": f"y{place}", "showgrid": False,
                               "title": {"text": "days since the hail"}, "rangemode": "tozero"}  # fmt: skip
    layout[f"yaxis{place}"] = {"anchor": f"x{place}", "rangemode": "tozero", "domain": [0, 1]}
    layout["annotations"].append({"text": title, "x": left, "y": 1.03, "xref": "paper", "yref": "paper",
                                  "xanchor": "left", "yanchor": "bottom", "showarrow": False,
                                  "font": {"size": 13, "color": COLOURS["ink"]}})  # fmt: skip
    narrow[f"xaxis{place}.domain"] = [0, 1]
    narrow[f"yaxis{place}.domain"] = [top - 1 / n + 0.09, top - 0.05]
    narrow[f"annotations.{panel}.x"], narrow[f"annotations.{panel}.y"] = 0, top - 0.045
    if panel < n - 1:
        narrow[f"xaxis{place}.title.text"] = ""


def _last(name: object, row: pd.Series[Any]) -> str:
    return (
        f"{name}, day {row['day']:.0f}: {row['doors']:,.0f} doors, "
        f"{_number(row['completed_per_100_doors'])} jobs completed and "
        f"{_number(row['conversions_per_100_doors'])} signed per 100 doors."
    )


def _number(value: float) -> str:
    return "too few doors for a rate" if pd.isna(value) else f"{value:,.1f}"
