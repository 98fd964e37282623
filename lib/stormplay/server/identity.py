"""Who is asking: the session cookie, or what a trusted proxy says, and nothing else that counts as identity.

The cookie holds a random session key, signed. What it stands for is kept in `sessions`.
"""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

import hashlib
import logging
import secrets
from dataclasses import dataclass, field
from typing import Any

from jupyter_server.auth.identity import IdentityProvider, User
from tornado.web import HTTPError
from traitlets import Instance, Integer, Unicode

from stormplay import broker, logs
from stormplay.broker import Person
from stormplay.errors import NotAllowed, StormplayError
from stormplay.server.proxy import Proxy
from stormplay.server.sessions import Sessions
from stormplay.server.throttle import FREE_PER_ADDRESS, Throttle

SESSION, DEVICE = "stormplay-session", "stormplay-device"
_DEVICE_DAYS = 30
_TRY_AGAIN = 1012  # a socket's end after which its page connects anew

doors = logging.getLogger("stormplay.server.doors")


@dataclass
class Visitor(User):
    """A signed-in person in one browser.

    Attributes:
        session: Key of the session; a kernel belongs to it.
        person_id: The id by which the log knows the person.
    """

    session: str = field(default="", repr=False)
    person_id: str = ""


class Identity(IdentityProvider):
    """Knows a visitor by the session cookie, or by a trusted proxy's header: no token, no query.

    Attributes:
        changes: Passwords changed here since the start.
    """

    sessions = Instance(Sessions, ())
    throttle = Instance(Throttle)
    proxy = Instance(Proxy, ())
    proxy_logout_url = Unicode("", config=True, help="Where to go after signing out, where a proxy signs people in.")
    free_per_address = Integer(FREE_PER_ADDRESS, config=True, help="Wrong passwords that cost an address nothing.")

    token = Unicode("")
    auth_enabled = True
    changes = 0

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
            handler.current_user = handler._jupyter_current_user = None  # a refusal needs to know that it is nobody
            return await self._told_by_proxy(handler, key, person)
        return self._visitor(key, person) if person is not None else None

    async def _told_by_proxy(self, handler: Any, key: str, person: Person | None) -> Visitor | None:
        """Who the proxy says it is, in a session of ours: a kernel belongs to a session."""
        if self.proxy.is_forged(handler.request):
            _warn(f"{self.proxy.user_header} was sent by who is no trusted proxy", handler.request.remote_ip)
        username = self._named_by_proxy(handler, key)
        if person is not None and person.username == username:
            return self._visitor(key, person)
        if key:
            self.end(key)  # somebody else, or nobody, is behind that browser now
        if not username:
            return None
        try:
            named = await self.parent.check(broker.find_person, username)
        except StormplayError:
            raise HTTPError(503) from None
        if named is None:
            _warn("the proxy names somebody who has no open account", handler.request.remote_ip)
            raise HTTPError(403) from NotAllowed(
                f"There is no open account '{username}' here.", remedy="Ask your administrator for one."
            )
        return self._visitor(self.sign_in(handler, named), named)

    def _named_by_proxy(self, handler: Any, key: str) -> str:
        try:
            return str(self.proxy.username(handler.request))
        except NotAllowed as error:
            _warn("the proxy names nobody that can be", handler.request.remote_ip)
            if key:
                self.end(key)
            raise HTTPError(403) from error

    def _visitor(self, key: str, person: Person) -> Visitor:
        self.sessions.touch(key)
        return Visitor(
            person.username, person.display_name, person.display_name, session=key, person_id=person.person_id
        )

    def session_of(self, handler: Any) -> str:
        """The session key in the request's cookie, '' where it is missing or not signed by this server."""
        value: bytes | None = handler.get_signed_cookie(SESSION, max_age_days=1)
        return value.decode("ascii", "replace") if value else ""

    def sign_in(self, handler: Any, person: Person) -> str:
        """Begin a new session; whatever session the browser had before ends. Returns the new one's key."""
        if before := self.session_of(handler):
            self.end(before)
        logs.bind(person=person.person_id)
        doors.info("signed in", extra={"address": self.proxy.address(handler.request)})
        return self._begin(handler, person)

    def _begin(self, handler: Any, person: Person) -> str:
        key: str = self.sessions.open(person)
        handler.set_signed_cookie(SESSION, key, expires_days=None, path=handler.base_url, httponly=True)
        return key

    def sign_out(self, handler: Any) -> None:
        """End the browser's session, and everything that runs in it."""
        if key := self.session_of(handler):
            if person := self.sessions.find(key):
                with logs.bound(person=person.person_id):
                    doors.info("signed out")
            self.end(key)
        handler.clear_cookie(SESSION, path=handler.base_url)

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

    def changed_password(self, handler: Any, visitor: Visitor) -> int:
        """End every session of a person, and give this browser a new one, into which its kernels go.

        A copy of its cookie, wherever it is, is worthless then. Open pages connect anew with the new one.

        Returns:
            How many sessions ended elsewhere.
        """
        self.changes += 1
        person = self.sessions.find(visitor.session)
        if person is None:  # it has ended meanwhile, and stays ended
            return self.end_others(visitor.username, "")
        key = self._begin(handler, person)
        for visit in self.parent.kernel_manager.visits.values():
            if visit.session == visitor.session:
                visit.session = key
                for socket in list(visit.sockets):
                    socket.close(_TRY_AGAIN)
        self.sessions.close(visitor.session)
        return self.end_others(visitor.username, key)

    def device_of(self, handler: Any, username: str) -> str:
        """The name of the browser in which this person has signed in before; '' for any other."""
        value: bytes | None = handler.get_signed_cookie(DEVICE, max_age_days=_DEVICE_DAYS)
        device, _, whose = (value or b"").decode("ascii", "replace").partition(".")
        return device if secrets.compare_digest(whose, _whose(device, username)) else ""

    def know_device(self, handler: Any, username: str) -> None:
        """Let this browser be one in which the person has signed in. The cookie opens nothing and names nobody."""
        device = self.device_of(handler, username) or secrets.token_hex(8)
        value = f"{device}.{_whose(device, username)}"
        handler.set_signed_cookie(DEVICE, value, expires_days=_DEVICE_DAYS, path=handler.base_url, httponly=True)

    def is_token_authenticated(self, handler: Any) -> bool:
        """Never: so the checks of origin and XSRF token are never skipped."""
        return False


def _warn(sentence: str, address: str | None) -> None:
    """A line for whoever guards the door. No name is in it: what was sent may be anything."""
    doors.warning(sentence, extra={"address": address})


def _whose(device: str, username: str) -> str:
    return hashlib.sha256(f"{device} {username}".encode()).hexdigest()
