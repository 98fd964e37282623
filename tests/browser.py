"""A real Chromium for the tests: a named one, the system's, Playwright's, or one installed now; else a sentence.

`STORMPLAY_CHROMIUM` names one. As root it is installed with apt, otherwise with `playwright install`. Preferred is the
headless shell, which is Chromium without a desktop's windows: a page costs it a third less, and so does the whole run.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, expect, sync_playwright

# The browser's own errands are refused by a closed network and only cost time.
ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]
expect.set_options(timeout=15_000)  # a page may be slow beside others; five seconds are not its bound
DESKTOP = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SHELL = "chromium-headless-shell"


class NoBrowser(Exception):
    """No Chromium was found and none could be installed."""


def find(names: Sequence[str] = (_SHELL, *DESKTOP)) -> str:
    """The path of a Chromium.

    Args:
        names: What it may be called here, the best first.

    Raises:
        NoBrowser: There is none, and none can be had here.
    """
    named = os.environ.get("STORMPLAY_CHROMIUM")
    if named:
        if not os.access(named, os.X_OK):
            raise NoBrowser(f"STORMPLAY_CHROMIUM names {named}, which cannot be run.")
        return named
    return _present(names) or _installed(names) or _refuse()


def _present(names: Sequence[str]) -> str | None:
    for name in names:
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def _installed(names: Sequence[str]) -> str | None:
    with (Path(tempfile.gettempdir()) / "stormplay-chromium.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test workers ask at once, and apt serves one
        for command in _commands(names):
            if not _present(names):
                subprocess.run(command, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, check=False)
    return _present(names)


def _commands(names: Sequence[str]) -> list[list[str]]:
    if os.geteuid() == 0 and shutil.which("apt-get"):
        packages = [name for name in (_SHELL, "chromium") if name in names]
        return [["apt-get", "update", "-qq"], *(["apt-get", "install", "-y", "-qq", name] for name in packages)]
    return [[sys.executable, "-m", "playwright", "install", "chromium"]]


def _refuse() -> str:
    raise NoBrowser(
        "The browser tests need Chromium: none was found, and none could be installed. "
        "Install it (Debian: apt-get install chromium), or set STORMPLAY_CHROMIUM to one."
    )


@contextmanager
def chromium() -> Browser:
    """A running Chromium, closed at the end."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # root has no user namespace to give up
    path = find()  # asks Playwright too, which does not begin twice at once
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS + sandbox)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(browser, site, refusals=("401 (Unauthorized)",)):
    """Open pages as new visitors. Nothing may be asked of another server, and no error may reach a console.

    A refused request is noted by a browser as an error; `refusals` are those that belong to the story.
    """
    contexts, asked, errors, expected = [], [], [], list(refusals)

    def open_page(width=1440, height=1000):
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        contexts.append(context)
        context.set_default_timeout(60_000)
        context.on("page", watch)
        return context.new_page()

    def watch(page):
        """Each tab of a visitor: `page.context.new_page()` opens another."""
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(f"{error}: {error.stack}"))

    open_page.refusals = expected
    yield open_page
    for context in contexts:
        context.close()
    home = urlsplit(site).netloc
    elsewhere = [url for url in asked if re.match(r"(https?|wss?):", url) and urlsplit(url).netloc != home]
    assert elsewhere == [], elsewhere
    unexpected = [error for error in errors if not any(refusal in error for refusal in expected)]
    assert unexpected == [], unexpected
