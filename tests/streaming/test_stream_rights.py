"""The service can do what the stream needs and no more, and nobody but the broker can be the service."""

from __future__ import annotations

from uuid import uuid4

import psycopg2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from streamed import as_service, impacted, make_streamed, records, run, service  # noqa: F401 - a fixture

from stormplay import accounts, broker, lint, tenancy
from stormplay import database as db
from stormplay.errors import BadInput, NotAllowed

NAME = "stormplay-stream"


@pytest.fixture(scope="module")
def world(service):  # noqa: F811
    made = make_streamed()
    run(service, records(made.topic, [impacted(made.homes[0], 80)]), "mine")
    return made


REFUSED = {
    "an event": """INSERT INTO stream_events (storm_id, event_id, event_type, event_at)
                   VALUES (:storm, 'x', 'conversion', now())""",
    "an event changed": "UPDATE stream_events SET event_id = 'x'",
    "an event taken away": "DELETE FROM stream_events",
    "a position": """INSERT INTO stream_positions (storm_id, partition, next_offset, end_offset)
                     VALUES (:storm, 9, 0, 0)""",
    "a position moved": "UPDATE stream_positions SET next_offset = 0",
    "a mark": "INSERT INTO stream_rescores (storm_id, done_until) VALUES (:storm, '0'::xid8)",
    "the time of an impact": "UPDATE property_impacts SET event_at = 'infinity'",
    "offsets read": "SELECT * FROM sec.stream_offsets('mine')",
    "offsets read in place": "SELECT * FROM sec.stream_offset",
    "offsets moved": "SELECT sec.move_stream_offset('mine', '{x}', '{0}', '{0}', '{1}')",
    "strays kept": "SELECT sec.keep_stray('{x}', '{0}', '{0}', '{x}', '{x}')",
    "strays read": "SELECT * FROM sec.stream_strays(1)",
    "strays read in place": "SELECT * FROM sec.stream_stray",
    "who asks": "SELECT * FROM sec.stream_asked()",
    "what is due": "SELECT * FROM sec.stream_due()",
    "the ledger forgotten": "SELECT sec.retire_stream('100 days')",
    "a service minted": "SELECT * FROM sec.open_service('stream', '1 hour')",
    "anybody minted": "SELECT * FROM sec.mint((SELECT gen_random_uuid()), '1 hour', 'x')",
    "the stream's role taken": "SET ROLE stormplay_stream",
    "the stream's role given": "DO $$ BEGIN EXECUTE format('GRANT stormplay_stream TO %I', session_user); END $$",
}  # fmt: skip


@pytest.mark.parametrize("attack", REFUSED)
def test_a_kernel_is_not_the_stream(world, attack):
    with pytest.raises(NotAllowed), tenancy.session(world.world.tenant) as connection:
        connection.execute(text(REFUSED[attack]), {"storm": world.world.storm_id})


BEYOND = {
    "strays read": "SELECT * FROM sec.stream_strays(1)",
    "offsets read in place": "SELECT * FROM sec.stream_offset",
    "people read": "SELECT * FROM sec.person",
    "an event changed": "UPDATE stream_events SET event_at = now()",
    "an event taken away": "DELETE FROM stream_events",
    "the ledger forgotten": "SELECT sec.retire_stream('100 days')",
    "a payload changed": "UPDATE stream_dead_letters SET payload = ''",
    "a service minted": "SELECT * FROM sec.open_service('stream', '1 hour')",
    "a kernel minted": "SELECT * FROM sec.open_kernel('ana', '1 hour')",
    "a company changed": "UPDATE tenants SET org_name = 'x'",
    "the log read": "SELECT * FROM sec.audit_trail(now(), 1)",
}


@pytest.mark.parametrize("attack", BEYOND)
def test_the_stream_is_no_administrator(world, service, attack):  # noqa: F811
    with pytest.raises(DBAPIError) as refused, as_service(service, world.tenant_id) as connection:
        connection.execute(text(BEYOND[attack]))
    assert refused.value.orig.pgcode == "42501", refused.value


def test_the_stream_works_for_every_company_and_one_at_a_time(world, service):  # noqa: F811
    other = make_streamed()
    position = text("""INSERT INTO stream_positions (tenant_id, storm_id, partition, next_offset, end_offset)
                       VALUES (:tenant, :storm, 5, 0, 0)""")
    event = text("""INSERT INTO stream_events (storm_id, event_id, event_type, event_at)
                    VALUES (:storm, 'x', 'conversion', now())""")
    theirs = {"tenant": world.tenant_id, "storm": world.world.storm_id}
    with as_service(service, other.tenant_id) as connection:
        assert connection.execute(text("SELECT count(*) FROM storms")).scalar_one() == 1
        with pytest.raises(DBAPIError, match="row-level security"), connection.begin_nested():
            connection.execute(position, theirs)
        with pytest.raises(DBAPIError, match="a storm that its company has not"), connection.begin_nested():
            connection.execute(event, theirs)
    with pytest.raises(DBAPIError, match="no tenant is chosen"), as_service(service) as connection:
        connection.execute(text("SELECT count(*) FROM storms"))


def test_storms_are_looked_up_for_members_alone(world, as_person):
    query = text("SELECT tenant_id::text FROM sec.tenants_of_storms(CAST(:ids AS uuid[]))")
    values = {"ids": [world.world.storm_id]}
    with tenancy.session(world.world.tenant) as connection:
        assert connection.execute(query, values).scalars().all() == [world.tenant_id]
    as_person("ana")
    with tenancy.session("lone-star") as connection:
        assert connection.execute(query, values).scalars().all() == []


def test_nobody_signs_in_as_a_service():
    assert broker.check_password(NAME, "hailstorm-1") is None
    assert broker.find_person(NAME) is None, "neither through a proxy or a hub"
    assert broker.change_password(NAME, "hailstorm-1", "hailstorm-2") is False
    with pytest.raises(NotAllowed, match="no open account"):
        broker.open_kernel(NAME)
    with pytest.raises(NotAllowed):
        broker.open_service("nobody")
    with db.engine(db.admin_url()).connect() as connection, pytest.raises(DBAPIError, match="check constraint"):
        connection.execute(text("UPDATE sec.person SET password_hash = 'x' WHERE is_service"))


@pytest.mark.parametrize("act", [
    lambda: accounts.add_person(NAME, "Somebody", "hailstorm-1"), lambda: accounts.set_password(NAME, "hailstorm-1"),
    lambda: accounts.add_member(NAME, "lone-star", "admin"), lambda: accounts.remove_member(NAME, "lone-star"),
])  # fmt: skip
def test_a_service_is_no_account_of_a_person(database, act):
    with pytest.raises(BadInput, match="is a built-in service, not a person"):
        act()


def test_services_are_not_counted_as_people(world):
    assert NAME not in [each.username for each in accounts.people()]
    assert [each.people for each in accounts.tenants() if each.slug == world.world.tenant] == [1]


def test_an_administrator_can_stop_the_stream(world):
    login = broker.open_service("stream", 60)
    accounts.disable(NAME)
    try:
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(login.url)
        with pytest.raises(NotAllowed):
            broker.open_service("stream")
    finally:
        accounts.enable(NAME)


def test_a_service_login_is_renewed_and_a_new_company_joins_it_at_once(service):  # noqa: F811
    login = broker.open_service("stream", 60)
    assert broker.renew([login.login], 120) == {login.login}
    slug = f"new-{uuid4().hex[:8]}"
    accounts.add_tenant(slug, "New")
    with psycopg2.connect(login.url) as link, link.cursor() as cursor:
        cursor.execute("SELECT role FROM sec.my_tenants() WHERE slug = %s", (slug,))
        assert cursor.fetchall() == [("analyst",)]
        with db.transaction(db.admin_url()) as connection:
            assert lint.faults(connection) == [], "also while a service is at work"
    link.close()
    broker.close_kernel(login.login)
