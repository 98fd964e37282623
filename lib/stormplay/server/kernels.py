"""One kernel and one database login for each visit of a page, and an end for both.

A kernel belongs to the session that opened it. It ends when its page is closed, when nobody has been connected for a
minute, when nothing has happened for half an hour, when its login runs out, and when its session ends; its login
ends with it.
"""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.ioloop import PeriodicCallback
from traitlets import Float, Integer

from stormplay import broker
from stormplay.broker import KernelLogin
from stormplay.errors import StormplayError
from stormplay.server.book import Book
from stormplay.server.environment import kernel_environment
from stormplay.server.identity import Visitor
from stormplay.server.run import Run

T = TypeVar("T")
LOGIN_S = 8 * 3600
TICK_S = 5.0
REAP_EVERY_S = 300.0


class Busy(StormplayError):
    """All places are taken; somebody has to leave first."""


@dataclass
class Visit:
    """One page in one browser.

    Attributes:
        session: Key of the session that it belongs to.
        username: Whose it is.
        login: Its database login.
        run: Its notebook's run.
        opened_s, left_s: Monotonic seconds: when it was opened; when the last connection left, None while there is one.
        sockets: What to close when it ends.
    """

    session: str
    username: str
    login: KernelLogin
    run: Run
    opened_s: float = field(default_factory=time.monotonic)
    left_s: float | None = field(default_factory=time.monotonic)
    was_seen: bool = False
    sockets: set[Any] = field(default_factory=set)
    why: str = "closed"


class Kernels(AsyncMappingKernelManager):
    """Opens and ends the kernels of visits."""

    most = Integer(24, config=True, help="Kernels at once.")
    most_per_person = Integer(6, config=True, help="Kernels at once of one person.")
    unseen_s = Float(120.0, config=True, help="Seconds that a kernel waits for its page to connect at all.")
    left_alone_s = Float(60.0, config=True, help="Seconds that a kernel waits for its page to come back.")
    idle_s = Float(1800.0, config=True, help="Seconds without anything happening after which a page is put to sleep.")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.visits: dict[str, Visit] = {}
        self._opening: Counter[str] = Counter()
        self._ending: set[asyncio.Task[None]] = set()
        self._ends: dict[str, asyncio.Task[None]] = {}
        self._stopping = False
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="broker")
        self._watch = PeriodicCallback(self.look_after, TICK_S * 1000)
        self._reaped_s = float("-inf")

    async def open(self, visitor: Visitor, book: Book, request: Mapping[str, str]) -> str:
        """Start a kernel with a login of its own, and the notebook in it.

        Args:
            visitor: Who asks.
            book: The notebook.
            request: What the page was asked for, for the kernel's environment.

        Returns:
            The kernel's id.

        Raises:
            Busy: Too many kernels run, in all or of this person.
            NotAllowed: The account is closed, or this server may not mint logins.
            DatabaseUnavailable: No database answers.
        """
        self._make_room(visitor)
        self._opening[visitor.username] += 1
        try:
            login = await self.off_loop(broker.open_kernel, visitor.username, LOGIN_S, "voila")
            try:
                environment = kernel_environment(os.environ, request, database_url=login.url, username=visitor.username)
                environment["IPYTHONDIR"] = str(Path(self.connection_dir) / "ipython")  # nobody's start-up files
                kernel_id = str(await self._async_start_kernel(path="", env=environment))
            except BaseException:
                self._close(login)
                raise
        finally:
            self._opening[visitor.username] -= 1
        visit = self.visits[kernel_id] = Visit(visitor.session, visitor.username, login, Run(book))
        visit.run.start(self.get_kernel(kernel_id))
        return kernel_id

    def belongs(self, kernel_id: str, session: str) -> bool:
        """Whether a kernel belongs to a session; an unknown one belongs to nobody."""
        visit = self.visits.get(kernel_id)
        return visit is not None and visit.session == session

    def end(self, kernel_id: str, why: str) -> Awaitable[None]:
        """End a kernel, its sockets and its login. Harmless where it has ended.

        Args:
            kernel_id: Which.
            why: One word for the page: 'closed', 'idle', 'expired', 'left', 'died', 'signed-out', 'stopped'.
        """
        if kernel_id in self._ends:
            return self._ends[kernel_id]
        if visit := self.visits.get(kernel_id):
            visit.why = why
        task = self._ends[kernel_id] = self._later(self._end(kernel_id))
        task.add_done_callback(lambda _: self._ends.pop(kernel_id, None))
        return task

    def end_session(self, session: str) -> None:
        """End every kernel of a session."""
        for kernel_id in [kernel_id for kernel_id, visit in self.visits.items() if visit.session == session]:
            self.end(kernel_id, "signed-out")

    async def end_all(self) -> None:
        """End every kernel, those that are just being opened too, and close every login; the server stops."""
        self._watch.stop()
        self._stopping = True
        while self._opening.total() or self.visits or self._ending:
            for kernel_id in list(self.visits):
                self.end(kernel_id, "stopped")
            await asyncio.wait(self._ending) if self._ending else await asyncio.sleep(0.05)
        self._threads.shutdown()

    async def off_loop(self, function: Callable[..., T], *args: Any) -> T:
        """Call something that blocks, in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    # ---- watching

    def watch(self) -> None:
        """Begin to look after the kernels."""
        self._watch.start()

    async def look_after(self) -> None:
        """End what has had its time, and once in a while logins that nobody ended."""
        for kernel_id, visit in list(self.visits.items()):
            if why := await self._why_to_end(kernel_id, visit):
                self.log.info("ending kernel %s: %s", kernel_id, why)
                self.end(kernel_id, why)
        if time.monotonic() - self._reaped_s > REAP_EVERY_S:
            self._reaped_s = time.monotonic()
            try:
                await self.off_loop(broker.reap)
            except StormplayError as error:
                self.log.warning("%s", error)

    async def _why_to_end(self, kernel_id: str, visit: Visit) -> str:
        kernel, now = self._kernels.get(kernel_id), datetime.now(UTC)
        if kernel is None or not await kernel.is_alive():
            return "died"
        if now >= visit.login.expires_at:
            return "expired"
        if self.parent.identity_provider.sessions.find(visit.session) is None:
            return "signed-out"
        if visit.left_s is not None:
            patience_s = self.left_alone_s if visit.was_seen else self.unseen_s
            return "left" if time.monotonic() - visit.left_s > patience_s else ""
        idle_s = (now - kernel.last_activity).total_seconds()
        return "idle" if idle_s > self.idle_s and kernel.execution_state != "busy" else ""

    def notify_connect(self, kernel_id: str) -> None:
        """A page has connected."""
        super().notify_connect(kernel_id)
        if visit := self.visits.get(kernel_id):
            visit.left_s, visit.was_seen = None, True

    def notify_disconnect(self, kernel_id: str) -> None:
        """A page's connection is gone."""
        super().notify_disconnect(kernel_id)
        visit = self.visits.get(kernel_id)
        if visit and not self._kernel_connections.get(kernel_id):
            visit.left_s = time.monotonic()

    # ---- ending

    def _make_room(self, visitor: Visitor) -> None:
        if self._stopping:
            raise Busy("The server is being stopped.", remedy="Try again in a minute.")
        own = [(visit.opened_s, kernel_id) for kernel_id, visit in self.visits.items()
               if visit.username == visitor.username and kernel_id not in self._ends]  # fmt: skip
        if len(own) + self._opening[visitor.username] >= self.most_per_person:
            alone = [found for found in sorted(own) if self.visits[found[1]].left_s is not None]
            if not alone:
                raise Busy(f"You have {len(own)} pages open, the most that one person can have.",
                           remedy="Close one of them and try again.")  # fmt: skip
            self.end(alone[0][1], "left")
            return
        if len(self.visits) + self._opening.total() >= self.most:
            raise Busy(f"All {self.most} places on this server are taken.", remedy="Try again in a minute.")

    async def _end(self, kernel_id: str) -> None:
        if visit := self.visits.get(kernel_id):
            visit.run.cancel()
        if kernel_id in self._kernels:
            try:
                await self._async_shutdown_kernel(kernel_id, now=True)
            except Exception:
                self.log.exception("kernel %s could not be shut down", kernel_id)
        self.remove_kernel(kernel_id)
        await asyncio.sleep(0)

    def remove_kernel(self, kernel_id: str) -> Any:
        """Forget a kernel that has ended, however it ended, and close what hung on it."""
        visit = self.visits.pop(kernel_id, None)
        if visit is not None:
            visit.run.cancel()
            self._close(visit.login)
            for socket in list(visit.sockets):
                socket.close(4000, visit.why)
        return super().remove_kernel(kernel_id)

    def _close(self, login: KernelLogin) -> None:
        self._later(self._close_login(login))

    def _later(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    async def _close_login(self, login: KernelLogin) -> None:
        try:
            await self.off_loop(broker.close_kernel, login.login)
        except Exception as error:
            # It ends by itself when its time is up; the server must go on.
            self.log.warning("a database login could not be closed: %s", type(error).__name__)
