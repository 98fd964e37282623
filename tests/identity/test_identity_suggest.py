"""What one types leads to the household; of the demo in far less than a third of a second."""

from __future__ import annotations

import statistics
import time

import pytest

from stormplay import IdentityGraph, accounts, tenancy
from stormplay.errors import BadInput


@pytest.fixture(scope="module")
def graph(demo):
    return IdentityGraph("lone-star")


@pytest.fixture(scope="module")
def house(graph):
    with tenancy.session(graph.tenant) as connection:
        return tenancy.frame(
            connection,
            """SELECT p.property_id, p.address, p.owner_name, p.phone, p.email FROM properties p
                 JOIN identifiers i USING (property_id)
                WHERE p.phone IS NOT NULL AND p.email LIKE '%@example.com' AND p.email NOT LIKE 'office%'
                ORDER BY p.property_id LIMIT 1""",
        ).iloc[0]


@pytest.mark.parametrize("typed", ["address", "owner_name", "phone", "email"])
def test_the_beginning_finds_the_household(graph, house, typed):
    wanted = graph.resolve_identity("property_id", house["property_id"])
    found = graph.suggest(house[typed], limit=40)
    assert wanted in {one.identity_id for one in found}
    assert all(one.label for one in found)
    part = graph.suggest(house[typed][: max(4, len(house[typed]) - 3)], limit=100)
    assert wanted in {one.identity_id for one in part}


def test_a_surname_alone_is_enough(graph, house):
    surname = house["owner_name"].split()[-1]
    assert {one.kind for one in graph.suggest(surname)} == {"name"}


def test_little_or_nothing_suggests_nothing(graph):
    assert [graph.suggest(typed) for typed in ("", " ", "x", "%", "zzzzzz")] == [[]] * 5
    with pytest.raises(BadInput, match="Expected a whole number"):
        graph.suggest("Oak", limit=0)


def test_another_company_is_not_suggested(graph, house):
    other = IdentityGraph("trinity")
    for typed in ("address", "phone", "email"):
        assert other.suggest(house[typed]) == []
        assert other.resolve_identity("phone", house["phone"]) is None


def test_a_viewer_has_to_know_the_whole_number(graph, house, as_person):
    wanted = graph.resolve_identity("property_id", house["property_id"])
    accounts.add_person("suggest-viewer", "Vera", "hailstorm-1")
    accounts.add_member("suggest-viewer", "lone-star", "viewer")
    try:
        as_person("suggest-viewer")
        viewer = IdentityGraph("lone-star")
        assert [one for one in viewer.suggest(house["phone"][:-1]) if one.kind == "phone"] == []
        known = [one for one in viewer.suggest(house["phone"]) if one.kind == "phone"]
        assert wanted in {one.identity_id for one in known} and "***" in known[0].matched
    finally:
        accounts_remove("suggest-viewer")


def accounts_remove(username):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("STORMPLAY_DATABASE_URL", raising=False)
        accounts.remove_member(username, "lone-star")


def test_it_is_quick(graph, house):
    def took(call):
        began = time.perf_counter()
        call()
        return time.perf_counter() - began

    identity = graph.resolve_identity("phone", house["phone"])
    for call in (lambda: graph.resolve_identity("phone", house["phone"]), lambda: graph.suggest(house["phone"][:8]),
                 lambda: graph.suggest(house["address"][:6]), lambda: graph.get_identifiers(identity)):  # fmt: skip
        assert statistics.median(took(call) for _ in range(7)) < 0.3
