"""The server: Voilà's application with our own doors. Its routes are a list of what is there; nothing else is."""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

import asyncio
import contextvars
import logging
import shutil
import socket
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.web import Application, RequestHandler
from traitlets import Float, Instance, Integer, Unicode
from traitlets.config import Config
from voila.app import Voila
from voila.configuration import VoilaConfiguration

from stormplay.errors import StormplayError
from stormplay.server import assets, doors, metrics, snapshots
from stormplay.server.book import Shelf
from stormplay.server.channels import Cells, Channels, EndVisit, KernelState, Owner, Quiet
from stormplay.server.frame import HEADERS, TEMPLATES, Elsewhere, policy
from stormplay.server.health import Health, Live, Pulse, Ready
from stormplay.server.identity import Identity, Visitor
from stormplay.server.keeping import AtWork
from stormplay.server.kernels import Kernels
from stormplay.server.listening import Signals, bind
from stormplay.server.logs import answered, begin
from stormplay.server.metering import Metering
from stormplay.server.pages import Home, NotebookPage, navigation
from stormplay.server.periodic import Periodic
from stormplay.server.proxy import Proxy, check_logout_url, check_public_url
from stormplay.server.reruns import Reruns
from stormplay.server.retiring import Retirement
from stormplay.server.slos import EVERY_S, Slos
from stormplay.server.timing import Timing

T = TypeVar("T")
_KERNEL = r"(?P<kernel_id>[0-9a-f-]{36})"
_LARGEST_BODY = 64 * 1024  # a login form; nothing larger is ever sent here

_SETTINGS: dict[str, Any] = {
    "VoilaConfiguration": {
        "multi_kernel_manager_class": Kernels,
        "template": "stormplay",
        "show_tracebacks": False,
        "extension_allowlist": list(assets.EXTENSIONS),
    },
    "KernelManager": {
        "autorestart": False,  # a restarted kernel has forgotten its page
        "transport": "ipc",  # sockets in a folder of ours: no port of a kernel is open to anybody on this machine
    },
    "KernelSpecManager": {"allowed_kernelspecs": {"python3"}},
    "Voila": {
        "authorizer_class": Owner,
        "identity_provider_class": Identity,
        "kernel_websocket_connection_class": Quiet,
        "open_browser": False,
    },
}

LARGEST_MESSAGE_BYTES = 32 * 2**20  # a photo of 25 MB and what is said with it; each comes in a message of its own


class StormplayServer(Voila):
    """Serves the notebooks of a folder to people who sign in.

    Attributes:
        public_url: The address that visitors use, where it is not the one listened on (behind a TLS proxy).
        shelf: The notebooks.
        proxy: Which proxies are believed.
        page_config: What the front end reads before it starts.
    """

    public_url = Unicode("", config=True, help="Address that visitors use, such as https://play.example.org/.")
    # Longer than a proxy keeps a connection for its next request: nginx 60 s, Caddy 120 s. It would meet a closed door.
    patience_s = Float(150.0, config=True, help="Seconds that a connection may take to say what it wants.")
    drain_s = Float(0.0, config=True, help="Seconds to go on, not ready, once told to stop; for a load balancer.")
    retire_every_h = Float(24.0, config=True, help="Hours between two lettings go of old history; 0: never.")
    metrics_port = Integer(0, config=True, help="Port on which Prometheus reads figures; 0: none.")
    metrics_ip = Unicode("127.0.0.1", config=True, help="Address for it; beyond loopback a token is needed.")
    slo_every_s = Float(EVERY_S, config=True, help="Seconds between two looks at the objectives.")
    snapshots_mb = Integer(256, config=True, help="MB for what pages showed last; 0: nothing is kept.")
    reports = Unicode("reports", config=True, help="Folder for a report that is first made from a page.")
    shelf = Instance(Shelf)
    proxy = Instance(Proxy, ())

    def _log_default(self) -> logging.Logger:
        return logging.getLogger("stormplay.server")

    def _configure_logging(self) -> None:
        """Nothing: `stormplay.logs` says where the log goes, and in which shape."""

    def initialize(self, argv: list[str] | None = None) -> None:
        """Take what the constructor was given. No file that lies about may weaken a door, and no argument."""
        self.voila_configuration = VoilaConfiguration(parent=self)
        self.setup_template_dirs()

    def setup_template_dirs(self) -> None:
        """One template, ours, wherever this package is installed."""
        self.template_paths, self.static_paths = [str(TEMPLATES)], [str(TEMPLATES / "static")]

    def init_settings(self) -> dict[str, Any]:
        """Voilà's settings with what makes them safe."""
        self.page_config = assets.page_config(self.base_url)
        self.meters = metrics.Meters(lambda: len(self.kernel_manager.visits))
        self.snapshots = snapshots.Snapshots(self.snapshots_mb * 1_000_000)
        self.slos = Slos(self.meters, self.log, self.slo_every_s)
        self._login_threads = ThreadPoolExecutor(2, thread_name_prefix="login")
        self._health_thread, self.pulse = ThreadPoolExecutor(1, thread_name_prefix="health"), Pulse(self)
        local = {"localhost", self.ip, urlsplit(self.public_url).hostname}
        made_by_voila = super().init_settings()
        self.identity_provider.proxy = self.proxy
        return {
            **made_by_voila,
            "allow_remote_access": not self._is_loopback(),
            "default_handler_class": Elsewhere,
            "headers": HEADERS | {"Content-Security-Policy": policy(self.identity_provider.proxy_logout_url)},
            "local_hostnames": sorted(filter(None, local)),
            "log_function": self._log_request,
            "serve_traceback": False,
            "stormplay": self,
            "websocket_max_message_size": LARGEST_MESSAGE_BYTES,
            "xsrf_cookie_kwargs": {},  # `cookies` knows its flags, which differ from request to request
        }

    def init_handlers(self) -> list[tuple[Any, ...]]:
        """Every route there is."""
        base = self.base_url
        return [
            (base, Home),
            (rf"{base}voila/render/(?P<name>[^/]+)\.ipynb", NotebookPage),
            (rf"{base}api/kernels/{_KERNEL}", KernelState),
            (rf"{base}api/kernels/{_KERNEL}/channels", Channels),
            (rf"{base}voila/execution/{_KERNEL}", Cells),
            (rf"{base}voila/api/shutdown/{_KERNEL}", EndVisit),
            (rf"{base}voila/api/work/{_KERNEL}", AtWork),
            (rf"{base}health/live", Live),
            (rf"{base}health/ready", Ready),
            *((base.rstrip("/") + path, handler) for path, handler in doors.handlers()),
            *snapshots.routes(base, _KERNEL),
            *assets.routes(base),
        ]

    def acts(self, request: HTTPServerRequest) -> list[dict[str, Any]]:
        """The navigation as seen from a page; see `pages.navigation`."""
        return navigation(self.shelf, self.base_url, request)

    def timing(self, visitor: Visitor, tenant: str, request: HTTPServerRequest) -> Timing:
        """A clock for a page that was asked for."""
        return Timing(self.slos.saw, visitor.username, tenant, request.request_time())

    def is_https(self, request: HTTPServerRequest) -> bool:
        """Whether the visitor's browser speaks TLS, with us or with the proxy before us."""
        told = self.identity_provider.proxy.is_https(request)
        return told or "https" in (urlsplit(self.public_url).scheme, request.protocol)

    async def check(self, function: Callable[..., T], *args: Any) -> T:
        """Check a password in a thread of its own kind: a crowd at the login must not hold up those inside."""
        within = contextvars.copy_context()  # what it logs belongs to the same request
        return await asyncio.get_running_loop().run_in_executor(self._login_threads, within.run, function, *args)

    async def ask_health(self, function: Callable[[], bool]) -> bool:
        """Ask in a thread that does nothing else: whether the database answers must not depend on a queue."""
        return await asyncio.get_running_loop().run_in_executor(self._health_thread, function)

    _metrics_sockets: Sequence[socket.socket] = ()

    async def run(self, sockets: list[socket.socket], ready: Callable[[str], None] | None) -> None:
        """Serve on bound sockets until SIGINT or SIGTERM, then end every kernel and close every login."""
        self.connection_dir = _run_folder()
        stop = asyncio.Event()
        try:
            settings = self.init_settings()
            self.app = Application(self.init_handlers(), **settings)
            server = HTTPServer(
                self.app, max_body_size=_LARGEST_BODY, max_buffer_size=16 * 1024 * 1024,
                idle_connection_timeout=self.patience_s, body_timeout=self.patience_s,
            )  # fmt: skip
            server.add_sockets(sockets)
            self.kernel_manager.watch()
            beside = self._beside()
            for each in beside:
                each.start()
            packing = asyncio.create_task(assets.pack_front_end())
            figures = metrics.serve(self.meters, self._metrics_sockets)
            with Signals(stop):
                if ready is not None:
                    ready(self.public_url or self._url(self.ip))
                await stop.wait()
                self.pulse.is_draining = True
                await asyncio.sleep(self.drain_s)
            await packing
            server.stop()
            figures.stop()
            *others, counting = beside
            await _stopped(others)
            await self.kernel_manager.end_all()
            await _stopped([counting])
            await server.close_all_connections()
        finally:
            shutil.rmtree(self.connection_dir, ignore_errors=True)

    def _beside(self) -> list[Periodic]:
        """What goes on beside pages. The last one counts them, so it ends after they have."""
        reruns = Reruns(self.kernel_manager, self.shelf, Path(self.reports).resolve(), self.log)
        return [reruns, Retirement(3600 * self.retire_every_h), Metering(self.log), self.slos]

    def bind_metrics(self) -> None:
        """Take the port for figures, where one is wanted.

        Raises:
            PortTaken, BadInput: It cannot be used, or would be open to anybody.
        """
        if self.metrics_port:
            metrics.check(self.metrics_ip)
            self._metrics_sockets = bind(self.metrics_ip, self.metrics_port)

    def _is_loopback(self) -> bool:
        return metrics.is_loopback(self.ip)

    def _log_request(self, handler: RequestHandler) -> None:
        answered(handler, self.proxy, is_quiet=isinstance(handler, assets.Static | Health))


async def _stopped(those: Sequence[Periodic]) -> None:
    """Stop them at once, and wait for all."""
    loop = asyncio.get_running_loop()
    await asyncio.gather(*(loop.run_in_executor(None, each.stop) for each in those))


def _run_folder() -> str:
    """A folder readable by us alone, for the kernels' sockets; their paths end at 107 bytes, so it must be short."""
    short = Path("/tmp")  # noqa: S108 - a folder of its own is made in it
    return tempfile.mkdtemp(prefix="stormplay-", dir=short if short.is_dir() else None)


def serve(
    *,
    port: int = 8866,
    ip: str = "127.0.0.1",
    notebooks: Path,
    ready: Callable[[str], None] | None = None,
    public_url: str = "",
    trusted_proxies: Sequence[str] = (),
    proxy_user_header: str = "",
    settings: dict[str, Any] | None = None,
) -> None:
    """Serve the notebooks of a folder until SIGINT or SIGTERM; then end every kernel and close every login.

    Args:
        port: Port to listen on; no other one is tried.
        ip: Address to listen on.
        notebooks: The folder.
        ready: Called with the address once the server listens.
        public_url: The address that visitors use, behind a proxy that speaks TLS.
        trusted_proxies: Addresses and networks of proxies that are believed; see `server.proxy`.
        proxy_user_header: The header in which such a proxy names the person; '' where people sign in here.
        settings: More settings by class and name, such as `{"Kernels": {"most": 40}}`.

    Raises:
        PortTaken: Somebody else listens on the port.
        BadInput: There is no such address or port on this machine, or it may not be used; or a proxy's address or
            header, the public address, or the one to go to after signing out, cannot be used.
    """
    proxy = Proxy(trusted_proxies, proxy_user_header)
    check_public_url(public_url)
    check_logout_url((settings or {}).get("Identity", {}).get("proxy_logout_url", ""))
    sockets = bind(ip, port)
    begin(port)
    server = made(port, ip, notebooks, public_url, settings or {}, proxy)
    try:
        server.bind_metrics()
    except StormplayError:
        for taken in sockets:
            taken.close()
        raise
    asyncio.run(server.run(sockets, ready))


def made(
    port: int, ip: str, notebooks: Path, public_url: str, settings: dict[str, Any], proxy: Proxy | None = None
) -> StormplayServer:
    """A server as `serve` runs it, before it listens."""
    config = Config(_SETTINGS)
    config.merge(Config(settings))
    server = StormplayServer(
        config=config, port=port, ip=ip, root_dir=str(notebooks), public_url=public_url, shelf=Shelf(notebooks)
    )
    server.initialize()
    server.proxy = proxy or Proxy()
    return server
