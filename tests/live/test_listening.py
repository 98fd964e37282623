"""Changes as they are committed, heard from a real database: each once, for the own company alone, after a break too."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import psycopg2
import pytest
from sqlalchemy import text
from world import make_world

from stormplay import embedded, tenancy
from stormplay.live import EVERYTHING, Change, subscribe


@pytest.fixture(scope="module")
def worlds(database):
    return make_world(treat=3, hold_out=0, skip=0, suppressed=0), make_world(treat=3, hold_out=0, skip=0, suppressed=0)


def administrator(statement, *values):
    connection = psycopg2.connect(embedded.url("postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        found = cursor.fetchall() if cursor.description else []
    connection.close()
    return found


def touch(world, storm=None):
    with tenancy.session(world.tenant) as connection:
        connection.execute(text("UPDATE property_impacts SET updated_at = now() WHERE storm_id = :storm"),
                           {"storm": storm or world.storm_id})  # fmt: skip


class Hearing:
    """What `subscribe` yields, gathered in a task beside the test."""

    def __init__(self, tenant):
        self.heard, self.pauses, self.error = [], 0, None
        self.task = asyncio.create_task(self._hear(tenant))

    async def _hear(self, tenant):
        try:
            async with aclosing(subscribe(tenant, self._pause)) as changes:
                async for change in changes:
                    self.heard.append((time.monotonic(), change))
        except Exception as error:
            self.error = error

    def _pause(self):
        self.pauses += 1

    def changes(self):
        return [change for _, change in self.heard]

    async def until(self, wanted, seconds=10):
        deadline = time.monotonic() + seconds
        while not wanted(self):
            assert time.monotonic() < deadline, (self.heard, self.error)
            await asyncio.sleep(0.005)


def hearing(tenant, act):
    async def run():
        listener = Hearing(tenant)
        try:
            await listener.until(lambda it: it.heard)
            await act(listener)
        finally:
            listener.task.cancel()
        return listener

    return asyncio.run(run())


def test_each_of_200_changes_is_heard_once(worlds):
    mine, _ = worlds

    async def act(listener):
        for _ in range(200):
            await asyncio.to_thread(touch, mine)
        await listener.until(lambda it: it.changes().count(Change(mine.storm_id, "property_impacts")) >= 200)

    listener = hearing(mine.tenant, act)
    assert listener.changes()[0] == Change(None, EVERYTHING)
    assert listener.changes()[1:] == [Change(mine.storm_id, "property_impacts")] * 200
