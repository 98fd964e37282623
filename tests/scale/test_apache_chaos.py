"""The chaos of tests/streaming against Apache Kafka, which dies too, and with members without names of their own."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import kafka_up
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "streaming"))

from chaos import Chaos

from stormplay.errors import Busy

SESSION_S = 6.0
DYNAMIC = {"session_timeout_ms": int(SESSION_S * 1000), "heartbeat_interval_ms": 500, "reconnect_backoff_max_ms": 500}


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with kafka_up.apache(tmp_path_factory.mktemp("kafka") / "chaos") as running:
        yield running


def crash(chaos):
    """Kafka itself is killed and started again."""
    chaos.broker.kill()
    chaos.broker.start()
    chaos.counts["crashes"] += 1


def until(happens, seconds=30):
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def moved(chaos, before, since, seconds):
    """Place -> after how many seconds its offset in Postgres was another than before."""
    found = {}
    while len(found) < len(before) and time.monotonic() < since + seconds:
        for place, offset in chaos.offsets().items():
            if place in before and offset > before[place]:
                found.setdefault(place, time.monotonic() - since)
        time.sleep(0.02)
    return found


def at_work(chaos):
    """Wait until all partitions of this test's storms are read; their offsets. A group reads other tests' too."""
    own = {(world.topic, number): 0 for world in chaos.worlds for number in range(chaos.partitions)}
    assert len(moved(chaos, own, time.monotonic(), 60)) == len(own)
    return {place: offset for place, offset in chaos.offsets().items() if place in own}


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_where_kafka_crashes_too(database, broker, seed):
    with Chaos(broker, seed=seed, home=database, kafka={"reconnect_backoff_max_ms": 500}) as chaos:
        chaos.start(2)
        chaos.produce(4_000, pause_s=0.15)
        for number in range(10):
            time.sleep(chaos.dice.uniform(0.05, 1.2))
            chaos.kill()
            if number in (2, 5, 8):
                crash(chaos)
            if number in (1, 4, 7):
                until(chaos.end_backend)
            if number == 6:
                chaos.zombie()
        chaos.settle(120)
        chaos.compare()
        print(chaos.counts, chaos.ended)
        assert dict(chaos.counts) == {"kills": 10, "crashes": 3, "backends": 3, "zombies": 1}
        assert set(chaos.ended) <= {Busy.exit_code}, "none but whose name another one has taken, as the zombie's"
        assert chaos.books.sent == 4_000 and not chaos.books.unsure


def test_nothing_is_lost_with_dynamic_members(database, broker):
    with Chaos(broker, seed=3, home=database, static=False, kafka=DYNAMIC) as chaos:
        chaos.start(2)
        chaos.produce(4_000, pause_s=0.2)
        for number in range(5):
            time.sleep(chaos.dice.uniform(0.5, 4))
            chaos.kill()
            if number in (1, 3):
                crash(chaos)
            if number == 2:
                chaos.zombie(asleep_s=SESSION_S + 2)  # it wakes when its partitions are another's
        chaos.settle(120)
        chaos.compare()
        print(chaos.counts)
        assert chaos.books.sent == 4_000 and not chaos.books.unsure


def test_what_a_killed_consumer_held_is_taken_over(database, broker):
    with Chaos(broker, seed=4, home=database, static=False, batch=1_000, kafka=DYNAMIC) as chaos:
        chaos.start(2)
        chaos.produce(5_000, pause_s=0.15)
        at_work(chaos)
        time.sleep(2)
        chaos.workers.pop(1).kill()
        killed = time.monotonic()
        time.sleep(1)  # what it had sent to Postgres may still be committed
        before = at_work(chaos)
        took = moved(chaos, before, killed, 30)
        print(f"taken over: {sorted(round(seconds, 2) for seconds in took.values())} s")
        assert len(took) == len(before) and max(took.values()) <= SESSION_S + 3
        assert max(took.values()) > 2  # it held something


def test_a_static_consumer_resumes(database, broker):
    with Chaos(broker, seed=5, home=database) as chaos:
        chaos.start(1)
        chaos.produce(6_000, pause_s=0.1)
        at_work(chaos)
        took = []
        for _ in range(3):
            time.sleep(1)
            chaos.kill()
            killed, before = time.monotonic(), at_work(chaos)
            took.append(min(moved(chaos, before, killed, 30).values()))
        print(f"resumed in {[round(seconds, 2) for seconds in took]} s")
        assert sorted(took)[1] <= 2
        chaos.settle()
        chaos.compare()
