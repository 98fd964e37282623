"""The loop: a batch from Kafka, one transaction in Postgres, the next batch.

A batch's events, dead letters, ledger rows and offsets are committed together or not at all, so a kill at any moment
loses nothing and counts nothing twice. What the loop meets:

    fenced                  another consumer is ahead: the batch is dropped, the offsets are read anew
    no database             the batch is kept and tried again, nothing more is read, the group is not left
    a login that has ended  another one is minted
    a partition given away  what is in hand of it is dropped; its new owner reads it again
    told to stop            the batch in hand is finished, the group is left
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from stormplay.errors import DatabaseUnavailable, Fenced
from stormplay.streaming.applying import Applied, apply, offsets_of
from stormplay.streaming.batch import Batch
from stormplay.streaming.chores import Chores
from stormplay.streaming.events import Record
from stormplay.streaming.metrics import Meters
from stormplay.streaming.service import Service
from stormplay.streaming.settings import Settings
from stormplay.streaming.source import Source

END_S = 5.0  # within which a consumer that is told to stop has ended
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 1.0  # between two tries

_log = logging.getLogger("stormplay.stream")


@dataclass
class Progress:
    """How far a worker has come since it began."""

    records: int = 0
    applied: int = 0
    dead: int = 0
    repeated: int = 0
    strays: int = 0
    fenced: int = 0
    lag: int = 0
    started_at: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        rate = self.records / max(time.monotonic() - self.started_at, 1e-9)
        return (
            f"{self.records:,} events ({rate:,.0f} a second): {self.applied:,} applied, "
            f"{self.repeated:,} known before, {self.dead:,} dead letters, {self.lag:,} to come"
        )


def run(
    settings: Settings,
    stop: threading.Event,
    *,
    once: bool = False,
    is_first: bool = True,
    meters: Meters | None = None,
    tell: Callable[[Progress], None] | None = None,
) -> Progress:
    """Consume the topics of all storms until told to stop.

    Args:
        settings: Which Kafka, and how it is read.
        stop: Set by whoever wants an end; the batch in hand is finished or rolled back.
        once: End when all is applied that was there at the beginning.
        is_first: Whether this is the first of several workers, which looks after replays and beliefs.
        meters: Where figures are kept.
        tell: Called about once a second with how far it has come.

    Returns:
        How far it came.

    Raises:
        Busy: Another consumer has joined under the same name.
        BadInput, BrokerUnavailable: The Kafka client was refused at the first try.
    """
    return _Worker(settings, stop, meters or Meters(), tell or (lambda _: None)).work(once, is_first)


class _Worker:
    def __init__(
        self, settings: Settings, stop: threading.Event, meters: Meters, tell: Callable[[Progress], None]
    ) -> None:
        self._settings, self._stop, self._meters, self._tell = settings, stop, meters, tell
        self._service = Service()
        self._progress = Progress()
        self._told_at = time.monotonic()

    def work(self, once: bool, is_first: bool) -> Progress:
        source = Source(self._settings, self._positions, to_end=once)
        chores = Chores(self._service, source, self._meters, is_first=is_first)
        source.start()
        chores.start()
        try:
            while not self._stop.is_set():
                batch = source.take(0.05)
                if batch is not None:
                    self._apply(source, chores, batch)
                elif source.error is not None:
                    raise source.error
                elif once and source.is_caught_up:
                    break
                self._tell_now_and_then(chores)
        finally:
            source.leave(END_S - 2)
            chores.leave(30.0 if once else 1.0)
            self._service.close()
        self._tell_now_and_then(chores, is_last=True)
        return self._progress

    def _positions(self) -> dict[tuple[str, int], int]:
        with self._service.transaction() as connection:
            found = offsets_of(connection, self._settings.group)
        return {(topic, partition): offset for topic, partition, offset in found}

    def _apply(self, source: Source, chores: Chores, batch: Batch) -> None:
        """Apply a batch as soon as the database lets us, unless it has ceased to be ours."""
        pause_s = _FIRST_PAUSE_S
        while records := source.still_ours(batch):
            start = time.monotonic()
            try:
                with self._service.transaction() as connection:
                    decoded = batch.decoded if records is batch.records else None
                    applied = apply(connection, self._settings.group, records, batch.ends, expected=batch.expected,
                                    decoded=decoded, scores_later=True)  # fmt: skip
            except Fenced:
                self._meters.fenced.inc()
                self._progress.fenced += 1
                source.seek_again()
                return
            except DatabaseUnavailable as error:
                # It may have been committed all the same: then the next try is fenced.
                _log.warning("%s The batch is kept.", error)
            except Exception:
                _log.exception("A batch could not be applied; it is kept and tried again.")
            else:
                self._meters.batch_s.observe(time.monotonic() - start)
                self._count(applied, records)
                return
            self._meters.waits.inc()
            if self._stop.wait(pause_s):
                return  # rolled back: whoever comes next reads it again
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            self._tell_now_and_then(chores)

    def _count(self, applied: Applied, records: Sequence[Record]) -> None:
        done = self._progress
        done.records += applied.records
        done.applied += applied.applied.total()
        done.repeated += applied.duplicates
        done.dead += applied.dead.total()
        done.strays += applied.strays
        self._meters.count(applied, max(record.timestamp_ms for record in records))

    def _tell_now_and_then(self, chores: Chores, *, is_last: bool = False) -> None:
        now = time.monotonic()
        if is_last or now - self._told_at >= 1.0:
            self._told_at = now
            self._progress.lag = chores.lag
            self._tell(self._progress)
