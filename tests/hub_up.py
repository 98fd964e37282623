"""JupyterHub as a real process with its proxy, and a person's browser by hand: cookies, redirects, forms, a kernel."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.cookiejar import CookieJar
from ipaddress import ip_address
from pathlib import Path
from socket import create_server
from urllib.parse import urlencode, urlsplit

import configurable_proxy
import psutil
import websocket
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from oidc import Provider

CONFIG = Path(__file__).resolve().parents[1] / "deploy" / "jupyterhub_config.py"
FORM = re.compile(r'name="(\w+)" value="([^"]*)"')


# ---- the hub


def free_ports(count: int) -> list[int]:
    probes = [create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@dataclass
class Hub:
    """A hub's processes, its folder, and what it was told."""

    folder: Path
    settings: dict[str, str]
    port: int
    flags: list[str]
    process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def trust(self) -> ssl.SSLContext:
        """Trust in this hub's certificate and in no other."""
        return ssl.create_default_context(cafile=str(self.folder / "hub.crt"))

    @property
    def log(self) -> Path:
        return self.folder / "hub.log"

    def start(self, seconds: float = 120) -> None:
        program = Path(sys.executable).with_name("jupyterhub")
        with self.log.open("a") as said:
            self.process = subprocess.Popen(
                [program, "-f", CONFIG, *self.flags], env=self.settings, cwd=self.folder, stdout=said, stderr=said
            )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            with suppress(OSError):
                urllib.request.urlopen(f"{self.url}/hub/health", timeout=5, context=self.trust).close()
                return
            time.sleep(0.1)
        raise AssertionError(f"the hub did not answer: {self.log.read_text()}")

    def family(self) -> list[psutil.Process]:
        """Everything that the hub started, and what that started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self) -> None:
        """As systemd does it; what is left of the proxy after a kill of the hub ends too."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
        left = self.folder / "state" / "proxy.pid"
        if left.exists():
            with suppress(psutil.NoSuchProcess):
                psutil.Process(int(left.read_text())).kill()


def settings_of(folder: Path, provider: Provider, port: int, **more: str) -> dict[str, str]:
    """The environment of a hub, as docs/JUPYTERHUB.md describes it."""
    return {
        **os.environ,
        "PATH": f"{configurable_proxy.find().parent}{os.pathsep}{os.environ['PATH']}",
        "STORMPLAY_HUB_BIND": f"https://127.0.0.1:{port}",
        "STORMPLAY_HUB_STATE": str(folder / "state"),
        "STORMPLAY_HUB_TICK_S": "1",
        "STORMPLAY_HUB_URL": f"https://127.0.0.1:{port}",
        "STORMPLAY_LAB_HOME": str(folder / "labs"),
        "STORMPLAY_OIDC_CLIENT_ID": provider.client_id,
        "STORMPLAY_OIDC_CLIENT_SECRET": provider.client_secret,
        "STORMPLAY_OIDC_ISSUER": provider.issuer,
        **more,
    }


def certified(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate of this machine's own, for an hour."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stormplay test")])
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(hours=1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    paths = (folder / "hub.key", folder / "hub.crt")
    for path, content in zip(paths, (private, made.public_bytes(pem)), strict=True):
        path.write_bytes(content)
    return paths


@contextmanager
def serving(folder: Path, provider: Provider, **more: str):
    """A running hub on free ports."""
    folder.mkdir(parents=True, exist_ok=True)
    port, proxy_port, hub_port = free_ports(3)
    provider.callback = f"https://127.0.0.1:{port}/hub/oauth_callback"
    flags = [
        f"--ConfigurableHTTPProxy.api_url=http://127.0.0.1:{proxy_port}",
        f"--JupyterHub.hub_port={hub_port}",
        "--Authenticator.auth_refresh_age=1",
        "--Spawner.poll_interval=1",
    ]
    key, certificate = certified(folder)
    more |= {"STORMPLAY_HUB_CERTIFICATE": str(certificate), "STORMPLAY_HUB_KEY": str(key)}
    hub = Hub(folder, settings_of(folder, provider, port, **more), port, flags)
    try:
        hub.start()
        yield hub
    finally:
        hub.stop()


# ---- a person's browser


@dataclass
class Answer:
    status: int
    url: str
    body: str

    @property
    def path(self) -> str:
        return urlsplit(self.url).path


@dataclass
class Person:
    """Somebody in front of a browser."""

    hub: Hub
    name: str
    cookies: CookieJar = field(default_factory=CookieJar)
    kernel_id: str = ""

    def ask(self, method: str, url: str, body: bytes | None = None, **headers: str) -> Answer:
        """What the browser shows at the end of all redirects."""
        url = url if "://" in url else self.hub.url + url
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(url, body, sent, method=method)
        opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self.cookies), urllib.request.HTTPSHandler(context=self.hub.trust)
        )
        try:
            with opener.open(request, timeout=60) as found:
                return Answer(found.status, found.url, found.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.url, error.read().decode())

    def get(self, url: str) -> Answer:
        return self.ask("GET", url)

    def api(self, method: str, path: str, content: object = None) -> Answer:
        """A request of a page of the hub or of a server, with the token against forged ones."""
        body = None if content is None else json.dumps(content).encode()
        return self.ask(method, path, body, X_XSRFToken=self.xsrf(path), Content_Type="application/json")

    def sign_in(self, then: str = "/hub/") -> Answer:
        """Open the hub, be sent to the provider, type one's name there, be sent back."""
        form = self.get(then)
        assert form.path == "/authorize", form
        return self._type_name(form)

    def sign_in_again(self) -> Answer:
        """What a page of the hub shows, after the provider's form if that is asked for."""
        found = self.get("/hub/home")
        return self._type_name(found) if found.path == "/authorize" else found

    def _type_name(self, form: Answer) -> Answer:
        fields = {**dict(FORM.findall(form.body)), "subject": self.name}
        return self.ask("POST", form.url, urlencode(fields).encode())

    def start(self, seconds: float = 120) -> Answer:
        """Start one's server and wait until it shows JupyterLab."""
        found, deadline = self.get("/hub/spawn"), time.monotonic() + seconds
        while not found.path.startswith(f"/user/{self.name}/"):
            assert found.status == 200 and time.monotonic() < deadline, (found, self.hub.log.read_text())
            time.sleep(0.2)
            found = self.get(f"/hub/spawn-pending/{self.name}")
        return found

    def run(self, *lines: str) -> object:
        """What a kernel of one's server prints as JSON when it runs these lines."""
        base = f"/user/{self.name}/api/kernels"
        if not self.kernel_id:
            started = self.api("POST", base, {})
            assert started.status == 201, started
            self.kernel_id = json.loads(started.body)["id"]
        return json.loads(self._run(f"{base}/{self.kernel_id}/channels", "\n".join(lines)))

    def channel(self, path: str) -> websocket.WebSocket:
        url = f"wss://127.0.0.1:{self.hub.port}{path}?_xsrf={self.xsrf(path)}"
        trust = {"ca_certs": str(self.hub.folder / "hub.crt")}
        return websocket.create_connection(
            url, timeout=60, cookie=self.cookie(path), suppress_origin=True, sslopt=trust
        )

    def _run(self, path: str, code: str) -> str:
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": uuid.uuid4().hex,
                  "username": "x", "date": "2021-04-28T19:06:00Z", "version": "5.3"}  # fmt: skip
        content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        channel, printed = self.channel(path), ""
        try:
            channel.send(json.dumps(message))
            while True:
                heard = json.loads(channel.recv())
                if heard["parent_header"].get("msg_id") != header["msg_id"]:
                    continue
                if heard["msg_type"] == "stream" and heard["content"]["name"] == "stdout":
                    printed += heard["content"]["text"]
                assert heard["msg_type"] != "error", "\n".join(heard["content"]["traceback"])
                if heard["content"].get("execution_state") == "idle":
                    return printed
        finally:
            channel.close()

    def xsrf(self, path: str) -> str:
        return next((each.value for each in self._sent(path) if each.name == "_xsrf"), "")

    def cookie(self, path: str) -> str:
        return "; ".join(f"{each.name}={each.value}" for each in self._sent(path))

    def _sent(self, path: str) -> list:
        """The cookies that a browser sends to a path, those of the longest path first."""
        found = [each for each in self.cookies if path.startswith(each.path)]
        return sorted(found, key=lambda each: -len(each.path))
