"""One member of a consumer group, as a process of its own, that says as lines of JSON what happens to it.

Run it as `python group_member.py bootstrap '{kafka-python settings}'`; `Member` is the other end of its lines."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

SESSION_S = 6.0
SETTINGS = {
    "group_id": "storms",
    "session_timeout_ms": int(SESSION_S * 1000),
    "heartbeat_interval_ms": 1_000,
    "metadata_max_age_ms": 2_000,  # a new storm's topic is found by asking
    "reconnect_backoff_max_ms": 1_000,  # by default half a minute after a broker is back
}


class Member:
    """A running member and what it has said."""

    def __init__(self, bootstrap: str, **settings: object) -> None:
        told = json.dumps(SETTINGS | settings)
        self.began = time.monotonic()
        self.lines: list[dict] = []
        self.process = subprocess.Popen([sys.executable, __file__, bootstrap, told], stdout=subprocess.PIPE, text=True)
        self.hearing = threading.Thread(target=self._hear)
        self.hearing.start()

    def _hear(self) -> None:
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.hearing.join()
        self.process.stdout.close()

    def holds(self) -> list[str]:
        """The partitions of its last assignment."""
        said = [line["assigned"] for line in self.lines if "assigned" in line]
        return said[-1] if said else []


def when(members: list[Member], happens: Callable[[dict], object], since: float, seconds: float = 60) -> float:
    """Seconds from ``since`` until one of the members says such a line."""
    while time.monotonic() < since + seconds:
        for member in members:
            for line in list(member.lines):
                if line["at"] >= since and happens(line):
                    return line["at"] - since
        time.sleep(0.01)
    raise AssertionError([(member.process.poll(), member.lines[-3:]) for member in members])


def main(bootstrap: str, settings: dict) -> None:
    from kafka import ConsumerRebalanceListener, KafkaConsumer
    from kafka.errors import RetriableError

    def say(**what: object) -> None:
        print(json.dumps({"at": time.monotonic(), **what}), flush=True)

    class Listener(ConsumerRebalanceListener):
        def on_partitions_revoked(self, revoked: list) -> None:
            # kafka-python 3.0.12 forgets a join that takes longer than one poll where metadata have caused it.
            consumer._coordinator.request_rejoin()
            say(revoked=[f"{each.topic}:{each.partition}" for each in revoked])

        def on_partitions_assigned(self, assigned: list) -> None:
            say(assigned=[f"{each.topic}:{each.partition}" for each in assigned])

    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False, **settings
    )
    consumer.subscribe(pattern="^storm_events_.*", listener=Listener())
    while True:
        try:
            polled = consumer.poll(timeout_ms=500)
        except RetriableError as error:  # while a broker is away
            say(error=repr(error))
            time.sleep(0.2)
            continue
        for place, records in polled.items():
            offsets = [records[0].offset, records[-1].offset]
            say(read=f"{place.topic}:{place.partition}", offsets=offsets, values=[r.value.decode() for r in records])
        if polled:
            consumer.commit_async()  # the waiting kind tries again through a whole rebalance, and misses it


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))
    main(sys.argv[1], json.loads(sys.argv[2]))
