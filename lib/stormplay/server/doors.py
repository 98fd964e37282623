"""The way in, the way out, and a new password."""
# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

import re
from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.web import HTTPError, authenticated

from stormplay import broker
from stormplay.errors import BadInput, StormplayError
from stormplay.server.frame import Page
from stormplay.server.identity import doors

WRONG = "This user name and password do not belong together."
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_NOBODY = "-"  # no account can have this name, and asking for it takes as long as for any other
_LONGEST_PASSWORD = 1024
_LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


def local_path(wanted: str, default: str = "/") -> str:
    """A path on this server to go on to; anything that could lead elsewhere gives the default.

    >>> local_path("/voila/render/score.ipynb?tenant=a"), local_path("//evil.example"), local_path("https://a.b")
    ('/voila/render/score.ipynb?tenant=a', '/', '/')
    """
    return wanted if _LOCAL_PATH.fullmatch(wanted) else default


class Door(Page):
    """A form with a password in it."""

    def typed(self, name: str) -> str:
        """A password as it was typed."""
        return str(self.get_body_argument(name, "", strip=False))[: _LONGEST_PASSWORD + 1]

    def waits(self, username: str) -> int:
        """Seconds until this person may try again from here; otherwise the attempt is counted.

        It is counted before its outcome is known, so that a hundred at once are a hundred.
        """
        throttle, address = self.identity_provider.throttle, self.address
        if wait_s := int(throttle.wait_s(username, address)):
            doors.warning("%s is held up for %d s at %s", username[:64], wait_s, address)
            self.set_header("Retry-After", str(wait_s))
        else:
            throttle.failed(username, address)
        return wait_s

    @property
    def address(self) -> str:
        """The visitor's address."""
        return str(self.identity_provider.proxy.address(self.request))


class LoginHandler(Door):
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
        if self.identity_provider.proxy.names_people:
            raise HTTPError(405)
        name = self.get_body_argument("username", "").lower()
        if wait_s := self.waits(name):
            self._form(name, f"Too many wrong passwords. Try again in {wait_s} seconds.", status=429)
            return
        known = name if _USERNAME.fullmatch(name) else _NOBODY
        try:
            person = await self.stormplay.check(broker.check_password, known, self.typed("password"))
        except StormplayError as error:
            self._form(name, str(error), status=503)
            return
        if person is None:
            doors.warning("wrong password for %s from %s", known, self.address)
            self._form(name, WRONG, status=401)
            return
        self.identity_provider.throttle.succeeded(name, self.address)
        self.identity_provider.sign_in(self, person)
        self.redirect(self._next(), status=303)

    def _next(self) -> str:
        return local_path(self.get_argument("next", "/"), self.base_url)

    def _form(self, username: str = "", message: str = "", status: int = 200) -> None:
        self.set_status(status)
        self.show("login.html", username=username[:64], message=message, next=self._next(),
                  elsewhere=self.identity_provider.proxy.names_people)  # fmt: skip


class LogoutHandler(Page):
    """`/logout`: a POST, so that no link and no picture on another page can do it."""

    @allow_unauthenticated
    def post(self) -> None:
        """End the session and every kernel in it."""
        self.identity_provider.sign_out(self)
        elsewhere = self.identity_provider.proxy.names_people and self.identity_provider.proxy_logout_url
        self.redirect(elsewhere or self.base_url + "login", status=303)


class PasswordHandler(Door):
    """`/password`: a new password, from who knows the old one."""

    @authenticated
    def get(self) -> None:
        """Show the form."""
        self._form()

    @authenticated
    async def post(self) -> None:
        """Change it; every other session of this person ends, and what runs in it."""
        if self.identity_provider.proxy.names_people:
            raise HTTPError(405)
        visitor = self.current_user
        old, new, again = (self.typed(name) for name in ("old", "new", "again"))
        if new != again:
            self._form("The new password was not typed the same way twice.", status=400)
            return
        if wait_s := self.waits(visitor.username):
            self._form(f"Too many wrong passwords. Try again in {wait_s} seconds.", status=429)
            return
        try:
            changed = await self.stormplay.check(broker.change_password, visitor.username, old, new)
        except StormplayError as error:
            self._form(str(error), status=400 if isinstance(error, BadInput) else 503)
            return
        if not changed:
            doors.warning("wrong password for %s from %s, at a change of it", visitor.username, self.address)
            self._form("That is not your present password. Nothing was changed.", status=401)
            return
        self.identity_provider.throttle.succeeded(visitor.username, self.address)
        others = self.identity_provider.end_others(visitor.username, visitor.session)
        doors.info("%s changed the password; %d other sessions ended", visitor.username, others)
        self._form("", done=True)

    def _form(self, message: str = "", status: int = 200, *, done: bool = False) -> None:
        self.set_status(status)
        self.show("password.html", message=message, done=done, username=self.current_user.username,
                  elsewhere=self.identity_provider.proxy.names_people, shortest=broker.SHORTEST_PASSWORD)  # fmt: skip


def handlers() -> list[tuple[str, Any]]:
    """The doors, by path."""
    return [(r"/login", LoginHandler), (r"/logout", LogoutHandler), (r"/password", PasswordHandler)]
