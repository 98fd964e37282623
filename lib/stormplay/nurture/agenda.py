"""Steps as somebody's calendar: what is to be done in the next days, and all that one home had and will have."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pandas as pd
from sqlalchemy import text

from stormplay.nurture.clock import zone
from stormplay.nurture.facts import Scope

COLUMNS = ("property_id", "address", "zip_code", "sequence_type", "step_number", "channel", "message", "scheduled_at",
           "local_time", "status", "reason")  # fmt: skip

_STEPS = """
SELECT n.property_id::text, p.address, p.zip_code, p.time_zone, n.sequence_type, n.step_number, n.channel, n.message,
       n.scheduled_at, n.status, n.reason
  FROM nurture_sequences n JOIN properties p ON p.tenant_id = n.tenant_id AND p.property_id = n.property_id
 WHERE n.storm_id = :storm_id AND n.run_id IS NOT NULL {which}
 ORDER BY n.scheduled_at, n.property_id, n.step_number
"""
_TO_COME = "AND n.status IN ('scheduled', 'due', 'paused') AND n.scheduled_at < :until"
_OF_THESE = "AND n.property_id = ANY (CAST(:ids AS uuid[])) AND p.property_id = ANY (CAST(:ids AS uuid[]))"
_OF_ONE = "AND n.property_id = CAST(:property_id AS uuid)"


def to_come(scope: Scope, days: float, only: list[str] | None = None) -> pd.DataFrame:
    """What still waits and has its time within so many days of 24 hours, the overdue with it; see `COLUMNS`.

    Args:
        scope: The session and the storm.
        days: How many.
        only: Of these homes; None: of all.
    """
    which = _TO_COME if only is None else f"{_TO_COME} {_OF_THESE}"
    return _on_their_clocks(scope, scope.bulk(_STEPS.format(which=which), until=until(scope.now, days), ids=only))


def with_changed(steps: pd.DataFrame, fresh: pd.DataFrame, homes: Collection[str]) -> pd.DataFrame:
    """Steps of which those of some homes were read again, in their order."""
    kept = steps[~steps["property_id"].isin(list(homes))]
    if fresh.empty:
        return kept.reset_index(drop=True)
    return pd.concat([kept, fresh]).sort_values(["scheduled_at", "property_id", "step_number"], ignore_index=True)


def of_home(scope: Scope, property_id: str) -> pd.DataFrame:
    """All steps of one home for the storm, past and to come; see `COLUMNS`."""
    return _on_their_clocks(scope, scope.frame(_STEPS.format(which=_OF_ONE), property_id=property_id))


def until(now: datetime, days: float) -> datetime:
    """The end of a stretch of days that begins now."""
    return now + timedelta(days=days)


def _on_their_clocks(scope: Scope, steps: pd.DataFrame) -> pd.DataFrame:
    """With local_time, without a zone, on the recipient's clock: the home's, else the company's."""
    own = zone(str(scope.connection.execute(text("SELECT time_zone FROM tenants")).scalar_one())) or UTC
    moments = pd.to_datetime(steps["scheduled_at"], utc=True)
    local = pd.Series(pd.NaT, index=steps.index, dtype="datetime64[ns]")
    names = steps["time_zone"].fillna("").astype(str)
    for name in names.unique():
        mine = names == name
        local[mine] = moments[mine].dt.tz_convert((zone(name) if name else None) or own).dt.tz_localize(None)
    return steps.assign(scheduled_at=moments, local_time=local)[list(COLUMNS)]
