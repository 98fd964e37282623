"""Events of a storm as they happen: read, checked, applied once, and kept aside with the reason where that cannot be.

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
desk         what a page shows of all this, and asks: `StreamDesk`; `tally` counts for it
consumer     the loop: a batch from Kafka (source), one transaction (service), the next; chores beside it
workers      the loop as one process or several
producing    events, sent; stand_in: the broker of the demo and of tests
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormplay import lazy

if TYPE_CHECKING:
    from stormplay.streaming.desk import StreamDesk, StreamState

__all__ = ["StreamDesk", "StreamState"]

__getattr__ = lazy.names(__name__, {"desk": "StreamDesk, StreamState"})
