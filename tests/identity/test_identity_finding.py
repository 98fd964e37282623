"""A whole value of any type finds its household; what many share lists them; answers can be taken back; counts."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from world import make_world

from stormplay import BehavioralProfileService, IdentityGraph, identity, tenancy
from stormplay.errors import BadInput, Cancelled
from stormplay.identity.kinds import USES, uses_of


@pytest.fixture(scope="module")
def world(database):
    made = make_world(treat=8, hold_out=2, skip=0, suppressed=0, without_place=0)
    homes = made.properties["property_id"].tolist()
    with tenancy.session(made.tenant) as connection:
        connection.execute(
            text("UPDATE properties SET phone = '682-555-0111' WHERE property_id = :id"), {"id": homes[0]}
        )
        connection.execute(
            text("UPDATE properties SET phone = '214-555-0100' WHERE property_id = ANY (CAST(:ids AS uuid[]))"),
            {"ids": homes[3:9]},
        )
    graph = IdentityGraph(made.tenant)
    graph.absorb()
    graph.record({"property_id": homes[0], "claim": "CL-0042", "crm_id": "100 test", "device": "tablet-7"}, "claim")
    return made


@pytest.fixture
def graph(world):
    return IdentityGraph(world.tenant)


def of(graph, world, number):
    return graph.resolve_identity("property_id", world.properties["property_id"][number])


@pytest.mark.parametrize("typed", ["cl 0042", "TABLET-7", "+1 (682) 555-0111", "Test Owner, 100 Test Street, {zip}"])
def test_a_whole_value_of_any_type_finds_the_one_household(graph, world, typed):
    found = graph.look_up(typed.format(zip=world.properties["zip_code"][0]))
    assert found.the_one == of(graph, world, 0) and found.whole == 1 and not found.apart
    assert found.households[0].label.startswith("100 Test Street")


def test_ids_of_homes_and_identities_find_it_too(graph, world):
    wanted = of(graph, world, 2)
    home = world.properties["property_id"][2]
    assert graph.look_up(wanted).the_one == graph.look_up(str(home).upper()).the_one == wanted
    assert graph.look_up("00000000-0000-7000-8000-000000000000").households == []


def test_a_code_that_is_also_the_beginning_of_an_address_suggests_both(graph, world):
    found = graph.look_up("100 TEST")
    assert found.whole == 1 and found.households[0].kind == "crm_id"
    assert found.the_one == of(graph, world, 0)
    assert graph.look_up("10").whole == 0 and len(graph.look_up("10").households) == 8


def test_a_shared_value_lists_whom_it_was_seen_with_and_means_nobody(graph, world):
    found = graph.look_up("214.555.0100")
    assert (found.apart, found.shown, found.whole, found.the_one) == ("shared", "(214) 555-0100", 6, "")
    assert {one.identity_id for one in found.households} == {of(graph, world, n) for n in range(3, 9)}
    graph.block("phone", "682-555-0111", "the office's own")
    assert graph.look_up("682-555-0111").apart == "blocked"
    graph.unblock("phone", "682-555-0111")


def test_a_household_opens_with_what_ties_it_and_what_it_is_good_for(graph, world):
    opened = graph.get_household(of(graph, world, 3))
    assert opened.homes == [world.properties["property_id"][3]]
    (shared,) = [one for one in opened.identifiers if one["type"] == "phone"]
    assert (shared["joins"], shared["uses"], shared["households"]) == (False, [], 6)
    assert all(one["joins"] for one in opened.identifiers if one["type"] != "phone")
    home = next(one for one in opened.identifiers if one["type"] == "property_id")
    assert home["address"].startswith("103 Test Street") and home["owner"] == "Test Owner"
    assert graph.get_household("00000000-0000-7000-8000-000000000000").identity_id == ""


@pytest.mark.parametrize(
    ("kind", "strength", "uses"),
    [
        ("phone", 0.95, ("show", "call")),
        ("phone", 0.94, ("show",)),
        ("email", 0.8, ("show", "mail")),
        ("device", 0.4, ()),
    ],
)
def test_strength_and_type_decide_the_use(kind, strength, uses):
    assert uses_of(kind, strength) == uses and uses_of(kind, strength, joins=False) == ()
    assert set(uses) <= set(USES)


def test_briefs_tell_households_apart_in_one_query(graph, world):
    wanted = [of(graph, world, n) for n in (0, 3)]
    briefs = graph.briefs([*wanted, "00000000-0000-7000-8000-000000000000"])
    assert set(briefs) == set(wanted)
    first = briefs[wanted[0]]
    assert first.homes[0].startswith("100 Test Street") and first.owners == ["Test Owner"]
    assert first.values["claim"] == ["CL0042"] and first.identifiers == 6 and first.label.endswith("Test Owner")


def test_the_figures_are_what_the_tables_say(graph, world):
    before = graph.figures()
    with tenancy.session(world.tenant) as connection:
        counted = connection.execute(
            text("""SELECT count(DISTINCT identity_id) FILTER (WHERE held_apart IS NULL), count(*),
                           count(*) FILTER (WHERE held_apart = 'shared') FROM identifiers""")
        ).one()
    assert (before.identities, before.identifiers, before.shared) == tuple(counted) == (10, 25, 1)
    change = graph.merge(of(graph, world, 1), of(graph, world, 2))
    after = graph.figures()
    assert (after.identities, after.with_several_homes) == (before.identities - 1, before.with_several_homes + 1)
    graph.undo(change.event_id)
    assert graph.figures() == before


@pytest.mark.parametrize("is_one", [True, False])
def test_an_answer_that_is_taken_back_leaves_the_graph_as_it_was(graph, world, is_one):
    before = [of(graph, world, n) for n in range(10)]
    with tenancy.session(world.tenant) as connection:
        proposal = connection.execute(
            text("""INSERT INTO identity_proposals (one_id, other_id, strength, rule)
                    VALUES (:one, :other, 0.7, 'alike') RETURNING proposal_id"""),
            dict(zip(("one", "other"), sorted((before[4 + is_one], before[7 + is_one])), strict=True)),
        ).scalar_one()
    assert graph.figures().waiting == 1
    graph.decide(proposal, is_one)
    assert graph.figures().waiting == 0
    again = graph.reopen(proposal)
    assert (again is not None) is is_one and [of(graph, world, n) for n in range(10)] == before
    assert graph.figures().waiting == 1
    with pytest.raises(BadInput, match="was answered"):
        graph.reopen(proposal)
    assert graph.decide(proposal, True).kind == "merged", "and it can be answered anew"
    graph.reopen(proposal)
    graph.decide(proposal, False)


def test_the_profile_before_a_merge_is_the_one_after_it(graph, world):
    service = BehavioralProfileService(world.tenant)
    one, two = of(graph, world, 1), of(graph, world, 2)
    before = service.of_homes([*graph.get_household(one).homes, *graph.get_household(two).homes])
    change = graph.merge(one, two)
    after = service.get_profile(one)
    assert {**before, "identity_id": ""} == {**after, "identity_id": ""}
    graph.undo(change.event_id)
    assert service.of_homes([])["total_storms"] == 0
    with pytest.raises(BadInput):
        service.of_homes(["nobody"])


def test_a_night_tells_how_far_it_is_and_stops_when_told(world):
    told = []

    def stop_at(share, doing):
        told.append((share, doing))
        return share < 0.1

    with pytest.raises(Cancelled, match="Nothing was merged or proposed"):
        identity.nightly(world.tenant, stop_at)
    assert [share for share, _ in told] == sorted(share for share, _ in told) and told[-1][1].startswith("Measuring")
    assert IdentityGraph(world.tenant).figures().nightly_at is None
