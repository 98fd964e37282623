"""Chaos, and the books of it: a producer whose ledger says what must be, consumers that are killed, ended and stopped,
and the comparison of that ledger with the database, set by set.

    with Chaos(broker, seed=1, home=home) as chaos:
        chaos.start(2)              # consumers, forked from a warm process
        chaos.produce(1_000)        # in the background: good events, duplicates, reordering, poison, foreign ids
        chaos.kill()                # -9 at a random moment; another one begins at once
        chaos.end_backend()         # a connection of the stream's is ended by the administrator
        chaos.zombie()              # stopped, overtaken, woken
        chaos.settle()              # all is produced and all is read
        chaos.compare()             # 0 lost, 0 doubled, 0 with another company, dead letters exact

The broker is any of `kafka_up`; `static=False` gives members without a name of their own, `kafka` further settings.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg2
from consuming import consume
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError
from kafka_up import Broker
from streamed import Streamed, make_streamed

from stormplay import StormPlayScore, embedded
from stormplay.streaming.settings import Settings

BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([
    "kafka", "pandas", "sqlalchemy.dialects.postgresql.psycopg2", "stormplay.streaming.workers",
])  # fmt: skip


@dataclass
class Books:
    """What must be in the database.

    Attributes:
        events: Storm id -> ids of the events that are to be applied.
        unsure: Ids of events that no broker has acknowledged: they may be there.
        dead: (topic, partition, offset) -> the reason that its letter must have.
        strays: (topic, partition, offset) of what is no storm's.
        newest: (storm id, home) -> (time, index) of the newest impact.
        touches: Storm id -> how often a channel was named by a conversion.
        completed: Storm id -> jobs that must be completed.
        sent: How many records there are.
    """

    events: dict[str, set[str]] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)
    dead: dict[tuple[str, int, int], str] = field(default_factory=dict)
    strays: set[tuple[str, int, int]] = field(default_factory=set)
    newest: dict[tuple[str, str], tuple[datetime, float]] = field(default_factory=dict)
    touches: Counter = field(default_factory=Counter)
    completed: dict[str, set[str]] = field(default_factory=dict)
    sent: int = 0


class Chaos:
    def __init__(self, broker: Broker, *, seed: int, home, static: bool = True, batch: int = 100, partitions: int = 2,
                 kafka: dict | None = None, homes: int = 30, group: str | None = None):  # fmt: skip
        self.broker, self.home = broker, home
        self.dice = random.Random(seed)
        self.group = group or f"chaos-{seed}-{uuid4().hex[:6]}"
        self.settings = Settings(
            tuple(broker.bootstrap.split(",")), self.group, self.group if static else "", batch=batch,
            kafka={**broker.settings, **(kafka or {})},
        )  # fmt: skip
        self.books = Books()
        self.worlds = [make_streamed(homes, homes, ("do_not_return",) * 3) for _ in range(2)]
        self.worlds += [self.worlds[0].another_storm(("do_not_return",) * 3)]
        self.partitions = partitions
        for world in self.worlds:
            broker.topic(world.topic, partitions)
            self.books.events[world.world.storm_id] = set()
            self.books.completed[world.world.storm_id] = set()
        self.nowhere = f"storm_events_{uuid4()}"  # the storm of a company that there is not
        broker.topic(self.nowhere, 1)
        self.topics = [*(world.topic for world in self.worlds), self.nowhere]
        self.workers: dict[int, multiprocessing.Process] = {}
        self.graves: list[multiprocessing.Process] = []
        self.counts = Counter()
        self.ended: list[int | None] = []  # how those ended whom nobody killed
        self._producing: list[threading.Thread] = []
        self._moments = iter(range(1, 10_000_000))
        self._replayable: list[tuple[str, bytes, bytes]] = []
        self.reconnect()

    def reconnect(self) -> None:
        """Ask the database as its administrator, who sees all."""
        self._database = psycopg2.connect(embedded.url("postgres"))
        self._database.autocommit = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for thread in self._producing:
            thread.join(60)
        for process in [*self.workers.values(), *self.graves]:
            if process.is_alive():
                process.kill()
            process.join(5)
        self._database.close()

    # Consumers

    def start(self, count: int = 2) -> None:
        for number in range(count):
            self._begin(number)

    def _begin(self, number: int) -> None:
        environment = {"STORMPLAY_HOME": str(self.home)}
        process = _forks.Process(target=consume, args=(environment, self.settings.of_worker(number), number))
        process.start()
        self.workers[number] = process

    def kill(self) -> None:
        """kill -9 of one consumer, whatever it is doing; the next one of its name begins."""
        number = self.dice.choice(sorted(self.workers))
        while True:
            self.running()
            process = self.workers[number]
            with suppress(ProcessLookupError):  # it has ended by itself just now
                os.kill(process.pid, signal.SIGKILL)
                break
        process.join(5)
        self.counts["kills"] += 1
        self._begin(number)

    def end_backend(self) -> bool:
        """End one connection of the stream's, preferably one that is at work. Returns whether there was one."""
        with self._database.cursor() as cursor:
            cursor.execute("""
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity a
                  JOIN sec.login l ON l.login = a.usename JOIN sec.person p USING (person_id)
                 WHERE p.is_service ORDER BY a.state = 'idle', random() LIMIT 1""")
            ended = cursor.fetchone() is not None
        self.counts["backends"] += ended
        return ended

    def zombie(self, asleep_s: float = 0.5) -> None:
        """Stop a consumer in the middle, let another of its name take over, and wake it."""
        number = self.dice.choice(sorted(self.workers))
        stopped = self.workers[number]
        os.kill(stopped.pid, signal.SIGSTOP)
        self._begin(number)
        time.sleep(asleep_s)
        os.kill(stopped.pid, signal.SIGCONT)
        self.graves.append(stopped)
        self.counts["zombies"] += 1

    def running(self) -> None:
        """Begin again what has ended by itself, as whoever keeps a service does."""
        for number, process in list(self.workers.items()):
            if not process.is_alive():
                self.ended.append(process.exitcode)
                self._begin(number)

    # The producer and its ledger

    def produce(self, count: int, *, pause_s: float = 0.0) -> None:
        thread = threading.Thread(target=self._produce, args=(count, pause_s, self.dice.random()))
        self._producing.append(thread)
        thread.start()

    def _produce(self, count: int, pause_s: float, seed: float) -> None:
        dice = random.Random(seed)
        with KafkaProducer(**self.settings.producer(), linger_ms=2) as producer:
            waiting = []
            for number in range(count):
                waiting.append(self._send(producer, dice))
                if number % 25 == 24:
                    producer.flush()
                    time.sleep(pause_s)
            for future, note in waiting:
                try:
                    told = future.get(30)
                except KafkaError:
                    note(None)
                else:
                    note((told.topic, told.partition, told.offset))
                    self.books.sent += 1

    def _send(self, producer: KafkaProducer, dice: random.Random):
        """One record of a random kind, and what to note when the broker has it."""
        world = dice.choice(self.worlds)
        kind = dice.random()
        if kind < 0.10 and self._replayable:
            topic, key, value = dice.choice(self._replayable)  # a second delivery
            return producer.send(topic, value, key=key), lambda _: None
        if kind < 0.22:
            return self._send_poison(producer, dice, world)
        message, note = self._good(dice, world)
        key, value = message["event_id"].encode(), json.dumps(message).encode()
        self._replayable.append((world.topic, key, value))

        def noted(place):
            if place is None:
                self.books.unsure.add(message["event_id"])
            else:
                self.books.events[world.world.storm_id].add(message["event_id"])
                note()

        return producer.send(world.topic, value, key=key), noted

    def _good(self, dice: random.Random, world: Streamed):
        storm, home = world.world.storm_id, dice.choice(world.homes)
        # Times are drawn and not counted, so that what comes later may have happened before.
        at = BEGIN + timedelta(minutes=dice.randrange(100_000), microseconds=next(self._moments) % 1_000_000)
        message = {"event_id": str(uuid4()), "occurred_at": at.isoformat(), "tenant_id": self.worlds[1].tenant_id}
        kind = dice.choices(("property_impacted", "job_completed", "conversion"), (8, 1, 2))[0]
        if kind == "property_impacted":
            sii = round(dice.uniform(0, 100), 1)

            def note():
                self.books.newest[storm, home] = max(self.books.newest.get((storm, home), (BEGIN, -1.0)), (at, sii))

            return message | {"type": kind, "property_id": home, "sii_score": sii}, note
        if kind == "conversion":

            def touched():
                self.books.touches[storm] += 1

            return message | {"type": kind, "property_id": home, "value": 12_500.5, "channel": "web"}, touched
        job = dice.choice(world.jobs[3:])
        return message | {"type": kind, "job_id": job}, lambda: self.books.completed[storm].add(job)

    def _send_poison(self, producer: KafkaProducer, dice: random.Random, world: Streamed):
        """What must not be applied, and the reason that its letter must give."""
        foreign = self.worlds[1] if world is not self.worlds[1] else self.worlds[0]
        one = {"event_id": str(uuid4()), "type": "property_impacted", "property_id": world.homes[0], "sii_score": 5.0}
        other_home, other_job = dice.choice(foreign.homes), dice.choice(foreign.jobs)
        reason, value = dice.choice([
            ("malformed", b"\xff\x00 no json"),
            ("malformed", None),
            ("unknown type", one | {"type": "gossip"}),
            ("invalid", one | {"sii_score": 101}),
            ("invalid", {"event_id": one["event_id"], "type": "job_completed"}),
            ("too large", one | {"padding": "x" * 20_000}),
            ("unknown property", one | {"property_id": str(uuid4())}),
            ("unknown property", one | {"property_id": other_home, "tenant_id": foreign.tenant_id}),
            ("unknown job", {"event_id": one["event_id"], "type": "job_completed", "job_id": other_job}),
            ("illegal transition", {"event_id": one["event_id"], "type": "job_completed", "job_id": world.jobs[0],
                                    "occurred_at": "2026-05-02T00:00:00Z"}),
            ("stray", one),
        ])  # fmt: skip
        sent = json.dumps(value).encode() if isinstance(value, dict) else value

        def note(place):
            if place is not None and reason == "stray":
                self.books.strays.add(place)
            elif place is not None:
                self.books.dead[place] = reason

        return producer.send(self.nowhere if reason == "stray" else world.topic, sent, key=os.urandom(4)), note

    # The end

    def settle(self, timeout_s: float = 60.0) -> float:
        """Wait until all is produced and read. Returns the seconds that it took after the last was produced."""
        for thread in self._producing:
            thread.join(120)
        begin = time.monotonic()
        with KafkaConsumer(bootstrap_servers=self.broker.bootstrap, **self.broker.settings) as asking:
            places = [
                TopicPartition(t, p) for t in self.topics for p in range(1 if t == self.nowhere else self.partitions)
            ]
            ends = {(one.topic, one.partition): end for one, end in asking.end_offsets(places).items()}
        while time.monotonic() - begin < timeout_s:
            self.running()
            stands = self.offsets()
            if all(stands.get(place, 0) >= end for place, end in ends.items()):
                return time.monotonic() - begin
            time.sleep(0.05)
        missing = {place: (stands.get(place, 0), end) for place, end in ends.items() if stands.get(place, 0) < end}
        raise AssertionError(f"not read to the end: {missing}, {self.counts}, {self.ended}")

    def offsets(self) -> dict[tuple[str, int], int]:
        return {(topic, partition): offset for topic, partition, offset in self._ask(
            "SELECT topic, partition, next_offset FROM sec.stream_offset WHERE group_id = %s", self.group)}  # fmt: skip

    def compare(self) -> None:
        """The producer's ledger against the database, as its administrator sees it: exact sets."""
        books, storms = self.books, [world.world.storm_id for world in self.worlds]
        owner = {world.world.storm_id: world.tenant_id for world in self.worlds}
        found: dict[str, list[str]] = {storm: [] for storm in storms}
        for storm, tenant, event in self._ask(
            "SELECT storm_id::text, tenant_id::text, event_id FROM stream_events WHERE storm_id = ANY (%s::uuid[])",
            storms,
        ):
            assert tenant == owner[storm], "an event with another company"
            found[storm].append(event)
        for storm in storms:
            lost = books.events[storm] - set(found[storm])
            strange = set(found[storm]) - books.events[storm] - books.unsure
            assert (lost, strange) == (set(), set()), (len(lost), len(strange), self.counts)
            assert len(found[storm]) == len(set(found[storm]))
        asked = 'SELECT topic, partition, "offset", reason FROM stream_dead_letters WHERE topic = ANY (%s)'
        letters = {
            (topic, partition, offset): reason for topic, partition, offset, reason in self._ask(asked, self.topics)
        }
        assert letters == books.dead
        strays = set(
            self._ask('SELECT topic, partition, "offset" FROM sec.stream_stray WHERE topic = ANY (%s)', self.topics)
        )
        assert strays == books.strays
        self._compare_effects(owner)

    def _compare_effects(self, owner: dict[str, str]) -> None:
        """What the events did: the newest impact of each home, each touch once, each job completed, nobody else's."""
        books, storms = self.books, list(owner)
        impacts = self._ask("SELECT storm_id::text, property_id::text, tenant_id::text, event_at, sii_score "
                            "FROM property_impacts WHERE storm_id = ANY (%s::uuid[])", storms)  # fmt: skip
        assert all(tenant == owner[storm] for storm, _, tenant, _, _ in impacts)
        if not books.unsure:
            seen = {(storm, home): (at, sii) for storm, home, _, at, sii in impacts if at is not None}
            assert seen == books.newest
            touches = Counter(storm for (storm,) in self._ask(
                "SELECT storm_id::text FROM customer_journeys WHERE storm_id = ANY (%s::uuid[])", storms))  # fmt: skip
            assert touches == books.touches, "a touch was lost or doubled"
        done = {(storm, job) for storm, job in self._ask(
            "SELECT storm_id::text, job_id::text FROM jobs WHERE status = 'completed' AND storm_id = ANY (%s::uuid[])",
            storms)}  # fmt: skip
        assert done == {(storm, job) for storm, jobs in books.completed.items() for job in jobs}

    def _ask(self, query: str, *values: object) -> list[tuple]:
        with self._database.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()

    def scores_agree(self, timeout_s: float = 5.0) -> None:
        """The scores of the storms are what their rows say, half a second after the last batch, whoever was killed."""
        until = time.monotonic() + timeout_s
        tenants = [world.tenant_id for world in self.worlds]
        while self._ask("SELECT 1 FROM sec.score_later WHERE tenant_id = ANY (%s::uuid[]) LIMIT 1", tenants):
            assert time.monotonic() < until, "a score is still due"
            time.sleep(0.05)
        for world in self.worlds:
            score = StormPlayScore(world.world.tenant, world.world.storm)
            assert score.current().counts == score.recount()
