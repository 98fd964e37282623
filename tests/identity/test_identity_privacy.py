"""Told what is known of them, and forgotten: values go and stay away, counts stay right."""

from __future__ import annotations

import json

import pytest
from photos import photo
from sqlalchemy import text
from world import make_world

from stormplay import IdentityGraph, JobTracker, RouteBuilder, accounts, tenancy
from stormplay.errors import BadInput, NotAllowed

SECRETS = ("Torres", "8175550142", "555-0142", "ana.torres", "hid in the attic")


@pytest.fixture
def person(database, tmp_path, monkeypatch):
    monkeypatch.setenv("STORMPLAY_PICTURES", str(tmp_path))
    world = make_world(treat=6, hold_out=0, skip=0, suppressed=0, without_place=0)
    RouteBuilder(world.tenant, world.storm).generate_routes(time_limit_s=0.2)
    tracker = JobTracker(world.tenant, world.storm)
    job = tracker.find(limit=1).iloc[0]
    home = str(job["property_id"])
    tracker.update_job(job["job_id"], status="contacted", notes="She hid in the attic.")
    tracker.add_photo(job["job_id"], photo("blue"))
    with tenancy.session(world.tenant) as connection:
        contact(connection, home)
        connection.execute(
            text("""INSERT INTO policy_outcomes (property_id, storm_id, actual_converted, value_cents)
                    VALUES (:home, :storm, true, 900000)"""),
            {"home": home, "storm": world.storm_id},
        )
        connection.execute(
            text("""INSERT INTO customer_journeys (property_id, storm_id, channel, "timestamp")
                    VALUES (:home, :storm, 'call', now())"""),
            {"home": home, "storm": world.storm_id},
        )
    graph = IdentityGraph(world.tenant)
    graph.absorb()
    graph.home, graph.pictures, graph.world = home, tmp_path, world
    return graph


def contact(connection, home):
    connection.execute(
        text("""UPDATE properties SET owner_name = 'Ana Torres', phone = '(817) 555-0142',
                       email = 'Ana.Torres@gmail.com' WHERE property_id = :id"""),
        {"id": home},
    )


def everything(tenant):
    """All rows that this company has, as text."""
    with tenancy.session(tenant) as connection:
        tables = connection.execute(
            text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")
        ).scalars()
        rows = {}
        for table in sorted(set(tables) - {"identifiers", "schema_migrations", "slo_contacts"}):  # addresses, not shown
            rows[table] = connection.execute(text(f"SELECT to_jsonb(t) FROM {table} t")).scalars().all()
        values = "SELECT v.shown, v.value FROM identifier_values(ARRAY(SELECT identifier_id FROM identifiers)) v"
        rows["identifiers"] = [list(row) for row in connection.execute(text(values))]
        rows["audit"] = json.loads(tenancy.audit_trail(connection).to_json(date_format="iso"))
    return json.dumps(rows, default=str), {table: len(found) for table, found in rows.items()}


def test_what_is_known_is_told(person):
    identity = person.resolve_identity("phone", "817.555.0142")
    told = json.loads(json.dumps(person.export_person(identity)))
    assert told["identity_id"] == identity
    assert {one["value"] for one in told["identifiers"]} >= {"(817) 555-0142", "ana.torres@gmail.com"}
    assert told["properties"][0]["owner_name"] == "Ana Torres"
    assert told["job_notes"][0]["notes"] == "She hid in the attic."
    assert {"jobs", "job_photos", "policy_outcomes", "customer_journeys", "lead_uplift"} <= set(told)
    assert person.events().iloc[0]["kind"] == "exported"


def test_every_table_that_knows_a_home_or_job_is_told(person):
    with tenancy.session(person.tenant) as connection:
        known = set(connection.execute(text("""SELECT DISTINCT c.relname FROM pg_class c JOIN pg_attribute a
            ON a.attrelid = c.oid AND a.attname IN ('property_id', 'job_id') AND NOT a.attisdropped
            WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace""")).scalars())  # fmt: skip
        have = {table for table in known - {"identifiers"} if connection.execute(text(
            f"SELECT count(*) FROM {table}")).scalar_one()}  # fmt: skip
    told = person.export_person(person.resolve_identity("property_id", person.home))
    assert have <= set(told)


def test_a_person_is_forgotten_and_the_counts_stay(person):
    identity = person.resolve_identity("phone", "817.555.0142")
    before, counts = everything(person.tenant)
    assert all(secret in before for secret in SECRETS[:3])
    assert [p for p in person.pictures.rglob("*") if p.is_file()]

    done = person.erase_person(identity, "asked by letter")
    assert done == {"identifiers": 3, "homes": 1, "jobs": 1, "notes": 1, "photos": 1}
    after, left = everything(person.tenant)
    assert not [secret for secret in SECRETS if secret in after]
    assert not [p for p in person.pictures.rglob("*") if p.is_file()], "the picture's bytes too"
    same = set(counts) - {"audit", "suppressions", "identity_erased", "identity_events"}
    assert {table: left[table] for table in same} == {table: counts[table] for table in same}
    with tenancy.session(person.tenant) as connection:
        won = connection.execute(text("SELECT sum(value_cents) FROM policy_outcomes WHERE actual_converted"))
        assert won.scalar_one() == 900_000
    assert person.resolve_identity("phone", "817.555.0142") is None
    assert person.resolve_identity("property_id", person.home) == identity, "the home is still a home"
    assert {i["type"] for i in person.get_identifiers(identity)} == {"property_id"}
    assert person.events().iloc[0][["kind", "reason"]].tolist() == ["erased", "asked by letter"]


def test_no_import_brings_it_back(person):
    identity = person.resolve_identity("phone", "817.555.0142")
    person.erase_person(identity)
    with tenancy.session(person.tenant) as connection:
        contact(connection, person.home)  # the same file again
        other = person.world.properties["property_id"].map(str).loc[lambda ids: ids != person.home].iloc[0]
        connection.execute(
            text(
                "UPDATE properties SET phone = '+1 817.555.0142', email = 'someone@example.org' WHERE property_id = :id"
            ),
            {"id": other},
        )
    person.absorb()
    assert person.record({"property_id": other, "phone": "8175550142", "email": "anatorres@gmail.com"}, "form")
    found, _ = everything(person.tenant)
    assert not [secret for secret in (*SECRETS, "anatorres") if secret in found]
    assert "someone@example.org" in found, "what was not erased comes in"


def test_only_admins_tell_and_forget(person, as_person):
    identity = person.resolve_identity("property_id", person.home)
    accounts.add_person("curious", "Curious Analyst", "hailstorm-1")
    accounts.add_member("curious", person.tenant, "analyst")
    as_person("curious")
    graph = IdentityGraph(person.tenant)
    with pytest.raises(NotAllowed, match="this needs admin"):
        graph.export_person(identity)
    with pytest.raises(NotAllowed, match="this needs admin"):
        graph.erase_person(identity)


def test_nobody_is_told_of_an_identity_that_is_not_there(person):
    for act in (person.export_person, person.erase_person):
        with pytest.raises(BadInput, match="There is no identity"):
            act("00000000-0000-7000-8000-000000000000")


def test_a_shared_number_stays_with_the_others(person):
    others = [home for home in person.world.properties["property_id"] if home != person.home][:5]
    for home in (person.home, *others):
        person.record({"property_id": home, "phone": "972-555-0100"}, "office")
    identity = person.resolve_identity("property_id", person.home)
    person.erase_person(identity)
    assert len(person.whose("phone", "972-555-0100")) == 5
    assert "phone" not in {i["type"] for i in person.get_identifiers(identity)}
