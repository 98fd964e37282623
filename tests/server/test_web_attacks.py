"""Attacks on the server, each by name and beside the same request by who may make it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import time
from http.client import HTTPException
from pathlib import Path

import pytest
from books import SECRET
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from visitor import FEW_PAGES, NO_PAGES, PASSWORD, Visitor, eventually, serving, texts
from websocket import WebSocketBadStatusException, WebSocketConnectionClosedException

from stormplay import RouteBuilder, accounts, database, reports
from stormplay.errors import BadInput
from stormplay.server.frame import STATIC as STATIC_FOLDER

ROOT = Path(__file__).resolve().parents[2]
PLAIN = "/voila/render/plain.ipynb"
INSIDE = "/password"  # open to who is signed in, and needs no kernel


@pytest.fixture(scope="module")
def people(site):
    """ana and ben, each signed in, ana with an open page."""
    ana, ben = Visitor(site), Visitor(site)
    assert ana.sign_in("ana").status == ben.sign_in("ben").status == 303
    page = ana.open("widgets")
    page.models = json.loads(texts(page.run())[0])
    page.held = page.channel()  # or it would be ended after a minute
    yield ana, ben, page
    ana.leave()
    ben.leave()


# ---- who one is


# {"alg": "none"} and {"sub": "ana"}
_JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbmEiLCJ1c2VybmFtZSI6ImFuYSJ9."

NOBODY = {
    "a name in the query": ("?username=ana&user=ana&person=ana", {}),
    "a token in the query": ("?token=anything", {}),
    "an empty token in the query": ("?token=", {}),
    "basic authorization": ("", {"Authorization": "Basic YW5hOmhhaWxzdG9ybS0x"}),
    "a bearer token": ("", {"Authorization": "Bearer anything"}),
    "jupyter's token": ("", {"Authorization": "token anything"}),
    "an unsigned JWT": ("", {"Authorization": f"Bearer {_JWT}"}),
    "a JWT as a cookie": ("", {"Cookie": f"stormplay-session-{{port}}={_JWT}"}),
    "another's device": ("", {"Cookie": "stormplay-session-{port}={device}; stormplay-device-{port}={device}"}),
    "the cookie of TLS": ("", {"Cookie": "__Host-stormplay-session={session}; stormplay-session={session}"}),
    "an unsigned session": ("", {"Cookie": "stormplay-session-{port}={key}"}),
    "a session signed by somebody else": ("", {"Cookie": "stormplay-session-{port}=2|1:0|10:1|9:stormplay|4:YW5h|00"}),
    "another port's cookie": ("", {"Cookie": "stormplay-session-1={session}"}),
    "jupyter's own cookie": ("", {"Cookie": "username-127-0-0-1-{port}={session}"}),
    "a cookie with a name in it": ("", {"Cookie": "username=ana; user=ana; person=ana"}),
    "a proxy's header": ("", {"X_Forwarded_User": "ana", "X_Remote_User": "ana", "Remote_User": "ana"}),
    "jupyterhub's header": ("", {"X_JupyterHub_User": "ana", "X_Auth_Request_User": "ana"}),
    "a local address": ("", {"X_Forwarded_For": "127.0.0.1", "X_Real_IP": "127.0.0.1", "Forwarded": "for=127.0.0.1"}),
    "the name of this machine": ("", {"Origin": "http://localhost", "Referer": "http://localhost/login"}),
}


@pytest.mark.parametrize("attack", NOBODY)
def test_a_stranger_is_not_somebody_by(attack, people, site):
    ana, _, _ = people
    query, headers = NOBODY[attack]
    device = ana.cookies[f"stormplay-device-{site.port}"]
    known = {"port": site.port, "session": ana.session, "device": device, "key": "a" * 43}
    sent = {name: re.sub(r"\{(\w+)\}", lambda found: str(known[found[1]]), value) for name, value in headers.items()}
    assert Visitor(site).get(PLAIN + query, **sent).status == 302
    assert ana.get(INSIDE).status == 200, "who is signed in comes in"


@pytest.mark.parametrize("cut", ["shorter", "longer", "another key", "another time"])
def test_a_signed_cookie_that_was_changed_is_nobody(cut, people, site):
    ana, _, _ = people
    name = f"stormplay-session-{site.port}"
    kind, version, stamp, what, value, signature = ana.session.strip('"').split("|")
    changed = {
        "shorter": [kind, version, stamp, what, value, signature[:-1]],
        "longer": [kind, version, stamp, what, value, signature + "0"],
        "another key": [kind, version, stamp, what, "44:" + "A" * 44, signature],
        "another time": [kind, version, "10:9999999999", what, value, signature],
    }[cut]
    assert Visitor(site, {name: "|".join(changed)}).get(PLAIN).status == 302
    assert Visitor(site, {name: ana.session}).get(INSIDE).status == 200


def test_a_cookie_fixed_before_the_login_opens_nothing_after_it(site, visitor):
    """Session fixation: the attacker's own session is put into the victim's browser."""
    attacker = visitor("ben")
    fixed = attacker.session
    victim = visitor()
    victim.cookies.update(attacker.cookies)
    assert victim.sign_in("ana").status == 303
    assert victim.session != fixed
    before = Visitor(site, {f"stormplay-session-{site.port}": fixed})
    assert before.get(PLAIN).status == 302, "it ended with the victim's sign-in, and is nobody's"


def test_nothing_goes_on_after_a_logout(site, visitor):
    """Replay: cookie, page, both sockets."""
    ana = visitor("ana")
    page = ana.open("widgets")
    page.run()
    speaker = page.channel()
    speaker.info()
    copy = Visitor(site, dict(ana.cookies))
    assert copy.get(INSIDE).status == 200
    ana.post("/logout")
    assert copy.get(PLAIN).status == 302
    assert copy.post(f"/voila/api/shutdown/{page.kernel_id}").status == 403
    with pytest.raises((WebSocketConnectionClosedException, ConnectionError, TimeoutError)):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            speaker.send("kernel_info_request", {})
            speaker.socket.settimeout(1)
            speaker.socket.recv()
    with pytest.raises(WebSocketBadStatusException):
        copy.socket(f"/voila/execution/{page.kernel_id}")


# ---- what is another's


def _refused(visitor, path, **options):
    try:
        visitor.socket(path, **options).close()
    except WebSocketBadStatusException as error:
        return error.status_code
    return 101


KERNEL = {
    "look at it": lambda who, kernel: who.get(f"/api/kernels/{kernel}").status,
    "end it": lambda who, kernel: who.ask("DELETE", f"/api/kernels/{kernel}", X_XSRFToken=who.xsrf()).status,
    "end its page": lambda who, kernel: who.post(f"/voila/api/shutdown/{kernel}").status,
    "interrupt it": lambda who, kernel: who.post(f"/api/kernels/{kernel}/interrupt").status,
    "restart it": lambda who, kernel: who.post(f"/api/kernels/{kernel}/restart").status,
    "hear its cells": lambda who, kernel: _refused(who, f"/voila/execution/{kernel}"),
    "speak with it": lambda who, kernel: _refused(who, f"/api/kernels/{kernel}/channels?session_id=x"),
    "speak with it by an old protocol": lambda who, kernel: _refused(
        who, f"/api/kernels/{kernel}/channels?session_id=x", subprotocols=["v1.kernel.websocket.jupyter.org"]
    ),
    "ask voilà for it": lambda who, kernel: _refused(who, f"/voila/query/{kernel}"),
}


@pytest.mark.parametrize("attack", KERNEL)
def test_anothers_kernel_is_closed_to_who_wants_to(attack, people):
    ana, ben, page = people
    assert KERNEL[attack](ben, page.kernel_id) in (403, 404)
    assert ana.get(f"/api/kernels/{page.kernel_id}").status == 200, "and its owner still has it"
    assert page.run()[-1] == {"done": True}


@pytest.mark.parametrize("kind", ["comm_msg", "comm_close", "comm_open"])
def test_a_message_to_anothers_widget_reaches_nothing(kind, people):
    """ben speaks on his own socket and names ana's widget."""
    _ana, ben, page = people
    theirs = ben.open("widgets")
    theirs.run()
    speaker = theirs.channel()
    speaker.info()
    content = {"comm_id": page.models["text"], "target_name": "jupyter.widget",
               "data": {"method": "update", "state": {"value": "ben was here"}}}  # fmt: skip
    speaker.hear(until=speaker.send(kind, content))
    speaker.socket.close()
    theirs.close()
    mine = page.channel()
    mine.info()
    states = json.dumps(mine.states())
    mine.socket.close()
    assert "ben was here" not in states
    assert page.models["text"] in states


# ---- what a request may smuggle


CROOKED = {
    "two lengths": b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nContent-Length: 40\r\n\r\nx=1&",
    "length and chunks": b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks in disguise": b"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a negative length": b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "a blank in a header's name": b"GET /login HTTP/1.1\r\nHost : localhost\r\n\r\n",
    "two hosts": b"GET /login HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    "no host": b"GET /login HTTP/1.1\r\n\r\n",
    "a folded header": b"GET /login HTTP/1.1\r\nHost: localhost\r\nX: a\r\n Transfer-Encoding: chunked\r\n\r\n",
    "a folded length": b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length:\r\n 40\r\n\r\n",
    "a length with a sign": b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: +4\r\n\r\nx=1&",
    "a length in words": b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x4\r\n\r\nx=1&",
    "a list of lengths": b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4, 40\r\n\r\nx=1&",
    "a chunk that is too long for its length": b"POST /login HTTP/1.1\r\nHost: localhost\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
    "chunks twice": b"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a NUL in a header": b"GET /login HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
    "a line without a colon": b"GET /login HTTP/1.1\r\nHost: localhost\r\nno colon here\r\n\r\n",
    "an old version of HTTP": b"GET /login HTTP/0.9\r\nHost: localhost\r\n\r\n",
    "a bare carriage return": b"GET /login HTTP/1.1\r\nHost: localhost\r\nX: a\rSet-Cookie: x=1\r\n\r\n",
    "a header of a megabyte": b"GET /login HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n",
    "a body larger than any form": b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\nx",
}


@pytest.mark.parametrize("attack", CROOKED)
def test_a_crooked_request_is_refused_and_its_connection_closed(attack, people, site):
    ana, _, _ = people
    with socket.create_connection(("127.0.0.1", site.port), 10) as raw:
        with contextlib.suppress(ConnectionError):
            raw.sendall(CROOKED[attack] + b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        with contextlib.suppress(ConnectionError, TimeoutError):
            while piece := raw.recv(65_536):
                answer += piece
    assert answer.count(b"HTTP/1.1 ") <= 1, "what stands behind it is no request of its own"
    assert not answer or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 403")), answer[:200]
    assert b"Traceback" not in answer
    assert ana.get(INSIDE).status == 200


@pytest.mark.parametrize("verb", ["TRACE", "CONNECT", "PROPFIND", "DEBUG", "OPTIONS", "PUT", "PATCH"])
def test_a_verb_that_no_door_knows_opens_none(verb, people):
    ana, _, _ = people
    answer = ana.ask(verb, PLAIN, X_XSRFToken=ana.xsrf())
    assert answer.status in (204, 400, 403, 405)
    assert SECRET not in answer.body
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("header", ["X_HTTP_Method_Override", "X_HTTP_Method", "X_Method_Override"])
def test_a_verb_in_a_header_is_none(header, people):
    ana, _, page = people
    assert ana.post(f"/api/kernels/{page.kernel_id}", **{header: "DELETE"}).status == 405
    assert ana.get(f"/api/kernels/{page.kernel_id}", **{header: "DELETE"}).status == 200
    assert ana.get(f"/api/kernels/{page.kernel_id}").status == 200, "it was not ended"


@pytest.mark.parametrize(
    "query",
    ["STORMPLAY_DATABASE_URL=postgresql://x@y/z", "STORMPLAY_PERSON=ben", "person=ben&username=ben", "PYTHONSTARTUP=/x",
     "QUERY_STRING=x", "LD_PRELOAD=/x.so", "__proto__[tenant]=trinity", "tenant=trinity%00lone-star"],
)  # fmt: skip
def test_nothing_in_the_query_becomes_the_kernels_environment(query, people):
    ana, _, _ = people
    page = ana.open("who", f"?{query}")
    saw = page.printed()
    page.close()
    assert (saw["name"], saw["person"], saw["query"]) == ("Ana Torres", "ana", query)
    assert "trinity" not in saw["tenants"]
    assert not {"PYTHONSTARTUP", "LD_PRELOAD"} & set(saw["names"])


@pytest.mark.parametrize("path", ["/login", "/", "/password", "/nothing"])
def test_no_other_site_may_frame_or_read_a_page(path, people):
    ana, _, _ = people
    answer = ana.get(path, Origin="https://evil.example")
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


STATIC = ["/static/", "/static/plotly/", "/voila/static/", "/voila/labextensions/anywidget/static/"]
ESCAPES = [
    "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/app.py", "..%5c..%5capp.py", "/etc/passwd",
    "%252e%252e%252fapp.py", "....//....//etc/passwd", "stormplay.css%00.js", "./../login.html",
]  # fmt: skip


@pytest.mark.parametrize("escape", ESCAPES)
def test_no_path_leads_out_of_a_folder_of_files(escape, people):
    ana, _, _ = people
    for folder in STATIC:
        answer = ana.get(folder + escape)
        assert answer.status in (302, 400, 403, 404), folder
        assert "root:" not in answer.body
        assert "sp-door-card" not in answer.body or answer.status == 302


def test_what_is_escaped_from_is_there_for_who_asks_plainly(people):
    """The positive control of the paths above, and what they would have led to."""
    ana, _, _ = people
    assert ana.get("/static/stormplay.css").status == ana.get("/static/plotly/LICENSE").status == 200
    assert (STATIC_FOLDER / "../login.html").is_file()
    for path in ("/static/../login.html", "/static/%2e%2e/login.html", "/static/..%2flogin.html"):
        assert "{% extends" not in ana.get(path).body


@pytest.mark.parametrize("name", ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example",
                                  "0x7f000001.evil.example", "ana@evil.example", ""])  # fmt: skip
def test_another_hosts_name_is_not_answered_to(name, people):
    """DNS rebinding, and links in what we send made from a name that the visitor chose."""
    ana, _, _ = people
    answer = ana.get(INSIDE, Host=name or " ")
    assert answer.status in (400, 403)
    assert "evil.example" not in answer.body + str(answer.headers)
    assert ana.get(INSIDE, Host=f"localhost:{ana.site.port}").status == 200
    absolute = f"GET http://evil.example{INSIDE} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", ana.site.port), 10) as raw:
        raw.sendall(absolute.encode())
        assert b"evil.example" not in raw.recv(65_536).split(b"\r\n\r\n")[0].replace(b"%2F%2Fevil.example", b"")


FAR = ["https://evil.example", "null", "//[", "http://localhost.evil.example", "http://127.0.0.1:1", "http://127.0.0.1"]


@pytest.mark.parametrize("origin", FAR)
@pytest.mark.parametrize("path", ["/api/kernels/{}/channels?session_id=x", "/voila/execution/{}"])
def test_another_sites_page_opens_no_socket(path, origin, people):
    """Cross-site websocket hijacking, with the visitor's own cookies."""
    ana, _, page = people
    way = path.format(page.kernel_id)
    assert _refused(ana, way, origin=origin) == 403
    assert _refused(ana, way, origin=f"http://127.0.0.1:{ana.site.port}") == 101


@pytest.mark.parametrize("origin", FAR)
def test_another_sites_form_changes_nothing(origin, people):
    """CSRF, with the visitor's own cookies and even with a right token."""
    ana, ben, page = people
    ways = [("/logout", {}), ("/password", {"old": PASSWORD, "new": "x" * 9, "again": "x" * 9}),
            (f"/voila/api/shutdown/{page.kernel_id}", {})]  # fmt: skip
    for way, form in ways:
        assert ana.post(way, form, Origin=origin).status in (403, 404), "from elsewhere"
        assert ana.post(way, form, xsrf=False).status == 403, "without a token"
        assert ana.post(way, {**form, "_xsrf": ben.xsrf()}, xsrf=False).status == 403, "with another's token"
    assert ana.get(f"/api/kernels/{page.kernel_id}").status == 200, "all is as it was"
    assert ana.get(INSIDE).status == 200


@pytest.mark.parametrize("wanted", ["GET", "POST", "DELETE"])
def test_no_other_site_is_told_that_it_may(wanted, people):
    """A CORS preflight, and a request for what it asked."""
    ana, _, page = people
    for path in ("/login", PLAIN, INSIDE, f"/api/kernels/{page.kernel_id}", "/static/stormplay.js"):
        asked = {"Origin": "https://evil.example", "Access_Control_Request_Method": wanted,
                 "Access_Control_Request_Headers": "x-xsrftoken,content-type"}  # fmt: skip
        for answer in (ana.ask("OPTIONS", path, **asked), Visitor(ana.site).ask("OPTIONS", path, **asked)):
            assert answer.headers.get("Access-Control-Allow-Origin") is None
            assert answer.headers.get("Access-Control-Allow-Credentials") is None


@pytest.mark.parametrize("destination", ["iframe", "frame", "embed", "object", "image", "script", "empty", "audio"])
def test_a_page_on_another_page_opens_no_kernel(destination, people, site):
    """A link in a picture would else start kernels for whoever looks at it."""
    ana, _, _ = people
    before = len(site.kernels())
    assert ana.get(PLAIN, Sec_Fetch_Dest=destination).status == 403
    assert len(site.kernels()) <= before
    page = ana.get(PLAIN, Sec_Fetch_Dest="document", Sec_Fetch_Mode="navigate")
    assert page.status == 200
    kernel = page.body.split('"kernelId": "')[1].split('"')[0]
    assert ana.post(f"/voila/api/shutdown/{kernel}").status == 204


BREAKS = [
    "/x%0d%0aSet-Cookie:%20planted=1",
    "/x%0aLocation:%20https://evil.example",
    "/%E5%98%8A%E5%98%8DSet-Cookie:p=1",
]


@pytest.mark.parametrize("wanted", BREAKS)
def test_no_line_of_ones_own_gets_into_an_answers_head(wanted, people):
    """Response splitting, by whatever is told back: the way on after the login, the page that was asked for."""
    ana, _, _ = people
    stranger = Visitor(ana.site)
    ways = [(ana, f"/login?next={wanted}"), (ana, f"/?q={wanted}"), (stranger, f"{PLAIN}?{wanted}"), (stranger, wanted)]
    for who, way in ways:
        answer = who.get(way)
        assert answer.status in (302, 404)
        assert not {"planted", "p"} & set(answer.cookies)
        places = answer.headers.get_all("Location", [])
        assert len(places) == (answer.status == 302)
        assert not [place for place in places if not re.match("/(?!/)", place)]
    assert ana.get("/login?next=/password").headers["Location"] == "/password"


LARGE = {
    "a query": ("GET", PLAIN + "?" + "x" * 2_001, None, {}),
    "a path": ("GET", "/" + "x" * 70_000, None, {}),
    "a cookie": ("GET", PLAIN, None, {"Cookie": "x=" + "y" * 70_000}),
    "a header": ("GET", PLAIN, None, {"X": "y" * 70_000}),
    "many headers": ("GET", PLAIN, None, {f"X{n}": "y" * 100 for n in range(1_000)}),
    "a form": ("POST", "/login", "username=" + "x" * 70_000, {}),
    "many fields": ("POST", "/login", "&".join(f"a{n}=b" for n in range(20_000)), {}),
}


@pytest.mark.parametrize("attack", LARGE)
def test_what_is_larger_than_anything_here_is_refused(attack, people):
    ana, _, _ = people
    method, path, body, headers = LARGE[attack]
    with contextlib.suppress(ConnectionError, HTTPException):  # it may be closed while it is still being sent
        assert ana.ask(method, path, body, **headers).status in (400, 403, 413, 414, 431)
    assert ana.get(INSIDE).status == 200


def test_a_message_larger_than_any_closes_its_socket_alone(people):
    ana, _, page = people
    speaker, other = page.channel(), page.channel()
    with pytest.raises((WebSocketConnectionClosedException, ConnectionError)):
        speaker.message(page.models["text"], {"method": "update", "state": {"value": "x" * 34_000_000}})
        for _ in range(1_000):
            if not speaker.socket.recv():
                raise WebSocketConnectionClosedException
    assert other.info(), "the page goes on"
    other.socket.close()
    assert ana.get(INSIDE).status == 200


@pytest.fixture(scope="module")
def hasty(database, notebooks, tmp_path_factory):
    """A server that waits two seconds for the end of a request; the others wait longer than a proxy does."""
    given = FEW_PAGES | {"StormplayServer": {"patience_s": 2.0}}
    with serving(tmp_path_factory.mktemp("hasty"), database, notebooks, settings=given) as running:
        yield running


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET /login HT", b"GET /login HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
     b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nusername="],
)  # fmt: skip
def test_who_never_ends_a_request_blocks_nobody_and_is_sent_away(begun, hasty):
    """Slowloris: two hundred connections, each with a byte now and then."""
    slow = [socket.create_connection(("127.0.0.1", hasty.port), 10) for _ in range(200)]
    for one in slow:
        one.sendall(begun)
    ana = Visitor(hasty)
    began_s = time.monotonic()
    assert ana.sign_in("ana").status == 303
    assert ana.get(INSIDE).status == 200
    assert time.monotonic() - began_s < 10
    left = set(slow)
    while left and time.monotonic() - began_s < 20:
        for one in list(left):
            try:
                one.sendall(b"x")
                one.setblocking(False)
                if not one.recv(1_000):
                    left.discard(one)
            except BlockingIOError:
                one.settimeout(10)
            except OSError:
                left.discard(one)
        time.sleep(0.2)
    assert not left, "a byte now and then buys no time"
    for one in slow:
        one.close()
    ana.leave()


def test_a_socket_that_is_in_use_is_not_sent_away_by_it(hasty):
    ana = Visitor(hasty)
    ana.sign_in("ana")
    page = ana.open("widgets")
    speaker = page.channel()
    speaker.info()
    time.sleep(3)
    assert speaker.info()
    ana.leave()


def test_a_page_of_before_the_logout_is_kept_by_no_browser(people):
    ana, _, page = people
    assert page.answer.headers["Cache-Control"] == "no-store"
    for path in (INSIDE, "/login", "/nothing"):
        assert ana.get(path).headers["Cache-Control"] == "no-store"


# ---- what is said when something is wrong


LEAKS = ("Traceback", "site-packages", "stormplay/server", "/tmp/", "/root", "tornado", "psycopg", "sqlalchemy",
         "dead-secret", SECRET)  # fmt: skip


def test_without_a_database_nothing_is_told_of_it(database, notebooks, tmp_path, monkeypatch):
    """Each door that asks the database, while none answers; the doors that need none stay open."""
    monkeypatch.setenv("STORMPLAY_DATABASE_URL", "postgresql://dead:dead-secret@127.0.0.1:1/none")
    given = {"trusted_proxies": ["127.0.0.1"], "proxy_user_header": "X-Forwarded-User"}
    with (
        serving(tmp_path / "dead", database, notebooks, settings=NO_PAGES) as site,
        serving(tmp_path / "named", database, notebooks, settings=NO_PAGES, **given) as named,
    ):
        monkeypatch.undo()
        stranger = Visitor(site)
        answers = [stranger.sign_in("ana"), Visitor(named).get(PLAIN, X_Forwarded_User="ana"),
                   Visitor(named).get("/static/stormplay.js", X_Forwarded_User="ana"),
                   Visitor(named).get(f"/api/kernels/{'0' * 36}", X_Forwarded_User="ana")]  # fmt: skip
        assert [answer.status for answer in answers] == [503] * 4
        assert "database" in answers[0].alert.lower()
        assert "Stormplay cannot serve this page right now." in answers[1].sentence
        for answer in answers:
            assert not [leak for leak in LEAKS if leak in answer.body + str(answer.headers)], answer.body
        assert stranger.get("/login").status == 200
        assert "dead-secret" not in site.said() + named.said()


PIECES = [*"%/?&=.;:#'\"<>[]{}()|\\~ \t0a\u00e9", "%00", "%ff", "%2e", "..", "//", "\r", "\x7f"]
ODD = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
PLACES = ["/login", "/logout", "/password", "/", PLAIN, "/voila/render/", "/static/", "/voila/static/", "/api/kernels/",
          "/static/plotly/", "/voila/execution/", "/voila/api/shutdown/", "/voila/labextensions/",
          "/api/kernels/{}/channels"]  # fmt: skip
HEADERS = ["Cookie", "Origin", "Referer", "Range", "If-None-Match", "If-Modified-Since", "Accept-Encoding", "Expect",
           "Content-Type", "Sec-WebSocket-Key", "X-XSRFToken", "X-Forwarded-For", "Upgrade"]  # fmt: skip
VERBS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
REQUESTS = {"verb": st.sampled_from(VERBS), "place": st.sampled_from(PLACES), "header": st.sampled_from(HEADERS),
            "tail": ODD, "query": ODD, "value": ODD, "has_token": st.booleans()}  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(**REQUESTS)
def test_no_input_makes_an_error_of_the_servers_own(verb, place, tail, query, value, header, has_token, people):
    ana, _, page = people
    # What it would end is needed by the next one.
    cookie = "" if has_token and place in ("/logout", "/api/kernels/", "/voila/api/shutdown/") else ana.cookie()
    lines = [f"{verb} {place.format(page.kernel_id)}{tail.replace(' ', '')}?{query.replace(' ', '')} HTTP/1.1",
             "Host: localhost", f"Cookie: {cookie}", f"{header}: {value}", "Connection: close", "Content-Length: 10",
             *([f"X-XSRFToken: {ana.xsrf()}"] if has_token else []), "", "username=x"]  # fmt: skip
    with socket.create_connection(("127.0.0.1", ana.site.port), 20) as raw:
        raw.sendall("\r\n".join(lines).encode("latin-1"))
        said = b""
        with contextlib.suppress(ConnectionError):
            while piece := raw.recv(65_536):
                said += piece
    answer = said.decode("utf-8", "replace")
    assert re.match(r"HTTP/1.1 [2-4]\d\d ", answer), answer[:200]
    assert not [leak for leak in LEAKS if leak in answer], answer


def test_no_notebooks_source_leaves_the_server(people):
    """Neither as a file, nor in a page, nor by what a cell shows, nor by a widget."""
    ana, _, page = people
    folders = ["voila/files", "files", "api/contents", "notebooks", "static", "static/../notebooks", "voila/static",
               "nbconvert/html", "view", "edit", "lab/tree", "voila/render/..", "voila/templates"]  # fmt: skip
    ways = ["/widgets.ipynb", "/voila/render/widgets", *(f"/{folder}/widgets.ipynb" for folder in folders),
            "/tree", "/api/sessions", "/api/kernelspecs", "/api/config/x", "/api/status", "/api/kernels"]  # fmt: skip
    for way in ways:
        answer = ana.get(way)
        assert answer.status in (403, 404), way
        assert "ipywidgets" not in answer.body
    speaker = page.channel()
    speaker.info()
    everything = page.answer.body + json.dumps([page.run(), speaker.states()])
    speaker.socket.close()
    assert "def fail" not in everything
    assert SECRET not in everything
    assert page.models["text"] in everything, "what the notebook shows is there"


# ---- parameters are never code


CODE = {
    "a name that is a call": {'__import__("os").system("touch {flag}")': "1"},
    "a name with a line in it": {"tenant = 'x'\nopen('{flag}', 'w')\nx": "1"},
    "a value that ends its string": {"tenant": "x\"; open('{flag}', 'w').close(); y = \""},
    "a value with a line in it": {"tenant": "x'\nopen('{flag}', 'w').close()\n#"},
    "a value that is markup": {"tenant": "{{{{ cycler.__init__.__globals__.os.popen('touch {flag}') }}}}"},
    "a number that is a call": {"max_per_route": "open('{flag}', 'w')"},
    "a path for a storm": {"storm": "../../{flag}"},
}


@pytest.mark.parametrize("attack", CODE)
def test_a_reports_parameter_is_never_code(attack, demo, tmp_path):
    flag = tmp_path / "flag"
    given = {"tenant": "lone-star", "storm": "2021-04-28"}
    given |= {name.format(flag=flag): value.format(flag=flag) for name, value in CODE[attack].items()}
    with pytest.raises(BadInput):
        reports.run(ROOT / "notebooks" / "phase3_routes.ipynb", given, tmp_path / "out")
    assert not flag.exists()
    assert not (tmp_path / "out").exists()


# ---- the real page, with forged messages of its widgets


STORM = "2021-04-28"
PHASE3 = "/voila/render/phase3_routes.ipynb"


@pytest.fixture(scope="module")
def routes(demo):
    """One route of each company, by its slug."""
    found = {}
    for slug in ("lone-star", "trinity"):
        builder = RouteBuilder(slug, STORM)
        if builder.get_routes().empty:
            builder.generate_routes(time_limit_s=1.0)
        found[slug] = str(builder.get_routes()["route_id"].iloc[0])
    return found


@pytest.fixture(scope="module")
def real(routes, tmp_path_factory):
    """ana on the real Phase 3 page: she sees lone-star, and trinity is somebody else's."""
    with serving(tmp_path_factory.mktemp("real"), os.environ["STORMPLAY_HOME"], ROOT / "notebooks") as site:
        ana = Visitor(site)
        ana.sign_in("ana")
        page = ana.open("phase3_routes", f"?tenant=lone-star&storm={STORM}")
        assert not [message for message in page.run() if message.get("failed")]
        yield page
        ana.leave()


@pytest.fixture(scope="module")
def foreign(routes):
    """What stands in trinity's rows alone: its name, its id, its routes, and addresses on the first of them."""
    stops = RouteBuilder("trinity", STORM).get_stops(routes["trinity"])
    own = set(RouteBuilder("lone-star", STORM).get_stops()["address"])
    with database.transaction(database.admin_url()) as connection:
        tenant = connection.execute(text("SELECT tenant_id::text FROM sec.tenant_entry WHERE slug = 'trinity'"))
        tenant_id = tenant.scalar_one()
    words = ["Trinity Roof", *(address for address in stops["address"] if address not in own)]
    assert len(words) > 10
    return {"id": tenant_id, "route": routes["trinity"], "words": words}


def _find(states, **wanted):
    """The one widget whose state has all of this."""
    (found,) = [model for model, known in states.items()
                if all(known["state"].get(name) == value for name, value in wanted.items())]  # fmt: skip
    return found


def _pick(speaker, route):
    """Pick a route in the table, as a click there does."""
    table = next(model for model, known in speaker.states().items() if "ids" in known["state"])
    forged = {"method": "update", "state": {"selected": route}}
    return speaker.hear(until=speaker.message(table, forged))


def _works(speaker, route):
    """Whether the page does what it is for: choose company and storm, pick a route, see its stops."""
    for label in ("Company", "Storm"):
        chosen = {"method": "update", "state": {"index": 0}}
        speaker.hear(until=speaker.message(_find(speaker.states(), description=label), chosen))
    _pick(speaker, route)
    shown = json.dumps(speaker.states())
    stops = RouteBuilder("lone-star", STORM).get_stops(route)["address"]
    return "Lone Star Roofing (demo)" in shown and all(address in shown for address in stops.head(3))


def test_who_may_see_the_other_company_sees_all_that_is_looked_for_here(real, foreign):
    """The positive control of the forgeries below: vic is a member of both, and does what they pretend."""
    vic = Visitor(real.visitor.site)
    vic.sign_in("vic")
    page = vic.open("phase3_routes", f"?tenant=lone-star&storm={STORM}")
    page.run()
    speaker = page.channel()
    speaker.info()
    chosen = {"method": "update", "state": {"index": 1}}
    speaker.hear(until=speaker.message(_find(speaker.states(), description="Company"), chosen))
    _pick(speaker, foreign["route"])
    shown = json.dumps(speaker.states())
    assert [word for word in foreign["words"] if word not in shown] == []
    vic.leave()


FORGED = {
    "a storm that is not in the list": ("Storm", {"index": 99}),
    "a storm before the first": ("Storm", {"index": -7}),
    "a storm that is a word": ("Storm", {"index": "2021-04-28"}),
    "another company's place in the list": ("Company", {"index": 1}),
    "another company's name as a label": (
        "Company",
        {"_options_labels": ["One of theirs"], "index": 0},
    ),
    "another company as a value": ("Company", {"value": "trinity"}),
    "another company's id as a value": ("Company", {"value": "{id}"}),
    "options of one's own": ("Company", {"options": [["Trinity", "trinity"]], "index": 0}),
    "a number beyond all numbers": ("Stops per route, at most", {"value": 10**30}),
    "a number that is text": ("Stops per route, at most", {"value": "'; DROP TABLE routes; --"}),
    "a trait that is a method": ("Storm", {"_handle_msg": 1, "close": 1, "observe": "x"}),
    "another model's name": ("Storm", {"_model_name": "HTMLModel", "_model_module": "evil"}),
    "another company's route in the table": ("Table of routes", {"selected": "{route}"}),
    "another company's route on the map": ("Map", {"selected": "{route}"}),
    "rows of one's own": ("Table of routes", {"ids": ["{route}"], "rows": [["x"]], "selected": "{route}"}),
    "a route that is code": ("Table of routes", {"selected": "' OR true --"}),
}


def _aimed_at(states, label):
    """The widget of a description, or the table or the map by what it has."""
    trait = {"Table of routes": "ids", "Map": "document"}.get(label)
    if trait is None:
        return _find(states, description=label)
    return next(model for model, known in states.items() if trait in known["state"])


@pytest.mark.parametrize("attack", FORGED)
def test_a_forged_widget_shows_nothing_foreign(attack, real, foreign, routes):
    speaker = real.channel()
    speaker.info()
    label, forged = FORGED[attack]
    state = json.loads(json.dumps(forged).replace("{id}", foreign["id"]).replace("{route}", foreign["route"]))
    aim = _aimed_at(speaker.states(), label)
    heard = speaker.hear(until=speaker.message(aim, {"method": "update", "state": state}))
    said = json.dumps([heard, speaker.states()])
    assert not [word for word in foreign["words"] if word in said]
    assert "Traceback" not in said
    assert "site-packages" not in said
    assert _works(speaker, routes["lone-star"]), "the page still does what it is for"
    speaker.socket.close()


@pytest.mark.parametrize(
    "query",
    ["tenant=trinity&storm=2021-04-28", "tenant={id}&storm=2021-04-28", "tenant=lone-star&tenant=trinity",
     "tenant=trinity%00&storm=2021-04-28", "tenant=lone-star'+OR+'1'%3D'1", "tenant[]=trinity", "TENANT=trinity",
     "tenant=lone-star&storm={route}", "tenant=lone-star&max_per_route=__import__('os')&time_limit_s=inf"],
)  # fmt: skip
def test_a_forged_address_shows_nothing_foreign(query, real, foreign):
    query = query.replace("{id}", foreign["id"]).replace("{route}", foreign["route"])
    page = real.visitor.open("phase3_routes", f"?{query}")
    told = json.dumps(page.run())
    speaker = page.channel()
    speaker.info()
    said = told + json.dumps(speaker.states())
    speaker.socket.close()
    page.close()
    assert not [word for word in foreign["words"] if word in said]
    assert "Lone Star Roofing (demo)" in said, "what is hers is there to be chosen"


NAMES = {
    "markup": ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
    "a script": ("</script><script>alert(1)</script>", "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;"),
    "an attribute": ('" onmouseover="alert(1)', "&quot; onmouseover=&quot;alert(1)"),
    "a formula": ("=cmd|' /C calc'!A0", "=cmd|&#x27; /C calc&#x27;!A0"),
    "too much": ("x" * 5_000, "too long"),
    "no text": (["a", "list"], ""),
    "nothing": ("", "no name"),
    "SQL": ("x', crew_name = (SELECT 1) --", "x&#x27;, crew_name = (SELECT 1) --"),
}


@pytest.mark.parametrize("attack", NAMES)
def test_a_crews_name_by_a_widgets_message_is_text_or_refused(attack, real, foreign, routes):
    name, shown = NAMES[attack]
    speaker = real.channel()
    speaker.info()
    _works(speaker, routes["lone-star"])
    states = speaker.states()
    typed = {"method": "update", "state": {"value": name}}
    heard = speaker.hear(until=speaker.message(_find(states, description="Crew"), typed))
    click = {"method": "custom", "content": {"event": "click"}}
    heard += speaker.hear(until=speaker.message(_find(states, description="Assign"), click))
    after = speaker.states()
    markup = [known["state"]["value"] for known in after.values() if known["state"]["_view_name"] == "HTMLView"]
    assert any(shown in value for value in markup)
    raw = str(name) if any(sign in str(name) for sign in "<\"'") else "<script>alert"
    assert not [value for value in markup if raw in value]
    assert "Traceback" not in json.dumps([heard, after])
    back = _find(after, description="Take back")
    speaker.hear(until=speaker.message(back, click))
    assert _works(speaker, routes["lone-star"])
    speaker.socket.close()


def test_who_is_shut_out_loses_the_page_while_it_is_open(demo, real):
    accounts.add_person("gone", "Gone Soon", PASSWORD)
    accounts.add_member("gone", "trinity", "analyst")
    gone = Visitor(real.visitor.site)
    gone.sign_in("gone")
    page = gone.open("phase3_routes", "?tenant=trinity&storm=2021-04-28")
    page.run()
    speaker = page.channel()
    speaker.info()
    accounts.disable("gone")
    eventually(lambda: gone.get(f"/api/kernels/{page.kernel_id}").status != 200, 30)
    assert gone.get("/voila/render/phase3_routes.ipynb").status in (302, 403)
    with contextlib.closing(real.channel().socket) as still:
        assert still.connected, "and nobody else loses theirs"


def test_there_are_enough_of_them():
    named = [NOBODY, KERNEL, CROOKED, LARGE, CODE, FORGED, NAMES, ESCAPES, FAR]
    assert sum(map(len, named)) >= 100
