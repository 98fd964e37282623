"""What a kernel knows, who may speak with it, and what may be said."""

from __future__ import annotations

import contextlib
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from books import SECRET
from hypothesis import given
from hypothesis import strategies as st
from visitor import PLANTED, Visitor, eventually, logins, roles, texts
from websocket import WebSocketBadStatusException, WebSocketConnectionClosedException

from stormplay.forking.environment import kernel_environment, nursery_environment
from stormplay.server.channels import quiet

LEAKS = (SECRET, "Traceback", 'File "', "ipython-input", "site-packages", "/tmp/ipykernel")


@pytest.fixture(scope="module")
def ana(site):
    visitor = Visitor(site)
    assert visitor.sign_in("ana").status == 303
    yield visitor
    visitor.leave()


@pytest.fixture(scope="module")
def page(ana):
    """A page with widgets, run to its end."""
    opened = ana.open("widgets")
    opened.told = opened.run()
    opened.models = json.loads(texts(opened.told)[0])
    return opened


# ---- whose it is


def refused(visitor, path, **options) -> int:
    try:
        visitor.socket(path, **options).close()
    except WebSocketBadStatusException as error:
        return error.status_code
    return 0


@pytest.mark.parametrize("username", ["ben", "ana"])
def test_a_kernel_belongs_to_the_session_that_opened_it(username, page, visitor):
    """Another person is refused, and so is the same person in another browser, for whom it is as unknown."""
    other, kernel = visitor(username), page.kernel_id
    token = other.xsrf()
    unknown = "0b8e6f3c-2a4d-4c59-9c1a-5a7d1f0e9b11"
    for kernel_id in (kernel, unknown):
        answers = [
            other.get(f"/api/kernels/{kernel_id}"),
            other.ask("DELETE", f"/api/kernels/{kernel_id}", X_XSRFToken=token),
            other.post(f"/voila/api/shutdown/{kernel_id}"),
        ]
        assert [answer.status for answer in answers] == [403, 403, 403]
        assert {json.loads(answer.body)["message"].split()[0] for answer in answers} == {"User"}
        assert refused(other, f"/api/kernels/{kernel_id}/channels?session_id=x") == 403
        assert refused(other, f"/voila/execution/{kernel_id}") == 403
    assert page.visitor.get(f"/api/kernels/{kernel}").status == 200, "it still runs, and its owner gets at it"
    assert page.run() == page.told
    with contextlib.closing(page.channel().socket) as mine:
        assert mine.connected


def test_ending_a_kernel_needs_the_token_of_a_form(ana):
    page = ana.open("plain")
    path = f"/api/kernels/{page.kernel_id}"
    assert ana.ask("DELETE", path).status == 403
    assert ana.post(f"/voila/api/shutdown/{page.kernel_id}", xsrf=False).status == 403
    assert ana.get(path).status == 200
    assert ana.ask("DELETE", path, X_XSRFToken=ana.xsrf()).status == 204
    assert ana.get(path).status == 403


def test_another_sites_page_cannot_connect(page):
    for path in (f"/api/kernels/{page.kernel_id}/channels?session_id=x", f"/voila/execution/{page.kernel_id}"):
        assert refused(page.visitor, path, origin="https://evil.example") == 403
        assert refused(page.visitor, path, origin=f"http://127.0.0.1:{page.visitor.site.port}") == 0


# ---- what it knows


def test_two_people_at_once_see_what_is_theirs(visitor):
    with ThreadPoolExecutor(2) as both:
        saw = dict(zip(("ana", "ben"), both.map(lambda name: visitor(name).open("who").printed(), ("ana", "ben")),
                       strict=True))  # fmt: skip
    assert (saw["ana"]["name"], saw["ana"]["tenants"], saw["ana"]["person"]) == ("Ana Torres", ["lone-star"], "ana")
    assert (saw["ben"]["name"], saw["ben"]["tenants"], saw["ben"]["person"]) == ("Ben Okafor", ["trinity"], "ben")
    assert saw["ana"]["login"] != saw["ben"]["login"]


def test_a_kernel_knows_its_own_login_and_no_secret_of_the_server(ana, site, home):
    saw = ana.open("who", "?tenant=lone-star&storm=2021-04-28").printed()
    assert re.fullmatch(r"k_[0-9a-f]{32}", saw["login"])
    assert saw["login"] in saw["values"]
    assert saw["query"] == "tenant=lone-star&storm=2021-04-28"
    assert not {name for name in saw["names"] if "SECRET" in name or "HOME" in name} - {"HOME"}
    known = json.loads((home / "secrets.json").read_text())
    for secret in (PLANTED, *known.values(), ana.session, ana.xsrf(), str(home)):
        assert secret not in saw["values"]
    ours = {name for name in saw["names"] if name.startswith("STORMPLAY")}
    assert ours == {"STORMPLAY_DATABASE_URL", "STORMPLAY_PERSON"}


def test_nothing_of_a_request_becomes_the_kernels_authority(ana):
    saw = ana.open("who", "?STORMPLAY_PERSON=ben&STORMPLAY_DATABASE_URL=x&username=ben&person=ben").printed()
    assert (saw["name"], saw["person"]) == ("Ana Torres", "ana")


names = st.text(st.characters(whitelist_categories=["Lu", "Nd"], whitelist_characters="_"), min_size=1, max_size=20)


@given(st.dictionaries(names, st.just("secret")), st.sampled_from(["", "_URL", "_KEY", "_TOKEN", "_PASSWORD"]))
def test_the_environment_is_a_list_of_what_is_allowed(server, ending):
    given_ = {**{name + ending: "secret" for name in server}, "PATH": "/bin", "PGPASSWORD": "secret", "LC_ALL": "C"}
    made = kernel_environment(given_, {"QUERY_STRING": "q"}, database_url="url", username="ana")
    assert made["PATH"] == "/bin"
    assert made["STORMPLAY_DATABASE_URL"] == "url"
    assert "PGPASSWORD" not in made
    warm = nursery_environment(given_)
    assert not {"STORMPLAY_DATABASE_URL", "STORMPLAY_PERSON", "QUERY_STRING", "PGPASSWORD"} & set(warm)
    leaked = {name for name, value in (made | warm).items() if value == "secret"}
    assert not {name for name in leaked if re.search("KEY|TOKEN|PASSWORD|SECRET|DATABASE", name)}


# ---- what it tells a page that connects


def test_a_page_is_told_no_state_that_it_knows_and_all_of_them_after_a_lost_connection(ana):
    """It hears of each widget from the first on; told again, what somebody has typed meanwhile would be taken back."""
    page = ana.open("widgets")
    models = json.loads(texts(page.run())[0])
    first, again = page.channel(), page.channel()
    assert first.answer() == {}
    assert first.answer().keys() == again.answer().keys() >= set(models.values())
    page.close()


# ---- what may be said to it


FORBIDDEN = {
    "execute_request": {"code": "open('/tmp/x')", "silent": False, "store_history": False, "user_expressions": {},
                        "allow_stdin": False, "stop_on_error": True},
    "complete_request": {"code": "SEC", "cursor_pos": 3},
    "inspect_request": {"code": "fail", "cursor_pos": 4, "detail_level": 1},
    "history_request": {"output": True, "raw": True, "hist_access_type": "tail", "n": 100},
    "is_complete_request": {"code": "1"},
    "debug_request": {"type": "request", "seq": 1, "command": "evaluate", "arguments": {"expression": "1"}},
    "input_reply": {"value": "x"},
    "interrupt_request": {},
    "create_subshell_request": {},
}  # fmt: skip


@pytest.mark.parametrize("channel", ["shell", "control", "stdin"])
def test_a_page_can_run_no_code_and_look_up_none(channel, page):
    speaker = page.channel()
    speaker.info()
    for kind, content in FORBIDDEN.items():
        speaker.send(kind, content, channel)
    heard = speaker.info()
    kinds = {message["msg_type"] for message in heard}
    assert "kernel_info_reply" in kinds, "what is allowed is answered"
    assert kinds <= {"status", "kernel_info_reply"}
    assert {m["parent_header"].get("msg_type") for m in heard if m["parent_header"]} <= {"kernel_info_request"}
    speaker.socket.close()


def test_nonsense_on_the_socket_does_no_harm(page, site):
    speaker, before = page.channel(), len(site.said())
    speaker.info()
    for nonsense in ("", "x", "[]", "{}", '{"header": {}}', '{"header": null, "channel": "shell"}', "null",
                     '{"header": {"msg_type": ["execute_request"]}, "channel": "shell"}'):  # fmt: skip
        speaker.socket.send(nonsense)
    for nonsense in (b"", b"\0", b"\xff" * 40, b"\0" * 64):
        speaker.socket.send_binary(nonsense)
    assert any(message["msg_type"] == "kernel_info_reply" for message in speaker.info())
    speaker.socket.close()
    assert "Traceback" not in site.said(before)


def test_what_other_sockets_say_stays_with_them(page):
    """Two tabs' worth of sockets on one kernel: a reply and a failure reach the one that asked."""
    first, second = page.channel(), page.channel()
    first.info()
    second.info()
    first.hear(until=first.message(page.models["button"], {"method": "custom", "content": {"event": "click"}}))
    kinds = {
        message["msg_type"] for message in second.info() if message["parent_header"].get("session") != second.session
    }
    assert kinds <= {"status", "comm_msg"}
    first.socket.close()
    second.socket.close()


# ---- what it says


CLICK = {"method": "custom", "content": {"event": "click"}}


@pytest.mark.parametrize(
    ("model", "data"),
    [("button", CLICK), ("captured", CLICK), ("text", {"method": "update", "state": {"value": "x"}})],
)
def test_a_callback_that_fails_shows_a_sentence_and_no_trace(model, data, page):
    speaker = page.channel()
    speaker.info()
    heard = speaker.hear(until=speaker.message(page.models[model], data))
    (error,) = [message["content"] for message in heard if message["msg_type"] == "error"]
    assert error["evalue"] == "Something went wrong here. Nothing else was changed. Reload the page and try again."
    assert error["traceback"] == [error["evalue"]]
    assert not [leak for leak in LEAKS if leak in json.dumps(heard)]
    speaker.socket.close()


def test_a_comm_that_fails_shows_no_trace(page):
    speaker, comm = page.channel(), "5" * 32
    speaker.info()
    opened = speaker.hear(until=speaker.send("comm_open", {"comm_id": comm, "target_name": "raw", "data": {}}))
    assert [m["content"]["data"] for m in opened if m["msg_type"] == "comm_msg"] == [{"heard": True}]
    heard = speaker.hear(until=speaker.message(comm, {"x": 1}))
    heard += speaker.hear(until=speaker.send("comm_open", {"comm_id": "6" * 32, "target_name": "none", "data": {}}))
    assert not [leak for leak in LEAKS if leak in json.dumps(heard)]
    speaker.socket.close()


def test_the_state_of_an_output_widget_holds_no_trace(page):
    """A cell that fails inside `with Output():` leaves its traceback in the widget's state, which pages ask for."""
    speaker = page.channel()
    speaker.info()
    states = speaker.states()
    outputs = [model["state"]["outputs"] for model in states.values() if model["state"].get("outputs")]
    assert [output["output_type"] for output in outputs[0]] == ["stream", "error"]
    assert outputs[0][0]["text"] == "shown\n"
    assert not [leak for leak in LEAKS if leak in json.dumps(states)]
    speaker.socket.close()


@given(st.recursive(st.text() | st.integers() | st.none(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)))
def test_what_is_no_trace_passes_unchanged(value):
    assert quiet(value) == value


@given(st.sampled_from([[], ["a"], [{"outputs": []}]]))
def test_a_trace_is_found_however_deep(around):
    trace = {"output_type": "error", "ename": "E", "evalue": SECRET, "traceback": [SECRET]}
    warning = {"output_type": "stream", "name": "stderr", "text": SECRET}
    shown = {"output_type": "stream", "name": "stdout", "text": "shown"}
    found = quiet({"states": {"1": {"outputs": [*around, trace, warning, shown]}}})
    assert SECRET not in json.dumps(found)
    assert found["states"]["1"]["outputs"][-1] == shown


def test_a_cell_that_fails_shows_a_sentence_and_no_trace(ana, site):
    told = ana.open("raises").run()
    assert texts(told) == ["before\n"], "what came before is shown, what comes after is not run"
    (failed,) = [message["failed"] for message in told if message.get("failed")]
    reference = re.search(r"log has the cause under ([0-9a-f]{8})\.", failed).group(1)
    assert not [leak for leak in LEAKS if leak in json.dumps(told)]
    assert f"raises, cell 2 failed [{reference}]: RuntimeError" in site.said(), "the administrator finds it"


def test_cells_that_print_into_a_widget_do_not_wait_for_ever(ana):
    begin = time.monotonic()
    told = ana.open("outputs").run()
    assert [message["cell"] for message in told if "outputs" in message] == list(range(1, 42))
    assert time.monotonic() - begin < 60


def test_our_own_errors_speak_for_themselves(ana):
    told = ana.open("speaks").run()
    (failed,) = [message["failed"] for message in told if message.get("failed")]
    assert "There is no &lt;storm&gt; of that name." in failed


def test_a_page_that_is_read_again_is_told_all_of_it(page):
    """The socket of the cells may break; a new one begins at the first message."""
    assert page.run() == page.run() == page.told


# ---- its end


def test_closing_a_page_ends_its_kernel_and_its_login(ana, site):
    page = ana.open("who")
    saw = page.printed()
    channel = page.channel()
    channel.info()
    assert saw["login"] in logins() & roles()
    assert page.close().status == 204
    eventually(lambda: saw["pid"] not in [kernel.pid for kernel in site.kernels()])
    eventually(lambda: saw["login"] not in logins() | roles())
    with pytest.raises(WebSocketConnectionClosedException):
        while True:
            code, data = channel.socket.recv_data()
            assert (code, data) != (8, b""), "the page is told why"
            if code == 8:
                assert (int.from_bytes(data[:2], "big"), data[2:]) == (4000, b"closed")
                raise WebSocketConnectionClosedException
    assert page.close().status == 403, "there is no such kernel any more"


def test_a_kernel_that_is_ended_from_all_sides_ends_once(visitor, site):
    ana = visitor("ana")
    page = ana.open("who")
    saw = page.printed()
    path, token = f"/api/kernels/{page.kernel_id}", ana.xsrf()
    ends = [lambda: ana.ask("DELETE", path, X_XSRFToken=token), page.close, page.close] * 3
    with ThreadPoolExecutor(len(ends)) as crowd:
        answers = [answer.status for answer in crowd.map(lambda end: end(), ends)]
    assert set(answers) <= {204, 403}
    assert 204 in answers
    eventually(lambda: saw["login"] not in logins() | roles())
    assert "could not be shut down" not in site.said()


def test_a_map_goes_ahead_once_and_is_not_kept_when_the_page_shows_it(ana):
    page = ana.open("maps")
    assert "data-map" in page.answer.body and '"mapHead": "/static/map_head.txt?v=' in page.answer.body
    told = page.run()
    ahead = [number for number, message in enumerate(told) if "map" in message]
    assert len(ahead) == 1 and ahead[0] < next(n for n, message in enumerate(told) if message.get("cell") == 1)
    found = told[ahead[0]]["map"]
    assert "stormplayDraw" in found["document"] and len(found["document"]) < 10_000
    assert texts(told)[0] == "1\n" and len(texts(told)) == 2, "and is no output"
    heard = json.dumps(page.channel().info())
    assert found["key"] in heard
    assert json.dumps(found["document"])[1:-1] not in heard, "nor sent twice"
    with contextlib.closing(ana.socket(f"/voila/execution/{page.kernel_id}")) as cells:
        while "done" not in json.loads(cells.recv()):
            continue
        cells.send("drawn")
    eventually(lambda: not any("map" in message for message in page.run()))
    plain = ana.open("plain")
    assert "data-map" not in plain.answer.body and "mapHead" not in plain.answer.body
