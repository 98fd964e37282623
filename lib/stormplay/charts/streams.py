"""Charts of a storm as it comes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from stormplay.charts.chart import Chart, nothing
from stormplay.charts.palette import COLOURS, SERIES

# What an event says, in the order in which bars are stacked, and its colour.
KINDS: Mapping[str, tuple[str, str]] = {
    "property_impacted": ("homes hit, as modelled", COLOURS["us"]),
    "job_completed": ("jobs completed", SERIES[2]),
    "conversion": ("signatures", SERIES[1]),
}


def events_a_minute(minutes: Sequence[tuple[datetime, Mapping[str, int]]]) -> Chart:
    """How many events were taken in each minute, stacked by what they say.

    Args:
        minutes: The beginning of each minute, oldest first, and its events by type (`KINDS`).
    """
    if not any(sum(counts.values()) for _, counts in minutes):
        return nothing(f"No event has come in in the last {len(minutes)} minutes.")
    starts = [f"{at:%Y-%m-%d %H:%M:00}" for at, _ in minutes]
    data: list[dict[str, Any]] = [
        {
            "type": "bar", "name": label, "x": starts, "y": [int(counts.get(kind, 0)) for _, counts in minutes],
            "marker": {"color": colour}, "hovertemplate": f"%{{x|%H:%M}}: %{{y:,}} {label}<extra></extra>",
        }
        for kind, (label, colour) in KINDS.items()
    ]  # fmt: skip
    totals = [sum(counts.values()) for _, counts in minutes]
    most = max(totals)
    return Chart(
        data=data,
        layout={
            "barmode": "stack",
            "bargap": 0.18,
            "showlegend": True,
            "margin": {"t": 40},
            "xaxis": {"type": "date", "showgrid": False, "tickformat": "%H:%M", "nticks": 8},
            "legend": {"traceorder": "normal"},
            "yaxis": {"nticks": 4, "title": {"text": "Events"}, "range": [0, max(4, most * 1.08)]},
        },
        alt=f"Bars of events a minute over {len(minutes)} minutes, {sum(totals):,} in all. Most in one minute: "
        f"{most:,}, at {minutes[totals.index(most)][0]:%H:%M} UTC. In the newest: {totals[-1]:,}.",
        headers=("Minute, UTC", *(label.capitalize() for label, _ in KINDS.values())),
        rows=[
            (f"{at:%H:%M}", *(f"{counts.get(kind, 0):,}" for kind in KINDS)) for at, counts in reversed(minutes)
            if sum(counts.values())
        ],
        caption="Events by the minute in which they were applied, UTC. The newest bar is still growing.",
        height=220,
        narrow={"height": 220, "font.size": 12, "yaxis.title.text": "", "xaxis.nticks": 4},
    )  # fmt: skip
