"""What the server writes down of a whole session: which request, which person by id, and nobody's data."""

from __future__ import annotations

import re
import signal
import socket
import threading
import time

import pytest
import zmq
from books import PERSONAL, SECRET
from jupyter_client.channels import HBChannel
from visitor import NO_PAGES, PASSWORD, PLANTED, Visitor, eventually, serving

from stormplay import broker, embedded
from stormplay.server.logs import of_a_thread

TYPED = ("my-other-password", "guess-of-mine-1", "someone@example.net", "lone-star", "2021-04-28", "planted-storm")
ID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@pytest.fixture(scope="module")
def driven(database, notebooks, tmp_path_factory):
    """A server on which somebody has done a day's mishaps; its log files are in a folder of their own."""
    folder = tmp_path_factory.mktemp("logs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMPLAY_LOGS", str(folder))
        with serving(tmp_path_factory.mktemp("driven"), database, notebooks) as site:
            patch.undo()
            ana = Visitor(site)
            ana.sign_in("my-other-password", "guess-of-mine-1")
            ana.sign_in("ana", "guess-of-mine-1")
            ana.sign_in("ana")
            site.page = ana.open("quotes", "?tenant=lone-star&storm=2021-04-28&find=12+Elm+Street")
            site.told = site.page.run()
            site.missing = ana.get("/someone@example.net?find=Jane+Roe")
            ana.get("/voila/render/planted-storm.ipynb?look_up=jane.roe@example.org")
            ana.post("/nothing", {"owner": "Jane Roe"})
            with socket.create_connection(("127.0.0.1", site.port), 5) as raw:
                raw.sendall(b"GET /Jane%20Roe HTTP/1.1\r\nHost: evil.example\r\n\r\n")
                raw.recv(100)
            ana.leave()
            yield site, folder


def test_no_line_tells_of_a_person(driven):
    site, folder = driven
    (file,) = folder.iterdir()
    assert file.name == f"server-{site.port}.jsonl"
    assert file.stat().st_mode & 0o777 == 0o600
    said = site.said() + file.read_text()
    assert len(said.splitlines()) > 20
    for planted in (*PERSONAL, *TYPED, SECRET, PLANTED, PASSWORD, "Ana Torres", "Elm", "Jane"):
        assert planted not in said, planted
    assert not re.search(r"\bana\b", said), "a user name"


def test_every_line_of_a_request_carries_its_number_and_the_persons_id(driven):
    site, _ = driven
    mine = broker.find_person("ana").person_id
    lines = site.lines()
    assert all(re.fullmatch("[0-9a-f]{12}", line["request"]) for line in lines)
    (page,) = [line for line in lines if line.get("path") == "/voila/render/quotes.ipynb"]
    assert (page["person"], page["status"], page["method"]) == (mine, 200, "GET")
    (failed,) = [line for line in lines if "failed" in line["event"]]
    assert failed["request"] == page["request"], "a page's kernel belongs to the request that opened it"
    assert failed["person"] == mine
    assert re.search(r"quotes, cell 2 failed \[[0-9a-f]{8}\]: KeyError at cell line \d > cell line \d", failed["event"])
    assert {line.get("person") for line in lines} == {None, mine, "unknown"}
    assert site.page.answer.headers["X-Request-ID"] == page["request"]


def test_a_page_that_is_refused_says_the_number(driven):
    site, _ = driven
    number = site.missing.headers["X-Request-ID"]
    assert site.missing.status == 404
    assert f'tell support this number: <code class="sp-number">{number}</code>' in site.missing.body
    (line,) = [line for line in site.lines() if line["request"] == number]
    assert (line["path"], line["status"]) == ("unknown", 404)


def test_a_number_is_taken_from_a_trusted_proxy_alone(driven, database, notebooks, tmp_path):
    site, _ = driven
    given = {"X_Request_ID": "from-the-proxy-1"}
    assert Visitor(site).get("/login", **given).headers["X-Request-ID"] != "from-the-proxy-1"
    with serving(tmp_path / "p", database, notebooks, settings=NO_PAGES, trusted_proxies=["127.0.0.1"]) as behind:
        assert Visitor(behind).get("/login", **given).headers["X-Request-ID"] == "from-the-proxy-1"
        crooked = Visitor(behind).get("/login", X_Request_ID="a b\tc: d; e=ana").headers["X-Request-ID"]
        assert re.fullmatch("[0-9a-f]{12}", crooked)
        files = embedded.home() / "logs" / f"server-{behind.port}.jsonl"
        eventually(lambda: "from-the-proxy-1" in files.read_text(), every=0.01)


def test_a_thread_that_fails_is_a_line_and_a_heartbeat_without_its_kernel_is_none(caplog, capsys, monkeypatch):
    monkeypatch.setattr(threading, "excepthook", of_a_thread)
    with zmq.Context() as context:
        beat = HBChannel(context, None, ("127.0.0.1", 1))
    beat.start()
    beat.join()
    assert not caplog.records
    failing = threading.Thread(target=lambda: 1 / 0)
    failing.start()
    failing.join()
    (line,) = caplog.records
    assert (line.message, line.exc_info[0]) == ("a thread ended early", ZeroDivisionError)
    assert "Traceback" not in capsys.readouterr().err, "nothing between the lines"


# ---- health


def test_health_is_for_anybody_and_tells_nothing(driven):
    site, _ = driven
    stranger = Visitor(site)
    for path in ("/health/live", "/health/ready"):
        answer = stranger.get(path, Host="10.1.2.3:8866")  # as a probe asks, by the machine's address
        assert (answer.status, answer.body) == (200, "ok\n")
        assert answer.headers["Cache-Control"] == "no-store"
        assert not answer.headers.get_all("Set-Cookie")
        assert stranger.post(path).status == 405
    begin = time.perf_counter()
    for _ in range(50):
        stranger.get("/health/ready")
    assert time.perf_counter() - begin < 2.5, "it is known for a second, not asked each time"


def test_it_is_not_ready_while_no_database_answers(database, notebooks, tmp_path, monkeypatch):
    monkeypatch.setenv("STORMPLAY_DATABASE_URL", "postgresql://dead:dead-secret@127.0.0.1:1/none")
    with serving(tmp_path / "dead", database, notebooks, settings=NO_PAGES) as site:
        monkeypatch.undo()
        assert Visitor(site).get("/health/live").status == 200
        answer = Visitor(site).get("/health/ready")
        assert (answer.status, answer.body) == (503, "not ready\n")
        assert "dead-secret" not in site.said()


def test_it_is_not_ready_while_it_is_being_stopped(database, notebooks, tmp_path):
    given = {**NO_PAGES, "StormplayServer": {"drain_s": 1.5}}
    with serving(tmp_path / "drained", database, notebooks, settings=given) as site:
        assert Visitor(site).get("/health/ready").status == 200
        site.process.send_signal(signal.SIGTERM)
        eventually(lambda: Visitor(site).get("/health/ready").status == 503, every=0.02)
        assert Visitor(site).get("/health/live").status == 200
        assert Visitor(site).get("/login").status == 200, "who is here goes on"
        assert site.process.wait(20) == 0
