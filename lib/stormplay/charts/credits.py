"""Charts of credit: how much of it each method gives each channel, and what was caused beside what is credited."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from stormplay.charts.chart import Chart, nothing, records, said
from stormplay.charts.palette import COLOURS, SERIES, needs

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "x", "hexagon")  # beside the colour
INKS = (*SERIES, COLOURS["ink"], COLOURS["bad"])
MOST = 20  # channels that are drawn; who has more finds the others in the table
STEP = 0.085  # rows between two methods' dots: they often agree, and would hide each other
ROW_PX, NARROW_ROW_PX, LABEL = 54, 66, 22


def method_dots(credit: pd.DataFrame, *, caption: str = "") -> Chart:
    """The methods side by side: a row a channel, a dot a method, at its share of all there is to credit.

    Args:
        credit: One row a method and channel: `method` (as it is called), `channel`, `share` (0 to 1) and `amount` (as
            it is said: '31.3 signatures').
        caption: How to read it.

    Raises:
        BadInput: A column is missing.
    """
    needs(credit, "method_dots", "method", "channel", "share", "amount")
    if credit.empty or not credit["share"].sum() > 0:
        return nothing("There is nothing to credit yet.")
    table = credit.pivot_table(index="channel", columns="method", values="share", aggfunc="sum", sort=False)
    table = table.loc[table.mean(axis="columns").sort_values(ascending=False, kind="stable").index]
    methods = list(dict.fromkeys(credit["method"].astype(str)))
    shown = table.head(MOST)
    amounts = {(row["method"], row["channel"]): str(row["amount"]) for row in records(credit)}
    most = 100 * float(shown.to_numpy().max())
    return Chart(
        data=[_ranges(shown), *(_dots(shown, name, k, methods, amounts) for k, name in enumerate(methods))],
        layout={
            "xaxis": {"title": {"text": "share of the credit, %"}, "range": [0, most * 1.16 + 1]},
            "yaxis": {"tickvals": list(range(len(shown))), "ticktext": [_short(name) for name in shown.index],
                      "range": [len(shown) - 0.45, -0.55], "showgrid": False, "zeroline": False,
                      "tickfont": {"color": COLOURS["ink"], "size": 14}},
            "showlegend": True,
            "legend": {"font": {"size": 13}, "itemclick": False, "itemdoubleclick": False},
            "shapes": [_rule(place) for place in range(1, len(shown))],
            "annotations": [_ends(place, row) for place, (_, row) in enumerate(shown.iterrows())],
            "margin": {"t": 56},
        },
        alt=_dots_in_words(table),
        headers=("Channel", *methods),
        rows=[(channel, *(f"{100 * row[name]:.1f} %" for name in methods)) for channel, row in table.iterrows()],
        caption=" ".join(filter(None, [caption or "Where the dots lie together, the methods agree.", _more(table)])),
        height=110 + ROW_PX * len(shown),
        narrow={"height": 190 + NARROW_ROW_PX * len(shown), "font.size": 12, "legend.font.size": 12,
                "yaxis.tickfont.size": 12, "xaxis.range": [0, most * 1.4 + 1]},
    )  # fmt: skip


def _ranges(shown: pd.DataFrame) -> dict[str, Any]:
    """From the least to the most that a method gives a channel."""
    low, high = 100 * shown.min(axis="columns"), 100 * shown.max(axis="columns")
    xs = [x for ends in zip(low, high, strict=True) for x in (*ends, None)]
    ys = [y for place in range(len(shown)) for y in (place, place, None)]
    return {"type": "scatter", "mode": "lines", "x": xs, "y": ys, "hoverinfo": "skip", "showlegend": False,
            "line": {"width": 16, "color": "#d3dbe5"}}  # fmt: skip


def _dots(
    shown: pd.DataFrame, name: str, place: int, methods: Sequence[str], amounts: dict[tuple[str, str], str]
) -> dict[str, Any]:
    lift = (place - (len(methods) - 1) / 2) * STEP
    return {
        "type": "scatter", "mode": "markers", "name": said(name), "x": [100 * share for share in shown[name]],
        "y": [row + lift for row in range(len(shown))], "hoverinfo": "text",
        "marker": {"size": 11, "color": INKS[place % len(INKS)], "symbol": SYMBOLS[place % len(SYMBOLS)],
                   "line": {"color": "#fff", "width": 1}},
        "hovertext": [f"<b>{said(channel)}</b><br>{said(name)}: {said(amounts.get((name, str(channel)), ''))}, "
                      f"{100 * share:.1f} %" for channel, share in shown[name].items()],
    }  # fmt: skip


def _ends(place: int, row: pd.Series) -> dict[str, Any]:
    """The range in numbers, beside its end."""
    low, high = 100 * float(row.min()), 100 * float(row.max())
    text = f"{high:.0f} %" if f"{low:.0f}" == f"{high:.0f}" else f"{low:.0f}–{high:.0f} %"
    return {"x": high, "y": place, "text": text, "showarrow": False, "xanchor": "left", "xshift": 14,
            "font": {"size": 13, "color": COLOURS["soft"]}}  # fmt: skip


def _rule(place: int) -> dict[str, Any]:
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": place - 0.5, "y1": place - 0.5, "layer": "below",
            "line": {"color": "#e9edf2", "width": 1}}  # fmt: skip


def _short(name: object) -> str:
    text = str(name)
    return said(text if len(text) <= LABEL else f"{text[: LABEL - 1].rstrip()}…")


def _more(table: pd.DataFrame) -> str:
    return f"{len(table) - MOST:,} channels with less credit are in the table." if len(table) > MOST else ""


def _dots_in_words(table: pd.DataFrame) -> str:
    parts = [
        f"{channel} {100 * row.min():.1f} % by {row.idxmin()} to {100 * row.max():.1f} % by {row.idxmax()}"
        if row.max() - row.min() >= 0.0005 else f"{channel} {100 * row.max():.1f} % by every method"
        for channel, row in table.head(MOST).iterrows()
    ]  # fmt: skip
    return f"Share of the credit by {len(table.columns)} methods: {'; '.join(parts)}."


# ---- credit is not cause


def credit_beside_cause(credited: float, caused: float | None, low: float, high: float, *, of_treated: float) -> Chart:
    """What is shared out beside what treating caused, on one scale.

    Args:
        credited: Signatures that the methods share out.
        caused: Signatures that would not be there without treating; None: not measurable yet.
        low, high: Its interval; infinite where there is none.
        of_treated: The credited signatures of treated homes.
    """
    if caused is None:
        return nothing(
            "What treating caused cannot be drawn yet: it needs known outcomes of homes treated and held out."
        )
    ends = [end if math.isfinite(end) else caused for end in (low, high)]
    most, least = max(credited, ends[1], 1.0), min(0.0, ends[0])
    air = 0.14 * (most - least)
    other = credited - of_treated
    rows = [("Credited to channels", f"{credited:,.0f}", "–"), ("of these, treated homes", f"{of_treated:,.0f}", "–"),
            ("Caused by treating", f"{caused:,.0f}", f"{low:,.0f} to {high:,.0f}")]  # fmt: skip
    return Chart(
        data=[
            _bar("credited, treated homes", 0.0, of_treated, COLOURS["them"]),
            _bar("credited, other homes", of_treated, other, "#b9c2ce"),
            {"type": "scatter", "mode": "lines", "x": ends, "y": [1, 1], "opacity": 0.4, "hoverinfo": "skip",
             "line": {"color": COLOURS["us"], "width": 14}, "showlegend": False},
            {"type": "scatter", "mode": "markers", "x": [caused], "y": [1], "hoverinfo": "text", "showlegend": False,
             "marker": {"color": COLOURS["us"], "size": 17, "symbol": "diamond"},
             "hovertext": [f"caused by treating: {caused:,.0f} ({low:,.0f} to {high:,.0f})"]},
        ],
        layout={
            "barmode": "stack",
            "xaxis": {"title": {"text": "signatures"}, "range": [least - (air if least < 0 else 0), most + air],
                      "zeroline": True},
            "yaxis": {"visible": False, "range": [1.6, -0.75]},
            "annotations": [
                _above(0, f"<b>Credited</b> to channels: {credited:,.0f}, {of_treated:,.0f} of treated homes"),
                _above(1, f"<b>Caused</b> by treating: about {caused:,.0f} ({low:,.0f} to {high:,.0f})"),
            ],
        },
        alt=f"{credited:,.0f} signatures are credited, {of_treated:,.0f} of treated homes; treating caused about "
            f"{caused:,.0f}, {low:,.0f} to {high:,.0f}.",
        headers=("Signatures", "Number", "Interval"),
        rows=rows,
        caption="The grey bar is shared out by every method, whatever made the owners sign. The diamond is what the "
                "experiment says, the pale bar its interval.",
        height=250,
        narrow={"font.size": 12, "annotations.0.font.size": 12, "annotations.1.font.size": 12},
    )  # fmt: skip


def _bar(name: str, base: float, size: float, colour: str) -> dict[str, Any]:
    return {"type": "bar", "orientation": "h", "x": [size], "base": [base], "y": [0], "width": 0.42,
            "marker": {"color": colour}, "hoverinfo": "text", "hovertext": [f"{name}: {size:,.0f}"],
            "showlegend": False}  # fmt: skip


def _above(place: int, text: str) -> dict[str, Any]:
    return {"x": 0, "xref": "paper", "xanchor": "left", "y": place - 0.25, "yanchor": "bottom", "text": text,
            "showarrow": False, "font": {"size": 14}}  # fmt: skip
