"""What each handler does beside its own work: strict cookies, TLS for good where there is TLS, a number in the log."""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from tornado.web import HTTPError

from stormplay import logs
from stormplay.server.numbers import HEADER, number_of

ONE_YEAR = "max-age=31536000"


class Guarded(JupyterHandler):
    """What each of our handlers does beside its own work.

    Behind TLS a cookie is Secure, and its name begins with `__Host-`, which browsers let no other host set, not even a
    neighbour below the same domain. Without TLS the port is in its name: they do not keep the cookies of two ports
    apart. The XSRF token keeps its name there, since the front end looks for it.
    """

    @property
    def is_https(self) -> bool:
        """Whether the visitor's browser speaks TLS."""
        return bool(self.settings["stormplay"].is_https(self.request))

    def check_origin(self, origin_to_satisfy_tornado: str = "") -> bool:
        """Whether a request comes from a page of ours; an origin that is no address is none of ours."""
        try:
            return bool(super().check_origin(origin_to_satisfy_tornado))
        except ValueError:
            return False

    def check_referer(self) -> bool:
        """The same, by the page that it was made on."""
        try:
            return bool(super().check_referer())
        except ValueError:
            return False

    def set_default_headers(self) -> None:
        """Ask for TLS from now on, where there is TLS."""
        super().set_default_headers()
        self.set_header(HEADER, self.number)
        if self.is_https:
            self.set_header("Strict-Transport-Security", ONE_YEAR)

    @property
    def number(self) -> str:
        """The number by which the log knows this request."""
        return number_of(self.request, getattr(self.settings["stormplay"], "proxy", None))

    async def prepare(self, *args: Any, **kwargs: Any) -> Any:
        """Let each line that this request writes into the log carry its number, and the id of whoever asks."""
        logs.bind(request=self.number)
        found = await super().prepare(*args, **kwargs)
        if person := getattr(getattr(self, "_jupyter_current_user", None), "person_id", ""):
            logs.bind(person=person)
        return found

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        """A refusal is told by its status; of anything else the log gets the place, and nothing that was typed."""
        if not isinstance(error, HTTPError):
            self.log.error("%s could not be answered", type(self).__name__, exc_info=(kind, error, trace))

    def get_cookie(self, name: str, default: str | None = None) -> str | None:
        """A cookie of ours, by its plain name."""
        found: str | None = super().get_cookie(self._named(name), default)
        return found

    def set_cookie(self, name: str, value: str | bytes, *args: Any, **flags: Any) -> None:
        """Set a cookie of ours, by its plain name."""
        if self.is_https:
            flags["secure"] = True
        super().set_cookie(self._named(name), value, *args, **{"samesite": "Lax", **flags})

    def _named(self, name: str) -> str:
        if self.is_https and self.base_url == "/":
            return f"__Host-{name}"
        return name if name == "_xsrf" else f"{name}-{self.settings['stormplay'].port}"
