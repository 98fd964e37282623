"""Feeds events to a storm through the service itself, as the consumer does: another process than any page's kernel."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
from sqlalchemy.engine import make_url

from stormplay import broker
from stormplay import database as db
from stormplay.streaming import applying, letters
from stormplay.streaming.events import Record


@dataclass
class Feed:
    """A storm's topic, of one partition, and who reads it."""

    storm_id: str
    url: str
    group: str = field(default_factory=lambda: f"test-{uuid4().hex[:8]}")
    offset: int = 0

    def give(self, *messages, behind=0):
        """Apply messages (dicts, or bytes as they are) in one transaction, with so many more left at the broker."""
        topic = f"storm_events_{self.storm_id}"
        values = [message if isinstance(message, bytes) else json.dumps(message).encode() for message in messages]
        records = [Record(topic, 0, self.offset + k, -1, None, value) for k, value in enumerate(values)]
        self.offset += len(records)
        with db.transaction(make_url(self.url)) as connection:
            return applying.apply(connection, self.group, records, {(topic, 0): self.offset + behind})

    def take_replays(self):
        """Apply what somebody has asked for again, as the service does every second."""
        with db.transaction(make_url(self.url)) as connection:
            return letters.take_replays(connection)


def hit(home, sii, event_id="", **more):
    """A home that the storm has reached."""
    return {"event_id": event_id or uuid4().hex, "type": "property_impacted", "property_id": str(home),
            "sii_score": sii, **more}  # fmt: skip


def done(job, event_id=""):
    """A job that was completed."""
    return {"event_id": event_id or uuid4().hex, "type": "job_completed", "job_id": str(job)}


def signed(home, value, event_id=""):
    """An owner who has signed."""
    return {"event_id": event_id or uuid4().hex, "type": "conversion", "property_id": str(home), "value": value}


@contextmanager
def feeding():
    """Makes feeds of storms, under one login of the service."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("STORMPLAY_DATABASE_URL", raising=False)
        login = broker.open_service("stream")
        try:
            yield lambda storm_id: Feed(storm_id, login.url)
        finally:
            db.engine(make_url(login.url)).dispose()
            broker.close_kernel(login.login)
