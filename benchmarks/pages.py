"""How long until a page can be used: ours with warm kernels and with cold ones, and stock Voilà, in one run.

    python benchmarks/pages.py --rounds 5

Each is a real server on the same demo, opened by a real Chromium in a fresh context, in turn. 'Interactive' is the
moment when company and storm can be chosen and 'Generate routes' can be pressed; 'map' when the map has drawn every
route. Stock Voilà runs the same notebook with a cold kernel and a database login of its own; what it asks of other
servers is refused at once, which flatters it. Signing in is not counted. Exits with 1 where ours takes more than
half of stock Voilà's time.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser import chromium  # noqa: E402
from site_up import serving, sign_in, wait_for_lines  # noqa: E402

NOTEBOOK = "phase3_routes"
QUERY = "?tenant=lone-star&storm=2021-04-28"
BOUND = 0.5
_NO_PAGE = (
    "?next=/password"  # where no kernel runs: signing in opens the first page, whose kernel would stand in the way
)
_PATIENCE_MS = 120_000
_out = Console()


class Site:
    """A server and a way to open its page.

    Args:
        name: What it is called in the table.
        url: The notebook's address.
        browser: A running Chromium.
        login: The address of the login page, or '' where there is none.
    """

    def __init__(self, name: str, url: str, browser: Any, login: str = "") -> None:
        self.name, self._url, self._browser, self._login = name, url, browser, login
        self.interactive_s: list[float] = []
        self.map_s: list[float] = []

    def visit(self, *, count: bool = True) -> None:
        """Open the page as somebody whose browser has no cache, and time it."""
        context = self._browser.new_context(viewport={"width": 1440, "height": 1000})
        own = self._url.split("/voila/")[0]
        context.route(lambda address: not address.startswith((own, "data:", "blob:")), lambda route: route.abort())
        page = context.new_page()
        page.set_default_timeout(_PATIENCE_MS)
        if self._login:
            page.goto(self._login)
            sign_in(page)
            page.wait_for_url(lambda address: "login" not in address, wait_until="commit")
        began = time.perf_counter()
        page.goto(self._url, wait_until="commit")
        page.get_by_label("Storm").wait_for()
        page.get_by_role("button", name="Generate routes").wait_for()
        interactive_s = time.perf_counter() - began
        wait_for_lines(page)
        map_s = time.perf_counter() - began
        context.close()
        if count:
            self.interactive_s.append(interactive_s)
            self.map_s.append(map_s)


@contextmanager
def _stock_voila(home: Path) -> Iterator[str]:
    """Voilà as it comes, on a kernel's login of ana's."""
    from stormplay import broker  # noqa: PLC0415 - after STORMPLAY_HOME is set

    login = broker.open_kernel("ana", purpose="benchmark")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    folder = home.parent / "stock"
    folder.mkdir()
    with (folder / "voila.log").open("w") as said:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("voila"), ROOT / "notebooks", "--no-browser", f"--port={port}"],
            env={**os.environ, "STORMPLAY_DATABASE_URL": login.url, "JUPYTER_CONFIG_DIR": str(folder)},
            stdout=said, stderr=said, cwd=folder,
        )  # fmt: skip
    try:
        _await(f"http://127.0.0.1:{port}/")
        yield f"http://127.0.0.1:{port}/voila/render/{NOTEBOOK}.ipynb{QUERY}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        broker.close_kernel(login.login)


def _await(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urlopen(url, timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"{url} does not answer")


def measure(rounds: int) -> list[Site]:
    """Visit each site in turn, `rounds` times after one visit that does not count."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home = folder / ".stormplay"
        os.environ["STORMPLAY_HOME"] = str(home)
        warm = stack.enter_context(serving(home))
        cold = stack.enter_context(serving(home, options=["--no-warm"]))
        _make_routes()
        stock = stack.enter_context(_stock_voila(home))
        browser = stack.enter_context(chromium())
        page = f"/voila/render/{NOTEBOOK}.ipynb{QUERY}"
        sites = [
            Site("ours, warm kernels", warm + page, browser, f"{warm}/login{_NO_PAGE}"),
            Site("ours, cold kernels", cold + page, browser, f"{cold}/login{_NO_PAGE}"),
            Site("stock Voilà, cold kernel", stock, browser),
        ]
        for count in [False] + [True] * rounds:
            for site in sites:
                site.visit(count=count)
        return sites


def _make_routes() -> None:
    from stormplay import RouteBuilder  # noqa: PLC0415

    RouteBuilder("lone-star", "2021-04-28").generate_routes(time_limit_s=2.0)


def main() -> int:
    """Measure and print. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="visits of each site that count")
    sites = measure(max(1, parser.parse_args().rounds))
    stock = sites[-1]
    table = Table("server", "interactive, s (median)", "all visits", "of stock", "map, s (median)", "of stock")
    for site in sites:
        interactive, drawn = statistics.median(site.interactive_s), statistics.median(site.map_s)
        table.add_row(
            site.name, f"{interactive:.2f}", " ".join(f"{one:.2f}" for one in site.interactive_s),
            f"{interactive / statistics.median(stock.interactive_s):.2f}", f"{drawn:.2f}",
            f"{drawn / statistics.median(stock.map_s):.2f}",
        )  # fmt: skip
    _out.print(table)
    ratio = statistics.median(sites[0].interactive_s) / statistics.median(stock.interactive_s)
    _out.print(f"ratio {ratio:.2f}, bound {BOUND}: {'kept' if ratio <= BOUND else 'BROKEN'}")
    return int(ratio > BOUND)


if __name__ == "__main__":
    sys.exit(main())
