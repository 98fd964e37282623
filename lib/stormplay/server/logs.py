"""How the server's log begins, what it tells of a request and of a thread that fails."""

from __future__ import annotations

import logging
import threading

import zmq
from jupyter_client.channels import HBChannel
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
    threading.excepthook = of_a_thread


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


def of_a_thread(failed: threading.ExceptHookArgs) -> None:
    """Tell of what ended a thread as a line of the log, never as bare text between lines.

    A kernel's heartbeat that begins while its kernel is being ended finds its sockets closed: that is no news.
    """
    if isinstance(failed.thread, HBChannel) and isinstance(failed.exc_value, zmq.ZMQError):
        return
    if failed.exc_value is not None:
        _log.error("a thread ended early", exc_info=failed.exc_value)
