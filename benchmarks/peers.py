"""The page of Phase 3 on three servers and one database: ours, stock Voilà, and the page written in Streamlit."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.request import urlopen

import psutil

from stormplay import broker

ROOT = Path(__file__).resolve().parents[1]
STREAMLIT = "streamlit==1.67.0"
NEWEST, OLDER = "2021-04-28", "2020-04-28"
QUERY = f"?tenant=lone-star&storm={NEWEST}"


@dataclass(frozen=True)
class Peer:
    """A server and where its page is.

    Attributes:
        name: What it is called in the table.
        url: The page's address.
        process: The server; its children are its own.
        login: The address of a login page, or '' where there is none.
    """

    name: str
    url: str
    process: psutil.Process
    login: str = ""

    @property
    def is_streamlit(self) -> bool:
        """Whether its widgets are Streamlit's."""
        return "Streamlit" in self.name

    def memory_mb(self) -> float:
        """Proportional set size of the server and all its children, MB (10^6 bytes)."""
        found = 0
        for one in [self.process, *self.process.children(recursive=True)]:
            try:
                found += one.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
        return found / 1e6


@contextmanager
def stock_voila(home: Path, notebook: str) -> Iterator[Peer]:
    """Voilà as it comes, on a kernel's login of ana's."""
    command = [str(Path(sys.executable).with_name("voila")), str(ROOT / "notebooks"), "--no-browser"]
    with _running(home.parent / "stock", command, "--port={}", {}) as (url, process):
        yield Peer("stock Voilà, cold kernel", f"{url}/voila/render/{notebook}.ipynb{QUERY}", process)


@contextmanager
def streamlit(home: Path) -> Iterator[Peer]:
    """The page in Streamlit, which is fetched into a folder beside the database at the first time."""
    libraries = home.parent / "streamlit"
    if not libraries.exists():
        frozen = home.parent / "constraints.txt"
        uv = str(Path(sys.executable).with_name("uv"))
        have = subprocess.run([uv, "pip", "freeze", "--exclude-editable"], check=True, capture_output=True, text=True)
        frozen.write_text(have.stdout)
        subprocess.run([uv, "pip", "install", "--quiet", "--target", libraries, "--constraint", frozen, STREAMLIT],
                       check=True)  # fmt: skip
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "benchmarks" / "streamlit_page.py"),
               "--global.developmentMode=false",
               "--server.headless=true", "--server.address=127.0.0.1", "--browser.gatherUsageStats=false"]  # fmt: skip
    paths = {"PYTHONPATH": os.pathsep.join((str(ROOT / "lib"), str(libraries)))}
    with _running(home.parent / "streamlit-home", command, "--server.port={}", paths) as (url, process):
        yield Peer("the page in Streamlit", url, process)


@contextmanager
def _running(folder: Path, command: Sequence[str], port_option: str, more: Mapping[str, str]
             ) -> Iterator[tuple[str, psutil.Process]]:  # fmt: skip
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        login = broker.open_kernel("ana", purpose="benchmark")
        stack.callback(broker.close_kernel, login.login)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        own = {"STORMPLAY_DATABASE_URL": login.url, "JUPYTER_CONFIG_DIR": str(folder), "HOME": str(folder), **more}
        said = stack.enter_context((folder / "log").open("w"))
        process = subprocess.Popen([*command, port_option.format(port)], env={**os.environ, **own}, stdout=said,
                                   stderr=said, cwd=folder)  # fmt: skip
        stack.callback(_end, process)
        url = f"http://127.0.0.1:{port}"
        _await(url)
        yield url, psutil.Process(process.pid)


def ours(name: str, url: str, notebook: str) -> Peer:
    """The product that answers at an address."""
    port = int(url.rsplit(":", 1)[1])
    listening = next(one for one in psutil.net_connections("tcp") if one.laddr and one.laddr.port == port
                     and one.status == psutil.CONN_LISTEN and one.pid)  # fmt: skip
    # Where no kernel runs: signing in opens the first page, whose kernel would stand in the way.
    login = f"{url}/login?next=/password"
    return Peer(name, f"{url}/voila/render/{notebook}.ipynb{QUERY}", psutil.Process(listening.pid), login)


@asynccontextmanager
async def counted(peer: Peer) -> AsyncIterator[tuple[Peer, list[int]]]:
    """The same server behind a door that counts the bytes that it sends: a peer, and a list of one number."""
    sent, own = [0], int(peer.url.split("/")[2].rsplit(":", 1)[1])

    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counts: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                sent[0] += len(data) if counts else 0
                writer.write(data)
                await writer.drain()
        writer.close()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", own)
        await asyncio.gather(hand_on(reader, inner_writer, False), hand_on(inner_reader, writer, True))

    door = await asyncio.start_server(meet, "127.0.0.1")
    port = door.sockets[0].getsockname()[1]
    url, login = (address.replace(f":{own}/", f":{port}/") for address in (peer.url, peer.login))
    try:
        yield replace(peer, url=url, login=login), sent
    finally:
        door.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop a server, and what it has begun: a kernel may outlive it."""
    begun = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for one in begun:
        with suppress(psutil.NoSuchProcess):
            one.kill()


def _await(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urlopen(url, timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"{url} does not answer")
