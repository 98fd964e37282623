"""Which storms a model may learn from, and why others are left out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, cast

import numpy as np
import pandas as pd

from stormplay.errors import TooLittleData
from stormplay.experiments import difference_interval
from stormplay.uplift.encoding import Floats

CONFIDENCE = 0.999
"""How sure it must be that outcomes are known of one arm more often than of the other before a storm is left out."""


@dataclass(frozen=True)
class Chosen:
    """Storms to learn from.

    Attributes:
        storms: Id and slug of each, oldest first.
        shares: Slug to the share of homes that were drawn to be treated: the design.
        notes: What was left out, as sentences.
    """

    storms: Sequence[tuple[str, str]]
    shares: dict[str, float]
    notes: list[str] = field(default_factory=list)

    def propensity(self, storm: pd.Series) -> Floats:
        """Per row, the chance with which its home was treated."""
        return np.asarray(storm.map(self.shares).to_numpy(dtype=np.float64))

    def trained_on(self, rows: Any) -> dict[str, Any]:
        """What the model saw, for its card."""
        return {
            "storms": [slug for _, slug in self.storms],
            "homes": len(rows.treated),
            "treated": int(rows.treated.sum()),
            "held_out": int((~rows.treated).sum()),
            "signed": int(rows.signed.sum()),
        }


def choose(arms: pd.DataFrame, wanted: Sequence[str] | None, until: date) -> Chosen:
    """Choose storms.

    A storm is left out where its outcomes are known of one arm clearly more often than of the other: who signs is known
    sooner than who does not, so what is known of such a storm says too much or too little.

    Args:
        arms: As `features.arms` returns it, oldest first.
        wanted: Ids; None: the storm in question and all before it.
        until: The day of the storm in question.

    Raises:
        TooLittleData: No storm is left.
    """
    named = arms["event_date"] <= until if wanted is None else arms["storm_id"].isin(list(wanted))
    kept: list[dict[str, Any]] = []
    notes: list[str] = []
    for storm in cast("list[dict[str, Any]]", arms[named].to_dict("records")):
        why = _objection(storm)
        if why:
            notes.append(f"Storm {storm['slug']} is left out: {why}.")
        else:
            kept.append(storm)
    if not kept:
        raise TooLittleData(
            "Too little data: there is no storm to learn from.",
            " ".join(notes) or "Expected a storm with decisions and known outcomes in both arms.",
            "Wait until outcomes are known.",
        )
    storms = [(str(storm["storm_id"]), str(storm["slug"])) for storm in kept]
    return Chosen(storms, {str(one["slug"]): one["treated"] / (one["treated"] + one["held"]) for one in kept}, notes)


def _objection(storm: dict[str, Any]) -> str:
    treated, treated_known, held, held_known = (
        int(storm[name]) for name in ("treated", "treated_known", "held", "held_known")
    )
    if not (treated_known and held_known):
        return "outcomes are not known in both arms"
    low, high = difference_interval(treated_known, treated, held_known, held, CONFIDENCE)
    if low <= 0 <= high:
        return ""
    shares = f"{treated_known / treated:.0%} of the treated and {held_known / held:.0%} of the held-out homes"
    return f"outcomes are known of {shares}, so what is known would mislead"
