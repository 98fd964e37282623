"""A proxy before us: believed from its own address, and nobody else from anywhere."""

from __future__ import annotations

import contextlib
import socket
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders
from visitor import FEW_PAGES, NO_PAGES, Visitor, eventually, logins, serving
from websocket import WebSocketBadStatusException, WebSocketConnectionClosedException

from stormplay import accounts
from stormplay.errors import BadInput, NotAllowed
from stormplay.server.proxy import Proxy, check_logout_url, check_public_url


def request(peer="127.0.0.1", **headers):
    """What the proxy's rules read of a request."""
    told = HTTPHeaders()
    for name, value in headers.items():
        for one in [value] if isinstance(value, str) else value:
            told.add(name.replace("_", "-"), one, _chars_are_bytes=False)
    return SimpleNamespace(headers=told, remote_ip=peer)


TRUSTING = Proxy(["127.0.0.1", "10.0.0.0/8", "::1"], "X-Forwarded-User")


@pytest.mark.parametrize(
    ("peer", "told", "address"),
    [
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ["6.6.6.6", "203.0.113.7, 10.1.2.3"], "203.0.113.7"),
        ("127.0.0.1", ["10.1.2.3"], "127.0.0.1"),
        ("127.0.0.1", ["nonsense"], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.7, ana"], "127.0.0.1"),
        ("::1", ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:10.2.3.4", ["203.0.113.7"], "203.0.113.7"),
        ("203.0.113.9", ["6.6.6.6"], "203.0.113.9"),
    ],
)
def test_the_visitors_address_is_the_last_one_that_is_no_proxy(peer, told, address):
    assert TRUSTING.address(request(peer, X_Forwarded_For=told)) == address


@pytest.mark.parametrize(
    ("peer", "told", "username"),
    [
        ("127.0.0.1", ["ana"], "ana"),
        ("127.0.0.1", ["ana@example.org"], "ana@example.org"),
        ("127.0.0.1", [], ""),
        ("203.0.113.9", ["ana"], ""),
        ("203.0.113.9", ["ana", "ben"], ""),
        ("", ["ana"], ""),
    ],
)
def test_a_name_is_believed_from_the_proxy_alone(peer, told, username):
    assert TRUSTING.username(request(peer, X_Forwarded_User=told)) == username
    assert Proxy(["127.0.0.1"]).username(request(peer, X_Forwarded_User=told)) == ""
    assert TRUSTING.is_forged(request(peer, X_Forwarded_User=told)) == (peer != "127.0.0.1")


CROOKED = [["ana", "ben"], ["ana", "ana"], ["ana,ben"], [""], [" ana"], ["ana ben"], ["Ana"], ["ANA"],
           ["ana' OR 1=1"], ["x" * 65], ["-ana"], ["\u0430na"], ["ana\u200b"]]  # fmt: skip


@pytest.mark.parametrize("told", CROOKED)
def test_a_name_that_would_have_to_be_repaired_is_refused(told):
    with pytest.raises(NotAllowed, match="one name, in lower case, without blanks"):
        TRUSTING.username(request(X_Forwarded_User=told))
    assert TRUSTING.username(request("203.0.113.9", X_Forwarded_User=told)) == "", "from a stranger it is nothing"


def test_the_scheme_is_believed_from_the_proxy_alone():
    assert TRUSTING.is_https(request(X_Forwarded_Proto="https"))
    for peer, told in (("203.0.113.9", "https"), ("127.0.0.1", "http"), ("127.0.0.1", ["http", "https"])):
        assert not TRUSTING.is_https(request(peer, X_Forwarded_Proto=told))


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30))
def test_nothing_that_a_stranger_sends_is_believed(header):
    made = request("203.0.113.9", X_Forwarded_For=header.strip(), X_Forwarded_User="ana")
    assert TRUSTING.address(made) == "203.0.113.9"
    assert TRUSTING.username(made) == ""


@pytest.mark.parametrize("trusted", ["everybody", "10.0.0.0/99", "0.0.0.0/0", "::/0", "", "127.0.0.1;10.0.0.1"])
def test_a_proxy_that_cannot_be_is_refused(trusted):
    with pytest.raises(BadInput, match="Expected"):
        Proxy([trusted])


@pytest.mark.parametrize("header", ["X User", "X:", "Ünicode", "X" * 99])
def test_a_header_that_cannot_be_is_refused(header):
    with pytest.raises(BadInput, match="is not a header's name"):
        Proxy(["127.0.0.1"], header)


def test_a_header_without_a_proxy_is_refused():
    with pytest.raises(BadInput, match="needs a proxy"):
        Proxy([], "X-Forwarded-User")


@pytest.mark.parametrize("address", ["play.example.org", "ftp://x", "https://", "https://x/below", "https://[x"])
def test_a_public_address_that_cannot_be_is_refused(address):
    with pytest.raises(BadInput, match="is not a public address"):
        check_public_url(address)
    check_public_url("https://play.example.org/")


@pytest.mark.parametrize("address", ["javascript:x", "//evil.example", "out", "https://", "https://x/; img-src *",
                                     "https://[x", "/x\ny"])  # fmt: skip
def test_a_way_out_that_cannot_be_is_refused(address):
    with pytest.raises(BadInput, match="is no place to go to after signing out"):
        check_logout_url(address)
    for right in ("", "/oauth2/sign_out?rd=%2F", "https://id.example.org/out"):
        check_logout_url(right)


# ---- a real server


@pytest.fixture(scope="module")
def behind(database, notebooks, tmp_path_factory):
    """A server that lets the proxy at 127.0.0.1 say who a visitor is."""
    given_ = {"trusted_proxies": ["127.0.0.1"], "proxy_user_header": "X-Forwarded-User",
              "settings": FEW_PAGES | {"Identity": {"proxy_logout_url": "https://id.example.org/out"}}}  # fmt: skip
    with serving(tmp_path_factory.mktemp("behind"), database, notebooks, **given_) as running:
        yield running


def test_the_proxys_person_is_in_and_sees_their_own(behind):
    browser = Visitor(behind)
    page = browser.get("/voila/render/who.ipynb", X_Forwarded_User="ana")
    assert page.status == 200
    assert "Ana Torres" in page.body
    assert browser.session
    assert browser.get("/voila/render/plain.ipynb").status == 302, "the cookie alone is not enough"
    assert Visitor(behind).get("/voila/render/who.ipynb").status == 302


def test_somebody_else_behind_the_same_browser_gets_nothing_of_the_first(behind):
    browser = Visitor(behind)
    before = logins()
    page = browser.get("/voila/render/who.ipynb", X_Forwarded_User="ana")
    kernel = page.body.split('"kernelId": "')[1].split('"')[0]
    opened = logins() - before
    assert browser.get(f"/api/kernels/{kernel}", X_Forwarded_User="ana").status == 200
    assert browser.get(f"/api/kernels/{kernel}", X_Forwarded_User="ben").status == 403
    eventually(lambda: not opened & logins(), 15)
    assert browser.get(f"/api/kernels/{kernel}", X_Forwarded_User="ana").status == 403, "ended, not handed back"


def test_sockets_ask_for_the_header_too(behind):
    browser = Visitor(behind)
    ana = {"header": ["X-Forwarded-User: ana"]}
    told = browser.get("/voila/render/widgets.ipynb", X_Forwarded_User="ana").body
    kernel = told.split('"kernelId": "')[1].split('"')[0]
    path = f"/api/kernels/{kernel}/channels?session_id=x"
    speaker = browser.socket(path, **ana)
    browser.socket(f"/voila/execution/{kernel}", **ana).close()
    for header in ({}, {"header": ["X-Forwarded-User: ben"]}):
        for way in (path, f"/voila/execution/{kernel}"):
            with pytest.raises(WebSocketBadStatusException) as refused:
                Visitor(behind, {"x": "y"}).socket(way, **header)
            assert refused.value.status_code == 403
    assert speaker.ping() is None
    assert speaker.connected
    with pytest.raises(WebSocketBadStatusException):
        browser.socket(path, header=["X-Forwarded-User: ben"])  # another person in the same browser
    with contextlib.suppress(WebSocketConnectionClosedException):
        while speaker.recv():
            pass
    assert not speaker.connected, "the first one's session has ended, and what was open in it"


def test_who_has_no_open_account_is_refused(behind):
    accounts.add_person("closed", "Closed", "hailstorm-1")
    accounts.disable("closed")
    for name in ("mallory", "closed"):
        answer = Visitor(behind).get("/", X_Forwarded_User=name)
        sentence = f"There is no open account '{name}' here. Ask your administrator for one."
        assert (answer.status, answer.sentence) == (403, sentence)
        assert Visitor(behind).get("/static/stormplay.js", X_Forwarded_User=name).status == 403
        assert Visitor(behind).get("/static/stormplay.css", X_Forwarded_User=name).status == 200, (
            "it is a page like any"
        )
    assert "the proxy names somebody who has no open account" in behind.said()
    assert "mallory" not in behind.said()


def test_a_crooked_name_ends_what_was_open_and_opens_nothing(behind):
    browser = Visitor(behind)
    path = "/voila/render/plain.ipynb"
    assert browser.get(path, X_Forwarded_User="ana").status == 200
    answer = browser.get(path, X_Forwarded_User="Ana")
    assert answer.status == 403
    assert answer.sentence.startswith("The page where you sign in gave no user name that an account here can have.")
    assert "the proxy names nobody that can be" in behind.said()
    twice = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-User: ana\r\nX-Forwarded-User: ana\r\n\r\n"
    nul = twice.replace("ana\r\nX-Forwarded-User: ana", "an\0a")
    for crooked in (twice, nul):
        with socket.create_connection(("127.0.0.1", behind.port), 10) as raw:
            raw.sendall(crooked.encode())
            assert raw.recv(1000)[:12] in (b"HTTP/1.1 403", b"HTTP/1.1 400")


def test_there_is_no_password_to_type(behind):
    stranger = Visitor(behind)
    form = stranger.get("/login")
    assert "through your company's own page" in form.body
    assert 'type="password"' not in form.body
    assert stranger.sign_in("ana").status == 405
    ana = Visitor(behind)
    ana.get("/", X_Forwarded_User="ana")
    assert 'type="password"' not in ana.get("/password", X_Forwarded_User="ana").body
    out = ana.post("/logout", X_Forwarded_User="ana")
    assert out.headers["Location"] == "https://id.example.org/out"
    policy = stranger.get("/login").headers["Content-Security-Policy"]
    assert "form-action 'self' https://id.example.org;" in policy, "or the browser would not follow"


def test_a_header_from_who_is_no_proxy_is_loudly_ignored(site, database, notebooks, tmp_path):
    given_ = {"trusted_proxies": ["192.0.2.1"], "proxy_user_header": "X-Forwarded-User", "settings": NO_PAGES}
    with serving(tmp_path / "far", database, notebooks, **given_) as running:
        stranger = Visitor(running)
        assert stranger.get("/voila/render/plain.ipynb", X_Forwarded_User="ana").status == 302
        assert "X-Forwarded-User was sent by who is no trusted proxy" in running.said()
        assert "sign in through your company" in stranger.get("/login").body
    assert Visitor(site).get("/voila/render/plain.ipynb", X_Forwarded_User="ana").status == 302


@pytest.mark.long
def test_where_no_way_out_is_known_signing_out_ends_what_is_open_and_says_so(database, notebooks, tmp_path):
    given_ = {"trusted_proxies": ["127.0.0.1"], "proxy_user_header": "X-Forwarded-User", "settings": FEW_PAGES}
    with serving(tmp_path / "no-out", database, notebooks, **given_) as running:
        ana, before = Visitor(running), logins()
        assert ana.get("/voila/render/plain.ipynb", X_Forwarded_User="ana").status == 200
        assert logins() - before
        out = ana.post("/logout", X_Forwarded_User="ana")
        assert (out.status, out.sentence.split(".")[0]) == (200, "Your pages here are closed")
        eventually(lambda: not logins() - before)


def test_the_scheme_that_the_proxy_tells_counts_where_no_public_address_is_set(database, notebooks, tmp_path):
    given_ = {"trusted_proxies": ["127.0.0.1"], "settings": NO_PAGES}
    with serving(tmp_path / "scheme", database, notebooks, **given_) as running:
        secure, plain = Visitor(running), Visitor(running)
        form = secure.get("/login", X_Forwarded_Proto="https")
        assert form.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert form.cookies["__Host-_xsrf"]["secure"]
        typed = {"username": "ana", "password": "hailstorm-1"}
        answer = secure.post("/login", typed, X_Forwarded_Proto="https")
        assert (answer.status, answer.cookies["__Host-stormplay-session"]["secure"]) == (303, True)
        assert secure.get("/password", X_Forwarded_Proto="https").status == 200
        assert secure.get("/password").status == 302, "a cookie of https is none over http"
        form = plain.get("/login")
        assert "Strict-Transport-Security" not in form.headers
        assert not form.cookies["_xsrf"]["secure"]
        tossed = Visitor(running, {"_xsrf": plain.cookies["_xsrf"]})
        token = {"_xsrf": plain.cookies["_xsrf"]}
        assert tossed.post("/login", {**typed, **token}, xsrf=False, X_Forwarded_Proto="https").status == 403, (
            "a token that a neighbouring host may have set is none"
        )


@pytest.mark.long
def test_behind_tls_the_cookie_is_secure_and_bound_to_the_host(database, notebooks, tmp_path):
    given_ = {"trusted_proxies": ["127.0.0.1"], "public_url": "https://play.example.org/", "settings": NO_PAGES}
    with serving(tmp_path / "tls", database, notebooks, **given_) as running:
        browser = Visitor(running)
        answer = browser.sign_in("ana")
        session = answer.cookies["__Host-stormplay-session"]
        assert (session["secure"], session["httponly"], session["path"], session["domain"]) == (True, True, "/", "")
        for path in ("/login", "/nothing", "/static/no-such.js", "/voila/execution/" + "0" * 36):
            assert browser.get(path).headers["Strict-Transport-Security"] == "max-age=31536000", path
        right, far, near = {"username": "ben", "password": "hailstorm-1"}, "198.51.100.7", "198.51.100.8"
        for n in range(7):
            Visitor(running).post("/login", {**right, "password": f"guess-{n}-xx"}, X_Forwarded_For=far)
        assert Visitor(running).post("/login", right, X_Forwarded_For=far).status == 429
        other = Visitor(running).post("/login", right, X_Forwarded_For=near)
        assert other.status == 303, "the throttle counts the visitor's address, not the proxy's"
        assert near in [line.get("address") for line in running.lines() if line["event"] == "signed in"]
