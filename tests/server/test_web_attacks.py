"""Attacks on the server, each by name and beside the same request by who may make it."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
import uuid
from pathlib import Path
from urllib.parse import quote

import pytest
from books import SECRET
from sqlalchemy import text
from visitor import PASSWORD, Visitor, eventually, serving
from websocket import WebSocketBadStatusException, WebSocketConnectionClosedException

from stormplay import accounts, database, reports
from stormplay.errors import BadInput

ROOT = Path(__file__).resolve().parents[2]
PLAIN = "/voila/render/plain.ipynb"
INSIDE = "/password"  # open to who is signed in, and needs no kernel


@pytest.fixture(scope="module")
def people(site):
    """ana and ben, each signed in, ana with an open page."""
    ana, ben = Visitor(site), Visitor(site)
    assert ana.sign_in("ana").status == ben.sign_in("ben").status == 303
    page = ana.open("widgets")
    page.models = json.loads(next(text for message in page.run() for text in _texts(message)))
    yield ana, ben, page
    ana.leave()
    ben.leave()


def _texts(message):
    return [output["data"]["text/plain"] for output in message.get("outputs", [])]


# ---- who one is


NOBODY = {
    "a name in the query": ("?username=ana&user=ana&person=ana", {}),
    "a token in the query": ("?token=anything", {}),
    "an empty token in the query": ("?token=", {}),
    "basic authorization": ("", {"Authorization": "Basic YW5hOmhhaWxzdG9ybS0x"}),
    "a bearer token": ("", {"Authorization": "Bearer anything"}),
    "jupyter's token": ("", {"Authorization": "token anything"}),
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
    known = {"port": site.port, "session": ana.session, "key": "a" * 43}
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
    states = json.dumps(_states(mine))
    mine.socket.close()
    assert "ben was here" not in states
    assert page.models["text"] in states


def _states(speaker):
    """All widgets' states, as a page asks for them."""
    comm = uuid.uuid4().hex
    target = {"comm_id": comm, "target_name": "jupyter.widget.control", "data": {}}
    speaker.hear(until=speaker.send("comm_open", target))
    heard = speaker.hear(until=speaker.message(comm, {"method": "request_states"}))
    reply = next(message for message in heard if message["msg_type"] == "comm_msg")
    return reply["content"]["data"]["states"]


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


STATIC = ["/static/", "/voila/static/", "/voila/labextensions/anywidget/static/"]
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


def test_who_never_ends_a_request_blocks_nobody(people, site):
    """Slowloris: fifty connections that send a byte now and then."""
    ana, _, _ = people
    slow = [socket.create_connection(("127.0.0.1", site.port), 10) for _ in range(50)]
    for one in slow:
        one.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    began = time.monotonic()
    assert ana.get(INSIDE).status == 200
    assert time.monotonic() - began < 10
    for one in slow:
        one.close()


def test_a_page_of_before_the_logout_is_kept_by_no_browser(people):
    ana, _, page = people
    assert page.answer.headers["Cache-Control"] == "no-store"
    assert ana.get("/password").headers["Cache-Control"] == "no-store"


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


@pytest.fixture(scope="module")
def real(demo, tmp_path_factory):
    """ana on the real Phase 3 page: she sees lone-star, and trinity is somebody else's."""
    with serving(tmp_path_factory.mktemp("real"), demo, ROOT / "notebooks") as site:
        ana = Visitor(site)
        ana.sign_in("ana")
        page = ana.open("phase3_routes", "?tenant=lone-star&storm=2021-04-28")
        assert not [message for message in page.run() if message.get("failed")]
        yield page
        ana.leave()


@pytest.fixture(scope="module")
def foreign(demo):
    """Words that stand in trinity's rows alone."""
    with database.transaction(database.admin_url()) as connection:
        rows = connection.execute(
            text("""SELECT p.address FROM properties p JOIN sec.tenant_entry t USING (tenant_id)
                     WHERE t.slug = 'trinity' AND p.address NOT IN (
                        SELECT q.address FROM properties q JOIN sec.tenant_entry u USING (tenant_id)
                         WHERE u.slug <> 'trinity')
                     LIMIT 300""")
        )
        tenant = connection.execute(text("SELECT tenant_id::text FROM sec.tenant_entry WHERE slug = 'trinity'"))
        return {"id": tenant.scalar_one(), "words": ["Trinity Roof", *rows.scalars()]}


def _find(states, **wanted):
    """The one widget whose state has all of this."""
    (found,) = [model for model, known in states.items()
                if all(known["state"].get(name) == value for name, value in wanted.items())]  # fmt: skip
    return found


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
}


@pytest.mark.parametrize("attack", FORGED)
def test_a_forged_widget_shows_nothing_foreign(attack, real, foreign):
    speaker = real.channel()
    speaker.info()
    states = _states(speaker)
    label, forged = FORGED[attack]
    state = json.loads(json.dumps(forged).replace("{id}", foreign["id"]))
    heard = speaker.hear(until=speaker.message(_find(states, description=label), {"method": "update", "state": state}))
    after = _states(speaker)
    said = json.dumps([heard, after])
    assert not [word for word in foreign["words"] if word in said]
    assert "Traceback" not in said
    assert "site-packages" not in said
    # The page still works: its own first storm is chosen and shown.
    speaker.hear(
        until=speaker.message(_find(states, description="Company"), {"method": "update", "state": {"index": 0}})
    )
    speaker.hear(until=speaker.message(_find(states, description="Storm"), {"method": "update", "state": {"index": 0}}))
    assert "Lone Star Roofing (demo)" in json.dumps(_states(speaker))
    speaker.socket.close()


@pytest.mark.parametrize("query", ["tenant=trinity&storm=2021-04-28", "tenant={id}&storm=2021-04-28",
                                   "tenant=lone-star&tenant=trinity&storm=2021-04-28"])  # fmt: skip
def test_a_forged_address_shows_nothing_foreign(query, real, foreign):
    page = real.visitor.open("phase3_routes", f"?{query.replace('{id}', quote(foreign['id']))}")
    told = json.dumps(page.run())
    speaker = page.channel()
    speaker.info()
    said = told + json.dumps(_states(speaker))
    speaker.socket.close()
    page.close()
    assert not [word for word in foreign["words"] if word in said]


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "=cmd|' /C calc'!A0", "x" * 5_000, "\u202egnp.exe"])
def test_a_crews_name_is_text_or_refused(name, real):
    """A viewer's and an attacker's name alike: what is stored is text, what is shown is escaped."""
    from stormplay import RouteBuilder

    builder = RouteBuilder("lone-star", "2021-04-28")
    if builder.get_routes().empty:
        builder.generate_routes(time_limit_s=1.0)
    route = builder.get_routes()["route_id"].iloc[0]
    try:
        builder.assign_crew(route, name)
    except BadInput as error:
        assert "too long" in str(error)
        return
    page = real.visitor.open("phase3_routes", "?tenant=lone-star&storm=2021-04-28")
    page.run()
    speaker = page.channel()
    speaker.info()
    states = _states(speaker)
    speaker.socket.close()
    page.close()
    builder.assign_crew(route, None)
    for known in states.values():
        if known["model_name"] == "HTMLModel":
            assert "<img src=x" not in known["state"]["value"]


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
    named = [NOBODY, KERNEL, CROOKED, CODE, FORGED, ESCAPES]
    assert sum(map(len, named)) >= 60
