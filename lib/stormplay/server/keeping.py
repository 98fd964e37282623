"""Long work outlives its page: a page that is left while something runs is kept, and whoever comes back gets it again.

The page says that it is at work, and when it has ended; its session alone can say so, and it alone gets the page back.
A page without work is opened anew, as ever.
"""
# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import parse_qsl

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado.web import HTTPError, authenticated

from stormplay.server.cookies import Guarded
from stormplay.server.visits import Visit

SUBJECT = ("tenant", "storm")
PROMISED_S = 10.0  # that a page which was given back has to connect
LONGEST_QUERY = 2_000


def subject_of(query: str) -> dict[str, str]:
    """Which company and which storm a query names."""
    return {name: value for name, value in parse_qsl(query[:LONGEST_QUERY]) if name in SUBJECT}


def kept_for(visits: Mapping[str, Visit], session: str, book: str, query: str) -> str:
    """The visit that a page belongs to which is asked for again; '' where there is none.

    Args:
        visits: All there are, by kernel.
        session: Of who asks.
        book: The notebook's name.
        query: The page's query string; what it does not name may be any.
    """
    asked, now_s = subject_of(query), time.monotonic()
    for kernel_id, visit in visits.items():
        is_theirs = visit.session == session and visit.run.name == book and visit.run.outcome == "whole"
        is_left = visit.is_leaving or visit.left_s is not None
        if is_theirs and is_left and visit.work is not None and visit.promised_until_s < now_s:
            about = subject_of(visit.work)
            if all(about.get(name) == value for name, value in asked.items()):
                return kernel_id
    return ""


def give_back(visit: Visit) -> None:
    """Let a visit wait for the page that has come back; the connections of the one that left are closed."""
    visit.is_leaving, visit.promised_until_s = False, time.monotonic() + PROMISED_S
    visit.left_s = time.monotonic()
    for socket in list(visit.sockets):
        socket.close(4000, "left")


class AtWork(Guarded, APIHandler):
    """`/voila/api/work/<kernel>`: whether a page is at work, and whether it is being left meanwhile."""

    auth_resource = "kernels"

    @authenticated
    @authorized
    async def post(self, kernel_id: str) -> None:
        """Take note."""
        visit, state = self.kernel_manager.visits.get(kernel_id), self.get_body_argument("state", "")
        if visit is None or state not in ("running", "leaving", "over"):
            raise HTTPError(400)
        query = self.get_body_argument("query", "")[:LONGEST_QUERY]
        visit.work = None if state == "over" else query
        visit.is_leaving = state == "leaving"
        self.set_status(204)
        self.finish()
