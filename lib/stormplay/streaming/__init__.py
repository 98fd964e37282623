"""Events of a storm as they happen: read, checked, applied once, and kept aside with the reason where that cannot be.

What an event does, as one transaction:

    events       what a message says (pure)
    applying     a batch of records, its dead letters and its offsets as one transaction: `apply`
    effects      homes that were hit or have signed, by one statement a kind
    completions  jobs that were completed, through the company's status machine
    isolating    a row that the database refuses, found and set apart
    staging      events as arrays of a statement
    keeping      dead letters, strays and positions
    letters      dead letters for people: shown, discarded, asked to be replayed; `take_replays` for the service
    updates      what was applied, as it happens: `stream_storm_updates`
    scores       scores of storms, counted beside the batches: `settle`
    dependents   beliefs that rest on what was applied: what is due, and `rescore`
    desk         what a page shows of all this, and asks; `tally` counts each event once

Where events come from:

    settings     which Kafka, from the environment
    client       kafka-python's client: made, and refused in a sentence (`refusal`); `watch` tells when it has stalled
    source       batches, fetched in a thread, of partitions that are ours (`batch`)
    consumer     the loop: a batch, one transaction of the `service`, the next
    chores       scores, replays and beliefs, beside the batches; `metrics` for Prometheus
    workers      the loop as one process or several
    producing    events, sent
    stand_in     the broker of the demo and of tests, ended with its last user by its `keeper`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormplay import lazy

if TYPE_CHECKING:
    from stormplay.streaming.desk import StreamDesk, StreamState

__all__ = ["StreamDesk", "StreamState"]

__getattr__ = lazy.names(__name__, {"desk": "StreamDesk, StreamState"})
