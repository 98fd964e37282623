"""Events of a storm as they happen: read, checked, applied once, and kept aside with the reason where that cannot be.

From Kafka:

settings     which Kafka, and how it is read
source       records of all storms in batches, of partitions that are ours; client, batch, watch: its parts
consumer     the loop: a batch, one transaction, the next batch
workers      one loop or several, each a process
chores       once a second: positions, replays, beliefs that are due
service      as whom the database is asked
metrics      figures for Prometheus
refusal      why a broker lets nobody in
producing    events sent, for the simulation
stand_in     the development broker; keeper: it ends with the last who uses it

Into Postgres:

events       what a message says (pure)
applying     a batch of records, its dead letters and its offsets as one transaction: `apply`
effects      homes that were hit or have signed, by one statement a kind
completions  jobs that were completed, through the company's status machine
isolating    a row that the database refuses, found and set apart
staging      events as arrays of a statement
keeping      dead letters, strays and positions
letters      dead letters for people: shown, discarded, asked to be replayed; `take_replays` for the service
updates      what was applied, as it happens: `stream_storm_updates`
dependents   beliefs that rest on what was applied: what is due, and `rescore`
desk         what a page shows of all this, and asks
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormplay import lazy

if TYPE_CHECKING:
    from stormplay.streaming.desk import StreamDesk, StreamState

__all__ = ["StreamDesk", "StreamState"]

__getattr__ = lazy.names(__name__, {"desk": "StreamDesk, StreamState"})
