"""Looks after the visits: renews their logins, ends those that have had their time, and keeps the nursery at hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tornado.ioloop import PeriodicCallback

from stormplay import broker, logs
from stormplay.server.visits import Visit

if TYPE_CHECKING:
    from stormplay.server.kernels import Kernels

REAP_EVERY_S = 300.0


class Watch:
    """One turn every few seconds.

    Args:
        kernels: The kernels of all visits.
    """

    def __init__(self, kernels: Kernels) -> None:
        self._kernels, self._log = kernels, kernels.log
        self._turns = PeriodicCallback(self.turn, kernels.tick_s * 1000)
        self._renewed_s, self._reaped_s = time.monotonic(), float("-inf")
        self._is_deaf = False  # the database did not answer the last time
        self._one_turn = asyncio.Lock()

    async def start(self) -> None:
        """Take the first turn at once, so that logins of a server that was killed are ended, and begin."""
        self._turns.start()
        await self.turn()

    async def stop(self) -> None:
        """Take no further turn, and wait for the end of the one that is being taken."""
        self._turns.stop()
        async with self._one_turn:
            pass

    async def turn(self) -> None:
        """End what has had its time, renew what goes on."""
        async with self._one_turn:
            await self._turn()

    async def _turn(self) -> None:
        for kernel_id, visit in list(self._kernels.visits.items()):
            if why := await self._why_to_end(kernel_id, visit):
                self._end(kernel_id, why)
        if self._kernels.forks is not None:
            await self._kernels.forks.ready()
        try:
            await self._with_the_database(time.monotonic())
        except Exception as error:
            # Whatever it is, the server must go on; the next turn asks again, and the logins last a while.
            if not self._is_deaf:
                self._log.warning("logins could not be renewed: %s", logs.plain(error))
            self._is_deaf = True
        else:
            self._is_deaf = False

    async def _with_the_database(self, now_s: float) -> None:
        visits = dict(self._kernels.visits)
        closed = await self._ask(_closed_accounts, {visit.username for visit in visits.values()}) if visits else set()
        for username in closed:
            self._kernels.sign_out(username)
        if now_s - self._renewed_s >= min(self._kernels.renew_s, self._kernels.login_s / 3):
            await self._renew({kernel_id: visit for kernel_id, visit in visits.items() if visit.username not in closed})
            self._renewed_s = now_s
        if now_s - self._reaped_s >= REAP_EVERY_S:
            await self._ask(broker.reap)
            self._reaped_s = now_s

    async def _renew(self, visits: dict[str, Visit]) -> None:
        """Give all logins more time, in one call. One that is not renewed has been ended: it has lived for a day."""
        if not visits:
            return
        until_s = time.monotonic() + self._kernels.login_s
        is_open = await self._ask(broker.renew, [visit.login.login for visit in visits.values()], self._kernels.login_s)
        for kernel_id, visit in visits.items():
            if visit.login.login in is_open:
                visit.until_s = until_s
            else:
                self._end(kernel_id, "expired")

    async def _why_to_end(self, kernel_id: str, visit: Visit) -> str:
        kernels, now_s = self._kernels, time.monotonic()
        kernel = kernels.kernel_of(kernel_id)
        if kernel is None or not await kernel.is_alive():
            return "died"
        if now_s >= visit.until_s:
            return "expired"
        if not kernels.is_signed_in(visit.session):
            return "signed-out"
        if visit.left_s is not None:
            patience_s = kernels.left_alone_s if visit.was_seen else kernels.unseen_s
            if visit.work is not None:
                patience_s = max(patience_s, kernels.work_kept_s)
            return "left" if now_s - visit.left_s > patience_s else ""
        idle_s = (datetime.now(UTC) - kernel.last_activity).total_seconds()
        return "idle" if idle_s > kernels.idle_s and kernel.execution_state != "busy" else ""

    def _end(self, kernel_id: str, why: str) -> None:
        if kernel_id in self._kernels.visits:
            self._log.info("ending kernel %s: %s", kernel_id, why)
            self._kernels.end(kernel_id, why)

    async def _ask(self, function: Callable[..., Any], *args: Any) -> Any:
        return await self._kernels.off_loop(function, *args)


def _closed_accounts(usernames: set[str]) -> set[str]:
    return {username for username in usernames if broker.find_person(username) is None}
