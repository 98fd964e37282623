"""Accounts as the database's administrator makes them: people, tenants, who belongs where with which role.

Each act is written down beside what it did, in the same transaction.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import available_timezones

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from stormplay import broker, database
from stormplay.broker import LOCAL
from stormplay.errors import BadInput

ROLES = ("viewer", "operator", "analyst", "admin")


@dataclass(frozen=True)
class Account:
    """An account: names, whether it is closed, tenant slug -> role, its database logins open now, its id in the log."""

    username: str
    display_name: str
    disabled: bool
    has_password: bool
    roles: Mapping[str, str] = field(default_factory=dict)
    open_logins: int = 0
    person_id: str = ""


@dataclass(frozen=True)
class Tenant:
    """A tenant: slug, the company's name, its number of people, and since when."""

    slug: str
    org_name: str
    people: int
    created_at: datetime


def add_person(username: str, display_name: str, password: str | None = None) -> str:
    """Make an account, or change the name and password of one. Returns its person_id.

    Raises:
        BadInput: The user name has signs that are not allowed, or the password is too short or too long.
    """
    hashed = broker.hashed(password) if password is not None else None
    _refuse_service(username)
    with database.transaction(database.admin_url()) as connection:
        try:
            found = connection.execute(
                text("""INSERT INTO sec.person (username, display_name, password_hash) VALUES (:name, :shown, :hash)
                        ON CONFLICT (username) DO UPDATE SET display_name = excluded.display_name,
                            password_hash = coalesce(excluded.password_hash, sec.person.password_hash)
                        RETURNING person_id"""),
                {"name": username, "shown": display_name, "hash": hashed},
            )
        except DBAPIError as error:
            raise _refused(error, username) from None
        _note(connection, "added or renamed", username)
        return str(found.scalar_one())


def set_password(username: str, password: str) -> None:
    """Give a person a new password. What they have open stays open; see `disable`.

    Raises:
        BadInput: No such person, or the password is too short or too long.
    """
    _refuse_service(username)
    _change(username, "password_hash = :value", "set the password of", broker.hashed(password))


def disable(username: str) -> None:
    """Close an account: its database logins end at once, and so does what runs on them.

    Raises:
        BadInput: No such person.
    """
    _change(username, "disabled_at = coalesce(disabled_at, now())", "disabled")
    with database.transaction(database.admin_url()) as connection:
        connection.execute(
            text("""SELECT sec.close_kernel(l.login) FROM sec.login l JOIN sec.person p USING (person_id)
                     WHERE p.username = :who"""),
            {"who": username},
        )


def enable(username: str) -> None:
    """Open a closed account again, with the roles and the password that it had.

    Raises:
        BadInput: No such person.
    """
    _change(username, "disabled_at = NULL", "enabled")


def people() -> list[Account]:
    """All accounts of people, by user name; a built-in service is none."""
    with database.transaction(database.admin_url()) as connection:
        rows = connection.execute(
            text("""SELECT p.username, p.display_name, p.disabled_at IS NOT NULL, p.password_hash IS NOT NULL,
                           coalesce((SELECT jsonb_object_agg(t.slug, m.role)
                                       FROM sec.membership m JOIN sec.tenant_entry t USING (tenant_id)
                                      WHERE m.person_id = p.person_id), '{}'),
                           (SELECT count(*) FROM sec.login l WHERE l.person_id = p.person_id AND l.expires_at > now()),
                           p.person_id::text
                      FROM sec.person p WHERE NOT p.is_service ORDER BY p.username""")
        )
        return [Account(*row) for row in rows]


def add_tenant(slug: str, org_name: str, *, is_synthetic: bool = False, time_zone: str = "America/Chicago",
               depot: tuple[float, float] | None = None) -> str:  # fmt: skip
    """Make a tenant, or find the one of that slug. The local person becomes its admin. Returns its tenant_id.

    Args:
        slug: Small letters, digits and hyphens.
        org_name: The company's name as people read it.
        is_synthetic: Whether its rows are made up; pages say so.
        time_zone: IANA name, for quiet hours and dates.
        depot: Latitude and longitude in degrees where crews start, or None for open routes.

    Raises:
        BadInput: The slug has signs that are not allowed, or the name is empty or too long.
    """
    if time_zone not in available_timezones():
        raise BadInput(f"There is no time zone '{time_zone}'.", "Expected an IANA name such as America/Chicago.")
    latitude, longitude = depot or (None, None)
    with database.transaction(database.admin_url()) as connection:
        try:
            tenant_id = connection.execute(
                text("""INSERT INTO sec.tenant_entry (slug, org_name, is_synthetic) VALUES (:slug, :name, :synthetic)
                        ON CONFLICT (slug) DO UPDATE SET slug = excluded.slug RETURNING tenant_id"""),
                {"slug": slug, "name": org_name, "synthetic": is_synthetic},
            ).scalar_one()
        except DBAPIError as error:
            raise _refused(error, slug) from None
        made = connection.execute(
            text("""INSERT INTO tenants (tenant_id, slug, org_name, time_zone, depot_latitude, depot_longitude,
                                         is_synthetic)
                    VALUES (:id, :slug, :name, :zone, :lat, :lon, :synthetic) ON CONFLICT DO NOTHING"""),
            {"id": tenant_id, "slug": slug, "name": org_name, "zone": time_zone, "lat": latitude,
             "lon": longitude, "synthetic": is_synthetic},
        )  # fmt: skip
        if made.rowcount:
            _note(connection, "added tenant", slug)
    add_person(LOCAL, "Local person")
    add_member(LOCAL, slug, "admin")
    return str(tenant_id)


def tenants() -> list[Tenant]:
    """All tenants, by slug."""
    with database.transaction(database.admin_url()) as connection:
        rows = connection.execute(
            text("""SELECT t.slug, t.org_name,
                           (SELECT count(*) FROM sec.membership m JOIN sec.person p USING (person_id)
                             WHERE m.tenant_id = t.tenant_id AND NOT p.is_service),
                           t.created_at FROM sec.tenant_entry t ORDER BY t.slug""")
        )
        return [Tenant(*row) for row in rows]


def add_member(username: str, tenant_slug: str, role: str = "analyst") -> None:
    """Give a person a role in a tenant, or change it.

    Raises:
        BadInput: No such role, person or tenant.
    """
    check_members(role, [])
    _refuse_service(username)
    with database.transaction(database.admin_url()) as connection:
        done = connection.execute(
            text("""INSERT INTO sec.membership (person_id, tenant_id, role)
                    SELECT p.person_id, t.tenant_id, :role FROM sec.person p, sec.tenant_entry t
                     WHERE p.username = :who AND t.slug = :slug
                    ON CONFLICT (person_id, tenant_id) DO UPDATE SET role = excluded.role"""),
            {"role": role, "who": username, "slug": tenant_slug},
        )
        if not done.rowcount:
            raise BadInput(
                f"There is no person '{username}' or no tenant '{tenant_slug}'.",
                remedy="'stormplay user list' and 'stormplay tenant list' show who and what there is.",
            )
        _note(connection, "made a member", username, tenant=tenant_slug, role=role)


def check_members(role: str, tenant_slugs: Iterable[str]) -> None:
    """Refuse a role or a tenant that there is not, before anything is done.

    Raises:
        BadInput: No such role or tenant.
    """
    if role not in ROLES:
        raise BadInput(f"There is no role '{role}'.", f"Expected one of {', '.join(ROLES)}.")
    wanted = set(tenant_slugs)
    for slug in sorted(wanted - {each.slug for each in tenants()} if wanted else ()):
        raise BadInput(f"There is no tenant '{slug}'.", remedy="'stormplay tenant list' shows what there is.")


def remove_member(username: str, tenant_slug: str) -> None:
    """Take a person out of a tenant; from the next statement on they see nothing of it.

    Raises:
        BadInput: The person is no member there.
    """
    _refuse_service(username)
    with database.transaction(database.admin_url()) as connection:
        done = connection.execute(
            text("""DELETE FROM sec.membership m USING sec.person p, sec.tenant_entry t
                     WHERE m.person_id = p.person_id AND m.tenant_id = t.tenant_id
                       AND p.username = :who AND t.slug = :slug"""),
            {"who": username, "slug": tenant_slug},
        )
        if not done.rowcount:
            raise BadInput(f"'{username}' is no member of '{tenant_slug}'.")
        _note(connection, "removed a member", username, tenant=tenant_slug)


def _refuse_service(username: str) -> None:
    """A service is made by a migration, works for every company and has no password."""
    with database.transaction(database.admin_url()) as connection:
        query = text("SELECT true FROM sec.person WHERE username = :who AND is_service")
        if connection.execute(query, {"who": username}).scalar_one_or_none():
            raise BadInput(
                f"'{username}' is a built-in service, not a person.",
                "It works for every company, and nobody signs in as it.",
                "To stop it, disable it.",
            )


def _change(username: str, assignment: str, act: str, value: object = None) -> None:
    with database.transaction(database.admin_url()) as connection:
        statement = text(f"UPDATE sec.person SET {assignment} WHERE username = :who")  # noqa: S608 - own words
        if not connection.execute(
            statement, {"who": username, "value": value} if value else {"who": username}
        ).rowcount:
            raise BadInput(f"There is no person '{username}'.", remedy="'stormplay user list' shows who there is.")
        _note(connection, act, username)


def _note(connection: Connection, act: str, subject: str, **detail: str) -> None:
    connection.execute(
        text("INSERT INTO sec.account_entry (actor, act, subject, detail) VALUES (:actor, :act, :subject, :detail)"),
        {"actor": _actor(), "act": act, "subject": subject, "detail": json.dumps(detail)},
    )


def _actor() -> str:
    """The operating system's name of who runs this: an administrator has no account of ours."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _refused(error: DBAPIError, name: str) -> Exception:
    if database.sqlstate(error) != "23514":
        return error
    return BadInput(
        f"'{name}' cannot be used as a name.",
        "Expected small letters, digits and . _ @ - (a company's short name: letters, digits and -), "
        "beginning with a letter or digit, at most 63 signs; a company's full name has 1 to 200 signs.",
    )
