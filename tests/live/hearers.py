"""Listeners for tests: what they heard and when."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import psycopg2
from sqlalchemy import text

from stormplay import embedded, tenancy
from stormplay.live import Live, subscribe


def administrator(statement, *values):
    """What the superuser reads."""
    connection = psycopg2.connect(embedded.url("postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        found = cursor.fetchall() if cursor.description else []
    connection.close()
    return found


def touch(world):
    """Change something of a storm that costs nothing."""
    with tenancy.session(world.tenant) as connection:
        connection.execute(text("UPDATE property_impacts SET updated_at = now() WHERE storm_id = :storm"),
                           {"storm": world.storm_id})  # fmt: skip


async def until(wanted, seconds=10):
    """Wait for something to be so; returns what it was."""
    deadline = time.monotonic() + seconds
    while not (found := wanted()):
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.003)
    return found


class Hearing:
    """What `subscribe` yields, gathered in a task beside the test."""

    def __init__(self, tenant):
        self.heard, self.times, self.pauses, self.error = [], [], 0, None
        self.task = asyncio.create_task(self._hear(tenant))

    async def _hear(self, tenant):
        try:
            async with aclosing(subscribe(tenant, self._pause)) as changes:
                async for change in changes:
                    self.heard.append(change)
                    self.times.append(time.monotonic())
        except Exception as error:
            self.error = error

    def _pause(self):
        self.pauses += 1


def hearing(tenant, act):
    """Listen to a company while `act(listener)` runs; returns the listener."""

    async def run():
        listener = Hearing(tenant)
        try:
            await until(lambda: listener.heard)
            await act(listener)
        finally:
            listener.task.cancel()
            await asyncio.gather(listener.task, return_exceptions=True)
        return listener

    return asyncio.run(run())


class Page:
    """A page that only writes down what it is told."""

    def __init__(self, tenant, storm):
        self.told, self.states = [], []
        self.live = Live(tenant, storm, self._changed, lambda: self.states.append(self.live.state))

    def _changed(self, names):
        self.told.append(names)


def shown(tenant, storm, act):
    """Have a page follow a storm while `act(page)` runs; returns the page."""

    async def run():
        page = Page(None, None)
        page.live.follow(tenant, storm)
        try:
            await until(lambda: page.told)
            await act(page)
        finally:
            page.live.close()
            await asyncio.sleep(0)
        return page

    return asyncio.run(run())
