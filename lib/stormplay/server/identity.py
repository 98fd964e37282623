"""Who is asking: sessions kept on the server, a login page of our own, and nothing else that counts as identity.

The cookie holds a random session key, signed. What it stands for is kept here, so a logout or the end of a
session's time makes every copy of the cookie worthless.
"""
# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.identity import IdentityProvider, User
from traitlets import Instance, Unicode

from stormplay import broker
from stormplay.broker import Person
from stormplay.errors import StormplayError
from stormplay.server.frame import Page
from stormplay.server.throttle import Throttle

LIFETIME_S = 12 * 3600.0
_MOST_SESSIONS = 10_000
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_NOBODY = "-"  # no account can have this name, and asking for it takes as long as for any other
_LONGEST_PASSWORD = 1024
_LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
WRONG = "This user name and password do not belong together."


@dataclass
class Visitor(User):
    """A signed-in person in one browser.

    Attributes:
        session: Key of the session; a kernel belongs to it.
    """

    session: str = field(default="", repr=False)


class Sessions:
    """Who is signed in: session key -> person, for a limited time.

    Args:
        lifetime_s: Seconds after which a session ends by itself.
    """

    def __init__(self, lifetime_s: float = LIFETIME_S) -> None:
        self._lifetime_s = lifetime_s
        self._open: dict[str, tuple[Person, float]] = {}

    def open(self, person: Person) -> str:
        """Begin a session. Returns its key, 256 random bits."""
        key = secrets.token_urlsafe(32)
        for old in [key for key in self._open if self.find(key) is None][:_MOST_SESSIONS]:
            self._open.pop(old, None)
        if len(self._open) >= _MOST_SESSIONS:
            del self._open[next(iter(self._open))]
        self._open[key] = (person, time.monotonic())
        return key

    def find(self, key: str) -> Person | None:
        """The person of a session; None where there is none or its time is up."""
        person, began_s = self._open.get(key, (None, 0.0))
        return person if time.monotonic() - began_s < self._lifetime_s else None

    def close(self, key: str) -> None:
        """End a session. Harmless where there is none."""
        self._open.pop(key, None)


class Identity(IdentityProvider):
    """Knows a visitor by the session cookie alone: no token, no header, no query."""

    sessions = Instance(Sessions, ())
    throttle = Instance(Throttle, ())

    token = Unicode("")
    auth_enabled = True

    def get_user(self, handler: Any) -> Visitor | None:
        """The visitor behind a request, or None."""
        key = self.session_of(handler)
        person = self.sessions.find(key) if key else None
        if person is None:
            return None
        return Visitor(person.username, person.display_name, person.display_name, session=key)

    def session_of(self, handler: Any) -> str:
        """The session key in the request's cookie, '' where it is missing or not signed by this server."""
        value = handler.get_signed_cookie(self.get_cookie_name(handler), max_age_days=1)
        return value.decode("ascii", "replace") if value else ""

    def get_cookie_name(self, handler: Any) -> str:
        """A name with the port in it: browsers do not keep the cookies of two ports apart."""
        return f"stormplay-session-{self.parent.port}"

    def sign_in(self, handler: Any, person: Person) -> None:
        """Begin a new session; whatever session the browser had before ends."""
        self.sign_out(handler)
        handler.set_signed_cookie(
            self.get_cookie_name(handler),
            self.sessions.open(person),
            expires_days=None,
            path=handler.base_url,
            httponly=True,
            samesite="Lax",
            secure=self.parent.is_https(handler.request),
        )

    def sign_out(self, handler: Any) -> None:
        """End the browser's session, and everything that runs in it."""
        if key := self.session_of(handler):
            self.sessions.close(key)
            self.parent.kernel_manager.end_session(key)
        handler.clear_cookie(self.get_cookie_name(handler), path=handler.base_url)

    def is_token_authenticated(self, handler: Any) -> bool:
        """Never: so the checks of origin and XSRF token are never skipped."""
        return False

    def get_handlers(self) -> list[tuple[str, object]]:
        """The login page and the logout."""
        return [(r"/login", LoginHandler), (r"/logout", LogoutHandler)]


def local_path(wanted: str, default: str = "/") -> str:
    """A path on this server to go on to; anything that could lead elsewhere gives the default.

    >>> local_path("/voila/render/score.ipynb?tenant=a"), local_path("//evil.example"), local_path("https://a.b")
    ('/voila/render/score.ipynb?tenant=a', '/', '/')
    """
    return wanted if _LOCAL_PATH.fullmatch(wanted) else default


class LoginHandler(Page):
    """`/login`: the form, and what becomes of it."""

    @allow_unauthenticated
    def get(self) -> None:
        """Show the form; somebody who is signed in goes on at once."""
        if self.current_user:
            self.redirect(self._next())
        else:
            self._form()

    @allow_unauthenticated
    async def post(self) -> None:
        """Check user name and password. Wrong, unknown and closed read, and take, the same."""
        name = self.get_body_argument("username", "").lower()
        password = self.get_body_argument("password", "", strip=False)[:_LONGEST_PASSWORD]
        throttle, address = self.identity_provider.throttle, self.request.remote_ip or ""
        if wait_s := throttle.wait_s(name, address):
            self.set_header("Retry-After", str(wait_s))
            self._form(name, f"Too many wrong passwords. Try again in {wait_s} seconds.", status=429)
            return
        throttle.failed(name, address)  # counted before it is known, so that a hundred at once are a hundred
        known = name if _USERNAME.fullmatch(name) else _NOBODY
        try:
            person = await self.stormplay.check(broker.check_password, known, password)
        except StormplayError as error:
            self._form(name, str(error), status=503)
            return
        if person is None:
            self._form(name, WRONG, status=401)
            return
        throttle.succeeded(name, address)
        self.log.info("%s signed in from %s", person.username, address)
        self.identity_provider.sign_in(self, person)
        self.redirect(self._next(), status=303)

    def _next(self) -> str:
        return local_path(self.get_argument("next", "/"), self.base_url)

    def _form(self, username: str = "", message: str = "", status: int = 200) -> None:
        self.set_status(status)
        self.show("login.html", username=username[:64], message=message, next=self._next())


class LogoutHandler(Page):
    """`/logout`: a POST, so that no link and no picture on another page can do it."""

    @allow_unauthenticated
    def post(self) -> None:
        """End the session and every kernel in it."""
        self.identity_provider.sign_out(self)
        self.redirect(self.base_url + "login", status=303)
