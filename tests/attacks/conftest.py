"""The two sides: a naive database and ours, with the same rows."""

from __future__ import annotations

import secrets
from uuid import uuid4

import naive
import psycopg2
import pytest
from campaign import Side, fill
from psycopg2 import sql

from stormplay import accounts, broker, embedded
from stormplay.embedded import url_for

ROLES = {"attacker": "admin", "viewer": "viewer", "operator": "operator", "analyst": "analyst", "both": "viewer"}
PASSWORD = "hailstorm-1"


def as_admin(*statements, database=embedded.DATABASE):
    connection = psycopg2.connect(in_database(embedded.url("postgres"), database))
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement, *parameters in statements:
            cursor.execute(statement, parameters or None)
        found = cursor.fetchall() if cursor.description else []
    connection.close()
    return found


def in_database(url, name):
    return url.replace(f"@/{embedded.DATABASE}?", f"@/{name}?")


@pytest.fixture(scope="session")
def ours(database):
    """Two companies of ours; the logins are minted once."""
    word = secrets.token_hex(3)
    facts = {"own": accounts.add_tenant(f"own-{word}", "Own Roofing"),
             "foreign": accounts.add_tenant(f"rival-{word}", "RIVAL Roofing"),
             "own_slug": f"own-{word}", "foreign_slug": f"rival-{word}"}  # fmt: skip
    for who, role in ROLES.items():
        accounts.add_person(f"{who}-{word}", f"Own {who}", PASSWORD if who == "attacker" else None)
        accounts.add_member(f"{who}-{word}", facts["own_slug"], role)
    accounts.add_person(f"victim-{word}", "RIVAL Person", PASSWORD)
    for who in ("victim", "both"):
        accounts.add_member(f"{who}-{word}", facts["foreign_slug"], "admin")
    with psycopg2.connect(embedded.url("postgres")) as connection, connection.cursor() as cursor:
        facts |= fill(cursor, facts["own"], facts["foreign"])
    connection.close()
    as_admin(("ANALYZE",))
    logins = {who: broker.open_kernel(f"{who}-{word}", purpose="attacks") for who in (*ROLES, "victim")}
    urls = {who: login.url for who, login in logins.items()} | {"admin": embedded.url("postgres")}
    urls |= dict.fromkeys(("owner", "pool", "role_pool"), urls["attacker"])
    urls["elsewhere"] = in_database(urls["attacker"], "postgres")
    facts |= names(
        "stormplay_owner", logins["victim"].login, logins["attacker"].login, f"attacker-{word}", f"victim-{word}"
    )
    yield Side("ours", facts, urls, lambda _connection, _who: None)
    for login in logins.values():
        broker.close_kernel(login.login)


def names(owner, victim_login, own_login, me, rival):
    return {"owner_role": owner, "owner_name": owner, "superuser": "postgres", "superuser_name": "postgres",
            "victim_login": victim_login, "own_login": own_login, "app_role": own_login, "me": me, "rival": rival}  # fmt: skip


@pytest.fixture(scope="session")
def naive_database(database):
    """The naive database, empty, and its two logins; dropped at the end."""
    word, password = secrets.token_hex(4), secrets.token_urlsafe(16)
    name, app, owner = f"naive_{word}", f"naive_app_{word}", f"naive_owner_{word}"
    for role in (owner, app):
        as_admin((sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)),))
    as_admin((f"CREATE DATABASE {name}",), (f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC",),
             (f"GRANT ALL ON DATABASE {name} TO {app}, {owner}",))  # fmt: skip
    connection = psycopg2.connect(in_database(embedded.url("postgres"), name))
    with connection, connection.cursor() as cursor:
        naive.build(cursor, app, owner)
    connection.close()
    yield name, app, owner, password
    as_admin((f"DROP DATABASE {name} WITH (FORCE)",), (f"DROP ROLE {app}",), (f"DROP ROLE {owner}",))


@pytest.fixture(scope="session")
def naive_side(naive_database):
    name, app, owner, password = naive_database

    def enter(connection, who):
        """What the application does with a connection before it hands it out."""
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.person', %s, false)", (who,))
            if who == "both":
                cursor.execute("SELECT set_config('app.check_roles', 'on', false)")
            if who == "pool":
                cursor.execute(f"SET SESSION AUTHORIZATION {app}")
            if who == "role_pool":
                cursor.execute(f"SET ROLE {app}")

    app_url, owner_url = (in_database(url_for(role, password), name) for role in (app, owner))
    admin = in_database(embedded.url("postgres"), name)
    urls = dict.fromkeys((*ROLES, "victim"), app_url) | {"owner": owner_url, "role_pool": admin, "pool": admin}
    return Side(
        "naive", names(owner, app, app, "attacker", "victim"), urls | {"admin": admin, "elsewhere": app_url}, enter
    )


@pytest.fixture
def naive_world(naive_side):
    """The naive side with its rows as they were; laid out anew only where something was changed."""
    if naive_side.whole is None or naive_side.whole != (naive_side.rows(), naive_side.catalogue()):
        refill(naive_side)
    return naive_side


def refill(side):
    side.facts |= {"own": str(uuid4()), "foreign": str(uuid4())}
    with psycopg2.connect(side.urls["admin"]) as connection, connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(naive.TABLES)}, sec.tenant_entry, sec.person, sec.membership, sec.login, "
                       "sec.login_right, sec.storm_entry, sec.account_entry, sec.audit_entry")  # fmt: skip
        for key, word in (("own", "Own"), ("foreign", "RIVAL")):
            tenant = (side.facts[key], word.lower(), f"{word} Roofing")
            cursor.execute("INSERT INTO tenants VALUES (%s, %s, %s)", tenant)
            cursor.execute("INSERT INTO sec.tenant_entry VALUES (%s, %s, %s)", tenant)
        side.facts |= fill(cursor, side.facts["own"], side.facts["foreign"])
        cursor.execute(ACCOUNTS, side.facts)
        cursor.execute("REFRESH MATERIALIZED VIEW job_notes; ANALYZE properties, tenants, jobs")
    connection.close()
    side.whole = side.rows(), side.catalogue()


ACCOUNTS = """
INSERT INTO sec.person (username, display_name, password_hash) VALUES ('attacker', 'Own Person', 'own hash'),
    ('victim', 'RIVAL Person', 'RIVAL hash'), ('both', 'Own Person', 'hash');
INSERT INTO sec.membership SELECT person_id, %(own)s, 'viewer' FROM sec.person WHERE username = 'both';
INSERT INTO sec.membership SELECT person_id, %(foreign)s, 'admin' FROM sec.person WHERE username IN ('both', 'victim');
INSERT INTO sec.login SELECT %(victim_login)s, person_id, 'RIVAL kernel', now(), now() + '1 h' FROM sec.person
    WHERE username = 'victim';
INSERT INTO sec.login_right VALUES (%(victim_login)s, %(foreign)s, 'admin');
INSERT INTO sec.storm_entry VALUES (%(other_storm)s, %(foreign)s);
INSERT INTO sec.account_entry VALUES ('root', 'added', 'RIVAL Person');
INSERT INTO sec.audit_entry (tenant_id, username, table_name, action, row_count, changes)
    VALUES (%(foreign)s, 'RIVAL Person', 'jobs', 'update', 1, '{}'), (%(own)s, 'somebody', 'jobs', 'update', 1, '{}');
-- The victim imported a storm that the attacker's company made; nothing hinders it.
INSERT INTO jobs (tenant_id, storm_id, property_id, notes) VALUES (%(foreign)s, %(own_storm)s, %(other_home)s, 'RIVAL');
"""
