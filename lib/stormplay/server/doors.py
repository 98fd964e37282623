"""The way in, the way out, and a new password."""
# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

import re
from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.web import HTTPError, authenticated

from stormplay import broker, logs
from stormplay.broker import Person
from stormplay.errors import BadInput, StormplayError
from stormplay.server.frame import Page
from stormplay.server.identity import doors
from stormplay.server.proxy import USERNAME

WRONG = "This user name and password do not belong together."
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

    @property
    def address(self) -> str:
        """The visitor's address."""
        return str(self.identity_provider.proxy.address(self.request))

    @property
    def is_elsewhere(self) -> bool:
        """Whether people sign in at a proxy, and have no password here."""
        return bool(self.identity_provider.proxy.names_people)

    def typed(self, name: str) -> str:
        """A password as it was typed."""
        return str(self.get_body_argument(name, "", strip=False))[: _LONGEST_PASSWORD + 1]

    def waits(self, username: str) -> int:
        """Seconds until this person may try again from here; otherwise the attempt is counted.

        It is counted before its outcome is known, so that a hundred at once are a hundred.
        """
        throttle, attempt = self.identity_provider.throttle, self._attempt(username)
        if wait_s := int(throttle.wait_s(*attempt)):
            doors.warning("held up after wrong passwords", extra={"address": self.address, "seconds": wait_s})
            self.set_header("Retry-After", str(wait_s))
        else:
            throttle.failed(*attempt)
        return wait_s

    def was_right(self, username: str) -> None:
        """Take the attempt back, and know this browser from now on."""
        self.identity_provider.throttle.succeeded(*self._attempt(username))
        self.identity_provider.know_device(self, username)

    def was_none(self, username: str) -> None:
        """Take an attempt back that told nothing about the password."""
        self.identity_provider.throttle.withdraw(*self._attempt(username))

    def _attempt(self, username: str) -> tuple[str, str, str]:
        return username, self.address, self.identity_provider.device_of(self, username)

    def next_path(self) -> str:
        """Where to go on to, on this server."""
        return local_path(self.get_argument("next", "/"), self.base_url)


class LoginHandler(Door):
    """`/login`: the form, and what becomes of it."""

    @allow_unauthenticated
    def get(self) -> None:
        """Show the form; somebody who is signed in goes on at once."""
        if self.current_user:
            self.redirect(self.next_path())
        else:
            self._form()

    @allow_unauthenticated
    async def post(self) -> None:
        """Check user name and password. Wrong, unknown and closed read, and take, the same."""
        if self.is_elsewhere:
            raise HTTPError(405)
        typed = self.get_body_argument("username", "").lower()
        name = typed if USERNAME.fullmatch(typed) else _NOBODY
        if wait_s := self.waits(name):
            self._form(typed, f"Too many wrong passwords. Try again in {wait_s} seconds.", status=429)
            return
        try:
            person = await self._whose(name, self.typed("password"))
            named = person or await self.stormplay.check(broker.find_person, name)
        except StormplayError as error:
            self.was_none(name)
            self._form(typed, str(error), status=503)
            return
        if person is None:
            with logs.bound(person=named.person_id if named else "unknown"):  # what was typed may be a password
                doors.warning("wrong password", extra={"address": self.address})
            self._form(typed, WRONG, status=401)
            return
        self.was_right(name)
        self.identity_provider.sign_in(self, person)
        self.redirect(self.next_path(), status=303)

    async def _whose(self, name: str, password: str) -> Person | None:
        """The person, by a password that nobody has changed while it was checked."""
        while True:
            changes = self.identity_provider.changes
            person: Person | None = await self.stormplay.check(broker.check_password, name, password)
            if person is None or changes == self.identity_provider.changes:
                return person

    def _form(self, username: str = "", message: str = "", status: int = 200) -> None:
        self.set_status(status)
        self.show("login.html", username=username[:64], message=message, next=self.next_path(),
                  elsewhere=self.is_elsewhere)  # fmt: skip


class LogoutHandler(Door):
    """`/logout`: a POST, so that no link and no picture on another page can do it."""

    @allow_unauthenticated
    def post(self) -> None:
        """End the session and every kernel in it."""
        self.identity_provider.sign_out(self)
        elsewhere = self.identity_provider.proxy_logout_url
        if not self.is_elsewhere:
            self.redirect(self.base_url + "login", status=303)
        elif elsewhere:
            self.redirect(elsewhere, status=303)
        else:
            self.current_user = self._jupyter_current_user = None
            self.say("Your pages here are closed. To sign out altogether, do it where you signed in.", 200)


class PasswordHandler(Door):
    """`/password`: a new password, from who knows the old one."""

    @authenticated
    def get(self) -> None:
        """Show the form."""
        self._form()

    @authenticated
    async def post(self) -> None:
        """Change it; every other session of this person ends, and what runs in it."""
        if self.is_elsewhere:
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
            is_changed = await self.stormplay.check(broker.change_password, visitor.username, old, new)
        except StormplayError as error:
            self.was_none(visitor.username)
            self._form(str(error), status=400 if isinstance(error, BadInput) else 503)
            return
        if not is_changed:
            doors.warning("wrong password, at a change of it", extra={"address": self.address})
            self._form("That is not your present password. Nothing was changed.", status=401)
            return
        self.was_right(visitor.username)
        others = self.identity_provider.changed_password(self, visitor)
        doors.info("changed the password; other sessions ended", extra={"count": others})
        self._form("", is_done=True)

    def _form(self, message: str = "", status: int = 200, *, is_done: bool = False) -> None:
        self.set_status(status)
        self.show("password.html", message=message, done=is_done, username=self.current_user.username,
                  next=self.next_path(), elsewhere=self.is_elsewhere, shortest=broker.SHORTEST_PASSWORD)  # fmt: skip


def handlers() -> list[tuple[str, Any]]:
    """The doors, by path."""
    return [(r"/login", LoginHandler), (r"/logout", LogoutHandler), (r"/password", PasswordHandler)]
