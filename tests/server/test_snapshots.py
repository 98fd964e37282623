"""What pages showed last, as the server keeps it: bounded, one person's, and gone with what the person may see."""

from __future__ import annotations

import contextlib
import gzip
import json
import time
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from stormplay import accounts, broker
from stormplay import database as database_of
from stormplay.server.run import HOLD_S
from stormplay.server.snapshots import LARGEST_BYTES, MOST_OF_PERSON, WEEK_S, Snapshots, canonical

BODY = gzip.compress(json.dumps({"look": "", "cells": {"1": "<p>74 of 100</p>"}}).encode())


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def test_it_is_given_back_to_its_person_with_its_age_while_they_may_see_the_same():
    clock = Clock()
    kept = Snapshots(1_000, clock)
    kept.keep("ana", "score", ["", "tenant=a&storm=b"], BODY, "word")
    clock.now_s = 90.0
    assert kept.find("ana", "score", "storm=b&tenant=a", "word") == (BODY, 90.0)
    assert kept.find("ana", "score", "", "word") == (BODY, 90.0)
    for other in (("ben", "score", ""), ("ana", "phase3_routes", ""), ("ana", "score", "tenant=a")):
        assert kept.find(*other, "word") is None
    assert kept.find("ana", "score", "", "another word") is None
    assert kept.find("ana", "score", "", "word") is None, "what they may not see once is gone"
    clock.now_s = WEEK_S + 1
    assert kept.find("ana", "score", "tenant=a&storm=b", "word") is None and kept.bytes == 0


def test_nothing_is_kept_for_somebody_without_standing_or_where_nothing_is_to_be_kept():
    kept, none = Snapshots(1_000), Snapshots(0)
    kept.keep("ana", "score", [""], BODY, "")
    none.keep("ana", "score", [""], BODY, "word")
    assert kept.find("ana", "score", "", "") is None and none.find("ana", "score", "", "word") is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.integers(1, 400)), max_size=60))
def test_it_never_holds_more_than_it_may_and_the_oldest_go_first(acts):
    kept, last = Snapshots(1_000), None
    for person, page, size in acts:
        kept.keep(person, str(page), ["q=1"], b"x" * size, "word")
        last = (person, str(page), "q=1", size)
        assert kept.bytes == sum(len(one.body) for one in kept._kept.values()) <= 1_000
    if last is not None:
        assert len(kept.find(*last[:3], "word")[0]) == last[3]


def test_a_person_has_so_many_at_most():
    kept = Snapshots(10**6)
    for number in range(MOST_OF_PERSON + 5):
        kept.keep("ana", "score", [f"storm={number}"], BODY, "word")
    kept.keep("ben", "score", [""], BODY, "word")
    assert kept.find("ana", "score", "storm=4", "word") is None
    assert kept.find("ana", "score", "storm=5", "word") and kept.find("ben", "score", "", "word")


@given(st.dictionaries(st.sampled_from(["tenant", "storm", "q", "ü"]), st.text(max_size=20)))
def test_a_query_has_one_spelling(parameters):
    spelled = urlencode(parameters)
    turned = urlencode(dict(reversed(parameters.items())))
    assert canonical(spelled) == canonical(turned) == canonical(canonical(spelled))


def test_standing_changes_with_whatever_a_person_may_see(database):
    name = "stander"
    accounts.add_person(name, "Stan Der", "hailstorm-1")
    seen = {broker.standing_of(name)}

    def changes(act):
        act()
        word = broker.standing_of(name)
        assert word == broker.standing_of(name) and word not in seen
        seen.add(word)

    changes(lambda: accounts.add_member(name, "trinity", "viewer"))
    changes(lambda: accounts.add_member(name, "lone-star", "viewer"))
    changes(lambda: accounts.add_member(name, "trinity", "admin"))
    changes(lambda: accounts.remove_member(name, "trinity"))
    changes(lambda: erased("lone-star"))
    changes(lambda: accounts.set_password(name, "hailstorm-2"))
    changes(lambda: accounts.disable(name))
    assert broker.standing_of(name) == broker.standing_of("nobody") == ""


def erased(slug):
    """As if the company had erased somebody."""
    with database_of.transaction(database_of.admin_url()) as connection:
        values = "SELECT tenant_id, 'a hash', 'phone' FROM sec.tenant_entry WHERE slug = :slug"
        insert = f"INSERT INTO identity_erased (tenant_id, value_hash, identifier_type) {values}"
        connection.execute(text(insert), {"slug": slug})


# ---- over the wire


@pytest.fixture
def seen(visitor):
    """ana, with a page open whose snapshot she has handed in."""
    ana = visitor("ana")
    return ana, ana.open("plain", "?tenant=lone-star").kernel_id


def put(who, kernel, body=BODY, query="query=tenant%3Dlone-star", **headers):
    token = {"X_XSRFToken": who.xsrf()} if "X_XSRFToken" not in headers else {}
    return who.ask("PUT", f"/voila/snapshot/{kernel}?{query}", body, **token, **headers)


LAST, OTHER = "/snapshots/plain?tenant=lone-star", "/snapshots/plain?storm=of-this-test"


def test_what_is_handed_in_comes_back_to_the_same_person_alone(seen, visitor):
    ana, kernel = seen
    assert ana.get(LAST).status == 204
    assert put(ana, kernel).status == 204
    back = ana.get(LAST)
    assert back.status == 200 and int(back.headers["Stormplay-Taken-S-Ago"]) < 60
    assert back.headers["Cache-Control"] == "no-store" and back.headers["Content-Encoding"] == "gzip"
    assert visitor("ana").get(LAST).status == 200, "another browser of hers"
    for stranger, status in ((visitor("ben"), 204), (visitor("vic"), 204), (visitor(), 403)):
        assert stranger.get(LAST).status == status
    assert ana.get("/snapshots/plain?tenant=trinity").status == 204


def test_cells_wait_for_a_page_that_shows_what_was_but_not_for_ever(visitor):
    """They would take what its browser needs to show it."""
    ana, asked = visitor("ana"), "?storm=seen-before"
    assert put(ana, ana.open("clock", asked).kernel_id, query="query=storm%3Dseen-before").status == 204
    page, opened_s = ana.open("clock", asked), time.time()
    time.sleep(0.3)
    listened_s = time.time()
    assert page.printed() >= min(listened_s, opened_s + HOLD_S - 0.1)
    page = ana.open("clock", asked)
    time.sleep(2.0)
    listened_s = time.time()
    assert page.printed() < listened_s, "a browser that is hung up keeps nobody else waiting"


def test_nobody_hands_one_in_for_a_page_that_is_not_theirs(seen, visitor):
    ana, kernel = seen
    unknown = "0" * 8 + kernel[8:]
    for who, where, status in ((visitor("ben"), kernel, 403), (visitor(), kernel, 403), (ana, unknown, 403)):
        assert put(who, where, query="query=storm%3Dof-this-test").status == status
    assert ana.get(OTHER).status == 204


def test_what_is_no_snapshot_is_refused(seen):
    ana, kernel = seen
    assert put(ana, kernel, query="query=storm%3Dof-this-test", X_XSRFToken="").status == 403
    assert put(ana, kernel, b"<p>not packed</p>", query="query=storm%3Dof-this-test").status == 400
    assert put(ana, kernel, query="").status == 400
    assert put(ana, kernel, query="query=a&query=b&query=c").status == 400
    with contextlib.suppress(ConnectionError):  # hung up on, before it was read
        assert put(ana, kernel, b"\x1f\x8b" + b"x" * LARGEST_BYTES).status in (400, 413)
    assert ana.get(OTHER).status == 204
    assert put(ana, kernel, b"\x1f\x8b" + b"x" * (LARGEST_BYTES - 2)).status == 204, "larger than a login form may be"


@pytest.mark.parametrize("act", ["role", "company", "password", "account"])
def test_who_may_see_something_else_by_now_starts_without_it(act, visitor, database):
    name = f"leaver-{act}"
    accounts.add_person(name, "Lea Ver", "hailstorm-1")
    accounts.add_member(name, "lone-star", "admin")
    page = visitor(name)
    assert put(page, page.open("plain").kernel_id).status == 204
    assert page.get(LAST).status == 200
    {
        "role": lambda: accounts.add_member(name, "lone-star", "viewer"),
        "company": lambda: accounts.remove_member(name, "lone-star"),
        "password": lambda: accounts.set_password(name, "hailstorm-2"),
        "account": lambda: accounts.disable(name),
    }[act]()
    assert page.get(LAST).status in (204, 403)
    if act == "role":
        accounts.add_member(name, "lone-star", "admin")
        assert page.get(LAST).status == 204, "it does not come back with the right"


def test_what_was_read_before_a_role_was_lowered_is_not_kept_for_the_lower_one(visitor, database):
    accounts.add_person("lowered", "Low Ered", "hailstorm-1")
    accounts.add_member("lowered", "lone-star", "admin")
    page = visitor("lowered")
    kernel = page.open("plain").kernel_id
    accounts.add_member("lowered", "lone-star", "viewer")
    assert put(page, kernel).status == 204
    assert page.get(LAST).status == 204
