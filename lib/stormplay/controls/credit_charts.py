"""Which charts stand in the half of the page about credit. What is known in, charts out."""

from __future__ import annotations

import pandas as pd

from stormplay import charts
from stormplay.charts import Chart
from stormplay.charts.chart import nothing
from stormplay.controls import credit_words as words
from stormplay.controls.credit_state import Credit, method_words


def dots(one: Credit) -> Chart:
    """The methods side by side."""
    if why := words.nothing_to_share(one):
        return nothing(why)
    long = one.table.rename_axis("channel").reset_index().melt("channel", var_name="method", value_name="amount")
    unit = " signatures" if one.by == "signatures" else ""
    credit = pd.DataFrame({
        "method": long["method"].map(method_words), "channel": long["channel"], "share": long["amount"] / one.total,
        "amount": [f"{words.figure(amount, one)}{unit}" for amount in long["amount"]],
    })  # fmt: skip
    caption = f"Where the dots lie together, the methods agree. {words.decay(one)}"
    return charts.method_dots(credit, caption=caption)


def cause(one: Credit) -> Chart:
    """What is credited beside what was caused."""
    it = one.found.incremental
    return charts.credit_beside_cause(it.credited, it.value, it.low, it.high, of_treated=it.credited_treated)


def timeline(one: Credit) -> Chart:
    """The household's journeys in time."""
    if not one.property_ids:
        return nothing(words.NO_HOUSEHOLD)
    if not one.journeys:
        return nothing(words.NO_TOUCH)
    journeys = pd.DataFrame([
        {"journey": each.key, "storm": words.storm(each), "place": each.place,
         "hail_on": each.hail_on, "outcome": each.outcome, "outcome_at": each.outcome_at,
         "outcome_said": words.outcome(each), "words": words.told(each)}
        for each in one.journeys
    ])  # fmt: skip
    touches = pd.concat([each.touches.assign(journey=each.key) for each in one.journeys], ignore_index=True)
    return charts.journey_timeline(journeys, touches)
