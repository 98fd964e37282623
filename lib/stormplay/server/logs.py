"""What the server's log tells, and what it does not."""

from __future__ import annotations

import logging
import threading

import zmq

from stormplay.server.identity import doors


def tell_of_doors() -> None:
    """Sign-ins, refusals and new passwords go to the log, whatever else does; no password and no cookie ever."""
    logging.getLogger("tornado.general").addFilter(_is_news)
    if not doors.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s doors: %(message)s"))
        doors.addHandler(handler)
    doors.setLevel(logging.INFO)
    doors.propagate = False


def _is_news(record: logging.LogRecord) -> bool:
    """All but one: Jupyter counts its pings in milliseconds, Tornado takes them for seconds and warns at each start."""
    return "websocket_ping_timeout" not in record.getMessage()


def while_stopping(failed: threading.ExceptHookArgs) -> None:
    """A kernel's heartbeat that was just about to begin finds its sockets closed; anything else is told as ever."""
    if not isinstance(failed.exc_value, zmq.ZMQError):
        threading.__excepthook__(failed)
