"""Every door of the server: who may go through it, and what is said to who may not."""

from __future__ import annotations

import gzip
import http.client
import re
import socket
from pathlib import Path

import pytest
from books import SECRET
from visitor import Visitor
from websocket import WebSocketBadStatusException

from stormplay.maps.head import FILE
from stormplay.server import bundle
from stormplay.server.app import made

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
SOME_KERNEL = "0b8e6f3c-2a4d-4c59-9c1a-5a7d1f0e9b11"
LEAKS = ("Traceback", "site-packages", "stormplay/server", "/tmp/", "/root", "/notebooks/", "tornado", SECRET)


@pytest.fixture(scope="module")
def routes(notebooks):
    """Pattern -> (handler, an address that it serves), of the application itself."""
    server = made(8899, "127.0.0.1", notebooks, "", {})
    server.connection_dir = "/nonexistent"
    server.init_settings()
    found = {}
    for pattern, handler, *more in server.init_handlers():
        path = pattern.replace("(?P<kernel_id>[0-9a-f-]{36})", SOME_KERNEL)
        path = path.replace(r"(?P<name>[^/]+)\.ipynb", "plain.ipynb")
        path = path.replace("(?P<name>[A-Za-z0-9][A-Za-z0-9_-]*)", "plain")
        for kept in ("(static/.*)", "(.*)"):
            if kept in path:
                folder = Path(more[0]["path"])
                within = folder / "static" if kept.startswith("(static") else folder
                file = next(file for file in sorted(within.iterdir()) if file.suffix == ".js")
                path = path.replace(kept, str(file.relative_to(folder)))
        for made_here in (FILE, bundle.FILE):
            path = path.replace(f"({re.escape(made_here)})", made_here)
        assert re.fullmatch(pattern, path), f"this test knows no address for {pattern}"
        found[pattern] = handler, path
    return found


def test_all_but_the_login_page_ask_for_a_login(routes, visitor):
    stranger, open_ = visitor(), set()
    token = stranger.xsrf()
    for _, path in routes.values():
        for method in METHODS:
            answer = stranger.ask(method, path, "", X_XSRFToken=token)
            to_login = answer.status == 302 and answer.headers["Location"].startswith("/login?next=")
            if not (answer.status in (403, 405) or to_login):
                open_.add((method, path, answer.status))
            assert answer.status != 500
    healthy = {("GET", "/health/live", 200), ("GET", "/health/ready", 200)}
    assert open_ == {("GET", "/login", 200), ("POST", "/login", 401), ("POST", "/logout", 303)} | healthy


def test_the_same_doors_open_to_somebody_signed_in(routes, visitor):
    ana = visitor("ana")
    answers = {path: ana.get(path) for _, path in routes.values()}
    statics = [path for path in answers if path.endswith(".js")]
    assert len(statics) >= 4
    assert {answers[path].status for path in statics} == {200}
    assert answers["/voila/render/plain.ipynb"].status == 200
    assert answers["/login"].status == 302


def test_the_style_of_the_login_page_is_open_and_nothing_beside_it(visitor):
    stranger = visitor()
    assert stranger.get("/static/stormplay.css").status == 200
    assert stranger.ask("HEAD", "/static/stormplay.css").status == 200
    for path in ("stormplay.js", "report.html", "", "../login.html", "%2e%2e/login.html", "./stormplay.js",
                 "stormplay.css/../stormplay.js", "no-such.css"):  # fmt: skip
        assert stranger.get(f"/static/{path}").status in (403, 404), path


def test_files_come_compressed_to_whoever_reads_that(visitor):
    ana, stranger = visitor("ana"), visitor()
    for path in ("/static/stormplay.js", f"/static/{FILE}?v=1"):
        plain, sizes = ana.get(path), []
        for _ in range(2):  # made, and found
            connection = http.client.HTTPConnection("127.0.0.1", ana.site.port, timeout=60)
            connection.request("GET", path, headers={"Cookie": ana.cookie(), "Accept-Encoding": "gzip, br"})
            answer = connection.getresponse()
            packed = answer.read()
            connection.close()
            assert gzip.decompress(packed).decode() == plain.body
            told = [answer.headers[name] for name in ("Content-Encoding", "Vary", "Content-Type")]
            assert told == ["gzip", "Accept-Encoding", plain.headers["Content-Type"]]
            sizes.append(len(packed))
        assert sizes[0] == sizes[1] < len(plain.body) / 2
        assert plain.headers["Content-Encoding"] is None
        assert "Content-Encoding" not in ana.get(path, Accept_Encoding="gzip", Range="bytes=0-9").headers
        assert stranger.get(path, Accept_Encoding="gzip").status == 403
    assert "immutable" in ana.get(f"/static/{FILE}?v=1").headers["Cache-Control"]
    assert ana.get(f"/static/{'x' * 400}.js").status == 404


def test_sockets_are_closed_to_strangers(routes, visitor):
    stranger = visitor()
    for path in (f"/api/kernels/{SOME_KERNEL}/channels", f"/voila/execution/{SOME_KERNEL}"):
        with pytest.raises(WebSocketBadStatusException) as refused:
            stranger.socket(path)
        assert refused.value.status_code == 403


UNKNOWN = (
    "/nothing",
    "/voila/render/nothing.ipynb",
    "/voila/render/plain",
    "/voila/render/private.txt",
    "/voila/render/private.txt.ipynb",
    "/voila/render/../outside.ipynb",
    "/voila/render/%2e%2e/outside.ipynb",
    "/voila/render/%2e%2e%2foutside.ipynb",
    "/voila/render/..%5coutside.ipynb",
    "/voila/render//etc/passwd",
    "/voila/render/%2fetc%2fpasswd.ipynb",
    "/voila/render/plain%00.ipynb",
    "/voila/render/sub/plain.ipynb",
    "/voila/files/plain.ipynb",
    "/voila/query/" + SOME_KERNEL,
    "/voila/static/../../plain.ipynb",
    "/voila/templates/x",
    "/api",
    "/api/kernels",
    "/api/contents",
    "/api/sessions",
    "/api/terminals",
    "/api/kernels/" + SOME_KERNEL + "/restart",
    "/metrics",
    "//evil.example/",
    "/login/x",
)


@pytest.mark.parametrize("path", UNKNOWN)
def test_a_path_that_is_not_there(path, visitor, signed_in):
    answer = signed_in.get(path)
    assert answer.status in (404, 403 if path.startswith("/voila/static") else 404), answer.body
    assert answer.sentence == "There is no such page here." or not answer.body
    assert not [leak for leak in LEAKS if leak in answer.body]
    asked = visitor().get(path)
    assert asked.status == 302, "a stranger learns nothing of what is there"
    assert asked.headers["Location"].startswith("/login?next=%2F")


@pytest.fixture(scope="module")
def signed_in(site):
    ana = Visitor(site)
    ana.sign_in("ana")
    yield ana
    ana.leave()


def test_what_is_refused_names_no_path_and_no_software(signed_in, visitor):
    stranger, token = visitor(), signed_in.xsrf()
    answers = [
        signed_in.get(f"/api/kernels/{SOME_KERNEL}"),
        signed_in.get(f"/api/kernels/{SOME_KERNEL}/channels"),
        signed_in.get(f"/voila/execution/{SOME_KERNEL}"),
        signed_in.get(f"/voila/api/shutdown/{SOME_KERNEL}"),
        signed_in.get("/logout"),
        signed_in.ask("DELETE", "/voila/render/plain.ipynb", X_XSRFToken=token),
        signed_in.ask("POST", "/voila/render/plain.ipynb", "x=1"),
        signed_in.get("/voila/render/plain.ipynb?" + "x" * 2_001),
        signed_in.get("/", Host="evil.example"),
        signed_in.post("/login", {"next": "/"}, Origin="https://evil.example"),
        signed_in.post("/login", {"next": "/"}, Origin="//["),
        signed_in.get("/", Referer="//["),
        stranger.get(f"/api/kernels/{SOME_KERNEL}"),
        stranger.get(f"/voila/execution/{SOME_KERNEL}"),
        stranger.post("/nothing"),
    ]
    for answer in answers:
        assert 400 <= answer.status < 500, (answer.status, answer.body)
        assert not [leak for leak in LEAKS if leak in answer.body], answer.body
        assert "tornado" not in str(answer.headers).lower()


def test_a_body_larger_than_any_form_is_not_read(visitor, site):
    with socket.create_connection(("127.0.0.1", site.port), 10) as raw:
        raw.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")
        assert raw.recv(1000).startswith(b"HTTP/1.1 400")
        assert raw.recv(1000) == b"", "and the connection is closed"


def test_a_name_that_points_here_from_elsewhere_is_refused(visitor):
    """DNS rebinding: another site's page that asks this machine under its own name."""
    stranger = visitor()
    assert stranger.get("/login", Host="evil.example").status == 403
    assert stranger.get("/static/stormplay.css", Host="evil.example").status == 403
    for host in (f"localhost:{stranger.site.port}", f"127.0.0.1:{stranger.site.port}"):
        assert stranger.get("/login", Host=host).status == 200


def test_every_answer_carries_the_security_headers(signed_in, visitor):
    stranger = visitor()
    for answer in (
        stranger.get("/login"),
        stranger.get("/static/stormplay.css"),
        stranger.get("/static/stormplay.js"),
        stranger.get("/nothing"),
        signed_in.get("/nothing"),
        signed_in.get("/static/no-such.js"),
        signed_in.get("/voila/render/plain.ipynb"),
        signed_in.get(f"/api/kernels/{SOME_KERNEL}"),
        signed_in.get(f"/voila/execution/{SOME_KERNEL}"),
        signed_in.ask("POST", "/logout", "no token"),
    ):
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
        assert policy["frame-ancestors"] == "'none'"
        assert policy["object-src"] == policy["frame-ancestors"]
        assert policy["base-uri"] == policy["form-action"] == "'self'"
        sources = {source for name, value in policy.items() if name.endswith("-src") for source in value.split()}
        assert sources <= {"'self'", "'none'", "'unsafe-inline'", "'unsafe-eval'", "blob:", "data:"}, "nothing foreign"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_page_is_kept_by_nobody_and_shows_no_source(signed_in, visitor):
    page = signed_in.get("/voila/render/raises.ipynb")
    assert (page.status, SECRET in page.body) == (200, False)
    for answer in (visitor().get("/login"), page, signed_in.get("/nothing")):
        assert answer.headers["Cache-Control"] == "no-store", "it is made for one person"
