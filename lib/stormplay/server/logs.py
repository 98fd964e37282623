"""How the server's log begins, what it tells of a request, and what is no news while it stops."""

from __future__ import annotations

import logging
import threading

import zmq
from tornado.web import RequestHandler

from stormplay import database, embedded, logs
from stormplay.server.frame import Elsewhere
from stormplay.server.numbers import number_of
from stormplay.server.proxy import Proxy

_log = logging.getLogger("stormplay.server")


def begin(port: int) -> None:
    """Write the log from now on: to standard error, and for a server on an embedded database into files beside it.

    Raises:
        BadInput: A variable of `stormplay.logs` holds a word that it does not know.
    """
    folder = embedded.home() / "logs" if database.is_embedded() else None
    logs.configure("server", folder=folder, name=f"server-{port}")
    logging.captureWarnings(True)


def answered(handler: RequestHandler, proxy: Proxy, *, is_quiet: bool) -> None:
    """Tell of a request that was answered: by whom it was asked stands on the line, by id.

    Args:
        handler: What has answered it.
        proxy: The proxies that are believed.
        is_quiet: Whether it is one of many that nobody looks for, such as a picture.
    """
    request, status = handler.request, handler.get_status()
    level = logging.ERROR if status >= 500 and status != 503 else logging.DEBUG if is_quiet else logging.INFO
    with logs.bound(request=number_of(request, proxy)):
        _log.log(level, "answered", extra={"status": status, "method": request.method, "path": _told(handler),
                                           "seconds": round(request.request_time(), 4)})  # fmt: skip


def _told(handler: RequestHandler) -> str:
    """The path as the log has it: one of ours, never what somebody typed instead of one."""
    name = handler.path_kwargs.get("name")
    if isinstance(handler, Elsewhere) or (name and handler.get_status() == 404):
        return "unknown"
    return str(handler.request.path)


def while_stopping(failed: threading.ExceptHookArgs) -> None:
    """A kernel's heartbeat that was just about to begin finds its sockets closed; anything else is told as ever."""
    if not isinstance(failed.exc_value, zmq.ZMQError):
        threading.__excepthook__(failed)
