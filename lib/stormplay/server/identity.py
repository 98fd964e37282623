"""Who is asking: the session cookie, or what a trusted proxy says, and nothing else that counts as identity.

The cookie holds a random session key, signed. What it stands for is kept in `sessions`.
"""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from jupyter_server.auth.identity import IdentityProvider, User
from tornado.web import HTTPError
from traitlets import Instance, Integer, Unicode

from stormplay import broker
from stormplay.broker import Person
from stormplay.errors import StormplayError
from stormplay.server.proxy import Proxy
from stormplay.server.sessions import Sessions
from stormplay.server.throttle import FREE_PER_ADDRESS, Throttle

doors = logging.getLogger("stormplay.server.doors")


@dataclass
class Visitor(User):
    """A signed-in person in one browser.

    Attributes:
        session: Key of the session; a kernel belongs to it.
    """

    session: str = field(default="", repr=False)


class Identity(IdentityProvider):
    """Knows a visitor by the session cookie, or by a trusted proxy's header: no token, no query."""

    sessions = Instance(Sessions, ())
    throttle = Instance(Throttle)
    proxy = Instance(Proxy, ())
    proxy_logout_url = Unicode("", config=True, help="Where to go after signing out, where a proxy signs people in.")
    free_per_address = Integer(FREE_PER_ADDRESS, config=True, help="Wrong passwords that cost an address nothing.")

    token = Unicode("")
    auth_enabled = True

    def _throttle_default(self) -> Throttle:
        return Throttle(free_per_address=self.free_per_address)

    async def get_user(self, handler: Any) -> Visitor | None:
        """The visitor behind a request, or None.

        Raises:
            HTTPError: A proxy names somebody who has no open account here (403).
        """
        key = self.session_of(handler)
        person = self.sessions.find(key) if key else None
        if self.proxy.names_people:
            return await self._told_by_proxy(handler, key, person)
        return self._visitor(key, person) if person is not None else None

    async def _told_by_proxy(self, handler: Any, key: str, person: Person | None) -> Visitor | None:
        """Who the proxy says it is, in a session of ours: a kernel belongs to a session."""
        if self.proxy.is_forged(handler.request):
            doors.warning("%s sent %s and is no trusted proxy", handler.request.remote_ip, self.proxy.user_header)
        username = self.proxy.username(handler.request)
        if person is not None and person.username == username:
            return self._visitor(key, person)
        if key:
            self.end(key)  # somebody else, or nobody, is behind that browser now
        if not username:
            return None
        handler.current_user = handler._jupyter_current_user = None  # a refusal needs to know that it is nobody
        try:
            named = await self.parent.check(broker.find_person, username)
        except StormplayError:
            raise HTTPError(503) from None
        if named is None:
            doors.warning("the proxy names %s, who has no open account", username)
            raise HTTPError(403)
        return self._visitor(self.sign_in(handler, named), named)

    def _visitor(self, key: str, person: Person) -> Visitor:
        self.sessions.touch(key)
        return Visitor(person.username, person.display_name, person.display_name, session=key)

    def session_of(self, handler: Any) -> str:
        """The session key in the request's cookie, '' where it is missing or not signed by this server."""
        value: bytes | None = handler.get_signed_cookie(self.get_cookie_name(handler), max_age_days=1)
        return value.decode("ascii", "replace") if value else ""

    def get_cookie_name(self, handler: Any) -> str:
        """A name that browsers let nobody else set where that can be had, else one with the port in it.

        They do not keep the cookies of two ports apart.
        """
        bound = self.parent.is_https(handler.request) and handler.base_url == "/"
        return "__Host-stormplay-session" if bound else f"stormplay-session-{self.parent.port}"

    def sign_in(self, handler: Any, person: Person) -> str:
        """Begin a new session; whatever session the browser had before ends. Returns the new one's key."""
        if before := self.session_of(handler):
            self.end(before)
        key: str = self.sessions.open(person)
        handler.set_signed_cookie(
            self.get_cookie_name(handler), key, expires_days=None, path=handler.base_url, httponly=True, samesite="Lax",
            secure=self.parent.is_https(handler.request),
        )  # fmt: skip
        doors.info("%s signed in from %s", person.username, self.proxy.address(handler.request))
        return key

    def sign_out(self, handler: Any) -> None:
        """End the browser's session, and everything that runs in it."""
        if key := self.session_of(handler):
            if person := self.sessions.find(key):
                doors.info("%s signed out", person.username)
            self.end(key)
        secure = self.parent.is_https(handler.request)
        handler.clear_cookie(self.get_cookie_name(handler), path=handler.base_url, secure=secure)

    def end(self, session: str) -> None:
        """End a session and every kernel in it."""
        self.sessions.close(session)
        self.parent.kernel_manager.end_session(session)

    def end_others(self, username: str, session: str) -> int:
        """End all sessions of a person but one. Returns how many."""
        others = [key for key in self.sessions.of(username) if key != session]
        for key in others:
            self.end(key)
        return len(others)

    def is_token_authenticated(self, handler: Any) -> bool:
        """Never: so the checks of origin and XSRF token are never skipped."""
        return False
