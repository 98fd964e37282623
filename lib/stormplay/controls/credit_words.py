"""How the credit of a storm and the journeys of a household are said, in sentences and cells. Plain text."""

from __future__ import annotations

from typing import Any

import pandas as pd

from stormplay.attribution.comparing import NOTICED, amount_words
from stormplay.controls import markup
from stormplay.controls.credit_state import Credit, Journey, method_words

NO_JOURNEYS = (
    "Nothing to credit yet: a journey needs a touch and a known outcome. Mark contacts as made in Nurture, which makes "
    "them touches, and record who has signed and who has not."
)
NO_SIGNATURES = (
    "No journey has ended in a signature yet, so there is nothing to credit. Signing takes weeks after the hail: look "
    "again when the first outcomes are known."
)
NO_DOLLARS = (
    "No signature of this storm has a value on record, so there are no dollars to credit. Choose signatures, or "
    "record what they are worth with the outcomes."
)
NO_HOUSEHOLD = "No household is chosen. Look one up above, by address, name, telephone or e-mail, to see its journeys."
NO_TOUCH = "No touch and no outcome of this household is on record. Contacts marked as made in Nurture become touches."


def nothing_to_share(one: Credit) -> str:
    """Why there is nothing to compare, and what to do next; '' where there is."""
    if not one.homes:
        return NO_JOURNEYS
    if not one.signed:
        return NO_SIGNATURES
    return NO_DOLLARS if one.total <= 0 else ""


def one_channel(one: Credit) -> str:
    """What to say where every touch came through one channel; '' where there are more."""
    if one.channels != 1:
        return ""
    name = str(one.table.index[0])
    return (
        f"Every touch on record is by {name}, so each method gives {name} everything and there is nothing to compare. "
        "Record the letters, calls and texts too: the methods part once journeys have two channels."
    )


def apart(one: Credit) -> tuple[str, str]:
    """The channel that the methods disagree most about, and from how much to how much, for a card."""
    far = one.found.disagreements(one.amount)
    if one.total <= 0 or far.empty:
        return "–", "nothing to credit yet"
    row = far.iloc[0]
    if row["spread"] < NOTICED:
        return "nowhere", "the methods agree within half a point in a hundred"
    low, high = (100 * float(row[name]) / one.total for name in ("low", "high"))
    return str(row["channel"]), f"{low:.0f} % by {method_words(row['low_method'])}, {high:.0f} % by " + method_words(
        row["high_method"]
    )


def caused(one: Credit) -> tuple[str, str]:
    """How many signatures treating caused, and between what, for a card."""
    cause = one.found.incremental
    if cause.value is None:
        return "not known yet", "outcomes of treated and held-out homes are needed"
    return f"about {cause.value:,.0f}", f"{_between(cause)} signatures, by the experiment{_may_be_none(cause)}"


def caution(one: Credit) -> str:
    """The sentence that stands above every credit."""
    cause = one.found.incremental
    if cause.value is None:
        return "What the visits caused is not known yet; what follows only shares out who was there."
    return (f"What follows shares out {markup.count(cause.credited, 'signature')}. The experiment says that treating "
            f"caused about {cause.value:,.0f} ({_between(cause)}{_may_be_none(cause)}).")  # fmt: skip


def _between(cause: Any) -> str:
    return f"{cause.low:,.0f} to {cause.high:,.0f}"


def _may_be_none(cause: Any) -> str:
    return "; it may be none" if cause.low <= 0 <= cause.high else ""


def decay(one: Credit) -> str:
    """How time decay is meant."""
    days = one.half_life_days
    unit = "one step earlier" if days is None else f"{days:g} {'day' if days == 1 else 'days'} earlier"
    return f"Time decay: a touch {unit} has half the credit."


def figure(amount: float, one: Credit) -> str:
    """An amount of credit for a cell."""
    return amount_words(amount, one.amount)


# ---- journeys


def outcome(journey: Journey) -> str:
    """'signed, $12,500'."""
    if journey.outcome != "signed":
        return "outcome not known yet" if journey.outcome == "pending" else "not signed"
    return "signed" if journey.value is None else f"signed, ${journey.value:,.0f}"


def storm(journey: Journey) -> str:
    """The storm with its date, which many a name has in it already."""
    day = pd.Timestamp(journey.hail_on)
    return journey.storm if f"{day:%Y}" in journey.storm else f"{journey.storm}, {day:%d %b %Y}"


def told(journey: Journey) -> str:
    """A journey in a sentence or two."""
    way = " → ".join(_runs(journey.path))
    number = len(journey.path)
    touches = f"{number:,} {'touch' if number == 1 else 'touches'} ({way})" if way else "no touch"
    if journey.outcome == "pending":
        end = "the outcome is not known yet."
    elif journey.outcome == "signed":
        worth = "" if journey.value is None else f" for ${journey.value:,.0f}"
        end = f"signed on {_day(journey.outcome_at)}{worth}."
    else:
        end = f"not signed, as of {_day(journey.outcome_at)}."
    return f"{journey.place} after {storm(journey)}: {touches}; {end}{_late(journey)}{_nobody(journey)}"


def _late(journey: Journey) -> str:
    if not journey.late:
        return ""
    came = "touch came" if journey.late == 1 else "touches came"
    return f" {journey.late:,} {came} after the signature and {'earns' if journey.late == 1 else 'earn'} nothing."


def _nobody(journey: Journey) -> str:
    return " No touch came before, so nobody is credited." if journey.outcome == "signed" and not journey.path else ""


def _runs(path: list[str]) -> list[str]:
    """'door, door, call' as 'door twice', 'call'."""
    found: list[list[Any]] = []
    for channel in path:
        if found and found[-1][0] == channel:
            found[-1][1] += 1
        else:
            found.append([channel, 1])
    times = {1: "", 2: " twice"}
    return [f"{channel}{times.get(number, f' {number} times')}" for channel, number in found]


def _day(moment: Any) -> str:
    return f"{pd.Timestamp(moment):%d %b %Y}"
