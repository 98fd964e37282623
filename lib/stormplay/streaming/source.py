"""What comes from Kafka: batches of records, fetched and decoded in a thread while the database is at work.

Kafka says which partitions are ours; Postgres says from where they are read. So a partition that comes to us is paused
until its offset has been read from the database, and each time it comes it gets a new number, its claim. A batch
knows the claims under which it was fetched: what has gone to another consumer meanwhile, or is to be read again, is
told by its number and dropped. What is applied late all the same is refused by the database (fencing).

At most `AHEAD` batches wait. Then the topics are paused: nothing more is read, while membership goes on.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from stormplay.errors import BrokerUnavailable, Busy, DatabaseUnavailable, StormplayError
from stormplay.streaming.batch import Batch, record_of
from stormplay.streaming.client import connect, listener
from stormplay.streaming.events import Place, Record, decode_all
from stormplay.streaming.settings import TOPIC_PATTERN, Settings
from stormplay.streaming.watch import StalledClientError, Watch

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition
    from kafka.consumer.fetcher import ConsumerRecord

Positions = Callable[[], Mapping[Place, int]]
"""Reads from the database from which offset each place is to be read; a place that is missing, from its beginning."""

AHEAD = 2
CLOSE_MS = 1_500
_SHORT_MS, _PATIENT_MS, _PATIENT_EVERY_S = 2, 150, 1.0
# Between two looks that found nothing, and where nothing has come for a while: a stand-in answers at once, and would be
# asked without end.
_IDLE_S, _LULL_IDLE_S, _LULL_S = 0.005, 0.02, 1.0
_LONGEST_PAUSE_S = 5.0

_log = logging.getLogger("stormplay.stream")


class Source(threading.Thread):
    """Fetches batches until it is told to leave.

    Args:
        settings: Which Kafka, and how.
        positions: Reads the offsets; may block and may say that the database does not answer.
        to_end: Notice where the topics ended when they were first read, so that `is_caught_up` can tell.
    """

    def __init__(self, settings: Settings, positions: Positions, *, to_end: bool = False) -> None:
        super().__init__(name="stream-source", daemon=True)
        self.error: StormplayError | None = None  # why it has ended by itself
        self.rebalances = self.rebuilt = 0
        self._settings, self._positions = settings, positions
        self._to_end = to_end
        self._targets: dict[TopicPartition, int] | None = None  # where the topics ended, for who reads to the end
        self._batches: queue.Queue[Batch] = queue.Queue(AHEAD)
        self._leaving = threading.Event()
        self._reseek = threading.Event()
        self._claim_numbers = itertools.count(1)
        self._claims: dict[Place, int] = {}
        self._lock = threading.Lock()
        self._unsought: set[TopicPartition] = set()
        self._reached: dict[Place, int | None] = {}  # the offset after the last record that was fetched
        self._ends: dict[Place, int] = {}
        self._is_member = self._has_reached_all = False
        self._pause_s, self._has_connected = 0.1, False
        self._moved_at = self._polled_at = time.monotonic()
        self._watch = Watch()

    # Asked by whoever applies the batches

    def take(self, timeout_s: float) -> Batch | None:
        """The next batch; None where none has come in time."""
        try:
            return self._batches.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def still_ours(self, batch: Batch) -> list[Record]:
        """The records of a batch whose partitions have not been given away or sought anew since."""
        with self._lock:
            gone = {place for place, claim in batch.claims.items() if self._claims.get(place) != claim}
        if not gone:
            return batch.records
        return [record for record in batch.records if (record.topic, record.partition) not in gone]

    def seek_again(self) -> None:
        """Read from the offsets of the database again; whatever has been fetched is dropped."""
        with self._lock:
            self._claims.clear()
            self._has_reached_all = False
        self._reseek.set()

    def lag(self) -> dict[Place, tuple[int, int]]:
        """Of each place that is ours, how far it has been fetched and where it ends."""
        with self._lock:
            held = {place: self._reached[place] or 0 for place in self._claims if place in self._reached}
            return {place: (reached, max(self._ends.get(place, 0), reached)) for place, reached in held.items()}

    @property
    def is_caught_up(self) -> bool:
        """Whether all that there was at the beginning has been taken (only with `to_end`)."""
        return self._has_reached_all and self._batches.empty()

    def leave(self, timeout_s: float) -> None:
        """Stop fetching and leave the group."""
        self._leaving.set()
        self.join(timeout_s)

    # The thread

    def run(self) -> None:
        """Consume, with a client made anew whenever one has failed."""
        from kafka.errors import FencedInstanceIdError, KafkaError  # noqa: PLC0415 - heavy

        while not self._leaving.is_set():
            try:
                self._consume()
            except FencedInstanceIdError:
                self.error = Busy(
                    f"Another consumer has joined as '{self._settings.instance}' and takes over.",
                    "Each consumer of a group has a name of its own.",
                    "Set STORMPLAY_KAFKA_GROUP_INSTANCE_ID where two are wanted.",
                )
                return
            except KafkaError as error:
                _log.warning("Kafka: %s; the client is made anew.", type(error).__name__)
                self._rest()
            except StormplayError as error:
                if not (self._has_connected and isinstance(error, BrokerUnavailable)):
                    self.error = error
                    return
                _log.warning("%s It is tried again.", error)  # it was there: who restarts it need not restart us
                self._rest()
            except Exception:
                _log.exception("The client has failed and is made anew.")
                self._rest()

    def _rest(self) -> None:
        self.rebuilt += 1
        self._leaving.wait(self._pause_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def _consume(self) -> None:
        client = connect(self._settings)
        self._has_connected = True
        try:
            client.subscribe(pattern=TOPIC_PATTERN, listener=listener(client, self.claimed, self.given_away))
            self._moved_at = time.monotonic()
            while not self._leaving.is_set():
                self._turn(client)
        finally:
            self._is_member = False
            with self._lock:
                self._claims.clear()
                self._unsought.clear()
            client.close(timeout_ms=CLOSE_MS)

    def _turn(self, client: KafkaConsumer) -> None:
        if self._reseek.is_set():
            self._reseek.clear()
            self.claimed(client, client.assignment())
        if self._unsought:
            self._seek(client)
        if batch := self._fill(client):
            self._pause_s = 0.1
            self._hand_over(client, batch)
        elif time.monotonic() - self._moved_at > self._settings.stall_s:
            self._moved_at = time.monotonic()
            if not self._is_member:
                raise StalledClientError("It has not come back into its group.")
            ends = self._watch.look(client, client.assignment() - self._unsought)
            with self._lock:
                self._ends |= ends
        if self._to_end and self._is_member and not self._unsought and not self._reseek.is_set():
            self._look_for_the_end(client)

    def _fill(self, client: KafkaConsumer) -> Batch | None:
        """Records until a batch is full, or until there are some, time is up and whoever applies them is free."""
        most, until = self._settings.batch, 0.0
        batch = Batch([], {}, {}, {})
        while not (self._leaving.is_set() or self._reseek.is_set() or self._unsought):
            found = self._poll(client, most - len(batch.records))
            now = time.monotonic()
            for partition, came in found.items():
                self._note(client, partition, came[-1].offset + 1, batch)
                batch.records.extend(map(record_of, came))
            if found:
                self._moved_at, until = now, until or now + self._settings.fill_s
            elif not batch.records:
                time.sleep(_IDLE_S if now - self._moved_at < _LULL_S else _LULL_IDLE_S)
                return None
            if len(batch.records) >= most or (now >= until and self._batches.empty()):
                break
        batch.decoded.extend(decode_all(batch.records))
        return batch if batch.records else None

    def _poll(self, client: KafkaConsumer, most: int) -> Mapping[TopicPartition, list[ConsumerRecord]]:
        """Records that are there, or come at once. Now and then patiently: in a short poll a client joins no group,
        for it asks for the topics first. Patience costs nothing but with a stand-in, which answers at once and empty.
        """
        now = time.monotonic()
        wait_ms = _SHORT_MS
        if not self._is_member or now - self._polled_at >= _PATIENT_EVERY_S:
            wait_ms, self._polled_at = _PATIENT_MS, now
        found: Mapping[TopicPartition, list[ConsumerRecord]] = client.poll(timeout_ms=wait_ms, max_records=most)
        return found

    def _note(self, client: KafkaConsumer, partition: TopicPartition, reached: int, batch: Batch) -> None:
        place = (partition.topic, partition.partition)
        with self._lock:
            # Between a poll and here a partition may have gone and come again: then its first claim stands, and is old.
            batch.claims.setdefault(place, self._claims.get(place, 0))
            batch.expected.setdefault(place, self._reached.get(place))
            self._reached[place] = reached
            self._ends[place] = batch.ends[place] = max(client.highwater(partition) or 0, reached)

    def _hand_over(self, client: KafkaConsumer, batch: Batch) -> None:
        """Put a batch where it is taken from; while there is no room, read nothing and stay a member."""
        is_paused = False
        while not (self._leaving.is_set() or self._reseek.is_set()):
            try:
                self._batches.put(batch, timeout=0.01 if is_paused else 0.5)
                break
            except queue.Full:
                client.pause(*client.assignment())
                is_paused = True
                client.poll(timeout_ms=_PATIENT_MS)
        self._moved_at = time.monotonic()
        if is_paused:
            client.resume(*(client.assignment() - self._unsought))

    # Assignment

    def claimed(self, client: KafkaConsumer, partitions: Iterable[TopicPartition]) -> None:
        """Partitions have come to us, or are to be sought again: nothing is read of them before `_seek`."""
        came = set(partitions)
        with self._lock:
            for one in came:
                self._claims[one.topic, one.partition] = next(self._claim_numbers)
                self._reached.pop((one.topic, one.partition), None)
            self._unsought |= came
            self._has_reached_all = False
        if came:
            client.pause(*came)
            for one in came:
                client.seek(one, 0)  # so that nobody asks Kafka for offsets that are not kept there
        self._is_member = True

    def given_away(self, _client: KafkaConsumer, partitions: Iterable[TopicPartition]) -> None:
        """Partitions have gone: what was fetched of them is not applied."""
        gone = set(partitions)
        with self._lock:
            for one in gone:
                self._claims.pop((one.topic, one.partition), None)
            self._unsought -= gone
        self._is_member = False
        self.rebalances += 1

    def _seek(self, client: KafkaConsumer) -> None:
        """Begin to read what has come to us, each partition from where the database stands."""
        with self._lock:
            wanted = {one: self._claims.get((one.topic, one.partition)) for one in self._unsought}
        try:
            found = self._positions()
        except DatabaseUnavailable as error:
            _log.warning("%s Nothing is read until it does.", error)
            client.poll(timeout_ms=_PATIENT_MS)  # stays a member
            self._leaving.wait(self._pause_s)
            self._pause_s = min(2 * self._pause_s, 1.0)
            return
        assigned = client.assignment()
        with self._lock:
            for one, claim in wanted.items():
                place = (one.topic, one.partition)
                if one in assigned and claim is not None and self._claims.get(place) == claim:
                    self._reached[place] = found.get(place)
                    client.seek(one, found.get(place) or 0)
                    client.resume(one)
                    self._unsought.discard(one)
            self._unsought &= assigned
        self._moved_at = time.monotonic()

    # The watch

    def _look_for_the_end(self, client: KafkaConsumer) -> None:
        """Called with nothing in hand: whether all is read that there was when it began."""
        held = client.assignment()
        if self._targets is None:
            self._targets = client.end_offsets(list(held)) if held else {}
        # Not by the last record: what ends a transaction has an offset and is none.
        has_reached = all((client.position(one) or 0) >= end for one, end in self._targets.items() if one in held)
        with self._lock:
            self._has_reached_all = has_reached and not (self._reseek.is_set() or self._unsought)
