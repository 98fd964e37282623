"""The schedule of one storm's nurture: what would be done, what is, and how a person holds, moves or ends it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from uuid import UUID

import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import clock, tenancy
from stormplay.errors import BadInput, Conflict
from stormplay.nurture import frames, listing, plans, writing
from stormplay.nurture.clock import zone
from stormplay.nurture.facts import Facts, Scope, gather
from stormplay.nurture.planner import Plan, plan
from stormplay.nurture.rules import EARLIEST, LATEST
from stormplay.nurture.sequences import Sequence

Ids = str | UUID | Iterable[str | UUID]
Start = datetime | date | None
THRESHOLD = 0.15

_STEPS = """
WITH page AS (
    SELECT n.sequence_id, n.property_id, n.sequence_type, n.step_number, n.channel, n.message, n.scheduled_at, n.status,
           n.reason
      FROM nurture_sequences n
     WHERE n.storm_id = :storm_id AND n.run_id IS NOT NULL
       AND (CAST(:since AS timestamptz) IS NULL OR n.scheduled_at >= :since)
       AND (CAST(:until AS timestamptz) IS NULL OR n.scheduled_at < :until)
       AND (CAST(:property_id AS uuid) IS NULL OR n.property_id = CAST(:property_id AS uuid))
       AND (CAST(:status AS text) IS NULL OR n.status = :status)
     ORDER BY n.scheduled_at, n.property_id, n.step_number LIMIT :limit
)
SELECT page.sequence_id, page.property_id, p.address, p.zip_code, page.sequence_type, page.step_number, page.channel,
       page.message, page.scheduled_at, page.status, page.reason
  FROM page JOIN properties p ON p.tenant_id = (SELECT sec.tenant()) AND p.property_id = page.property_id
 ORDER BY page.scheduled_at, page.property_id, page.step_number
"""


class Schedule:
    """The part of `NurtureLoop` that plans and writes.

    Args:
        tenant: The tenant's slug or id; a selection, never an authority.
        storm: The storm's slug or id.
    """

    def __init__(self, tenant: str | UUID, storm: str | UUID) -> None:
        self.tenant = tenant
        with tenancy.session(tenant) as connection:
            self.storm_id = tenancy.storm_id(connection, storm)
            self.company, self.time_zone = connection.execute(text("SELECT org_name, time_zone FROM tenants")).one()
            query = text("SELECT slug FROM storms WHERE storm_id = :id")
            self.storm = str(connection.execute(query, {"id": self.storm_id}).scalar_one())

    def preview(self, property_ids: Ids | None = None, sequence_type: str = "follow_up", start: Start = None,
                *, threshold: float = THRESHOLD, now: datetime | None = None) -> pd.DataFrame:  # fmt: skip
        """What `schedule` would do, writing nothing: every home exactly once, scheduled or refused.

        Args:
            property_ids: One or several; None: all candidates above the threshold.
            sequence_type: A name of `sequences`.
            start: A moment; without a zone, or a date, it is the company's own time. None or the past: now.
            threshold: For all candidates.
            now: None: the present.

        Returns:
            One row a home; see `frames.preview`.

        Raises:
            BadInput: There is no such sequence, or a home is none of this company.
        """
        sequence, facts, made = self._made(property_ids, sequence_type, start, threshold, now)
        return frames.preview(facts, made, sequence)

    def preview_steps(self, property_ids: Ids | None = None, sequence_type: str = "follow_up", start: Start = None,
                      *, threshold: float = THRESHOLD, now: datetime | None = None) -> pd.DataFrame:  # fmt: skip
        """Like `preview`, with one row a home and step; see `frames.steps`."""
        sequence, facts, made = self._made(property_ids, sequence_type, start, threshold, now)
        return frames.steps(facts, made, sequence)

    def schedule(self, property_ids: Ids | None = None, sequence_type: str = "follow_up", start: Start = None,
                 *, threshold: float = THRESHOLD, now: datetime | None = None) -> pd.DataFrame:  # fmt: skip
        """Write what `preview` shows, in one transaction, and who was drawn into the standing holdout.

        Again with the same homes, sequence and start adds nothing: who is in the sequence is refused as such.

        Returns:
            What `preview` shows.

        Raises:
            BadInput: As for `preview`.
            Conflict: The nurture of this storm was stopped.
            NotAllowed: This person may only read.
        """
        with tenancy.session(self.tenant) as connection:
            scope = self.scope(connection, now)
            begins_at = self._moment(start, scope.now)
            if plans.hold(connection, self.storm_id) == "stopped":
                raise Conflict("The nurture of this storm was stopped.", remedy="Open it again with resume().")
            sequence = plans.sequence(connection, sequence_type)
            facts, made = self._plan(scope, property_ids, sequence, begins_at, threshold)
            shown = frames.preview(facts, made, sequence)
            writing.record_draw(scope, facts)
            run = {"ledger": frames.ledger(shown).to_dict("records"), "made_by": plans.who(connection)}
            writing.store(scope, sequence, begins_at, facts, made, run)
        return shown

    def reschedule(self, property_ids: Ids | None = None, start: Start = None,
                   sequence_type: str | None = None, *, now: datetime | None = None) -> pd.DataFrame:  # fmt: skip
        """Move the steps that still wait, so that the next comes at the start; what was done is not done again.

        Args:
            property_ids: None: all homes of the storm.
            start: As for `preview`.
            sequence_type: None: all sequences.
            now: None: the present.

        Returns:
            One row a step: sequence_id, property_id, outcome ('moved' or 'refused'), reason, scheduled_at.
        """
        with tenancy.session(self.tenant) as connection:
            scope = self.scope(connection, now)
            plans.hold(connection, self.storm_id)
            ids = None if property_ids is None else known_ids(property_ids)
            steps = writing.pending(scope, ["scheduled"], ids, sequence_type)
            return writing.replan(scope, steps, max(self._moment(start, scope.now), scope.now))

    def pause(self, property_ids: Ids | None = None) -> int:
        """Hold the pending steps of these homes, or the whole storm. Returns how many steps (0 for a storm)."""
        with tenancy.session(self.tenant) as connection:
            if property_ids is None:
                plans.set_state(connection, self.storm_id, "paused")
                return 0
            return writing.pause(self.scope(connection), known_ids(property_ids))

    def resume(self, property_ids: Ids | None = None, *, now: datetime | None = None) -> int:
        """Let go on what was held, homes or the whole storm; what is overdue is placed anew. Returns how many steps.

        A stopped storm can be scheduled for again; its stopped steps stay stopped.
        """
        with tenancy.session(self.tenant) as connection:
            scope = self.scope(connection, now)
            plans.hold(connection, self.storm_id)
            ids = None if property_ids is None else known_ids(property_ids)
            if ids is None:
                plans.set_state(connection, self.storm_id, "open")
            freed = 0 if ids is None else writing.resume(scope, ids)
            steps, run = writing.pending(scope, ["scheduled"], ids), ["property_id", "sequence_type", "begins_at"]
            overdue = steps.loc[steps["scheduled_at"] < scope.now, run].drop_duplicates()
            writing.replan(scope, steps.merge(overdue), scope.now)
            return freed

    def stop(self, property_ids: Ids | None = None) -> int:
        """End the pending steps of these homes, or of the whole storm, for good. Returns how many steps.

        A stopped home is not scheduled again for this storm.
        """
        with tenancy.session(self.tenant) as connection:
            if property_ids is not None:
                return writing.stop(self.scope(connection), known_ids(property_ids), writing.BY_HAND)
            plans.set_state(connection, self.storm_id, "stopped")
            return writing.stop(self.scope(connection), None, "storm stopped")

    @property
    def state(self) -> plans.State:
        """Whether the storm's nurture is 'open', 'paused' or 'stopped'."""
        with tenancy.session(self.tenant) as connection:
            return plans.state(connection, self.storm_id)

    def get_steps(self, since: datetime | None = None, until: datetime | None = None, *,
                  property_id: str | UUID | None = None, status: str | None = None,
                  limit: int = 1_000) -> pd.DataFrame:  # fmt: skip
        """Steps that were written, by time: sequence_id, property_id, address, zip_code, sequence_type, step_number,
        channel, message, scheduled_at, status, reason.

        Args:
            since, until: Of scheduled_at; None: no bound.
            property_id: One home; None: all.
            status: 'scheduled', 'due', 'paused', 'done', 'stopped' or 'refused'; None: all.
            limit: Rows, at most.
        """
        one = None if property_id is None else known_ids(property_id)[0]
        values = {"since": since, "until": until, "property_id": one, "status": status,
                  "limit": limit}  # fmt: skip
        with tenancy.session(self.tenant) as connection:
            return self.scope(connection).frame(_STEPS, **values)

    def scope(self, connection: Connection, now: datetime | None = None) -> Scope:
        """This storm, the company's limits and a moment, in an open session."""
        return Scope(connection, self.storm_id, plans.rules(connection), right_now(now))

    def _made(
        self, property_ids: Ids | None, sequence_type: str, start: Start, threshold: float, now: datetime | None
    ) -> tuple[Sequence, Facts, Plan]:
        with tenancy.session(self.tenant) as connection:
            scope, sequence = self.scope(connection, now), plans.sequence(connection, sequence_type)
            begins_at = self._moment(start, scope.now)
            return sequence, *self._plan(scope, property_ids, sequence, begins_at, threshold)

    def _plan(
        self, scope: Scope, property_ids: Ids | None, sequence: Sequence, begins_at: datetime, threshold: float
    ) -> tuple[Facts, Plan]:
        everybody = property_ids is None
        ids = listing.everybody(scope, threshold)["property_id"].tolist() if everybody else known_ids(property_ids)
        enrolled = writing.enrolled(scope, sequence.name, begins_at)
        facts = gather(scope, ids, enrolled=enrolled, all_treated=everybody)
        if len(facts.homes) != len(ids):
            unknown = next(one for one in ids if one not in set(facts.homes["property_id"]))
            raise BadInput(f"This company has no property '{unknown}'.", "Expected property_ids of candidates().")
        start_s = math.ceil(max(begins_at, scope.now).timestamp())
        return facts, plan(facts.people, sequence.steps, start_s, scope.rules)

    def _moment(self, start: Start, present: datetime) -> datetime:
        """A start as a moment; without a zone it is the company's own time."""
        if start is None:
            return present
        moment = start if isinstance(start, datetime) else datetime.combine(start, time())
        if not EARLIEST <= moment.year <= LATEST:
            raise BadInput(f"The start is {start}.", f"Expected a year from {EARLIEST} to {LATEST}.")
        own = zone(self.time_zone) or UTC
        return (moment if moment.tzinfo else moment.replace(tzinfo=own)).astimezone(UTC)


def right_now(now: datetime | None) -> datetime:
    """Now; a moment without a zone is refused, since nobody can say whose it is."""
    if now is not None and now.tzinfo is None:
        raise BadInput(f"now is {now}, without a time zone.", "Expected one like datetime.now(UTC).")
    return clock.now() if now is None else now.astimezone(UTC)


def known_ids(given: Ids | None) -> list[str]:
    """Property ids, each once, in their order."""
    several = [given] if isinstance(given, str | UUID) else given or ()
    try:
        return list(dict.fromkeys(str(UUID(str(one))) for one in several))
    except ValueError:
        raise BadInput("That is not a list of property_ids.", "Expected ids of candidates().") from None
