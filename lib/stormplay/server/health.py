"""Is the server alive, and may visitors be sent to it: for a load balancer, which has no login and gets no detail.

`/health/live` answers while the process does. `/health/ready` says no while the server is being stopped, or while the
database does not answer; it is asked once a second at most, however often somebody asks here.
"""
# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

import asyncio
import time
from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated
from sqlalchemy import text

from stormplay import database
from stormplay.server.cookies import Guarded

FRESH_S, PATIENCE_S = 1.0, 2.0


class Pulse:
    """Whether the database answers, known for a second.

    Args:
        server: Who asks it, in a thread of its own.

    Attributes:
        is_draining: Whether the server is being stopped; then it is not ready, whatever the database says.
    """

    def __init__(self, server: Any) -> None:
        self.is_draining = False
        self._server = server
        self._until_s, self._answers = float("-inf"), False
        self._asking: asyncio.Task[bool] | None = None

    async def is_ready(self) -> bool:
        """Whether visitors may come. A database that is asked and keeps silent is one that does not answer."""
        if self.is_draining:
            return False
        if time.monotonic() < self._until_s:
            return self._answers
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().create_task(self._ask())
        try:
            self._answers = await asyncio.wait_for(asyncio.shield(self._asking), PATIENCE_S)
        except TimeoutError:
            self._answers = False
        self._until_s = time.monotonic() + FRESH_S
        return self._answers and not self.is_draining

    async def _ask(self) -> bool:
        try:
            return bool(await self._server.ask_health(_answers))
        except Exception:
            return False  # whatever it is, visitors would meet it


def _answers() -> bool:
    with database.transaction(database.broker_url()) as connection:
        return bool(connection.execute(text("SELECT true")).scalar_one())


class Health(Guarded):
    """One word, for anybody."""

    async def prepare(self) -> None:
        """Ask nobody who they are, and by no name: a probe comes by the machine's address."""
        self.current_user = self._jupyter_current_user = None

    def tell(self, is_well: bool) -> None:
        """Answer."""
        self.set_status(200 if is_well else 503)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish("ok\n" if is_well else "not ready\n")

    def write_error(self, status_code: int, **_: Any) -> None:
        """Say nothing about it."""
        self.finish()


class Live(Health):
    """`/health/live`: the process answers."""

    @allow_unauthenticated
    async def get(self) -> None:
        """Yes."""
        self.tell(True)


class Ready(Health):
    """`/health/ready`: visitors may be sent here."""

    @allow_unauthenticated
    async def get(self) -> None:
        """Yes, or no."""
        self.tell(await self.settings["stormplay"].pulse.is_ready())
