"""The broker: who somebody is, and one short-lived database login per kernel.

Only the Voilà server, the report runner and `stormplay lab` call `open_kernel`. The broker's own role may mint,
renew and end logins and check a password; it can read no tenant's row. Accounts are made in `accounts`.
"""

from __future__ import annotations

import atexit
import os
import secrets
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError

from stormplay import database, embedded
from stormplay.errors import BadInput, NotAllowed

LOCAL = "local"
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 1024

_hasher = PasswordHasher()
_local: dict[tuple[int, Path], KernelLogin] = {}
_minting = threading.Lock()


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


def find_person(username: str) -> Person | None:
    """The person of an open account, for a server whose trusted proxy has checked who asks."""
    with database.transaction(database.broker_url()) as connection:
        row = connection.execute(text("SELECT * FROM sec.find_person(:name)"), {"name": username}).one()
    return Person(str(row.person_id), username, row.display_name) if row.person_id else None


def standing_of(username: str) -> str:
    """What a person may see, as a word that changes with it; '' where there is no open account."""
    with database.transaction(database.broker_url()) as connection:
        return str(connection.execute(text("SELECT sec.standing_of(:name)"), {"name": username}).scalar_one() or "")


def change_password(username: str, old: str, new: str) -> bool:
    """Give a person a new password, if the old one is right. Returns whether it was.

    Raises:
        BadInput: The new one is too short or too long.
    """
    new_hash = hashed(new)
    with database.transaction(database.broker_url()) as connection:
        row = connection.execute(text("SELECT hash FROM sec.password_hash(:name)"), {"name": username}).one()
        try:
            _hasher.verify(row.hash or _no_hash(), old)
        except (VerificationError, InvalidHashError):
            return False
        values = {"name": username, "old": row.hash, "new": new_hash}
        return bool(connection.execute(text("SELECT sec.change_password(:name, :old, :new)"), values).scalar_one())


def hashed(password: str) -> str:
    """The argon2id hash of a password.

    Raises:
        BadInput: It has fewer than 8 signs or more than 1,024.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        what = "short" if len(password) < SHORTEST_PASSWORD else "long"
        raise BadInput(f"The password is too {what}.", f"Expected {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} signs.")
    return _hasher.hash(password)


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
    values = {"who": username, "ttl": timedelta(seconds=ttl_s), "purpose": purpose}
    return _minted("SELECT * FROM sec.open_kernel(:who, :ttl, :purpose)", values, username)


def open_service(service: str, ttl_s: int = 28_800) -> KernelLogin:
    """Mint one login for a built-in service, which works for every company. Renewed and ended like a kernel's.

    Args:
        service: Its name, such as `stream`.
        ttl_s: Seconds until it ends by itself, at most a day.

    Raises:
        NotAllowed: There is no such service or an administrator has closed it, or this process may not mint logins.
        DatabaseUnavailable: Nothing answers.
    """
    values = {"service": service, "ttl": timedelta(seconds=ttl_s)}
    return _minted("SELECT * FROM sec.open_service(:service, :ttl)", values, f"stormplay-{service}")


def _minted(query: str, values: Mapping[str, object], username: str) -> KernelLogin:
    address = database.broker_url()
    try:
        with database.transaction(address) as connection:
            row = connection.execute(text(query), values).one()
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


def renew(logins: Iterable[str], ttl_s: int) -> set[str]:
    """Give logins more time, to a day in all. Returns those that are still open; the others have been ended.

    Args:
        logins: Their names.
        ttl_s: Seconds from now on.
    """
    with database.transaction(database.broker_url()) as connection:
        values = {"logins": list(logins), "ttl": timedelta(seconds=ttl_s)}
        found = connection.execute(text("SELECT sec.renew(CAST(:logins AS name[]), :ttl)"), values)
        return set(found.scalars())


def schema_number() -> int:
    """The number of the newest migration of the database; 0 where it is no Stormplay database, or an older one."""
    try:
        with database.transaction(database.broker_url()) as connection:
            return int(connection.execute(text("SELECT sec.schema_number()")).scalar_one())
    except DBAPIError as error:
        if database.sqlstate(error) in ("3F000", "42883", "42501"):  # no such schema, no such function, not ours
            return 0
        raise


def reap() -> int:
    """End the logins whose time is up, and roles that no login stands for any more. Returns how many."""
    with database.transaction(database.broker_url()) as connection:
        return int(connection.execute(text("SELECT sec.reap()")).scalar_one())


def local_address() -> URL:
    """The local person's login for this process: minted at the first need, ended with the process."""
    here = os.getpid(), embedded.home()  # a forked worker must not share its parent's
    with _minting:  # threads that begin together share one
        if here not in _local:
            _local[here] = open_kernel(LOCAL, purpose="local")
            atexit.register(_end, *here)
    return make_url(_local[here].url)


def _end(process: int, home: Path) -> None:
    if (os.getpid(), embedded.home()) == (process, home) and home.exists():  # a trial server may be gone by now
        minted = _local.pop((process, home))
        database.engine(make_url(minted.url)).dispose()
        close_kernel(minted.login)
