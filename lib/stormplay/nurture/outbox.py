"""From a scheduled step to somebody's hands: at least once, with one key, each rule asked again at the last moment.

    scheduled --fill--> in the outbox --hand_over--> leased --acknowledge--> done, a touch in customer_journeys
                                            \\--lease runs out--> handed over again, the same key

Whoever calls, sends or visits keeps the key beside the deed and does it once for each key. What they do not
acknowledge counts as a contact all the same, since it may have happened.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import numpy as np
import pandas as pd

from stormplay import tenancy
from stormplay.errors import BadInput
from stormplay.nurture import plans, writing
from stormplay.nurture.facts import Scope, gather
from stormplay.nurture.planner import NEVER, plan, why_not
from stormplay.nurture.rules import PASSING, REASONS, Channel
from stormplay.nurture.sequences import Step

TOO_LATE = "too late"
_LATER = tuple(REASONS[code] for code in PASSING)
_BATCH = 50_000
# Said of the home, not of one channel: with these all its pending steps of the storm end.
_OF_THE_HOME = (
    "standing holdout",
    "converted",
    "do not return",
    "not treated for this storm",
    "said no to all contact",
    writing.BY_HAND,
)

_DUE = """
SELECT n.sequence_id::text, n.property_id::text, n.sequence_type, n.begins_at, n.channel, n.message, n.scheduled_at
  FROM nurture_sequences n
 WHERE n.storm_id = :storm_id AND n.status = 'scheduled' AND n.run_id IS NOT NULL AND n.scheduled_at <= :now
   AND NOT EXISTS (SELECT FROM nurture_outbox b WHERE b.tenant_id = n.tenant_id AND b.property_id = n.property_id
                      AND b.acknowledged_at IS NULL AND b.refused_at IS NULL)
 ORDER BY n.scheduled_at, n.step_number, n.sequence_id LIMIT :limit FOR UPDATE OF n SKIP LOCKED
"""

_WAITING = """
SELECT b.idempotency_key AS sequence_id, b.property_id, b.channel, b.due_at
  FROM nurture_outbox b JOIN nurture_sequences n ON n.tenant_id = b.tenant_id AND n.sequence_id = b.idempotency_key
 WHERE b.storm_id = :storm_id AND b.acknowledged_at IS NULL AND b.refused_at IS NULL AND b.due_at <= :now
   AND (b.leased_until IS NULL OR b.leased_until <= :now) AND n.status = 'due'
 ORDER BY b.due_at, b.idempotency_key LIMIT :limit FOR UPDATE OF b SKIP LOCKED
"""

# Only what the channel needs leaves: no telephone number with a letter.
_HANDED = """
SELECT b.idempotency_key::text AS idempotency_key, b.property_id, b.channel, n.sequence_type, b.message, b.attempts,
       b.due_at, b.leased_until, p.owner_name, p.address, p.city, p.zip_code,
       CASE WHEN b.channel IN ('call', 'text') THEN p.phone END AS phone,
       CASE WHEN b.channel = 'email' THEN p.email END AS email
  FROM nurture_outbox b JOIN properties p ON p.tenant_id = b.tenant_id AND p.property_id = b.property_id
  JOIN nurture_sequences n ON n.tenant_id = b.tenant_id AND n.sequence_id = b.idempotency_key
 WHERE b.idempotency_key = ANY (CAST(:keys AS uuid[])) ORDER BY b.due_at, b.idempotency_key
"""


def fill(scope: Scope) -> pd.DataFrame:
    """Put what is due into the outbox, each rule asked anew; what only has to wait is moved, with all that follows.

    Returns:
        One row a step looked at: property_id, channel, outcome ('in outbox', 'moved', 'refused'), reason.
    """
    parts: list[pd.DataFrame] = []
    plans.hold(scope.connection, scope.storm_id)
    while plans.state(scope.connection, scope.storm_id) == "open":
        steps = scope.bulk(_DUE, limit=_BATCH).drop_duplicates("property_id").reset_index(drop=True)
        if steps.empty:
            break
        reason = _objections(scope, steps, steps["scheduled_at"])
        good, later = reason == "", reason.isin(_LATER)
        _put(scope, steps[good])
        _refuse(scope, steps[~good & ~later], reason[~good & ~later])
        _move(scope, steps[later])
        outcome = np.select([good, later], ["in outbox", "moved"], "refused")
        parts.append(steps[["property_id", "channel"]].assign(outcome=outcome, reason=reason))
    if not parts:
        return pd.DataFrame(columns=["property_id", "channel", "outcome", "reason"])
    return pd.concat(parts, ignore_index=True)


def hand_over(scope: Scope, limit: int, lease_s: float) -> pd.DataFrame:
    """Lease up to `limit` contacts, each rule asked anew. See `NurtureLoop.hand_over`."""
    keys: list[str] = []
    while len(keys) < limit and plans.state(scope.connection, scope.storm_id) == "open":
        found = scope.frame(_WAITING, limit=limit - len(keys))
        if found.empty:
            break
        reason = _objections(scope, found, found["due_at"])
        good, later = reason == "", reason.isin(_LATER)
        _refuse(scope, found[~good & ~later], reason[~good & ~later])
        _wait(scope, found[later])
        _lease(scope, list(found.loc[good, "sequence_id"]), lease_s)
        keys += list(found.loc[good, "sequence_id"])
    return scope.frame(_HANDED, keys=keys)


def acknowledge(scope: Scope, key: str | UUID) -> bool:
    """Take note that a contact was made. See `NurtureLoop.acknowledge`."""
    try:
        known = str(UUID(str(key)))
    except ValueError:
        raise _unknown(key) from None
    query = """SELECT handed_at, acknowledged_at FROM nurture_outbox
                WHERE idempotency_key = CAST(:key AS uuid) AND handed_at IS NOT NULL FOR UPDATE"""
    found = scope.frame(query, key=known)
    if found.empty:
        raise _unknown(key)
    if found["acknowledged_at"].notna().any():
        return False
    scope.execute(
        """UPDATE nurture_outbox SET acknowledged_at = :now, leased_until = NULL
            WHERE idempotency_key = CAST(:key AS uuid)""",
        key=known,
    )
    scope.execute(
        """UPDATE nurture_sequences SET status = 'done', reason = NULL, updated_at = now()
            WHERE sequence_id = CAST(:key AS uuid)""",
        key=known,
    )
    scope.execute(
        """INSERT INTO customer_journeys (property_id, storm_id, channel, "timestamp")
           SELECT property_id, storm_id, channel, handed_at FROM nurture_outbox
            WHERE idempotency_key = CAST(:key AS uuid)""",
        key=known,
    )
    return True


def _unknown(key: object) -> BadInput:
    return BadInput(f"Nothing was handed over with the key '{key}'.", "Expected an idempotency_key of hand_over().")


def _objections(scope: Scope, steps: pd.DataFrame, due_since: pd.Series) -> pd.Series:
    """Why each may not go now; '' where it may. Contacts under way count, the one in question does not."""
    facts = gather(scope, steps["property_id"].tolist(), to_come=False, without=list(steps["sequence_id"]))
    channels: list[Channel | None] = list(steps["channel"])
    code = why_not(facts.people, channels, scope.now_s, scope.rules)
    reason = pd.Series([REASONS[one] for one in code], index=steps.index, dtype=object)
    stale = due_since < pd.Timestamp(scope.now) - pd.Timedelta(days=scope.rules.stale_after_days)
    return reason.mask(stale & reason.isin(("", *_LATER)), TOO_LATE)


def _put(scope: Scope, steps: pd.DataFrame) -> None:
    if steps.empty:
        return
    columns = {"idempotency_key": steps["sequence_id"], "storm_id": scope.storm_id, "due_at": scope.now,
               **{name: steps[name] for name in ("property_id", "channel", "message")}}  # fmt: skip
    tenancy.insert(scope.connection, "nurture_outbox", pd.DataFrame(columns))
    scope.execute(
        """UPDATE nurture_sequences SET status = 'due', updated_at = now()
            WHERE sequence_id = ANY (CAST(:ids AS uuid[]))""",
        ids=list(steps["sequence_id"]),
    )


def _refuse(scope: Scope, steps: pd.DataFrame, reasons: pd.Series) -> None:
    """Write down each no; one that is of the home ends all its pending steps of the storm."""
    for reason in reasons.unique():
        mine = steps[(reasons == reason).to_numpy()]
        ids = list(mine["sequence_id"])
        scope.execute(
            """UPDATE nurture_outbox SET refused_at = now(), refused_reason = :reason
                WHERE idempotency_key = ANY (CAST(:ids AS uuid[])) AND refused_at IS NULL""",
            ids=ids,
            reason=reason,
        )
        scope.execute(
            """UPDATE nurture_sequences SET status = 'refused', reason = :reason, updated_at = now()
                WHERE sequence_id = ANY (CAST(:ids AS uuid[]))""",
            ids=ids,
            reason=reason,
        )
        if reason in _OF_THE_HOME:
            writing.stop(scope, mine["property_id"].tolist(), reason)


def _move(scope: Scope, steps: pd.DataFrame) -> None:
    """Place what remains of these runs anew, from now on."""
    if steps.empty:
        return
    rest = writing.pending(scope, ["scheduled"], steps["property_id"].tolist())
    run = ["property_id", "sequence_type", "begins_at"]
    writing.replan(scope, rest.merge(steps[run]), scope.now)


def _wait(scope: Scope, found: pd.DataFrame) -> None:
    """Keep contacts in the outbox until the next moment that hours and caps allow."""
    for channel in found["channel"].unique():
        part = found[found["channel"] == channel]
        facts = gather(scope, part["property_id"].tolist(), to_come=False, without=list(part["sequence_id"]))
        at_s = plan(facts.people, [Step(channel, "later")], scope.now_s, scope.rules).at_s[:, 0]
        scope.execute(
            """UPDATE nurture_outbox b SET due_at = greatest(to_timestamp(v.at_s), :now + interval '1 minute')
                 FROM unnest(CAST(:ids AS uuid[]), CAST(:at_s AS bigint[])) AS v (key, at_s)
                WHERE b.idempotency_key = v.key""",
            ids=list(part["sequence_id"]),
            at_s=np.where(at_s == NEVER, scope.now_s + 86_400, at_s).tolist(),
        )


def _lease(scope: Scope, keys: list[str], lease_s: float) -> None:
    scope.execute(
        """UPDATE nurture_outbox SET attempts = attempts + 1, handed_at = :now, leased_until = :until
            WHERE idempotency_key = ANY (CAST(:keys AS uuid[]))""",
        keys=keys,
        until=scope.now + timedelta(seconds=lease_s),
    )
