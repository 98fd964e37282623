"""The embedded Postgres: one server per project folder, shared by every process that uses it."""

from stormplay.embedded.place import Place, home
from stormplay.embedded.server import DATABASE, ensure_running, stop, url, url_for

__all__ = ["DATABASE", "Place", "ensure_running", "home", "stop", "url", "url_for"]
