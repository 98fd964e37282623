"""Whoever follows a storm hears every event that is applied to it once, in the order of commits, and stops cleanly."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from streamed import completed, conversion, impacted, make_streamed, records, run, service  # noqa: F401 - a fixture

from stormplay import database as db
from stormplay import stream_storm_updates
from stormplay.errors import UnknownStorm
from stormplay.streaming.applying import apply


class Following:
    """What a follower has heard so far, in a task beside the test."""

    def __init__(self, storm_id, since=None):
        self.heard = []
        self.task = asyncio.create_task(self._follow(storm_id, since))

    async def _follow(self, storm_id, since):
        async with aclosing(stream_storm_updates(storm_id, since)) as updates:
            async for event in updates:
                self.heard.append((time.monotonic(), event))

    def ids(self):
        return [event["event_id"] for _, event in self.heard]

    async def until(self, n, seconds=10):
        limit = time.monotonic() + seconds
        while len(self.heard) < n and time.monotonic() < limit:
            if self.task.done():
                self.task.result()
            await asyncio.sleep(0.005)
        assert len(self.heard) == n, self.ids()

    async def stop(self):
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task


async def settled(follower):
    """Until it listens: a follower that has heard nothing yet cannot be told from one that does not listen."""
    await asyncio.sleep(0.4)
    return follower


def test_events_come_as_they_are_applied(service):  # noqa: F811
    world, other = make_streamed(), make_streamed()
    run(service, records(world.topic, [impacted(world.homes[0], 10)]))
    messages = [impacted(world.homes[0], 20), completed(world.jobs[0]), conversion(world.homes[1], 12.5)]

    async def play():
        follower = await settled(Following(world.world.storm_id))
        await asyncio.to_thread(run, service, records(other.topic, [impacted(other.homes[0], 30)]))
        began = time.monotonic()
        await asyncio.to_thread(run, service, records(world.topic, messages, first=1))
        await follower.until(3)
        took = max(at for at, _ in follower.heard) - began
        await asyncio.to_thread(run, service, records(world.topic, messages, first=1))  # duplicates are no news
        await asyncio.sleep(0.1)
        await follower.stop()
        return [event for _, event in follower.heard], took

    heard, took = asyncio.run(play())
    assert [event["event_id"] for event in heard] == [message["event_id"] for message in messages]
    by_type = {event["type"]: event for event in heard}
    assert by_type["property_impacted"]["sii_score"] == 20
    assert by_type["property_impacted"]["property_id"] == world.homes[0]
    assert by_type["job_completed"]["job_id"] == world.jobs[0]
    assert by_type["conversion"]["value"] == 12.5
    assert set(heard[0]) == {"event_id", "type", "property_id", "job_id", "sii_score", "value", "is_superseded",
                             "event_at", "applied_at"}  # fmt: skip
    assert took < 3


def test_what_is_committed_out_of_order_is_told_once(service):  # noqa: F811
    """One transaction goes on while others begin and end: their events are not held up, nor is its own lost."""
    world = make_streamed()
    slow, quick = impacted(world.homes[0], 20), [impacted(world.homes[1], number) for number in range(3)]

    async def play():
        follower = await settled(Following(world.world.storm_id))
        with db.transaction(service) as connection:
            apply(connection, "slow", records(world.topic, [slow], partition=1))
            for number, message in enumerate(quick):
                await asyncio.to_thread(run, service, records(world.topic, [message], first=9 + number))
                await follower.until(number + 1)
        await follower.until(4)
        await follower.stop()
        return follower.ids()

    assert asyncio.run(play()) == [message["event_id"] for message in (*quick, slow)]


def test_from_a_moment_on_and_then_what_is_new(service):  # noqa: F811
    world = make_streamed()
    run(service, records(world.topic, [impacted(world.homes[0], 10)]))
    moment = datetime.now(UTC)
    since, after = impacted(world.homes[0], 20), impacted(world.homes[0], 30)
    run(service, records(world.topic, [since], first=1))

    async def play():
        follower = Following(world.world.storm_id, moment)
        await follower.until(1)
        await asyncio.to_thread(run, service, records(world.topic, [after], first=2))
        await follower.until(2)
        await follower.stop()
        return follower.ids()

    assert asyncio.run(play()) == [since["event_id"], after["event_id"]]


def test_it_outlives_lost_connections(service):  # noqa: F811
    world = make_streamed()
    first, second = impacted(world.homes[0], 20), impacted(world.homes[1], 30)

    def end_all():
        with db.transaction(db.admin_url()) as connection:
            connection.execute(text("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                                        WHERE pid <> pg_backend_pid() AND usename LIKE 'k\\_%'"""))  # fmt: skip

    async def play():
        follower = await settled(Following(world.world.storm_id))
        await asyncio.to_thread(run, service, records(world.topic, [first]))
        await follower.until(1)
        await asyncio.to_thread(end_all)
        db.engine(service).dispose()
        await asyncio.to_thread(run, service, records(world.topic, [second], first=1))
        await follower.until(2)
        await follower.stop()
        return follower.ids()

    assert asyncio.run(play()) == [first["event_id"], second["event_id"]]


def test_a_strangers_storm_is_unknown(service, as_person):  # noqa: F811
    world = make_streamed()
    as_person("ben")

    async def play():
        async for _ in stream_storm_updates(world.world.storm_id):
            pass

    with pytest.raises(UnknownStorm):
        asyncio.run(play())
