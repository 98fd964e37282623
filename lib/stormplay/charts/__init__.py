"""Frames in, Plotly charts out, with nothing to fetch. Knows no database and no widget.

A `Chart` is a Plotly figure as plain data (`.figure()` makes the object that Plotly's own tools take), with what it
says in words and its numbers as a table, for whoever does not see it. Pages draw it with one script of ours and one
Plotly bundle, which the server sends once (`controls.ChartFrame`); a report holds the bundle once (`bundle`).

To add a chart: a function from frames to a `Chart` in a room of its subject, a row in `tests/charts/examples.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormplay import lazy

if TYPE_CHECKING:
    from stormplay.charts.chart import Chart
    from stormplay.charts.credits import credit_beside_cause, method_dots
    from stormplay.charts.effects import calibration, lift_interval, qini, uplift_curve
    from stormplay.charts.journeys import journey_timeline
    from stormplay.charts.networks import network
    from stormplay.charts.palette import COLOURS, SERIES
    from stormplay.charts.scores import gauge, score_history, storm_comparison, waterfall
    from stormplay.charts.script import FOLDER, address, block, bundle, html, source
    from stormplay.charts.streams import events_a_minute

__all__ = [
    "COLOURS",
    "FOLDER",
    "SERIES",
    "Chart",
    "address",
    "block",
    "bundle",
    "calibration",
    "credit_beside_cause",
    "events_a_minute",
    "gauge",
    "html",
    "journey_timeline",
    "lift_interval",
    "method_dots",
    "network",
    "qini",
    "score_history",
    "source",
    "storm_comparison",
    "uplift_curve",
    "waterfall",
]

# Room -> the names it gives. Loaded at first use: the server sends the bundle and needs no pandas for it.
_ROOMS = {
    "chart": "Chart",
    "credits": "credit_beside_cause, method_dots",
    "effects": "calibration, lift_interval, qini, uplift_curve",
    "journeys": "journey_timeline",
    "networks": "network",
    "palette": "COLOURS, SERIES",
    "scores": "gauge, score_history, storm_comparison, waterfall",
    "script": "FOLDER, address, block, bundle, html, source",
    "streams": "events_a_minute",
}
__getattr__ = lazy.names(__name__, _ROOMS)
