"""What every page has in common: one frame, one way to say that something is wrong."""
# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tornado.web import HTTPError

from stormplay import addresses
from stormplay.errors import StormplayError
from stormplay.server.cookies import Guarded

TEMPLATES = Path(__file__).resolve().parents[1] / "share" / "jupyter" / "voila" / "templates" / "stormplay"
STATIC = TEMPLATES / "static"

_SENTENCES = {
    403: "This is not open to you.",
    404: "There is no such page here.",
    405: "That cannot be done here.",
    414: "The address of this page is too long.",
    503: "Stormplay cannot serve this page right now. Try again in a minute.",
}
_UNEXPECTED = "Something went wrong on the server. Reload the page; if it stays so, tell your administrator."

# What a page may load and do. Widgets are compiled in the browser and their scripts come with the kernel's messages,
# hence unsafe-eval and blob; nothing may come from, or go to, another server.
_POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob:",
    "frame-src": "'self' blob: data:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def policy(logout_url: str = "") -> str:
    """The Content-Security-Policy.

    Args:
        logout_url: Where 'Sign out' leads; a browser follows a form there only if the policy names the place.
    """
    parts = urlsplit(logout_url)
    place = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
    return "; ".join(f"{name} {sources}{place if name == 'form-action' else ''}" for name, sources in _POLICY.items())


HEADERS = {
    "Content-Security-Policy": policy(),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Referrer-Policy": "same-origin",
    "Server": "Stormplay",
    "X-Content-Type-Options": "nosniff",
}


@cache
def asset(name: str) -> str:
    """The address of an own static file below the base URL, with its digest, so that browsers may keep it for good."""
    return addresses.for_good(f"static/{name}", (STATIC / name).read_bytes())


class Page(Guarded):
    """A handler that answers with a page in the frame."""

    @property
    def stormplay(self) -> Any:
        """The server."""
        return self.settings["stormplay"]

    def set_default_headers(self) -> None:
        """Let nobody keep what is made for one person: no proxy, and no browser that goes back after a sign-out."""
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")

    def show(self, template: str, **names: Any) -> None:
        """Write a page."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.write(self.settings["voila_jinja2_env"].get_template(template).render(**self._common(), **names))

    def write_error(self, status_code: int, **given: Any) -> None:
        """Say what is wrong in a sentence. Our own errors speak for themselves, no other exception does."""
        _, raised, _ = given.get("exc_info") or (None, None, None)
        reason = raised.__cause__ if isinstance(raised, HTTPError) else None
        sentence = _SENTENCES.get(status_code, _UNEXPECTED)
        self.say(str(reason) if isinstance(reason, StormplayError) else sentence, status_code)

    def say(self, sentence: str, status: int, retry: str = "") -> None:
        """Write a page that holds one sentence.

        Args:
            sentence: What to say.
            status: The HTTP status.
            retry: A path to offer as 'Try again'.
        """
        self.set_status(status)
        self.show(
            "error.html", sentence=sentence, status=status, retry=retry, number=self.number if status >= 400 else ""
        )

    def _common(self) -> dict[str, Any]:
        visitor = self.current_user if getattr(self, "_jupyter_current_user", None) else None
        return {
            "asset": lambda name: self.base_url + asset(name),
            "base_url": self.base_url,
            "person": visitor.display_name if visitor else "",
            "here": self.request.uri if self.request.method == "GET" and "/voila/render/" in self.request.path else "",
            "way_in": "Try again" if self.identity_provider.proxy.names_people else "Sign in",
            "xsrf": self.xsrf_token.decode("ascii"),
            "acts": self.stormplay.acts(self.request) if visitor else [],
        }


class Elsewhere(Page):
    """Whatever no other route knows: the login page for strangers, 'no such page' for visitors."""

    async def prepare(self) -> None:
        """Refuse once it is known who asks."""
        await super().prepare()
        if not self._finished:
            self.send_error(404)
