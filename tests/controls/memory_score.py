"""A storm's score that is kept in memory, made of counts that a test can change."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import memory
import numpy as np
import pandas as pd

from stormplay.errors import UnknownStorm, UnknownTenant
from stormplay.experiments.balance import Covariate
from stormplay.experiments.read_out import Record, put_together
from stormplay.score import Counts
from stormplay.score.raising import cheapest_raise
from stormplay.score.standing import standing

EVIL = "<img src=x onerror='window.hacked=1'>"
MOMENT = datetime(2021, 6, 1, 12, tzinfo=UTC)
FULL = Counts(decided=1_250, treat=800, hold_out=400, high_uplift=1_000, completed=45, total=60, treat_known=400,
              treat_converted=48, control_known=200, control_converted=16, issues=3, checks=200)  # fmt: skip


@dataclass
class MemoryScore:
    """Gives what a `stormplay.StormPlayScore` gives, of `counts`."""

    counts: Counts = FULL
    causes: list[str] = field(default_factory=lambda: ["Demo loaded", f"{EVIL} completed a job"])
    days: pd.DataFrame | None = None
    fails: Exception | None = None
    asked: list[str] = field(default_factory=list)

    def current(self):
        if self.fails:
            raise self.fails
        if self.counts == Counts():
            return standing(self.counts, as_of=MOMENT)
        return standing(self.counts, as_of=MOMENT, changed_at=MOMENT, cause=self.causes[-1], changed_by="Ana Torres")

    def history(self):
        n = len(self.causes)
        return pd.DataFrame({
            "changed_at": [MOMENT - pd.Timedelta(days=n - k) for k in range(n)],
            "score": np.linspace(30, self.counts.components()["score"], n) if n > 1 else [30.0] * n,
            "change": [np.nan, *[1.5] * (n - 1)][:n], "cause": self.causes, "changed_by": ["Ana Torres"] * n,
        })  # fmt: skip

    def compare(self, other_storm=None):
        self.asked.append(other_storm or "before")
        found = memory_days(other_storm) if self.days is None else self.days
        found.attrs = {"this": "North Tarrant hail", "later": {}} | found.attrs
        return found

    def cheapest_raise(self):
        return cheapest_raise(self.counts)

    def lift(self):
        c = self.counts
        rows = pd.DataFrame([
            {"is_treated": treated, "band": "all", "place": 0.0, "homes": homes, "known": known, "converted": signed,
             "pending": 0, "reached": 0, "reached_known": 0, "reached_converted": 0, "immature": 0}
            for treated, homes, known, signed in ((True, max(c.treat, c.treat_known), c.treat_known, c.treat_converted),
                                                  (False, max(c.hold_out, c.control_known), c.control_known,
                                                   c.control_converted))
        ])  # fmt: skip
        about = pd.Series({"slug": "2021-04-28", "name": "Hail", "org_name": "Lone Star", "is_synthetic": True,
                           "decided_at": MOMENT, "observed_at": MOMENT})  # fmt: skip
        nothing: tuple[Covariate, ...] = ()
        share = c.treat / (c.treat + c.hold_out) if c.treat and c.hold_out else 0.8
        return put_together(Record(about, rows, nothing), treat_share=share, confidence=0.95, margin=0.01, looks="many")


def memory_days(other=None):
    day = np.arange(3, 30)
    names = ["North Tarrant hail", "Spring hail" if other in (None, "2020-04-28") else f"Storm {other}"]
    return pd.concat([
        pd.DataFrame({"storm": name, "day": day[: 20 + 7 * k], "doors": 40 * (day[: 20 + 7 * k] - 2),
                      "completed_per_100_doors": 50.0 - 10 * k, "conversions_per_100_doors": 4.0 + k})
        for k, name in enumerate(names)
    ], ignore_index=True)  # fmt: skip


def maker(score):
    """The callable that pages take, around one score."""

    def make(tenant, storm):
        if tenant not in set(memory.TENANTS["slug"]):
            raise UnknownTenant(f"There is no tenant '{tenant}' open to you.")
        if storm not in {"2021-04-28", "2020-04-28"}:
            raise UnknownStorm(f"This tenant has no storm '{storm}'.")
        return score

    return make


def world(score, role="operator"):
    """The callables of `controls.score`."""
    tenants = memory.TENANTS.assign(role=role)
    return {"score": maker(score), "tenants": lambda: tenants, "storms": lambda tenant: memory.STORMS[tenant]}
