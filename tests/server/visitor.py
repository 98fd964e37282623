"""A running server for tests, and a visitor without a browser: cookies, forms and sockets by hand."""

from __future__ import annotations

import contextlib
import html
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import psutil
import websocket
from sqlalchemy import text

from stormplay import database

PASSWORD = "hailstorm-1"
PLANTED = "planted-secret-0815"  # in the server's environment; no kernel may know it

# For a server on which no page is opened: it needs no process that holds a kernel's imports, which take seconds.
NO_PAGES = {"Kernels": {"warm": False}}
# And one on which a page or two of the books here are opened: they import little, and start sooner without it.
FEW_PAGES = NO_PAGES


# ---- the server


@dataclass
class Site:
    """A server process."""

    port: int
    process: subprocess.Popen
    log: Path
    tmp: Path
    notebooks: Path
    sockets: list[websocket.WebSocket] = field(default_factory=list)  # all that visitors ever opened

    def kernels(self) -> list[psutil.Process]:
        try:
            return [p for p in psutil.Process(self.process.pid).children(recursive=True) if _is_kernel(p)]
        except psutil.NoSuchProcess:
            return []

    def stop(self, number: int = signal.SIGTERM, seconds: float = 30) -> int:
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def said(self, since: int = 0) -> str:
        return self.log.read_text()[since:]

    def lines(self, since: int = 0) -> list[dict]:
        """The lines of its log, as the machine that reads them has them."""
        return [json.loads(line) for line in self.said(since).splitlines()]


def _is_kernel(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.name() == "sp-kernel" or "ipykernel" in " ".join(process.cmdline())
    return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def popen(command: list, folder: Path, home: Path) -> tuple[subprocess.Popen, Path, Path]:
    """A process with a log and a folder for temporary files of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    tmp = folder / "tmp"
    tmp.mkdir()
    log = folder / "server.log"
    environment = {**os.environ, "STORMPLAY_HOME": str(home), "STORMPLAY_SECRET": PLANTED, "TMPDIR": str(tmp)}
    with log.open("w") as said:
        return subprocess.Popen(command, env=environment, stdout=said, stderr=said), log, tmp


@contextmanager
def serving(folder: Path, home: Path, notebooks: Path, **given):
    """A running server on a free port. Its end is part of no test that uses it."""
    port = given.get("port") or free_port()
    script = Path(__file__).with_name("serve_books.py")
    settings = json.dumps({"port": port, "notebooks": str(notebooks), **given})
    process, log, tmp = popen([sys.executable, script, settings], folder, home)
    site = Site(port, process, log, tmp, notebooks)
    try:
        await_port(site)
        yield site
    finally:
        for each in site.sockets:  # of visitors who have not left; a later test would be warned of them
            each.close(timeout=0)
            each.shutdown()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise AssertionError(f"the server did not stop: {log.read_text()}") from None


def await_port(site: Site, seconds: float = 60) -> None:
    def answers() -> bool:
        assert site.process.poll() is None, site.said()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", site.port), 1).close()
            return True
        return False

    eventually(answers, seconds, every=0.05)


def eventually(holds, seconds: float = 10, every: float = 0.1) -> None:
    """Wait until a condition holds; the last answer is in the failure."""
    deadline = time.monotonic() + seconds
    while not (last := holds()):
        assert time.monotonic() < deadline, f"still {last!r} after {seconds} s"
        time.sleep(every)


def logins(purpose: str = "voila") -> set[str]:
    """The database logins that are open, as the administrator sees them: their rows and their roles."""
    with database.transaction(database.admin_url()) as connection:
        rows = connection.execute(text("SELECT login FROM sec.login WHERE purpose = :p"), {"p": purpose})
        return {row.login for row in rows}


def roles() -> set[str]:
    with database.transaction(database.admin_url()) as connection:
        return {row.rolname for row in connection.execute(text("SELECT rolname FROM pg_roles WHERE rolname ~ '^k_'"))}


# ---- the visitor


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: str
    cookies: SimpleCookie

    @property
    def sentence(self) -> str:
        found = re.search(r"<h1>(.*?)</h1>", self.body, re.DOTALL)
        return html.unescape(found.group(1)) if found else ""

    @property
    def alert(self) -> str:
        found = re.search(r'role="alert">(.*?)</div>', self.body, re.DOTALL)
        return html.unescape(found.group(1)) if found else ""


@dataclass
class Visitor:
    """One browser's worth of cookies."""

    site: Site
    cookies: dict[str, str] = field(default_factory=dict)
    sockets: list[websocket.WebSocket] = field(default_factory=list)

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=60)
        sent = {"Cookie": self.cookie(), **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None:
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        try:
            connection.request(method, path, body, {name: value for name, value in sent.items() if value})
            answer = connection.getresponse()
            content = answer.read().decode("utf-8", "replace")
        finally:
            connection.close()
        given = SimpleCookie()
        for line in answer.headers.get_all("Set-Cookie", []):
            given.load(line)
        for name, morsel in given.items():
            self.cookies[name] = morsel.value
        return Answer(answer.status, answer.headers, content, given)

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, form: dict[str, str] | None = None, *, xsrf: bool = True, **headers: str) -> Answer:
        token = {"_xsrf": self.xsrf()} if xsrf else {}
        return self.ask("POST", path, urlencode({**token, **(form or {})}), **headers)

    def xsrf(self) -> str:
        names = ("__Host-_xsrf", "_xsrf")  # the first where the visitor's side is https
        if not set(names) & set(self.cookies):
            self.get("/login")
        return next(self.cookies[name] for name in names if name in self.cookies)

    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items() if value)

    @property
    def session(self) -> str:
        """The session cookie."""
        names = ("__Host-stormplay-session", f"stormplay-session-{self.site.port}")
        return next((self.cookies[name] for name in names if name in self.cookies), "")

    def sign_in(self, username: str, password: str = PASSWORD, next_: str | None = None) -> Answer:
        form = {"username": username, "password": password} | ({} if next_ is None else {"next": next_})
        return self.post("/login", form)

    def open(self, book: str, query: str = "") -> Page:
        answer = self.get(f"/voila/render/{book}.ipynb{query}")
        assert answer.status == 200, (answer.status, answer.sentence, self.site.said())
        config = re.search(r'<script id="jupyter-config-data"[^>]*>(.*?)</script>', answer.body, re.DOTALL)
        return Page(self, json.loads(config.group(1))["kernelId"], answer)

    def socket(self, path: str, **options) -> websocket.WebSocket:
        """A socket to the server; raises WebSocketBadStatusException where it is refused."""
        url = f"ws://127.0.0.1:{self.site.port}{path}"
        options.setdefault("suppress_origin", "origin" not in options)
        made = websocket.create_connection(url, timeout=60, cookie=self.cookie() or None, **options)
        self.sockets.append(made)
        self.site.sockets.append(made)
        return made

    def leave(self) -> None:
        """Close what is open and sign out, where there is still a server."""
        for each in self.sockets:
            each.close(timeout=0)
        if self.session and self.site.process.poll() is None:
            self.post("/logout")


@dataclass(eq=False)
class Page:
    """A notebook's page that was opened, with its kernel."""

    visitor: Visitor
    kernel_id: str
    answer: Answer

    def run(self) -> list[dict]:
        """What its cells told, from the first message to the last."""
        told = []
        with contextlib.closing(self.visitor.socket(f"/voila/execution/{self.kernel_id}")) as heard:
            while not (told and told[-1].get("done")):
                told.append(json.loads(heard.recv()))
        return told

    def printed(self) -> dict:
        """What its one cell printed, as JSON."""
        return json.loads(texts(self.run())[0])

    def channel(self, **options) -> Channel:
        session = uuid.uuid4().hex
        path = f"/api/kernels/{self.kernel_id}/channels?session_id={session}"
        return Channel(self.visitor.socket(path, **options), session)

    def close(self) -> Answer:
        """As the browser does it when the page goes."""
        return self.visitor.post(f"/voila/api/shutdown/{self.kernel_id}")


def texts(told: list[dict]) -> list[str]:
    """The plain texts among the outputs that were told."""
    outputs = [output for message in told for output in message.get("outputs", [])]
    return [output["data"]["text/plain"] for output in outputs]


@dataclass
class Channel:
    """The socket of the widget messages, in the old protocol of plain JSON."""

    socket: websocket.WebSocket
    session: str

    def send(self, kind: str, content: dict, channel: str = "shell") -> str:
        message_id = uuid.uuid4().hex
        header = {"msg_id": message_id, "msg_type": kind, "session": self.session, "username": "x",
                  "date": "2021-04-28T19:06:00Z", "version": "5.3"}  # fmt: skip
        message = {
            "header": header,
            "parent_header": {},
            "metadata": {"version": "1.0.0"},
            "content": content,
            "channel": channel,
        }
        self.socket.send(json.dumps(message))
        return message_id

    def message(self, comm_id: str, data: dict) -> str:
        return self.send("comm_msg", {"comm_id": comm_id, "data": data})

    def hear(self, *, until: str, reply: str = "", seconds: float = 20) -> list[dict]:
        """Everything up to the kernel's being idle again after a message, and to its reply where one is awaited."""
        heard, deadline = [], time.monotonic() + seconds
        missing = {"idle", reply} - {""}
        while time.monotonic() < deadline:
            self.socket.settimeout(max(0.1, deadline - time.monotonic()))
            raw = self.socket.recv()
            heard.append(json.loads(raw if isinstance(raw, str) else _without_buffers(raw)))
            last = heard[-1]
            if last["parent_header"].get("msg_id") == until:
                missing -= {last["msg_type"], last["content"].get("execution_state")}
            if not missing:
                return heard
        raise AssertionError(f"no end of {[message['msg_type'] for message in heard]}")

    def info(self) -> list[dict]:
        """Ask for the kernel's info, which is always answered: what went before has been dealt with by then."""
        return self.hear(until=self.send("kernel_info_request", {}), reply="kernel_info_reply")

    def states(self) -> dict[str, dict]:
        """All widgets' states by model id, as a page is told them that has lost its connection: the first who asks
        knows them."""
        self.answer()
        return self.answer()

    def answer(self) -> dict[str, dict]:
        """What a kernel says to a page that asks for the states of its widgets."""
        comm = uuid.uuid4().hex
        opened = {"comm_id": comm, "target_name": "jupyter.widget.control", "data": {}}
        self.hear(until=self.send("comm_open", opened))
        heard = self.hear(until=self.message(comm, {"method": "request_states"}))
        told = [message["content"]["data"] for message in heard if message["msg_type"] == "comm_msg"]
        return next(data["states"] for data in told if "states" in data)  # a page that moves by itself says more


def _without_buffers(raw: bytes) -> bytes:
    count = int.from_bytes(raw[:4], "big")
    offsets = [int.from_bytes(raw[4 * n : 4 * n + 4], "big") for n in range(1, count + 1)]
    return raw[offsets[0] : offsets[1] if count > 1 else None]
