"""A storm as its page shows it while it comes in: what was taken, which homes it changed, what could not be applied.

All of it is asked with the login of whoever looks, through the database's row security. What changed since the last
look is followed by the ids of transactions, in the order of commits: an event that was written earlier and committed
later is not missed, and nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any
from uuid import UUID

import pandas as pd
from sqlalchemy.engine import Connection

from stormplay import clock, exports, tenancy
from stormplay.ordering import Order, order_by
from stormplay.streaming import letters
from stormplay.streaming.tally import KEPT, STEP, Tally

MOST_HOMES = 60_000  # on one map; a company with more sees those that the storm has reached
MOST_LETTERS = 50_000  # of one CSV

_HOME = """p.property_id::text AS property_id, p.latitude, p.longitude, p.address, p.zip_code,
       i.hail_in, i.sii_score, i.updated_at"""
_PLACED = "p.tenant_id = :tenant_id AND p.latitude IS NOT NULL AND p.longitude IS NOT NULL"
_HIT = "i.tenant_id = :tenant_id AND i.storm_id = :storm AND i.property_id = p.property_id"
_COUNT = f"SELECT count(*) FROM (SELECT FROM properties p WHERE {_PLACED} LIMIT :most + 1) AS placed"  # noqa: S608
_EVERY_HOME = f"SELECT {_HOME} FROM properties p LEFT JOIN property_impacts i ON {_HIT} WHERE {_PLACED}"  # noqa: S608
_HIT_HOMES = f"SELECT {_HOME} FROM properties p JOIN property_impacts i ON {_HIT} WHERE {_PLACED}"  # noqa: S608
_IN_ORDER = " ORDER BY p.property_id"
_CHANGED = """ AND p.property_id IN (
    SELECT e.property_id FROM stream_events e
     WHERE e.tenant_id = :tenant_id AND e.storm_id = :storm AND e.event_type = 'property_impacted'
       AND e.transaction_id >= CAST(CAST(:mark AS text) AS xid8))"""

# Every transaction before the mark is over, and what it has written is seen by each statement that comes after.
_MARK = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"
_COUNTED = """
SELECT event_type, is_superseded,
       CASE WHEN applied_at >= :long_ago THEN date_bin(:step, applied_at, 'epoch') END AS begins,
       transaction_id < CAST(CAST(:mark AS text) AS xid8) AS is_settled, count(*) AS events
  FROM stream_events
 WHERE tenant_id = :tenant_id AND storm_id = :storm
   AND transaction_id >= CAST(CAST(:before AS text) AS xid8)
   AND (CAST(:until AS timestamptz) IS NULL OR applied_at <= CAST(:until AS timestamptz))
 GROUP BY 1, 2, 3, 4
"""
_NEWEST = """
SELECT e.event_id, e.event_type, coalesce(e.property_id, j.property_id) AS property_id, p.address, e.sii_score,
       e.value_cents, e.is_superseded, e.event_at, e.applied_at
  FROM stream_events e
  LEFT JOIN jobs j ON j.tenant_id = :tenant_id AND j.job_id = e.job_id
  LEFT JOIN properties p ON p.tenant_id = :tenant_id AND p.property_id = coalesce(e.property_id, j.property_id)
 WHERE e.tenant_id = :tenant_id AND e.storm_id = :storm
   AND (CAST(:until AS timestamptz) IS NULL OR e.applied_at <= CAST(:until AS timestamptz))
 ORDER BY e.transaction_id DESC, e.applied_at DESC, e.event_id DESC
 LIMIT :limit
"""
_POSITIONS = """
SELECT partition, next_offset, end_offset, greatest(end_offset - next_offset, 0) AS behind, told_at
  FROM stream_positions WHERE tenant_id = :tenant_id AND storm_id = :storm ORDER BY partition
"""
_OF = """
  FROM stream_dead_letters
 WHERE tenant_id = :tenant_id AND storm_id = :storm AND (:status = '' OR status = :status)
   AND (CAST(:until AS timestamptz) IS NULL OR received_at <= CAST(:until AS timestamptz))
"""
_LETTERS = f"""
SELECT letter_id, topic, partition, "offset", reason, said, event_id, event_type, payload, event_at, received_at,
       status, settled_at, settled_by, attempts, replay_asked_at, replay_asked_by
{_OF}"""
_NEWEST_FIRST = "received_at DESC, letter_id DESC"
_KNOWN = {"received": "received_at", "reason": "reason", "said": "said", "event": "event_type", "state": "status"}


@dataclass(frozen=True)
class StreamState:
    """Where the reading of a storm stands.

    Attributes:
        at: The moment of the look.
        by_type: Events taken, by type.
        last_minute: Of them those of the last minute.
        minutes: Of each of the last minutes its beginning and the events by type, oldest first.
        superseded: Events that changed nothing, since something newer was known.
        last_event_at, last_applied_at: When the newest event happened, and when it was applied; None: none yet.
        open_letters: Messages that could not be applied and wait for somebody.
        positions: One row a partition: partition, next_offset, end_offset, behind (events), told_at.
    """

    at: datetime
    by_type: dict[str, int]
    last_minute: dict[str, int]
    minutes: list[tuple[datetime, dict[str, int]]]
    superseded: int
    last_event_at: datetime | None
    last_applied_at: datetime | None
    open_letters: int
    positions: pd.DataFrame


class StreamDesk:
    """The events of one storm: what came, what it changed, and what to do with those that could not be applied.

    Args:
        tenant: Slug or id of a company that is open to this person.
        storm: Slug or id of one of its storms.

    Raises:
        UnknownTenant, UnknownStorm: There is none of that name.
    """

    def __init__(self, tenant: str | UUID, storm: str | UUID) -> None:
        self._tenant = tenant
        self._tally, self._counted, self._drawn = Tally(), "0", "0"  # the last two: marks, ids of transactions
        self._looking = Lock()
        with tenancy.session(tenant) as connection:
            self._storm_id = tenancy.storm_id(connection, storm)

    def get_state(self, minutes: int = 30) -> StreamState:
        """Where the reading stands now. Costs what has come since the last look, not what came in all.

        Args:
            minutes: How many of the last minutes are told one by one, at most 60.
        """
        with self._looking, tenancy.session(self._tenant) as connection:
            now = clock.now()
            self._count(connection, now)
            last = self._asked(connection, _NEWEST, limit=1)
            return StreamState(
                at=now,
                by_type=self._tally.by_type(),
                last_minute=self._tally.by_type(now - pd.Timedelta(minutes=1)),
                minutes=self._tally.minutes(now, min(minutes, 60)),
                superseded=self._tally.superseded,
                last_event_at=None if last.empty else last["event_at"].iloc[0].to_pydatetime(),
                last_applied_at=None if last.empty else last["applied_at"].iloc[0].to_pydatetime(),
                open_letters=self._count_letters(connection, "open"),
                positions=self._asked(connection, _POSITIONS),
            )

    def _count(self, connection: Connection, now: datetime) -> None:
        mark = self._mark(connection)
        rows = self._asked(connection, _COUNTED, mark=mark, before=self._counted, step=STEP, long_ago=now - KEPT)
        found = rows.astype(object).where(rows.notna(), None)
        self._tally.take(found.itertuples(index=False, name=None), now)
        self._counted = mark

    # ---- the homes

    def get_homes(self) -> pd.DataFrame:
        """Every home with a known place, and what the storm is modelled to have done there so far.

        Columns: property_id, latitude, longitude (degrees), address, zip_code, hail_in (inches) and sii_score (0 to
        100), both NaN where the storm has not come, updated_at. Of a company with more than 60,000 homes only those
        that the storm has reached.
        """
        with self._looking, tenancy.session(self._tenant) as connection:
            self._drawn = self._mark(connection)  # before reading: what comes in between is read again, not missed
            few = int(self._one(connection, _COUNT, most=MOST_HOMES)) <= MOST_HOMES
            return tenancy.bulk_frame(
                connection, (_EVERY_HOME if few else _HIT_HOMES) + _IN_ORDER, {"storm": self._storm_id}
            )

    def get_changes(self) -> pd.DataFrame:
        """The homes that an event has reached since the last `get_homes` or `get_changes`, with the same columns.

        A home may come again though nothing about it has changed; none is left out.
        """
        with self._looking, tenancy.session(self._tenant) as connection:
            mark = self._mark(connection)
            found = self._asked(connection, _HIT_HOMES + _CHANGED + _IN_ORDER, mark=self._drawn)
            self._drawn = mark
            return found

    def get_newest(self, limit: int = 20) -> pd.DataFrame:
        """The events that were taken last, the newest first: event_id, event_type, property_id, address, sii_score,
        value_cents, is_superseded, event_at, applied_at.
        """
        with tenancy.session(self._tenant) as connection:
            return self._asked(connection, _NEWEST, limit=limit)

    # ---- what could not be applied

    def get_letters(self, status: str = "open", limit: int = 25, skip: int = 0, order: Order = None) -> pd.DataFrame:
        """Messages that could not be applied, the newest first unless ordered by something else.

        Columns: letter_id, topic, partition, offset, reason, said (the reason in a sentence), event_id, event_type,
        payload (text; signs that cannot be shown are replaced), event_at, received_at, status, settled_at, settled_by,
        attempts (replays), replay_asked_at, replay_asked_by.

        Args:
            status: 'open', 'replayed', 'discarded'; '' all.
            limit, skip: Rows, and rows before them.
            order: By 'received', 'reason', 'said', 'event' or 'state', and whether that ascends.
        """
        with tenancy.session(self._tenant) as connection:
            by = order_by(order, _KNOWN, _NEWEST_FIRST, "letter_id DESC")
            query = f"{_LETTERS} ORDER BY {by} LIMIT :limit OFFSET :skip"
            found = self._asked(connection, query, status=status, limit=limit, skip=skip)
        found["payload"] = [_text(payload) for payload in found["payload"]]
        return found

    def count_letters(self, status: str = "open") -> int:
        """How many there are."""
        with tenancy.session(self._tenant) as connection:
            return self._count_letters(connection, status)

    def _count_letters(self, connection: Connection, status: str) -> int:
        return int(self._one(connection, f"SELECT count(*) {_OF}", status=status))

    def export_letters_csv(self, status: str = "") -> str:
        """The same as CSV that is safe to open in a spreadsheet, at most the newest 50,000."""
        found = self.get_letters(status, limit=MOST_LETTERS)
        for name in ("event_at", "received_at", "settled_at"):
            found[name] = [None if pd.isna(moment) else pd.Timestamp(moment).isoformat() for moment in found[name]]
        return exports.to_csv(found)

    def replay(self, letter_ids: Sequence[str | UUID]) -> int:
        """Ask that messages be applied again, each as it came: the reader of the stream does it within seconds.

        Returns:
            How many wait now for that; those that are settled already are left as they are.

        Raises:
            NotAllowed: This person's role may not.
            BadInput: What was given is no letter's id.
        """
        return letters.replay(self._tenant, letter_ids)["asked"]

    def take_back(self, letter_ids: Sequence[str | UUID]) -> int:
        """Take such a wish back, where the reader has not fulfilled it yet. Returns how many.

        Raises:
            NotAllowed, BadInput: As `replay`.
        """
        return letters.take_back(self._tenant, letter_ids)["waiting"]

    def discard(self, letter_ids: Sequence[str | UUID]) -> int:
        """Put messages aside for good; they are kept, with the name of who did. Returns how many.

        Raises:
            NotAllowed, BadInput: As `replay`.
        """
        return letters.discard(self._tenant, letter_ids)["discarded"]

    # ---- asking

    def _asked(self, connection: Connection, query: str, **values: object) -> pd.DataFrame:
        known = {"storm": self._storm_id, "until": clock.frozen()} | values
        return tenancy.frame(connection, query, known)

    def _one(self, connection: Connection, query: str, **values: object) -> Any:
        return self._asked(connection, query, **values).iat[0, 0]

    def _mark(self, connection: Connection) -> str:
        return str(self._one(connection, _MARK))


def _text(payload: bytes | memoryview) -> str:
    """A message as a person may see it: neither control signs nor such as turn the direction of reading."""
    words = bytes(payload).decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\N{REPLACEMENT CHARACTER}" for sign in words)
