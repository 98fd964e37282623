"""The door: one tenant a transaction, decided by the database; each refusal with a positive control beside it."""

from __future__ import annotations

import contextlib
import threading
from datetime import timedelta

import pandas as pd
import psycopg2
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from world import guests, make_world

from stormplay import broker, tenancy
from stormplay import database as db
from stormplay.errors import DatabaseUnavailable, NotAllowed, UnknownStorm, UnknownTenant
from stormplay.together import together


@pytest.fixture(scope="module")
def two(database):
    """Two companies with rows: ana is a member of the first, ben of the second."""
    first, second = make_world(treat=12), make_world(treat=7)
    with guests(first.tenant, "analyst", "ana"), guests(second.tenant, "analyst", "ben"):
        yield first, second


def refused(connection, statement, state="42501", **parameters):
    with pytest.raises(DBAPIError) as caught:
        connection.execute(text(statement), parameters)
    assert db.sqlstate(caught.value) == state, str(caught.value.orig)


def test_a_person_sees_their_tenant_and_no_other(two, as_person):
    first, second = two
    as_person("ana")
    assert first.tenant in set(tenancy.my_tenants()["slug"])
    assert second.tenant not in set(tenancy.my_tenants()["slug"])
    with tenancy.session(first.tenant) as connection:
        assert connection.execute(text("SELECT count(*) FROM properties")).scalar_one() == len(first.properties)


def test_a_foreign_tenant_and_an_unknown_one_read_alike(two, as_person):
    first, second = two
    as_person("ana")
    with tenancy.session(first.tenant):
        pass
    sentences = []
    for name in (second.tenant, "no-such-company"):
        with pytest.raises(UnknownTenant) as caught, tenancy.session(name):
            pass
        sentences.append(str(caught.value).replace(name, "X"))
    assert sentences[0] == sentences[1]


def test_a_forged_setting_opens_nothing(two, as_person):
    first, second = two
    as_person("ana")
    with tenancy.session(first.tenant) as connection:
        theirs = second.properties["property_id"].iloc[0]
        assert (
            connection.execute(
                text("SELECT count(*) FROM properties WHERE property_id = :id"), {"id": theirs}
            ).scalar_one()
            == 0
        )
    with pytest.raises(NotAllowed, match="not open to you"), tenancy.session(first.tenant) as connection:
        foreign = tenant_id(second.tenant)
        connection.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": foreign})
        connection.execute(text("SELECT count(*) FROM properties"))


def tenant_id(slug):
    with db.transaction(db.make_url(admin())) as connection:
        query = text("SELECT tenant_id::text FROM sec.tenant_entry WHERE slug = :slug")
        return connection.execute(query, {"slug": slug}).scalar_one()


def admin():
    from stormplay import embedded

    return embedded.url("postgres")


def test_no_tenant_chosen_is_an_error_not_an_empty_page(two, as_person):
    login = as_person("ana")
    with db.transaction(make_url(login.url)) as connection:
        refused(connection, "SELECT count(*) FROM properties")


def test_rows_cannot_be_written_for_or_moved_to_another_tenant(two, as_person):
    first, second = two
    as_person("ana")
    foreign = tenant_id(second.tenant)
    with tenancy.session(first.tenant) as connection:
        with connection.begin_nested() as savepoint:
            connection.execute(text("INSERT INTO properties (address) VALUES ('1 Own Street')"))
            savepoint.rollback()
        for statement in (
            "INSERT INTO properties (tenant_id, address) VALUES (:tenant, 'x')",
            "UPDATE properties SET tenant_id = :tenant",
            "DELETE FROM properties",
            "TRUNCATE properties",
            "CREATE TEMP TABLE properties_too (a int)",
            "SELECT * FROM sec.membership",
            "SELECT sec.open_kernel('ben', interval '1 hour', 'x')",
            "SET SESSION AUTHORIZATION postgres",
            "DO $$ BEGIN END $$",
        ):
            savepoint = connection.begin_nested()
            refused(connection, statement, tenant=foreign)
            savepoint.rollback()


def test_a_storm_is_found_by_members_alone(two, as_person):
    first, second = two
    as_person("ana")
    assert tenancy.tenant_of_storm(first.storm_id) == tenant_id(first.tenant)
    with pytest.raises(UnknownStorm):
        tenancy.tenant_of_storm(second.storm_id)
    with (
        tenancy.session(first.tenant) as connection,
        pytest.raises(UnknownStorm, match=r"no storm 'hale'.*It has hail"),
    ):
        tenancy.storm_id(connection, "hale")


@pytest.mark.parametrize("ending", ["commit", "rollback", "exception"])
def test_the_pool_carries_no_tenant_over(two, as_person, ending):
    first, _ = two
    login = as_person("ana")

    def use():
        with tenancy.session(first.tenant) as connection:
            chosen = {"id": tenant_id(first.tenant)}
            connection.execute(text("SELECT set_config('app.tenant_id', :id, false)"), chosen)
            if ending == "rollback":
                connection.rollback()
            if ending == "exception":
                raise RuntimeError

    for _ in range(3):
        with contextlib.suppress(RuntimeError):
            use()
        with db.transaction(make_url(login.url)) as connection:
            left = connection.execute(text("SELECT current_setting('app.tenant_id', true)")).scalar_one()
            assert left in (None, "")


def test_many_threads_never_see_a_wrong_tenant(two, as_person):
    first, second = two
    as_person("vic")
    wrong: list[int] = []
    done: list[int] = []

    def work(world, turns=60):
        for turn in range(turns):
            with tenancy.session(world.tenant) as connection:
                n = connection.execute(text("SELECT count(*) FROM properties")).scalar_one()
                done.append(n)
                if n != len(world.properties):
                    wrong.append(n)
                if turn % 7 == 0:
                    connection.execute(text("SELECT set_config('app.tenant_id', :id, false)"),
                                       {"id": tenant_id(world.tenant)})  # fmt: skip

    threads = [threading.Thread(target=work, args=(world,)) for world in (first, second, first, second)]
    with guests(first.tenant, "viewer", "vic"), guests(second.tenant, "viewer", "vic"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (len(done), wrong) == (240, [])


def test_a_closed_login_is_shut_out_with_its_open_connections(two, as_person, monkeypatch):
    login = as_person("ana")
    connection = psycopg2.connect(login.url)
    end_as_server(monkeypatch, login)
    with pytest.raises(psycopg2.Error), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(login.url)
    end_as_server(monkeypatch, login)  # twice is harmless


def end_as_server(monkeypatch, login):
    with monkeypatch.context() as server:
        server.delenv("STORMPLAY_DATABASE_URL")
        broker.close_kernel(login.login)


def test_an_expired_login_sees_nothing_and_is_reaped(two, as_person, monkeypatch):
    first, _ = two
    login = as_person("ana")
    with db.transaction(db.make_url(admin())) as connection:
        connection.execute(text("UPDATE sec.login SET expires_at = now() - interval '1 s' WHERE login = :login"),
                           {"login": login.login})  # fmt: skip
    with pytest.raises(UnknownTenant, match="No tenant is open to you"), tenancy.session(first.tenant):
        pass
    with monkeypatch.context() as server:
        server.delenv("STORMPLAY_DATABASE_URL")
        assert broker.reap() >= 1
    with pytest.raises(DatabaseUnavailable), tenancy.session(first.tenant):
        pass


def test_an_open_kernel_needs_an_account(database):
    with pytest.raises(NotAllowed, match="no open account 'mallory'"):
        broker.open_kernel("mallory")
    login = broker.open_kernel("ana", ttl_s=60)
    assert login.expires_at.tzinfo is not None
    assert timedelta(0) < login.expires_at - now() <= timedelta(seconds=61)
    broker.close_kernel(login.login)


def now():
    from datetime import UTC, datetime

    return datetime.now(UTC)


def test_the_broker_reads_no_tenant_row(database):
    with db.transaction(db.broker_url()) as connection:
        assert connection.execute(text("SELECT sec.reap()")).scalar_one() >= 0
        refused(connection, "SELECT * FROM public.properties")


def test_passwords(database):
    assert broker.check_password("ana", "hailstorm-1").display_name == "Ana Torres"
    assert broker.check_password("ana", "hailstorm-2") is None
    assert broker.check_password("nobody-here", "hailstorm-1") is None
    assert broker.check_password("local", "") is None, "an account without password has no way in"


def test_a_database_that_is_down_is_one_sentence(monkeypatch):
    monkeypatch.setenv("STORMPLAY_DATABASE_URL", "postgresql://x:geheim@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailable, match="does not answer") as caught, tenancy.session("lone-star"):
        pass
    assert "geheim" not in str(caught.value)


def test_a_refused_insert_of_many_rows_is_a_sentence_too(two, as_person):
    first, second = two
    as_person("ana")
    rows = pd.DataFrame([{"tenant_id": tenant_id(second.tenant), "address": "9 Foreign Street"}])
    with pytest.raises(NotAllowed, match="refused that: new row violates"), tenancy.session(first.tenant) as connection:
        tenancy.insert(connection, "properties", rows)


# ---- reads that belong together


def asked(tenant):
    with tenancy.session(tenant) as connection:
        query = "SELECT txid_current(), current_setting('app.tenant_id', true), (SELECT count(*) FROM properties)"
        return tuple(connection.execute(text(query)).one())


def test_reads_that_belong_together_are_one_transaction_and_each_company_has_its_own(two, as_person):
    first, second = two
    with guests(second.tenant, "analyst", "ana"):
        as_person("ana")
        apart = {asked(first.tenant)[0] for _ in range(2)}
        assert len(apart) == 2
        with together():
            here, there, again = asked(first.tenant), asked(second.tenant), asked(first.tenant)
            assert set(tenancy.my_tenants()["slug"]) >= {first.tenant, second.tenant}
            with pytest.raises(UnknownTenant):
                asked("nobody-s")
            assert asked(first.tenant) == here == again
        assert here[0] != there[0] and here[1] != there[1] and here[2] != there[2]
        assert asked(first.tenant)[0] not in {*apart, here[0]}, "and nothing of it is left"


def test_another_thread_shares_nothing_of_what_is_held(two, as_person):
    as_person("ana")
    elsewhere = []
    with together():
        mine = asked(two[0].tenant)[0]
        thread = threading.Thread(target=lambda: elsewhere.append(asked(two[0].tenant)[0]))
        thread.start()
        thread.join()
    assert elsewhere and elsewhere[0] != mine


def test_who_may_see_a_company_no_more_sees_nothing_of_it_together_either(two, as_person):
    as_person("ana")
    with together():
        asked(two[0].tenant)
        with pytest.raises(UnknownTenant):
            asked(two[1].tenant)


def test_what_fails_together_is_undone(two, as_person):
    as_person("ana")
    with pytest.raises(ZeroDivisionError), together():
        with tenancy.session(two[0].tenant) as connection:
            connection.execute(text("UPDATE storms SET name = 'Changed'"))
        raise ZeroDivisionError
    with tenancy.session(two[0].tenant) as connection:
        assert "Changed" not in connection.execute(text("SELECT name FROM storms")).scalars().all()
