"""Static files: our own, the widget front end's, and the few extensions that a page needs.

All but the style sheet of the login page ask for a login.
"""
# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

import mimetypes
import re
from functools import cache
from pathlib import Path
from typing import Any

import voila
from jupyter_core.paths import jupyter_path
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyterlab_server.config import get_federated_extensions
from tornado.web import HTTPError, StaticFileHandler, authenticated
from voila.utils import get_voila_labextensions_path

from stormplay import addresses, charts, logs
from stormplay.maps.head import FILE, map_head
from stormplay.server import bundle
from stormplay.server.cookies import Guarded
from stormplay.server.frame import STATIC
from stormplay.server.packing import Packed

PUBLIC = frozenset({"frame.js", "stormplay.css", "tokens.css"})
EXTENSIONS = ("@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8", "anywidget")
_packed = Packed()
_FOREVER = "private, max-age=31536000, immutable"


class Static(Guarded, StaticFileHandler):
    """A folder of files, for visitors only.

    Files whose address changes with their content are kept by the browser for good.
    """

    _small: Path | None = None

    def initialize(self, path: str, immutable: bool = False) -> None:
        """Set the folder, and whether its addresses carry a version."""
        super().initialize(path=path)
        self._immutable = immutable

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        """The file to send: the compressed one where there is one and the browser reads it."""
        found: str | None = super().validate_absolute_path(root, absolute_path)
        if (
            found is None
            or "Range" in self.request.headers
            or "gzip" not in self.request.headers.get("Accept-Encoding", "")
        ):
            return found
        self._small = _packed.find(Path(found))
        return str(self._small or found)

    def get_content_size(self) -> int:
        """Bytes that are sent."""
        return int(super().get_content_size()) if self._small is None else self._small.stat().st_size

    def get_content_type(self) -> str:
        """What the file is, compressed or not."""
        if self._small is None:
            return str(super().get_content_type())
        return mimetypes.guess_type(self.path)[0] or "application/octet-stream"

    @authenticated
    async def get(self, path: str, include_body: bool = True) -> None:
        """Send a file."""
        if "\0" in path:  # no file has such a name, and asking for one is an error of its own
            raise HTTPError(404)
        await _packed.pack(Path(self.root), path)
        await super().get(path, include_body)

    @authenticated
    async def head(self, path: str) -> None:
        """Say what a file is."""
        await super().head(path)

    def get_login_url(self) -> str:
        """No way to the login from here: a script that is refused should not become a login page."""
        raise HTTPError(403)

    def set_extra_headers(self, path: str) -> None:
        """Say how long the file may be kept."""
        versioned = self._immutable or "v" in self.request.query_arguments
        self.set_header("Cache-Control", _FOREVER if versioned else "no-cache")
        self.set_header("Vary", "Accept-Encoding")
        if self._small is not None:
            self.set_header("Content-Encoding", "gzip")

    def write_error(self, status_code: int, **_: Any) -> None:
        """Say nothing about it."""
        self.finish()


class OwnStatic(Static):
    """Our own files, of which the login page's are open to everybody."""

    async def prepare(self) -> None:
        """Ask who it is, but for what is open to everybody: who is refused should see a page that says so."""
        if self.path_args[0] not in PUBLIC:
            await super().prepare()
            return
        self.current_user = self._jupyter_current_user = None
        logs.bind(request=self.number)
        if not self.check_host():
            raise HTTPError(403)

    @allow_unauthenticated
    async def get(self, path: str, include_body: bool = True) -> None:
        """Send a file."""
        if path in PUBLIC:
            await _packed.pack(Path(self.root), path)
            await StaticFileHandler.get(self, path, include_body)
        else:
            await super().get(path, include_body)

    @allow_unauthenticated
    async def head(self, path: str) -> None:
        """Say what a file is."""
        await self.get(path, include_body=False)


def extensions() -> dict[str, tuple[Path, dict[str, Any]]]:
    """The extensions in use: name -> its folder, and what the front end has to know of it."""
    found = get_federated_extensions(get_voila_labextensions_path())
    wanted = {name: found[name] for name in EXTENSIONS if name in found}
    return {
        name: (Path(data["ext_path"]), {"name": name, **{
            key: data["jupyterlab"]["_build"].get(key) for key in ("load", "extension", "style")
            if data["jupyterlab"]["_build"].get(key)
        }})
        for name, data in wanted.items()
    }  # fmt: skip


def front_end() -> Path:
    """The folder of Voilà's scripts."""
    places = [Path(root) / "voila" / "templates" / "base" / "static" for root in jupyter_path()]
    return next(place for place in places if (place / "voila.js").is_file())


@cache
def _front_end_script() -> str:
    return bundle.front_end(front_end(), {name: folder for name, (folder, _) in extensions().items()})


async def pack_front_end() -> None:
    """Compress the largest file before somebody waits for it."""
    await _packed.pack(_packed.hold(bundle.FILE, _front_end_script()), bundle.FILE)


def routes(base_url: str) -> list[tuple[Any, ...]]:
    """The routes of all static files."""
    version = voila.__version__
    made_here = {FILE: map_head(), bundle.FILE: _front_end_script()}
    made: list[tuple[Any, ...]] = [
        *(
            (f"{base_url}static/({re.escape(name)})", Static, {"path": str(_packed.hold(name, text))})
            for name, text in made_here.items()
        ),
        (f"{base_url}static/plotly/(.*)", Static, {"path": str(charts.FOLDER)}),
        (f"{base_url}static/(.*)", OwnStatic, {"path": str(STATIC)}),
        (f"{base_url}voila/static/{version}/(.*)", Static, {"path": str(front_end()), "immutable": True}),
    ]
    for name, (folder, build) in extensions().items():
        # Their entry's name holds a digest, and so do the names of all that it loads.
        made.append((f"{base_url}voila/labextensions/{name}/(static/.*)", Static,
                     {"path": str(folder), "immutable": bool(build)}))  # fmt: skip
    return made


def page_config(base_url: str) -> dict[str, Any]:
    """What the front end reads before it starts."""
    return {
        "appUrl": "voila/",
        "appVersion": voila.__version__,
        "baseUrl": base_url,
        "disabledExtensions": [],
        "extensionConfig": {},
        "frontEnd": addresses.for_good(f"{base_url}static/{bundle.FILE}", _front_end_script()),
        "federated_extensions": [build for _, build in extensions().values()],
        "fullLabextensionsUrl": f"{base_url}voila/labextensions",
        # No formulas, or MathJax (0.9 MB) is loaded and takes the text between two prices for one.
        "fullMathjaxUrl": f"{base_url}static/no_math.js",
        "fullStaticUrl": f"{base_url}voila/static/{voila.__version__}",
        "jupyterLabTheme": "light",
        "mathjaxConfig": "none",
        "progressiveRendering": False,
        "terminalsAvailable": False,
    }
