"""One kernel and one database login for each visit of a page, and an end for both.

A kernel belongs to the session that opened it. It ends when its page is closed, when nobody has been connected for a
minute, when nothing has happened for half an hour, when its login is no longer renewed, and when its session ends; its
login ends with it.
"""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

import asyncio
import contextvars
import os
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import zmq
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from traitlets import Bool, Float, Integer

from stormplay import broker
from stormplay.broker import KernelLogin
from stormplay.errors import Busy
from stormplay.forking import can_fork, kernel_environment
from stormplay.server.book import Book
from stormplay.server.forks import Forks
from stormplay.server.identity import Visitor
from stormplay.server.provision import Provisioner
from stormplay.server.run import Run
from stormplay.server.timing import Timing
from stormplay.server.visits import Visit
from stormplay.server.watch import Watch

T = TypeVar("T")
RETRY_MS = 10  # between two tries to connect to a kernel that is just starting
_ITS_PAGE = "its page, whoever that will be"


class Kernels(AsyncMappingKernelManager):
    """Opens and ends the kernels of visits."""

    most = Integer(24, config=True, help="Kernels at once.")
    most_per_person = Integer(6, config=True, help="Kernels at once of one person.")
    unseen_s = Float(120.0, config=True, help="Seconds that a kernel waits for its page to connect at all.")
    left_alone_s = Float(60.0, config=True, help="Seconds that a kernel waits for its page to come back.")
    work_kept_s = Float(900.0, config=True, help="Seconds that a page is kept which was left while at work.")
    idle_s = Float(1800.0, config=True, help="Seconds without anything happening after which a page is put to sleep.")
    warm = Bool(True, config=True, help="Fork kernels from a process that holds their imports (Linux alone).")
    memory_mb = Integer(2048, config=True, help="Most memory of one kernel, in MB; 0 for as much as there is.")
    login_s = Integer(900, config=True, help="Seconds that a database login lives unless it is renewed.")
    renew_s = Float(300.0, config=True, help="Seconds between two renewals of the logins in use.")
    tick_s = Float(5.0, config=True, help="Seconds between two looks at the kernels.")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.visits: dict[str, Visit] = {}
        self._opening: Counter[str] = Counter()
        self._ending: set[asyncio.Task[None]] = set()
        self._ends: dict[str, asyncio.Task[None]] = {}
        self._stopping = False
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="broker")
        self.context.setsockopt(zmq.RECONNECT_IVL, RETRY_MS)
        self.forks = Forks(self.log) if self.warm and can_fork() else None
        self._watch = Watch(self)

    async def open(self, visitor: Visitor, book: Book, request: Mapping[str, str], timing: Timing | None = None) -> str:
        """Start a kernel with a login of its own, and the notebook in it.

        Args:
            visitor: Who asks.
            book: The notebook.
            request: What the page was asked for, for the kernel's environment.
            timing: Told how it ends.

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
            until_s = time.monotonic() + self.login_s
            login = await self.off_loop(broker.open_kernel, visitor.username, self.login_s, "voila")
            try:
                environment = kernel_environment(os.environ, request, database_url=login.url, username=visitor.username)
                environment["IPYTHONDIR"] = str(Path(self.connection_dir) / "ipython")  # nobody's start-up files
                kernel_id = str(await self._async_start_kernel(path="", env=environment))
            except BaseException:
                self._later(self._close(login))
                raise
        finally:
            self._opening[visitor.username] -= 1
        run = Run(book, self.memory_mb)
        self.visits[kernel_id] = Visit(visitor.session, visitor.username, login, run, until_s, timing=timing)
        self._keep(kernel_id)
        run.start(self.get_kernel(kernel_id), lambda: self._keeps(kernel_id))
        return kernel_id

    def pre_start_kernel(self, kernel_name: str | None, kwargs: Any) -> tuple[Any, str, str]:
        """A manager for a kernel that is about to start, which has it from us."""
        made, name, kernel_id = super().pre_start_kernel(kernel_name, kwargs)
        made.provisioner = Provisioner(
            parent=made, kernel_id=kernel_id, kernel_spec=made.kernel_spec, forks=self.forks, memory_mb=self.memory_mb
        )
        return made, name, kernel_id

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
        self._stopping = True
        await self._watch.stop()
        while self._opening.total() or self.visits or self._ending:
            for kernel_id in list(self.visits):
                self.end(kernel_id, "stopped")
            await asyncio.wait(self._ending) if self._ending else await asyncio.sleep(0.05)
        if self.forks is not None:
            await self.forks.close()
        self._threads.shutdown()

    async def off_loop(self, function: Callable[..., T], *args: Any) -> T:
        """Call something that blocks, in a thread."""
        within = contextvars.copy_context()  # what it logs belongs to the same request
        return await asyncio.get_running_loop().run_in_executor(self._threads, within.run, function, *args)

    # ---- what a kernel says before its page is there

    def _keep(self, kernel_id: str) -> None:
        """Keep all that a kernel says until its page connects.

        That may be in the middle of a cell. Told only the rest of it, the page would hear of widgets within widgets
        that it does not know, and never show them.
        """
        kernel, channels = self.get_kernel(kernel_id), {}
        for name in ("iopub", "shell", "control", "stdin"):
            channels[name] = getattr(kernel, f"connect_{name}")(identity=secrets.token_hex(16).encode())
            channels[name].channel = name
        self.start_buffering(kernel_id, _ITS_PAGE, channels)

    def _keeps(self, kernel_id: str) -> bool:
        """Whether what a kernel says is kept, or reaches its page: it may begin."""
        kept = self._kernel_buffers.get(kernel_id)
        return kept is None or bool(kept["buffer"])

    def get_buffer(self, kernel_id: str, session_key: str) -> Any:
        """What was kept, for the first page that connects; only the kernel's owner gets as far as this."""
        kept = self._kernel_buffers.get(kernel_id)
        if kept is not None and kept["session_key"] == _ITS_PAGE:
            kept["session_key"] = session_key
        return super().get_buffer(kernel_id, session_key)

    # ---- watching

    def watch(self) -> None:
        """Begin to look after the kernels."""
        self._later(self._watch.start())

    def kernel_of(self, kernel_id: str) -> Any:
        """The kernel's manager; None where there is none any more."""
        return self._kernels.get(kernel_id)

    def is_signed_in(self, session: str) -> bool:
        """Whether a session goes on."""
        return self.parent.identity_provider.sessions.find(session) is not None

    def sign_out(self, username: str) -> None:
        """End every session of a person whose account has been closed."""
        self.parent.identity_provider.end_others(username, session="")

    def notify_connect(self, kernel_id: str) -> None:
        """A page has connected."""
        super().notify_connect(kernel_id)
        if visit := self.visits.get(kernel_id):
            visit.left_s, visit.was_seen, visit.promised_until_s = None, True, 0.0

    def notify_disconnect(self, kernel_id: str) -> None:
        """A page's connection is gone."""
        super().notify_disconnect(kernel_id)
        visit = self.visits.get(kernel_id)
        if visit and not self._kernel_connections.get(kernel_id):
            visit.left_s = time.monotonic()

    # ---- ending

    @property
    def is_full(self) -> bool:
        """Whether every place is taken."""
        return bool(len(self.visits) + self._opening.total() >= self.most)

    def _make_room(self, visitor: Visitor) -> None:
        if self._stopping:
            raise Busy("The server is being stopped.", remedy="Try again in a minute.")
        own = [(visit.work is not None, visit.opened_s, kernel_id) for kernel_id, visit in self.visits.items()
               if visit.username == visitor.username and kernel_id not in self._ends]  # fmt: skip
        if len(own) + self._opening[visitor.username] >= self.most_per_person:
            alone = [kernel_id for *_, kernel_id in sorted(own) if self.visits[kernel_id].left_s is not None]
            if not alone:
                raise Busy(f"You have {len(own)} pages open, the most that one person can have.",
                           remedy="Close one of them and try again.")  # fmt: skip
            self.end(alone[0], "left")
            return
        if self.is_full:
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
            if visit.timing is not None:
                visit.timing.gone(visit.why, visit.run.outcome)
            visit.run.cancel()
            self._later(self._close(visit.login))
            for socket in list(visit.sockets):
                socket.close(4000, visit.why)
        return super().remove_kernel(kernel_id)

    def _later(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    async def _close(self, login: KernelLogin) -> None:
        try:
            await self.off_loop(broker.close_kernel, login.login)
        except Exception as error:
            # It ends by itself when its time is up; the server must go on.
            self.log.warning("a database login could not be closed: %s", type(error).__name__)
