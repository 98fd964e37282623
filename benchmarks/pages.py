"""How long until a page can be used, and what it weighs: ours, stock Voilà, and the page written in Streamlit.

    python benchmarks/pages.py --rounds 5

Each is a real server on the same demo with the same routes, opened by a real Chromium in a fresh context, in turn:

    content    the figures above the map can be read
    selectors  company and storm can be chosen and 'Generate routes' pressed
    map        every route is drawn
    switch     from the choice of another storm to its map, in a page that is open
    memory     what another open page costs the server, shared pages counted by halves
    crowd      many pages open at once, each switching its storm every ten seconds: the slowest of twenty
    bytes      what comes over the wire at a browser's first visit and at its second; requests to other servers

Our page is opened by somebody who was never there, so nothing is shown from before. It is also opened by somebody who
has been there, and signs in anew: the check of their password takes a tenth of a second by design and is told beside,
content counts from then on. It is there when the browser says that it has painted it, and a map when its frame says
that it is drawn: asked from outside, a busy page answers late. Otherwise signing in is not counted.

What a page asks of other servers is refused at once, but Leaflet, which its map needs, is answered from here: both
flatter the others. Bytecode is kept, as where pip has installed it: a kernel that starts cold without it takes three
seconds longer, which would flatter ours. Browser, servers and database share the machine. Exits with 1 where a bound
is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from peers import NEWEST, OLDER, ROOT, Peer, counted, ours, stock_voila, streamlit
from playwright.async_api import Browser, BrowserContext, ElementHandle, Error, Locator, Page, async_playwright
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(ROOT / "tests"))

from browser import ARGUMENTS, DESKTOP, find
from site_up import PASSWORD, serving

NOTEBOOK = "phase3_routes"
OF_STOCK, OF_STREAMLIT, SWITCH_S, OF_SWITCH = 0.25, 0.7, 0.25, 0.1
CROWD_MB, CROWD_S = 4_000.0, 1.0
THINKING_S = 10.0  # between two choices of one person
PAGES_EACH = 5  # one person may have a page more than that
BACK_S = 0.5
STOCK_ROUNDS = 3  # its kernels share one login, which may have so many connections, and end late
WARM, BACK, STOCK, WRITTEN = (
    "ours, warm kernels",
    "ours, coming back",
    "stock Voilà, cold kernel",
    "the page in Streamlit",
)
CALM_S = 4.0  # after which a page has handed in what it shows
FIRST_KB, SECOND_KB = 2_000.0, 200.0
_LEAFLET = ROOT / "lib" / "stormplay" / "share" / "leaflet"
_COUNT = """const drawn = () => (window.stormplayMap ? stormplayMap.polylines
        : document.querySelectorAll('path.leaflet-interactive[fill="none"]').length);"""
_FIRST = """if (window !== top) {
    COUNT
    const look = () => (drawn() === WANTED ? console.log("drawn at", performance.timeOrigin + performance.now())
        : setTimeout(look, 5));
    look();
}"""
_DRAWN = """(wanted) => new Promise((resolve) => {
    COUNT
    const look = () => (drawn() === wanted ? resolve(true) : setTimeout(look, 5));
    look();
    setTimeout(() => resolve(false), 1000); /* the map may be in another frame by then */
})""".replace("COUNT", _COUNT)
_SIGNED_IN = "performance.getEntriesByType('navigation')[0].fetchStart"  # ms since 'Sign in' was pressed
_PAINTED = "performance.getEntriesByName('stormplay-last')[0].startTime"
_out = Console(width=130)


@dataclass
class Found:
    """What was measured of one server, seconds."""

    content_s: list[float] = field(default_factory=list)
    selectors_s: list[float] = field(default_factory=list)
    map_s: list[float] = field(default_factory=list)
    switch_s: list[float] = field(default_factory=list)
    password_s: list[float] = field(default_factory=list)

    def opened(self, content_s: float, selectors_s: float, map_s: float) -> None:
        """Note a visit."""
        self.content_s.append(content_s)
        self.selectors_s.append(selectors_s)
        self.map_s.append(map_s)


class Visitor:
    """Somebody at one server's page.

    Args:
        browser: A running Chromium.
        peer: The server.
        routes: Slug of a storm -> how many routes its map draws.
        names: Slug of a storm -> what a list of storms calls it.
        who: User name.
    """

    def __init__(
        self, browser: Browser, peer: Peer, routes: dict[str, int], names: dict[str, str], who: str = "ana"
    ) -> None:
        self._who = who
        self._browser, self._peer, self._routes, self._names = browser, peer, routes, names
        self._storm = NEWEST
        self._box: ElementHandle | None = None
        self.asked_elsewhere, self.password_s = 0, 0.0
        self._first: asyncio.Future[float]  # when the first map was drawn, seconds since 1970
        self.context: BrowserContext
        self.page: Page

    async def begin(self) -> None:
        """A fresh browser, signed in where there is something to sign in to."""
        self.context = await self._browser.new_context(viewport={"width": 1440, "height": 1000})
        watch = _FIRST.replace("COUNT", _COUNT).replace("WANTED", str(self._routes[NEWEST]))
        await self.context.add_init_script(watch)  # what is asked of a frame that becomes another is never answered
        self.context.on("console", lambda said: self._note(said.text))
        own = self._peer.url.split("/", 3)[2]
        if self._peer.login:  # a browser that hands requests over keeps no file
            self.context.on("request", lambda request: self._count(own, request.url))
        else:
            await self.context.route(lambda address: _is_elsewhere(own, address), self._elsewhere)
        self.page = await self.context.new_page()
        self.page.set_default_timeout(30_000)
        if self._peer.login:
            await self._fill_in(self._peer.login)
            await self.page.click("button[type=submit]")
            await self.page.wait_for_url(lambda address: "login" not in address, wait_until="commit")

    async def _fill_in(self, address: str) -> None:
        await self.page.goto(address)
        await self.page.fill("input[name=username]", self._who)
        await self.page.fill("input[name=password]", PASSWORD)

    def _note(self, said: str) -> None:
        if said.startswith("drawn at") and not self._first.done():
            self._first.set_result(float(said.rsplit(maxsplit=1)[-1]) / 1e3)

    def _count(self, own: str, address: str) -> None:
        self.asked_elsewhere += _is_elsewhere(own, address)

    async def _elsewhere(self, route: Any) -> None:
        self.asked_elsewhere += 1
        name = route.request.url.rsplit("/", 1)[-1]
        if name in ("leaflet.js", "leaflet.css"):
            await route.fulfill(path=_LEAFLET / name)
        else:
            await route.abort()

    async def open(self) -> tuple[float, float, float]:
        """Open the page. Returns seconds to its content, its selectors and its map."""
        self._first = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await self.page.goto(self._peer.url, wait_until="commit")
        return await self._seen(began)

    async def come_back(self) -> tuple[float, float, float]:
        """Close the page and sign in to it anew. Returns seconds from there to its content, from 'Sign in' to its
        selectors and its map."""
        await self.page.close()
        await asyncio.sleep(1.0)  # its kernel has ended
        await self.context.clear_cookies()
        self.page = await self.context.new_page()
        self.page.set_default_timeout(30_000)
        page = self._peer.url.split("/", 3)[3]
        await self._fill_in(f"{self._peer.login.split('?')[0]}?next={quote('/' + page, safe='')}")
        self._first = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await self.page.click("button[type=submit]", no_wait_after=True)
        _, selectors_s, map_s = await self._seen(began)
        signed_in_ms, painted_ms = [await self.page.evaluate(one) for one in (_SIGNED_IN, _PAINTED)]
        self.password_s = signed_in_ms / 1e3
        return (painted_ms - signed_in_ms) / 1e3, selectors_s, map_s

    async def _seen(self, began: float) -> tuple[float, float, float]:
        started = time.time() - (time.perf_counter() - began)

        async def content() -> None:
            await self.page.get_by_text("Not routed", exact=True).first.wait_for()

        async def selectors() -> None:
            await self._storms().wait_for()
            await self._live(self.page.get_by_role("button", name="Generate routes")).wait_for()

        async def seconds(one: Coroutine[Any, Any, None]) -> float:
            await one
            return time.perf_counter() - began

        content_s, selectors_s = await asyncio.gather(seconds(content()), seconds(selectors()))
        return content_s, selectors_s, await asyncio.wait_for(self._first, 120) - started

    async def drawn(self, storm: str) -> None:
        """Wait until a map shows every route of a storm. The browser looks by itself: many questions would cost."""
        until = time.monotonic() + 120
        while time.monotonic() < until:
            looks = [
                asyncio.ensure_future(asyncio.wait_for(frame.evaluate(_DRAWN, self._routes[storm]), 2.0))
                for frame in self.page.frames[1:]
            ]
            for look in looks:
                look.add_done_callback(lambda one: one.cancelled() or one.exception())  # a page may go while it looks
            for look in asyncio.as_completed(looks):
                try:
                    if await look:
                        return
                except (Error, TimeoutError):
                    continue  # another document has just taken its place
            await asyncio.sleep(0.005)
        raise SystemExit(f"{self._peer.name} shows no map of {storm}")

    async def switch(self) -> float:
        """Choose the other storm. Returns the seconds until its map is drawn."""
        self._storm = OLDER if self._storm == NEWEST else NEWEST
        if self._peer.is_streamlit:
            await self._storms().click()
            option = self.page.get_by_role("option", name=self._names[self._storm])
            await option.wait_for()
            began = time.perf_counter()
            await option.click()
        else:
            self._box = self._box or await self._storms().element_handle()  # to look for it costs the browser much
            labels = (await self._box.inner_text()).splitlines()
            place = next(n for n, one in enumerate(labels) if self._names[self._storm] in one.replace("\xa0", " "))
            began = time.perf_counter()
            await self._box.select_option(index=place)
        await self.drawn(self._storm)
        return time.perf_counter() - began

    def _storms(self) -> Locator:
        return self._live(self.page.get_by_role("combobox", name="Storm", exact=not self._peer.is_streamlit))

    def _live(self, found: Locator) -> Locator:
        """Without what a page shows of the time before, which nobody can use."""
        return found.and_(self.page.locator(":not(.sp-was *)"))

    async def end(self) -> None:
        """Leave the page, so that its kernel ends, and close the browser."""
        await self.page.goto("about:blank")
        await self.context.close()


def _is_elsewhere(own: str, address: str) -> bool:
    return address.startswith("http") and address.split("/", 3)[2] != own


async def visits(browser: Browser, peers: list[Peer], rounds: int, routes: dict[str, int], names: dict[str, str]
                 ) -> dict[str, Found]:  # fmt: skip
    """Visit each in turn, `rounds` times after one visit that does not count."""
    found = {name: Found() for name in (BACK, *(peer.name for peer in peers))}
    for number in range(rounds + 1):
        for peer in peers:
            if peer.name == STOCK and number > STOCK_ROUNDS:
                continue
            visitor = Visitor(browser, peer, routes, names, f"first-{number}")  # who has never been here
            await visitor.begin()
            opened = await visitor.open()
            await asyncio.sleep(CALM_S if peer.name == WARM else 1.0)
            switches = [await visitor.switch() for _ in range(2 if number else 0)]
            if number:
                found[peer.name].opened(*opened)
                found[peer.name].switch_s += switches
            if number and peer.name == WARM:
                found[BACK].opened(*await visitor.come_back())
                found[BACK].password_s.append(visitor.password_s)
            await visitor.end()
    return found


async def crowd(browser: Browser, peer: Peer, size: int, routes: dict[str, int], names: dict[str, str]
                ) -> tuple[float, float]:  # fmt: skip
    """So many pages open at once. Returns MB that they cost the server, and the seconds of the slowest of twenty
    switches."""
    before = peer.memory_mb()
    visitors = [Visitor(browser, peer, routes, names, f"crowd-{n // PAGES_EACH}") for n in range(size)]
    for visitor in visitors:
        await visitor.begin()
        await visitor.open()
    memory_mb = peer.memory_mb() - before

    async def switching(number: int, visitor: Visitor) -> list[float]:
        found, chance = [], random.Random(number)
        for _ in range(3):
            await asyncio.sleep(THINKING_S * chance.uniform(0.5, 1.5))  # people do not click as one
            found.append(await visitor.switch())
        return found

    switches = await asyncio.gather(*(switching(n, one) for n, one in enumerate(visitors)))
    took = sorted(one for each in switches for one in each)
    for visitor in visitors:
        await visitor.end()
    return memory_mb, took[min(len(took) - 1, int(len(took) * 0.95))]


async def weight(
    browser: Browser, peer: Peer, routes: dict[str, int], names: dict[str, str]
) -> tuple[float, float, int]:
    """kB that come over the wire at a browser's first visit and its second, and requests elsewhere."""
    async with counted(peer) as (through, received):
        visitor = Visitor(browser, through, routes, names)
        await visitor.begin()
        sizes = []
        for _ in range(2):
            before = received[0]
            await visitor.open()
            await asyncio.sleep(CALM_S)
            sizes.append((received[0] - before) / 1e3)
        await visitor.end()
    return sizes[0], sizes[1], visitor.asked_elsewhere


def _people(rounds: int, pages: int) -> None:
    from stormplay import accounts  # noqa: PLC0415 - after STORMPLAY_HOME is set

    crowd = [f"crowd-{number}" for number in range(-(-pages // PAGES_EACH))]
    for name in [*crowd, *(f"first-{number}" for number in range(rounds + 1))]:
        accounts.add_person(name, name.capitalize(), PASSWORD)
        accounts.add_member(name, "lone-star", "operator")


def _prepared() -> tuple[dict[str, int], dict[str, str]]:
    from stormplay import RouteBuilder, tenancy  # noqa: PLC0415 - after STORMPLAY_HOME is set

    builders = {storm: RouteBuilder("lone-star", storm) for storm in (NEWEST, OLDER)}
    routes = {storm: len(builder.get_routes()) or len(builder.generate_routes(time_limit_s=2.0))
              for storm, builder in builders.items()}  # fmt: skip
    with tenancy.session("lone-star") as connection:
        storms = tenancy.frame(connection, "SELECT slug, name FROM storms")
    return routes, dict(zip(storms["slug"], storms["name"], strict=True))


async def measure(peers: list[Peer], rounds: int, crowds: list[int]) -> list[bool]:
    """Everything, printed as it comes. Returns whether each bound is kept."""
    routes, names = _prepared()
    _people(rounds, max(crowds, default=0))
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    kept = []
    path = await asyncio.to_thread(find, DESKTOP)  # what people look with
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS + sandbox)
        found = await visits(browser, peers, rounds, routes, names)
        kept += told(found)
        for peer in peers:
            if peer.login and "cold" not in peer.name:
                first, second, elsewhere = await weight(browser, peer, routes, names)
                _out.print(f"{peer.name}: first visit {first:,.0f} kB, second {second:,.0f} kB, "
                           f"{elsewhere} requests elsewhere")  # fmt: skip
                kept += [bound("first visit, kB", first, FIRST_KB), bound("second visit, kB", second, SECOND_KB),
                         bound("requests elsewhere", elsewhere, 0)]  # fmt: skip
        for size in crowds:
            memory_mb, slowest_s = await crowd(browser, peers[0], size, routes, names)
            _out.print(f"{size} pages at once: {memory_mb:,.0f} MB, {memory_mb / size:,.0f} MB each")
            kept.append(bound(f"switch, {size} pages at once, p95, s", slowest_s, CROWD_S))
            kept.append(bound(f"{size} pages at once, MB", memory_mb, CROWD_MB))
        await browser.close()
    return kept


def told(found: dict[str, Found]) -> list[bool]:
    """Print the table of medians. Returns whether each bound is kept."""
    table = Table("server", "content, s", "selectors, s", "map, s", "switch, s", title="Medians")
    for name, one in found.items():
        table.add_row(name, *(f"{statistics.median(each):.2f}" if each else "" for each in
                              (one.content_s, one.selectors_s, one.map_s, one.switch_s)))  # fmt: skip
    _out.print(table)
    warm, back, stock, written = (found[name] for name in (WARM, BACK, STOCK, WRITTEN))
    _out.print(f"checking the password, with the way there and back: {statistics.median(back.password_s):.3f} s")
    map_s, switch_s = statistics.median(warm.map_s), statistics.median(warm.switch_s)
    return [
        bound("content after login, coming back, s", statistics.median(back.content_s), BACK_S),
        bound("map / stock Voilà's", map_s / statistics.median(stock.map_s), OF_STOCK),
        bound("map / Streamlit's", map_s / statistics.median(written.map_s), OF_STREAMLIT),
        bound("switch, s", switch_s, SWITCH_S),
        bound("switch / Streamlit's", switch_s / statistics.median(written.switch_s), OF_SWITCH),
    ]


def bound(name: str, value: float, at_most: float) -> bool:
    """Print a figure beside its bound. Returns whether that is kept."""
    kept = value <= at_most
    _out.print(f"{name}: {value:,.3g}, at most {at_most:,.3g}: {'kept' if kept else 'BROKEN'}")
    return kept


def main() -> int:
    """Measure and print. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="visits of each server that count (5)")
    parser.add_argument("--crowds", type=int, nargs="*", default=[1, 10, 30], help="pages open at once (1 10 30)")
    parser.add_argument("--folder", type=Path, help="where the database and Streamlit are; a new one by default")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(exist_ok=True)
        home = folder / ".stormplay"
        os.environ["STORMPLAY_HOME"] = str(home)
        warm = stack.enter_context(serving(home, options=["--most", str(8 + max(options.crowds, default=0))]))
        cold = stack.enter_context(serving(home, options=["--no-warm"]))
        peers = [ours(WARM, warm, NOTEBOOK), ours("ours, cold kernels", cold, NOTEBOOK),
                 stack.enter_context(stock_voila(home, NOTEBOOK)), stack.enter_context(streamlit(home))]  # fmt: skip
        kept = asyncio.run(measure(peers, max(1, options.rounds), options.crowds))
    return int(not all(kept))


if __name__ == "__main__":
    sys.exit(main())
