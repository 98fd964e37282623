"""What tests of the stream share: worlds with jobs, records, and the service's own connection."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL, Connection, make_url
from world import World, make_world

from stormplay import broker, tenancy
from stormplay import database as db
from stormplay.streaming.applying import Applied, apply
from stormplay.streaming.events import Record

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@dataclass
class Streamed:
    """A company with a storm, homes and jobs of which nothing is begun."""

    world: World
    tenant_id: str
    homes: list[str]
    jobs: list[str]

    @property
    def topic(self) -> str:
        return f"storm_events_{self.world.storm_id}"

    def ask(self, query: str, **values: object) -> list[tuple]:
        with tenancy.session(self.world.tenant) as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def one(self, query: str, **values: object) -> object:
        ((found,),) = self.ask(query, **values)
        return found

    def state(self) -> dict[str, list[tuple]]:
        """What the stream is to leave of the storm, whatever the order and the cut of the batches."""
        asked = {
            "ledger": "event_id FROM stream_events",
            "impacts": "property_id::text, sii_score, hail_in, event_at FROM property_impacts",
            "jobs": "job_id::text, status, completed_at, furthest FROM jobs",
            "outcomes": "property_id::text, actual_converted, value_cents, observed_at FROM policy_outcomes",
            "touches": 'property_id::text, channel, "timestamp" FROM customer_journeys',
            "letters": "event_id, reason, event_at FROM stream_dead_letters",
        }
        return {name: sorted(self.ask(f"SELECT {what} WHERE storm_id = :storm", storm=self.world.storm_id), key=str)
                for name, what in asked.items()}  # fmt: skip

    def another_storm(self, statuses: tuple[str, ...] = ()) -> Streamed:
        """The same homes under another storm, as it was before anything came of it."""
        slug = f"hail-{uuid4().hex[:8]}"
        with tenancy.session(self.world.tenant) as connection:
            storm_id = str(connection.execute(
                text("""INSERT INTO storms (slug, name, event_date) VALUES (:s, 'Hail', '2021-04-28')
                        RETURNING storm_id"""),
                {"s": slug},
            ).scalar_one())  # fmt: skip
            connection.execute(
                text("""INSERT INTO property_impacts (storm_id, property_id, hail_in, sii_score)
                        SELECT :s, property_id, 1.5, 60 FROM properties"""), {"s": storm_id})  # fmt: skip
            jobs = _jobs(connection, storm_id, self.homes[: len(self.jobs)], statuses)
        return Streamed(replace(self.world, storm=slug, storm_id=storm_id), self.tenant_id, self.homes, jobs)


def make_streamed(homes: int = 6, jobs: int = 3, statuses: tuple[str, ...] = ()) -> Streamed:
    """A fresh company; its first homes have a job each, in these statuses or scheduled."""
    world = make_world(treat=homes, hold_out=0, skip=0, suppressed=0, without_place=0)
    ids = [str(one) for one in world.properties["property_id"]]
    with tenancy.session(world.tenant) as connection:
        made = _jobs(connection, world.storm_id, ids[:jobs], statuses)
    return Streamed(world, tenancy.tenant_of_storm(world.storm_id), ids, made)


def _jobs(connection: Connection, storm_id: str, homes: list[str], statuses: tuple[str, ...]) -> list[str]:
    statement = text("""INSERT INTO jobs (storm_id, property_id, status, status_since)
                        VALUES (:storm, :home, :status, '2026-05-01 00:00Z') RETURNING job_id::text""")
    return [connection.execute(statement, {"storm": storm_id, "home": home, "status": status}).scalar_one()
            for home, status in zip(homes, (*statuses, *["scheduled"] * len(homes)), strict=False)]  # fmt: skip


@pytest.fixture(scope="module")
def service(database) -> Iterator[URL]:
    """The address of the stream's login."""
    login = broker.open_service("stream", 3_600)
    yield make_url(login.url)
    db.engine(make_url(login.url)).dispose()
    broker.close_kernel(login.login)


def records(topic: str, messages: list[dict | bytes | None], first: int = 0, at: datetime = NOON, partition: int = 0
            ) -> list[Record]:  # fmt: skip
    """Messages as records of one partition, one after the other."""
    return [Record(topic, partition, first + number, int(at.timestamp() * 1_000), None,
                   json.dumps(message).encode() if isinstance(message, dict) else message)
            for number, message in enumerate(messages)]  # fmt: skip


def run(service: URL, batch: list[Record], group: str | None = None, **more: object) -> Applied:
    """Apply and commit; each batch as a group of its own where none is named."""
    with db.transaction(service) as connection:
        return apply(connection, group or uuid4().hex, batch, **more)


@contextmanager
def as_service(service: URL, tenant_id: str | None = None) -> Iterator[Connection]:
    """A transaction of the service, in a company."""
    with db.transaction(service) as connection:
        if tenant_id:
            connection.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": tenant_id})
        yield connection


def impacted(home: str, sii: float, at: str | None = None, **more: object) -> dict:
    return _message("property_impacted", at, property_id=home, sii_score=sii, **more)


def completed(job: str, at: str | None = None, **more: object) -> dict:
    return _message("job_completed", at, job_id=job, **more)


def conversion(home: str, value: float, at: str | None = None, **more: object) -> dict:
    return _message("conversion", at, property_id=home, value=value, **more)


def _message(kind: str, at: str | None, **fields: object) -> dict:
    own = {} if at is None else {"occurred_at": at}
    return {"event_id": str(uuid4()), "type": kind, **own, **fields}
