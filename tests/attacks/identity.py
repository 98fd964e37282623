"""Attacks on who one is: minting and prolonging logins, reading accounts, using what has ended."""

from __future__ import annotations

import contextlib
import secrets

import psycopg2
from campaign import MARK, NOTHING, Side, attack, runs, sees
from reading import ALL

from stormplay import accounts, broker

CALL = "^42501 .*permission denied for function"
TABLE = "^42501 .*permission denied for table"
ROLE = "^42501 .*permission denied to alter role"
MINT = "minting a login"

# The functions of the broker. ---------------------------------------------------------------------------------------
sees(f"{MINT} (sec.open_kernel)", CALL, "SELECT * FROM sec.open_kernel(%(rival)s, interval '1 hour', 'x')")
sees(f"{MINT} (sec.find_person)", CALL, "SELECT * FROM sec.find_person(%(rival)s)")
sees(f"{MINT} (sec.password_hash)", CALL, "SELECT * FROM sec.password_hash(%(rival)s)")
for verb, call in {
    "renew": "sec.renew(ARRAY[%(own_login)s]::name[], interval '20 hours')",
    "change_password": "sec.change_password(%(rival)s, 'RIVAL hash', 'mine')",
    "close_kernel": "sec.close_kernel(%(victim_login)s)",
    "reap": "sec.reap()",
}.items():
    runs(f"{MINT} (sec.{verb})", CALL, f"SELECT {call}")

# Schema sec. --------------------------------------------------------------------------------------------------------
for table in "tenant_entry person membership login login_right storm_entry audit_entry account_entry".split():
    sees(f"reading sec.{table}", TABLE, f"SELECT * FROM sec.{table}", covers="reading sec.*")
sees("whose tenants there are", NOTHING, "SELECT * FROM sec.my_tenants()", covers="reading sec.*")
for name, statement in {
    "member of the rival's company": "INSERT INTO sec.membership SELECT person_id, %(foreign)s, 'admin' FROM sec.person "
                                     "WHERE username = %(me)s",
    "login without an end": "UPDATE sec.login SET expires_at = 'infinity'",
    "person of another login": "UPDATE sec.login SET person_id = uuidv7()",
    "right without a membership": "INSERT INTO sec.login_right (login, tenant_id, role) SELECT %(own_login)s, "
                                  "%(foreign)s, 'admin'",
    "account opened again": "UPDATE sec.person SET disabled_at = NULL",
}.items():  # fmt: skip
    runs(name, TABLE, statement, covers="reading sec.*")


# The login itself. --------------------------------------------------------------------------------------------------
for what, change in {
    "VALID UNTIL": "VALID UNTIL 'infinity'", "BYPASSRLS": "BYPASSRLS", "CONNECTION LIMIT": "CONNECTION LIMIT -1",
    "SUPERUSER": "SUPERUSER", "CREATEROLE": "CREATEROLE", "REPLICATION": "REPLICATION",
}.items():  # fmt: skip
    runs(f"ALTER ROLE of the login: {what}", ROLE, f"ALTER ROLE {{own_login}} {change}", control="admin",
         covers=f"ALTER ROLE of the login ({what})")  # fmt: skip
runs("rename the login", "^42501|^0A000", "ALTER ROLE {own_login} RENAME TO k_renamed", control="admin",
     covers="ALTER ROLE of the login (SUPERUSER)")  # fmt: skip


def _victim_connects(side: Side) -> bool:
    try:
        return side.connect("victim", "foreign") is not None
    except psycopg2.OperationalError:
        return False


@attack("ALTER ROLE of the login: another's password", ROLE, "ALTER ROLE of the login (VALID UNTIL)")
def lock_out(side: Side) -> bool:
    """Where all share a login, one can shut all out. With us it is another login, and no business of ours."""
    password = side.urls["victim"].split(":")[2].split("@")[0]
    connection = side.connect()
    connection.autocommit = True
    try:
        side.run(connection, "ALTER ROLE {victim_login} PASSWORD 'taken'")
        return not _victim_connects(side)
    finally:
        side.close()
        side.asked(f"ALTER ROLE {side.facts['victim_login']} PASSWORD '{password}'")


@attack("ALTER ROLE of the login: settings for all", NOTHING, "ALTER ROLE of the login (VALID UNTIL)")
def settings_for_all(side: Side) -> bool:
    """A setting of a shared login waits for everybody who connects; with us for oneself alone."""
    connection = side.connect()
    connection.autocommit = True
    try:
        side.run(connection, "ALTER ROLE CURRENT_USER SET search_path = evil, public")
        return "evil" in repr(side.run(side.connect("victim", "foreign"), "SHOW search_path"))
    finally:
        side.run(connection, "ALTER ROLE CURRENT_USER RESET search_path")


# What has ended. ----------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def newcomer(side: Side, role: str = "admin"):
    """Somebody who belongs to the rival's company, with an open connection; in the naive world just a session."""
    if side.is_naive:
        yield "victim", side.connect("victim", "foreign"), None
        return
    username = f"newcomer-{secrets.token_hex(4)}"
    accounts.add_person(username, "Newcomer")
    accounts.add_member(username, side.facts["foreign_slug"], role)
    login = broker.open_kernel(username, purpose="attacks")
    side.urls["newcomer"] = login.url
    try:
        yield username, side.connect("newcomer", "foreign"), login
    finally:
        broker.close_kernel(login.login)
        side.asked("DELETE FROM sec.person WHERE username = %s", username)


def _ended(
    name: str, refused: str, covers: str, end, *, isolation: str = "READ COMMITTED", write: bool = False
) -> None:
    def act(side: Side) -> bool:
        with newcomer(side) as (username, connection, login):
            side.run(connection, f"SET TRANSACTION ISOLATION LEVEL {isolation}")
            assert MARK in repr(side.run(connection, ALL)), "before the end, all is seen"
            if isolation == "READ COMMITTED":
                connection.commit()
            end(side, username, login)
            if not write:
                return MARK in repr(side.run(connection, ALL))
            side.run(connection, "UPDATE properties SET city = 'x'")
            return True

    attack(name, refused, covers)(act)


def _expire(side: Side, _username: str, login) -> None:
    side.asked(
        "UPDATE sec.login SET expires_at = now() - interval '1 s' WHERE login = %s", login.login if login else "x"
    )


def _close(side: Side, _username: str, login) -> None:
    if login:
        broker.close_kernel(login.login)
    else:
        side.asked("DELETE FROM sec.login")


def _remove(side: Side, username: str, _login) -> None:
    side.asked("DELETE FROM sec.membership m USING sec.person p WHERE m.person_id = p.person_id AND username = %s "
               "AND tenant_id = %s", username, side.facts["foreign"])  # fmt: skip


def _disable(side: Side, username: str, _login) -> None:
    side.asked("UPDATE sec.person SET disabled_at = now() WHERE username = %s", username)


def _demote(side: Side, username: str, _login) -> None:
    side.asked("UPDATE sec.membership m SET role = 'viewer' FROM sec.person p WHERE m.person_id = p.person_id AND "
               "username = %s AND tenant_id = %s", username, side.facts["foreign"])  # fmt: skip


_ended("expired login", "^42501 .*not open for anybody", "expired login", _expire)
_ended("closed login", "^57P01|server closed|terminating", "closed login", _close)
_ended("removed member mid-session", "^42501 .*not open to you", "a removed member mid-session", _remove)
_ended("disabled person mid-session", "^42501 .*not open to you", "a disabled person", _disable)
_ended("demoted member mid-session", "^42501 .*your role in this company is viewer", "a removed member mid-session",
       _demote, write=True)  # fmt: skip
_ended("removed member in a transaction that keeps its view", "^42501 .*READ COMMITTED", "a removed member mid-session",
       _remove, isolation="REPEATABLE READ", write=True)  # fmt: skip
_ended("removed member in a serializable transaction", "^42501 .*READ COMMITTED", "a removed member mid-session",
       _remove, isolation="SERIALIZABLE")  # fmt: skip


@attack("a closed login's address used again", "FATAL", "closed login")
def used_again(side: Side) -> bool:
    with newcomer(side) as (_, _, login):
        _close(side, "", login)
        side.close()
        return side.connect("victim" if side.is_naive else "newcomer") is not None
