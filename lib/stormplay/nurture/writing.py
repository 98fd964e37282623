"""What is written of a plan: scheduled steps, the draw, pauses, stops, and steps moved to another time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stormplay.nurture import planner
from stormplay.nurture.facts import Facts, Scope, gather
from stormplay.nurture.planner import NEVER, Plan
from stormplay.nurture.rules import REASONS
from stormplay.nurture.sequences import Sequence as Steps
from stormplay.nurture.sequences import Step

BY_HAND = "stopped by a person"
PENDING = ("scheduled", "due", "paused")
_CHUNK = 20_000

_RUN = """
INSERT INTO nurture_runs (run_id, storm_id, sequence_type, begins_at, steps, rules, ledger, made_by)
VALUES (:run_id, :storm_id, :type, :begins_at, CAST(:steps AS jsonb), CAST(:rules AS jsonb), CAST(:ledger AS jsonb),
        :made_by)
"""
_INSERT = """
INSERT INTO nurture_sequences (tenant_id, property_id, storm_id, sequence_type, scheduled_at, run_id, begins_at,
                               step_number, channel, message, delay_s)
SELECT (SELECT sec.tenant()), v.property_id, :storm_id, :type, to_timestamp(v.at_s), :run_id, :begins_at,
       :step_number, :channel, :message, :delay_s
  FROM unnest(CAST(:ids AS uuid[]), CAST(:at_s AS bigint[])) AS v (property_id, at_s)
    ON CONFLICT (tenant_id, property_id, storm_id, sequence_type, begins_at, step_number) DO NOTHING
"""
_DRAW = """
INSERT INTO nurture_draws (tenant_id, property_id, is_held, salt, share)
SELECT (SELECT sec.tenant()), v.property_id, v.is_held, :salt, :share
  FROM unnest(CAST(:ids AS uuid[]), CAST(:held AS boolean[])) AS v (property_id, is_held)
    ON CONFLICT (tenant_id, property_id) DO NOTHING
"""
_MOVE = """
UPDATE nurture_sequences n SET updated_at = now(), reason = nullif(v.reason, ''),
       scheduled_at = CASE WHEN v.reason = '' THEN to_timestamp(v.at_s) ELSE n.scheduled_at END,
       status = CASE WHEN v.reason = '' THEN 'scheduled' ELSE 'refused' END
  FROM unnest(CAST(:ids AS uuid[]), CAST(:at_s AS bigint[]), CAST(:reasons AS text[])) AS v (sequence_id, at_s, reason)
 WHERE n.sequence_id = v.sequence_id AND n.status = 'scheduled'
"""
_THESE = "storm_id = :storm_id AND (CAST(:ids AS uuid[]) IS NULL OR property_id = ANY (CAST(:ids AS uuid[])))"


def store(scope: Scope, sequence: Steps, begins_at: datetime, facts: Facts, made: Plan, run: dict[str, Any]) -> int:
    """Write the scheduled steps of a plan, and the run that they belong to.

    Args:
        scope: A session that holds the gate.
        sequence: The steps' sequence.
        begins_at: The start they were planned for; with it each step is there once.
        facts: The people of the plan.
        made: The plan.
        run: ledger (plain JSON) and made_by.

    Returns:
        Steps added; without any, no run is written either.
    """
    if not made.is_scheduled.any():
        return 0
    ids = facts.homes["property_id"].to_numpy()
    run_id = scope.frame("SELECT uuidv7() AS run_id")["run_id"].iloc[0]
    common = {"run_id": run_id, "type": sequence.name, "begins_at": begins_at}
    scope.execute(_RUN, **common, steps=json.dumps(sequence.to_mapping()["steps"]), made_by=run["made_by"],
                  rules=json.dumps(scope.rules.to_mapping()), ledger=json.dumps(run["ledger"]))  # fmt: skip
    added = 0
    for k, step in enumerate(sequence.steps):
        for some in _chunks(np.flatnonzero(made.code[:, k] == 0)):
            added += scope.execute(
                _INSERT,
                **common,
                step_number=k + 1,
                channel=step.channel,
                message=step.message,
                delay_s=step.delay_s,
                ids=list(ids[some]),
                at_s=made.at_s[some, k].tolist(),
            )
    return added


def record_draw(scope: Scope, facts: Facts) -> int:
    """Keep who was drawn into the standing holdout and who was not, for homes not drawn before. Returns how many."""
    fresh = facts.homes[~facts.homes["drawn_before"]]
    for some in _chunks(np.arange(len(fresh))):
        part = fresh.iloc[some]
        held = part["is_drawn"].astype(bool).tolist()
        scope.execute(_DRAW, ids=part["property_id"].tolist(), held=held, salt=scope.rules.holdout_salt,
                      share=scope.rules.holdout_share)  # fmt: skip
    return len(fresh)


def pending(
    scope: Scope, statuses: Iterable[str], property_ids: Sequence[str] | None, sequence_type: str | None = None
) -> pd.DataFrame:
    """Steps of the storm in these statuses, in order: sequence_id, property_id, sequence_type, begins_at, step_number,
    channel, message, delay_s, scheduled_at. Rows that others wrote themselves, without a run, are not among them."""
    return scope.frame(
        f"""SELECT sequence_id, property_id, sequence_type, begins_at, step_number, channel, message, delay_s,
                   scheduled_at
              FROM nurture_sequences
             WHERE {_THESE} AND status = ANY (:statuses) AND run_id IS NOT NULL
               AND (CAST(:type AS text) IS NULL OR sequence_type = :type)
             ORDER BY property_id, sequence_type, begins_at, step_number""",  # noqa: S608 - own words
        statuses=list(statuses),
        type=sequence_type,
        ids=None if property_ids is None else list(property_ids),
    )


def enrolled(scope: Scope, sequence_type: str, begins_at: datetime) -> list[str]:
    """The homes that are in this sequence now, or were given it for this very start."""
    found = scope.bulk(
        """SELECT DISTINCT property_id::text FROM nurture_sequences
            WHERE storm_id = :storm_id AND sequence_type = :type AND run_id IS NOT NULL
              AND (status = ANY (:pending) OR begins_at = :begins_at)""",
        type=sequence_type,
        begins_at=begins_at,
        pending=list(PENDING),
    )
    return found["property_id"].tolist()


def replan(scope: Scope, steps: pd.DataFrame, start: datetime) -> pd.DataFrame:
    """Place steps that are still to come anew; what was done stays, and counts against the caps.

    Args:
        scope: The session, with the gate where more than one may write.
        steps: Rows of `pending`: what remains of each home's sequences.
        start: When the first remaining step may come, at the earliest.

    Returns:
        One row a step: sequence_id, property_id, outcome ('moved' or 'refused'), reason, scheduled_at.
    """
    parts = []
    for wanted, run in _alike(steps):
        ids = [str(part["property_id"].iloc[0]) for part in run]
        own = [str(one) for part in run for one in part["sequence_id"]]
        facts = gather(scope, ids, without=own)
        made = planner.plan(facts.people, wanted, int(start.timestamp()), scope.rules, keep_first_delay=False)
        columns = {"sequence_id": own, "property_id": np.repeat(ids, len(wanted)), "at_s": made.at_s.ravel(),
                   "code": made.code.ravel()}  # fmt: skip
        parts.append(pd.DataFrame(columns))
        _move(scope, parts[-1])
    if not parts:
        return pd.DataFrame(columns=["sequence_id", "property_id", "outcome", "reason", "scheduled_at"])
    placed = pd.concat(parts, ignore_index=True)
    at = pd.to_datetime(placed["at_s"].where(placed["at_s"] != NEVER), unit="s", utc=True)
    return placed.assign(
        outcome=np.where(placed["code"] == 0, "moved", "refused"),
        reason=[REASONS[code] for code in placed["code"]],
        scheduled_at=at,
    ).drop(columns=["at_s", "code"])


def _alike(steps: pd.DataFrame) -> Iterable[tuple[list[Step], list[pd.DataFrame]]]:
    """What remains of each run, those with the same remaining steps together; a home at most once in each group."""
    groups: dict[tuple[Any, ...], list[pd.DataFrame]] = {}
    for (property_id, _, _), part in steps.groupby(["property_id", "sequence_type", "begins_at"], sort=False):
        shape = tuple(zip(part["channel"], part["message"], part["delay_s"], strict=True))
        turn = 0
        while any(one["property_id"].iloc[0] == property_id for one in groups.get((shape, turn), [])[-1:]):
            turn += 1
        groups.setdefault((shape, turn), []).append(part)
    for (shape, _), run in groups.items():
        yield [Step(channel, message, delay_hours=int(delay_s) / 3600) for channel, message, delay_s in shape], run


def _move(scope: Scope, placed: pd.DataFrame) -> None:
    for some in _chunks(np.arange(len(placed))):
        part = placed.iloc[some]
        at_s = part["at_s"].where(part["code"] == 0, 0).tolist()
        reasons = [REASONS[code] for code in part["code"]]
        scope.execute(_MOVE, ids=list(part["sequence_id"]), at_s=at_s, reasons=reasons)


def pause(scope: Scope, property_ids: Sequence[str]) -> int:
    """Hold all pending steps of these homes. Returns how many."""
    return scope.execute(
        f"""UPDATE nurture_sequences SET status = 'paused', updated_at = now()
             WHERE {_THESE} AND status IN ('scheduled', 'due')""",  # noqa: S608 - own words
        ids=list(property_ids),
    )


def resume(scope: Scope, property_ids: Sequence[str]) -> int:
    """Let the held steps of these homes go on; what was in the outbox is there still. Returns how many."""
    return scope.execute(
        """UPDATE nurture_sequences n SET updated_at = now(), status = CASE WHEN EXISTS (
                SELECT FROM nurture_outbox b WHERE b.tenant_id = n.tenant_id AND b.idempotency_key = n.sequence_id
                   AND b.acknowledged_at IS NULL AND b.refused_at IS NULL) THEN 'due' ELSE 'scheduled' END
            WHERE n.storm_id = :storm_id AND n.status = 'paused' AND n.property_id = ANY (CAST(:ids AS uuid[]))""",
        ids=list(property_ids),
    )


def stop(scope: Scope, property_ids: Sequence[str] | None, reason: str) -> int:
    """End all pending steps of these homes for the storm, or of all its homes. Returns how many."""
    ids = None if property_ids is None else list(property_ids)
    scope.execute(
        f"""UPDATE nurture_outbox SET refused_at = now(), refused_reason = :reason
             WHERE {_THESE} AND acknowledged_at IS NULL AND refused_at IS NULL""",  # noqa: S608 - own words
        ids=ids,
        reason=reason,
    )
    return scope.execute(
        f"""UPDATE nurture_sequences SET status = 'stopped', reason = :reason, updated_at = now()
             WHERE {_THESE} AND status IN ('scheduled', 'due', 'paused')""",  # noqa: S608 - own words
        ids=ids,
        reason=reason,
    )


def _chunks(rows: NDArray[np.intp]) -> Iterable[NDArray[np.intp]]:
    return (rows[k : k + _CHUNK] for k in range(0, len(rows), _CHUNK))
