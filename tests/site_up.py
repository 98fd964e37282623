"""`stormplay up` as a real process on a folder of its own, for the browser tests and the README's pictures."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Error as PlaywrightError

PASSWORD = "hailstorm-1"


@contextmanager
def serving(home: Path, seconds: float = 90, options: Sequence[str] = ()) -> Iterator[str]:
    """The address of a running server; stopped as by Ctrl-C, which must leave no traceback behind."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    log = home.with_name(f"server-{port}.log")
    with log.open("w") as said:
        server = subprocess.Popen(
            [Path(sys.executable).with_name("stormplay"), "up", "--port", str(port), *options],
            env={**os.environ, "STORMPLAY_HOME": str(home)},
            stdout=said,
            stderr=said,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _await(url, server, log, time.monotonic() + seconds)
        yield url
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
    assert "Traceback" not in log.read_text(), log.read_text()


def _await(url: str, server: subprocess.Popen[bytes], log: Path, deadline: float) -> None:
    while time.monotonic() < deadline:
        try:
            urlopen(url, timeout=1).close()
        except OSError:
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the server did not answer: {log.read_text()}")


def sign_in(page, username: str = "ana", password: str = PASSWORD) -> None:
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")


def ready(page) -> None:
    """Every cell of the page has run, and what it shows is there."""
    page.wait_for_function("document.documentElement.dataset.state === 'ready'")


def signed_in(visit, site: str, username: str = "ana", **size: int):
    """A page of that person, on which no kernel runs."""
    page = visit(**size)
    page.goto(f"{site}/login?next=/password")
    sign_in(page, username)
    page.wait_for_url("**/password")
    return page


def opened(visit, address: str, username: str = "ana", **size: int):
    """That page as that person comes to it who has to sign in first, once it is ready."""
    page = visit(**size)
    page.goto(address)
    sign_in(page, username)
    ready(page)
    return page


def drawn(page) -> dict[str, int] | None:
    """What the map on the page says it has drawn: lines and stops; None while there is no map."""
    for frame in page.frames[1:]:
        if frame.is_detached():
            continue
        try:
            found = frame.evaluate("window.stormplayMap ? [stormplayMap.polylines, stormplayMap.stops] : null")
        except PlaywrightError:  # another document has just taken its place
            continue
        if found:
            return {"lines": found[0], "stops": found[1]}
    return None


def wait_for_lines(page, at_least: int = 1, seconds: float = 45) -> dict[str, int]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = drawn(page)
        if found and found["lines"] >= at_least:
            return found
        page.wait_for_timeout(200)
    raise AssertionError(f"the map shows {drawn(page)}")
