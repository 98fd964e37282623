"""A person's own password, changed on the page; and sessions that nobody uses."""

from __future__ import annotations

import uuid

import pytest
from visitor import PASSWORD, Visitor, eventually, logins

from stormplay import accounts, broker
from stormplay.server.sessions import Sessions

NEW = "a sentence is a good password"


@pytest.fixture
def dora(database, visitor):
    """Somebody of this test's own, signed in."""
    name = f"dora-{uuid.uuid4().hex[:6]}"
    accounts.add_person(name, "Dora Day", PASSWORD)
    accounts.add_member(name, "trinity", "operator")
    found = visitor(name)
    found.name = name
    return found


def change(visitor, old=PASSWORD, new=NEW, again=None, **options):
    return visitor.post("/password", {"old": old, "new": new, "again": new if again is None else again}, **options)


def test_a_new_password_ends_every_other_session_and_what_runs_there(dora, visitor, site):
    other = visitor(dora.name)
    page = other.open("who")
    saw = page.printed()
    mine = dora.open("who").printed()
    answer = change(dora)
    assert (answer.status, answer.sentence) == (200, "Your password is changed")
    assert dora.get("/voila/render/plain.ipynb").status == 200, "this browser goes on"
    assert other.get("/").status == 302
    eventually(lambda: saw["login"] not in logins())
    assert mine["login"] in logins()
    assert visitor().sign_in(dora.name).status == 401
    assert visitor().sign_in(dora.name, NEW).status == 303
    assert f"{dora.name} changed the password; 1 other sessions ended" in site.said()
    assert NEW not in site.said()
    assert PASSWORD not in site.said()


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


def test_a_visitor_leaves_no_password_in_the_log(dora, site):
    before = len(site.said())
    Visitor(site).sign_in(dora.name, "mistyped-secret-1")
    said = site.said(before)
    assert f"wrong password for {dora.name} from 127.0.0.1" in said
    assert "mistyped-secret-1" not in said
