"""What a page showed last, shown again at once while its kernel starts.

A browser hands in what it shows (inert markup, packed with gzip), for the visit that it belongs to. It is kept in this
process's memory alone, for one person, and given back to that person only while `broker.standing_of` says the same as
before the page was opened: who has lost a company, a role or an account, or whose company has erased somebody, starts
without it. Nothing of it is on a disk or in the database, and it ends with the server.
"""
# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from jupyter_server.auth.decorator import authorized
from tornado.web import HTTPError, authenticated, stream_request_body

from stormplay import broker
from stormplay.errors import StormplayError
from stormplay.server.cookies import Guarded

WEEK_S = 7 * 86_400.0
LARGEST_BYTES = 4 * 2**20
MOST_OF_PERSON = 60
LONGEST_QUERY = 2_000
TAKEN = "Stormplay-Taken-S-Ago"
_GZIP = b"\x1f\x8b"
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Snapshot:
    """What a page showed.

    Attributes:
        body: Packed by the browser, and never unpacked here.
        standing: What the person might see when the page was opened.
        taken_s: When it came, by the store's clock.
    """

    body: bytes
    standing: str
    taken_s: float


class Snapshots:
    """The newest of each person, page and query; the oldest go first.

    Args:
        most_bytes: Of all bodies together; 0: nothing is kept.
        clock: Seconds that only grow; for tests.
    """

    def __init__(self, most_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_bytes, self._clock = most_bytes, clock
        self._kept: OrderedDict[Key, Snapshot] = OrderedDict()
        self.bytes = 0

    def keep(self, person: str, page: str, queries: Sequence[str], body: bytes, standing: str) -> None:
        """Keep what a page showed, under each address by which it was asked for.

        Args:
            person: User name.
            page: Name of the notebook.
            queries: Query strings of the page.
            body: What the browser handed in.
            standing: Of the person, before the page was opened; '' keeps nothing.
        """
        if not standing or not self._most_bytes:
            return
        for query in queries:
            self._drop((person, page, canonical(query)))
            self._kept[person, page, canonical(query)] = Snapshot(body, standing, self._clock())
            self.bytes += len(body)
        own = [key for key in self._kept if key[0] == person]
        for key in own[: max(0, len(own) - MOST_OF_PERSON)]:
            self._drop(key)
        while self.bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def find(self, person: str, page: str, query: str, standing: str) -> tuple[bytes, float] | None:
        """What the person may see of it now: the body and its age in seconds. What they may not is gone for good."""
        key = (person, page, canonical(query))
        found = self._kept.get(key)
        if found is None:
            return None
        age_s = self._clock() - found.taken_s
        if not standing or found.standing != standing or age_s > WEEK_S:
            self._drop(key)
            return None
        return found.body, age_s

    def _drop(self, key: Key) -> None:
        gone = self._kept.pop(key, None)
        self.bytes -= len(gone.body) if gone else 0


def canonical(query: str) -> str:
    """A query in one of its spellings: the same parameters give the same text."""
    return urlencode(sorted(parse_qsl(query[:LONGEST_QUERY], keep_blank_values=True)))


class Last(Guarded):
    """`/snapshots/<name>?query`: what the visitor's page of that address showed last; 204 where there is nothing."""

    @authenticated
    async def get(self, name: str) -> None:
        """Send it as it was packed."""
        try:
            standing = await self.kernel_manager.off_loop(broker.standing_of, self.current_user.username)
        except StormplayError:
            standing = ""
        found = self.settings["stormplay"].snapshots.find(
            self.current_user.username, name, self.request.query, standing
        )
        self.set_header("Cache-Control", "no-store")
        if found is None:
            self.set_status(204)
            self.finish()
            return
        body, age_s = found
        self.set_header("Content-Type", "application/json")
        self.set_header("Content-Encoding", "gzip")
        self.set_header(TAKEN, f"{age_s:.0f}")
        self.finish(body)

    def get_login_url(self) -> str:
        """No way to the login from here: a script asks."""
        raise HTTPError(403)

    def write_error(self, status_code: int, **_: Any) -> None:
        """Say nothing about it."""
        self.finish()


@stream_request_body
class Keep(Guarded):
    """`/voila/snapshot/<kernel>`: what a visit's page shows now, from who owns the visit."""

    auth_resource = "kernels"
    _body: bytearray
    _is_refused = True

    async def prepare(self) -> None:
        """Make room for it, for whom it is to be taken from; a body is not read before."""
        self._body = bytearray()
        await super().prepare()
        if self._finished:
            return
        allowed = self.current_user is not None and self.authorizer.is_authorized(
            self, self.current_user, "write", "kernels"
        )
        if not allowed:
            raise HTTPError(403)
        self.request.connection.set_max_body_size(LARGEST_BYTES)
        self._is_refused = False

    def data_received(self, chunk: bytes) -> None:
        """Take a piece."""
        if not self._is_refused:
            self._body += chunk

    @authenticated
    @authorized
    async def put(self, kernel_id: str) -> None:
        """Keep it."""
        visit = self.kernel_manager.visits.get(kernel_id)
        queries = self.get_query_arguments("query")
        if visit is None or not 1 <= len(queries) <= 2 or not self._body.startswith(_GZIP):
            raise HTTPError(400)
        self.settings["stormplay"].snapshots.keep(
            visit.username, visit.run.name, queries, bytes(self._body), visit.standing
        )
        self.set_status(204)
        self.finish()

    def get_login_url(self) -> str:
        """No way to the login from here: a script asks."""
        raise HTTPError(403)

    def write_error(self, status_code: int, **_: Any) -> None:
        """Say nothing about it."""
        self.finish()


def routes(base_url: str, kernel: str) -> list[tuple[Any, ...]]:
    """The routes of snapshots.

    Args:
        base_url: Of the server.
        kernel: The part of an address that names a kernel, as a pattern.
    """
    return [
        (rf"{base_url}snapshots/(?P<name>[A-Za-z0-9][A-Za-z0-9_-]*)", Last),
        (rf"{base_url}voila/snapshot/{kernel}", Keep),
    ]
