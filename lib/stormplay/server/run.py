"""Run a notebook's cells in a kernel ahead of the browser, and tell whoever listens what came out.

The run begins as soon as the kernel answers, while the browser still loads its scripts. What is told is for a
visitor: no source, no traceback, no path, no warning.
"""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

import asyncio
import copy
import html
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from stormplay import errors, logs
from stormplay.maps.head import AHEAD_KIND
from stormplay.server.book import Book
from stormplay.server.timing import outcome_of

CELL_TIMEOUT_S = 600
START_TIMEOUT_S = 60.0
START_POLL_S = 0.05
HOLD_S = 0.5
_LOOK_S = 0.01
_TURN_S = 0.25
Message = dict[str, Any]

_SPOKEN = {name for name, found in vars(errors).items()
           if isinstance(found, type) and issubclass(found, errors.StormplayError)}  # fmt: skip
OUT_OF_MEMORY = ("MemoryError", "_ArrayMemoryError")  # Python's, and NumPy's kind of it
log = logging.getLogger("stormplay.server")


class Run:
    """One notebook in one kernel.

    Messages, in order: `{"status": sentence}`, `{"map": what goes ahead of its widget}`,
    `{"cell": index, "outputs": [...]}`, `{"cell": index, "failed": html}` and at the end `{"done": true}`.

    Args:
        book: The notebook.
        memory_mb: Most memory that its kernel gets, in MB; 0 for as much as there is.

    Attributes:
        outcome: 'whole', 'failed' or 'refused' (what was asked for cannot be); '' while it runs.
    """

    def __init__(self, book: Book, memory_mb: int = 0) -> None:
        self._book, self._memory_mb = book, memory_mb
        self._messages: list[Message] = [{"status": "Starting a private session"}]
        self._told = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False
        self._may_begin = asyncio.Event()
        self._may_begin.set()
        self.outcome = ""

    @property
    def name(self) -> str:
        """The notebook's name."""
        return self._book.name

    def start(self, kernel: Any, is_heard: Callable[[], bool]) -> None:
        """Begin, as soon as the kernel answers and is heard by whoever else must not miss a word."""
        self._task = asyncio.get_running_loop().create_task(self._guarded(kernel, is_heard))

    def hold(self) -> None:
        """Let the cells wait until the page shows what it showed last, which they would slow down; not for long."""
        self._may_begin.clear()

    def release(self) -> None:
        """The page listens."""
        self._may_begin.set()

    def cancel(self) -> None:
        """Stop; the kernel is gone or about to go."""
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()
        self._end()

    def drawn(self) -> None:
        """The page shows it all. A map may be megabytes: who comes back has it from the kernel."""
        for message in self._messages:
            message.pop("map", None)

    async def follow(self) -> AsyncIterator[Message]:
        """All messages from the first on, as they come; ends after `done`."""
        at = 0
        while True:
            told = self._told
            for message in self._messages[at:]:
                yield message
                if message.get("done"):
                    return
                at += 1
            if at == len(self._messages):
                await told.wait()

    async def _guarded(self, kernel: Any, is_heard: Callable[[], bool]) -> None:
        try:
            await self._execute(kernel, is_heard)
            self.outcome = self.outcome or "whole"
        except asyncio.CancelledError:
            raise
        except Exception:
            if self._cancelled:  # the client turns a cancellation into a kernel that died
                return
            self.outcome = "failed"
            log.exception("%s: the kernel could not run the notebook", self._book.name)
            self._tell({"status": "", "failed": _sorry()})
        finally:
            self._end()

    async def _execute(self, kernel: Any, is_heard: Callable[[], bool]) -> None:
        cells = copy.deepcopy(self._book.node)
        client = _Client(self._tell, cells, km=kernel, timeout=CELL_TIMEOUT_S, log=_silent)
        await _listens(kernel)
        client.kc = kernel.client()
        client.kc.start_channels()
        client.kc.allow_stdin = False
        for channel in (client.kc.shell_channel, client.kc.iopub_channel):
            channel.get_msg = _looking_again(channel.get_msg)
        try:
            await _answers(kernel, client.kc, is_heard)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._may_begin.wait(), HOLD_S)
            for index, cell in enumerate(cells.cells):
                if cell.cell_type == "code" and not await self._cell(client, index, cell):
                    return
        finally:
            client.kc.stop_channels()

    async def _cell(self, client: Any, index: int, cell: Any) -> bool:
        """Run one cell. Returns whether the next may run: after a failure the rest could only fail too."""
        self._tell({"status": self._book.doing(index)})
        try:
            await client.async_execute_cell(cell, index, store_history=False)
        except CellExecutionError as error:
            self._tell({"cell": index, "outputs": shown(cell.outputs)})
            self.outcome = outcome_of(error.ename)
            self._tell({"cell": index, "failed": self._sentence(index, error)})
            return False
        self._tell({"cell": index, "outputs": shown(cell.outputs)})
        return True

    def _sentence(self, index: int, error: CellExecutionError) -> str:
        """What to show for a failed cell: our own errors speak for themselves, all others stay in the log."""
        if error.ename in _SPOKEN:
            return _alert(html.escape(str(error.evalue)))
        reference = secrets.token_hex(4)
        where = logs.frames_of(str(error.traceback))  # its text may quote a row, its source is nobody's business
        log.error("%s, cell %d failed [%s]: %s at %s", self._book.name, index, reference, error.ename, where)
        return _alert(too_much(self._memory_mb)) if error.ename in OUT_OF_MEMORY else _sorry(reference)

    def _tell(self, message: Message) -> None:
        self._messages.append(message)
        told, self._told = self._told, asyncio.Event()
        told.set()

    def _end(self) -> None:
        if not self._messages[-1].get("done"):
            self._tell({"done": True})


class _Client(NotebookClient):
    """Hands on what goes ahead of the outputs as it comes."""

    def __init__(self, tell: Callable[[Message], None], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tell = tell

    def output(self, outs: list[Any], msg: Message, display_id: str | None, cell_index: int) -> Any:
        """An output of a cell."""
        ahead = msg["content"].get("data", {}).get(AHEAD_KIND)
        if ahead is None:
            return super().output(outs, msg, display_id, cell_index)
        self._tell({"map": ahead})
        return None


def _looking_again(get: Callable[..., Awaitable[Message]]) -> Callable[..., Awaitable[Message]]:
    """Wait for a reply in short turns.

    A cell that prints into an Output widget makes the client send on the socket that it waits at, behind asyncio's
    back; a reply that has just come in is then never announced. 5 of 39 such cells waited for their whole time.
    """

    async def get_msg(timeout: float | None = None) -> Message:
        end_s = float("inf") if timeout is None else time.monotonic() + timeout
        while True:
            try:
                return await get(timeout=max(0.0, min(_TURN_S, end_s - time.monotonic())))
            except Empty:
                if time.monotonic() >= end_s:
                    raise

    return get_msg


async def _listens(kernel: Any) -> None:
    """Wait until a kernel's sockets are there, or it has ended. Who connects before waits 0.1 s between two tries."""
    last = Path(f"{kernel.ip}-{kernel.iopub_port}")
    end_s = time.monotonic() + START_TIMEOUT_S
    while kernel.transport == "ipc" and not last.exists() and time.monotonic() < end_s and await kernel.is_alive():
        await asyncio.sleep(_LOOK_S)


async def _answers(kernel: Any, channels: Any, is_heard: Callable[[], bool]) -> None:
    """Wait until the kernel answers and we hear it; nbclient's own way to wait takes 0.3 s longer."""
    for _ in range(round(START_TIMEOUT_S / START_POLL_S)):
        channels.kernel_info()
        try:
            await channels.get_iopub_msg(timeout=START_POLL_S)
        except Empty:
            if not await kernel.is_alive():
                break
        else:
            if is_heard():
                return
            await asyncio.sleep(_LOOK_S)
    raise RuntimeError("the kernel did not answer")


def shown(outputs: list[Any]) -> list[Message]:
    """A cell's outputs as a visitor gets them: what was displayed and printed, not what was warned of or raised."""
    kept: list[Message] = []
    for output in outputs:
        if output.output_type in ("display_data", "execute_result"):
            kept.append({"data": output.data, "metadata": output.metadata})
        elif output.output_type == "stream" and output.name == "stdout":
            kept.append({"data": {"text/plain": output.text}, "metadata": {}})
    return kept


def too_much(memory_mb: int) -> str:
    """The sentence for a page that asked for more memory than there is for it."""
    most = f"a page may have ({memory_mb:,} MB)" if memory_mb else "there is"
    return f"This page needed more memory than {most}. Reload it and choose less; your administrator can allow more."


def _sorry(reference: str = "") -> str:
    where = f" The server's log has the cause under {reference}." if reference else ""
    return _alert(
        "This page could not be made to its end. "
        f"Nothing was changed. Reload it; if it stays so, tell your administrator.{where}"
    )


def _alert(text: str) -> str:
    return f'<div class="sp-error" role="alert">{text}</div>'


_silent = logging.getLogger("stormplay.server.nbclient")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False
