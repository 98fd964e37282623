"""Events of a storm as they happen."""

from __future__ import annotations

from stormplay.streaming.desk import StreamDesk, StreamState

__all__ = ["StreamDesk", "StreamState"]
