"""Which database, and as whom: the address, the engine, and the sentence when nothing answers.

`STORMPLAY_DATABASE_URL` names a PostgreSQL 18; where it is unset, the embedded server is used (see
`stormplay.embedded`). In a kernel the variable holds that kernel's own short-lived login, so the same three
words, 'the configured database', mean the right thing everywhere.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import psycopg2
import sqlalchemy
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from stormplay import embedded
from stormplay.errors import ArmFixed, BadInput, Conflict, DatabaseUnavailable, HeldOut, NotAllowed, StormplayError

SERVER_VERSION = 18

_making = threading.Lock()

# What the database refuses in words of its own (sql/0034): the arms of a storm.
_OWN_WORDS: dict[str, type[StormplayError]] = {"SP001": HeldOut, "SP002": ArmFixed, "SP003": Conflict}


def is_embedded() -> bool:
    """Whether the embedded server is in use (no `STORMPLAY_DATABASE_URL`)."""
    return not os.environ.get("STORMPLAY_DATABASE_URL")


def configured_url() -> URL:
    """The address in `STORMPLAY_DATABASE_URL`, for psycopg2.

    Raises:
        BadInput: It is not a PostgreSQL URL; its text is not repeated, for it may hold a password.
    """
    try:
        found = make_url(os.environ["STORMPLAY_DATABASE_URL"])
    except (ArgumentError, KeyError, ValueError) as error:
        raise _bad_url() from error
    if found.get_backend_name() not in ("postgresql", "postgres"):
        raise _bad_url()
    return found.set(drivername="postgresql+psycopg2")


def _bad_url() -> BadInput:
    return BadInput(
        "STORMPLAY_DATABASE_URL is not a database address.",
        "Expected postgresql://user:password@host/database.",
        "Mend it, or unset it to use the embedded database.",
    )


def admin_url() -> URL:
    """The address for migrations and accounts: the embedded superuser, or the configured address."""
    return make_url(embedded.ensure_running()) if is_embedded() else configured_url()


def broker_url() -> URL:
    """The address of the role that mints logins: the embedded broker, or the configured address."""
    if not is_embedded():
        return configured_url()
    embedded.ensure_running()
    return make_url(embedded.url("stormplay_broker"))


def engine(address: URL, *, pool_size: int = 4, wipes: bool = True) -> Engine:
    """An engine whose pool carries nothing over: each returned connection is rolled back and wiped.

    Args:
        address: The database's address.
        pool_size: Connections at most, half of what a kernel's login may have. Who comes after that waits.
        wipes: False: rolled back only. For one service that sets what it sets for one transaction: a wiped
            connection has forgotten its plans too, and twenty batches a second would make all of them anew.
    """
    with _making:  # threads that begin together would each get an engine of their own, and keep its connections
        return _engine(address, pool_size, wipes)


@cache
def _engine(address: URL, pool_size: int, wipes: bool) -> Engine:
    made = sqlalchemy.create_engine(
        address.set(drivername="postgresql+psycopg2"),
        pool_size=pool_size,
        max_overflow=0,  # one more would be opened and closed for each use
        pool_pre_ping=True,
        pool_reset_on_return=None if wipes else "rollback",
        pool_use_lifo=not wipes,  # the one that has the plans
        hide_parameters=True,  # an error text must not carry a row
        connect_args={"connect_timeout": 5, "application_name": "stormplay"},
    )
    if wipes:
        sqlalchemy.event.listen(made, "reset", _wipe)
    return made


def _wipe(dbapi_connection: object, _record: object, state: object) -> None:
    """ROLLBACK and DISCARD ALL: settings, prepared statements, cursors, locks, listens."""
    if getattr(state, "terminate_only", False):
        return
    connection: object = dbapi_connection
    connection.rollback()  # type: ignore[attr-defined]
    connection.autocommit = True  # type: ignore[attr-defined]
    try:
        with connection.cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute("DISCARD ALL")
    finally:
        connection.autocommit = False  # type: ignore[attr-defined]


@contextmanager
def transaction(address: URL, *, wipes: bool = True) -> Iterator[Connection]:
    """One transaction; commits at the end, rolls back on any exception.

    Args:
        address: The database's address.
        wipes: As in `engine`.

    Raises:
        DatabaseUnavailable: Nothing answers at the address.
    """
    with answering():
        connection = engine(address, wipes=wipes).connect()
    with connection, connection.begin():
        yield connection


@contextmanager
def answering() -> Iterator[None]:
    """Turn 'no answer' into one sentence. The address is not repeated: it may hold a password."""
    try:
        yield
    except OperationalError as error:
        raise unavailable(error.orig) from None


def unavailable(cause: BaseException | None) -> DatabaseUnavailable:
    """The sentence for a database that does not answer, without address or password."""
    said = [] if cause is None else str(cause).strip().splitlines()
    why = re.sub(r"^connection to server .*? failed: (FATAL:\s*)?", "", said[0]) if said else "no answer"
    return DatabaseUnavailable(
        f"The database does not answer ({why.strip()}).",
        remedy="Start it with 'make up', or check STORMPLAY_DATABASE_URL.",
    )


def sqlstate(error: DBAPIError) -> str:
    """The five-letter SQLSTATE of a database error, or '' where there is none."""
    return getattr(error.orig, "pgcode", None) or ""


def explained(error: Exception, cause: BaseException | None) -> Exception:
    """A refusal as a sentence; anything else as it was."""
    code = getattr(cause, "pgcode", None)
    if isinstance(cause, psycopg2.Error) and code in _OWN_WORDS:
        said = _first_line(cause)
        return _OWN_WORDS[code](f"{said[:1].upper()}{said[1:]}.", remedy=cause.diag.message_hint or "")
    if code != "42501":
        return error
    return NotAllowed(
        f"The database refused that: {_first_line(cause)}.",
        remedy="Open the notebook again; if it stays, ask your administrator which role you have.",
    )


def _first_line(cause: object) -> str:
    return str(cause).strip().splitlines()[0].rstrip(".")
