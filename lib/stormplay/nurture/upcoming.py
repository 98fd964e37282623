"""The next contact of each home on a list, and what speaks against it now."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stormplay.nurture import plans
from stormplay.nurture.facts import Facts, Scope, gather
from stormplay.nurture.planner import why_not
from stormplay.nurture.rules import REASONS, Channel

# What a model calls its next best action -> the channel it means; any other word means none.
CHANNEL_OF: dict[str, Channel] = {
    "door": "door", "door_visit": "door", "visit": "door", "knock": "door", "inspection": "door",
    "call": "call", "phone": "call", "phone_call": "call", "text": "text", "sms": "text",
    "email": "email", "e-mail": "email", "mail": "mail", "letter": "mail", "postcard": "mail",
}  # fmt: skip
WAIT = "the policy says wait"
_NAMED = 5_000

_NEXT = """
SELECT DISTINCT ON (n.property_id) n.property_id::text, n.channel AS next_channel, n.scheduled_at AS next_at, n.status
  FROM nurture_sequences n
 WHERE n.storm_id = :storm_id AND n.run_id IS NOT NULL AND n.status IN ('scheduled', 'due', 'paused') {only}
 ORDER BY n.property_id, n.scheduled_at, n.step_number
"""


def with_next(scope: Scope, found: pd.DataFrame, facts: Facts | None = None) -> pd.DataFrame:
    """A list of treated homes with next_channel, next_at (UTC; NaT: nothing is scheduled), why_not (None: nothing
    speaks against it now), is_barred (no channel may be used) and time_zone; rows and order stay.

    Args:
        scope: The session.
        found: property_id, next_best_action.
        facts: Of these homes, without steps to come, where somebody has gathered them already.
    """
    ids = found["property_id"].tolist()
    planned = _planned(scope, ids).set_index("property_id").reindex(ids)
    actions = found["next_best_action"].astype(str)
    meant = {action: CHANNEL_OF.get(action.strip().lower()) for action in actions.unique()}  # few words for many homes
    is_planned = planned["next_channel"].notna()
    channel = [one if there else meant[action]
               for there, one, action in zip(is_planned.tolist(), planned["next_channel"].tolist(), actions.tolist(),
                                             strict=True)]  # fmt: skip
    facts = facts or gather(scope, ids, to_come=False, all_treated=True)
    code = why_not(facts.people, channel, scope.now_s, scope.rules)
    reason = np.array(REASONS, dtype=object)[code]
    silent: list[Channel | None] = [None] * len(ids)
    state = plans.state(scope.connection, scope.storm_id)
    held = planned["status"].eq("paused").to_numpy() | (state != "open")
    reason = np.where((reason == "") & held, "paused" if state == "open" else f"storm {state}", reason)
    reason = np.where((reason == "") & np.array([one is None for one in channel], dtype=bool), WAIT, reason)
    return found.assign(
        next_channel=pd.Series(list(channel), index=found.index, dtype=object),
        next_at=pd.DatetimeIndex(pd.to_datetime(planned["next_at"], utc=True)),
        why_not=pd.Series([one or None for one in reason], index=found.index, dtype=object),
        is_barred=why_not(facts.people, silent, scope.now_s, scope.rules) != 0,
        time_zone=facts.homes["time_zone"].to_numpy(),
    )


def refusals(scope: Scope) -> pd.DataFrame:
    """Every no that binds now: property_id, channel."""
    return scope.bulk(
        """SELECT DISTINCT property_id::text, channel FROM suppressions
            WHERE suppressed_at <= :now AND (lifted_at IS NULL OR lifted_at > :now)"""
    )


def _planned(scope: Scope, ids: list[str]) -> pd.DataFrame:
    if len(ids) > _NAMED:
        return scope.bulk(_NEXT.format(only=""))
    return scope.bulk(_NEXT.format(only="AND n.property_id = ANY (CAST(:ids AS uuid[]))"), ids=ids)
