"""An attribution engine over homes that are kept in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import memory
import memory_score
import pandas as pd

from stormplay import AttributionEngine
from stormplay.attribution import StormCredits, credits
from stormplay.attribution.reading import journeys
from stormplay.attribution.storm import incremental, ledger
from stormplay.errors import BadInput, UnknownStorm, UnknownTenant
from stormplay.score import Counts

EVIL = "<img src=x onerror='window.hacked=1'>"
MOMENT = datetime(2021, 6, 27, 23, tzinfo=UTC)
# path, whether signed (None: pending), dollars, decision, touches after the signature
STORY = (
    (["door", "call", "web"], True, 12_500, "treat", 0),
    (["door", "door"], True, 9_000, "treat", 0),
    (["mail", "call"], True, 20_000, "treat", 2),
    (["web"], True, None, "hold_out", 0),
    (["door"], False, None, "treat", 0),
    (["call", EVIL], False, None, "treat", 0),
    (["mail"], None, None, "treat", 0),
    (None, True, 7_000, "treat", 1),
    (None, False, None, "hold_out", 0),
)


def homes(story=STORY):
    """As `reading.homes` gives them."""
    rows = [
        {"property_id": f"home {k}",
         "path": path, "days": None if path is None else [18_750.0 + day for day, _ in enumerate(path)],
         "late_touches": late, "actual_converted": signed, "value_cents": None if value is None else 100 * value,
         "decision": decision}
        for k, (path, signed, value, decision, late) in enumerate(story)
    ]  # fmt: skip
    columns = ["property_id", "path", "days", "late_touches", "actual_converted", "value_cents", "decision"]
    return pd.DataFrame(rows, columns=columns).astype({"path": object, "days": object, "actual_converted": object})


def household():
    """As `AttributionEngine.journeys_of` gives it: two storms, two homes, one of them untouched."""
    hail, before = ("2021-04-28", "North Tarrant hail", date(2021, 4, 28)), ("2020", "Hail of 2020", date(2020, 4, 28))
    one, two = ("home 2", "1204 Meadow Lane"), ("home 7", f"7 {EVIL} Street")
    signed = (True, pd.Timestamp("2021-06-01 12:00Z"), 20_000.0)
    rows = [
        (*hail, *one, "mail", pd.Timestamp("2021-05-03 15:00Z"), True, *signed),
        (*hail, *one, "call", pd.Timestamp("2021-05-13 15:00Z"), True, *signed),
        (*hail, *one, "call", pd.Timestamp("2021-05-14 15:00Z"), True, *signed),
        (*hail, *one, "email", pd.Timestamp("2021-06-02 15:00Z"), False, *signed),
        (*hail, *two, None, pd.NaT, None, True, pd.Timestamp("2021-06-03 12:00Z"), None),
        (
            *before,
            *one,
            "door",
            pd.Timestamp("2020-05-03 15:00Z"),
            True,
            False,
            pd.Timestamp("2020-06-27 12:00Z"),
            None,
        ),
        (*before, *two, "door", pd.Timestamp("2020-05-04 15:00Z"), True, None, pd.NaT, None),
    ]
    columns = ["storm", "storm_name", "event_date", "property_id", "address", "channel", "timestamp", "is_counted",
               "actual_converted", "observed_at", "value"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns).astype({"actual_converted": object, "is_counted": object})


@dataclass
class MemoryAttribution:
    """Gives what a `stormplay.AttributionEngine` gives, of `homes`."""

    homes: pd.DataFrame = field(default_factory=homes)
    touched: pd.DataFrame = field(default_factory=household)
    counts: Counts = memory_score.FULL
    asked: list = field(default_factory=list)
    fails: Exception | None = None

    compare_methods = AttributionEngine.compare_methods

    def storm_credits(self, storm, *, half_life_days=None):
        if self.fails:
            raise self.fails
        if storm not in {"2021-04-28", "2020-04-28"}:
            raise UnknownStorm(f"This tenant has no storm '{storm}'.")
        self.asked.append((storm, half_life_days))
        found = journeys(self.homes)
        signed = self.homes[self.homes["path"].notna() & self.homes["actual_converted"].eq(True)]
        read_out = memory_score.MemoryScore(self.counts).lift()
        return StormCredits(
            storm=storm, org_name="Lone <Star>", is_synthetic=True, as_of=MOMENT, journeys=found,
            credits=credits(found, half_life_days=half_life_days), ledger=ledger(self.homes),
            late_touches=int(self.homes["late_touches"].sum()), without_value=int(signed["value_cents"].isna().sum()),
            incremental=incremental(read_out, len(signed), int(signed["decision"].eq("treat").sum())),
        )  # fmt: skip

    def journeys_of(self, property_ids):
        self.asked.append(tuple(property_ids))
        if "no id" in property_ids:
            raise BadInput("'no id' is no property id.", "Expected a UUID.")
        return self.touched[self.touched["property_id"].isin(property_ids)]


def maker(engine):
    """The callable that the page takes, around one engine."""

    def make(tenant):
        if tenant not in set(memory.TENANTS["slug"]):
            raise UnknownTenant(f"There is no tenant '{tenant}' open to you.")
        return engine

    return make
