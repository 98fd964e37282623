"""From any spelling to the household, and what belongs to it."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text
from world import make_world

from stormplay import IdentityGraph, accounts, tenancy
from stormplay.errors import BadInput


@pytest.fixture(scope="module")
def world(database):
    made = make_world(treat=8, hold_out=2, skip=2, suppressed=1)
    homes = made.properties["property_id"].tolist()
    with tenancy.session(made.tenant) as connection:
        for home, name, phone, email in (
            (homes[0], "Ana Torres", "(817) 555-0142", "Ana.Torres+roof@gmail.com"),
            (homes[1], "Ben Okafor", "682-555-0111", None),
            (homes[2], "Ben Okafor", "682.555.0111", "ben@example.org"),
        ):
            connection.execute(
                text("UPDATE properties SET owner_name = :n, phone = :p, email = :e WHERE property_id = :id"),
                {"n": name, "p": phone, "e": email, "id": home},
            )
        connection.execute(
            text("UPDATE properties SET phone = '+1 214 555 0100' WHERE property_id = ANY (CAST(:ids AS uuid[]))"),
            {"ids": homes[4:10]},
        )
    IdentityGraph(made.tenant).absorb()
    return made


@pytest.fixture
def graph(world):
    return IdentityGraph(world.tenant)


def home(world, number):
    return world.properties["property_id"].iloc[number]


@pytest.mark.parametrize(
    "written", ["817.555.0142", "(817) 555-0142", "+18175550142", "1-817-555-0142", "8175550142", "817 555 0142 ext. 3"]
)
def test_a_phone_in_any_format_finds_the_household(graph, world, written):
    found = graph.resolve_identity("phone", written)
    assert found is not None and found == graph.resolve_identity("property_id", home(world, 0))


def test_each_kind_finds_it(graph, world):
    identity = graph.resolve_identity("property_id", home(world, 0))
    assert graph.resolve_identity("email", "anatorres@googlemail.com") == identity
    at = world.properties.iloc[0]
    street = at["address"].replace("Street", "St.")
    assert graph.resolve_identity("name_address", f"Torres, Ana, {street}, {at['zip_code']}") == identity


def test_what_is_unknown_or_no_value_finds_nobody(graph):
    assert graph.resolve_identity("phone", "817-555-0199") is None
    assert graph.resolve_identity("phone", "000-000-0000") is None
    assert graph.resolve_identity("email", "nobody at all") is None
    assert graph.resolve_identity("property_id", "not an id") is None
    with pytest.raises(BadInput, match="no identifier type 'fax'"):
        graph.resolve_identity("fax", "1")


def test_an_owner_of_two_homes_is_one_identity(graph, world):
    one, two = (graph.resolve_identity("property_id", home(world, n)) for n in (1, 2))
    assert one == two == graph.resolve_identity("email", "BEN@example.org")
    found = graph.get_identifiers(one)
    assert [i["type"] for i in found] == ["property_id"] * 2 + ["name_address"] * 2 + ["email", "phone"]
    assert {i["value"] for i in found if i["type"] == "phone"} == {"(682) 555-0111"}
    assert all(0.5 <= i["strength"] <= 1 for i in found)


def test_a_number_of_too_many_households_joins_nobody_and_is_shown_as_that(graph, world):
    identities = {graph.resolve_identity("property_id", home(world, n)) for n in range(4, 10)}
    assert len(identities) == 6
    assert graph.resolve_identity("phone", "214-555-0100") is None
    assert set(graph.whose("phone", "214-555-0100")) == identities
    shared = [i for i in graph.get_identifiers(identities.pop()) if i["type"] == "phone"]
    assert [(i["value"], i["joins"], i["households"]) for i in shared] == [("(214) 555-0100", False, 6)]


def test_links_tie_what_is_listed_the_strongest_first(graph, world):
    identity = graph.resolve_identity("property_id", home(world, 1))
    listed = {one["identifier_id"]: one["value"] for one in graph.get_identifiers(identity)}
    links = graph.get_links(identity)
    assert set(links["from_id"]) | set(links["to_id"]) == set(listed)
    assert links["strength"].is_monotonic_decreasing and links["strength"].between(0, 1).all()
    phone = links[links["to_id"].map(listed) == "(682) 555-0111"]
    assert len(phone) == 2 and set(phone["rule"]) == {"seen together"} and not phone["verified"].any()
    shared = graph.get_links(graph.resolve_identity("property_id", home(world, 4)))
    assert len(shared) == 2, "its name, and the number that joins nobody"
    assert graph.get_links("00000000-0000-0000-0000-000000000000").empty
    with pytest.raises(BadInput, match="is no id"):
        graph.get_links("nobody")


def test_a_link_of_a_person_is_among_them_until_it_is_taken_back(graph, world):
    one, two = (graph.resolve_identity("property_id", home(world, n)) for n in (10, 11))
    change = graph.merge(one, two, "same owner")
    told = graph.get_links(one).query("rule == 'a person'")
    assert told["strength"].tolist() == [1.0]
    graph.undo(change.event_id)
    assert set(graph.get_links(one)["rule"]) == {"seen together"}


def test_strength_decides_the_use(graph, world):
    identity = graph.resolve_identity("property_id", home(world, 0))
    assert [i["value"] for i in graph.may(identity, "call")] == ["(817) 555-0142"]
    assert {i["type"] for i in graph.may(identity, "mail")} == {"name_address", "email"}
    graph.record({"property_id": home(world, 0), "device": "ipad-1"}, "page")
    assert "device" in {i["type"] for i in graph.may(identity, "show")}
    second = graph.resolve_identity("property_id", home(world, 2))
    assert graph.may(second, "call"), "a number that both homes were seen with"
    with pytest.raises(BadInput, match="no use 'sell'"):
        graph.may(identity, "sell")


def test_a_viewer_sees_masked_values_also_with_sql_of_their_own(world, as_person):
    accounts.add_person("masked-viewer", "Vera Viewer", "hailstorm-1")
    accounts.add_member("masked-viewer", world.tenant, "viewer")
    as_person("masked-viewer")
    graph = IdentityGraph(world.tenant)
    identity = graph.resolve_identity("phone", "8175550142")
    values = {i["type"]: (i["value"], i["masked"]) for i in graph.get_identifiers(identity)}
    assert values["phone"] == ("(817) ***-**42", True)
    assert values["email"] == ("a***@gmail.com", True)
    assert values["name_address"][0].startswith("***, ")
    assert values["property_id"][1] is False
    with pytest.raises(Exception, match="permission denied"), tenancy.session(world.tenant) as connection:
        connection.execute(text("SELECT value FROM identifiers"))
    with tenancy.session(world.tenant) as connection:
        shown = connection.execute(
            text("""SELECT string_agg(coalesce(v.value, '') || v.shown, ' ')
            FROM identifier_values(ARRAY(SELECT identifier_id FROM identifiers)) v""")
        ).scalar_one()
    assert not re.search(r"817\D{0,2}555", shown) and "Torres" not in shown  # a house may have 555 for its number
