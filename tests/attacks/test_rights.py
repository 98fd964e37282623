"""What a login may do is kept in one row; whatever happens to people, memberships and logins, it is the truth."""

from __future__ import annotations

import secrets
import threading
import time

import psycopg2
import pytest
from campaign import Side
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormplay import broker, embedded

TRUTH = """
    SELECT l.login, m.tenant_id, p.person_id, m.role, p.disabled_at IS NULL, l.expires_at
      FROM sec.login l JOIN sec.person p USING (person_id) JOIN sec.membership m USING (person_id)"""
COPY = "SELECT login, tenant_id, person_id, role, is_open, expires_at FROM sec.login_right"
ACTS = {
    "open": "SELECT sec.open_kernel('p%(who)s-' || %(word)s, interval '1 hour')",
    "close": "SELECT sec.close_kernel(login) FROM sec.login WHERE person_id = {person} LIMIT 1",
    "renew": "SELECT sec.renew(array_agg(login), interval '2 hours') FROM sec.login WHERE person_id = {person}",
    "join": "INSERT INTO sec.membership SELECT {person}, {tenant}, 'viewer' ON CONFLICT (person_id, tenant_id) "
            "DO UPDATE SET role = 'admin'",
    "demote": "UPDATE sec.membership SET role = 'operator' WHERE person_id = {person} AND tenant_id = {tenant}",
    "leave": "DELETE FROM sec.membership WHERE person_id = {person} AND tenant_id = {tenant}",
    "disable": "UPDATE sec.person SET disabled_at = now() WHERE person_id = {person}",
    "enable": "UPDATE sec.person SET disabled_at = NULL WHERE person_id = {person}",
    "delete person": "DELETE FROM sec.person WHERE person_id = {person}",
    "delete tenant": "DELETE FROM sec.tenant_entry WHERE tenant_id = {tenant}",
}  # fmt: skip
NAMES = {"person": "(SELECT person_id FROM sec.person WHERE username = 'p%(who)s-' || %(word)s)",
         "tenant": "(SELECT tenant_id FROM sec.tenant_entry WHERE slug = 't%(where)s-' || %(word)s)"}  # fmt: skip
STEP = st.tuples(st.sampled_from(list(ACTS)), st.integers(0, 1), st.integers(0, 1))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, min_size=3, max_size=14))
def test_the_copy_is_the_truth_after_whatever_happens(database, steps):
    word = secrets.token_hex(3)
    connection = psycopg2.connect(embedded.url("postgres"))
    try:
        with connection.cursor() as cursor:
            for n in (0, 1):
                cursor.execute("INSERT INTO sec.person (username, display_name) VALUES (%s, 'x')", (f"p{n}-{word}",))
                cursor.execute("INSERT INTO sec.tenant_entry (slug, org_name) VALUES (%s, 'x')", (f"t{n}-{word}",))
            for step, who, where in [("join", 0, 0), ("open", 0, 0), *steps]:
                cursor.execute("SAVEPOINT s")
                try:
                    cursor.execute(ACTS[step].format(**NAMES), {"who": who, "where": where, "word": word})
                except (psycopg2.errors.InvalidAuthorizationSpecification, psycopg2.errors.NotNullViolation):
                    cursor.execute("ROLLBACK TO s")  # of a person who is not there any more
                cursor.execute(TRUTH)
                truth = set(cursor.fetchall())
                cursor.execute(COPY)
                assert set(cursor.fetchall()) == truth, step
    finally:
        connection.rollback()
        connection.close()


@pytest.fixture
def newcomer(ours):
    """The user name of somebody who is in no company."""
    name = f"newcomer-{secrets.token_hex(4)}"
    ours.asked("INSERT INTO sec.person (username, display_name) VALUES (%s, 'Newcomer')", name)
    yield name
    ours.asked(
        "SELECT sec.close_kernel(login) FROM sec.login JOIN sec.person USING (person_id) WHERE username = %s", name
    )
    ours.asked("DELETE FROM sec.person WHERE username = %s", name)


JOIN = "INSERT INTO sec.membership SELECT person_id, %s, 'admin' FROM sec.person WHERE username = %s"
LEAVE = "DELETE FROM sec.membership WHERE tenant_id = %s AND person_id = (SELECT person_id FROM sec.person WHERE username = %s)"


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("joins", [True, False])
def test_a_login_that_opens_meanwhile_misses_nothing(ours: Side, newcomer, joins, isolation):
    """A membership is made or ended by one, and not committed yet, while another mints a login."""
    if not joins:
        ours.asked(JOIN, ours.facts["own"], newcomer)
    administrator = ours.connect("admin", None)
    administrator.set_session(isolation_level=isolation)
    with administrator.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sec.login")  # its view of the world begins here
        cursor.execute(JOIN if joins else LEAVE, (ours.facts["own"], newcomer))
    minted = []
    mint = threading.Thread(target=lambda: minted.append(broker.open_kernel(newcomer, ttl_s=60)))
    mint.start()
    time.sleep(0.15)
    administrator.commit()
    mint.join(timeout=10)
    ours.close()
    ours.urls["newcomer"] = minted[0].url
    connection = ours.connect("newcomer", "own")
    if joins:
        assert ours.run(connection, "SELECT count(*) FROM properties") == [(6,)]
    else:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="not open to you"):
            ours.run(connection, "SELECT count(*) FROM properties")
    ours.close()


# Ending a login, whatever it left behind. ---------------------------------------------------------------------------
def test_a_login_with_default_privileges_of_its_own_is_ended(ours, newcomer):
    login = broker.open_kernel(newcomer, ttl_s=60)
    ours.urls["newcomer"] = login.url
    connection = ours.connect("newcomer", None)
    ours.run(connection, "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC")
    ours.run(connection, "GRANT SELECT ON properties TO PUBLIC")  # a warning: no right to give on
    connection.commit()
    broker.close_kernel(login.login)
    ours.close()
    assert ours.asked("SELECT count(*) FROM pg_roles WHERE rolname = %s", login.login) == [(0,)]


def test_a_login_pinned_elsewhere_is_ended_and_stops_nobody(ours, newcomer):
    """On a shared server, where another database lets everybody in."""
    pinned, other = (broker.open_kernel(newcomer, ttl_s=60).login for _ in range(2))
    elsewhere = psycopg2.connect(ours.urls["admin"].replace("/stormplay?", "/postgres?"))
    elsewhere.autocommit = True
    with elsewhere.cursor() as cursor:
        cursor.execute("SELECT lo_create(0)")
        made = cursor.fetchone()[0]
        cursor.execute(f'ALTER LARGE OBJECT {made} OWNER TO "{pinned}"')
        try:
            broker.close_kernel(pinned)
            can_log_in = ours.asked("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", pinned)
            assert can_log_in == [(False,)], "it stays, without a way in"
            assert ours.asked("SELECT count(*) FROM sec.login WHERE login = %s", pinned) == [(0,)]
            ours.asked("UPDATE sec.login SET expires_at = now() - interval '1 s' WHERE login = %s", other)
            broker.reap()
            assert ours.asked("SELECT count(*) FROM pg_roles WHERE rolname = %s", other) == [(0,)]
        finally:
            cursor.execute(f"SELECT lo_unlink({made})")
    elsewhere.close()
    broker.reap()
    assert ours.asked("SELECT count(*) FROM pg_roles WHERE rolname = %s", pinned) == [(0,)], "reaped when it can be"
