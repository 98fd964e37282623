"""Events of a storm as they happen: read, checked, applied once, and kept aside with the reason where that cannot be.

events     what a message says (pure)
applying   a batch of records, its dead letters and its offsets as one transaction
letters    what was not applied, and its replay
updates    what was applied, as it happens
dependents beliefs that rest on what was applied
desk       what a page shows of all this, and asks
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormplay import lazy

if TYPE_CHECKING:
    from stormplay.streaming.desk import StreamDesk, StreamState

__all__ = ["StreamDesk", "StreamState"]

__getattr__ = lazy.names(__name__, {"desk": "StreamDesk, StreamState"})
