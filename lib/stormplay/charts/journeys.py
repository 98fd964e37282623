"""The journeys of one household in time: touch after touch, the signature, and what came too late to earn it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from stormplay.charts.chart import Chart, nothing, records, said
from stormplay.charts.palette import COLOURS, PALE, needs

MOST = 12  # journeys that are drawn, the newest
ROW_PX, HEAD_ROWS, GAP_ROWS = 30, 1.5, 0.45
LABEL = 18


@dataclass(frozen=True)
class _Band:
    """One journey's part of the chart: where its head stands, and the row of each of its channels."""

    row: Mapping[str, Any]
    touches: Sequence[Mapping[str, Any]]
    top: float
    rows: Mapping[str, float]

    @property
    def bottom(self) -> float:
        return max(self.rows.values(), default=self.top + 0.5) + 0.5


def journey_timeline(journeys: pd.DataFrame, touches: pd.DataFrame) -> Chart:
    """Each journey by itself, on one scale of days since its storm's hail.

    Args:
        journeys: One row a journey, the newest storm first: `journey` (its key), `storm` and `place` (as people call
            them), `hail_on` (its date), `outcome` ('signed', 'not signed' or 'pending'), `outcome_at` (NaT where
            pending), `outcome_said` ('signed, $12,500'), `words` (all of it in a sentence).
        touches: One row a touch, in order of time: `journey`, `channel`, `timestamp`, `is_counted`.

    Raises:
        BadInput: A column is missing.
    """
    needs(journeys, "journey_timeline", "journey", "storm", "place", "hail_on", "outcome", "outcome_at", "outcome_said",
          "words")  # fmt: skip
    needs(touches, "journey_timeline", "journey", "channel", "timestamp", "is_counted")
    if journeys.empty:
        return nothing("No touch and no outcome of this household is on record yet.")
    bands = _bands(journeys.head(MOST), touches)
    end = bands[-1].bottom
    days = [day for band in bands for day in _days_of(band)]
    first, last = min(0.0, *days, 0.0), max(1.0, *days, 1.0)
    air = 0.05 * (last - first)
    more = len(journeys) - len(bands)
    return Chart(
        data=[*(_path(band) for band in bands), *_touches(bands), *_outcomes(bands)],
        layout={
            "xaxis": {"title": {"text": "days since the hail"}, "range": [first - air, last + air], "zeroline": True,
                      "zerolinewidth": 2, "side": "bottom"},
            "yaxis": {"tickvals": [y for band in bands for y in band.rows.values()], "zeroline": False,
                      "ticktext": [_short(name) for band in bands for name in band.rows], "showgrid": False,
                      "range": [end + 0.1, bands[0].top - 0.75], "tickfont": {"color": COLOURS["ink"]}},
            "showlegend": True,
            "legend": {"font": {"size": 13}, "itemclick": False, "itemdoubleclick": False},
            "shapes": [shape for band in bands for shape in _shapes(band)],
            "annotations": [_head(band, " · ", 60) for band in bands],
            "margin": {"t": 44},
        },
        alt=" ".join(str(row["words"]) for row in records(journeys)),
        headers=("Storm", "Home", "Channel", "When, UTC", "Days since the hail", "Counts"),
        rows=[_listed(band, touch) for band in bands for touch in band.touches],
        caption="Filled dots share the credit; open ones came after the signature and earn nothing."
                + (f" {more:,} earlier journeys are not drawn." if more else ""),
        height=int(120 + ROW_PX * (end + 0.75)),
        narrow={"height": int(150 + ROW_PX * (end + 0.75)), "font.size": 12, "legend.font.size": 12,
                "xaxis.nticks": 5, **{f"annotations.{k}.text": _head(band, "<br>", 41)["text"]
                                      for k, band in enumerate(bands)},
                **{f"annotations.{k}.font.size": 11 for k in range(len(bands))}},
    )  # fmt: skip


def _bands(journeys: pd.DataFrame, touches: pd.DataFrame) -> list[_Band]:
    own: dict[Any, list[dict[str, Any]]] = {}
    for touch in records(touches):
        own.setdefault(touch["journey"], []).append(touch)
    found, top = [], 0.0
    for row in records(journeys):
        mine = own.get(row["journey"], [])
        channels = dict.fromkeys(str(touch["channel"]) for touch in mine)
        rows = {name: top + HEAD_ROWS + k for k, name in enumerate(channels)}
        found.append(_Band(row, mine, top, rows))
        top = found[-1].bottom + GAP_ROWS + 0.5
    return found


def _day(band: _Band, moment: Any) -> float:
    """Days since midnight, UTC, of the hail's date."""
    hail = pd.Timestamp(band.row["hail_on"]).tz_localize("UTC")
    return float((pd.Timestamp(moment) - hail) / pd.Timedelta(days=1))


def _days_of(band: _Band) -> list[float]:
    days = [_day(band, touch["timestamp"]) for touch in band.touches]
    return days if pd.isna(band.row["outcome_at"]) else [*days, _day(band, band.row["outcome_at"])]


# ---- traces


def _path(band: _Band) -> dict[str, Any]:
    """The way from touch to touch."""
    return {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "showlegend": False,
            "x": [_day(band, touch["timestamp"]) for touch in band.touches],
            "y": [band.rows[str(touch["channel"])] for touch in band.touches],
            "line": {"color": "#b9c2ce", "width": 1.5}}  # fmt: skip


def _touches(bands: Sequence[_Band]) -> list[dict[str, Any]]:
    looks = {True: ("a touch that counts", "circle", COLOURS["us"]),
             False: ("after the signature: does not count", "circle-open", COLOURS["cut"])}  # fmt: skip
    found = []
    for counts, (name, symbol, colour) in looks.items():
        own = [(band, touch) for band in bands for touch in band.touches if bool(touch["is_counted"]) is counts]
        if own:
            found.append({
                "type": "scatter", "mode": "markers", "name": name, "hoverinfo": "text", "cliponaxis": False,
                "x": [_day(band, touch["timestamp"]) for band, touch in own],
                "y": [band.rows[str(touch["channel"])] for band, touch in own],
                "marker": {"size": 12, "color": colour, "symbol": symbol,
                           "line": {"width": 1 if counts else 2.5, "color": "#fff" if counts else colour}},
                "hovertext": [f"<b>{said(touch['channel'])}</b>, day {_day(band, touch['timestamp']):.0f}"
                              f"<br>{_when(touch['timestamp'])}{'' if counts else '<br>after the signature'}"
                              for band, touch in own],
            })  # fmt: skip
    return found


def _outcomes(bands: Sequence[_Band]) -> list[dict[str, Any]]:
    looks = {"signed": ("signed", "star", COLOURS["good"], 17), "not signed": ("not signed", "x", COLOURS["soft"], 11)}
    found = []
    for outcome, (name, symbol, colour, size) in looks.items():
        own = [band for band in bands if band.row["outcome"] == outcome and not pd.isna(band.row["outcome_at"])]
        if own:
            found.append({
                "type": "scatter", "mode": "markers", "name": name, "hoverinfo": "text", "cliponaxis": False,
                "x": [_day(band, band.row["outcome_at"]) for band in own], "y": [band.top + 0.75 for band in own],
                "marker": {"size": size, "color": colour, "symbol": symbol, "line": {"width": 1, "color": "#fff"}},
                "hovertext": [f"<b>{said(band.row['outcome_said'])}</b><br>{_when(band.row['outcome_at'])}"
                              for band in own],
            })  # fmt: skip
    return found


def _shapes(band: _Band) -> list[dict[str, Any]]:
    ground = {"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": band.top - 0.6, "y1": band.bottom,
              "layer": "below", "fillcolor": PALE["missing"], "opacity": 0.55, "line": {"width": 0}}  # fmt: skip
    if pd.isna(band.row["outcome_at"]):
        return [ground]
    colour = COLOURS["good"] if band.row["outcome"] == "signed" else COLOURS["soft"]
    day = _day(band, band.row["outcome_at"])
    return [ground, {"type": "line", "x0": day, "x1": day, "y0": band.top + 0.75, "y1": band.bottom,
                     "line": {"color": colour, "width": 2, "dash": "dot"}}]  # fmt: skip


def _head(band: _Band, between: str, most: int) -> dict[str, Any]:
    row = band.row
    text = f"<b>{_short(row['storm'], most)}</b>{between}{_short(row['place'], 34)} · {said(row['outcome_said'])}"
    return {"x": 0, "xref": "paper", "xanchor": "left", "xshift": 4, "y": band.top - 0.55, "yanchor": "top",
            "text": text, "showarrow": False, "align": "left", "font": {"size": 13},
            "bgcolor": "rgba(240,243,247,0.9)"}  # fmt: skip


# ---- words


def _short(name: object, most: int = LABEL) -> str:
    text = str(name)
    return said(text if len(text) <= most else f"{text[: most - 1].rstrip()}…")


def _when(moment: Any) -> str:
    return f"{pd.Timestamp(moment):%d %b %Y, %H:%M} UTC"


def _listed(band: _Band, touch: Mapping[str, Any]) -> tuple[str, ...]:
    counts = "yes" if touch["is_counted"] else "no: after the signature"
    return (str(band.row["storm"]), str(band.row["place"]), str(touch["channel"]), _when(touch["timestamp"])[:-4],
            f"{_day(band, touch['timestamp']):.0f}", counts)  # fmt: skip
