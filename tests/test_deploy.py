"""The files in deploy/ and the page that explains them, really used: proxies with TLS, a unit, a team from nothing."""

from __future__ import annotations

import configparser
import http.client
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import debian
import psycopg2
import pytest
import websocket
from sqlalchemy.engine import make_url
from typer.main import get_command

sys.path.insert(0, str(Path(__file__).parent / "server"))

import books
from visitor import Site, Visitor, eventually, free_port, popen, serving, texts

from stormplay import embedded
from stormplay.embedded.place import socket_folder

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "docs" / "DEPLOY.md"
NAME = "play.example.org"
PUBLIC = f"https://{NAME}"
USER_HEADER = "X-Forwarded-User"


# ---- proxies, with nothing changed but ports and paths


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run([debian.program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "1", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}",
                    "-out", cert, "-keyout", key], check=True, capture_output=True)  # fmt: skip
    return SimpleNamespace(cert=cert, key=key)


@contextmanager
def nginx(folder, certificate, backend, oidc=None):
    """nginx with deploy/nginx.conf on free ports. Yields its port for TLS and the one for plain requests."""
    folder.mkdir()
    secure, plain = free_port(), free_port()
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    if oidc:
        text = text.replace("#oidc ", "").replace("127.0.0.1:4180", f"127.0.0.1:{oidc}")
    text = re.sub(r"listen \[::\].*\n", "\n", text)
    text = text.replace("listen 443 ", f"listen 127.0.0.1:{secure} ").replace(
        "listen 80;", f"listen 127.0.0.1:{plain};"
    )
    text = re.sub(r"(ssl_certificate +)\S+;", rf"\g<1>{certificate.cert};", text)
    text = re.sub(r"(ssl_certificate_key +)\S+;", rf"\g<1>{certificate.key};", text)
    (folder / "stormplay.conf").write_text(text.replace("127.0.0.1:8866", f"127.0.0.1:{backend}"))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; {'user root;' if os.geteuid() == 0 else ''}\n"
        f"events {{}}\nhttp {{ access_log {folder}/access.log;\n{temporary} include {folder}/stormplay.conf; }}\n"
    )
    command = [debian.program("nginx"), "-e", folder / "error.log", "-c", folder / "nginx.conf"]
    with running(command, secure, folder):
        yield SimpleNamespace(secure=secure, plain=plain)


@contextmanager
def caddy(folder, certificate, backend):
    """Caddy with deploy/Caddyfile on free ports."""
    folder.mkdir()
    secure, plain = free_port(), free_port()
    text = (ROOT / "deploy" / "Caddyfile").read_text()
    text = text.replace("127.0.0.1:8866", f"127.0.0.1:{backend}")
    text = text.replace(f"{NAME} {{\n", f"{NAME} {{\n\ttls {certificate.cert} {certificate.key}\n")
    options = f"admin off\nhttp_port {plain}\nhttps_port {secure}\ndefault_bind 127.0.0.1\nstorage file_system {folder}"
    (folder / "Caddyfile").write_text(f"{{\n{options}\n}}\n{text}")
    command = [debian.program("caddy"), "run", "--adapter", "caddyfile", "--config", folder / "Caddyfile"]
    with running(command, secure, folder):
        yield SimpleNamespace(secure=secure, plain=plain)


@contextmanager
def running(command, port, folder):
    with (folder / "said.log").open("w") as said:
        environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
    try:
        eventually(lambda: answers(port) or process.poll() is not None, 20, every=0.05)
        assert process.poll() is None, "".join(log.read_text() for log in folder.glob("*.log"))
        yield process
    finally:
        process.terminate()
        process.wait(20)


def answers(port):
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


class Guest(Visitor):
    """A visitor who comes by TLS through a proxy, from an address of their own."""

    def __init__(self, site, proxy, certificate, come_from="127.0.0.2"):
        super().__init__(site)
        self.proxy, self.come_from = proxy, come_from
        self.context = ssl.create_default_context(cafile=certificate.cert)

    def line(self, name=NAME):
        raw = socket.create_connection(("127.0.0.1", self.proxy.secure), 60, source_address=(self.come_from, 0))
        return self.context.wrap_socket(raw, server_hostname=name)

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(NAME, timeout=60)
        connection.sock = self.line()
        with pytest.MonkeyPatch.context() as patch:  # the rest is as without TLS
            patch.setattr(http.client, "HTTPConnection", lambda *_args, **_more: connection)
            return super().ask(method, path, body, **headers)

    def socket(self, path, **options):
        options.setdefault("origin", PUBLIC)
        made = websocket.create_connection(f"wss://{NAME}{path}", timeout=60, cookie=self.cookie() or None,
                                           socket=self.line(), **options)  # fmt: skip
        self.sockets.append(made)
        return made


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory):
    return books.write(tmp_path_factory.mktemp("books") / "notebooks")


@pytest.fixture(scope="module")
def site(database, notebooks, tmp_path_factory):
    """The server, told what the unit tells it."""
    told = {"public_url": f"{PUBLIC}/", "trusted_proxies": ["127.0.0.1"]}
    with serving(tmp_path_factory.mktemp("behind"), database, notebooks, **told) as running_site:
        yield running_site


@pytest.fixture(scope="module", params=[nginx, caddy])
def front(request, site, certificate, tmp_path_factory):
    with request.param(tmp_path_factory.mktemp("front") / "proxy", certificate, site.port) as proxy:
        yield proxy


@pytest.fixture
def guest(site, front, certificate):
    made = []

    def make(**more):
        made.append(Guest(site, front, certificate, **more))
        return made[-1]

    yield make
    for each in made:
        each.leave()


def test_sign_in_over_tls_and_use_a_page(guest):
    ana = guest()
    answer = ana.sign_in("ana")
    assert answer.status == 303, answer.body
    assert answer.headers["Location"] == "/"
    for line in answer.headers.get_all("Set-Cookie"):
        assert "; secure" in line.lower(), line
        assert "; samesite=lax" in line.lower(), line
    assert any("; httponly" in line.lower() for line in answer.headers.get_all("Set-Cookie"))
    page = ana.open("who", "?tenant=lone-star")
    seen = page.printed()  # what cells print comes by a websocket
    assert seen["name"] == "Ana Torres"
    assert "lone-star" in seen["tenants"]
    assert "trinity" not in seen["tenants"]
    assert page.channel().info()[-1]["msg_type"] in ("kernel_info_reply", "status")
    assert page.close().status in (200, 204)


def test_a_socket_from_another_site_is_refused(guest):
    ana = guest()
    ana.sign_in("ana")
    page = ana.open("plain")
    with pytest.raises(websocket.WebSocketBadStatusException):
        ana.socket(f"/voila/execution/{page.kernel_id}", origin="https://evil.example")
    assert texts(page.run()) == ["42"]


def test_plain_requests_are_sent_on_to_tls(front):
    connection = http.client.HTTPConnection("127.0.0.1", front.plain, timeout=10)
    connection.request("GET", "/voila/render/who.ipynb?tenant=a&storm=b", headers={"Host": NAME})
    answer = connection.getresponse()
    assert answer.status in (301, 308)
    to = answer.headers["Location"]
    assert re.fullmatch(rf"https://{NAME}(:\d+)?/voila/render/who\.ipynb\?tenant=a&storm=b", to), to
    connection.close()


def test_another_name_gets_nothing(guest, front, certificate):
    with pytest.raises(ssl.SSLError):
        guest().line("evil.example")
    with pytest.raises(ssl.SSLError):
        guest().line("127.0.0.1")
    connection = http.client.HTTPConnection(NAME, timeout=10)
    connection.sock = guest().line()
    connection.request("GET", "/login", headers={"Host": "evil.example"})
    assert b"password" not in connection.getresponse().read()
    connection.close()


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "x-forwarded-for"])
def test_a_forged_address_is_not_believed(guest, site, header):
    visitor, forged, since = (
        guest(come_from=f"127.0.3.{secrets.randbelow(250)}"),
        f"10.9.8.{secrets.randbelow(250)}",
        len(site.said()),
    )
    value = f"for={forged}" if header == "Forwarded" else forged
    typed = {"username": secrets.token_hex(4), "password": "wrong"}
    answer = visitor.post("/login", typed, **{header.replace("-", "_"): value})
    assert answer.status == 401
    eventually(lambda: f'"address": "{visitor.come_from}"' in site.said(since))
    assert forged not in site.said(since)


def test_the_address_is_believed_from_the_proxy(site):
    """Beside the forged ones: the same header does count where the trusted proxy's address sends it."""
    since = len(site.said())
    Visitor(site).post("/login", {"username": "ben", "password": "wrong"}, X_Forwarded_For="10.9.8.7")
    eventually(lambda: '"address": "10.9.8.7"' in site.said(since))


def test_too_large_a_request_stops_at_the_proxy(guest):
    assert guest().ask("POST", "/login", "x" * 70_000).status in (400, 413)


# ---- a proxy that names people


@pytest.fixture(scope="module")
def named_site(database, notebooks, tmp_path_factory):
    told = {"public_url": f"{PUBLIC}/", "trusted_proxies": ["127.0.0.1"], "proxy_user_header": USER_HEADER}
    with serving(tmp_path_factory.mktemp("named"), database, notebooks, **told) as running_site:
        yield running_site


FORGED = {
    "as it is": {USER_HEADER: "ana"},
    "small": {USER_HEADER.lower(): "ana"},
    "underscores": {"X_Forwarded_User": "ana"},
    "spaces": {f"{USER_HEADER} ": "ana"},
    "with what oauth2-proxy answers": {"X-Auth-Request-Preferred-Username": "ana", USER_HEADER: "ana"},
    "in Connection": {USER_HEADER: "ana", "Connection": f"close, {USER_HEADER}"},
}


def raw(guest, path, headers):
    """A request as written, for names that no client library lets pass."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {NAME}", "Connection: close", f"Cookie: {guest.cookie()}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with guest.line() as line:
        line.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = b""
        with suppress(ssl.SSLError, ConnectionError):
            while block := line.recv(65_536):
                answer += block
    return answer.decode(errors="replace")


@pytest.mark.parametrize("proxy", [nginx, caddy])
def test_a_forged_person_is_not_believed(named_site, certificate, tmp_path, proxy):
    believed = Visitor(named_site).get("/", X_Forwarded_User="ana")
    assert "Ana Torres" in believed.body, "the header means nothing here: this proves nothing"
    with proxy(tmp_path / "proxy", certificate, named_site.port) as front:
        for kind, headers in FORGED.items():
            answer = raw(Guest(named_site, front, certificate), "/", headers)
            assert "Ana Torres" not in answer, kind
            assert re.match(r"HTTP/1.1 (302|303|400|401|403)", answer), (kind, answer[:200])


class Provider(BaseHTTPRequestHandler):
    """oauth2-proxy's side of auth_request: who has its cookie is who the cookie says."""

    asked = []  # noqa: RUF012 - shared on purpose

    def do_GET(self):
        self.asked.append((self.path, dict(self.headers)))
        who = re.search(r"sso=([a-z]+)", self.headers.get("Cookie", ""))
        if self.path == "/oauth2/auth":
            self.send_response(202 if who else 401)
            if who:
                self.send_header("X-Auth-Request-Preferred-Username", who[1])
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"sign in, then {self.headers['X-Auth-Request-Redirect']}".encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def oidc(named_site, certificate, tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with nginx(tmp_path / "proxy", certificate, named_site.port, oidc=server.server_port) as front:
        made = Guest(named_site, front, certificate)
        yield made
        made.leave()
    server.shutdown()
    server.server_close()


def test_who_signs_in_elsewhere_is_who_the_provider_says(oidc):
    answer = oidc.get("/voila/render/who.ipynb?tenant=a&storm=b")
    assert answer.body == "sign in, then /voila/render/who.ipynb?tenant=a&storm=b"
    oidc.cookies["sso"] = "ben"
    assert "Ben Okafor" in oidc.get("/").body
    seen = oidc.open("who").printed()
    assert seen["name"] == "Ben Okafor"
    assert "trinity" in seen["tenants"]
    assert "lone-star" not in seen["tenants"]
    for headers in FORGED.values():
        assert "Ana Torres" not in raw(oidc, "/", headers)
    assert "Ben Okafor" in raw(oidc, "/", FORGED["as it is"])
    oidc.cookies["sso"] = "nobody"
    assert oidc.get("/").status == 403
    del oidc.cookies["sso"]
    assert oidc.get("/").body.startswith("sign in")


# ---- the unit


def unit():
    parsed = configparser.RawConfigParser(strict=False)
    parsed.optionxform = str
    parsed.read(ROOT / "deploy" / "stormplay.service")
    return parsed["Service"]


def test_the_unit_is_one_and_gives_away_nothing(tmp_path):
    service = unit()
    assert service["User"] not in ("", "root")
    assert service["CapabilityBoundingSet"] == ""
    for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "RestrictSUIDSGID"):
        assert service[name] == "yes", name
    assert service["ProtectSystem"] == "strict"
    assert "STORMPLAY_DATABASE_URL" not in service.get("Environment", ""), "secrets are not in a unit"
    if checker := shutil.which("systemd-analyze"):
        text = (ROOT / "deploy" / "stormplay.service").read_text()
        here = tmp_path / "stormplay"  # a name without spaces, wherever the project is
        here.symlink_to(Path(sys.executable).with_name("stormplay"))
        (tmp_path / "stormplay.service").write_text(text.replace("/opt/stormplay/.venv/bin/stormplay", str(here)))
        done = subprocess.run([checker, "verify", tmp_path / "stormplay.service"], capture_output=True, text=True,
                              check=False)  # fmt: skip
        assert "stormplay.service" not in done.stderr, done.stderr


# ---- the page


def blocks(kind):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", DEPLOY.read_text(), re.MULTILINE | re.DOTALL)
    return [text for marked, text in found if marked == kind]


def commands():
    """Every `stormplay ...` that the page or the unit tells somebody to type, as lists of words."""
    text = "\n".join(blocks("")) + "\n" + "\n".join(re.findall(r"`(stormplay [^`]+)`", DEPLOY.read_text()))
    lines = [line for line in text.splitlines() if not line.startswith(("stormplay()", "git"))]
    found = [re.search(r"(?:^|/)stormplay ((?:up|[a-z]+) .*|[a-z]+$)", line) for line in lines]
    return [shlex.split(match[1]) for match in found if match] + [shlex.split(unit()["ExecStart"])[1:]]


def test_every_command_on_the_page_is_one():
    from stormplay.cli import app

    wanted = commands()
    assert {words[0] for words in wanted} >= {"migrate", "tenant", "user", "backup", "restore", "audit", "up"}
    for words in wanted:
        command, rest = get_command(app), list(words)
        while rest and rest[0] in getattr(command, "commands", {}):
            command = command.commands[rest.pop(0)]
        assert not getattr(command, "commands", None), words
        known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
        assert {word for word in rest if word.startswith("--")} <= known, words


def test_every_file_on_the_page_is_there():
    named = set(re.findall(r"`((?:deploy|docs|tests)/[\w./-]+)`", DEPLOY.read_text()))
    assert named >= {"deploy/nginx.conf", "deploy/Caddyfile", "deploy/jupyterhub_config.py"}
    assert {name for name in named if not (ROOT / name).exists()} == set()
    assert "/opt/stormplay/deploy/stormplay.service" in DEPLOY.read_text()


@pytest.fixture
def server_of_theirs(tmp_path, monkeypatch):
    """A PostgreSQL 18 with nothing on it, and its superuser's address."""
    monkeypatch.setenv("STORMPLAY_HOME", str(tmp_path / ".stormplay"))
    monkeypatch.delenv("STORMPLAY_DATABASE_URL", raising=False)
    embedded.ensure_running()
    yield make_url(embedded.url("postgres"))
    embedded.stop()
    shutil.rmtree(socket_folder(embedded.home()), ignore_errors=True)


def stormplay(words, address, **more):
    command = [Path(sys.executable).with_name("stormplay"), *words]
    environment = {**os.environ, "STORMPLAY_DATABASE_URL": address.render_as_string(hide_password=False)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_sql(address, statements):
    link = psycopg2.connect(address.set(drivername="postgresql").render_as_string(hide_password=False))
    link.autocommit = True
    with link.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        found = cursor.fetchall() if cursor.description else None
    link.close()
    return found


def test_a_team_from_nothing(server_of_theirs, certificate, tmp_path):
    """What the page says, in its order: schema, broker, people, the unit's command, TLS, backup, restore."""
    superuser = server_of_theirs
    said = {words[0] + " " + words[1] if words[0] in ("user", "tenant") else words[0]: words for words in commands()}
    of_broker, of_connections, aside = [block.strip() for block in blocks("sql")]

    stormplay(said["migrate"], superuser)
    run_sql(superuser, [of_broker, of_connections])
    broker = superuser.set(username="stormplay_broker", password=re.search("'(.*)'", of_broker)[1])
    stormplay(said["tenant add"], superuser)
    stormplay([*said["user add"], "--password-stdin"], superuser, input="hailstorm-1\n")
    assert "ana" in stormplay(said["user list"], superuser)

    port = free_port()
    command = [Path(sys.executable).with_name("stormplay"), *said["up"], "--port", str(port)]
    os.environ["STORMPLAY_DATABASE_URL"] = broker.render_as_string(hide_password=False)
    try:
        process, log, tmp = popen(command, tmp_path / "up", tmp_path / ".stormplay")
    finally:
        del os.environ["STORMPLAY_DATABASE_URL"]
    site = Site(port, process, log, tmp, ROOT / "notebooks")
    try:
        eventually(lambda: answers(port) or process.poll() is not None, 60)
        assert process.poll() is None, site.said()
        with nginx(tmp_path / "proxy", certificate, port) as front:
            ana = Guest(site, front, certificate)
            assert ana.sign_in("ana").status == 303, site.said()
            page = ana.open("phase3_routes")
            assert "Ana Torres" in page.answer.body
            told = json.dumps(page.run())
            assert "This company h" in told, told  # "... has no storm yet": a kernel of theirs has asked
            ana.leave()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)

    file = tmp_path / "team.backup"
    stormplay(["backup", file], superuser)
    stormplay(["user", "disable", "ana"], superuser)
    stormplay(["restore", file, "--replace"], superuser)
    assert "disabled" not in stormplay(said["user list"], superuser)
    stormplay(said["audit"], superuser)
    beside = superuser.set(database="postgres")
    old = run_sql(beside, ["SELECT datname FROM pg_database WHERE datname LIKE 'stormplay_before_%'"])[0][0]
    run_sql(beside, [re.sub(r"stormplay_before_\d+", old, one) for one in aside.split("\n")])


def test_the_server_does_not_start_on_a_database_that_was_not_migrated(server_of_theirs):
    run_sql(server_of_theirs, ["CREATE ROLE stormplay_broker LOGIN PASSWORD 'x'"])
    broker = server_of_theirs.set(username="stormplay_broker", password="x")
    environment = {**os.environ, "STORMPLAY_DATABASE_URL": broker.render_as_string(hide_password=False)}
    command = [Path(sys.executable).with_name("stormplay"), "up", "--no-demo", "--port", str(free_port())]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "Run 'stormplay migrate'" in done.stderr
    assert "Traceback" not in done.stderr
