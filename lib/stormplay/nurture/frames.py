"""Plans as people read them: one row a home, one row a step, and the ledger that adds up."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stormplay.nurture.facts import Facts
from stormplay.nurture.planner import NEVER, Plan
from stormplay.nurture.rules import REASONS
from stormplay.nurture.sequences import Sequence

_WORDS = np.array(REASONS, dtype=object)


def preview(facts: Facts, made: Plan, sequence: Sequence) -> pd.DataFrame:
    """One row a home, each exactly once: scheduled or refused.

    Returns:
        property_id, address, zip_code, expected_uplift, outcome ('scheduled' or 'refused'), reason ('' where
        scheduled), channel, message and scheduled_at (UTC) of its first contact, local_time (the same on the
        recipient's clock, without a zone), time_zone, last_at, step_count (contacts scheduled), left_out (steps
        refused and why, '' for none).
    """
    rows = np.arange(len(facts.homes))
    is_on = made.is_scheduled
    first = np.argmax(made.code == 0, axis=1)
    at_s = np.where(is_on, made.at_s[rows, first], NEVER)
    last_s = made.at_s.max(axis=1, initial=NEVER)
    channel = np.array([step.channel for step in sequence.steps], dtype=object)[first]
    message = np.array([step.message for step in sequence.steps], dtype=object)[first]
    return facts.homes[["property_id", "address", "zip_code", "expected_uplift"]].assign(
        outcome=np.where(is_on, "scheduled", "refused"),
        reason=_WORDS[made.refusal],
        channel=pd.Series(channel, dtype=object).where(is_on, None),
        message=pd.Series(message, dtype=object).where(is_on, None),
        scheduled_at=_moments(at_s),
        local_time=_local(facts, at_s),
        time_zone=facts.homes["time_zone"],
        last_at=_moments(last_s),
        step_count=(made.code == 0).sum(axis=1),
        left_out=_left_out(made, sequence),
    )


def steps(facts: Facts, made: Plan, sequence: Sequence) -> pd.DataFrame:
    """One row a home and step: property_id, step_number, channel, message, outcome, reason, scheduled_at (UTC),
    local_time."""
    n, count = made.code.shape
    at_s, code = made.at_s.ravel(), made.code.ravel()
    local = np.stack([_local(facts, made.at_s[:, k]) for k in range(count)], axis=1).ravel()
    return pd.DataFrame({
        "property_id": np.repeat(facts.homes["property_id"].to_numpy(), count),
        "step_number": np.tile(np.arange(1, count + 1), n),
        "channel": np.tile([step.channel for step in sequence.steps], n),
        "message": np.tile([step.message for step in sequence.steps], n),
        "outcome": np.where(code == 0, "scheduled", "refused"),
        "reason": _WORDS[code],
        "scheduled_at": _moments(at_s),
        "local_time": local,
    })  # fmt: skip


def ledger(shown: pd.DataFrame) -> pd.DataFrame:
    """Where every home of a preview went: outcome, reason, properties; the rows add up to all of them."""
    counted = shown.groupby(["outcome", "reason"], sort=False).size().reset_index(name="properties")
    return counted.sort_values(["outcome", "properties"], ascending=False, ignore_index=True)


def _left_out(made: Plan, sequence: Sequence) -> NDArray[np.object_]:
    """'call: no phone; text: no phone' for the steps that a scheduled home does not get; few differ, so by pattern."""
    patterns, which = np.unique(np.where(made.is_scheduled[:, None], made.code, 0), axis=0, return_inverse=True)
    words = [
        "; ".join(
            f"{step.channel}: {REASONS[code]}" for step, code in zip(sequence.steps, pattern, strict=True) if code
        )
        for pattern in patterns
    ]
    return np.array(words, dtype=object)[which.ravel()] if len(made.code) else np.array([], dtype=object)


def _moments(at_s: NDArray[np.int64]) -> pd.DatetimeIndex:
    stamps = np.where(at_s == NEVER, np.datetime64("NaT"), at_s.astype("datetime64[s]"))
    return pd.DatetimeIndex(stamps.astype("datetime64[s]")).tz_localize("UTC")


def _local(facts: Facts, at_s: NDArray[np.int64]) -> NDArray[np.datetime64]:
    there = at_s != NEVER
    found = np.full(at_s.shape, np.datetime64("NaT"), dtype="datetime64[s]")
    if there.any():
        clock = facts.people.clock(int(at_s[there].min()), int(at_s[there].max()))
        found[there] = clock.local(facts.people.zone[there], at_s[there]).astype("datetime64[s]")
    return found
