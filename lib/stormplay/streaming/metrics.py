"""What the stream tells Prometheus: a text endpoint on loopback.

No name of a company and nothing of a person is in it; topics hold ids of storms.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from stormplay.errors import PortTaken
from stormplay.streaming.applying import Applied

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Meters:
    """The figures of one worker; each has a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        name: dict[str, Any] = {"namespace": "stormplay", "subsystem": "stream", "registry": self.registry}
        self.events = Counter("events", "Records by type of event and what came of them.", ["type", "outcome"], **name)
        self.dead = Counter("dead_letters", "Records that were kept aside, by reason.", ["reason"], **name)
        self.batch_s = Histogram(
            "batch_seconds", "Seconds from a batch's begin to its commit.", buckets=_SECONDS, **name
        )
        self.batch_size = Histogram(
            "batch_records", "Records of a committed batch.", buckets=(1, 10, 50, 100, 250, 500, 1_000, 5_000), **name
        )
        self.lag = Gauge("lag", "Records of a partition that are not fetched yet.", ["topic", "partition"], **name)
        self.rebalances = Gauge("rebalances", "Times that partitions were given away.", **name)
        self.rebuilt = Gauge("clients_rebuilt", "Times that the Kafka client was made anew.", **name)
        self.fenced = Counter("fenced", "Batches refused because another consumer was ahead.", **name)
        self.waits = Counter("database_waits", "Batches that had to wait for the database.", **name)
        self.last_event = Gauge("last_event_time_seconds", "When the newest applied event happened.", **name)
        self.replayed = Counter("replayed", "Dead letters that were tried again.", **name)
        self.rescored = Counter("rescored", "Homes that were scored anew after their impact had changed.", **name)

    def count(self, applied: Applied, newest_ms: int) -> None:
        """Add a committed batch.

        Args:
            applied: What became of it.
            newest_ms: The time of its newest record, milliseconds since 1970.
        """
        self.batch_size.observe(applied.records)
        for kind, n in applied.applied.items():
            self.events.labels(kind, "applied").inc(n)
        for outcome, n in (("known before", applied.duplicates), ("dead", applied.dead.total()),
                           ("stray", applied.strays)):  # fmt: skip
            if n:
                self.events.labels("any", outcome).inc(n)
        for reason, n in applied.dead.items():
            self.dead.labels(reason).inc(n)
        self.last_event.set(newest_ms / 1000)

    def show_lag(self, lag: Mapping[tuple[str, int], tuple[int, int]]) -> int:
        """Set the lag of each partition that is ours, and of no other. Returns their sum."""
        self.lag.clear()
        for (topic, partition), (reached, end) in lag.items():
            self.lag.labels(topic, str(partition)).set(end - reached)
        return sum(end - reached for reached, end in lag.values())

    def serve(self, port: int) -> tuple[WSGIServer, Thread]:
        """Serve them on loopback until the process ends.

        Raises:
            PortTaken: Somebody listens there.
        """
        try:
            return start_http_server(port, addr="127.0.0.1", registry=self.registry)
        except OSError as error:
            raise PortTaken(
                f"The port {port} for metrics cannot be used: {error.strerror}.", remedy="Choose another one."
            ) from None
