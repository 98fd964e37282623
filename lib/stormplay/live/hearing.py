"""LISTEN on the event loop: the driver's asynchronous connection, another one when it breaks, and what it tells."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg2
from psycopg2 import extensions

from stormplay import tenancy
from stormplay.errors import NotAllowed, StormplayError, UnknownTenant

EVERYTHING = "*"
"""In place of a table's name: it is not known what has changed, so all of it is to be read again."""

FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 0.5  # before another attempt to connect; the page is to be right within a second
CONNECT_S = 5.0  # until an attempt is given up
RENEW_S = 0.25  # between two questions for the channel's name, at least: who floods it may not keep us busy
_LONGEST_PAYLOAD = 200
# A refusal to connect carries no SQLSTATE; a login that has ended never comes back.
_ENDED = re.compile(r"authentication failed|not permitted to log in|role \S+ does not exist")

# A dead network is noticed within half a minute; sockets of this machine tell at once.
_KEEPALIVE: dict[str, Any] = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}


@dataclass(frozen=True)
class Change:
    """Something of a company has changed.

    Attributes:
        storm: The id of the storm; None: of any.
        of: The table, or `EVERYTHING`.
    """

    storm: str | None
    of: str


class _ChannelEnded(Exception):
    """The channel has another name from now on."""


async def subscribe(tenant: str | UUID, on_pause: Callable[[], None] = lambda: None) -> AsyncGenerator[Change]:
    """Yield the changes of a company as they are committed, for as long as one listens.

    First, and after each interruption, comes `Change(None, EVERYTHING)`: from here on nothing is missed, and what was
    missed before is to be read.

    Args:
        tenant: The company's slug or id.
        on_pause: Called when the connection is lost, before the first attempt to get another one.

    Raises:
        UnknownTenant: The company is not, or no longer, open to this person.
        NotAllowed: The login of this process has ended.
    """
    wait = FIRST_WAIT_S
    while True:
        try:
            async with aclosing(_listen(tenant)) as changes:
                async for change in changes:
                    wait = FIRST_WAIT_S
                    yield change
        except _ChannelEnded:
            await asyncio.sleep(RENEW_S)
            continue
        except psycopg2.errors.InsufficientPrivilege:
            raise UnknownTenant(f"There is no tenant '{tenant}' open to you.") from None
        except (psycopg2.Error, OSError, TimeoutError, StormplayError) as error:
            if _ENDED.search(str(error)):
                raise NotAllowed("This page's database login has ended.", remedy="Open the page again.") from None
            on_pause()
            await asyncio.sleep(wait * random.uniform(0.7, 1.0))  # noqa: S311 - so that not all come at once
            wait = min(LONGEST_WAIT_S, 2 * wait)


async def _listen(tenant: str | UUID) -> AsyncGenerator[Change]:
    """The changes that one connection hears, until it breaks or the channel ends."""
    address = tenancy.address()
    connection = psycopg2.connect(
        address.set(drivername="postgresql").render_as_string(hide_password=False),
        async_=True, application_name="stormplay live", **_KEEPALIVE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(CONNECT_S):
            await _ready(connection)
            channel = await _channel(connection, tenant)
            await _execute(connection, f'LISTEN "{channel}"')
        yield Change(None, EVERYTHING)
        while True:
            for change in _heard(connection):
                if change.of == "live_channel":
                    raise _ChannelEnded
                yield change
            await _readable(connection)
            connection.poll()
    finally:
        with suppress(psycopg2.Error):
            connection.close()


async def _channel(connection: extensions.connection, tenant: str | UUID) -> str:
    """Ask for the channel's name: one message, so one transaction, in which the company is chosen."""
    found = await _execute(
        connection,
        """SELECT set_config('app.tenant_id', (SELECT t.tenant_id::text FROM sec.my_tenants() t
                                                WHERE %(tenant)s IN (t.slug, t.tenant_id::text)), true);
           SELECT sec.live_channel()""",
        {"tenant": str(tenant)},
    )
    if not found or re.fullmatch(r"live_[0-9a-f]{32}", found[0]) is None:
        raise UnknownTenant(f"There is no tenant '{tenant}' open to you.")
    return found[0]


async def _execute(
    connection: extensions.connection, statement: str, values: dict[str, str] | None = None
) -> list[str]:
    cursor = connection.cursor()
    cursor.execute(statement, values)
    await _ready(connection)
    return [str(row[0]) for row in cursor.fetchall()] if cursor.description else []


async def _ready(connection: extensions.connection) -> None:
    """Let the driver go on until it has nothing more to wait for."""
    while (state := connection.poll()) != extensions.POLL_OK:
        await (_writable if state == extensions.POLL_WRITE else _readable)(connection)


async def _readable(connection: extensions.connection) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    handle = connection.fileno()
    loop.add_reader(handle, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(handle)


async def _writable(connection: extensions.connection) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    handle = connection.fileno()
    loop.add_writer(handle, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(handle)


def _heard(connection: extensions.connection) -> list[Change]:
    """What has come in. A payload is unchecked: members of the company can send what they like."""
    payloads = [notice.payload for notice in connection.notifies]
    connection.notifies.clear()
    return [change for payload in payloads if (change := read(payload)) is not None]


def read(payload: str) -> Change | None:
    """The change that a payload tells; None where it tells none."""
    if len(payload) > _LONGEST_PAYLOAD:
        return None
    try:
        told = json.loads(payload)
        storm, of = told["storm"], told["of"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not isinstance(of, str) or not re.fullmatch(r"[a-z_]{1,63}", of):
        return None
    return Change(str(storm) if storm is not None else None, of)
