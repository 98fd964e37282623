"""The cookies' names and flags, as strict as a visitor's browser can have them; and TLS for good where there is TLS."""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

from typing import Any

from jupyter_server.base.handlers import JupyterHandler

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

    def set_default_headers(self) -> None:
        """Ask for TLS from now on, where there is TLS."""
        super().set_default_headers()
        if self.is_https:
            self.set_header("Strict-Transport-Security", ONE_YEAR)

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
