"""Many writers at once end in the graph of one; what was merged comes apart again just as it was."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import networks
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from world import make_world

from stormplay import IdentityGraph, broker, tenancy
from stormplay import database as db
from stormplay.errors import BadInput, Conflict
from stormplay.identity import homes

WRITERS = 16


def sightings(seed):
    """Records of few people in many places: most of them overlap."""
    rng = random.Random(seed)
    people = [{"phone": f"817-555-01{n:02d}", "email": f"person{n}@example.org", "crm_id": f"c{n}",
               "device": f"ipad-{n // 2}", "claim": f"clm{n}"} for n in range(20)]  # fmt: skip
    records = []
    for _ in range(80):
        one, other = rng.choice(people), rng.choice(people)
        kinds = rng.sample(sorted(one), 2)
        records.append({kinds[0]: one[kinds[0]], kinds[1]: (one if rng.random() < 0.8 else other)[kinds[1]]})
    return records


def test_sixteen_writers_end_in_the_graph_of_one(database, monkeypatch):
    records = sightings(5)
    alone, together = (make_world(treat=1, hold_out=0, skip=0, suppressed=0, without_place=0).tenant for _ in "12")
    graph = IdentityGraph(alone)
    for record in records:
        graph.record(record, "test")

    logins = [broker.open_kernel(broker.LOCAL, purpose="test") for _ in range(4)]  # each may have eight connections
    addresses = [db.make_url(login.url) for login in logins]

    def write(number):
        """One connection of its own, kept; its share of the records in an order of its own."""
        mine = records[number::WRITERS]
        random.Random(number).shuffle(mine)
        for record in mine:
            with db.transaction(addresses[number % 4]) as connection:
                connection.info["tenant_id"] = tenancy._choose(connection, together)
                homes.record_one(connection, record, "test")
        return len(mine)

    with ThreadPoolExecutor(WRITERS) as pool:
        assert sum(pool.map(write, range(WRITERS))) == len(records)
    for address, login in zip(addresses, logins, strict=True):
        db.engine(address).dispose()
        broker.close_kernel(login.login)
    assert networks.identities(together) == networks.identities(alone)
    assert any(len(part) > 4 for _, part in networks.identities(alone)), "there was something to merge"


@pytest.fixture(scope="module")
def graph(database):
    world = make_world(treat=9, hold_out=0, skip=0, suppressed=0, without_place=0)
    made = IdentityGraph(world.tenant)
    ids = world.properties["property_id"].tolist()
    for number, home in enumerate(ids):
        made.record({"property_id": home, "phone": f"817-555-01{number:02d}"}, "test")
    made.record({"property_id": ids[0], "phone": "817-555-0101"}, "test")  # homes 0 and 1 are one
    made.homes = ids
    return made


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=3))
def test_merge_then_undo_gives_the_same_components_and_ids(graph, pairs):
    before = networks.identities(graph.tenant, ids=True)
    done = []
    for one, other in pairs:
        ends = [graph.resolve_identity("property_id", graph.homes[n]) for n in (one, other)]
        if ends[0] == ends[1]:
            with pytest.raises(BadInput, match="one identity already"):
                graph.merge(*ends)
        else:
            preview = graph.preview_merge(*ends)
            change = graph.merge(*ends, "test")
            assert (change.before, change.after) == (preview.before, preview.after)
            assert set(change.before) == set(ends) and len(change.after) == 1
            done.append(change)
    for change in reversed(done):
        assert graph.undo(change.event_id).kind == "separated"
        with pytest.raises(Conflict, match="taken back already"):
            graph.undo(change.event_id)
    assert networks.identities(graph.tenant, ids=True) == before


def test_a_separation_is_remembered_told_and_taken_back(graph):
    before = networks.identities(graph.tenant, ids=True)
    whole = graph.resolve_identity("property_id", graph.homes[0])
    second = [i for i in graph.get_identifiers(whole) if i["property_id"] == graph.homes[1]]
    change = graph.separate([i["identifier_id"] for i in second], "they sold it")
    assert change.kind == "separated" and len(change.after) == 2
    assert graph.resolve_identity("property_id", graph.homes[1]) != whole
    graph.record({"property_id": graph.homes[1], "phone": "817-555-0101"}, "the same form again")
    graph.record({"property_id": graph.homes[1], "email": "both@example.org"}, "test")
    graph.record({"property_id": graph.homes[0], "email": "both@example.org"}, "test")
    assert graph.resolve_identity("property_id", graph.homes[1]) != whole, "they stay apart, whatever is seen"
    told = graph.events(whole)
    assert {"separated"} <= set(told["kind"]) and "they sold it" in set(told["reason"])
    assert told["made_by"].notna().all()
    graph.undo(change.event_id)
    assert graph.resolve_identity("property_id", graph.homes[1]) == whole
    after = {(key, frozenset(v for v in part if v[1] != "both@example.org"))
             for key, part in networks.identities(graph.tenant, ids=True)}  # fmt: skip
    assert after == before


def test_an_old_id_leads_to_what_it_became(graph):
    ends = [graph.resolve_identity("property_id", graph.homes[n]) for n in (4, 5)]
    change = graph.merge(*ends)
    kept = next(iter(change.after))
    lost = next(end for end in ends if end != kept)
    assert kept == min(ends), "the older one keeps its id"
    assert graph.get_identifiers(lost) == graph.get_identifiers(kept) != []
    graph.undo(change.event_id)
    assert graph.resolve_identity("property_id", graph.homes[5]) == ends[1]


def test_a_limit_that_is_passed_later_lets_the_merged_apart(database):
    world = make_world(treat=6, hold_out=0, skip=0, suppressed=0, without_place=0)
    graph, ids = IdentityGraph(world.tenant), world.properties["property_id"].tolist()
    for home in ids[:4]:
        graph.record({"property_id": home, "phone": "972-555-0100"}, "test")
    assert len({graph.resolve_identity("property_id", home) for home in ids[:4]}) == 1
    graph.record({"property_id": ids[4], "phone": "972-555-0100"}, "test")
    assert len({graph.resolve_identity("property_id", home) for home in ids[:5]}) == 5
    assert graph.resolve_identity("phone", "972-555-0100") is None
    parted = graph.events().iloc[0]
    assert (parted["kind"], parted["rule"]) == ("separated", "limit of households")
    rules = graph.rules()
    graph.save_rules(type(rules)(limits={**rules.limits, "phone": 5}))
    assert len({graph.resolve_identity("property_id", home) for home in ids[:5]}) == 1


def test_a_blocked_value_joins_nobody_until_it_is_let_free(database):
    world = make_world(treat=2, hold_out=0, skip=0, suppressed=0, without_place=0)
    graph, ids = IdentityGraph(world.tenant), world.properties["property_id"].tolist()

    def identities():
        return len({graph.resolve_identity("property_id", home) for home in ids})

    for home in ids:
        graph.record({"property_id": home, "email": "test@test.com", "phone": "000-000-0000"}, "form")
    assert identities() == 2, "shipped"
    for home in ids:
        graph.record({"property_id": home, "email": "office@roofers.example"}, "form")
    assert identities() == 1
    graph.block("email", "Office@Roofers.example", "our own")
    assert identities() == 2
    graph.unblock("email", "office@roofers.example")
    assert identities() == 1
    with pytest.raises(BadInput, match="is no email"):
        graph.block("email", "nonsense", "x")


def test_a_home_of_another_company_is_no_home(graph):
    with pytest.raises(BadInput, match="has no home"):
        graph.record({"property_id": "00000000-0000-7000-8000-000000000000", "phone": "817-555-0100"}, "form")


def test_what_changed_is_audited_without_values(graph):
    graph.record({"property_id": graph.homes[0], "email": "secret.person@example.org"}, "form")
    with tenancy.session(graph.tenant) as connection:
        trail = tenancy.audit_trail(connection)
        kept = connection.execute(text("SELECT count(*) FROM identifier_links")).scalar_one()
    assert {"identifiers", "identifier_links", "identity_events"} <= set(trail["table_name"]) and kept > 9
    assert "secret.person" not in trail.to_json(date_format="iso")
