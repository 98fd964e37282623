"""A server with few places and little patience: who gets in, what is tidied up, and how it stops."""

from __future__ import annotations

import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import processes
import psutil
import pytest
from visitor import Site, Visitor, await_port, eventually, free_port, logins, popen, roles, serving

from stormplay import server
from stormplay.errors import BadInput, PortTaken

pytestmark = pytest.mark.long

NARROW = {"most": 3, "most_per_person": 2, "unseen_s": 3.0, "left_alone_s": 1.0}
STORMPLAY = Path(sys.executable).with_name("stormplay")


@pytest.fixture(scope="module")
def narrow(database, notebooks, tmp_path_factory):
    folder, given = tmp_path_factory.mktemp("narrow"), {"Kernels": NARROW, "Voila": {"log_level": 20}}
    with serving(folder, database, notebooks, public_url="https://play.example.org/", settings=given) as running:
        eventually(lambda: not logins(), seconds=20)  # of tests before this
        yield running


def held(page):
    """The page, with its socket open: nobody may throw it out."""
    page.channel_open = page.channel()
    return page


def test_behind_tls_the_cookies_are_secure(narrow):
    stranger = Visitor(narrow)
    form = stranger.get("/login", Host="play.example.org")
    assert form.status == 200, "the public name is one of ours"
    token = form.cookies["__Host-_xsrf"]
    assert (token["secure"], token["samesite"]) == (True, "Lax")
    answer = stranger.sign_in("ana")
    session = answer.cookies["__Host-stormplay-session"]
    assert (session["secure"], session["httponly"], session["samesite"]) == (True, True, "Lax")
    stranger.leave()


def test_a_person_and_a_server_have_so_many_places(narrow, visitor):
    ana, ben = visitor("ana", at=narrow), visitor("ben", at=narrow)
    first, second = held(ana.open("plain")), held(ana.open("plain"))
    busy = ana.get("/voila/render/plain.ipynb?tenant=lone-star")
    assert busy.status == 503
    assert busy.sentence == (
        "You have 2 pages open, the most that one person can have. Close one of them and try again."
    )
    assert 'href="/voila/render/plain.ipynb?tenant=lone-star"' in busy.body, "with the way to try again"
    assert busy.headers["Retry-After"] == "30"
    third = held(ben.open("plain"))
    busy = ben.get("/voila/render/plain.ipynb")
    assert (busy.status, busy.sentence) == (503, "All 3 places on this server are taken. Try again in a minute.")
    assert len(narrow.kernels()) == len(logins()) == 3, "a refusal costs nothing"
    assert second.close().status == 204
    assert held(ben.open("plain")).close().status == 204, "a place that is given up is free"
    for page in (first, third):
        page.close()


def test_the_places_of_a_person_hold_against_a_crowd(narrow, visitor):
    """Pages that nobody looks at make room for new ones, each of them once."""
    ana = visitor("ana", at=narrow)
    ana.open("plain")
    ana.open("plain")
    with ThreadPoolExecutor(5) as crowd:
        answers = list(crowd.map(lambda _: ana.get("/voila/render/plain.ipynb").status, range(5)))
    assert set(answers) <= {200, 503}
    assert answers.count(200) <= 2
    assert len(narrow.kernels()) <= NARROW["most"] + 1


def test_what_is_left_behind_is_tidied_up(narrow, visitor):
    """A page never seen, one that was left, one whose kernel was killed: none of them keeps a kernel or a login."""
    ana, ben, before = visitor("ana", at=narrow), visitor("ben", at=narrow), len(narrow.said())
    others = logins() | roles()  # of other servers on this database
    unseen, left, killed = ana.open("plain"), held(ana.open("who")), held(ben.open("who"))
    saw = {left: left.printed(), killed: killed.printed()}
    assert {each["login"] for each in saw.values()} <= logins()
    left.channel_open.socket.close()
    psutil.Process(saw[killed]["pid"]).kill()
    eventually(lambda: not (logins() | roles()) - others, seconds=30)
    eventually(lambda: not narrow.kernels())
    for page, why in ((unseen, "left"), (left, "left"), (killed, "died")):
        assert f"ending kernel {page.kernel_id}: {why}" in narrow.said(before)
        assert page.visitor.get(f"/api/kernels/{page.kernel_id}").status == 403


def test_stopping_leaves_nothing_behind(database, notebooks, visitor, tmp_path):
    """SIGTERM with pages open, and with pages that are just being opened."""
    before = logins()
    with serving(tmp_path / "stopped", database, notebooks) as site:
        ana = visitor("ana", at=site)
        page = held(ana.open("who"))
        saw = page.printed()
        folder = Path(saw["argv"][-1]).parent
        assert folder.stat().st_mode & 0o077 == 0, "its sockets are for this account alone"
        with ThreadPoolExecutor(4) as crowd:
            opening = [crowd.submit(ana.get, "/voila/render/plain.ipynb") for _ in range(4)]
            eventually(lambda: len(logins() - before) > 1, every=0.001)  # the first of them is on its way
            kernels = site.kernels()
            assert site.stop(signal.SIGTERM) == 0
            for each in opening:
                assert each.exception() is None or isinstance(each.exception(), OSError | HTTPException)
        assert "Traceback" not in site.said()
        assert saw["pid"] in [kernel.pid for kernel in kernels]
    eventually(lambda: not processes.of(site))  # those that began while the server stopped, too
    assert logins() <= before
    assert saw["login"] not in roles()
    assert not folder.exists()
    eventually(lambda: not list((tmp_path / "stopped" / "tmp").iterdir()))  # what a dying process held open goes last


def test_the_command_stops_at_ctrl_c_without_a_word_of_python(database, visitor, tmp_path):
    port = free_port()
    process, log, tmp = popen([STORMPLAY, "up", "--no-demo", "--port", str(port)], tmp_path / "up", database)
    site, before = Site(port, process, log, tmp, tmp_path), logins()
    try:
        await_port(site)
        ana = visitor("ana", at=site)
        ana.open("phase3_routes")
        kernels = site.kernels()
        assert len(kernels) == len(logins() - before) == 1
        assert site.stop(signal.SIGINT) == 0
    finally:
        process.kill()
    assert not psutil.wait_procs(kernels, 5)[1]
    assert logins() <= before
    assert "Traceback" not in site.said()
    assert f"Stormplay is ready: http://127.0.0.1:{port}" in site.said()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # tornado forgets a socket that it could not bind
def test_a_port_that_cannot_be_had_is_a_sentence(narrow, notebooks):
    with pytest.raises(PortTaken) as taken:
        server.serve(port=narrow.port, notebooks=notebooks)
    assert str(taken.value).startswith(f"Port {narrow.port} is in use.")
    with pytest.raises(PortTaken):
        server.check_port("127.0.0.1", narrow.port)
    server.check_port("127.0.0.1", free_port())
    for ip, port in (("192.0.2.1", free_port()), ("no-such-host.invalid", 8000)):
        with pytest.raises(BadInput, match="cannot listen on"):
            server.check_port(ip, port)
    for port in (-1, 0, 65_536, 70_000):
        with pytest.raises(BadInput, match=f"There is no port {port}. Expected one from 1 to 65535."):
            server.check_port("127.0.0.1", port)
