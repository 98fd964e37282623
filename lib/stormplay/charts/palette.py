"""Colours with a meaning, and the look that every chart shares: the fonts and inks of the page's style sheet."""

from __future__ import annotations

from typing import Any

from stormplay import look
from stormplay.errors import BadInput

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif'

# The tokens' colours by day. By night the page turns a whole chart over (`--sp-turned`), which keeps every distance and
# hue, so that no script has to paint it again and paper is always as by day.
# Marks stand out from white by 3:1 at least and words by 4.5:1 (WCAG 2.2, 1.4.11 and 1.4.3); a test counts it.
COLOURS = {
    "ink": look.light("ink"),  # words and totals
    "soft": look.light("soft"),  # quiet words, axes
    "us": look.light("accent"),  # what was done: treated homes, this storm, points earned
    "them": "#66758a",  # what it is compared with: controls, the last storm, chance
    "good": look.light("good"),
    "warn": "#9a5f00",
    "bad": look.light("bad"),
    "cut": "#b23a48",  # a limit: capacity, budget
}
# Grounds and lines carry no meaning of their own.
PALE = {
    "us": "#e6f0fb",
    "good": "#dcefe3",
    "warn": "#fbeacb",
    "bad": "#f8dcdc",
    "line": look.light("line"),
    "missing": look.light("hair"),
}

# Models and other things that are equals: Okabe and Ito, 2008, the light ones darkened. As on the maps.
SERIES = ("#0f5cad", "#c64f00", "#00795a", "#a8477f", "#8f6b00", "#5d3a9b")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")  # beside the colour, for eyes that see no red

_AXIS = {
    "automargin": True,
    "gridcolor": PALE["missing"],
    "linecolor": PALE["line"],
    "zerolinecolor": "#9aa6b5",
    "ticks": "",
    "tickfont": {"color": COLOURS["soft"]},
    "title": {"font": {"color": COLOURS["soft"], "size": 13}, "standoff": 10},
    "fixedrange": True,  # a finger that scrolls the page must not zoom the chart
}

TEMPLATE: dict[str, Any] = {
    "layout": {
        "font": {"family": FONT, "size": 14, "color": COLOURS["ink"]},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "colorway": list(SERIES),
        "margin": {"l": 8, "r": 16, "t": 16, "b": 8},
        "hoverlabel": {"bgcolor": COLOURS["ink"], "font": {"color": "#fff", "size": 13}, "align": "left"},
        "hovermode": "closest",
        "dragmode": False,
        "showlegend": False,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
    }
}


def series(place: int) -> tuple[str, str]:
    """Colour and dash of the nth of several equals."""
    return SERIES[place % len(SERIES)], DASHES[place % len(DASHES)]


def needs(frame: Any, name: str, *columns: str) -> None:
    """Say which columns a chart cannot do without.

    Raises:
        BadInput: Some of them are missing.
    """
    missing = [column for column in columns if column not in frame]
    if missing:
        raise BadInput(f"The frame of {name} has no {', '.join(missing)}.", f"Expected {', '.join(columns)}.")
