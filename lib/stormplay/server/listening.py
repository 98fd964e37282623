"""Taking a port, and stopping when told to."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import threading

from tornado.netutil import bind_sockets

from stormplay.errors import BadInput, PortTaken


class Signals:
    """Set an event on SIGINT and SIGTERM. A second one of them ends the process at once."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop, self._loop = stop, asyncio.get_running_loop()
        self._mine = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> None:
        if self._mine:
            for number in (signal.SIGINT, signal.SIGTERM):
                self._loop.add_signal_handler(number, self._stop.set)

    def __exit__(self, *_: object) -> None:
        if self._mine:
            for number in (signal.SIGINT, signal.SIGTERM):
                self._loop.remove_signal_handler(number)


def bind(ip: str, port: int) -> list[socket.socket]:
    """Take the port.

    Raises:
        PortTaken: Somebody else listens there.
        BadInput: There is no such address or port on this machine, or it may not be used.
    """
    if not 1 <= port <= 65_535:  # a larger one would be wrapped around
        raise BadInput(f"There is no port {port}.", "Expected one from 1 to 65535.")
    try:
        return list(bind_sockets(port, ip))
    except OSError as error:
        code = error.errno
        if code == errno.EADDRINUSE:
            raise PortTaken(
                f"Port {port} is in use.", remedy=f"Stop what listens there, or choose another: --port {port + 1}."
            ) from None
        if code == errno.EACCES:
            raise BadInput(f"Port {port} may not be used by this account.", "Choose one above 1023.") from None
        raise BadInput(f"This machine cannot listen on {ip}, port {port}.") from None


def check_port(ip: str, port: int) -> None:
    """Refuse a port that is taken before anything else is done.

    Raises:
        PortTaken: Somebody else listens there.
        BadInput: There is no such address or port on this machine, or it may not be used.
    """
    for taken in bind(ip, port):
        taken.close()
