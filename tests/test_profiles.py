"""What a household has done with us: against the tables themselves, before and after merges."""

from __future__ import annotations

import random
from contextlib import contextmanager
from uuid import uuid4

import pandas as pd
import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Engine
from world import make_world

from stormplay import BehavioralProfileService, IdentityGraph, errors, tenancy
from stormplay import profiles as module


@pytest.fixture(scope="module")
def world(database):
    """Twelve households of one home each, with touches, outcomes and refusals at two storms."""
    made = make_world(treat=9, hold_out=2, skip=1, suppressed=0, without_place=0, seed=3)
    made.ids = made.properties["property_id"].tolist()
    rng = random.Random(3)
    with tenancy.session(made.tenant) as connection:
        connection.execute(
            text("""UPDATE properties SET owner_name = 'Owner ' || left(property_id::text, 8),
                           email = left(property_id::text, 8) || '@example.org'""")
        )
        connection.execute(text("INSERT INTO storms (slug, name, event_date) VALUES ('old', 'Old', '2019-04-01')"))
        storms = {"hail": made.storm_id, "old": tenancy.storm_id(connection, "old")}
        touches, outcomes = [], []
        for home in made.ids[:10]:
            for slug, year in (("hail", 2021), ("old", 2019)):
                if slug == "old" and rng.random() < 0.5:
                    continue
                for _ in range(rng.randint(0, 3)):
                    at = f"{year}-05-{rng.randint(1, 28):02} 15:00Z"
                    touches.append((home, storms[slug], rng.choice(["door", "call", "web"]), at))
                signed = rng.choice([True, True, False, None])
                outcomes.append((home, storms[slug], signed, 1_234_567 if signed else None, f"{year}-06-11 12:00Z"))
        tenancy.insert(connection, "customer_journeys",
                       pd.DataFrame(touches, columns=["property_id", "storm_id", "channel", "timestamp"]))  # fmt: skip
        tenancy.insert(connection, "policy_outcomes", pd.DataFrame(
            outcomes, columns=["property_id", "storm_id", "actual_converted", "value_cents", "observed_at"],
        ).astype({"actual_converted": object, "value_cents": "Int64"}))  # fmt: skip
        for home, channel, reason, since, until in (
            (0, "call", "asked on the phone", "2021-05-02", None),
            (0, "call", "asked again", "2021-05-09", None),
            (1, "all", "letter", "2021-05-04", None),
            (1, "door", "changed their mind", "2021-05-04", "2021-05-05"),
            (2, "text", "for a year", "2021-05-04", "2999-01-01"),
            (2, "mail", "from then on", "2999-01-01", None),
        ):
            connection.execute(
                text("""INSERT INTO suppressions (property_id, channel, reason, suppressed_at, lifted_at)
                        VALUES (:home, :channel, :reason, :since, :until)"""),
                {"home": made.ids[home], "channel": channel, "reason": reason, "since": since, "until": until},
            )
    IdentityGraph(made.tenant).absorb()
    return made


@pytest.fixture(scope="module")
def graph(world):
    return IdentityGraph(world.tenant)


@pytest.fixture(scope="module")
def service(world):
    return BehavioralProfileService(world.tenant)


def identity_of(graph, world, number):
    return graph.resolve_identity("property_id", world.ids[number])


@pytest.fixture(scope="module")
def tables(world):
    names = ("customer_journeys", "policy_outcomes", "policy_decisions_log", "property_impacts", "suppressions")
    with tenancy.session(world.tenant) as connection:
        return {name: tenancy.frame(connection, f"SELECT * FROM {name}") for name in names}


def by_hand(graph, tables, identity):
    """The profile once more, from whole tables."""
    homes = {one["property_id"] for one in graph.get_identifiers(identity) if one["type"] == "property_id"}
    mine = {name: rows[rows["property_id"].isin(homes)] for name, rows in tables.items()}
    touches, outcomes = mine["customer_journeys"], mine["policy_outcomes"]
    signed = outcomes[outcomes["actual_converted"].eq(True)]
    moments = [*touches["timestamp"], *signed["observed_at"]]
    now = pd.Timestamp.now(tz="UTC")
    said = mine["suppressions"]
    said = said[(said["suppressed_at"] <= now) & (said["lifted_at"].isna() | (said["lifted_at"] > now))]
    return {
        "total_storms": len({storm for name in list(tables)[:4] for storm in mine[name]["storm_id"]}),
        "total_conversions": len(signed),
        "lifetime_value_cents": int(signed["value_cents"].sum()),
        "pending": int(outcomes["actual_converted"].isna().sum()),
        "first_seen": min(moments, default=None),
        "last_seen": max(moments, default=None),
        "channels": touches["channel"].value_counts().to_dict(),
        "refused": set(said["channel"]),
        "properties": sorted(homes),
    }


def check(profile, expected):
    got = {**profile, "refused": {one["channel"] for one in profile["consent"]}}
    assert {name: got[name] for name in expected} == expected
    assert profile["lifetime_value"] == profile["lifetime_value_cents"] / 100


def test_a_profile_is_what_the_tables_say(world, graph, service, tables):
    for number in range(len(world.ids)):
        identity = identity_of(graph, world, number)
        profile = service.get_profile(identity)
        check(profile, by_hand(graph, tables, identity))
        assert profile["identity_id"] == identity
        assert profile["properties"] == [world.ids[number]]
        assert list(profile["channels"].values()) == sorted(profile["channels"].values(), reverse=True)


def test_refusals_in_force_are_told_with_reason_and_since(world, graph, service):
    one, two, three = (service.get_profile(identity_of(graph, world, number))["consent"] for number in range(3))
    assert [(said["channel"], said["reason"], said["properties"]) for said in one] == [
        ("call", "asked again", [world.ids[0]])
    ]
    assert one[0]["since"].isoformat() == "2021-05-02T00:00:00+00:00"
    assert [said["channel"] for said in two] == ["all"]
    assert [said["channel"] for said in three] == ["text"]


def test_a_household_of_whom_nothing_is_known_has_an_empty_profile(graph, service):
    caller = graph.record({"phone": "817-555-0171", "email": "caller@example.org"}, "call")
    profile = service.get_profile(caller)
    assert (profile["total_storms"], profile["total_conversions"], profile["lifetime_value"]) == (0, 0, 0.0)
    assert (profile["first_seen"], profile["channels"], profile["consent"], profile["properties"]) == (None, {}, [], [])


def test_unknown_and_impossible_ids(service):
    assert service.get_profile(uuid4()) is None
    assert service.get_profiles([uuid4()]) == service.get_profiles([]) == {}
    with pytest.raises(errors.BadInput, match="no identity id"):
        service.get_profile("12 Test Street")


def test_right_at_once_after_a_merge_and_its_taking_back(world, graph, service, tables):
    one, other = identity_of(graph, world, 0), identity_of(graph, world, 1)
    before = service.get_profiles([one, other])
    change = graph.merge(one, other, "one family")
    together = service.get_profile(one)
    check(together, by_hand(graph, tables, one))
    assert together == service.get_profile(other)  # both ids lead to it
    assert together["properties"] == sorted([world.ids[0], world.ids[1]])
    for amount in ("total_conversions", "lifetime_value_cents", "pending"):
        assert together[amount] == sum(profile[amount] for profile in before.values())
    assert {said["channel"] for said in together["consent"]} == {"all", "call"}
    graph.undo(change.event_id)
    assert service.get_profiles([one, other]) == before


def test_many_merges_and_separations_at_random(world, graph, service, tables):
    rng, done = random.Random(11), []
    for _ in range(8):
        if done and rng.random() < 0.4:
            graph.undo(done.pop().event_id)
        else:
            one, other = (identity_of(graph, world, number) for number in rng.sample(range(12), 2))
            if one == other:
                continue
            done.append(graph.merge(one, other))
        ids = [identity_of(graph, world, number) for number in range(12)]
        for identity, profile in service.get_profiles(ids).items():
            check(profile, by_hand(graph, tables, identity))
    while done:
        graph.undo(done.pop().event_id)


@contextmanager
def statements():
    seen = []

    def note(_connection, _cursor, statement, *_):
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


def test_many_at_once_are_one_query(world, graph, service, monkeypatch):
    ids = [identity_of(graph, world, number) for number in (3, 0, 7, 5)]
    one_by_one = [service.get_profile(identity) for identity in ids]
    with statements() as seen:
        got = service.get_profiles([*ids, uuid4(), ids[0]])
    assert sum("customer_journeys" in statement for statement in seen) == 1
    assert list(got) == ids
    assert list(got.values()) == one_by_one
    monkeypatch.setattr(module, "MANY", 2)  # the other way to read them
    assert service.get_profiles(ids) == got


def test_what_is_erased_still_counts(world, graph, service, tables):
    identity = identity_of(graph, world, 9)
    before = service.get_profile(identity)
    graph.erase_person(identity, "asked by letter")
    after = service.get_profile(identity)
    kept = [name for name in before if name != "consent"]
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert {"call", "text", "email"} <= {said["channel"] for said in after["consent"]}


def test_anothers_household_is_unknown(world, graph, as_person):
    identity = identity_of(graph, world, 4)
    as_person("ben")
    with pytest.raises(errors.UnknownTenant):
        BehavioralProfileService(world.tenant)
    assert BehavioralProfileService("trinity").get_profile(identity) is None
