"""Events of a storm from Kafka into Postgres: how many a second, how soon, and how soon again after a mishap.

    python benchmarks/streaming.py --home /tmp/bench-streaming
    python benchmarks/streaming.py --events 20000 --only throughput

An embedded Postgres of its own is filled (`season.py`) with two companies of 20,000 homes each in a storm, under all
policies, triggers, the audit, the score and the notices of the product, fsync on. The broker is the stand-in, or what
STORMPLAY_KAFKA names. In one run:

    row by row   what one writes first: read a message, look at it, change the rows it is about, commit, the next
    apply only   the product's transaction on records that are in memory already, a thousand each
    end to end   `stormplay stream` in a process of its own, from the first commit to the last: homes that are hit, as
                 while it hails, and mixed with jobs and conversions, which each cost more
    latency      200 events a second: from the producer's call to the notice that a page hears
    mishaps      SIGTERM; a static member killed and started again; the topic of a new storm; a database restarted

The row loop has the same tables and triggers and keeps the same ledger, so that it is exactly-once as well where the
offset is read from the ledger; it differs in doing one event a transaction. Exits with 1 where a bound is broken.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg2
from kafka import KafkaProducer
from rich.console import Console
from rich.table import Table
from season import Side, load, messages
from sqlalchemy import text
from sqlalchemy.engine import make_url
from tenancy import use_home

from stormplay import broker, database, embedded
from stormplay.errors import StormplayError
from stormplay.streaming import stand_in
from stormplay.streaming.applying import apply
from stormplay.streaming.events import Record

BATCH, RATE_HZ = 1_000, 200
END_TO_END, OVER_ROWS, OF_APPLY = 20_000.0, 50.0, 0.2  # events a second; times; share
P99_MS, SIGTERM_S, RESUME_S, NEW_TOPIC_S, RELISTEN_S = 250.0, 5.0, 2.0, 5.0, 1.0
_out = Console(width=120)


@dataclass(frozen=True)
class Figure:
    """A measured figure and its bound; `at_least` says on which side of it it has to be."""

    name: str
    value: float
    unit: str
    bound: float | None = None
    at_least: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether the bound is kept, where there is one."""
        if self.bound is None:
            return True
        return self.value >= self.bound if self.at_least else self.value <= self.bound


@contextmanager
def service() -> Iterator[database.Engine]:
    """An engine with the stream's own login."""
    login = broker.open_service("stream")
    made = database.engine(make_url(login.url), wipes=False)  # as the consumer has it
    try:
        yield made
    finally:
        made.dispose()
        broker.close_kernel(login.login)


def produce(bootstrap: str, events: Sequence[tuple[str, bytes]]) -> None:
    """Send all and wait until the broker has taken them."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5, batch_size=1 << 18)
    for topic, value in events:
        producer.send(topic, value)
    producer.flush()
    producer.close()


# ---- throughput


def row_by_row(sides: Sequence[Side], events: Sequence[tuple[str, bytes]]) -> float:
    """Events a second, one a transaction, by the statements that one writes first."""
    tenant_of = {side.topic: side for side in sides}
    with service() as engine:
        start = time.perf_counter()
        for offset, (topic, value) in enumerate(events):
            side, event = tenant_of[topic], json.loads(value)
            with engine.begin() as connection:
                connection.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": side.tenant_id})
                _one(connection, side, event)
                connection.execute(
                    text("""INSERT INTO stream_positions (storm_id, partition, next_offset, end_offset)
                            VALUES (:storm, 7, :next, :next) ON CONFLICT (tenant_id, storm_id, partition)
                            DO UPDATE SET next_offset = excluded.next_offset"""),
                    {"storm": side.storm_id, "next": offset + 1},
                )
        return len(events) / (time.perf_counter() - start)


def _one(connection: object, side: Side, event: dict[str, object]) -> None:
    ask = connection.execute  # type: ignore[attr-defined]
    values = {**event, "storm": side.storm_id}
    ledger = """INSERT INTO stream_events (storm_id, event_id, event_type, event_at)
                VALUES (:storm, :event_id, :type, :occurred_at) ON CONFLICT DO NOTHING RETURNING 1"""
    if ask(text(ledger), values).first() is None:
        return
    match event["type"]:
        case "property_impacted":
            ask(text("""INSERT INTO property_impacts (storm_id, property_id, hail_in, sii_score)
                        VALUES (:storm, :property_id, 1, :sii_score) ON CONFLICT (tenant_id, storm_id, property_id)
                        DO UPDATE SET sii_score = excluded.sii_score, updated_at = now()"""), values)  # fmt: skip
        case "job_completed":
            before = ask(text("SELECT status FROM jobs WHERE storm_id = :storm AND job_id = :job_id FOR UPDATE"),
                         values).scalar_one()  # fmt: skip
            ask(text("""INSERT INTO job_events (job_id, from_status, to_status, reach, said_by, source)
                        VALUES (:job_id, :before, 'completed', 'contacted', 'row loop', 'stream')"""),
                {**values, "before": before})  # fmt: skip
            ask(
                text("""UPDATE jobs SET status = 'completed', completed_at = now(), status_since = now(),
                               furthest = 'contacted', row_version = row_version + 1 WHERE job_id = :job_id"""),
                values,
            )
        case _:
            ask(text("""INSERT INTO policy_outcomes (storm_id, property_id, actual_converted, value_cents)
                        VALUES (:storm, :property_id, true, CAST(:value * 100 AS bigint))
                        ON CONFLICT (tenant_id, storm_id, property_id) DO UPDATE
                        SET actual_converted = true, value_cents = excluded.value_cents"""), values)  # fmt: skip


def apply_only(events: Sequence[tuple[str, bytes]]) -> float:
    """Events a second of the product's transaction, a thousand a batch."""
    now_ms = time.time_ns() // 1_000_000
    counted: dict[str, int] = {}
    records = []
    for topic, value in events:
        offset = counted.get(topic, 0)
        counted[topic] = offset + 1
        records.append(Record(topic, 9, offset, now_ms, None, value))
    with service() as engine:
        start = time.perf_counter()
        for begin in range(0, len(records), BATCH):
            with engine.begin() as connection:
                apply(connection, "apply-only", records[begin : begin + BATCH])
        return len(records) / (time.perf_counter() - start)


def end_to_end(bootstrap: str, sides: Sequence[Side], events: Sequence[tuple[str, bytes]]) -> float:
    """Events a second from the first commit to the last."""
    produce(bootstrap, events)
    ids = {"storms": [side.storm_id for side in sides]}
    read = "SELECT sum(next_offset) FROM stream_positions WHERE storm_id = ANY (CAST(:storms AS uuid[]))"
    with running(bootstrap, "--batch", str(BATCH)):
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            with database.transaction(database.admin_url()) as connection:
                if connection.execute(text(read), ids).scalar_one() == len(events):
                    break
            time.sleep(0.2)
    query = """SELECT count(*), extract(epoch FROM min(applied_at)), extract(epoch FROM max(applied_at))
                 FROM stream_events WHERE storm_id = ANY (CAST(:storms AS uuid[]))"""
    with database.transaction(database.admin_url()) as connection:
        count, first, last = connection.execute(text(query), ids).one()
    if count != len(events):
        raise RuntimeError(f"{count:,} events are in the ledger and {len(events):,} were sent.")
    return (count - BATCH) / float(last - first)  # the first batch is there when the clock begins


@contextmanager
def cost(events: int) -> Iterator[list[Figure]]:
    """What an event costs: the consumer's processor, the log that the database writes, and the ledger that stays."""
    found: list[Figure] = []
    log, ledger = _written()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    yield found
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    log_after, ledger_after = _written()
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found += [
        Figure("processor of the command, start included, a thousand events", 1e6 * cpu_s / events, "ms"),
        Figure("write-ahead log an event", (log_after - log) / events, "bytes"),
        Figure("ledger an event, indexes included", (ledger_after - ledger) / events, "bytes"),
    ]


def _written() -> tuple[int, int]:
    query = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn, pg_total_relation_size('stream_events')"
    with database.transaction(database.admin_url()) as connection:
        log, ledger = connection.execute(text(query)).one()
        return int(log), int(ledger)


# ---- latency


def latency(bootstrap: str, side: Side, seconds: float) -> list[float]:
    """Milliseconds from the producer's call to the notice, event by event, at 200 a second."""
    count = int(seconds * RATE_HZ)
    sent: dict[str, float] = {}
    heard: dict[str, float] = {}
    with running(bootstrap), listening(side) as (listener, reader):
        _await_first(bootstrap, side, reader)
        events = list(messages([side], count, seed=7))
        sender = threading.Thread(target=_send_evenly, args=(bootstrap, events, sent))
        sender.start()
        deadline = time.monotonic() + seconds + 10
        while len(heard) < count and time.monotonic() < deadline:
            is_told = select.select([listener], [], [], 0.2)[0]
            now = time.perf_counter()  # who was told nothing has waited until here, and counts so
            if is_told:
                listener.poll()
                listener.notifies.clear()
            for event_id in _new(reader, side):
                heard.setdefault(event_id, now)
        sender.join()
    missing = set(sent) - set(heard)
    if missing:
        raise RuntimeError(f"{len(missing):,} of {count:,} events were not heard of.")
    return [1_000 * (heard[event_id] - at) for event_id, at in sent.items()]


def _send_evenly(bootstrap: str, events: Sequence[tuple[str, bytes]], sent: dict[str, float]) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=0)
    begin = time.perf_counter()
    for number, (topic, value) in enumerate(events):
        time.sleep(max(0.0, begin + number / RATE_HZ - time.perf_counter()))
        sent[json.loads(value)["event_id"]] = time.perf_counter()
        producer.send(topic, value)
    producer.flush()
    producer.close()


_seen: set[str] = set()


def _new(reader: psycopg2.extensions.connection, side: Side) -> list[str]:
    with reader.cursor() as cursor:
        cursor.execute(
            """SELECT event_id FROM stream_events WHERE tenant_id = %s AND storm_id = %s
                  AND applied_at > clock_timestamp() - interval '5 s'""",
            (side.tenant_id, side.storm_id),
        )
        found = [event_id for (event_id,) in cursor if event_id not in _seen]
    _seen.update(found)
    return found


@contextmanager
def listening(side: Side) -> Iterator[tuple[psycopg2.extensions.connection, psycopg2.extensions.connection]]:
    """A connection that hears the company's notices, as a page's does, and one that reads as administrator."""
    login = broker.open_kernel(broker.LOCAL, purpose="benchmark")
    listener = psycopg2.connect(login.url)
    listener.autocommit = True
    with listener.cursor() as cursor:
        cursor.execute("BEGIN; SELECT set_config('app.tenant_id', %s, true)", (side.tenant_id,))
        cursor.execute("SELECT sec.live_channel()")
        channel = cursor.fetchone()[0]
        cursor.execute("COMMIT")
        cursor.execute(f'LISTEN "{channel}"')
    reader = psycopg2.connect(embedded.url("postgres"))
    reader.autocommit = True
    try:
        yield listener, reader
    finally:
        listener.close()
        reader.close()
        broker.close_kernel(login.login)


# ---- mishaps


def mishaps(bootstrap: str, sides: Sequence[Side]) -> list[Figure]:
    """How long each takes, in seconds."""
    side = sides[0]
    reader = psycopg2.connect(embedded.url("postgres"))
    reader.autocommit = True
    found = []
    with running(bootstrap) as consumer:
        _await_first(bootstrap, side, reader)
        consumer.kill()
        consumer.wait()
    with running(bootstrap) as consumer:
        took = _await_first(bootstrap, side, reader)
        found.append(Figure("a killed static member resumes, its start included", took, "s"))
        (fresh,) = load(200)[:1]
        took = _await_first(bootstrap, fresh, reader)
        found.append(Figure("the topic of a new storm is read", took, "s", NEW_TOPIC_S))
        start = time.perf_counter()
        consumer.send_signal(signal.SIGTERM)
        consumer.wait(20)
        found.append(Figure("SIGTERM to the end", time.perf_counter() - start, "s", SIGTERM_S))
    reader.close()
    return found


def _await_first(bootstrap: str, side: Side, reader: psycopg2.extensions.connection) -> float:
    """Send one event and wait until it is in the ledger. Returns the seconds."""
    event_id = f"probe-{uuid4()}"
    event = {"event_id": event_id, "type": "property_impacted", "property_id": side.homes[0], "sii_score": 50}
    start = time.perf_counter()
    produce(bootstrap, [(side.topic, json.dumps(event).encode())])
    while time.perf_counter() < start + 60:
        with reader.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM stream_events WHERE storm_id = %s AND event_id = %s", (side.storm_id, event_id)
            )
            if cursor.fetchone():
                return time.perf_counter() - start
        time.sleep(0.01)
    raise RuntimeError("The consumer does not read.")


@contextmanager
def running(bootstrap: str, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """`stormplay stream` in a process of its own. Another group would read every topic from its beginning."""
    process = subprocess.Popen(_command(*more), env=_environment(bootstrap), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _command(*more: str) -> list[str]:
    return [sys.executable, "-m", "stormplay.cli", "stream", "--group", "benchmark", *more]


def _environment(bootstrap: str) -> dict[str, str]:
    return {**os.environ, "STORMPLAY_KAFKA": bootstrap, "STORMPLAY_KAFKA_GROUP_INSTANCE_ID": "bench"}


# ---- all of it


def measure(options: argparse.Namespace, bootstrap: str) -> Iterator[Figure]:
    """The figures, one by one."""
    if options.only in ("", "throughput"):
        rows = row_by_row(sides := load(options.homes), list(messages(sides, options.rows)))
        applied = apply_only(list(messages(load(options.homes), options.events, seed=1)))
        mixed = end_to_end(bootstrap, sides := load(options.homes), list(messages(sides, options.events, seed=2)))
        sides = load(options.homes)
        with cost(options.events) as spent:
            steady = end_to_end(bootstrap, sides, list(messages(sides, options.events, seed=3, impacts=1.0)))
        yield Figure("row by row", rows, "events/s")
        yield Figure("apply only", applied, "events/s")
        yield Figure("end to end, homes that are hit", steady, "events/s", END_TO_END, at_least=True)
        yield Figure("end to end, 8 % of them jobs and 2 % conversions", mixed, "events/s")
        yield from spent
        yield Figure("end to end, mixed / row by row", mixed / rows, "times", OVER_ROWS, at_least=True)
        yield Figure("end to end, mixed / apply only", mixed / applied, "times", OF_APPLY, at_least=True)
    if options.only in ("", "latency"):
        took = sorted(latency(bootstrap, load(options.homes)[0], options.seconds))
        yield Figure("produce to notice at 200/s, median", statistics.median(took), "ms")
        yield Figure("produce to notice at 200/s, p99", took[int(len(took) * 0.99)], "ms", P99_MS)
    if options.only in ("", "mishaps"):
        yield from mishaps(bootstrap, load(options.homes))


def main() -> int:
    """Measure and print. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="folder of the database; a new one by default")
    parser.add_argument("--homes", type=int, default=20_000, help="homes of each company (20,000)")
    parser.add_argument("--events", type=int, default=100_000, help="events end to end and applied only (100,000)")
    parser.add_argument("--rows", type=int, default=2_000, help="events row by row (2,000)")
    parser.add_argument("--seconds", type=float, default=20.0, help="seconds of latency (20)")
    parser.add_argument("--only", default="", choices=["throughput", "latency", "mishaps"])
    options = parser.parse_args()
    use_home(options.home)
    try:
        bootstrap = os.environ.get("STORMPLAY_KAFKA") or stand_in.ensure_running()
        found = list(measure(options, bootstrap))
    except StormplayError as error:
        _out.print(str(error))
        return 2
    table = Table("figure", "value", "bound", "", title="Kafka to Postgres")
    for one in found:
        bound = "" if one.bound is None else f"{'at least' if one.at_least else 'at most'} {one.bound:,.4g} {one.unit}"
        kept = "" if one.bound is None else "kept" if one.is_kept else "BROKEN"
        table.add_row(one.name, f"{one.value:,.4g} {one.unit}" if one.value < 1_000 else f"{one.value:,.0f} {one.unit}",
                      bound, kept)  # fmt: skip
    _out.print(table)
    return 0 if all(one.is_kept for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
