"""The pages themselves: the way in, and a notebook for a visitor."""
# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

import voila
from tornado.httputil import HTTPServerRequest, split_host_and_port
from tornado.web import HTTPError, authenticated

from stormplay import broker
from stormplay.errors import Busy, NotAllowed, StormplayError
from stormplay.maps.head import AHEAD, head_address
from stormplay.server.book import FIRST, WITH_STORM, Book, Shelf, knows
from stormplay.server.frame import Page
from stormplay.server.keeping import give_back, kept_for
from stormplay.server.timing import Timing

LONGEST_QUERY = 2_000
_FAREWELL_LOOKS, _FAREWELL_S = 10, 0.05
_PLAIN = re.compile(r"[\w.-]{1,64}", re.ASCII)


def kept_query(request: HTTPServerRequest, act: str) -> str:
    """The part of a page's query that goes on to another act: which company, which storm, and what else it knows."""
    given, known = parse_qsl(request.query[:LONGEST_QUERY]), knows(act)
    kept = {name: value for name, value in given if name in known and _PLAIN.fullmatch(value)}
    return f"?{urlencode(kept)}" if kept else ""


def navigation(shelf: Shelf, base_url: str, request: HTTPServerRequest) -> list[dict[str, Any]]:
    """The acts as seen from a page: word, address with what the act knows of this page's, the names of that, whether it
    is here."""
    return [
        {"word": word, "here": f"/{name}.ipynb" in request.path, "knows": " ".join(knows(name)),
         "url": f"{base_url}voila/render/{name}.ipynb{kept_query(request, name)}"}
        for name, word in shelf.acts().items()
    ]  # fmt: skip


def request_environment(request: HTTPServerRequest, base_url: str, book: Book) -> dict[str, str]:
    """What a notebook may know of its page's request, under the names that Voilà uses."""
    host, port = split_host_and_port(request.host.lower())
    own = {AHEAD: "1"} if book.has_map else {}
    return own | {
        "PATH_INFO": "",
        "QUERY_STRING": request.query,
        "SCRIPT_NAME": request.path,
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or ""),
        "SERVER_PROTOCOL": str(request.version),
        "SERVER_SOFTWARE": f"voila/{voila.__version__}",
        "VOILA_BASE_URL": base_url,
        "VOILA_PREHEAT": "False",
    }


class Home(Page):
    """`/`: on to the storms of who asks; with a company or a storm in the query, to that storm's routes."""

    @authenticated
    def get(self) -> None:
        """Redirect."""
        acts = list(self.stormplay.shelf.acts())
        if not acts:
            self.say("There is no notebook here yet.", 404)
            return
        wanted = WITH_STORM if self.get_query_arguments("tenant") or self.get_query_arguments("storm") else FIRST
        name = wanted if wanted in acts else acts[0]
        query = f"?{self.request.query}" if self.request.query else ""
        self.redirect(f"{self.base_url}voila/render/{name}.ipynb{query}")


class NotebookPage(Page):
    """`/voila/render/<name>.ipynb`: a notebook with a kernel of its own."""

    @authenticated
    async def get(self, name: str) -> None:
        """Open a kernel and send the page; what the cells show follows by `channels.Cells`."""
        book = self.stormplay.shelf.find(name)
        if book is None:
            raise HTTPError(404)
        if len(self.request.query) > LONGEST_QUERY:
            raise HTTPError(414)
        if self.request.headers.get("Sec-Fetch-Dest", "document") != "document":
            raise HTTPError(403)  # a frame, a picture or a script on some page: a kernel is for who looks at it
        visits = self.kernel_manager.visits
        if kept := await self._kept(book):
            give_back(visits[kept])
            self._show(book, kept)
            return
        timing = self.stormplay.timing(self.current_user, self.get_query_argument("tenant", ""), self.request)
        try:
            # Before anything is read: a page that was read under other rights must not pass for one of today's.
            standing = await self.kernel_manager.off_loop(broker.standing_of, self.current_user.username)
            kernel_id = await self.kernel_manager.open(
                self.current_user, book, request_environment(self.request, self.base_url, book), timing
            )
        except StormplayError as error:
            await self._refuse(error, timing)
            return
        visits[kernel_id].standing = standing
        self._show(book, kernel_id, standing)

    async def _kept(self, book: Book) -> str:
        """The visit that goes on here; the farewell of a page that is reloaded may come a moment after its request."""
        visits, session = self.kernel_manager.visits, self.current_user.session
        for _ in range(_FAREWELL_LOOKS):
            if kept := kept_for(visits, session, book.name, self.request.query):
                return kept
            if not any(one.session == session and one.run.name == book.name and one.work is not None
                       for one in visits.values()):  # fmt: skip
                break
            await asyncio.sleep(_FAREWELL_S)
        return ""

    def _show(self, book: Book, kernel_id: str, standing: str = "") -> None:
        is_at_work = self.kernel_manager.visits[kernel_id].work is not None
        config: dict[str, Any] = {**self.stormplay.page_config, "kernelId": kernel_id, "atWork": is_at_work}
        if book.has_map:
            config["mapHead"] = f"{self.base_url}{head_address()}"
        has_last = bool(standing) and self.stormplay.snapshots.find(
            self.current_user.username, book.name, self.request.query, standing
        ) is not None  # fmt: skip
        if has_last:
            self.kernel_manager.visits[kernel_id].run.hold()
        self.show("index.html.j2", book=book, config=config, has_last=has_last)

    async def _refuse(self, error: StormplayError, timing: Timing) -> None:
        if isinstance(error, NotAllowed):
            if await self._has_account():
                self.log.error("somebody with an open account got no page: no login could be minted")
                timing.failed()
                raise HTTPError(503)  # what is wrong is the server's
            self.identity_provider.sign_out(self)
            self.say(str(error), 403)
            return
        if not isinstance(error, Busy) or self.kernel_manager.is_full:
            timing.failed()  # else they have more pages open than one person may
        self.set_header("Retry-After", "30")
        self.say(str(error), 503, retry=self.request.uri or "" if isinstance(error, Busy) else "")

    async def _has_account(self) -> bool:
        try:
            return await self.stormplay.check(broker.find_person, self.current_user.username) is not None
        except StormplayError:
            return True
