"""The broker: people, their passwords, and one short-lived database login per kernel.

Only the Voilà server, the report runner and `stormplay lab` call `open_kernel`. The broker's own role may mint
and end logins and read a password's hash; it can read no tenant's row. Accounts and memberships are made as the
database's administrator (`make up`, `stormplay user`, `stormplay tenant`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from stormplay import database
from stormplay.errors import BadInput, NotAllowed

ROLES = ("viewer", "operator", "analyst", "admin")
LOCAL = "local"

_hasher = PasswordHasher()


@dataclass(frozen=True)
class Person:
    """Somebody with an account: id, user name, and the name to show."""

    person_id: str
    username: str
    display_name: str


@dataclass(frozen=True)
class KernelLogin:
    """A minted database login: its name, its URL (with password), and when it ends."""

    login: str
    url: str
    expires_at: datetime


def check_password(username: str, password: str) -> Person | None:
    """The person whose name and password these are, or None.

    A name without account costs the same time as a wrong password, so the answer tells nothing.
    """
    with database.transaction(database.broker_url()) as connection:
        row = connection.execute(
            text("SELECT person_id, display_name, hash FROM sec.password_hash(:name)"), {"name": username}
        ).one()
    try:
        _hasher.verify(row.hash or _no_hash(), password)
    except (VerificationError, InvalidHashError):
        return None
    return Person(str(row.person_id), username, row.display_name) if row.hash else None


@cache
def _no_hash() -> str:
    return _hasher.hash(secrets.token_urlsafe(16))


def open_kernel(username: str, ttl_s: int = 28_800, purpose: str = "voila") -> KernelLogin:
    """Mint one login for one kernel of one person.

    Args:
        username: Whose rights the kernel gets; the caller has checked who that is.
        ttl_s: Seconds until it ends by itself, at most a day.
        purpose: What it is for, kept beside it.

    Raises:
        NotAllowed: There is no open account of that name, or this process may not mint logins.
        DatabaseUnavailable: Nothing answers.
    """
    address = database.broker_url()
    try:
        with database.transaction(address) as connection:
            row = connection.execute(
                text("SELECT * FROM sec.open_kernel(:who, :ttl, :purpose)"),
                {"who": username, "ttl": timedelta(seconds=ttl_s), "purpose": purpose},
            ).one()
    except DBAPIError as error:
        raise _cannot_mint(username, database.sqlstate(error)) from None
    made = address.set(drivername="postgresql", username=row.login, password=row.password)
    return KernelLogin(row.login, made.render_as_string(hide_password=False), row.expires_at)


def _cannot_mint(username: str, state: str) -> NotAllowed:
    if state == "28000":
        return NotAllowed(
            f"There is no open account '{username}'.",
            remedy="Ask your administrator for one, or sign in with another name.",
        )
    return NotAllowed(
        "No database login could be minted here.",
        "That is for the server, the report runner and 'stormplay lab'.",
        "Open the notebook through one of them, or run 'make up' first.",
    )


def close_kernel(login: str) -> None:
    """End a login: its right, its connections, its role. Harmless when it has ended already."""
    with database.transaction(database.broker_url()) as connection:
        connection.execute(text("SELECT sec.close_kernel(:login)"), {"login": login})


def reap() -> int:
    """End the logins whose time is up. Returns how many."""
    with database.transaction(database.broker_url()) as connection:
        return int(connection.execute(text("SELECT sec.reap()")).scalar_one())


def add_person(username: str, display_name: str, password: str | None = None) -> str:
    """Make an account, or change the name and password of one. Returns its person_id.

    Raises:
        BadInput: The user name has signs that are not allowed, or the password is shorter than 8.
    """
    if password is not None and len(password) < 8:
        raise BadInput("The password is too short.", "Expected at least 8 signs.")
    hashed = _hasher.hash(password) if password is not None else None
    with database.transaction(database.admin_url()) as connection:
        found = connection.execute(
            text("""INSERT INTO sec.person (username, display_name, password_hash) VALUES (:name, :shown, :hash)
                    ON CONFLICT (username) DO UPDATE SET display_name = excluded.display_name,
                        password_hash = coalesce(excluded.password_hash, sec.person.password_hash)
                    RETURNING person_id"""),
            {"name": username, "shown": display_name, "hash": hashed},
        )
        return str(found.scalar_one())


def add_tenant(slug: str, org_name: str, *, is_synthetic: bool = False, time_zone: str = "America/Chicago",
               depot: tuple[float, float] | None = None) -> str:  # fmt: skip
    """Make a tenant, or find the one of that slug. The local person becomes its admin. Returns its tenant_id.

    Args:
        slug: Small letters, digits and hyphens.
        org_name: The company's name as people read it.
        is_synthetic: Whether its rows are made up; pages say so.
        time_zone: IANA name, for quiet hours and dates.
        depot: Latitude and longitude in degrees where crews start, or None for open routes.
    """
    latitude, longitude = depot or (None, None)
    with database.transaction(database.admin_url()) as connection:
        tenant_id = connection.execute(
            text("""INSERT INTO sec.tenant_entry (slug, org_name) VALUES (:slug, :name)
                    ON CONFLICT (slug) DO UPDATE SET slug = excluded.slug RETURNING tenant_id"""),
            {"slug": slug, "name": org_name},
        ).scalar_one()
        connection.execute(
            text("""INSERT INTO tenants (tenant_id, slug, org_name, time_zone, depot_latitude, depot_longitude,
                                         is_synthetic)
                    VALUES (:id, :slug, :name, :zone, :lat, :lon, :synthetic) ON CONFLICT DO NOTHING"""),
            {"id": tenant_id, "slug": slug, "name": org_name, "zone": time_zone, "lat": latitude,
             "lon": longitude, "synthetic": is_synthetic},
        )  # fmt: skip
    add_person(LOCAL, "Local person")
    add_member(LOCAL, slug, "admin")
    return str(tenant_id)


def add_member(username: str, tenant_slug: str, role: str = "analyst") -> None:
    """Give a person a role in a tenant, or change it.

    Raises:
        BadInput: No such role, person or tenant.
    """
    if role not in ROLES:
        raise BadInput(f"There is no role '{role}'.", f"Expected one of {', '.join(ROLES)}.")
    with database.transaction(database.admin_url()) as connection:
        done = connection.execute(
            text("""INSERT INTO sec.membership (person_id, tenant_id, role)
                    SELECT p.person_id, t.tenant_id, :role FROM sec.person p, sec.tenant_entry t
                     WHERE p.username = :who AND t.slug = :slug
                    ON CONFLICT (person_id, tenant_id) DO UPDATE SET role = excluded.role"""),
            {"role": role, "who": username, "slug": tenant_slug},
        )
        if not done.rowcount:
            raise BadInput(f"There is no person '{username}' or no tenant '{tenant_slug}'.")
