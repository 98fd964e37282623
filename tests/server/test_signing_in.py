"""The way in and the way out."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from visitor import NO_PAGES, PASSWORD, Visitor, eventually, logins, serving

from stormplay import accounts, broker, database
from stormplay.server.doors import local_path
from stormplay.server.sessions import Sessions
from stormplay.server.throttle import FREE_FAILURES

WRONG = "This user name and password do not belong together."


@pytest.fixture
def unguessed(database, notebooks, tmp_path):
    """A server at which no other test has guessed: names that no account can have are one name to the throttle."""
    with serving(tmp_path / "unguessed", database, notebooks, settings=NO_PAGES) as running:
        yield running


def test_wrong_unknown_and_impossible_read_the_same(visitor, unguessed):
    stranger = visitor(at=unguessed)
    answers = [
        stranger.sign_in(name, password)
        for name, password in (
            ("ben", "not-it-at-all"), ("nobody-here", PASSWORD), ("local", ""), ("ben", "x" * 5_000),
            ("x' OR 1=1 --", PASSWORD), ("ben\x00x", PASSWORD), ("b" * 5_000, PASSWORD),
        )
    ]  # fmt: skip
    assert [answer.status for answer in answers] == [401] * len(answers)
    assert {answer.alert for answer in answers} == {WRONG}
    assert not stranger.session
    assert stranger.get("/").status == 302
    assert "Traceback" not in unguessed.said()


def test_unknown_takes_as_long_as_wrong(visitor):
    stranger = visitor()

    def takes(names) -> float:
        spent = []
        for name in names:
            begin = time.perf_counter()
            stranger.sign_in(name, "not-it-at-all")
            spent.append(time.perf_counter() - begin)
        return min(spent)  # what it costs at least; all above that is the machine's

    takes(["warm-up"])
    known, unknown = takes(["ana", "ben", "vic"] * 2), takes(["nobody-a", "nobody-b", "nobody-c"] * 2)
    assert 0.4 < known / unknown < 2.5


def test_the_fifth_failure_is_the_last_free_one(visitor, database):
    accounts.add_person("gus", "Gus Guessed", PASSWORD)
    stranger = visitor()
    assert [stranger.sign_in("gus", f"guess-{n}-xx").status for n in range(FREE_FAILURES)] == [401] * FREE_FAILURES
    refused = stranger.sign_in("GUS", PASSWORD)
    assert refused.status == 429, "not even the right password, in whatever case the name is written"
    assert refused.alert == f"Too many wrong passwords. Try again in {refused.headers['Retry-After']} seconds."
    assert visitor().sign_in("gus", PASSWORD).status == 429, "nor with another cookie"
    assert visitor().sign_in("ana").status == 303, "others are not held up"
    eventually(lambda: visitor().sign_in("gus", PASSWORD).status == 303, seconds=8, every=0.5)


def test_without_the_forms_token_nobody_comes_in_or_goes_out(visitor):
    stranger = visitor()
    stranger.xsrf()
    form = {"username": "ana", "password": PASSWORD}
    for refused in (
        stranger.post("/login", form, xsrf=False),
        stranger.post("/login", {**form, "_xsrf": "guessed"}, xsrf=False),
        visitor().ask("POST", "/login", f"username=ana&password={PASSWORD}"),
        stranger.post("/login", form, Origin="https://evil.example"),
    ):
        assert refused.status in (403, 404)
    assert not stranger.session
    ana = visitor("ana")
    assert ana.post("/logout", xsrf=False).status == 403
    assert ana.get("/logout").status == 405, "no link and no picture can sign anybody out"
    assert ana.get("/login").status == 302, "still signed in"


OUTWARD = (
    "//evil.example", "///evil.example", "https://evil.example/", "HTTPS:evil.example", "/\\evil.example", "\\/evil",
    "\\\\evil.example", "javascript:alert(1)", "data:text/html,x", " //evil.example", "/\t/evil.example",
    "/\n/evil.example", "evil.example", "/x\r\nSet-Cookie: a=b", "/ /evil", "", "@evil.example", "/x\x00y",
)  # fmt: skip


@pytest.mark.parametrize("wanted", OUTWARD)
def test_no_way_on_leads_elsewhere(wanted, visitor):
    answer = visitor().sign_in("ana", next_=wanted)
    assert answer.status == 303
    assert answer.headers["Location"] == "/"
    assert "a" not in answer.cookies


def test_the_way_on_leads_to_the_page_that_was_asked_for(visitor):
    stranger = visitor()
    asked = stranger.get("/voila/render/plain.ipynb?tenant=lone-star&storm=2021-04-28")
    form = stranger.get(asked.headers["Location"])
    assert 'value="/voila/render/plain.ipynb?tenant=lone-star&amp;storm=2021-04-28"' in form.body
    wanted = "/voila/render/plain.ipynb?tenant=lone-star&storm=2021-04-28"
    assert stranger.sign_in("ana", next_=wanted).headers["Location"] == wanted
    assert stranger.get("/login?next=//evil.example").headers["Location"] == "/", "nor for somebody who is in"


@given(st.text(st.characters(max_codepoint=0x2FF), max_size=20))
def test_a_local_path_begins_here_or_is_the_default(wanted):
    found = local_path("/" + wanted, "/default")
    assert found == "/default" or (found == "/" + wanted and found[1:2] not in ("/", "\\"))
    assert not set(found) & set("\\\r\n\t\0 ")


def test_what_was_typed_is_shown_as_text(visitor):
    answer = visitor().sign_in('"><script>alert(1)</script>', "not-it-at-all")
    assert "<script>alert" not in answer.body
    assert "&lt;script&gt;" in answer.body


def test_the_session_is_new_at_each_login(visitor):
    """Session fixation: a cookie from before the login opens nothing after it."""
    ana = visitor("ana")
    first = ana.session
    again = ana.sign_in("ana")
    assert again.status == 303
    assert ana.session != first
    before = Visitor(ana.site, {f"stormplay-session-{ana.site.port}": first})
    assert before.get("/voila/render/plain.ipynb").status == 302


def test_a_planted_or_changed_cookie_is_nobody(visitor):
    ana = visitor("ana")
    name = f"stormplay-session-{ana.site.port}"
    kind, length, stamp, what, value, signature = ana.session.strip('"').split("|")
    for cookie in ("planted", "", value, f'"{kind}|{length}|{stamp}|{what}|{value}|{"0" * len(signature)}"',
                   ana.session.replace(signature, signature[::-1])):  # fmt: skip
        assert Visitor(ana.site, {name: cookie}).get("/voila/render/plain.ipynb").status == 302
    assert Visitor(ana.site, {name: ana.session}).get("/login").status == 302


def test_no_token_header_or_query_is_an_identity(visitor):
    stranger = visitor()
    path = "/voila/render/plain.ipynb"
    assert stranger.get(path + "?token=x").status == 302
    assert stranger.get(path + "?token=").status == 302
    assert stranger.get(path, Authorization="token x").status == 302
    assert stranger.get(path, Authorization="token ").status == 302
    assert stranger.get(path, X_Forwarded_User="ana", X_Remote_User="ana", Remote_User="ana").status == 302


def test_the_cookies_flags(visitor):
    answer = visitor().sign_in("ana")
    (session,) = [morsel for name, morsel in answer.cookies.items() if name.startswith("stormplay-session")]
    assert session["httponly"]
    assert session["samesite"] == "Lax"
    assert session["path"] == "/"
    assert not session["secure"], "plain http on this machine: a Secure cookie would never come back"
    assert not session["expires"], "it ends with the browser"


def test_signing_out_ends_all_that_was_open(visitor, site):
    ana, before = visitor("ana"), logins()
    page = ana.open("who")
    saw = page.printed()
    old = Visitor(site, dict(ana.cookies))
    answer = ana.post("/logout")
    assert (answer.status, answer.headers["Location"]) == (303, "/login")
    assert not ana.session
    assert old.get("/").status == 302, "the old cookie is worthless"
    assert old.get(f"/api/kernels/{page.kernel_id}").status == 403
    eventually(lambda: saw["pid"] not in [kernel.pid for kernel in site.kernels()])
    eventually(lambda: logins() <= before)


def test_somebody_else_in_the_same_browser_starts_afresh(visitor, site):
    browser = visitor("ana")
    page = browser.open("who")
    saw = page.printed()
    assert browser.sign_in("ben").status == 303
    assert browser.get(f"/api/kernels/{page.kernel_id}").status == 403
    eventually(lambda: saw["login"] not in logins())


def test_a_closed_account_is_out_at_the_next_page(visitor, home):
    accounts.add_person("eve", "Eve Ended", PASSWORD)
    eve = visitor("eve")
    assert eve.get("/voila/render/plain.ipynb").status == 200
    with database.transaction(database.admin_url()) as connection:
        connection.execute(text("UPDATE sec.person SET disabled_at = now() WHERE username = 'eve'"))
    refused = eve.get("/voila/render/plain.ipynb")
    assert refused.status == 403
    assert "There is no open account 'eve'." in refused.sentence
    assert eve.get("/").status == 302
    assert eve.sign_in("eve").alert == WRONG


def test_a_session_ends_by_itself():
    ana = broker.Person("1", "ana", "Ana")
    sessions = Sessions(lifetime_s=0.05)
    key = sessions.open(ana)
    assert sessions.find(key) == ana
    time.sleep(0.06)
    assert sessions.find(key) is None
    assert sessions.find("") is None
    assert len({sessions.open(ana) for _ in range(50)}) == 50
