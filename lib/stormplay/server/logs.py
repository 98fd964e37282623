"""How the server's log begins, and what is no news while it stops."""

from __future__ import annotations

import logging
import threading

import zmq

from stormplay import database, embedded, logs


def begin(port: int) -> None:
    """Write the log from now on: to standard error, and for a server on an embedded database into files beside it.

    Raises:
        BadInput: A variable of `stormplay.logs` holds a word that it does not know.
    """
    folder = embedded.home() / "logs" if database.is_embedded() else None
    logs.configure("server", folder=folder, name=f"server-{port}")
    logging.captureWarnings(True)


def while_stopping(failed: threading.ExceptHookArgs) -> None:
    """A kernel's heartbeat that was just about to begin finds its sockets closed; anything else is told as ever."""
    if not isinstance(failed.exc_value, zmq.ZMQError):
        threading.__excepthook__(failed)
