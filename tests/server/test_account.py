"""A person's own password, changed on the page; and sessions that nobody uses."""

from __future__ import annotations

import json
import re
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from visitor import PASSWORD, Page, Visitor, eventually, logins, texts
from websocket import WebSocketBadStatusException

from stormplay import accounts, broker
from stormplay.server.sessions import MOST_PER_PERSON, Sessions

NEW = "a sentence is a good password"


@pytest.fixture
def dora(database, visitor):
    """Somebody of this test's own, signed in."""
    name = f"dora-{uuid.uuid4().hex[:6]}"
    accounts.add_person(name, "Dora Day", PASSWORD)
    accounts.add_member(name, "trinity", "operator")
    found = visitor(name)
    found.name, found.id = name, broker.find_person(name).person_id
    return found


def change(visitor, old=PASSWORD, new=NEW, again=None, next_="/", **options):
    form = {"old": old, "new": new, "again": new if again is None else again, "next": next_}
    return visitor.post("/password", form, **options)


def test_a_new_password_ends_every_other_session_and_what_runs_there(dora, visitor, site):
    other = visitor(dora.name)
    page = other.open("who")
    saw = page.printed()
    mine = dora.open("who")
    my_login = mine.printed()["login"]
    answer = change(dora, next_="/voila/render/who.ipynb?tenant=trinity")
    assert (answer.status, answer.sentence) == (200, "Your password is changed")
    assert "You were signed out everywhere else." in answer.body
    assert 'href="/voila/render/who.ipynb?tenant=trinity"' in answer.body, "with the way back to the page"
    assert dora.get(f"/api/kernels/{mine.kernel_id}").status == 200, "this browser goes on"
    assert other.get("/").status == 302
    eventually(lambda: saw["login"] not in logins())
    assert my_login in logins()
    assert visitor().sign_in(dora.name).status == 401
    assert visitor().sign_in(dora.name, NEW).status == 303
    (changed,) = [line for line in site.lines() if line.get("person") == dora.id and "count" in line]
    assert (changed["event"], changed["count"]) == ("changed the password; other sessions ended", 1)
    assert NEW not in site.said()
    assert PASSWORD not in site.said()


def test_a_copy_of_this_browsers_cookie_is_worthless_after_it(dora, visitor):
    """Somebody has copied the cookie, and listens on the page's own socket. The page itself connects anew."""
    page = dora.open("widgets")
    model = json.loads(texts(page.run())[0])["text"]
    speaker = page.channel()
    speaker.info()
    thief = Visitor(dora.site, dict(dora.cookies))
    listening = Page(thief, page.kernel_id, page.answer).channel()
    write = {"method": "update", "state": {"value": "the thief was here"}}
    listening.hear(until=listening.message(model, write))
    assert "the thief was here" in json.dumps(speaker.states()), "until then it is as good as the page's own"
    assert change(dora).status == 200
    assert dora.session != thief.session
    write["state"]["value"] = "and is still here"
    listening.message(model, write)  # without an answer to the server's farewell
    again = page.channel()
    assert "still here" not in json.dumps(again.states())
    for socket in (speaker.socket, listening.socket):
        while socket.recv():
            pass
        assert not socket.connected
    assert thief.get("/").status == 302
    with pytest.raises(WebSocketBadStatusException):
        thief.socket(f"/api/kernels/{page.kernel_id}/channels?session_id={listening.session}")


def test_no_login_with_the_old_password_slips_in_meanwhile(dora, visitor):
    """Checking a password takes a while; one that is checked while it is changed opens nothing."""
    old, new = PASSWORD, NEW
    for _ in range(4):
        strangers = [Visitor(dora.site) for _ in range(5)]
        for each in strangers:
            each.xsrf()
        with ThreadPoolExecutor(6) as crowd:
            entering = [crowd.submit(each.sign_in, dora.name, old) for each in strangers]
            assert change(dora, old=old, new=new).status == 200
        assert {each.result().status for each in entering} <= {303, 401, 429}
        assert {each.get("/").status for each in strangers} == {302}
        assert {each.headers["Location"][:6] for each in [each.get("/") for each in strangers]} == {"/login"}
        old, new = new, f"{new}!"


@pytest.mark.parametrize(
    ("typed", "status", "sentence"),
    [
        ({"old": "not-it-at-all"}, 401, "That is not your present password. Nothing was changed."),
        ({"new": "short"}, 400, "The password is too short. Expected 8 to 1024 signs."),
        ({"new": "x" * 2_000}, 400, "The password is too long. Expected 8 to 1024 signs."),
        ({"again": "something else"}, 400, "The new password was not typed the same way twice."),
        ({"old": "", "new": "", "again": ""}, 400, "The password is too short. Expected 8 to 1024 signs."),
    ],
)
def test_what_does_not_fit_is_a_sentence_and_changes_nothing(dora, visitor, typed, status, sentence):
    answer = change(dora, **typed)
    assert (answer.status, answer.alert) == (status, sentence)
    assert broker.check_password(dora.name, PASSWORD)


def test_nobody_changes_it_without_the_forms_token_or_from_elsewhere(dora, visitor):
    assert change(dora, xsrf=False).status == 403
    assert change(dora, Origin="https://evil.example").status in (403, 404)
    assert change(visitor()).status == 403
    assert visitor().get("/password").status == 302
    assert broker.check_password(dora.name, PASSWORD)


def test_guessing_at_a_change_is_slowed_down_like_at_the_login(dora):
    answers = [change(dora, old=f"guess-{n}-xx").status for n in range(6)]
    assert answers == [401] * 5 + [429]
    assert change(dora).status == 429, "not even with the right one"


def test_a_password_that_cannot_be_costs_no_attempt(dora):
    """It told nothing about the old one, so nobody is held up for it."""
    assert [change(dora, new="short").status for _ in range(8)] == [400] * 8
    assert change(dora).status == 200


def test_a_known_browser_is_not_held_up_by_what_others_guess(dora, visitor):
    guesses = [visitor().sign_in(dora.name, f"guess-{n}-xx").status for n in range(6)]
    assert guesses == [401] * 5 + [429]
    assert visitor().sign_in(dora.name).status == 429, "a browser that has never been in waits"
    dora.post("/logout")
    assert dora.sign_in(dora.name).status == 303, "the one in which she has signed in does not"
    device = f"stormplay-device-{dora.site.port}"
    kept = Visitor(dora.site, {device: dora.cookies[device]})
    assert kept.sign_in("ben", "not-it-at-all").status == 401, "for anybody else it is like any other browser"
    assert kept.get("/voila/render/plain.ipynb").status == 302, "and it opens nothing"
    forged = dora.cookies[device].replace(dora.cookies[device][-6:], "000000")
    assert Visitor(dora.site, {device: forged}).sign_in(dora.name).status == 429


def test_the_form_helps_a_password_manager(dora):
    form = dora.get("/password").body
    assert form.count('autocomplete="new-password"') == 2
    assert 'autocomplete="current-password"' in form
    assert f'value="{dora.name}" autocomplete="username"' in form


def test_a_session_that_nobody_uses_ends():
    now = [0.0]
    sessions = Sessions(lifetime_s=100, idle_s=10, clock=lambda: now[0])
    ana, ben = (sessions.open(broker.Person(str(n), name, name)) for n, name in enumerate(("ana", "ben")))
    for now[0] in (8.0, 16.0, 24.0):
        sessions.touch(ana)
    assert sessions.find(ana).username == "ana"
    assert sessions.find(ben) is None
    sessions.touch(ben)
    assert sessions.find(ben) is None, "what has ended stays ended"
    for now[0] in range(24, 101, 8):
        sessions.touch(ana)
    now[0] = 100.0
    assert sessions.find(ana) is None, "and twelve hours are the end for everybody"
    assert sessions.of("ana") == [ana]
    sessions.open(broker.Person("3", "vic", "vic"))
    assert sessions.of("ana") == [], "what has ended is forgotten"


def test_nobodys_sessions_push_out_anothers():
    sessions = Sessions()
    ana, ben = (broker.Person(str(n), name, name) for n, name in enumerate(("ana", "ben")))
    hers = sessions.open(ana)
    his = [sessions.open(ben) for _ in range(MOST_PER_PERSON + 5)]
    assert sessions.find(hers) == ana
    assert [sessions.find(key) for key in his] == [None] * 5 + [ben] * MOST_PER_PERSON


def test_the_log_tells_who_came_and_went_and_no_secret(dora, site, visitor):
    before = len(site.said())
    other = visitor()
    other.sign_in(dora.name, "mistyped-secret-1")
    other.sign_in("x\n2026-01-01 doors: ana signed in from 10.0.0.1", "mistyped-secret-2")
    other.sign_in(dora.name)
    change(other, old="mistyped-secret-3")
    change(other)
    session = other.session
    other.post("/logout")
    for _ in range(6):
        visitor().sign_in(dora.name, "mistyped-secret-4")
    said, lines = site.said(before), site.lines(before)
    told = {(line["event"], line.get("person"), line.get("address")) for line in lines if "doors" in line["logger"]}
    assert told == {
        ("wrong password", dora.id, "127.0.0.1"),
        ("wrong password", "unknown", "127.0.0.1"),
        ("signed in", dora.id, "127.0.0.1"),
        ("wrong password, at a change of it", dora.id, "127.0.0.1"),
        ("changed the password; other sessions ended", dora.id, None),
        ("signed out", dora.id, None),
        ("held up after wrong passwords", None, "127.0.0.1"),
    }
    assert all(re.fullmatch("[0-9a-f]{12}", line["request"]) for line in lines)
    assert "ana signed in" not in said, "a name is no way to write a line of one's own"
    for secret in (dora.name, "Dora Day"):
        assert secret not in said
    for secret in ("mistyped-secret", PASSWORD, NEW, session.split("|")[-1].strip('"'), other.xsrf()):
        assert secret not in said
