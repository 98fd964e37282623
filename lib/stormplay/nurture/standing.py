"""Where a storm's nurture stands: every candidate in one line of a ledger, what may go now, what is in the outbox."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from stormplay.nurture import listing, plans, upcoming, writing
from stormplay.nurture.facts import Scope, gather, with_steps_to_come
from stormplay.nurture.planner import plan, why_not
from stormplay.nurture.rules import REASONS, Channel
from stormplay.nurture.sequences import Sequence

# Outcomes of the ledger's lines, in their order on a page.
OUTCOMES = ("scheduled", "paused", "done", "ready", "left alone")
# As long the page may keep what it read of homes that it did not change: hours and caps go on meanwhile.
FRESH = timedelta(minutes=5)
OUTBOX = ("due", "in outbox", "handed over", "acknowledged", "refused")

_FUNNEL = """
SELECT count(*) AS treated, count(*) FILTER (WHERE o.actual_converted) AS converted
  FROM policy_decisions_log d
  LEFT JOIN policy_outcomes o ON o.tenant_id = d.tenant_id AND o.property_id = d.property_id AND o.storm_id = d.storm_id
 WHERE d.storm_id = :storm_id AND d.decision = 'treat'
"""
_AS_OF = """
SELECT greatest((SELECT max(decided_at) FROM policy_decisions_log WHERE storm_id = :storm_id),
                (SELECT max(scored_at) FROM lead_uplift),
                (SELECT max(updated_at) FROM nurture_sequences WHERE storm_id = :storm_id)) AS as_of
"""
_WRITTEN = """
SELECT max(updated_at) AS as_of FROM nurture_sequences
 WHERE storm_id = :storm_id AND property_id = ANY (CAST(:ids AS uuid[]))
"""
_DONE = """
SELECT DISTINCT property_id::text FROM nurture_sequences WHERE storm_id = :storm_id AND status = 'done'
   AND (CAST(:ids AS uuid[]) IS NULL OR property_id = ANY (CAST(:ids AS uuid[])))
"""
_OUTBOX = """
SELECT (SELECT count(*) FROM nurture_sequences WHERE storm_id = :storm_id AND status = 'scheduled'
           AND run_id IS NOT NULL AND scheduled_at <= :now) AS due,
       count(*) FILTER (WHERE is_open AND handed_at IS NULL) AS "in outbox",
       count(*) FILTER (WHERE is_open AND handed_at IS NOT NULL) AS "handed over",
       count(*) FILTER (WHERE acknowledged_at IS NOT NULL) AS acknowledged,
       count(*) FILTER (WHERE refused_at IS NOT NULL) AS refused
  FROM (SELECT b.*, b.acknowledged_at IS NULL AND b.refused_at IS NULL AS is_open FROM nurture_outbox b
         WHERE b.storm_id = :storm_id) AS o
"""


@dataclass(frozen=True)
class Standing:
    """The numbers of one storm's nurture at one moment.

    Attributes:
        state: 'open', 'paused' or 'stopped'.
        treated, converted: Homes with the decision 'treat' for this storm, and those among them that signed.
        ledger: outcome (of `OUTCOMES`), reason ('' where there is none), properties; each candidate in one line.
        now: reason ('' where nothing speaks against the next contact at this moment), properties; likewise.
        outbox: Contacts by place: 'due' (its time has come, not in the outbox yet), 'in outbox', 'handed over',
            'acknowledged', 'refused' (a rule said no while it waited).
        as_of: When the newest decision, score or step behind the numbers was written; None: nothing yet.
        homes: What the counts are of: outcome, reason and now of each candidate, by property_id.
        basis: What they depend on beside the homes: threshold, sequence, limits and state.
        read_at: When all homes were read.
    """

    state: plans.State
    treated: int
    converted: int
    ledger: pd.DataFrame
    now: pd.DataFrame
    outbox: Mapping[str, int]
    as_of: datetime | None
    homes: pd.DataFrame = field(default_factory=pd.DataFrame)
    basis: tuple[object, ...] = ()
    read_at: datetime | None = None

    @property
    def candidates(self) -> int:
        """Treated, not converted, above the threshold."""
        return int(self.ledger["properties"].sum())


def read(
    scope: Scope, threshold: float, sequence: Sequence, before: Standing | None = None, changed: Collection[str] = ()
) -> Standing:
    """Read all of it, in one session, or only what was changed of it.

    Args:
        scope: The session.
        threshold: Uplift above which a home is a candidate.
        sequence: What 'ready' is about: whether a home without a contact to come could be given its steps.
        before: As it stood; where it is about something else, or older than `FRESH`, all is read.
        changed: The homes whose steps alone were changed since.
    """
    state = plans.state(scope.connection, scope.storm_id)
    basis = (scope.storm_id, threshold, sequence, scope.rules, state)
    outbox = {place: int(n) for place, n in zip(OUTBOX, scope.frame(_OUTBOX).iloc[0], strict=True)}
    if before and before.read_at and changed and before.basis == basis and scope.now - before.read_at < FRESH:
        ids = list(changed)
        homes = pd.concat([before.homes.drop(ids, errors="ignore"), _homes(scope, threshold, sequence, ids)])
        newest = scope.frame(_WRITTEN, ids=ids)["as_of"].iloc[0]
        as_of = before.as_of if pd.isna(newest) else max(newest.to_pydatetime(), before.as_of or newest)
        ledger, now = _counts(homes)
        return replace(before, ledger=ledger, now=now, outbox=outbox, as_of=as_of, homes=homes)
    homes = _homes(scope, threshold, sequence, None)
    ledger, now = _counts(homes)
    treated, converted = scope.frame(_FUNNEL).iloc[0]
    as_of = scope.frame(_AS_OF)["as_of"].iloc[0]
    return Standing(
        state=state,
        treated=int(treated),
        converted=int(converted),
        ledger=ledger,
        now=now,
        outbox=outbox,
        as_of=None if pd.isna(as_of) else as_of.to_pydatetime(),
        homes=homes,
        basis=basis,
        read_at=scope.now,
    )


def _homes(scope: Scope, threshold: float, sequence: Sequence, only: list[str] | None) -> pd.DataFrame:
    """Outcome, reason and now of candidates. A rule that speaks against the home comes first, since it will refuse the
    step at its time."""
    listed = listing.everybody(scope, threshold, only)
    ids = listed["property_id"].tolist()
    facts = gather(scope, ids, to_come=False, all_treated=True)
    found = upcoming.with_next(scope, listed, facts)
    people = with_steps_to_come(scope, facts)
    silent: list[Channel | None] = [None] * len(ids)
    barred = why_not(people, silent, scope.now_s, scope.rules)
    could = plan(people, sequence.steps, scope.now_s, scope.rules).refusal
    waits = found["next_at"].notna().to_numpy()
    held = pd.Index(ids).isin(writing.pending(scope, ["paused"], only)["property_id"].astype(str))
    done = pd.Index(ids).isin(scope.bulk(_DONE, ids=only)["property_id"])
    outcome = np.select(
        [barred != 0, held, waits, done, could == 0],
        ["left alone", "paused", "scheduled", "done", "ready"],
        "left alone",
    )
    code = np.where(barred != 0, barred, np.where(outcome == "left alone", could, 0))
    reason = np.array(REASONS, dtype=object)[code]
    now = found["why_not"].fillna("").to_numpy()
    return pd.DataFrame({"outcome": outcome, "reason": reason, "now": now}, index=pd.Index(ids, dtype=str), dtype=str)


def _counts(homes: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The ledger, and what may go now."""
    counted = _counted(homes, ["outcome", "reason"])
    place = counted["outcome"].map({one: k for k, one in enumerate(OUTCOMES)})
    ledger = counted.assign(place=place).sort_values(["place", "properties"], ascending=[True, False],
                                                     ignore_index=True).drop(columns="place")  # fmt: skip
    return ledger, _counted(homes["now"].rename("reason"), ["reason"])


def _counted(rows: pd.DataFrame | pd.Series, names: list[str]) -> pd.DataFrame:
    frame = rows.to_frame(names[0]) if isinstance(rows, pd.Series) else rows
    counted = frame.groupby(names, sort=False).size().reset_index(name="properties")
    return counted.sort_values("properties", ascending=False, kind="stable", ignore_index=True)
