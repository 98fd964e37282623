"""What a storm's credit says: the methods side by side, every home in one line of a ledger, and what was caused. Pure.

Credit shares out the signatures that there are. What treating caused is another question, and the experiment's: how
many signatures there would have been without. Both numbers stand side by side here, so that nobody takes the one for
the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from stormplay.attribution import comparing
from stormplay.attribution.comparing import Amount
from stormplay.experiments.estimate import per_hundred
from stormplay.experiments.read_out import ReadOut

# What of a home -> the sentence beside it; each home with a touch or an outcome is in one line.
OUTCOMES = {
    "signed": "Signed after at least one touch: these signatures are credited",
    "not signed": "Touched, and known not to have signed",
    "pending": "Touched, outcome not known yet: neither a signature nor a no",
    "signed untouched": "Signed with no touch on record before: nobody is credited for it",
    "untouched": "An outcome or its waiting on record, and no touch",
}


@dataclass(frozen=True)
class Incremental:
    """What treating caused, by the experiment, beside what is credited.

    Attributes:
        treated: Treated homes whose outcome is known.
        value: Signatures that would not be there without treating: the difference of rates times `treated`. None:
            not measurable yet.
        low, high: The interval; infinite where nothing is measurable yet.
        confidence: Share of such intervals that hold the truth.
        credited: Signatures that the methods share out.
        credited_treated: Those of treated homes among them.
        sentence: All of it, and that credit is not cause.
    """

    treated: int
    value: float | None
    low: float
    high: float
    confidence: float
    credited: int
    credited_treated: int
    sentence: str


@dataclass(frozen=True)
class StormCredits:
    """The credit of one storm.

    Attributes:
        storm, org_name: Whose.
        is_synthetic: Whether the company's rows are made up.
        as_of: The newest touch or outcome; None: there is none.
        journeys: What was credited: by property_id path, conversions, nulls, value (dollars), days.
        credits: method, channel, conversions, value (dollars).
        ledger: outcome (of `OUTCOMES`), sentence, homes; the rows add up to all homes with a touch or an outcome.
        late_touches: Touches after a signature, which do not count.
        without_value: Credited signatures without a value; they count as 0 dollars.
        incremental: What the experiment says beside it.
    """

    storm: str
    org_name: str
    is_synthetic: bool
    as_of: datetime | None
    journeys: pd.DataFrame
    credits: pd.DataFrame
    ledger: pd.DataFrame
    late_touches: int
    without_value: int
    incremental: Incremental

    def side_by_side(self, by: Amount = "conversions") -> pd.DataFrame:
        """One row a channel, one column a method; see `comparing.side_by_side`."""
        return comparing.side_by_side(self.credits, by)

    def disagreements(self, by: Amount = "conversions") -> pd.DataFrame:
        """How far the methods are apart about each channel; see `comparing.disagreements`."""
        return comparing.disagreements(self.credits, by)

    def disagreement(self, by: Amount = "conversions", channels: int = 2) -> str:
        """Where the methods disagree most, in words; see `comparing.in_words`."""
        return comparing.in_words(self.credits, by, channels)

    @property
    def answer(self) -> str:
        """What is shared out, of how many journeys, in one sentence."""
        signed, homes = self.incremental.credited, len(self.journeys)
        if not homes:
            return "No home of this storm has both a touch and a known outcome yet, so there is nothing to credit."
        channels = self.credits["channel"].nunique()
        dollars = comparing.amount_words(float(self.journeys["value"].sum()), "value")
        return (f"{signed:,} of {homes:,} touched homes with a known outcome signed ({100 * signed / homes:.1f} %), "
                f"worth {dollars}; their credit is shared out over {_count(channels, 'channel')}.")  # fmt: skip

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not in the credit, and whether the data are real, as sentences."""
        homes = dict(zip(self.ledger["outcome"], self.ledger["homes"], strict=True))
        said = (
            (self.is_synthetic, "Synthetic data: the homes, owners and outcomes of this company are made up."),
            (homes["pending"], f"{_count(homes['pending'], 'touched home')} without a known outcome yet: neither a "
                               "signature nor a no."),
            (homes["signed untouched"], f"{_count(homes['signed untouched'], 'signature')} with no touch on record "
                                        "before: nobody is credited."),
            (self.late_touches, f"{_count(self.late_touches, 'touch', 'touches')} after a signature: not counted."),
            (self.without_value, f"{_count(self.without_value, 'signature')} without a value on record: counted as $0 "
                                 "where credit is by value."),
        )  # fmt: skip
        return tuple(sentence for is_so, sentence in said if is_so)


def ledger(found: pd.DataFrame) -> pd.DataFrame:
    """Where the homes of `reading.homes` are: outcome, sentence, homes."""
    touched = found["path"].notna()
    signed, known = found["actual_converted"].eq(True), found["actual_converted"].notna()
    number = {
        "signed": touched & signed,
        "not signed": touched & known & ~signed,
        "pending": touched & ~known,
        "signed untouched": ~touched & signed,
        "untouched": ~touched & ~signed,
    }
    rows = [(outcome, sentence, int(number[outcome].sum())) for outcome, sentence in OUTCOMES.items()]
    return pd.DataFrame(rows, columns=["outcome", "sentence", "homes"])


def incremental(read_out: ReadOut, credited: int, credited_treated: int) -> Incremental:
    """What the experiment's difference of rates means in signatures, beside those that are credited.

    The interval is the one that the experiment's verdict looked at, times the treated homes whose outcome is known.

    Args:
        read_out: Of the storm.
        credited: Signatures that the methods share out.
        credited_treated: Those of treated homes among them.
    """
    treated, rates = read_out.treated.known, read_out.verdict.estimate
    value, low, high = None, -math.inf, math.inf
    if rates.value is not None:
        value, low, high = (number * treated for number in (rates.value, rates.low, rates.high))
    opening = (f"Credit is not cause. Each method shares out {_count(credited, 'signature')}, "
               f"{credited_treated:,} of treated homes, whatever made the owners sign.")  # fmt: skip
    if value is None:
        said = ("What treating caused cannot be said: outcomes must be known of homes treated and of homes held out, "
                f"and are of {treated:,} and {read_out.held.known:,}.")  # fmt: skip
    else:
        interval = f"{100 * rates.confidence:.0f} % interval {low:,.0f} to {high:,.0f}"
        said = (f"By the experiment, treating made about {value:,.0f} signatures that would not be there without "
                f"({interval}): {per_hundred(value / treated)} in a hundred, times {treated:,} treated homes whose "
                f"outcome is known. {_meaning(read_out)}")  # fmt: skip
    closing = "It measures treating as a whole, and tells no channel from another."
    return Incremental(treated, value, low, high, rates.confidence, credited, credited_treated,
                       f"{opening} {said} {closing}")  # fmt: skip


def _meaning(read_out: ReadOut) -> str:
    word = read_out.verdict.word
    if word == "works":
        return "The other signatures of treated homes would have come anyway, and are credited all the same."
    if word == "too early to say":
        return "It is too early to say: the interval holds no effect at all, or one too small to be worth it."
    return f"The verdict is: {word}."


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
