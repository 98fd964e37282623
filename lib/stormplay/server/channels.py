"""The ways to a kernel, each open only to the session that owns it, and what may pass through them.

A page speaks with its kernel by widget messages alone. What comes back is what widgets need: a traceback, a cell's
source, a warning or the output of cells (which the page gets from `Cells`) goes no further than this.
"""
# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.auth.decorator import authorized, ws_authenticated
from jupyter_server.base.handlers import APIHandler
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.handlers import KernelHandler
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
from tornado.web import HTTPError, authenticated
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from stormplay.server.cookies import ONE_YEAR, Guarded
from stormplay.server.frame import HEADERS
from stormplay.server.numbers import HEADER
from stormplay.server.run import Run
from stormplay.server.timing import Timing

ALWAYS = frozenset({"comm_open", "comm_msg", "comm_close", "status"})
OWN_ONLY = frozenset({
    "clear_output", "comm_info_reply", "display_data", "error", "kernel_info_reply", "shutdown_reply", "stream",
    "update_display_data",
})  # fmt: skip
DRAWN, DRAWING_S = "drawn", 30.0  # what a page says when all is there; how long it has for that
_SORRY = "Something went wrong here. Nothing else was changed. Reload the page and try again."
_ERROR: dict[str, Any] = {"ename": "Error", "evalue": _SORRY, "traceback": [_SORRY]}


class Owner(Authorizer):
    """Lets a session at its own kernels and at nothing else. An unknown kernel reads like a foreign one."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        """Whether the kernel in the address belongs to the session that asks."""
        if resource != "kernels":
            return False
        kernel_id = handler.path_kwargs.get("kernel_id", "")
        return bool(handler.kernel_manager.belongs(kernel_id, getattr(user, "session", "")))


class Quiet(ZMQChannelsWebsocketConnection):
    """The connection of a page to its kernel, reduced to what widgets need."""

    _is_new = False

    def create_stream(self) -> None:
        """Connect anew; else the streams go on whose messages have been kept for the page."""
        super().create_stream()
        self._is_new = True

    def nudge(self) -> asyncio.Future[None]:
        """Wait until a new connection hears. One that has heard before does, and would lose a message by the test."""
        if self._is_new:
            waiting: asyncio.Future[None] = super().nudge()
            return waiting
        heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heard.set_result(None)
        return heard

    def handle_outgoing_message(self, stream: Any, outgoing_msg: list[Any]) -> None:
        """Pass a message on, hold it back, or take the traceback out of it."""
        identities, parts = self.session.feed_identities(outgoing_msg)
        kind = self.session.unpack(parts[1])["msg_type"]
        if kind not in ALWAYS:
            is_own = self.session.unpack(parts[2]).get("session") == self.session.session
            if kind not in OWN_ONLY or not is_own:
                return
            if kind == "stream" and self.session.unpack(parts[4]).get("name") != "stdout":
                return
            if kind == "error":
                self._replace(parts, _ERROR)
        elif b'"output_type"' in parts[4] and (b'"traceback"' in parts[4] or b'"stderr"' in parts[4]):
            self._replace(parts, quiet(self.session.unpack(parts[4])))  # the state of an Output widget
        super().handle_outgoing_message(stream, [*identities, b"<IDS|MSG>", *parts])

    def _replace(self, parts: list[bytes], content: dict[str, Any]) -> None:
        parts[4] = self.session.pack(content)
        parts[0] = self.session.sign(parts[1:5])

    def handle_incoming_message(self, incoming_msg: Any) -> None:
        """Hand a page's message to the kernel; what cannot be read is dropped."""
        self._touch()
        try:
            super().handle_incoming_message(incoming_msg)
        except Exception as error:
            self.log.warning("unreadable message to kernel %s: %s", self.kernel_id, type(error).__name__)

    def _touch(self) -> None:
        """Who moves something on a page is there, though no request is made."""
        handler = self.websocket_handler
        if visit := handler.kernel_manager.visits.get(self.kernel_id):
            handler.identity_provider.sessions.touch(visit.session)


def quiet(value: Any) -> Any:
    """A widget's state without the tracebacks and warnings among the outputs in it."""
    if isinstance(value, list):
        return [quiet(each) for each in value if not _is_warning(each)]
    if not isinstance(value, dict):
        return value
    if value.get("output_type") == "error":
        return {"output_type": "error", **_ERROR}
    return {name: quiet(each) for name, each in value.items()}


def _is_warning(value: Any) -> bool:
    return isinstance(value, dict) and value.get("output_type") == "stream" and value.get("name") == "stderr"


class Socket(WebSocketMixin, WebSocketHandler, Guarded):
    """A socket that says nothing about why it is refused."""

    def set_default_headers(self) -> None:
        """The headers of a refusal."""
        for name, value in HEADERS.items():
            self.set_header(name, value)
        self.set_header(HEADER, self.number)
        if self.is_https:
            self.set_header("Strict-Transport-Security", ONE_YEAR)

    async def prepare(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse an origin that is no address before Tornado reads it as one."""
        try:
            urlsplit(self.request.headers.get("Origin", ""))
        except ValueError:
            raise HTTPError(403) from None
        return await super().prepare(*args, **kwargs)

    def get_compression_options(self) -> dict[str, Any]:
        """Compress: what widgets send is text that repeats. The lowest level costs 2 ms for a map."""
        return {"compression_level": 1, "mem_level": 8}

    def write_error(self, status_code: int, **_: Any) -> None:
        """Say nothing about it."""
        self.finish()

    def write_message(self, message: Any, binary: bool = False) -> asyncio.Future[None]:
        """Send; that whoever it was for has gone meanwhile is nothing that the log has to tell."""
        try:
            sent: asyncio.Future[None] = super().write_message(message, binary)
        except WebSocketClosedError:
            gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            gone.set_result(None)
            return gone
        sent.add_done_callback(lambda done: done.cancelled() or done.exception())
        return sent


class Channels(Socket, KernelWebsocketHandler):
    """`/api/kernels/<id>/channels`: the widget messages."""

    _is_over = False

    async def open(self, kernel_id: str) -> None:
        """Connect, and be closed when the kernel ends."""
        if visit := self.kernel_manager.visits.get(kernel_id):
            visit.sockets.add(self)
        await super().open(kernel_id)

    async def pre_get(self) -> None:
        """Ask the kernel how it is; whoever has gone meanwhile is not connected."""
        await super().pre_get()
        if self.connection is None:
            raise HTTPError(404)

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Take nothing in from now on: who does not answer the farewell could go on speaking for seconds."""
        self._is_over = True
        super().close(code, reason)

    def on_message(self, ws_message: Any) -> None:
        """Hand a message on."""
        if not self._is_over:
            super().on_message(ws_message)

    def on_close(self) -> None:
        """Let go of the kernel."""
        if visit := self.kernel_manager.visits.get(self.kernel_id):
            visit.sockets.discard(self)
        super().on_close()


class Cells(Socket):
    """`/voila/execution/<id>`: what the notebook's cells show, from the first on. One word is taken in: 'drawn'."""

    auth_resource = "kernels"
    _sending: asyncio.Task[None] | None = None
    _timing: Timing | None = None
    _run: Run
    _is_drawn: asyncio.Event

    @ws_authenticated
    async def get(self, kernel_id: str) -> None:
        """Open the socket for the kernel's owner."""
        if not self.authorizer.is_authorized(self, self.current_user, "read", "kernels"):
            raise HTTPError(403)
        await super().get(kernel_id=kernel_id)

    async def open(self, kernel_id: str) -> None:
        """Begin to tell."""
        super().open()
        visit = self.kernel_manager.visits.get(kernel_id)
        if visit is None:
            self.close(4000, "closed")
            return
        self._timing, self._run, self._is_drawn = visit.timing, visit.run, asyncio.Event()
        visit.run.release()
        self._sending = asyncio.get_running_loop().create_task(self._send(visit.run))

    async def _send(self, run: Any) -> None:
        try:
            async for message in run.follow():
                await self.write_message(json.dumps(message))
            if self._timing is not None:
                self._timing.told(run.outcome)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_drawn.wait(), DRAWING_S)
            self.close()
        except WebSocketClosedError:
            pass

    def on_message(self, message: Any) -> None:
        """Hear that all is drawn; ignore anything else."""
        if message == DRAWN and self._timing is not None:
            self._timing.drawn()
            self._run.drawn()
            self._is_drawn.set()

    def on_close(self) -> None:
        """Stop telling."""
        if self._sending is not None:
            self._sending.cancel()


class KernelState(Guarded, KernelHandler):
    """`/api/kernels/<id>`: how the kernel is, and its end."""

    @authenticated
    @authorized
    async def delete(self, kernel_id: str) -> None:
        """End the kernel and its login."""
        await self.kernel_manager.end(kernel_id, "closed")
        self.set_status(204)
        self.finish()


class EndVisit(Guarded, APIHandler):
    """`/voila/api/shutdown/<id>`: the page is being closed."""

    auth_resource = "kernels"

    @authenticated
    @authorized
    async def post(self, kernel_id: str) -> None:
        """End the kernel and its login."""
        await self.kernel_manager.end(kernel_id, "closed")
        self.set_status(204)
        self.finish()
