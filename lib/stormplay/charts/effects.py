"""Charts of effects: lift with its interval, and how well a model of uplift ranks and what its numbers are worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from stormplay.charts.chart import Chart, nothing, records, said, thinned
from stormplay.charts.palette import COLOURS, needs, series


def lift_interval(lifts: pd.DataFrame, *, unit: str = "percentage points", caption: str = "") -> Chart:
    """Estimates with their intervals against 'no effect'.

    Args:
        lifts: One row an estimate: `label`, `estimate`, `low`, `high`, in the unit; low or high NaN where there is no
            interval. An interval that is open at a side may hold an infinity there.
        unit: What the numbers are.
        caption: How to read it.
    """
    needs(lifts, "lift_interval", "label", "estimate", "low", "high")
    known = lifts.dropna(subset=["estimate"])
    if known.empty:
        return nothing("Too early to say: there is no lift to show yet.")
    rows = records(known)
    return Chart(
        data=[trace for place, row in enumerate(rows) for trace in _bar(place, row, unit)],
        layout={
            "xaxis": {"title": {"text": unit}, "zeroline": True, "zerolinewidth": 2, "zerolinecolor": COLOURS["ink"],
                      "range": _around(rows)},
            "yaxis": {"visible": False, "range": [len(rows) - 0.5, -0.7]},
            "annotations": [_above(place, row) for place, row in enumerate(rows)],
        },
        alt=" ".join(f"{_in_words(row, unit)}." for row in rows),
        headers=("What", "Estimate", "Low", "High"),
        rows=[(row["label"], *(_number(row[name]) for name in ("estimate", "low", "high")))
              for row in records(lifts)],
        caption=caption or "The diamond is the estimate, the bar its 95 % interval. A bar over 0 may be no effect.",
        height=80 + 76 * len(known),
        narrow={"font.size": 12},
    )  # fmt: skip


def _bar(place: int, row: Mapping[str, Any], unit: str) -> list[dict[str, Any]]:
    colour = _verdict(float(row["low"]), float(row["high"]))
    words = {"hovertext": _in_words(row, unit), "hoverinfo": "text"}
    return [
        {"type": "scatter", "mode": "lines", "x": _ends(row), "y": [place] * 2, "opacity": 0.45,
         "line": {"color": colour, "width": 10}, **words},
        {"type": "scatter", "mode": "markers", "x": [row["estimate"]], "y": [place],
         "marker": {"color": colour, "size": 15, "symbol": "diamond"}, **words},
    ]  # fmt: skip


def _above(place: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """The label stands above its bar: beside it there is no room on a phone."""
    return {"x": 0, "xref": "paper", "xanchor": "left", "y": place, "yanchor": "bottom", "yshift": 10,
            "text": said(row["label"]), "showarrow": False, "font": {"size": 13},
            "bgcolor": "rgba(255,255,255,0.85)"}  # fmt: skip


def _around(rows: list[dict[str, Any]]) -> list[float]:
    """A range that holds all ends and 0, with some air."""
    ends = [0.0, *(end for row in rows for end in (*_ends(row), float(row["estimate"])))]
    air = 0.08 * (max(ends) - min(ends) or 1.0)
    return [min(ends) - air, max(ends) + air]


def _verdict(low: float, high: float) -> str:
    if low > 0:
        return COLOURS["good"]
    return COLOURS["bad"] if high < 0 else COLOURS["them"]


def _ends(row: Mapping[str, Any]) -> list[float]:
    """An end that is infinite or unknown is drawn at the estimate."""
    finite = [float(row[name]) for name in ("low", "high")]
    return [end if abs(end) != float("inf") and end == end else float(row["estimate"]) for end in finite]  # noqa: PLR0124


def _in_words(row: Mapping[str, Any], unit: str) -> str:
    ends = f", {_number(row['low'])} to {_number(row['high'])}" if pd.notna(row["low"]) else ", no interval yet"
    return f"{said(row['label'])}: {_number(row['estimate'])} {unit}{ends}"


def _number(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:+.1f}"


def uplift_curve(curve: pd.DataFrame, *, cuts: Mapping[str, float] | None = None) -> Chart:
    """What treating the best homes first is expected to bring, and where capacity and budget cut.

    Args:
        curve: `homes` (how many are treated, best uplift first) and `conversions` (expected from them in all, more
            than without treating), both growing.
        cuts: What limits, such as 'crew capacity' or 'budget', to how many homes it allows.
    """
    needs(curve, "uplift_curve", "homes", "conversions")
    if curve.empty:
        return nothing("No home has an uplift yet.")
    homes, gained = curve["homes"].astype(float), curve["conversions"].astype(float)
    few = thinned(curve)
    narrow: dict[str, Any] = {"font.size": 12, "yaxis.title.text": "expected conversions"}
    line = {"type": "scatter", "mode": "lines", "x": few["homes"].tolist(),
            "y": few["conversions"].tolist(), "name": "best uplift first",
            "line": {"color": COLOURS["us"], "width": 2.5}, "fill": "tozeroy", "fillcolor": "rgba(15,92,173,0.08)",
            "hovertemplate": "%{x:,.0f} homes: %{y:,.1f} expected<extra></extra>"}  # fmt: skip
    chance = {"type": "scatter", "mode": "lines", "x": [0, homes.iloc[-1]], "y": [0, gained.iloc[-1]],
              "name": "in any order", "line": {"color": COLOURS["them"], "width": 2, "dash": "dash"},
              "hoverinfo": "skip"}  # fmt: skip
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": "homes treated"}, "rangemode": "tozero", "showgrid": False},
        "yaxis": {"title": {"text": "expected conversions gained"}, "rangemode": "tozero"},
        "showlegend": True, "shapes": [], "annotations": [], "margin": {"t": 56},
    }  # fmt: skip
    rows = [(f"All {homes.iloc[-1]:,.0f} homes", f"{homes.iloc[-1]:,.0f}", f"{gained.iloc[-1]:,.1f}")]
    for place, (name, at) in enumerate((cuts or {}).items()):
        worth = _at(homes, gained, at)
        rows.append((name, f"{at:,.0f}", f"{worth:,.1f}"))
        _cut(layout, name, at, worth, place, is_late=2 * at > homes.iloc[-1])
        narrow[f"annotations.{place}.text"] = f"{said(name)}<br>{at:,.0f} homes"
    return Chart(
        data=[line, chance],
        layout=layout,
        alt="Expected conversions by homes treated. "
        + " ".join(f"{name}: {at} homes bring {worth}." for name, at, worth in rows),
        headers=("Up to", "Homes", "Expected conversions gained"),
        rows=rows,
        caption="Modelled. The steeper the curve lies above the dashed line, the more the ranking is worth.",
        narrow=narrow,
    )


def _at(homes: pd.Series[float], gained: pd.Series[float], wanted: float) -> float:
    """The curve at a number of homes, straight between its points."""
    if wanted <= homes.iloc[0]:
        return float(gained.iloc[0]) * (wanted / float(homes.iloc[0]) if homes.iloc[0] else 1.0)
    place = min(int(homes.searchsorted(wanted)), len(homes) - 1)
    low, high = float(homes.iloc[place - 1]) if place else 0.0, float(homes.iloc[place])
    share = min(1.0, (wanted - low) / (high - low)) if high > low else 1.0
    before = float(gained.iloc[place - 1]) if place else 0.0
    return before + share * (float(gained.iloc[place]) - before)


def _cut(layout: dict[str, Any], name: str, at: float, worth: float, place: int, *, is_late: bool) -> None:
    line = {"color": COLOURS["cut"], "width": 2, "dash": "dot"}
    layout["shapes"].append({"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper", "line": line})
    layout["annotations"].append({
        "x": at, "y": 0.05 + 0.16 * (place % 4), "yref": "paper",
        "text": f"{said(name)}: {at:,.0f} homes, {worth:,.0f} gained",
        "showarrow": False, "xanchor": "right" if is_late else "left", "xshift": -6 if is_late else 6, "align": "left",
        "bgcolor": "rgba(255,255,255,0.85)",
        "font": {"color": COLOURS["cut"], "size": 13},
    })  # fmt: skip


def qini(curves: pd.DataFrame) -> Chart:
    """Qini curves: conversions gained on data with a control, by the share treated, best first; against any order.

    Args:
        curves: One row a point: `model`, `share` (0 to 1), `gain` (conversions more than without, per 1,000 homes or
            in all, as the caller counts), and where known `low` and `high` of it.
    """
    needs(curves, "qini", "model", "share", "gain")
    if curves.empty:
        return nothing("No model has been tried on outcomes yet.")
    data: list[dict[str, Any]] = []
    rows = []
    for place, (name, own) in enumerate(curves.groupby("model", sort=False)):
        ordered = thinned(own.sort_values("share"))
        colour, dash = series(place)
        share = ordered["share"].astype(float).tolist()
        if {"low", "high"} <= set(ordered) and ordered["low"].notna().any():
            data.append(_band(share, ordered, colour))
        data.append({"type": "scatter", "mode": "lines", "x": share, "y": ordered["gain"].tolist(), "name": said(name),
                     "line": {"color": colour, "width": 2.5, "dash": dash},
                     "hovertemplate": "%{y:,.1f} at %{x:.0%}<extra>" + said(name) + "</extra>"})  # fmt: skip
        rows.append(
            (str(name), f"{_at(ordered['share'], ordered['gain'], 0.3):,.1f}", f"{ordered['gain'].iloc[-1]:,.1f}")
        )
    end = float(curves.loc[curves["share"] == curves["share"].max(), "gain"].iloc[0])
    data.append({"type": "scatter", "mode": "lines", "x": [0, 1], "y": [0, end], "name": "any order",
                 "line": {"color": COLOURS["them"], "width": 2, "dash": "dash"}, "hoverinfo": "skip"})  # fmt: skip
    return Chart(
        data=data,
        layout={
            "xaxis": {"title": {"text": "share of homes treated, best first"}, "tickformat": ".0%", "range": [0, 1],
                      "showgrid": False},
            "yaxis": {"title": {"text": "conversions gained"}},
            "showlegend": True, "margin": {"t": 56},
        },
        alt="Qini curves. " + " ".join(f"{name}: {third} gained with the best 30 %, {whole} with all."
                                       for name, third, whole in rows),
        headers=("Model", "Gained with the best 30 %", "With all"),
        rows=rows,
        caption="Measured against controls. A curve above the dashed line ranks better than chance.",
        narrow={"font.size": 12},
    )  # fmt: skip


def _band(x: list[float], rows: pd.DataFrame, colour: str) -> dict[str, Any]:
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return {"type": "scatter", "mode": "lines", "x": [*x, *reversed(x)], "line": {"width": 0},
            "y": [*rows["high"].tolist(), *reversed(rows["low"].tolist())], "fill": "toself", "hoverinfo": "skip",
            "fillcolor": f"rgba({red},{green},{blue},0.12)", "showlegend": False}  # fmt: skip


def calibration(groups: pd.DataFrame) -> Chart:
    """Predicted uplift against the one that was observed, group by group; on the line a prediction is right.

    Args:
        groups: One row a group of homes: `predicted`, `observed` (probability differences), and where known `low`,
            `high` of the observed one and `n`, its homes.
    """
    needs(groups, "calibration", "predicted", "observed")
    if groups.empty:
        return nothing("There are no outcomes to compare a prediction with yet.")
    ordered = groups.sort_values("predicted")
    predicted, observed = ordered["predicted"].astype(float), ordered["observed"].astype(float)
    homes = ordered["n"].astype(float).tolist() if "n" in ordered else [float("nan")] * len(ordered)
    dots: dict[str, Any] = {
        "type": "scatter", "mode": "markers", "x": (100 * predicted).tolist(), "y": (100 * observed).tolist(),
        "marker": {"size": 11, "color": COLOURS["us"]}, "hoverinfo": "text", "name": "groups of homes",
        "hovertext": [f"predicted {100 * p:+.1f}, observed {100 * o:+.1f} points{_of(n)}"
                      for p, o, n in zip(predicted, observed, homes, strict=True)],
    }  # fmt: skip
    if {"low", "high"} <= set(ordered):
        above, below = 100 * (ordered["high"] - observed), 100 * (observed - ordered["low"])
        dots["error_y"] = {"type": "data", "symmetric": False, "array": above.tolist(), "arrayminus": below.tolist(),
                           "color": COLOURS["us"], "thickness": 1.5, "width": 4}  # fmt: skip
    reach = [100 * min(predicted.min(), observed.min(), 0.0), 100 * max(predicted.max(), observed.max(), 0.01)]
    right = {"type": "scatter", "mode": "lines", "x": reach, "y": reach, "name": "as predicted", "hoverinfo": "skip",
             "line": {"color": COLOURS["them"], "width": 2, "dash": "dash"}}  # fmt: skip
    return Chart(
        data=[right, dots],
        layout={
            "xaxis": {"title": {"text": "predicted uplift, percentage points"}, "zeroline": True},
            "yaxis": {"title": {"text": "observed, percentage points"}, "zeroline": True},
            "showlegend": True, "margin": {"t": 56},
        },
        alt="Calibration. " + " ".join(
            f"Predicted {100 * p:+.1f} points, observed {100 * o:+.1f}{_of(n)}."
            for p, o, n in zip(predicted, observed, homes, strict=True)),
        headers=("Predicted, points", "Observed, points", "Homes"),
        rows=[(f"{100 * p:+.1f}", f"{100 * o:+.1f}", None if pd.isna(n) else f"{n:,.0f}")
              for p, o, n in zip(predicted, observed, homes, strict=True)],
        caption="Each dot is a group of homes with like predictions. Above the dashed line they did better than said.",
        narrow={"font.size": 12, "yaxis.title.text": "observed, points"},
    )  # fmt: skip


def _of(homes: float) -> str:
    return "" if pd.isna(homes) else f" ({homes:,.0f} homes)"
