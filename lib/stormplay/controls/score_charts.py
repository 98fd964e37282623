"""Which charts stand on the page of the score. What is known in, charts out."""

from __future__ import annotations

from stormplay import charts
from stormplay.charts import Chart
from stormplay.controls import score_sections as sections
from stormplay.controls.score_state import Play

UNIT = "more signatures in a hundred homes"


def gauge(play: Play) -> Chart:
    """The score on its scale."""
    return charts.gauge(float(play.standing.score) if play.standing.is_measurable else None)


def waterfall(play: Play) -> Chart:
    """From nothing to the score."""
    return charts.waterfall(play.standing.frame())


def lift(play: sections.Lifted) -> Chart:
    """The difference that treating made, with its intervals."""
    caption = "The diamond is what was seen, the bar where the truth is likely to be. A bar over 0 may be no effect."
    return charts.lift_interval(sections.lifts(play), unit=UNIT, caption=caption)


def history(play: Play) -> Chart:
    """The score over time."""
    return charts.score_history(play.history)


def comparison(play: Play) -> Chart:
    """This storm against the other."""
    return charts.storm_comparison(play.days, this=play.this)
